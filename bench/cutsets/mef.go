package main

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
)

// What a file may hold at most: far above the largest models there are, and far
// below what a stack or a memory bears.
const (
	maxBytes = 256 << 20
	maxGates = 1 << 20
	maxDepth = 1000
)

// A model is what a file defines. Gates, basic events and house events share one
// space of names.
type model struct {
	path  string
	named map[string]*definition
	gates []*definition // in the order of the file
}

type definition struct {
	kind    string // gate, basic-event or house-event
	name    string
	at      place
	formula formula // of a gate
	failed  bool    // of a house event: what it is
}

// A formula is and, or, atleast or a constant, or a reference (gate,
// basic-event, house-event or event, which is any of them).
type formula struct {
	operator string
	at       place
	least    int
	failed   bool
	name     string
	inputs   []formula
}

type place struct{ line, column int }

func (m *model) errorf(at place, format string, args ...any) error {
	return fmt.Errorf("%s:%d:%d: %s", m.path, at.line, at.column, fmt.Sprintf(format, args...))
}

func readFile(path string) (*model, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return read(path, file)
}

func read(path string, text io.Reader) (*model, error) {
	limited := &io.LimitedReader{R: text, N: maxBytes + 1}
	r := reader{model: &model{path: path, named: map[string]*definition{}}, decoder: xml.NewDecoder(limited)}
	err := r.document()
	if limited.N == 0 {
		return nil, fmt.Errorf("%s: larger than %d MiB", path, maxBytes>>20)
	}
	if err == nil {
		err = r.model.resolve()
	}
	return r.model, err
}

// A reader goes through a file once, from element to element.
type reader struct {
	model   *model
	decoder *xml.Decoder
}

