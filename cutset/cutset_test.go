package cutset

import (
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func Example() {
	t := NewTree()
	zone, host1, host2 := t.Event("zone a"), t.Event("host 1"), t.Event("host 2")
	replica := func(name string, host Node) Node { return t.Or(t.Event(name), host, zone) }
	catalog := t.And(replica("catalog-1", host1), replica("catalog-2", host2))
	storefront := t.And(replica("storefront-1", host1), replica("storefront-2", host1))

	family := Solve(t, Limits{}).Of(t.Or(storefront, catalog))
	for set := range family.Sets() {
		var names []string
		for _, event := range set {
			names = append(names, t.Name(event))
		}
		fmt.Println(strings.Join(names, " and "))
	}
	fmt.Println("more of a higher order?", family.Truncated)
	// Output:
	// zone a
	// host 1
	// host 2 and catalog-1
	// catalog-1 and catalog-2
	// storefront-1 and storefront-2
	// more of a higher order? false
}

func TestGatesAreSimplifiedWhereConstantsDecideThem(t *testing.T) {
	tree := NewTree()
	a, b := tree.Event("a"), tree.Event("b")
	for i, c := range []struct{ got, want Node }{
		{tree.Or(), Never}, {tree.And(), Always},
		{tree.Or(a, Never), a}, {tree.And(a, Always), a},
		{tree.Or(a, Always), Always}, {tree.And(a, Never), Never},
		{tree.Or(a, a), a}, {tree.And(b, b), b},
		{tree.AtLeast(0, a), Always}, {tree.AtLeast(-1), Always}, {tree.AtLeast(1), Never}, {tree.AtLeast(3, a, b), Never},
		{tree.AtLeast(2, a, Always, Never), a}, {tree.AtLeast(2, a, a), a}, {tree.AtLeast(2, a, Never, b, Always, Always), Always},
		{tree.Event("a"), a},
	} {
		if c.got != c.want {
			t.Errorf("case %d is node %d, want %d", i, c.got, c.want)
		}
	}
}

func TestConstantTopsAreDecided(t *testing.T) {
	solver := Solve(NewTree(), Limits{})
	never, always := solver.Of(Never), solver.Of(Always)
	if !never.Decided || never.Truncated || never.Total() != 0 || len(slices.Collect(never.Sets())) != 0 || never.Has() {
		t.Errorf("never: %+v, %v", never, never.ByOrder())
	}
	if !always.Decided || always.Truncated || !slices.Equal(always.ByOrder(), []int{1, 0, 0, 0}) || !always.Has() || len(always.ByEvent()) != 0 {
		t.Errorf("always: %+v, %v", always, always.ByOrder())
	}
	if sets := slices.Collect(always.Sets()); len(sets) != 1 || len(sets[0]) != 0 {
		t.Errorf("always has the sets %v", sets)
	}
}

func TestANodeOfAnotherTreeIsRefused(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("accepted")
		}
	}()
	NewTree().Or(Node(7))
}

// Sixteen events at most, every part of the tree a top, every order a search:
// what is found, and what Truncated says of what is not.
func TestAgainstTruthTables(t *testing.T) {
	chance := rand.New(rand.NewPCG(4, 1))
	for round := range 400 {
		p := anyPlan(chance, 2+chance.IntN(9), 1+chance.IntN(14))
		if round%100 == 0 {
			p = anyPlan(chance, 16, 24)
		}
		part := p.events + chance.IntN(len(p.gates))
		truth := p.byTruthTable(part)
		tree, nodes := p.build(chance.Perm(p.events))
		for order := 1; order <= p.events; order++ {
			family := Solve(tree, Limits{Order: order}).Of(nodes[part])
			if got, want := family.written(), written(truth, order); got != want || !family.Decided {
				t.Fatalf("%+v, part %d at order %d:\n%s, want\n%s", p, part, order, got, want)
			}
			larger := slices.ContainsFunc(truth, func(cut uint64) bool { return bits.OnesCount64(cut) > order })
			if family.Truncated != larger {
				t.Fatalf("%+v, part %d at order %d: truncated is %v, and there are larger sets: %v", p, part, order, family.Truncated, larger)
			}
			checkCaution(t, tree, nodes[part], order, larger)
		}
	}
}

