package kubernetes

import (
	"strconv"
	"strings"

	"holdfast/diagnostic"
	"holdfast/source"
)

// A field is a value of the text that may not be there. The API server fills in
// what is not written, so what is missing is asked for with its default.
type field struct {
	source.Value
	document *source.Document
	written  bool
}

// at follows keys; what is written as null is not written.
func (f field) at(path ...string) field {
	if !f.written {
		return f
	}
	v, there := f.document.Find(f.Value, path...)
	return field{Value: v, document: f.document, written: there && !source.IsNull(v)}
}

func (f field) list() []field {
	var all []field
	if f.written {
		for _, v := range f.document.List(f.Value) {
			all = append(all, field{Value: v, document: f.document, written: v.Node != nil && !source.IsNull(v)})
		}
	}
	return all
}

// pairs are the entries of a mapping as texts: labels, annotations, a selector.
func (f field) pairs() map[string]string {
	all := map[string]string{}
	for _, e := range f.entries() {
		all[e.Key] = beginning(e.Value.String())
	}
	return all
}

func (f field) entries() []source.Entry {
	if !f.written {
		return nil
	}
	return f.document.All(f.Value)
}

func (f field) text() string {
	if !f.written {
		return ""
	}
	return beginning(f.String())
}

// maxText is more than names, images, commands and annotations need. A longer
// text is looked at no further: aliases may lead to it thousands of times.
const maxText = 8 << 10

// beginning is the beginning of a text, as much of it as is looked at.
func beginning(text string) string { return text[:min(len(text), maxText)] }

// texts are those of a list.
func (f field) texts() []string {
	var all []string
	for _, item := range f.list() {
		all = append(all, item.text())
	}
	return all
}

// number is what is written, or otherwise where nothing is, or no number.
func (f field) number(otherwise int) int {
	n, err := strconv.Atoi(f.text())
	if err != nil {
		return otherwise
	}
	return n
}

// or is where something stands: the value if it is written, else another place.
func (f field) or(place diagnostic.Place) diagnostic.Place {
	if f.written {
		return f.At
	}
	return place
}

// keyOr is the same of its key.
func (f field) keyOr(place diagnostic.Place) diagnostic.Place {
	if f.written {
		return f.Key
	}
	return place
}

// An amount is a number of pods, or a share of them in percent.
type amount struct {
	n       int
	percent bool
	known   bool
}

func (f field) amount() amount {
	text, percent := strings.CutSuffix(f.text(), "%")
	n, err := strconv.Atoi(text)
	return amount{n: n, percent: percent, known: err == nil && n >= 0}
}

// up and down are how many of all pods it is; which way a share is rounded is
// the server's choice, and differs from field to field.
func (a amount) up(all int) int {
	if a.percent {
		return (a.n*all + 99) / 100
	}
	return a.n
}

func (a amount) down(all int) int {
	if a.percent {
		return a.n * all / 100
	}
	return a.n
}
