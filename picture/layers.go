package picture

import (
	"cmp"
	"slices"

	"holdfast"
	"holdfast/topology"
)

// An element takes a place in a layer: an entry, a service, or the way of an
// edge past the layer. It has a row for each edge that comes in.
type element struct {
	label    string
	alarm    bool
	passes   bool // it is only the way of an edge
	layer    int
	place    int // within the layer, from the top
	row      int
	in, out  []*wire // from the top
	followed bool
}

// A wire is an edge from one layer to the next.
type wire struct {
	from, to *element
	need     need
}

// A layout is layers of elements: each stands one further to the right than the
// last that needs it.
type layout struct {
	layers [][]*element
}

// layers draws in layers. It does not fit where that is wider than the terminal
// or where lines would have to cross, since nobody can tell a crossing from a
// fork.
func (p Picture) layers(width int) (*canvas, bool) {
	if topology.Cycle(p.pairs()) != nil || !p.mayBePlane() {
		return nil, false
	}
	l := p.layout()
	if !l.untangle() {
		return nil, false
	}
	l.align()
	drawn := l.draw()
	return drawn, drawn != nil && !drawn.clash && drawn.width() <= width
}

// mayBePlane is false where there are more lines than can be drawn between so
// many things without crossings, in whatever way (Euler: three for each, less
// six).
func (p Picture) mayBePlane() bool {
	things, lines := len(p.services)+len(p.entries), len(p.edges)+len(p.entries)
	return things < 3 || lines <= 3*things-6
}

func (p Picture) pairs() []holdfast.Edge {
	var pairs []holdfast.Edge
	for _, e := range p.edges {
		pairs = append(pairs, e.Edge)
	}
	return pairs
}

// layout puts everything into its layer, in the order in which a reader comes to
// it from the first entry on.
func (p Picture) layout() *layout {
	l := &layout{}
	services := map[holdfast.ServiceName]*element{}
	var starts []*element
	for _, s := range p.services {
		services[s.name] = &element{label: s.label(), alarm: len(s.alone) > 0}
	}
	type link struct {
		from, to *element
		need     need
	}
	var links []link
	for _, e := range p.entries {
		in := &element{label: e.label()}
		starts = append(starts, in)
		links = append(links, link{from: in, to: services[e.to]})
	}
	for _, e := range p.edges {
		links = append(links, link{from: services[e.From], to: services[e.To], need: e.need})
	}
	for _, s := range p.services {
		starts = append(starts, services[s.name])
	}
	// As many rounds as there are layers bring everything to its own, since the
	// needs run in no circle.
	for moved := true; moved; {
		moved = false
		for _, k := range links {
			if k.to.layer <= k.from.layer {
				k.to.layer, moved = k.from.layer+1, true
			}
		}
	}
	for _, k := range links {
		connect(k.from, k.to, k.need)
	}
	for _, start := range starts {
		if len(start.in) == 0 {
			l.follow(start)
		}
	}
	return l
}

// connect leads an edge past all layers between its ends.
func connect(from, to *element, n need) {
	for from.layer+1 < to.layer {
		way := &element{passes: true, layer: from.layer + 1}
		connect(from, way, n)
		from = way
	}
	w := &wire{from: from, to: to, need: n}
	from.out, to.in = append(from.out, w), append(to.in, w)
}

func (l *layout) follow(e *element) {
	if e.followed {
		return
	}
	e.followed = true
	for len(l.layers) <= e.layer {
		l.layers = append(l.layers, nil)
	}
	e.place = len(l.layers[e.layer])
	l.layers[e.layer] = append(l.layers[e.layer], e)
	for _, w := range e.out {
		l.follow(w.to)
	}
}

// untangle looks for an order in each layer in which no wires cross: by moving
// elements between those they are connected with, and neighbours past each
// other, as long as it helps. It may miss an order that exists.
func (l *layout) untangle() bool {
	const rounds = 12 // few need more than four
	l.sort()
	for range rounds {
		if l.crossings() == 0 {
			return true
		}
		for i := 1; i < len(l.layers); i++ {
			l.arrange(i, func(e *element) []*wire { return e.in }, func(w *wire) *element { return w.from })
		}
		l.swap()
		if l.crossings() == 0 {
			return true
		}
		for i := len(l.layers) - 2; i >= 0; i-- {
			l.arrange(i, func(e *element) []*wire { return e.out }, func(w *wire) *element { return w.to })
		}
		l.swap()
	}
	return l.crossings() == 0
}

