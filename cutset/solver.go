package cutset

import (
	"cmp"
	"slices"
)

// Limits bound a search. A limit of zero is its default.
type Limits struct {
	Order  int         // sets of at most so many events, 3 by default, at most MaxOrder
	Nodes  int         // of the diagram that holds the sets; a node is about 80 bytes
	Steps  int         // of the work; some ten million are a second
	Enough func() bool // asked every few thousand steps, and ends the work; for a time limit
}

const (
	DefaultOrder = 3
	DefaultNodes = 1 << 22
	DefaultSteps = 1 << 26
	MaxOrder     = 63 // one bit of a word each

	// What a search without a limit to the order may take: some thirty milliseconds,
	// and a few megabytes.
	wholeNodes = 1 << 16
	wholeSteps = 1 << 18

	// Operations go as deep as there are events, a few hundred bytes each. A tree
	// of more is not decided, for its solver would outgrow a goroutine's stack.
	maxEvents = 1 << 20
)

// A Solver finds the minimal cut sets of a tree's nodes. What it found for one
// it uses for the next, and its limits hold for all of them together: when they
// are reached, what was decided stays so and what needs more work is not.
type Solver struct {
	tree    *Tree
	order   int
	diagram *diagram
	solved  map[Node]solved

	// unlimited knows no order, and little patience. It is made when it is needed.
	unlimited *Solver

	// seen marks the nodes that the collection of inputs number pass has met.
	seen []int32
	pass int32
}

// A solved node's family is whole but for sets that were cut off.
type solved struct {
	family family
	cut    bool
}

// Solve begins a search in the tree, which may grow while it goes on.
func Solve(t *Tree, limits Limits) *Solver {
	return &Solver{
		tree:  t,
		order: min(orDefault(limits.Order, DefaultOrder), MaxOrder),
		diagram: newDiagram(budget{
			nodes: orDefault(limits.Nodes, DefaultNodes), steps: orDefault(limits.Steps, DefaultSteps),
			enough: limits.Enough,
		}),
		solved: map[Node]solved{Never: {family: none}, Always: {family: empty}},
	}
}

// Of is the family of the node's minimal cut sets.
func (s *Solver) Of(top Node) Family {
	s.tree.known([]Node{top})
	open := []Node{top}
	if len(s.tree.events) > maxEvents {
		s.diagram.budget.spent = true
	}
	for len(open) > 0 {
		node := open[len(open)-1]
		if _, done := s.solved[node]; done {
			open = open[:len(open)-1]
			continue
		}
		inputs := s.inputs(node)
		if s.diagram.budget.spent {
			break
		}
		waiting := s.unsolved(inputs)
		if len(waiting) == 0 {
			s.solve(node, inputs)
		}
		open = append(open, waiting...)
	}
	found, done := s.solved[top]
	return Family{Decided: done, Truncated: !done || found.cut && !s.isWhole(top), solver: s, root: found.family}
}

// isWhole is whether a tree small enough to be searched without a limit to the
// order has no larger sets than were found.
func (s *Solver) isWhole(top Node) bool {
	if s.order == MaxOrder {
		return false
	}
	if s.unlimited == nil {
		s.unlimited = Solve(s.tree, Limits{Order: MaxOrder, Nodes: wholeNodes, Steps: wholeSteps, Enough: s.diagram.budget.enough})
	}
	all := s.unlimited.Of(top)
	return !all.Truncated && s.unlimited.diagram.most(all.root) <= s.order
}

func (s *Solver) unsolved(inputs []Node) []Node {
	var waiting []Node
	for _, input := range inputs {
		if _, done := s.solved[input]; !done {
			waiting = append(waiting, input)
		}
	}
	return waiting
}

