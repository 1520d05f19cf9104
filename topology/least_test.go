package topology

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"holdfast"
	"holdfast/cutset"
)

// In how small a set a risk is, is what going through all of them finds.
func TestLeastAgainstAllSets(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		system := anySystem(t)
		for i := range system.Services {
			system.Services[i].Replicas = rapid.IntRange(1, 3).Draw(t, "replicas")
			for j := range system.Services[i].DependsOn {
				system.Services[i].DependsOn[j].Required = true
			}
		}
		if Cycle(system.Edges()) != nil {
			t.Skip("a file has no circles")
		}
		cuts := Analyse(system, cutset.Limits{}).Cuts(holdfast.Promise{})
		want, got := map[Risk]int{}, map[Risk]int{}
		for set := range cuts.Each {
			for _, risk := range set {
				if want[risk] == 0 {
					want[risk] = len(set)
				}
			}
		}
		for risk, size := range cuts.Least {
			got[risk] = size
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
	})
}
