package cutset

import (
	"math"
	"math/bits"
)

// A family is a set of sets of events none of which contains another. It is kept
// in a diagram, where equal families are the same number.
type family int32

const (
	none  family = iota // no set: cannot happen
	empty               // the empty set alone: has happened
)

// A diagram holds families as a zero-suppressed decision diagram: a vertex
// divides a family into the sets without its event and those with it, less the
// event. Events come in ascending order on every way down, so that a family has
// one vertex and no other.
//
// Going down the sets without, one event after the other, is where such a
// diagram spends its time when it is wide: an Or of ten thousand processes is a
// chain of ten thousand. Each vertex therefore also knows one further down that
// chain, chosen as in Myers' random-access lists, and any place on it is found
// in logarithmic time.
//
// When the budget is spent, and it stays so, every operation returns at once with
// a result that means nothing.
type diagram struct {
	vertices []vertex
	places   []family // hash table of the vertices
	memory   memory
	budget   budget
}

type vertex struct {
	event   int32
	depth   int32 // length of the chain of sets without
	without family
	with    family
	far     family // a vertex further down the chain
	orders  uint64 // bit n: there are sets of n events
}

// noEvent comes after all events: the two families without a vertex.
const noEvent = math.MaxInt32

const smallest = 1 << 10 // places and memory to begin with; a small system needs no more

func newDiagram(b budget) *diagram {
	return &diagram{
		vertices: []vertex{none: {event: noEvent, far: none}, empty: {event: noEvent, far: empty, orders: 1}},
		places:   make([]family, smallest),
		memory:   memory{entries: make([]entry, smallest)},
		budget:   b,
	}
}

func (d *diagram) least(f family) int { return bits.TrailingZeros64(d.vertices[f].orders) }
func (d *diagram) most(f family) int  { return bits.Len64(d.vertices[f].orders) - 1 }

// single is the family of one set of one event.
func (d *diagram) single(event int32) family { return d.join(event, none, empty) }

// union is all sets of both that contain no other.
func (d *diagram) union(f, g family) family {
	switch {
	case f == g || g == none:
		return f
	case f == none:
		return g
	case f == empty || g == empty:
		return empty
	}
	asked := question{of: united, f: min(f, g), g: max(f, g)}
	if r, _, ok := d.recall(asked); ok {
		return r
	}
	a, b := d.vertices[f], d.vertices[g]
	if a.event > b.event {
		a, b, g = b, a, f
	}
	var r family
	if a.event < b.event {
		r = d.join(a.event, d.union(a.without, g), d.unabsorbed(a.with, g))
	} else {
		with := d.union(d.unabsorbed(a.with, b.without), d.unabsorbed(b.with, a.without))
		r = d.join(a.event, d.union(a.without, b.without), with)
	}
	return d.remember(asked, r, false)
}

// unabsorbed is the sets of f that contain no set of g.
func (d *diagram) unabsorbed(f, g family) family {
	if f == none || g == empty || f == g {
		return none
	}
	if g == none || d.least(g) > d.most(f) {
		return f
	}
	g = d.from(g, d.vertices[f].event)
	if g == none {
		return f
	}
	asked := question{of: absorbed, f: f, g: g}
	if r, _, ok := d.recall(asked); ok {
		return r
	}
	a, b := d.vertices[f], d.vertices[g]
	without, with := a.without, a.with
	if a.event < b.event {
		without, with = d.unabsorbed(without, g), d.unabsorbed(with, g)
	} else {
		without, with = d.unabsorbed(without, b.without), d.unabsorbed(d.unabsorbed(with, b.without), b.with)
	}
	return d.remember(asked, d.join(a.event, without, with), false)
}

