// Package source reads YAML text into values that know where they stand, and
// says what is wrong with the text itself: every mistake in one pass, each with
// its place, what was meant perhaps, and what to do next.
//
// The grammar is a library's; the limits, the places, the aliases and the
// strictness are here. What the values mean is for those who ask for them.
package source

import (
	"strings"

	"github.com/goccy/go-yaml/ast"

	"holdfast/diagnostic"
)

// A File is a text as it was found.
type File struct {
	Name string // as the user typed it; only shown
	Text []byte
	Dir  string // absolute; what the file names is relative to it
}

// Plain is the text without what some editors add: a mark of the byte order, and
// carriage returns.
func (f File) Plain() string {
	return strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(strings.TrimPrefix(string(f.Text), "\ufeff"))
}

// Show renders problems of this one file.
func (f File) Show(problems []diagnostic.Problem, color bool) string {
	return diagnostic.Render(map[string]string{f.Name: f.Plain()}, problems, color)
}

// A Kind is what a file is a file of: how much of it is read, and what is said of
// what does not belong into it.
type Kind struct {
	Meanings []diagnostic.Meaning // of every code that is reported of it; Codes of this package among them
	Smallest string               // how the smallest one is written, for whoever has an empty one
	Foreign  map[string]string    // keys that people bring along from other files, and what to write instead
	Many     bool                 // several YAML documents may follow one another: see Trees
	Limits   Limits               // beyond which it is not read; none are those of a file that people write
	Tags     []string             // YAML tags that may be written: `!reset`, `!!str`
}

// A Document is one reading of one file.
type Document struct {
	File     File
	Problems *diagnostic.List
	kind     Kind
	lines    []string                      // of the text, for places
	lengths  []int                         // of the lines in characters, -1 where nobody has asked yet
	aliases  map[*ast.AliasNode]ast.Node   // where each leads; one that leads nowhere is not in it
	indexed  map[ast.Node]map[string]Entry // mappings that Find has been through
	visited  int                           // values so far, counted once for every way that leads to them
	volume   int                           // bytes of texts so far, counted in the same way
}

// Read makes a document of a file. Its work is bounded whatever the text: see
// limit.go for what is refused unread, then 200,000 values after aliases are
// followed (or what the kind's limits say), 200 errors and as many warnings. It
// never panics.
func Read(file File, kind Kind) *Document {
	if kind.Limits == (Limits{}) {
		kind.Limits = written()
	}
	return &Document{File: file, Problems: &diagnostic.List{}, kind: kind}
}

// Report lists a problem at a place, cut to what there is of the text.
func (d *Document) Report(at diagnostic.Place, p diagnostic.Problem) {
	p.Severity, p.Place = diagnostic.SeverityOf(p.Code, d.kind.Meanings), d.within(at)
	d.Problems.Add(p)
}

// Sorted are the problems that were reported, in the order of the text.
func (d *Document) Sorted() []diagnostic.Problem { return d.Problems.Sorted(d.File.Name, TooMany) }

// Root is a tree as a value.
func (d *Document) Root(tree ast.Node) Value {
	return d.Value(tree, "the file", diagnostic.Beginning())
}