// inputs are the node's, with a gate of the node's own kind replaced by its
// inputs: an Or of Ors is one Or, built at once and not Or by Or, each a little
// larger than the one before. An And that others use too is left whole, so that
// its product is made once.
func (s *Solver) inputs(node Node) []Node {
	kind := s.tree.parts[node].kind
	if kind == atLeast {
		return s.tree.parts[node].inputs
	}
	s.pass++
	s.seen = append(s.seen, make([]int32, len(s.tree.parts)-len(s.seen))...)
	var all []Node
	open := slices.Clone(s.tree.parts[node].inputs)
	for len(open) > 0 && s.diagram.budget.step() {
		input := open[len(open)-1]
		open = open[:len(open)-1]
		if s.seen[input] == s.pass {
			continue
		}
		s.seen[input] = s.pass
		if p := s.tree.parts[input]; p.kind == kind && (kind == or || p.users == 1) {
			open = append(open, p.inputs...)
		} else {
			all = append(all, input)
		}
	}
	slices.Sort(all)
	return all
}

// solve remembers nothing of a node in which the budget ran out.
func (s *Solver) solve(node Node, inputs []Node) {
	found := s.combine(s.tree.parts[node], inputs)
	if !s.diagram.budget.spent {
		s.solved[node] = found
	}
}

func (s *Solver) combine(p part, inputs []Node) solved {
	parts := make([]solved, len(inputs))
	for i, input := range inputs {
		parts[i] = s.solved[input]
	}
	switch p.kind {
	case event:
		return solved{family: s.diagram.single(p.number)}
	case or:
		return s.any(inputs, parts, highestBit)
	case and:
		return s.all(parts)
	default:
		return s.atLeast(int(p.number), parts)
	}
}

const highestBit = 30

// any unites families in pairs, pairs of pairs and so on, divided by the bits of
// their nodes' numbers and not by their count: so the same nodes make the same
// pairs below another top, and their union is remembered.
func (s *Solver) any(inputs []Node, parts []solved, bit int) solved {
	if len(inputs) == 1 {
		return parts[0]
	}
	middle, _ := slices.BinarySearchFunc(inputs, 1, func(n Node, _ int) int { return cmp.Compare(int(n)>>bit&1, 1) })
	if middle == 0 || middle == len(inputs) {
		return s.any(inputs, parts, bit-1)
	}
	low, high := s.any(inputs[:middle], parts[:middle], bit-1), s.any(inputs[middle:], parts[middle:], bit-1)
	return solved{family: s.diagram.union(low.family, high.family), cut: low.cut || high.cut}
}

// all multiplies families, those first that leave the least room below the order.
func (s *Solver) all(parts []solved) solved {
	slices.SortStableFunc(parts, func(a, b solved) int {
		return cmp.Or(
			cmp.Compare(s.diagram.least(b.family), s.diagram.least(a.family)),
			cmp.Compare(s.diagram.vertices[a.family].depth, s.diagram.vertices[b.family].depth),
		)
	})
	product := parts[0]
	for _, next := range parts[1:] {
		product = s.both(product, next)
	}
	return product
}

// atLeast goes through the parts once: some[j] is that j of those so far have
// failed: with one more part that is j without it, or j-1 and the part. What can
// no longer become k is left out. The last part is the first, so that each next
// one's events mostly come before all others and what is there need not change.
func (s *Solver) atLeast(k int, parts []solved) solved {
	some := make([]solved, k+1)
	some[0] = solved{family: empty}
	for left := len(parts) - 1; left >= 0; left-- {
		for j := min(k, len(parts)-left); j >= max(1, k-left) && s.diagram.budget.step(); j-- {
			with := s.both(some[j-1], parts[left])
			some[j] = solved{family: s.diagram.union(some[j].family, with.family), cut: some[j].cut || with.cut}
		}
	}
	return some[k]
}

// both is what fails when two fail.
func (s *Solver) both(a, b solved) solved {
	product, cut := s.diagram.product(a.family, b.family, s.order)
	return solved{family: product, cut: cut || a.cut || b.cut}
}

func orDefault(limit, usual int) int {
	if limit <= 0 {
		return usual
	}
	return limit
}