// product is every set of f together with every set of g, less what contains
// another and what has more events than order. The second result is whether any
// was cut off for having more; it can be one that contains another.
func (d *diagram) product(f, g family, order int) (family, bool) {
	switch {
	case f == none || g == none:
		return none, false
	case f == empty || f == g:
		return d.upTo(g, order)
	case g == empty:
		return d.upTo(f, order)
	case max(d.least(f), d.least(g)) > order:
		return none, true
	}
	order = min(order, d.most(f)+d.most(g))
	asked := question{of: multiplied, order: uint8(order), f: min(f, g), g: max(f, g)}
	if r, cut, ok := d.recall(asked); ok {
		return r, cut
	}
	a, b := d.vertices[f], d.vertices[g]
	if a.event > b.event {
		a, b, g = b, a, f
	}
	var without, with family
	var cut1, cut2, cut3 bool
	if a.event < b.event {
		without, cut1 = d.product(a.without, g, order)
		with, cut2 = d.product(a.with, g, order-1)
	} else {
		without, cut1 = d.product(a.without, b.without, order)
		with, cut2 = d.product(a.with, d.union(b.without, b.with), order-1)
		var other family
		other, cut3 = d.product(a.without, b.with, order-1)
		with = d.union(with, other)
	}
	cut := cut1 || cut2 || cut3
	return d.remember(asked, d.join(a.event, without, d.unabsorbed(with, without)), cut), cut
}

// upTo is the sets of f of at most so many events, and whether there are others.
func (d *diagram) upTo(f family, order int) (family, bool) {
	switch {
	case d.most(f) <= order:
		return f, false
	case d.least(f) > order:
		return none, true
	}
	asked := question{of: shortened, order: uint8(order), f: f}
	if r, cut, ok := d.recall(asked); ok {
		return r, cut
	}
	a := d.vertices[f]
	without, _ := d.upTo(a.without, order)
	with, _ := d.upTo(a.with, order-1)
	return d.remember(asked, d.join(a.event, without, with), true), true
}

// from is the rest of the family's chain of sets without, from an event on.
func (d *diagram) from(f family, event int32) family {
	for d.vertices[f].event < event {
		if far := d.vertices[f].far; d.vertices[far].event <= event {
			f = far
		} else {
			f = d.vertices[f].without
		}
	}
	return f
}

// join is the family of the sets without an event and, with it, the others.
func (d *diagram) join(event int32, without, with family) family {
	if with == none || d.budget.spent {
		return without
	}
	place := d.place(event, without, with)
	if f := d.places[place]; f != none {
		return f
	}
	if len(d.vertices) >= d.budget.nodes {
		d.budget.spent = true
		return none
	}
	f := family(len(d.vertices))
	d.places[place] = f
	d.vertices = append(d.vertices, vertex{
		event: event, without: without, with: with,
		depth: d.vertices[without].depth + 1, far: d.farFrom(without),
		orders: d.vertices[without].orders | d.vertices[with].orders<<1,
	})
	if 2*len(d.vertices) > len(d.places) {
		d.grow()
	}
	return f
}

// farFrom is where a vertex before f points: over two equal leaps of f's, or to
// f itself.
func (d *diagram) farFrom(f family) family {
	once := d.vertices[f].far
	twice := d.vertices[once].far
	if d.vertices[f].depth-d.vertices[once].depth == d.vertices[once].depth-d.vertices[twice].depth {
		return twice
	}
	return f
}

// place is where a vertex is in the hash table, or the free place for it.
func (d *diagram) place(event int32, without, with family) int {
	last := len(d.places) - 1
	for i := int(mix(uint64(uint32(event))<<32|uint64(uint32(without)), uint64(uint32(with)))) & last; ; i = (i + 1) & last {
		f := d.places[i]
		if f == none {
			return i
		}
		if v := &d.vertices[f]; v.event == event && v.without == without && v.with == with {
			return i
		}
	}
}

func (d *diagram) grow() {
	d.places = make([]family, 2*len(d.places))
	for f := int(empty) + 1; f < len(d.vertices); f++ {
		v := d.vertices[f]
		d.places[d.place(v.event, v.without, v.with)] = family(f)
	}
	d.memory.grow(len(d.vertices))
}

// mix spreads two words over one; the constant is 2^64 divided by the golden
// ratio.
func mix(a, b uint64) uint64 {
	high, low := bits.Mul64(a^0x9e3779b97f4a7c15, b^0xe7037ed1a0b428db)
	return (high ^ low) * 0x9e3779b97f4a7c15 >> 16
}
