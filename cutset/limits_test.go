package cutset

import (
	"math/rand/v2"
	"testing"
)

// However early a search is ended: it is right, or it says that it is not.
func TestALimitEndsInNotDecided(t *testing.T) {
	chance := rand.New(rand.NewPCG(4, 8))
	for _, limited := range []func(int) Limits{
		func(n int) Limits { return Limits{Steps: n} },
		func(n int) Limits { return Limits{Nodes: n} },
	} {
		decided, undecided := 0, 0
		for range 20 {
			p := anyPlan(chance, 24, 40)
			tree, nodes := p.build(chance.Perm(p.events))
			want := Solve(tree, Limits{}).Of(nodes[p.top()]).written()
			for n := 1; n < 2000; n += 1 + n/4 {
				family := Solve(tree, limited(n)).Of(nodes[p.top()])
				if family.Decided {
					decided++
				} else {
					undecided++
				}
				if family.Decided && family.written() != want || !family.Decided && (family.Total() != 0 || !family.Truncated || len(family.ByEvent()) != 0) {
					t.Fatalf("%+v, limit %d: decided %v, %s, want %s", p, n, family.Decided, family.written(), want)
				}
			}
		}
		if decided < 50 || undecided < 50 {
			t.Errorf("%d decided, %d not: shows nothing", decided, undecided)
		}
	}
}

// Forty gates, each of two hundred pairs of four hundred events, all at once.
func TestEnoughEndsASearch(t *testing.T) {
	chance := rand.New(rand.NewPCG(4, 9))
	tree := NewTree()
	events := manyEvents(tree, 400)
	var gates []Node
	for range 40 {
		var pairs []Node
		for range 200 {
			pairs = append(pairs, tree.And(events[chance.IntN(400)], events[chance.IntN(400)]))
		}
		gates = append(gates, tree.Or(pairs...))
	}
	asked := 0
	solver := Solve(tree, Limits{Order: 12, Enough: func() bool { asked++; return asked == 5 }})
	if family := solver.Of(tree.And(gates...)); family.Decided || asked != 5 {
		t.Errorf("decided %v, asked %d times", family.Decided, asked)
	}
}

// Half of a hundred thousand, of which all sets are cut off at once, and a
// thousand gates that are all the same: hardly anything is made of either.
func TestWorkWithoutSetsIsCountedToo(t *testing.T) {
	tree := NewTree()
	events := manyEvents(tree, 100_000)
	var same []Node
	for range 1000 {
		same = append(same, tree.Or(events[:2]...))
	}
	if family := Solve(tree, Limits{Steps: 1 << 20}).Of(tree.AtLeast(50_000, events...)); family.Decided {
		t.Error("half of a hundred thousand are decided")
	}
	if family := Solve(tree, Limits{Steps: 1000}).Of(tree.Or(same...)); family.Decided {
		t.Error("a thousand gates are decided in as many steps")
	}
}

func TestATreeTooLargeForAStackIsNotDecided(t *testing.T) {
	tree := NewTree()
	top := tree.Event("a")
	solver := Solve(tree, Limits{})
	tree.events = append(tree.events, make([]Node, maxEvents)...)
	if family := solver.Of(top); family.Decided {
		t.Errorf("decided with %d events", len(tree.events))
	}
}

func TestWhatWasDecidedStaysSo(t *testing.T) {
	tree := NewTree()
	events := manyEvents(tree, 400)
	easy, hard := tree.And(events[:2]...), tree.AtLeast(3, events...)
	solver := Solve(tree, Limits{Steps: 500})
	if first := solver.Of(easy); !first.Decided {
		t.Error("two events are not decided")
	}
	if second := solver.Of(hard); second.Decided {
		t.Error("four hundred events are decided in 500 steps")
	}
	if again := solver.Of(easy); !again.Decided || !again.Has(events[:2]...) {
		t.Errorf("afterwards two events are decided: %v, %s", again.Decided, again.written())
	}
	if third := solver.Of(tree.And(events[3:5]...)); third.Decided {
		t.Error("without budget two others are decided")
	}
}

// A diagram goes as deep as there are events, a tree as deep as it was built.
func TestDepthIsNoDanger(t *testing.T) {
	tree := NewTree()
	events := manyEvents(tree, 50_000)
	var odd, even, pairs []Node
	deep := events[0]
	for i, event := range events[1:] {
		if i%2 == 0 {
			deep, odd = tree.Or(deep, event), append(odd, event)
		} else {
			deep, even = tree.And(deep, event), append(even, event)
		}
		if i > 0 {
			pairs = append(pairs, tree.And(events[i], event))
		}
	}
	solver := Solve(tree, Limits{Order: 2})
	wide := solver.Of(tree.Or(append(pairs, tree.And(tree.Or(odd...), tree.Or(even[:5]...)))...))
	if !wide.Decided || wide.Total() != len(pairs)+5*len(odd)-10 {
		t.Errorf("wide: decided %v, %v", wide.Decided, wide.ByOrder())
	}
	if family := solver.Of(deep); !family.Decided || family.Total() != 2 {
		t.Errorf("deep: decided %v, %v", family.Decided, family.ByOrder())
	}
}
