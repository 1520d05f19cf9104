package process

import (
	"fmt"
	"strings"

	"holdfast/command"
)

// maxValue is the longest argument or variable the Linux kernel takes
// (MAX_ARG_STRLEN, its final zero included).
const maxValue = 128<<10 - 1

// A value is a text twice: as the process gets it, and as people may see it.
// What came from outside the file (secrets, the caller's environment) is shown
// as the reference it was written as.
type value struct {
	text  string
	shown string
}

func plain(text string) value { return value{text: text, shown: text} }

// A lookup finds what a name stands for; false means that it is not set.
type lookup func(name string) (value, bool, error)

// expand fills in the variables of a text (see command.Pieces), inside quotes
// too. A name that is not set is an error: an empty argument would fail later
// and say less. A default that is not used is not looked at.
func expand(text string, find lookup) (value, error) {
	var whole writing
	if err := whole.fill(command.Pieces(text), find); err != nil {
		return value{}, err
	}
	return value{text: whole.text.String(), shown: whole.shown.String()}, nil
}

// A writing is a value as it grows.
type writing struct{ text, shown strings.Builder }

func (w *writing) add(v value) error {
	w.text.WriteString(v.text)
	w.shown.WriteString(v.shown)
	if w.text.Len() > maxValue {
		return fmt.Errorf("a value of more than %d bytes", maxValue)
	}
	return nil
}

func (w *writing) fill(pieces []command.Piece, find lookup) error {
	for _, p := range pieces {
		if err := w.fillIn(p, find); err != nil {
			return err
		}
	}
	return nil
}

func (w *writing) fillIn(p command.Piece, find lookup) error {
	if err := p.Err(); err != nil {
		return err
	}
	if p.Name == "" {
		return w.add(plain(p.Text))
	}
	v, set, err := find(p.Name)
	switch {
	case err != nil:
		return err
	case p.Fallback.Uses(v.text, set):
		return w.fill(p.Instead, find)
	case !set:
		return fmt.Errorf("$%s is not set: set it, give it a default as in ${%s:-default}, or write $$%s to leave it to the program", p.Name, p.Name, p.Name)
	default:
		return w.add(v)
	}
}
