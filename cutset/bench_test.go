package cutset

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// BenchmarkServices is the growth curve of docs/figures.md.
func BenchmarkServices(b *testing.B) {
	for _, services := range []int{50, 200, 500, 2000, 5000} {
		b.Run(fmt.Sprint(services), func(b *testing.B) {
			var tree *Tree
			var family Family
			for b.Loop() {
				b.StopTimer()
				var tops []Node
				tree, tops = town(services)
				b.StartTimer()
				family = Solve(tree, Limits{}).Of(tops[0])
				family.Total()
			}
			if !family.Decided || family.Truncated {
				b.Errorf("decided %v, truncated %v", family.Decided, family.Truncated)
			}
			report(b, tree, family)
		})
	}
}

// BenchmarkPromises asks for one service in fifty, as if each had a promise.
func BenchmarkPromises(b *testing.B) {
	for _, services := range []int{500, 5000} {
		b.Run(fmt.Sprint(services), func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				tree, tops := town(services)
				b.StartTimer()
				solver := Solve(tree, Limits{})
				for i := 0; i < services; i += 50 {
					if family := solver.Of(tops[i]); !family.Decided {
						b.Fatalf("service %d is not decided", i)
					}
				}
			}
		})
	}
}

func report(b *testing.B, tree *Tree, family Family) {
	b.ReportMetric(float64(len(tree.events)), "events")
	b.ReportMetric(float64(len(tree.parts)-2-len(tree.events)), "gates")
	b.ReportMetric(float64(family.Total()), "sets")
	b.ReportMetric(float64(len(family.diagram().vertices)), "vertices")
}

// town is services of three replicas, each in a zone of its own on a host that
// it shares, and the node of each service's failure. A service fails with two of
// its replicas or, one service in two, with all three, and with any service that
// it requires, of which it has two or three; service 0 requires all others,
// directly or not.
func town(services int) (*Tree, []Node) {
	chance := rand.New(rand.NewPCG(7, uint64(services)))
	t := NewTree()
	const zones = 3
	hosts := make([][]Node, zones)
	for z := range zones {
		zone := t.Event(fmt.Sprintf("zone %d", z))
		for h := range 1 + services*9/10/zones {
			hosts[z] = append(hosts[z], t.Or(zone, t.Event(fmt.Sprintf("host %d.%d", z, h))))
		}
	}
	tops := make([]Node, services)
	for s := services - 1; s >= 0; s-- {
		var replicas []Node
		for z := range zones {
			replicas = append(replicas, t.Or(t.Event(fmt.Sprintf("service %d-%d", s, z+1)), hosts[z][chance.IntN(len(hosts[z]))]))
		}
		causes := []Node{t.AtLeast(2+s%2, replicas...)}
		for required := 2*s + 1; required <= 2*s+2 && required < services; required++ {
			causes = append(causes, tops[required])
		}
		if s+1 < services && chance.IntN(2) == 0 {
			causes = append(causes, tops[s+1+chance.IntN(services-s-1)])
		}
		tops[s] = t.Or(causes...)
	}
	return t, tops
}

// TestATownIsSolvedInTime has a bar far above what it takes.
func TestATownIsSolvedInTime(t *testing.T) {
	began := time.Now()
	tree, tops := town(2000)
	if family := Solve(tree, Limits{}).Of(tops[0]); !family.Decided || family.Truncated || time.Since(began) > 5*time.Second {
		t.Errorf("decided %v, truncated %v after %v", family.Decided, family.Truncated, time.Since(began))
	}
}