// checkCaution holds a search that has nothing to look beyond its order with to
// never calling a family whole that is not.
func checkCaution(t *testing.T, tree *Tree, top Node, order int, larger bool) {
	t.Helper()
	solver := Solve(tree, Limits{Order: order})
	solver.unlimited = Solve(tree, Limits{Steps: 1})
	if family := solver.Of(top); larger && !family.Truncated {
		t.Fatalf("at order %d a family with larger sets is called whole", order)
	}
}

func TestAgainstExpansionFromTheTop(t *testing.T) {
	chance := rand.New(rand.NewPCG(4, 2))
	sets := 0
	for range 600 {
		p := anyPlan(chance, 20+chance.IntN(30), 10+chance.IntN(16))
		tree, nodes := p.build(chance.Perm(p.events))
		for order := 1; order <= 4; order++ {
			family := Solve(tree, Limits{Order: order}).Of(nodes[p.top()])
			if got, want := family.written(), written(p.byExpansion(p.top(), order), order); got != want {
				t.Fatalf("%+v at order %d:\n%s, want\n%s", p, order, got, want)
			}
			sets += family.Total()
		}
	}
	if sets < 2000 {
		t.Errorf("%d sets in all: too few to show anything", sets)
	}
}

func TestTheOrderOfEventsChangesNothing(t *testing.T) {
	chance := rand.New(rand.NewPCG(4, 3))
	for range 60 {
		p := anyPlan(chance, 30, 30)
		want := ""
		for round := range 5 {
			tree, nodes := p.build(chance.Perm(p.events))
			family := Solve(tree, Limits{}).Of(nodes[p.top()])
			got := fmt.Sprint(family.Truncated, " ", family.written())
			if round > 0 && got != want {
				t.Fatalf("%+v:\n%s and\n%s", p, got, want)
			}
			want = got
		}
	}
}

func TestAHigherOrderOnlyAdds(t *testing.T) {
	chance := rand.New(rand.NewPCG(4, 4))
	for range 60 {
		p := anyPlan(chance, 24, 30)
		tree, nodes := p.build(chance.Perm(p.events))
		less := Solve(tree, Limits{Order: 1}).Of(nodes[p.top()])
		for order := 2; order < 8; order++ {
			more := Solve(tree, Limits{Order: order}).Of(nodes[p.top()])
			if !slices.Equal(more.ByOrder()[:order], less.ByOrder()) {
				t.Fatalf("%+v at order %d: %v, and below it %v", p, order, more.ByOrder(), less.ByOrder())
			}
			for set := range less.Sets() {
				if !more.Has(set...) {
					t.Fatalf("%+v at order %d: %v is gone", p, order, namesOf(more, set))
				}
			}
			if more.Truncated && !less.Truncated {
				t.Fatalf("%+v: whole at order %d and not at %d", p, order-1, order)
			}
			less = more
		}
	}
}

func TestManyTopsShareASolver(t *testing.T) {
	chance := rand.New(rand.NewPCG(4, 5))
	for range 40 {
		p := anyPlan(chance, 20, 30)
		tree, nodes := p.build(chance.Perm(p.events))
		shared := Solve(tree, Limits{})
		for _, i := range chance.Perm(len(nodes)) {
			alone := Solve(tree, Limits{}).Of(nodes[i])
			for range 2 {
				if got := shared.Of(nodes[i]); got.written() != alone.written() || got.Truncated != alone.Truncated {
					t.Fatalf("%+v, part %d:\n%v %s, alone\n%v %s", p, i, got.Truncated, got.written(), alone.Truncated, alone.written())
				}
			}
		}
	}
}

func TestATreeMayGrowBelowItsSolver(t *testing.T) {
	tree := NewTree()
	solver := Solve(tree, Limits{})
	a := tree.Event("a")
	if got := solver.Of(a).written(); got != "a (1)" {
		t.Error(got)
	}
	if got := solver.Of(tree.And(a, tree.Or(a, tree.Event("b")), tree.Event("c"))).written(); got != "a c (1)" {
		t.Error(got)
	}
}

func TestSetsComeSmallestFirstThenByEvents(t *testing.T) {
	chance := rand.New(rand.NewPCG(4, 6))
	for range 60 {
		p := anyPlan(chance, 20, 24)
		tree, nodes := p.build(chance.Perm(p.events))
		family := Solve(tree, Limits{Order: 5}).Of(nodes[p.top()])
		sets := slices.Collect(family.Sets())
		before := func(a, b []Node) int {
			if len(a) != len(b) {
				return len(a) - len(b)
			}
			return slices.Compare(a, b) // events were created before all gates: as nodes they are in order too
		}
		if !slices.IsSortedFunc(sets, before) || len(sets) != family.Total() {
			t.Fatalf("%d of %d sets: %v", len(sets), family.Total(), sets)
		}
		for i, set := range sets {
			if i > 0 && before(sets[i-1], set) == 0 || !family.Has(set...) {
				t.Fatalf("%v comes twice or is not there", set)
			}
			for j := range set {
				if family.Has(append(slices.Clone(set[:j]), set[j+1:]...)...) {
					t.Fatalf("%v is not minimal", set)
				}
			}
		}
	}
}

