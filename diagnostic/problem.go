// Package diagnostic is how Holdfast says what is wrong with a file: a code that
// never changes its meaning, where it stands, why it matters and what to do next.
// It shows problems as a compiler does, to a person, to a program, and on a pull
// request.
//
// It knows the codes of acceptances, which may stand in any kind of file, and no
// others: whoever reads or judges a file lists its own.
package diagnostic

import "fmt"

// A Code names a kind of problem for ever. The first two digits say what it is
// about: 10 the text, 11 keys and values, 12 references between things, 13 what
// is accepted, 2x the design of a system, 31 Compose files, 32 Kubernetes objects.
type Code string

// A Severity says what becomes of a file with a problem: an error makes check
// fail, a warning does so with --strict only.
type Severity string

const (
	Error   Severity = "error"
	Warning Severity = "warning"
)

// A Meaning is what a code stands for.
type Meaning struct {
	Code     Code     `json:"code"`
	Severity Severity `json:"severity"`
	Title    string   `json:"title"`
}

// A Place is where something stands in a text. Lines and columns count from 1,
// columns and widths in characters; a width of 0 is the whole text.
type Place struct {
	Line   int `json:"line"`
	Column int `json:"column"`
	Width  int `json:"width"`
}

// Beginning is the place of what concerns a text as a whole.
func Beginning() Place { return Place{Line: 1, Column: 1} }

// String says it in a message.
func (p Place) String() string { return fmt.Sprintf("in line %d", p.Line) }

// A Mark is a further place that a problem has to do with, and what to say there.
type Mark struct {
	Place
	Label string `json:"label,omitempty"`
}

// A Problem is one thing that is wrong with a file. Message says what, Label
// stands beside the underline, Note says why it matters, Help is the next step.
type Problem struct {
	Code     Code     `json:"code"`
	Severity Severity `json:"severity"`
	Of       string   `json:"of,omitempty"` // what it is about, whatever line it stands in: a service, an edge, a failure mode, a promise
	File     string   `json:"file"`
	Place
	Message string `json:"message"`
	Label   string `json:"label,omitempty"`
	Also    []Mark `json:"also,omitempty"` // at most three
	Note    string `json:"note,omitempty"`
	Help    string `json:"help,omitempty"`
}
