package diagnostic

import (
	"cmp"
	"fmt"
	"slices"
)

// Most errors, and as many warnings, are listed of one file. A person mends ten
// and reads again; a file with more than 200 has one mistake that repeats.
const Most = 200

// A List collects problems, each once: what an alias leads to is read as often as
// it is used, but is wrong only once. The zero List is empty and ready.
type List struct {
	problems         []Problem
	known            map[identity]bool
	errors, warnings int // listed
	more             int // of both, not listed
}

// An identity is what makes a problem the same one.
type identity struct {
	code    Code
	place   Place
	message string
}

// Add lists a problem unless it is there, or there are Most of its severity.
func (l *List) Add(p Problem) {
	count := &l.warnings
	if p.Severity == Error {
		count = &l.errors
	}
	if *count >= Most {
		l.more++
		return
	}
	is := identity{code: p.Code, place: p.Place, message: p.Message}
	if l.known[is] {
		return
	}
	if l.known == nil {
		l.known = map[identity]bool{}
	}
	l.known[is] = true
	*count++
	l.problems = append(l.problems, p)
}

// Errors is how many errors are listed.
func (l *List) Errors() int { return l.errors }

// Full says that no further error will be listed, so that nobody works hard to
// explain one.
func (l *List) Full() bool { return l.errors >= Most }

// Sorted are the problems of a file in the order of its text, and that there are
// more when there are, under a code of the caller's.
func (l *List) Sorted(file string, more Code) []Problem {
	Sort(l.problems)
	if l.more > 0 {
		l.problems = append(l.problems, Problem{
			Code: more, Severity: Warning, Place: Beginning(),
			Message: fmt.Sprintf("%d more problems are not listed", l.more),
			Help:    "mend those that are, and read the file again",
		})
	}
	for i := range l.problems {
		l.problems[i].File = file
	}
	return l.problems
}

// Sort puts problems into the order of the text, which is that in which people
// mend them.
func Sort(problems []Problem) {
	slices.SortStableFunc(problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Code, b.Code), cmp.Compare(a.Of, b.Of))
	})
}

// ByCode puts meanings into the order of their codes, in place.
func ByCode(meanings []Meaning) []Meaning {
	slices.SortFunc(meanings, func(a, b Meaning) int { return cmp.Compare(a.Code, b.Code) })
	return meanings
}

// SeverityOf is what a code's meaning says. Every code is in the list of whoever
// reports it.
func SeverityOf(code Code, meanings []Meaning) Severity {
	i := slices.IndexFunc(meanings, func(m Meaning) bool { return m.Code == code })
	if i < 0 {
		panic("diagnostic: " + string(code) + " has no meaning: every code that is reported is listed")
	}
	return meanings[i].Severity
}