// arrange orders a layer by the middle of what its elements are connected with
// on one side. What is connected with nothing keeps its place.
func (l *layout) arrange(i int, wires func(*element) []*wire, other func(*wire) *element) {
	middle := map[*element]float64{}
	for _, e := range l.layers[i] {
		middle[e] = float64(e.place)
		sum := 0
		for _, w := range wires(e) {
			sum += other(w).place
		}
		if n := len(wires(e)); n > 0 {
			middle[e] = float64(sum) / float64(n)
		}
	}
	slices.SortStableFunc(l.layers[i], func(a, b *element) int { return cmp.Compare(middle[a], middle[b]) })
	l.sort()
}

// swap exchanges neighbours where fewer wires cross then.
func (l *layout) swap() {
	for i, layer := range l.layers {
		for k := 1; k < len(layer); k++ {
			before := l.around(i)
			exchange(layer, k)
			if l.around(i) >= before {
				exchange(layer, k)
			}
		}
	}
	l.sort()
}

// exchange swaps an element with the one above it.
func exchange(layer []*element, k int) {
	layer[k-1], layer[k] = layer[k], layer[k-1]
	layer[k-1].place, layer[k].place = k-1, k
}

// around counts the crossings on both sides of a layer.
func (l *layout) around(i int) int {
	if i == 0 {
		return l.behind(0)
	}
	return l.behind(i-1) + l.behind(i)
}

// sort numbers the places of all elements and brings their wires into the order
// of them.
func (l *layout) sort() {
	for _, layer := range l.layers {
		for i, e := range layer {
			e.place = i
		}
	}
	for _, layer := range l.layers {
		for _, e := range layer {
			slices.SortStableFunc(e.in, func(a, b *wire) int { return a.from.place - b.from.place })
			slices.SortStableFunc(e.out, func(a, b *wire) int { return a.to.place - b.to.place })
		}
	}
}

// crossings counts the pairs of wires that cross.
func (l *layout) crossings() int {
	n := 0
	for i := range l.layers {
		n += l.behind(i)
	}
	return n
}

// behind counts those between a layer and the next.
func (l *layout) behind(i int) int {
	var wires []*wire
	for _, e := range l.layers[i] {
		wires = append(wires, e.out...)
	}
	n := 0
	for i, a := range wires {
		for _, b := range wires[i+1:] {
			if a.from != b.from && a.to.place > b.to.place {
				n++
			}
		}
	}
	return n
}

// height is how many rows an element takes.
func (e *element) height() int { return max(1, len(e.in)) }

// port is the row at which a wire arrives.
func (w *wire) port() int { return w.to.row + slices.Index(w.to.in, w) }

// align gives every element its rows: as far up as can be, but on the row of the
// first that it leads to, and that on its. Where both cannot be had for all, only
// the second is tried for.
func (l *layout) align() {
	if !l.settle(true) {
		l.settle(false)
	}
}

// settle moves elements down until nothing has to move. Each element that leads
// on can at most be moved past all others, unless they push each other for ever.
func (l *layout) settle(both bool) bool {
	rows := 0
	for _, layer := range l.layers {
		for _, e := range layer {
			e.row = 0
			rows += e.height()
		}
	}
	for range rows + len(l.layers) {
		moved := false
		for _, layer := range l.layers {
			next := 0
			for _, e := range layer {
				row := max(e.row, next, e.wanted(both))
				moved = moved || row != e.row
				e.row, next = row, row+e.height()
			}
		}
		if !moved {
			return true
		}
	}
	return false
}

// wanted is the row that keeps an element's lines straight.
func (e *element) wanted(both bool) int {
	row := 0
	for i, w := range e.in {
		if w.from.out[0] == w {
			row = max(row, w.from.row-i)
		}
	}
	if both && len(e.out) > 0 {
		row = max(row, e.out[0].port())
	}
	return row
}
