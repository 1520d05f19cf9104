package process

import (
	"errors"
	"fmt"
	"strings"
)

const (
	// maxValue is the longest argument or variable the Linux kernel takes
	// (MAX_ARG_STRLEN, its final zero included).
	maxValue = 128<<10 - 1
	// maxNesting bounds ${A:-${B:-…}}; nobody reads the third one.
	maxNesting = 16
)

// A value is a text twice: as the process gets it, and as people may see it.
// What came from outside the file (secrets, the caller's environment) is shown
// as the reference it was written as.
type value struct {
	text  string
	shown string
}

func plain(text string) value { return value{text: text, shown: text} }

// A writing is a value as it grows.
type writing struct{ text, shown strings.Builder }

func (w *writing) add(v value) {
	w.text.WriteString(v.text)
	w.shown.WriteString(v.shown)
}

func (w *writing) value() value { return value{text: w.text.String(), shown: w.shown.String()} }

// A lookup finds what a name stands for; false means that it is not set.
type lookup func(name string) (value, bool, error)

// expand fills in variables as Compose does, inside quotes too: $NAME, ${NAME},
// ${NAME:-default} (unset or empty), ${NAME-default} (unset). $$ is a dollar
// sign that is left to the program, and so is one that no name follows. A name
// that is not set is an error: an empty argument would fail later and say less.
func expand(text string, find lookup) (value, error) { return expandNested(text, find, 0) }

func expandNested(text string, find lookup, nesting int) (value, error) {
	if nesting > maxNesting {
		return value{}, fmt.Errorf("defaults within defaults more than %d deep", maxNesting)
	}
	var whole writing
	for {
		before, after, found := strings.Cut(text, "$")
		whole.add(plain(before))
		if whole.text.Len() > maxValue {
			return value{}, fmt.Errorf("a value of more than %d bytes", maxValue)
		}
		if !found {
			return whole.value(), nil
		}
		part, rest, err := reference(after, find, nesting)
		if err != nil {
			return value{}, err
		}
		whole.add(part)
		text = rest
	}
}

// reference reads what follows a dollar sign, and returns what is left.
func reference(text string, find lookup, nesting int) (part value, rest string, err error) {
	if rest, ok := strings.CutPrefix(text, "$"); ok {
		return plain("$"), rest, nil
	}
	if body, ok := strings.CutPrefix(text, "{"); ok {
		end := closing(body)
		if end < 0 {
			return value{}, "", errors.New("a ${ is never closed")
		}
		part, err = braced(body[:end], find, nesting)
		return part, body[end+1:], err
	}
	name := leadingName(text)
	if name == "" {
		return plain("$"), text, nil
	}
	part, err = required(name, find)
	return part, text[len(name):], err
}

// braced is what stands between ${ and }.
func braced(body string, find lookup, nesting int) (value, error) {
	name := leadingName(body)
	operator := body[len(name):]
	if name == "" {
		return value{}, errors.New("a ${ is not followed by a name")
	}
	if operator == "" {
		return required(name, find)
	}
	otherwise, found := strings.CutPrefix(operator, ":-")
	orEmpty := found
	if !orEmpty {
		otherwise, found = strings.CutPrefix(operator, "-")
	}
	if !found {
		return value{}, fmt.Errorf("${%s…} is not understood: write ${%s}, ${%s:-default} or ${%s-default}", name, name, name, name)
	}
	v, set, err := find(name)
	if err != nil {
		return value{}, err
	}
	if set && (v.text != "" || !orEmpty) {
		return v, nil
	}
	return expandNested(otherwise, find, nesting+1)
}

func required(name string, find lookup) (value, error) {
	v, set, err := find(name)
	if err == nil && !set {
		err = fmt.Errorf("$%s is not set: set it, give it a default as in ${%s:-default}, or write $$%s to leave it to the program", name, name, name)
	}
	return v, err
}

// closing finds the } that belongs to a ${ already read, or -1.
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

// leadingName is the longest variable name that text begins with.
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
