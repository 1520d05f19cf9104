// Package cutset answers the question of whoever is on call before it is asked
// at night: which things, failing together, take everything down?
//
// A fault tree says what takes what down. Its leaves are events, things that can
// fail: a process, a host, a zone. Its gates say when failures become a larger
// one: any of them is enough (Or), it takes them all (And), it takes so many of
// them (AtLeast). A cut set is a set of events that brings the top of the tree
// down; it is minimal when it no longer does with one of them mended. One event
// alone is a single point of failure, two are a pair that must not fail on the
// same day.
//
// The trees are coherent: a failure only ever makes things worse. There is no
// Not, so that every answer can be proved, and a fallback is an And of what it
// covers and of itself.
package cutset

import (
	"fmt"
	"slices"
)

// A Node is a part of one Tree: an event or a gate.
type Node int32

const (
	Never  Node = iota // what cannot fail: an Or of nothing
	Always             // what has failed already: an And of nothing
)

// A Tree is a fault tree under construction, and really a graph: any part can be
// an input of many gates. As a gate is built of parts that are there already, it
// has no circles.
//
// Events are shown in the order of their creation. The solver works in that
// order too, and is quickest when events with many users come early: zones, then
// hosts, then processes, which is also how a set reads best.
type Tree struct {
	parts  []part
	events []Node
	named  map[string]Node
}

type kind uint8

const (
	constant kind = iota
	event
	or
	and
	atLeast
)

// A part's inputs are sorted, and all created before it. users counts the gates
// that have it as an input.
type part struct {
	kind   kind
	users  int32
	number int32 // of an event: its place among the events; of an AtLeast: how many it takes
	inputs []Node
	name   string
}

// NewTree is a tree that has no events yet. It is not for several goroutines at
// once while it is built.
func NewTree() *Tree {
	return &Tree{parts: []part{Never: {name: "never"}, Always: {name: "always"}}, named: map[string]Node{}}
}

// Event is the event of that name, which is created when it is asked for first.
func (t *Tree) Event(name string) Node {
	node, ok := t.named[name]
	if !ok {
		node = t.add(part{kind: event, number: int32(len(t.events)), name: name})
		t.named[name], t.events = node, append(t.events, node)
	}
	return node
}

// Name is the name of an event, and empty for a gate.
func (t *Tree) Name(node Node) string { return t.parts[node].name }

// Events are all events, in the order of their creation.
func (t *Tree) Events() []Node { return slices.Clone(t.events) }

// Or fails when any of its inputs does, and never when it has none.
func (t *Tree) Or(inputs ...Node) Node { return t.gate(or, Never, Always, inputs) }

// And fails when all of its inputs do, and always when it has none.
func (t *Tree) And(inputs ...Node) Node { return t.gate(and, Always, Never, inputs) }

// AtLeast fails when k of its inputs do. An input that is given twice counts
// twice.
func (t *Tree) AtLeast(k int, inputs ...Node) Node {
	var open []Node
	for _, input := range t.known(inputs) {
		switch input {
		case Always:
			k--
		case Never:
		default:
			open = append(open, input)
		}
	}
	switch {
	case k <= 0:
		return Always
	case k > len(open):
		return Never
	case k == 1:
		return t.Or(open...)
	case k == len(open):
		return t.And(open...)
	}
	slices.Sort(open)
	return t.add(part{kind: atLeast, number: int32(k), inputs: open})
}

// gate is an Or or an And without what changes nothing: a neutral input, and an
// input that was given already. A deciding input is the whole gate.
func (t *Tree) gate(kind kind, neutral, deciding Node, inputs []Node) Node {
	inputs = slices.Clone(t.known(inputs))
	slices.Sort(inputs)
	inputs = slices.Compact(inputs)
	inputs = slices.DeleteFunc(inputs, func(n Node) bool { return n == neutral })
	switch {
	case slices.Contains(inputs, deciding):
		return deciding
	case len(inputs) == 0:
		return neutral
	case len(inputs) == 1:
		return inputs[0]
	}
	return t.add(part{kind: kind, inputs: inputs})
}

func (t *Tree) add(p part) Node {
	for _, input := range p.inputs {
		t.parts[input].users++
	}
	t.parts = append(t.parts, p)
	return Node(len(t.parts) - 1)
}

// known refuses what belongs to another tree, as far as that shows.
func (t *Tree) known(nodes []Node) []Node {
	for _, node := range nodes {
		if node < 0 || int(node) >= len(t.parts) {
			panic(fmt.Sprintf("cutset: node %d is not of this tree, which has %d", node, len(t.parts)))
		}
	}
	return nodes
}
