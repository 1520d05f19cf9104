package command

import (
	"errors"
	"strings"
)

// maxNesting bounds ${A:-${B:-…}}; nobody reads the third one.
const maxNesting = 16

// A Piece is a stretch of a value: plain text, or a reference to a variable.
type Piece struct {
	Source   string // as written
	Dollar   int    // how many dollar signs of the value come before it
	Name     string // of the variable; empty in plain text
	Text     string // what plain text stands for
	Fallback Fallback
	Instead  []Piece // the default

	Why, Help string // of a reference that cannot be read, and is plain text; empty otherwise
}

// A Fallback says when a reference's default is used.
type Fallback int

const (
	Never     Fallback = iota // ${VAR}: there is none
	WhenUnset                 // ${VAR-default}
	WhenEmpty                 // ${VAR:-default}: unset or empty
)

// Uses tells whether the default is used instead of a value. One that is not
// set is empty.
func (f Fallback) Uses(value string, set bool) bool {
	return f == WhenEmpty && value == "" || f == WhenUnset && !set
}

// Err says why a piece cannot be read and how it should be written, or is nil.
func (p Piece) Err() error {
	if p.Why == "" {
		return nil
	}
	return errors.New(p.Source + " is " + p.Why + ": " + p.Help)
}

// Pieces takes a value apart: $VAR, ${VAR}, ${VAR-default}, ${VAR:-default}, and
// $$ for a dollar sign, as in Compose; a dollar sign that begins none of them
// is one. ${VAR:?error} and ${VAR:+other} are refused, not misread. The sources
// of the pieces are the value.
func Pieces(value string) []Piece {
	t := &taking{}
	return t.apart(value, 0)
}

// Unreadable lists the pieces that cannot be read, within defaults too, in the
// order of the text.
func Unreadable(all []Piece) []Piece {
	var bad []Piece
	for _, p := range all {
		if p.Why != "" {
			bad = append(bad, p)
		}
		bad = append(bad, Unreadable(p.Instead)...)
	}
	return bad
}

// A taking apart counts dollar signs, by which references are found again in
// the text of the file.
type taking struct{ dollars int }

func (t *taking) apart(value string, nesting int) []Piece {
	var all []Piece
	for value != "" {
		dollar := strings.IndexByte(value, '$')
		if dollar < 0 {
			dollar = len(value)
		}
		if dollar > 0 {
			all = append(all, Piece{Source: value[:dollar], Text: value[:dollar]})
			value = value[dollar:]
			continue
		}
		next := t.reference(value, nesting)
		all = append(all, next)
		value = value[len(next.Source):]
	}
	return all
}

// reference reads what value, which starts with a dollar sign, begins with.
func (t *taking) reference(value string, nesting int) Piece {
	at := t.dollars
	t.dollars++
	switch name := LeadingName(value[1:]); {
	case strings.HasPrefix(value, "$$"):
		t.dollars++
		return Piece{Source: "$$", Dollar: at, Text: "$"}
	case strings.HasPrefix(value, "${"):
		return t.braced(value, at, nesting)
	case name == "":
		return Piece{Source: "$", Dollar: at, Text: "$"}
	default:
		return Piece{Source: "$" + name, Dollar: at, Name: name}
	}
}

func (t *taking) braced(value string, at, nesting int) Piece {
	end := closing(value[2:])
	if end < 0 {
		t.dollars = at + strings.Count(value, "$")
		return unreadable(value, at, "a reference that is never closed", "end it with `}`, or write `$${` for the characters themselves")
	}
	p := Piece{Source: value[:end+3], Dollar: at}
	inner := value[2 : end+2]
	p.Name = LeadingName(inner)
	rest := inner[len(p.Name):]
	after := at + strings.Count(p.Source, "$")
	defer func() { t.dollars = after }()
	switch {
	case p.Name == "":
		return unreadable(p.Source, at, "a reference without the name of a variable", "write `${NAME}` or `${NAME:-default}`")
	case nesting >= maxNesting:
		return unreadable(p.Source, at, "defaults within defaults within defaults", "give the default as plain text")
	case rest == "":
		return p
	case strings.HasPrefix(rest, ":-"):
		p.Fallback, rest = WhenEmpty, rest[2:]
	case strings.HasPrefix(rest, "-"):
		p.Fallback, rest = WhenUnset, rest[1:]
	default:
		return unreadable(p.Source, at, "a reference of a form that is not known", "write `${"+p.Name+"}`, `${"+p.Name+"-default}` or `${"+p.Name+":-default}`")
	}
	p.Instead = t.apart(rest, nesting+1)
	return p
}

func unreadable(source string, at int, why, help string) Piece {
	return Piece{Source: source, Dollar: at, Text: source, Why: why, Help: help}
}

// closing finds the } that belongs to a ${ already read, or is -1.
func closing(body string) int {
	depth := 1
	for i := 0; i < len(body); i++ {
		switch {
		case strings.HasPrefix(body[i:], "$$"):
			i++
		case strings.HasPrefix(body[i:], "${"):
			depth++
			i++
		case body[i] == '}':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

// LeadingName is the longest name of a variable that text begins with.
func LeadingName(text string) string {
	for i := range len(text) {
		c := text[i]
		letter := c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return text[:i]
		}
	}
	return text
}
