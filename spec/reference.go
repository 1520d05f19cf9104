package spec

import (
	"strings"
)

// maxNesting bounds ${A:-${B:-…}}, as the driver does; nobody reads the third.
const maxNesting = 16

// A piece is a stretch of a value: plain text, or a reference to a variable.
type piece struct {
	source   string // as written
	dollar   int    // how many dollar signs of the value come before it
	name     string // of the variable; empty in plain text
	text     string // what plain text stands for
	fallback fallback
	instead  []piece // the default
}

// A fallback says when a reference's default is used.
type fallback int

const (
	never     fallback = iota // ${VAR}: there is none
	whenUnset                 // ${VAR-default}
	whenEmpty                 // ${VAR:-default}: unset or empty
)

// A broken reference is one that cannot be read, and how it should be written.
type broken struct {
	source, why, help string
	dollar            int
}

// pieces takes a value apart: $VAR, ${VAR}, ${VAR-default}, ${VAR:-default}, and
// $$ for a dollar sign, as in Compose; a dollar sign that begins none of them
// is one. ${VAR:?error} and ${VAR:+other} are refused, not misread.
func pieces(value string) ([]piece, []broken) {
	t := &taking{}
	return t.apart(value, 0), t.bad
}

// A taking apart counts dollar signs, by which references are found again in
// the text of the file.
type taking struct {
	dollars int
	bad     []broken
}

func (t *taking) apart(value string, nesting int) []piece {
	var all []piece
	for value != "" {
		dollar := strings.IndexByte(value, '$')
		if dollar < 0 {
			dollar = len(value)
		}
		if dollar > 0 {
			all = append(all, piece{source: value[:dollar], text: value[:dollar]})
			value = value[dollar:]
			continue
		}
		next := t.reference(value, nesting)
		all = append(all, next)
		value = value[len(next.source):]
	}
	return all
}

// reference reads what value, which starts with a dollar sign, begins with.
func (t *taking) reference(value string, nesting int) piece {
	at := t.dollars
	t.dollars++
	switch name := leadingName(value[1:]); {
	case strings.HasPrefix(value, "$$"):
		t.dollars++
		return piece{source: "$$", dollar: at, text: "$"}
	case strings.HasPrefix(value, "${"):
		return t.braced(value, at, nesting)
	case name == "":
		return piece{source: "$", dollar: at, text: "$"}
	default:
		return piece{source: "$" + name, dollar: at, name: name}
	}
}

func (t *taking) braced(value string, at, nesting int) piece {
	end := closing(value[2:])
	if end < 0 {
		t.dollars = at + strings.Count(value, "$")
		return t.broken(value, at, "a reference that is never closed", "end it with `}`, or write `$${` for the characters themselves")
	}
	p := piece{source: value[:end+3], dollar: at}
	inner := value[2 : end+2]
	p.name = leadingName(inner)
	rest := inner[len(p.name):]
	after := at + strings.Count(p.source, "$")
	defer func() { t.dollars = after }()
	switch {
	case p.name == "":
		return t.broken(p.source, at, "a reference without the name of a variable", "write `${NAME}` or `${NAME:-default}`")
	case nesting >= maxNesting:
		return t.broken(p.source, at, "defaults within defaults within defaults", "give the default as plain text")
	case rest == "":
		return p
	case strings.HasPrefix(rest, ":-"):
		p.fallback, rest = whenEmpty, rest[2:]
	case strings.HasPrefix(rest, "-"):
		p.fallback, rest = whenUnset, rest[1:]
	default:
		return t.broken(p.source, at, "a reference of a form that is not known", "write `${"+p.name+"}`, `${"+p.name+"-default}` or `${"+p.name+":-default}`")
	}
	p.instead = t.apart(rest, nesting+1)
	return p
}

// broken notes a broken reference and returns it as the text it is.
func (t *taking) broken(source string, at int, why, help string) piece {
	t.bad = append(t.bad, broken{source: source, dollar: at, why: why, help: help})
	return piece{source: source, dollar: at, text: source}
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

// leadingName is the longest name of a variable that text begins with.
func leadingName(text string) string {
	for i := range len(text) {
		c := text[i]
		letter := c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return text[:i]
		}
	}
	return text
}

// fill writes pieces out with the variables of an environment, and returns the
// references to those that are not set.
func fill(all []piece, environ map[string]string) (string, []piece) {
	var text strings.Builder
	var unset []piece
	for _, p := range all {
		value, set := environ[p.name]
		switch {
		case p.name == "":
			text.WriteString(p.text)
		case p.fallback == never && !set:
			unset = append(unset, p)
		case p.fallback == whenEmpty && value == "", p.fallback == whenUnset && !set:
			instead, missing := fill(p.instead, environ)
			text.WriteString(instead)
			unset = append(unset, missing...)
		default:
			text.WriteString(value)
		}
	}
	return text.String(), unset
}
