package spec

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// maxProblems errors, and as many warnings, are listed of one file. A person
// mends ten and reads again; a file with more than 200 has one mistake that
// repeats.
const maxProblems = 200

// A Problem is one thing that is wrong with a file. Message says what, Label
// stands beside the underline, Note says why it matters, Help is the next step.
type Problem struct {
	Code     Code     `json:"code"`
	Severity Severity `json:"severity"`
	File     string   `json:"file"`
	Line     int      `json:"line"`   // from 1
	Column   int      `json:"column"` // from 1, in characters
	Width    int      `json:"width"`  // characters to underline; 0 when the place is the whole file
	Message  string   `json:"message"`
	Label    string   `json:"label,omitempty"`
	Note     string   `json:"note,omitempty"`
	Help     string   `json:"help,omitempty"`
}

// A place is where something stands in the text.
type place struct{ line, column, width int }

// where says it in a message.
func where(p place) string { return fmt.Sprintf("in line %d", p.line) }

// beginning is the place of what concerns the file as a whole.
func beginning() place { return place{line: 1, column: 1} }

// findings collects problems, each once: what an alias leads to is read as often
// as it is used, but is wrong only once.
type findings struct {
	problems         []Problem
	errors, warnings int // listed
	more             int // of both, not listed
}

func (f *findings) add(at place, p Problem) {
	p.Severity = severity(p.Code)
	p.Line, p.Column, p.Width = at.line, at.column, at.width
	count := &f.warnings
	if p.Severity == Error {
		count = &f.errors
	}
	if *count >= maxProblems {
		f.more++
		return
	}
	if slices.Contains(f.problems, p) {
		return
	}
	*count++
	f.problems = append(f.problems, p)
}

// full says that no further error will be listed, so that nobody works hard to
// explain one.
func (f *findings) full() bool { return f.errors >= maxProblems }

// sorted are the problems in the order of the text, and that there are more
// when there are.
func (f *findings) sorted(file string) []Problem {
	slices.SortStableFunc(f.problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Code, b.Code))
	})
	if f.more > 0 {
		f.problems = append(f.problems, Problem{
			Code: tooMany, Severity: severity(tooMany), Line: 1, Column: 1,
			Message: fmt.Sprintf("%d more problems are not listed", f.more),
			Help:    "mend those that are, and read the file again",
		})
	}
	for i := range f.problems {
		f.problems[i].File = file
	}
	return f.problems
}

func (r *reader) report(at place, p Problem) { r.found.add(r.within(at), p) }

// tick sets off what somebody wrote, cut to what a line can bear and without
// characters that would move a terminal's cursor.
func tick(text string) string { return "`" + shown(text) + "`" }

func shown(text string) string {
	const most = 60
	var b strings.Builder
	n := 0
	for _, c := range text {
		if n++; n > most {
			b.WriteRune('…')
			break
		}
		b.WriteRune(visible(c))
	}
	return b.String()
}

// visible is the character itself, or one that stands for it.
func visible(c rune) rune {
	switch {
	case c == '\t':
		return '→'
	case c == '\n':
		return '↵'
	case unicode.IsPrint(c):
		return c
	default:
		return '·'
	}
}

// ticks lists what there is to choose from: "`a`, `b`, `c`".
func ticks[T ~string](all []T) string {
	const most = 30
	var b strings.Builder
	for i, one := range all {
		if i == most {
			fmt.Fprintf(&b, " and %d more", len(all)-most)
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(tick(string(one)))
	}
	return b.String()
}
