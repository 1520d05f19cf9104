package cutset

import (
	"iter"
	"math"
	"math/bits"
	"slices"
)

// A Family is the minimal cut sets of one node of a tree, as far as they were
// searched for.
type Family struct {
	// Decided is false when a limit ended the search. Such a family is empty, and
	// says nothing about the tree; a lower order may still be within the limits.
	Decided bool

	// Truncated is false when the family is whole: there are no minimal cut sets
	// but these. It is true when there are larger ones. In a tree too large to be
	// searched without a limit to the order it is true when sets were cut off on the
	// way for being larger than the order: then there can be larger ones, unless each
	// that was cut off turned out to contain a smaller one.
	Truncated bool

	solver *Solver
	root   family
}

// ByOrder counts the sets of each number of events, from none (the set of what
// has failed already) up to the order of the search. Counts end at the largest
// int.
func (f Family) ByOrder() []int {
	counts := make([]int, f.solver.order+1)
	vertices := f.vertices()
	copy(counts, vertices.row(vertices.counts, f.root))
	return counts
}

// Total is the number of the sets.
func (f Family) Total() int {
	total := 0
	for _, n := range f.ByOrder() {
		total = plus(total, n)
	}
	return total
}

// Sets are all sets, the smallest first, those of one size in the order of their
// events. They are found as they are asked for: the first few are cheap however
// many there are. Each is the caller's to keep.
func (f Family) Sets() iter.Seq[[]Node] {
	return func(yield func([]Node) bool) {
		for orders := f.diagram().vertices[f.root].orders; orders != 0; orders &= orders - 1 {
			order := bits.TrailingZeros64(orders)
			if !f.each(f.root, make([]Node, 0, order), order, yield) {
				return
			}
		}
	}
}

// each yields the sets that begin as set does and go on with more events.
func (f Family) each(at family, set []Node, more int, yield func([]Node) bool) bool {
	vertices := f.diagram().vertices
	if more == 0 {
		return yield(slices.Clone(set))
	}
	for ; has(vertices[at].orders, more); at = vertices[at].without {
		v := vertices[at]
		if has(vertices[v.with].orders, more-1) && !f.each(v.with, append(set, f.solver.tree.events[v.event]), more-1, yield) {
			return false
		}
	}
	return true
}

func has(orders uint64, order int) bool { return orders>>order&1 == 1 }

// Has is whether these events are one of the sets.
func (f Family) Has(set ...Node) bool {
	numbers := make([]int32, 0, len(set))
	for _, node := range f.solver.tree.known(set) {
		if f.solver.tree.parts[node].kind != event {
			return false
		}
		numbers = append(numbers, f.solver.tree.parts[node].number)
	}
	slices.Sort(numbers)
	d, at := f.diagram(), f.root
	for _, number := range slices.Compact(numbers) {
		at = d.from(at, number)
		if d.vertices[at].event != number {
			return false
		}
		at = d.vertices[at].with
	}
	return has(d.vertices[at].orders, 0)
}

// An Importance says what part an event has in a family.
type Importance struct {
	Event    Node
	Sets     int // that it is in
	Smallest int // events of the smallest of them
}

// ByEvent is the importance of every event that is in a set, in the order of the
// events.
func (f Family) ByEvent() []Importance {
	vertices := f.vertices()
	found := make([]Importance, len(f.solver.tree.events))
	for number, node := range f.solver.tree.events {
		found[number] = Importance{Event: node, Smallest: math.MaxInt}
	}
	ways := vertices.ways()
	for i, at := range vertices.all {
		v := f.diagram().vertices[at]
		if v.event == noEvent {
			continue
		}
		with := vertices.row(vertices.counts, v.with)
		for above, n := range ways[i*vertices.wide : (i+1)*vertices.wide] {
			for below, m := range with[:vertices.wide-above] {
				if n > 0 && m > 0 {
					found[v.event].Sets = plus(found[v.event].Sets, times(n, m))
					found[v.event].Smallest = min(found[v.event].Smallest, above+1+below)
				}
			}
		}
	}
	return slices.DeleteFunc(found, func(i Importance) bool { return i.Sets == 0 })
}

func (f Family) diagram() *diagram { return f.solver.diagram }

// A shape is the vertices of one family, each after those below it, and a row of
// counts for each: of its sets, by order.
type shape struct {
	diagram *diagram
	all     []family
	index   []int32 // of a vertex, where it is among all
	counts  []int
	wide    int // of a row: the largest order there is, and 0
}

func (f Family) vertices() shape {
	d := f.diagram()
	s := shape{diagram: d, index: make([]int32, max(f.root, empty)+1), wide: max(d.most(f.root), 0) + 1}
	s.collect(f.root)
	s.counts = make([]int, len(s.all)*s.wide)
	for i, at := range s.all {
		row := s.counts[i*s.wide : (i+1)*s.wide]
		if at <= empty {
			row[0] = int(at) // none has no set, empty has one
			continue
		}
		without, with := s.row(s.counts, d.vertices[at].without), s.row(s.counts, d.vertices[at].with)
		row[0] = without[0]
		for order := 1; order < s.wide; order++ {
			row[order] = plus(without[order], with[order-1])
		}
	}
	return s
}

// collect finds all vertices from the root down. A vertex is made after those
// below it and its number is higher.
func (s *shape) collect(root family) {
	reached := make([]bool, len(s.index))
	reached[root] = true
	for at := root; at >= none; at-- {
		if !reached[at] {
			continue
		}
		s.all = append(s.all, at)
		if at > empty {
			reached[s.diagram.vertices[at].without], reached[s.diagram.vertices[at].with] = true, true
		}
	}
	slices.Reverse(s.all)
	for i, at := range s.all {
		s.index[at] = int32(i)
	}
}

func (s shape) row(rows []int, at family) []int {
	i := int(s.index[at])
	return rows[i*s.wide : (i+1)*s.wide]
}

// ways counts, for each vertex, the ways from the root to it by the number of
// events that they take.
func (s shape) ways() []int {
	ways := make([]int, len(s.counts))
	ways[len(ways)-s.wide] = 1
	for i := len(s.all) - 1; i >= 0; i-- {
		if s.all[i] <= empty {
			continue
		}
		v, row := s.diagram.vertices[s.all[i]], ways[i*s.wide:(i+1)*s.wide]
		without, with := s.row(ways, v.without), s.row(ways, v.with)
		for order, n := range row {
			without[order] = plus(without[order], n)
			if order+1 < s.wide {
				with[order+1] = plus(with[order+1], n)
			}
		}
	}
	return ways
}

func plus(a, b int) int {
	if a > math.MaxInt-b {
		return math.MaxInt
	}
	return a + b
}

func times(a, b int) int {
	if b != 0 && a > math.MaxInt/b {
		return math.MaxInt
	}
	return a * b
}
