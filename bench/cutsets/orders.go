package main

import (
	"cmp"
	"slices"

	"holdfast/cutset"
)

// A faultTree is what is below one gate of a model.
type faultTree struct {
	model  *model
	root   *definition
	gates  []*definition // each after those below it; the root is the last
	events []*definition // in the order in which a walk from the left meets them
}

func (m *model) below(top string) *faultTree {
	t := &faultTree{model: m, root: m.named[top]}
	t.gates, t.events = t.walk(func(d *definition) []*definition { return m.inputs(d.formula) })
	return t
}

// walk goes down depth first, to each definition once, in the order in which
// inputs gives them.
func (t *faultTree) walk(inputs func(*definition) []*definition) (gates, events []*definition) {
	met := map[*definition]bool{}
	var from func(*definition)
	from = func(d *definition) {
		if met[d] {
			return
		}
		met[d] = true
		switch d.kind {
		case "basic-event":
			events = append(events, d)
		case "gate":
			for _, input := range inputs(d) {
				from(input)
			}
			gates = append(gates, d)
		}
	}
	from(t.root)
	return gates, events
}

// build makes the tree for a search, its events created in the order given.
func (t *faultTree) build(events []*definition) (*cutset.Tree, cutset.Node) {
	tree, nodes := cutset.NewTree(), map[string]cutset.Node{}
	for _, e := range events {
		nodes[e.name] = tree.Event(e.name)
	}
	for _, gate := range t.gates {
		nodes[gate.name] = t.node(tree, nodes, gate.formula)
	}
	return tree, nodes[t.root.name]
}

func (t *faultTree) node(tree *cutset.Tree, nodes map[string]cutset.Node, f formula) cutset.Node {
	var inputs []cutset.Node
	for _, input := range f.inputs {
		inputs = append(inputs, t.node(tree, nodes, input))
	}
	switch f.operator {
	case "and":
		return tree.And(inputs...)
	case "or":
		return tree.Or(inputs...)
	case "atleast":
		return tree.AtLeast(f.least, inputs...)
	case "constant":
		return constant(f.failed)
	}
	if d := t.model.named[f.name]; d.kind == "house-event" {
		return constant(d.failed)
	}
	return nodes[f.name]
}

func constant(failed bool) cutset.Node {
	if failed {
		return cutset.Always
	}
	return cutset.Never
}

// orders are those worth trying, the usual ones first: depth first as written,
// with the largest gates first and with the smallest, by distance from the top,
// and by how many gates use an event.
func (t *faultTree) orders() [][]*definition {
	sizes, distances, uses := t.sizes(), t.distances(), t.uses()
	bySize := func(sign int) []*definition {
		_, events := t.walk(func(d *definition) []*definition {
			inputs := t.model.inputs(d.formula)
			slices.SortStableFunc(inputs, func(a, b *definition) int { return sign * cmp.Compare(sizes[a], sizes[b]) })
			return inputs
		})
		return events
	}
	by := func(numbers map[*definition]float64) []*definition {
		return slices.SortedStableFunc(slices.Values(t.events), func(a, b *definition) int { return cmp.Compare(numbers[a], numbers[b]) })
	}
	return [][]*definition{t.events, bySize(-1), bySize(1), by(distances), by(uses)}
}

// sizes are how many events each definition is written out to, those met again
// counted again: more than fits any whole number in some trees.
func (t *faultTree) sizes() map[*definition]float64 {
	sizes := map[*definition]float64{}
	for _, e := range t.events {
		sizes[e] = 1
	}
	for _, gate := range t.gates {
		for _, input := range t.model.inputs(gate.formula) {
			sizes[gate] += sizes[input]
		}
	}
	return sizes
}

// distances are the longest ways from the top.
func (t *faultTree) distances() map[*definition]float64 {
	distances := map[*definition]float64{}
	for _, gate := range slices.Backward(t.gates) {
		for _, input := range t.model.inputs(gate.formula) {
			distances[input] = max(distances[input], distances[gate]+1)
		}
	}
	return distances
}

// uses are counted down, so that the most used comes first.
func (t *faultTree) uses() map[*definition]float64 {
	uses := map[*definition]float64{}
	for _, gate := range t.gates {
		for _, input := range t.model.inputs(gate.formula) {
			uses[input]--
		}
	}
	return uses
}
