package prove

import (
	"strings"
	"testing"

	"holdfast"
	"holdfast/mode"
	"holdfast/report"
)

// A user who never comes back finds nothing gone: that is no PASS.
func TestAWalkWithoutARestartShowsNothing(t *testing.T) {
	service := holdfast.Service{Name: "cart", Command: "./cart", Replicas: 2}
	of := mode.StateLoss().Of(service)
	walked := func(restarts int) *wander {
		return &wander{
			proving: &proving{}, mode: of, by: holdfast.Drill{Fault: "kill"}, service: service,
			walks: report.Walks{Sessions: 1, Answers: 1 + restarts, Restarts: restarts},
		}
	}
	if d := walked(0).conclude(nil, nil); d.Verdict != holdfast.Skip || !strings.Contains(d.Reason, "no session asks cart a second time") {
		t.Errorf("nothing was restarted: %s %s", d.Verdict, d.Reason)
	}
	if d := walked(1).conclude(nil, nil); d.Verdict != holdfast.Pass || d.Reason != "" {
		t.Errorf("nothing was lost: %s %s", d.Verdict, d.Reason)
	}
	if d := walked(0).conclude([]string{"step 2: it is gone"}, nil); d.Verdict != holdfast.Fail {
		t.Errorf("it was lost by another replica alone: %s %s", d.Verdict, d.Reason)
	}
}