func TestImportanceIsCounted(t *testing.T) {
	chance := rand.New(rand.NewPCG(4, 7))
	for range 60 {
		p := anyPlan(chance, 16, 24)
		tree, nodes := p.build(chance.Perm(p.events))
		family := Solve(tree, Limits{Order: 4}).Of(nodes[p.top()])
		var want []Importance
		for _, event := range tree.Events() {
			i := Importance{Event: event}
			for set := range family.Sets() {
				if slices.Contains(set, event) {
					i.Sets++
					if i.Smallest == 0 {
						i.Smallest = len(set)
					}
				}
			}
			if i.Sets > 0 {
				want = append(want, i)
			}
		}
		if got := family.ByEvent(); !slices.Equal(got, want) {
			t.Fatalf("%+v:\n%v, want\n%v", p, got, want)
		}
	}
}

// Any three of ten thousand: 166,616,670,000 sets, of which the first are there
// at once.
func TestManySetsAreCountedAndBegunAtOnce(t *testing.T) {
	tree := NewTree()
	events := manyEvents(tree, 10_000)
	family := Solve(tree, Limits{}).Of(tree.AtLeast(3, events...))
	if family.Total() != 166_616_670_000 || family.Truncated {
		t.Errorf("%d sets, truncated %v", family.Total(), family.Truncated)
	}
	var first [][]Node
	for set := range family.Sets() {
		if first = append(first, set); len(first) == 3 {
			break
		}
	}
	if want := [][]Node{{events[0], events[1], events[2]}, {events[0], events[1], events[3]}, {events[0], events[1], events[4]}}; !slices.EqualFunc(first, want, slices.Equal) {
		t.Errorf("begins with %v", first)
	}
	if i := family.ByEvent()[5000]; i.Sets != 9999*9998/2 || i.Smallest != 3 {
		t.Errorf("one event is in %+v", i)
	}
}

func TestCountsEndAtTheLargestInt(t *testing.T) {
	tree := NewTree()
	family := Solve(tree, Limits{Order: 30}).Of(tree.AtLeast(30, manyEvents(tree, 100)...))
	if family.Total() != math.MaxInt || family.ByEvent()[0].Sets != math.MaxInt {
		t.Errorf("%d sets, %+v", family.Total(), family.ByEvent()[0])
	}
}

func TestASetIsFoundHoweverItIsGiven(t *testing.T) {
	tree := NewTree()
	a, b := tree.Event("a"), tree.Event("b")
	top := tree.And(a, b)
	family := Solve(tree, Limits{}).Of(top)
	for _, c := range []struct {
		set  []Node
		want bool
	}{
		{[]Node{a, b}, true}, {[]Node{b, a}, true}, {[]Node{b, a, b}, true}, {[]Node{a}, false}, {nil, false}, {[]Node{a, b, tree.Event("c")}, false}, {[]Node{top}, false},
	} {
		if family.Has(c.set...) != c.want {
			t.Errorf("%v: want %v", c.set, c.want)
		}
	}
}

func TestOrdersAboveTheHighestAreTheHighest(t *testing.T) {
	tree := NewTree()
	events := manyEvents(tree, MaxOrder+1)
	solver := Solve(tree, Limits{Order: 1000})
	if family := solver.Of(tree.And(events[1:]...)); family.Total() != 1 || family.Truncated || !family.Has(events[1:]...) {
		t.Errorf("%v, truncated %v", family.ByOrder(), family.Truncated)
	}
	if family := solver.Of(tree.And(events...)); family.Total() != 0 || !family.Truncated || !family.Decided {
		t.Errorf("%v, truncated %v", family.ByOrder(), family.Truncated)
	}
}

func manyEvents(tree *Tree, n int) []Node {
	events := make([]Node, n)
	for i := range events {
		events[i] = tree.Event(fmt.Sprintf("e%d", i))
	}
	return events
}
