package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"holdfast"
	"holdfast/diagnostic"
	"holdfast/spec"
)

func checkCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "check [FILE]", Args: cobra.MaximumNArgs(1),
		Short: "read a system before it fails",
		Long:  "Reads the file and says what is wrong with it, every mistake in one pass.\n--explain shows what was inferred, and from where.",
	}
	explain := c.Flags().Bool("explain", false, "show what was inferred, and from where")
	strict := c.Flags().Bool("strict", false, "warnings are errors")
	asJSON := jsonFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		file, err := readFile(argument(args, 0))
		if err != nil {
			return err
		}
		system, problems := spec.Read(file, environ())
		checked := checked{System: file.Name, Problems: append([]diagnostic.Problem{}, problems...), Modes: []holdfast.FailureMode{}}
		if system != nil {
			checked.Modes = system.Modes
			if *explain {
				checked.Inferred = spec.Explain(system)
			}
		}
		if *asJSON {
			if err := json.NewEncoder(c.OutOrStdout()).Encode(checked); err != nil {
				return exit(exitCouldNot, err)
			}
		} else {
			fmt.Fprint(c.OutOrStdout(), file.Show(problems, isTerminal(c.OutOrStdout())))
			checked.print(c, system)
			checked.printMore(c)
		}
		return checked.verdict(system, *strict)
	}
	return c
}

// checked is check's document.
type checked struct {
	Version  int                    `json:"version"`
	System   string                 `json:"file"`
	Problems []diagnostic.Problem   `json:"problems"`
	Modes    []holdfast.FailureMode `json:"modes"`
	Inferred []spec.Inference       `json:"inferred,omitempty"`
}

func (d checked) verdict(system *holdfast.System, strict bool) error {
	switch {
	case system == nil:
		return exit(exitUsage, nil)
	case strict && len(d.Problems) > 0:
		return exit(exitFound, nil)
	default:
		return nil
	}
}

func (d checked) print(c *cobra.Command, system *holdfast.System) {
	out := c.OutOrStdout()
	if system == nil {
		fmt.Fprintf(out, "%s cannot be used: %s\n", d.System, d.found())
		return
	}
	width := 0
	for _, inference := range d.Inferred {
		width = max(width, len(inference.Path))
	}
	for _, inference := range d.Inferred {
		fmt.Fprintf(out, "%-*s  %s  (%s)\n", width, inference.Path, inference.Value, inference.Because)
	}
	fmt.Fprint(out, summary(system))
	if len(d.Problems) > 0 {
		fmt.Fprintf(out, "; %s", d.found())
	}
	fmt.Fprintln(out)
}

// printMore names where more is said: of the first error, or else of the first
// warning. Of the others it is said in the same way.
func (d checked) printMore(c *cobra.Command) {
	if len(d.Problems) == 0 {
		return
	}
	first := max(0, slices.IndexFunc(d.Problems, func(p diagnostic.Problem) bool { return p.Severity == diagnostic.Error }))
	fmt.Fprintf(c.OutOrStdout(), "holdfast explain %s says more\n", d.Problems[first].Code)
}

// found counts what is wrong with the file: "2 errors, 1 warning".
func (d checked) found() string {
	warnings := 0
	for _, problem := range d.Problems {
		if problem.Severity == diagnostic.Warning {
			warnings++
		}
	}
	var parts []string
	if errors := len(d.Problems) - warnings; errors > 0 {
		parts = append(parts, count(errors, "error"))
	}
	if warnings > 0 {
		parts = append(parts, count(warnings, "warning"))
	}
	return strings.Join(parts, ", ")
}

// summary is a system in one line.
func summary(system *holdfast.System) string {
	owned := 0
	for _, mode := range system.Modes {
		if mode.Owner != "" {
			owned++
		}
	}
	return fmt.Sprintf("%s: %s, %s, %s; %d of %s owned",
		system.Name, count(len(system.Services), "service"), count(replicas(system), "replica"), count(len(system.Edges()), "dependency"),
		owned, count(len(system.Modes), "failure mode"))
}

func replicas(system *holdfast.System) int {
	n := 0
	for _, service := range system.Services {
		n += service.Replicas
	}
	return n
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	if stem, ok := strings.CutSuffix(noun, "y"); ok {
		return fmt.Sprintf("%d %sies", n, stem)
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
