package spec

import (
	"strings"
)

// A piece is a stretch of a value: plain text, or a reference to a variable.
type piece struct {
	source   string // as written
	dollar   int    // how many dollar signs come before it
	name     string // of the variable; empty in plain text
	text     string // what plain text stands for; in a reference, its default
	fallback fallback
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
// $$ for a dollar sign, as in Compose. Defaults are plain text; Compose's nested
// references, ${VAR:?error} and ${VAR:+other} are refused, not misread.
func pieces(value string) ([]piece, []broken) {
	var all []piece
	var bad []broken
	dollars := 0
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
		next, wrong := firstReference(value)
		source := next.source + wrong.source
		if next.dollar, wrong.dollar = dollars, dollars; wrong.why != "" {
			bad = append(bad, wrong)
		} else {
			all = append(all, next)
		}
		dollars += strings.Count(source, "$")
		value = value[len(source):]
	}
	return all, bad
}

// firstReference reads the reference that value, which starts with a dollar
// sign, begins with.
func firstReference(value string) (piece, broken) {
	if strings.HasPrefix(value, "$$") {
		return piece{source: "$$", text: "$"}, broken{}
	}
	if strings.HasPrefix(value, "${") {
		return bracedReference(value)
	}
	name := leadingName(value[1:])
	if name == "" {
		return piece{}, broken{source: "$", why: "a single `$` that begins no reference", help: "write `$$` for a dollar sign"}
	}
	return piece{source: "$" + name, name: name}, broken{}
}

func bracedReference(value string) (piece, broken) {
	end := strings.IndexByte(value, '}')
	if end < 0 {
		return piece{}, broken{source: value, why: "a reference that is never closed", help: "end it with `}`, or write `$${` for the characters themselves"}
	}
	source, inner := value[:end+1], value[2:end]
	name := leadingName(inner)
	rest := inner[len(name):]
	switch {
	case name == "":
		return piece{}, broken{source: source, why: "a reference without the name of a variable", help: "write `${NAME}` or `${NAME:-default}`"}
	case strings.Contains(rest, "$"):
		return piece{}, broken{source: source, why: "a default that contains a reference itself", help: "give the default as plain text"}
	case rest == "":
		return piece{source: source, name: name}, broken{}
	case strings.HasPrefix(rest, ":-"):
		return piece{source: source, name: name, text: rest[2:], fallback: whenEmpty}, broken{}
	case strings.HasPrefix(rest, "-"):
		return piece{source: source, name: name, text: rest[1:], fallback: whenUnset}, broken{}
	default:
		return piece{}, broken{source: source, why: "a reference of a form that is not known", help: "write `${" + name + "}`, `${" + name + "-default}` or `${" + name + ":-default}`"}
	}
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

// fill is what a piece becomes in an environment, and whether it becomes
// anything.
func (p piece) fill(environ map[string]string) (string, bool) {
	value, set := environ[p.name]
	switch {
	case p.name == "":
		return p.text, true
	case p.fallback == whenEmpty && value == "", p.fallback == whenUnset && !set:
		return p.text, true
	default:
		return value, set
	}
}
