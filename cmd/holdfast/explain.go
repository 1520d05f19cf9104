package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"holdfast/check"
	"holdfast/compose"
	"holdfast/diagnostic"
	"holdfast/docs/problems"
	"holdfast/kubernetes"
	"holdfast/spec"
)

// known are the codes of all who find problems.
func known() [][]diagnostic.Meaning {
	return [][]diagnostic.Meaning{spec.Codes(), check.Codes(), compose.Codes(), kubernetes.Codes(), diagnostic.AcceptanceCodes()}
}

func explainCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "explain [CODE]", Args: cobra.MaximumNArgs(1),
		Short: "what a problem means, and how to mend it",
		Long: "Says more of a problem than check does: what it says, why it hurts, how to mend\n" +
			"it and how to accept it. HF2101, hf2101 and 2101 are the same code. Without one,\n" +
			"lists all codes.",
	}
	asJSON := jsonFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		all := slices.Concat(known()...)
		if len(args) == 0 {
			return listCodes(c.OutOrStdout(), all, *asJSON)
		}
		meaning, err := meaningOf(all, args[0])
		if err != nil {
			return err
		}
		return explainCode(c.OutOrStdout(), meaning, *asJSON)
	}
	return c
}

// meaningOf finds a code as a person types it.
func meaningOf(all []diagnostic.Meaning, typed string) (diagnostic.Meaning, error) {
	code := strings.ToUpper(strings.TrimSpace(typed))
	if !strings.HasPrefix(code, "HF") {
		code = "HF" + code
	}
	if i := slices.IndexFunc(all, func(m diagnostic.Meaning) bool { return string(m.Code) == code }); i >= 0 {
		return all[i], nil
	}
	next := "holdfast explain lists all codes"
	if near := nearestCode(all, code); near != "" {
		next = fmt.Sprintf("did you mean %s? %s", near, next)
	}
	return diagnostic.Meaning{}, exit(exitUsage, fmt.Errorf("%q is not the code of a problem\n  next: %s", typed, next))
}

// nearestCode is the code that the fewest slips of the finger lead to, or "" when
// it takes more than two: that is no code that was mistyped.
func nearestCode(all []diagnostic.Meaning, typed string) diagnostic.Code {
	slips := func(m diagnostic.Meaning) int { return slipsBetween(string(m.Code), typed) }
	near := slices.MinFunc(all, func(a, b diagnostic.Meaning) int { return cmp.Compare(slips(a), slips(b)) })
	if slips(near) > 2 {
		return ""
	}
	return near.Code
}

// slipsBetween counts the characters to insert, remove or replace (Levenshtein).
func slipsBetween(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// explained is explain's document, and an entry of its list.
type explained struct {
	Version int `json:"version"`
	diagnostic.Meaning
	Page string `json:"page,omitempty"` // in Markdown; the list has none
}

func explainCode(out io.Writer, meaning diagnostic.Meaning, asJSON bool) error {
	page, written := problems.Page(string(meaning.Code))
	switch {
	case !written:
		return exit(exitCouldNot, fmt.Errorf("%s (%s) has no page", meaning.Code, meaning.Title))
	case asJSON:
		return encoded(out, explained{Meaning: meaning, Page: page})
	case isTerminal(out):
		page = forTerminal(page)
	}
	_, err := io.WriteString(out, page)
	return failedToPrint(err)
}

func listCodes(out io.Writer, all []diagnostic.Meaning, asJSON bool) error {
	if asJSON {
		var list []explained
		for _, meaning := range all {
			list = append(list, explained{Meaning: meaning})
		}
		return encoded(out, list)
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, m := range all {
		fmt.Fprintf(table, "%s\t%s\t%s\n", m.Code, m.Severity, m.Title)
	}
	return failedToPrint(table.Flush())
}

func encoded(out io.Writer, document any) error {
	to := json.NewEncoder(out)
	to.SetEscapeHTML(false)
	return failedToPrint(to.Encode(document))
}

func failedToPrint(err error) error {
	if err == nil {
		return nil
	}
	return exit(exitCouldNot, err)
}

// forTerminal shows Markdown as a person on a terminal wants it: headings bold
// and close to their text, and examples indented, with a comment that says which
// is which.
func forTerminal(page string) string {
	var out strings.Builder
	fenced, headed := false, false
	for line := range strings.Lines(page) {
		heading := strings.TrimLeft(line, "#")
		fence, isFence := strings.CutPrefix(line, "```")
		switch {
		case isFence:
			if _, kind, said := strings.Cut(strings.TrimSpace(fence), " "); said {
				fmt.Fprintf(&out, "    # %s\n", kind)
			}
			fenced = !fenced
		case fenced:
			out.WriteString("    " + line)
		case heading != line:
			fmt.Fprintf(&out, "\x1b[1m%s\x1b[0m\n", strings.TrimSpace(heading))
		case headed && line == "\n":
		default:
			out.WriteString(line)
		}
		headed = !fenced && heading != line && strings.HasPrefix(line, "##")
	}
	return out.String()
}
