package main

import (
	"strings"
	"testing"
	"time"

	"holdfast"
	"holdfast/proof"
	ladder "holdfast/ready"
)

// What kept verdicts show: how many of how many passed on what there is now, and why
// a PASS holds no more.
func TestWhatVerdictsShow(t *testing.T) {
	t.Parallel()
	h := newDrilledHouse(t)
	show := func() map[holdfast.ModeName]ladder.Shown {
		shown, err := shownOf(t.Context(), h.system, h.state, h.now)
		if err != nil {
			t.Fatal(err)
		}
		return shown
	}
	if got := show(); len(got) > 0 {
		t.Errorf("before anything was run: %+v", got)
	}
	for _, verdict := range []holdfast.Verdict{holdfast.Fail, holdfast.Pass, holdfast.Invalid, holdfast.Pass} {
		h.drill("web.crash", verdict, time.Hour)
	}
	h.drill("web.hang", holdfast.Pass, 31*24*time.Hour)
	crash, hang := show()["web.crash"], show()["web.hang"]
	if crash.Passes != 2 || crash.Runs != 3 || crash.Last != holdfast.Pass || crash.Stale != "" {
		t.Errorf("of three that say something two passed: %+v", crash)
	}
	if hang.Stale != "its drill was 31 days ago, and holds for 30" {
		t.Errorf("a month ago: %+v", hang)
	}
	h.write("conf", "2")
	if got := show()["web.crash"]; got.Stale != "what it was drilled on has changed since" || got.Passes != 2 {
		t.Errorf("on something else: %+v", got)
	}
	h.drill("web.crash", holdfast.Fail, 0)
	if got := show()["web.crash"]; got.Last != holdfast.Fail || got.Passes != 0 || got.Runs != 1 || got.Stale != "" {
		t.Errorf("failed on what there is now: %+v", got)
	}
}

// A mode that is drilled by several faults is shown by the one that shows least.
func TestTheWeakestDrillIsShown(t *testing.T) {
	mode := holdfast.FailureMode{Name: "web.errors", Drills: []holdfast.Drill{{Fault: "answer"}, {Fault: "reset"}}}
	var kept []proof.Kept
	for _, fault := range strings.Fields("answer answer answer reset") {
		kept = append(kept, proof.Kept{Mode: mode.Name, Fault: holdfast.FaultName(fault), Basis: "b", Verdict: holdfast.Pass})
	}
	kept = append(kept, proof.Kept{Mode: mode.Name, Basis: "b", Verdict: holdfast.Pass}, proof.Kept{Mode: mode.Name, Fault: "reset", Basis: "a", Verdict: holdfast.Pass})
	if k, n := counted(kept, mode, "b"); k != 1 || n != 1 {
		t.Errorf("%d of %d", k, n)
	}
	mode.Drills = mode.Drills[:1]
	if k, n := counted(kept, mode, "b"); k != 4 || n != 4 {
		t.Errorf("%d of %d", k, n)
	}
}
