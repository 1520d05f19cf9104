package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"holdfast/diagnostic"
)

// A format is a way to show what check has found.
type format struct {
	name  string // as --format has it
	print func(*cobra.Command, *checked) error
}

func formats() []format {
	return []format{
		{name: "text", print: printText},
		{name: "json", print: func(c *cobra.Command, d *checked) error { return encoded(c.OutOrStdout(), d) }},
		{name: "github", print: printGitHub},
		{name: "map", print: drawn(asMap)},
		{name: "mermaid", print: drawn(asMermaid)},
		{name: "dot", print: drawn(asDot)},
	}
}

func (f format) called() string   { return f.name }
func (k fileKind) called() string { return k.name }

func namesOf[T any](all []T, name func(T) string) []string {
	names := make([]string, len(all))
	for i, one := range all {
		names[i] = name(one)
	}
	return names
}

func formatCalled(name string) (format, error) {
	all := formats()
	if i := slices.IndexFunc(all, func(f format) bool { return f.name == name }); i >= 0 {
		return all[i], nil
	}
	return format{}, exit(exitUsage, fmt.Errorf("%q is not a format\n  next: %s", name, choice("--format", namesOf(all, format.called))))
}

// choice is what to write instead: "--format text, json or github".
func choice(flag string, names []string) string {
	last := len(names) - 1
	if last == 0 {
		return flag + " " + names[0]
	}
	return flag + " " + strings.Join(names[:last], ", ") + " or " + names[last]
}

func printText(c *cobra.Command, d *checked) error {
	var out strings.Builder
	out.WriteString(d.file.Show(d.Problems, isTerminal(c.OutOrStdout())))
	if len(d.Problems) > 0 {
		out.WriteByte('\n')
	}
	width := 0
	for _, inference := range d.Inferred {
		width = max(width, len(inference.Path))
	}
	for _, inference := range d.Inferred {
		fmt.Fprintf(&out, "%-*s  %s  (%s)\n", width, inference.Path, inference.Value, inference.Because)
	}
	for _, line := range d.closing() {
		out.WriteString(line + "\n")
	}
	_, err := io.WriteString(c.OutOrStdout(), out.String())
	return failedToPrint(err)
}

// printGitHub puts the problems beside the lines of a pull request, and the rest
// into the log of the step.
func printGitHub(c *cobra.Command, d *checked) error {
	var out strings.Builder
	out.WriteString(diagnostic.GitHub(d.Problems))
	for _, line := range d.closing() {
		out.WriteString(diagnostic.NoCommand(line) + "\n")
	}
	_, err := io.WriteString(c.OutOrStdout(), out.String())
	return failedToPrint(err)
}
