package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"holdfast"
	"holdfast/control"
	"holdfast/diagnostic"
	"holdfast/proof"
	ladder "holdfast/ready"
)

func readyCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "ready [FILE]", Args: cobra.MaximumNArgs(1),
		Short: "how far a system is from being ready to fail",
		Long: "Says of every failure mode how far up it has come: " + rungWords(" → ") + ".\n" +
			"A service stands where the lowest of its modes does, and the system where the lowest\n" +
			"of its services does. Everything is computed from the file and from the drills whose\n" +
			"verdicts are kept; what people say is so (attest: in the file) is shown apart.",
		Example: "  holdfast ready\n  holdfast ready --format md > readiness.md\n  holdfast ready --at-least drilled   # in CI: exit 1 below it",
	}
	flag := stateFlag(c)
	format := c.Flags().String("format", "text", "how to show it: text, md, json")
	least := c.Flags().String("at-least", "", "exit 1 where the system stands lower: "+rungWords(", "))
	asJSON := jsonFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		if *asJSON {
			*format = "json"
		}
		gate, known := ladder.RungOf(cmp.Or(*least, ladder.Undeclared.String()))
		if !known {
			return exit(exitUsage, fmt.Errorf("--at-least %s is no rung\n  next: write one of %s", diagnostic.Shown(*least), rungWords(", ")))
		}
		return runReady(c, argument(args, 0), *flag, *format, gate)
	}
	return c
}

func rungWords(between string) string {
	return strings.Join(namesOf(ladder.Rungs(), ladder.Rung.String), between)
}

func runReady(c *cobra.Command, name, flag, format string, gate ladder.Rung) error {
	if !slices.Contains([]string{"text", "md", "json"}, format) {
		return exit(exitUsage, errors.New("--format "+diagnostic.Shown(format)+" is no format\n  next: write text, md or json"))
	}
	file, reading, err := understand(name, environ(), c.ErrOrStderr())
	if err != nil {
		return err
	}
	state, err := stateOf(flag, file.Dir)
	if err != nil {
		return exit(exitCouldNot, err)
	}
	now := time.Now()
	shown, err := shownOf(c.Context(), reading.System, state, now)
	if err != nil {
		return failed(c.Context(), fmt.Errorf("how the drills stand is not known: %w\n  next: give it time, or name another state directory with --state", err))
	}
	report := ladder.Of(reading.System, ladder.Facts{Now: now, Shown: shown})
	if err := printReady(c.OutOrStdout(), report, reading.System, format); err != nil {
		return exit(exitCouldNot, err)
	}
	if report.Rung < gate {
		return exit(exitFound, fmt.Errorf("%s is %s, and is to be at least %s", report.System, report.Rung, gate))
	}
	return nil
}

func printReady(out io.Writer, report ladder.Report, system *holdfast.System, format string) error {
	switch format {
	case "md":
		_, err := io.WriteString(out, report.Markdown(system))
		return err
	case "json":
		return json.NewEncoder(out).Encode(struct {
			Version int `json:"version"`
			ladder.Report
		}{Version: 0, Report: report})
	}
	_, err := io.WriteString(out, report.Text())
	return err
}

// shownOf is what the kept verdicts say of each failure mode.
func shownOf(ctx context.Context, system *holdfast.System, state stateDir, now time.Time) (map[holdfast.ModeName]ladder.Shown, error) {
	v, err := verdictsOf(ctx, system, state)
	if v == nil {
		return nil, err
	}
	shown := map[holdfast.ModeName]ladder.Shown{}
	for _, mode := range system.Modes {
		newest, drilled := v.newest[mode.Name]
		if !drilled {
			continue
		}
		one := ladder.Shown{
			Last: newest.Verdict, At: newest.At,
			Took: ladder.Took{Detect: newest.Detect, Mitigate: newest.Mitigate, Restore: newest.Restore},
		}
		one.Passes, one.Runs = counted(v.kept, mode, newest.Basis)
		if newest.Verdict == holdfast.Pass {
			one.Stale = staleText(newest, v.bases[mode.Name], now)
		}
		shown[mode.Name] = one
	}
	return shown, nil
}

// counted are how many of a mode's drills on one basis passed; where it is drilled
// by several faults, of the one that shows least.
func counted(kept []proof.Kept, mode holdfast.FailureMode, basis holdfast.Digest) (passes, runs int) {
	for i, drill := range mode.Drills {
		k, n := 0, 0
		for _, v := range kept {
			of := v.Fault == drill.Fault || v.Fault == "" && i == 0
			if v.Mode != mode.Name || !of || v.Basis != basis || !v.Says() {
				continue
			}
			if n++; v.Verdict == holdfast.Pass {
				k++
			}
		}
		if i == 0 || ladder.Shows(k, n) < ladder.Shows(passes, runs) {
			passes, runs = k, n
		}
	}
	return passes, runs
}

// staleText is why a PASS holds no more; empty where it does.
func staleText(k proof.Kept, basis proof.Basis, now time.Time) string {
	days := int(now.Sub(k.At) / (24 * time.Hour))
	switch {
	case now.Sub(k.At) > control.ProofLasts:
		return fmt.Sprintf("its drill was %d days ago, and holds for %d", days, control.ProofLasts/(24*time.Hour))
	case basis.Why != "":
		return "what its drill rests on cannot be looked at: " + basis.Why
	case basis.Digest != k.Basis:
		return "what it was drilled on has changed since"
	}
	return ""
}
