package topology

import (
	"fmt"
	"slices"
	"testing"

	"holdfast"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func shop() *holdfast.System {
	return &holdfast.System{Services: []holdfast.Service{
		{Name: "storefront", Ports: []holdfast.Port{{Port: 8080}}, DependsOn: []holdfast.Dependency{{On: "catalog"}, {On: "cart"}}},
		{Name: "catalog"},
		{Name: "cart", DependsOn: []holdfast.Dependency{{On: "store"}}},
		{Name: "store"},
		{Name: "reports", DependsOn: []holdfast.Dependency{{On: "catalog"}}},
	}}
}

func TestTheShop(t *testing.T) {
	type services = []holdfast.ServiceName
	for _, c := range []struct {
		what      string
		got, want any
	}{
		{"start order", StartOrder(shop()), []services{{"catalog", "store"}, {"cart", "reports"}, {"storefront"}}},
		{"cycle", Cycle(shop().Edges()), services(nil)},
		{"who needs store", Dependents(shop(), "store"), services{"storefront", "cart"}},
		{"who needs storefront", Dependents(shop(), "storefront"), services(nil)},
	} {
		if diff := cmp.Diff(c.want, c.got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.what, diff)
		}
	}
}

func TestCirclesAreShownAsAClosedPath(t *testing.T) {
	for _, c := range []struct {
		edges []holdfast.Edge
		want  []holdfast.ServiceName
	}{
		{edges: []holdfast.Edge{{From: "a", To: "a"}}, want: []holdfast.ServiceName{"a", "a"}},
		{edges: []holdfast.Edge{{From: "a", To: "b"}, {From: "b", To: "c"}, {From: "c", To: "b"}}, want: []holdfast.ServiceName{"b", "c", "b"}},
	} {
		if diff := cmp.Diff(c.want, Cycle(c.edges)); diff != "" {
			t.Errorf("%v (-want +got):\n%s", c.edges, diff)
		}
	}
}

func TestServicesInACircleStartLast(t *testing.T) {
	system := &holdfast.System{Services: []holdfast.Service{
		{Name: "a", DependsOn: []holdfast.Dependency{{On: "b"}}},
		{Name: "b", DependsOn: []holdfast.Dependency{{On: "a"}}},
		{Name: "c"},
	}}
	want := [][]holdfast.ServiceName{{"c"}, {"a", "b"}}
	if diff := cmp.Diff(want, StartOrder(system)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// anySystem draws up to eight services and any edges between them, circles and
// self-needs included.
func anySystem(t *rapid.T) *holdfast.System {
	n := rapid.IntRange(0, 8).Draw(t, "services")
	system := &holdfast.System{}
	for i := range n {
		service := holdfast.Service{Name: holdfast.ServiceName(fmt.Sprintf("s%d", i))}
		for j := range n {
			if rapid.IntRange(0, 4).Draw(t, "edge") == 0 {
				service.DependsOn = append(service.DependsOn, holdfast.Dependency{On: holdfast.ServiceName(fmt.Sprintf("s%d", j))})
			}
		}
		if rapid.Bool().Draw(t, "published") {
			service.Ports = []holdfast.Port{{Port: 1}}
		}
		system.Services = append(system.Services, service)
	}
	return system
}

// reach is the naive twin: the transitive closure by Warshall's algorithm.
// reach[a][b] says that a needs b, directly or through others.
func reach(system *holdfast.System) map[holdfast.ServiceName]map[holdfast.ServiceName]bool {
	needs := map[holdfast.ServiceName]map[holdfast.ServiceName]bool{}
	for _, service := range system.Services {
		needs[service.Name] = map[holdfast.ServiceName]bool{}
	}
	for _, edge := range system.Edges() {
		needs[edge.From][edge.To] = true
	}
	for via := range needs {
		for from := range needs {
			for to := range needs {
				if needs[from][via] && needs[via][to] {
					needs[from][to] = true
				}
			}
		}
	}
	return needs
}

func TestAgainstTheNaiveTwin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		system := anySystem(t)
		needs := reach(system)
		circular := slices.ContainsFunc(names(system), func(n holdfast.ServiceName) bool { return needs[n][n] })
		checkCycle(t, system, circular)
		checkOrder(t, system, circular)
		for _, name := range names(system) {
			want := inFileOrder(system, func(n holdfast.ServiceName) bool { return needs[n][name] && n != name })
			if diff := cmp.Diff(want, Dependents(system, name)); diff != "" {
				t.Fatalf("dependents of %s (-want +got):\n%s", name, diff)
			}
		}
	})
}

// checkCycle holds Cycle to finding a circle exactly when there is one, and to
// every step of it being a real edge.
func checkCycle(t *rapid.T, system *holdfast.System, circular bool) {
	cycle := Cycle(system.Edges())
	if (cycle != nil) != circular {
		t.Fatalf("cycle %v, but circular is %v", cycle, circular)
	}
	for i := 1; i < len(cycle); i++ {
		if !slices.Contains(system.Edges(), holdfast.Edge{From: cycle[i-1], To: cycle[i]}) {
			t.Fatalf("cycle %v: no edge %s/%s", cycle, cycle[i-1], cycle[i])
		}
	}
	if cycle != nil && cycle[0] != cycle[len(cycle)-1] {
		t.Fatalf("cycle %v is not closed", cycle)
	}
}

// checkOrder holds StartOrder to naming every service once and, where there is
// no circle, to putting each exactly one layer after the last it needs.
func checkOrder(t *rapid.T, system *holdfast.System, circular bool) {
	layer := map[holdfast.ServiceName]int{}
	total := 0
	for i, names := range StartOrder(system) {
		for _, name := range names {
			layer[name], total = i, total+1
		}
	}
	if total != len(system.Services) || len(layer) != total {
		t.Fatalf("%d services in the order, %d different, want %d", total, len(layer), len(system.Services))
	}
	if circular {
		return
	}
	for _, service := range system.Services {
		earliest := 0
		for _, dependency := range service.DependsOn {
			earliest = max(earliest, layer[dependency.On]+1)
		}
		if layer[service.Name] != earliest {
			t.Fatalf("%s is in layer %d, want %d", service.Name, layer[service.Name], earliest)
		}
	}
}