// next is the next element within the one that is open, or nil at its end.
func (r *reader) next() (*xml.StartElement, place, error) {
	for {
		line, column := r.decoder.InputPos()
		token, err := r.decoder.Token()
		at := place{line: line, column: column}
		if err != nil {
			return nil, at, r.broken(err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			return &token, at, nil
		case xml.EndElement:
			return nil, at, nil
		case xml.CharData:
			if text := strings.TrimSpace(string(token)); text != "" {
				return nil, at, r.model.errorf(at, "%.40q stands between elements", text)
			}
		}
	}
}

func (r *reader) broken(err error) error {
	line, column := r.decoder.InputPos()
	at := place{line: line, column: column}
	if syntax := (*xml.SyntaxError)(nil); errors.As(err, &syntax) {
		return r.model.errorf(at, "this is not XML: %s", syntax.Msg)
	}
	if errors.Is(err, io.EOF) {
		return r.model.errorf(at, "the file has no <opsa-mef>")
	}
	return r.model.errorf(at, "%v", err)
}

func (r *reader) document() error {
	root, at, err := r.next()
	if err != nil {
		return err
	}
	if root.Name.Local != "opsa-mef" {
		return r.model.errorf(at, "<%s> is not an Open-PSA model, which is an <opsa-mef>", root.Name.Local)
	}
	return r.definitions(1)
}

// definitions reads what an element holds, whichever of those that hold
// definitions it is. What has no part in which sets cut is passed over, and what
// is not known could have one.
func (r *reader) definitions(depth int) error {
	for {
		element, at, err := r.next()
		if err != nil || element == nil {
			return err
		}
		switch element.Name.Local {
		case "define-fault-tree", "define-component", "model-data":
			if depth > maxDepth {
				return r.tooDeep(at)
			}
			err = r.definitions(depth + 1)
		case "define-gate", "define-basic-event", "define-house-event":
			err = r.definition(*element, at)
		case "define-parameter", "label", "attributes":
			err = r.skip()
		default:
			err = r.model.errorf(at, "<%s> is not read here", element.Name.Local)
		}
		if err != nil {
			return err
		}
	}
}

func (r *reader) skip() error {
	if err := r.decoder.Skip(); err != nil {
		return r.broken(err)
	}
	return nil
}

func (r *reader) tooDeep(at place) error {
	return r.model.errorf(at, "elements are nested more than %d deep", maxDepth)
}

func (r *reader) definition(element xml.StartElement, at place) error {
	d := &definition{kind: strings.TrimPrefix(element.Name.Local, "define-"), name: attribute(element, "name"), at: at}
	if d.name == "" {
		return r.model.errorf(at, "<%s> has no name", element.Name.Local)
	}
	if before, twice := r.model.named[d.name]; twice {
		return r.model.errorf(at, "%q is defined twice: first as a %s in line %d", d.name, before.kind, before.at.line)
	}
	r.model.named[d.name] = d
	switch d.kind {
	case "gate":
		r.model.gates = append(r.model.gates, d)
		if len(r.model.gates) > maxGates {
			return r.model.errorf(at, "more than %d gates", maxGates)
		}
		return r.gate(d)
	case "house-event":
		return r.house(d)
	default:
		return r.skip()
	}
}

func (r *reader) gate(d *definition) error {
	formulas, err := r.formulas(1)
	if err == nil && len(formulas) != 1 {
		err = r.model.errorf(d.at, "gate %q has %d formulas, and must have one", d.name, len(formulas))
	}
	if err == nil {
		d.formula = formulas[0]
	}
	return err
}

// house reads a house event, which has not failed unless it says so.
func (r *reader) house(d *definition) error {
	constants, err := r.formulas(1)
	if err != nil {
		return err
	}
	if len(constants) > 1 || len(constants) == 1 && constants[0].operator != "constant" {
		return r.model.errorf(d.at, "house event %q must be one constant", d.name)
	}
	d.failed = len(constants) == 1 && constants[0].failed
	return nil
}

// formulas are all within the element that is open.
func (r *reader) formulas(depth int) ([]formula, error) {
	var all []formula
	for {
		element, at, err := r.next()
		if err != nil || element == nil {
			return all, err
		}
		if depth > maxDepth {
			return nil, r.tooDeep(at)
		}
		if name := element.Name.Local; name == "label" || name == "attributes" {
			if err := r.skip(); err != nil {
				return nil, err
			}
			continue
		}
		f, err := r.formula(*element, at, depth)
		if err != nil {
			return nil, err
		}
		all = append(all, f)
	}
}

func (r *reader) formula(element xml.StartElement, at place, depth int) (formula, error) {
	f := formula{operator: element.Name.Local, at: at}
	var err error
	switch f.operator {
	case "and", "or", "atleast":
		return r.gathered(f, element, depth)
	case "gate", "basic-event", "house-event", "event":
		if f.name = attribute(element, "name"); f.name == "" {
			err = r.model.errorf(at, "<%s> has no name", f.operator)
		}
	case "constant":
		if f.failed, err = strconv.ParseBool(attribute(element, "value")); err != nil {
			err = r.model.errorf(at, "the constant is %q, and must be true or false", attribute(element, "value"))
		}
	case "not", "xor", "nor", "nand", "iff", "imply", "cardinality":
		err = r.model.errorf(at, "<%s>: with it a failure could mend another; only trees of <and>, <or> and <atleast> are read here", f.operator)
	default:
		err = r.model.errorf(at, "<%s> is not a formula that is read here: <and>, <or>, <atleast>, <gate>, <basic-event>, <house-event>, <event> and <constant> are", f.operator)
	}
	if err == nil {
		err = r.skip()
	}
	return f, err
}

// gathered is a formula of inputs.
func (r *reader) gathered(f formula, element xml.StartElement, depth int) (formula, error) {
	inputs, err := r.formulas(depth + 1)
	if err != nil {
		return f, err
	}
	if f.inputs = inputs; len(inputs) == 0 {
		return f, r.model.errorf(f.at, "<%s> has no inputs", f.operator)
	}
	if f.operator == "atleast" {
		if f.least, err = strconv.Atoi(attribute(element, "min")); err != nil || f.least < 0 {
			return f, r.model.errorf(f.at, "the least of <atleast> is %q, and must be a number", attribute(element, "min"))
		}
	}
	return f, nil
}

func attribute(element xml.StartElement, name string) string {
	for _, a := range element.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// resolve holds every reference to something defined of its kind, and the gates
// to having no circle.
func (m *model) resolve() error {
	if len(m.gates) == 0 {
		return fmt.Errorf("%s: no gate is defined", m.path)
	}
	for _, gate := range m.gates {
		if err := m.refers(gate.formula); err != nil {
			return err
		}
	}
	walk := circleWalk{model: m, on: map[*definition]bool{}, done: map[*definition]bool{}}
	for _, gate := range m.gates {
		if err := walk.from(gate); err != nil {
			return err
		}
	}
	return nil
}

func (m *model) refers(f formula) error {
	for _, input := range f.inputs {
		if err := m.refers(input); err != nil {
			return err
		}
	}
	if f.name == "" {
		return nil
	}
	d, ok := m.named[f.name]
	switch {
	case !ok:
		return m.errorf(f.at, "%s %q is not defined", f.operator, f.name)
	case f.operator != "event" && f.operator != d.kind:
		return m.errorf(f.at, "%q is a %s, and not a %s: see line %d", f.name, d.kind, f.operator, d.at.line)
	}
	return nil
}

// inputs are the definitions that a formula refers to, in its order and as often.
func (m *model) inputs(f formula) []*definition { return m.appendInputs(nil, f) }

func (m *model) appendInputs(all []*definition, f formula) []*definition {
	if f.name != "" {
		return append(all, m.named[f.name])
	}
	for _, input := range f.inputs {
		all = m.appendInputs(all, input)
	}
	return all
}

// A circleWalk goes down the gates depth first; path is where it stands.
type circleWalk struct {
	model    *model
	on, done map[*definition]bool
	path     []string
}

func (w *circleWalk) from(d *definition) error {
	if w.done[d] || d.kind != "gate" {
		return nil
	}
	if w.on[d] {
		circle := append(slices.Clone(w.path[slices.Index(w.path, d.name):]), d.name)
		return w.model.errorf(d.at, "gates in a circle: %s", listed(circle, " needs "))
	}
	w.on[d], w.path = true, append(w.path, d.name)
	for _, input := range w.model.inputs(d.formula) {
		if err := w.from(input); err != nil {
			return err
		}
	}
	w.path = w.path[:len(w.path)-1]
	w.on[d], w.done[d] = false, true
	return nil
}

// top is the gate of that name or, without one, the one gate that no other has
// as an input.
func (m *model) top(name string) (string, error) {
	if name != "" {
		if d, ok := m.named[name]; !ok || d.kind != "gate" {
			return "", fmt.Errorf("%s: no gate is named %q", m.path, name)
		}
		return name, nil
	}
	used := map[*definition]bool{}
	for _, gate := range m.gates {
		for _, input := range m.inputs(gate.formula) {
			used[input] = true
		}
	}
	var tops []string
	for _, gate := range m.gates {
		if !used[gate] {
			tops = append(tops, gate.name)
		}
	}
	if len(tops) > 1 {
		return "", fmt.Errorf("%s: several gates are no input of another: %s; name one of them after ORDER", m.path, listed(tops, ", "))
	}
	return tops[0], nil
}

// listed is a list that may be long.
func listed(names []string, between string) string {
	const most = 20
	if len(names) > most {
		return strings.Join(names[:most], between) + fmt.Sprintf("%s… (%d in all)", between, len(names))
	}
	return strings.Join(names, between)
}
