package prove

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast/load"
	"holdfast/report"
)

func TestTheHurtAreCountedByWhatTheyAskedFor(t *testing.T) {
	results := []load.Result{{Target: "a"}, {Target: "b", Late: true}, {Target: "c", Failed: true}, {Target: "c", Failed: true}, {Target: "b", Failed: true}, {Target: "c", Late: true}, {Target: "cache", Bare: true, Failed: true}}
	want := []report.Toll{{Method: "GET", Route: "c", Failed: 2, Late: 1}, {Method: "GET", Route: "b", Failed: 1, Late: 1}, {Method: "connect", Route: "cache", Failed: 1}}
	if diff := cmp.Diff(want, tolls(results)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	var many []load.Result
	for c := range 20 {
		many = append(many, load.Result{Target: string(rune('a' + c)), Failed: true})
	}
	if got := tolls(many); len(got) != tollsTold {
		t.Errorf("%d are told apart", len(got))
	}
	drill := judge(mended().hurts(0, 50*time.Millisecond).facts)
	if len(drill.Tolls) != 1 || drill.Tolls[0].Hurt() != drill.Failed+drill.Late || drill.Failed == 0 {
		t.Errorf("of %d that failed and %d that were late a drill tells %v", drill.Failed, drill.Late, drill.Tolls)
	}
}
