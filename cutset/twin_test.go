package cutset

import (
	"fmt"
	"math/bits"
	"math/rand/v2"
	"slices"
	"strings"
)

// A plan is a fault tree written down without this package's code, for twins to
// solve. Its parts are numbers: first the events, then the gates, each of which
// fails when enough of its inputs, all earlier parts, do.
type plan struct {
	events int
	gates  []planned
}

type planned struct {
	enough int
	inputs []int
}

// anyPlan has gates of one to four inputs, with constants and inputs given twice
// among them; late gates prefer late inputs, so that it is deep.
func anyPlan(chance *rand.Rand, events, gates int) plan {
	p := plan{events: events}
	for range gates {
		inputs := make([]int, 1+chance.IntN(4))
		for i := range inputs {
			inputs[i] = chance.IntN(p.parts())
			if chance.IntN(3) == 0 {
				inputs[i] = max(inputs[i], chance.IntN(p.parts()))
			}
		}
		enough := []int{1, 1, len(inputs), len(inputs), 2, chance.IntN(len(inputs) + 2)}[chance.IntN(6)]
		if enough == 0 || enough > len(inputs) {
			enough = chance.IntN(30) // mostly a gate, now and then a constant
			if enough > 1 {
				enough = 1
			}
		}
		p.gates = append(p.gates, planned{enough: enough, inputs: inputs})
	}
	return p
}

func (p plan) parts() int { return p.events + len(p.gates) }
func (p plan) top() int   { return p.parts() - 1 }

// build makes a tree of it, the events created in the order given, and returns
// the node of each part.
func (p plan) build(order []int) (*Tree, []Node) {
	t, nodes := NewTree(), make([]Node, p.parts())
	for _, e := range order {
		nodes[e] = t.Event(fmt.Sprintf("e%02d", e))
	}
	for i, g := range p.gates {
		inputs := make([]Node, len(g.inputs))
		for j, input := range g.inputs {
			inputs[j] = nodes[input]
		}
		switch {
		case g.enough == 1:
			nodes[p.events+i] = t.Or(inputs...)
		case g.enough == len(inputs) && i%2 == 0:
			nodes[p.events+i] = t.And(inputs...)
		default:
			nodes[p.events+i] = t.AtLeast(g.enough, inputs...)
		}
	}
	return t, nodes
}

// fails is whether a part has failed when the events of mask have.
func (p plan) fails(part int, mask uint64) bool {
	failed := make([]bool, p.parts())
	for i := range failed {
		if i < p.events {
			failed[i] = mask>>i&1 == 1
			continue
		}
		n := 0
		for _, input := range p.gates[i-p.events].inputs {
			if failed[input] {
				n++
			}
		}
		failed[i] = n >= p.gates[i-p.events].enough
	}
	return failed[part]
}

// byTruthTable tries all sets of events.
func (p plan) byTruthTable(part int) []uint64 {
	fails := make([]bool, 1<<p.events)
	var cuts []uint64
	for mask := range fails {
		fails[mask] = p.fails(part, uint64(mask))
		minimal := fails[mask]
		for rest := mask; rest != 0 && minimal; rest &= rest - 1 {
			minimal = !fails[mask&^(rest&-rest)]
		}
		if minimal {
			cuts = append(cuts, uint64(mask))
		}
	}
	return cuts
}

// byExpansion goes from the top down, as Fussell and Vesely did: a row of parts
// that fail together becomes as many rows as its first gate has ways to fail,
// until there are only events. Rows of too many events are dropped, and in the
// end those that contain another.
func (p plan) byExpansion(part, order int) []uint64 {
	type row struct{ gates, events uint64 }
	add := func(r row, part int) row {
		if part < p.events {
			r.events |= 1 << part
		} else {
			r.gates |= 1 << (part - p.events)
		}
		return r
	}
	seen, rows, cuts := map[row]bool{}, []row{add(row{}, part)}, []uint64{}
	for len(rows) > 0 {
		r := rows[len(rows)-1]
		rows = rows[:len(rows)-1]
		if seen[r] || bits.OnesCount64(r.events) > order {
			continue
		}
		seen[r] = true
		if r.gates == 0 {
			cuts = append(cuts, r.events)
			continue
		}
		gate := bits.Len64(r.gates) - 1
		r.gates &^= 1 << gate
		g := p.gates[gate]
		for choice := range 1 << len(g.inputs) {
			if bits.OnesCount(uint(choice)) != g.enough {
				continue
			}
			next := r
			for i, input := range g.inputs {
				if choice>>i&1 == 1 {
					next = add(next, input)
				}
			}
			rows = append(rows, next)
		}
	}
	return unabsorbed(cuts)
}

func unabsorbed(cuts []uint64) []uint64 {
	slices.SortFunc(cuts, func(a, b uint64) int { return bits.OnesCount64(a) - bits.OnesCount64(b) })
	var kept []uint64
	for _, cut := range cuts {
		if !slices.ContainsFunc(kept, func(k uint64) bool { return k&^cut == 0 }) {
			kept = append(kept, cut)
		}
	}
	return kept
}

// written is sets by their events' names, sorted, however they came about.
func written(masks []uint64, order int) string {
	var all []string
	for _, mask := range masks {
		if bits.OnesCount64(mask) > order {
			continue
		}
		var names []string
		for rest := mask; rest != 0; rest &= rest - 1 {
			names = append(names, fmt.Sprintf("e%02d", bits.TrailingZeros64(rest)))
		}
		all = append(all, strings.Join(names, " "))
	}
	slices.Sort(all)
	return strings.Join(all, "; ") + fmt.Sprintf(" (%d)", len(all))
}

func (f Family) written() string {
	var all []string
	for set := range f.Sets() {
		names := namesOf(f, set)
		slices.Sort(names)
		all = append(all, strings.Join(names, " "))
	}
	slices.Sort(all)
	return strings.Join(all, "; ") + fmt.Sprintf(" (%d)", len(all))
}

func namesOf(f Family, set []Node) []string {
	names := make([]string, len(set))
	for i, node := range set {
		names[i] = f.solver.tree.Name(node)
	}
	return names
}
