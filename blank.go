package holdfast

import (
	"slices"
	"strings"
)

// BlankID is the name of the blank that stands for a run of a session.
const BlankID = "id"

// Blanks are the names that a text of a session leaves blank, each once, in the
// order of the text: {{NAME}}, a name being letters, digits, _ and -. Braces
// around anything else are text.
func Blanks(text string) []string {
	var names []string
	Fill(text, func(name string) string {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
		return ""
	})
	return names
}

// Fill puts a text in the place of every blank.
func Fill(text string, with func(name string) string) string {
	var filled strings.Builder
	for {
		before, after, found := strings.Cut(text, "{{")
		filled.WriteString(before)
		if !found {
			return filled.String()
		}
		name, rest, closed := strings.Cut(after, "}}")
		if !closed || !NamesBlank(name) {
			filled.WriteString("{")
			text = "{" + after // what looked like one may hold one: {{{id}}
			continue
		}
		filled.WriteString(with(name))
		text = rest
	}
}

// NamesBlank tells whether a text can be the name of a blank.
func NamesBlank(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_' && r != '-'
	})
}
