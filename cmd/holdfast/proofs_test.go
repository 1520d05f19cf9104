package main

import (
	"context"
	"fmt"
	"testing"
	"time"

	"holdfast"
	"holdfast/control"
	"holdfast/event"
	"holdfast/proof"
)

// An agent is started again, and its mind remembers what it was told: it was told
// all of it once more, before the loop took anything, and with more verdicts than
// wait for the loop the agent never came up.
func TestAVerdictIsToldOnce(t *testing.T) {
	state := stateDir(t.TempDir())
	for i := range 2 {
		kept := proof.Kept{Mode: holdfast.ModeName(fmt.Sprintf("web%d.hang", i)), Basis: "b", Verdict: holdfast.Pass, At: time.Unix(1_800_000_000, 0).UTC()}
		if err := proof.Keep(string(state), kept); err != nil {
			t.Fatal(err)
		}
	}
	mind := control.New("a")
	told := 0
	tell := func(_ context.Context, in event.Body) error {
		if _, is := in.(event.Proved); is {
			told++
		}
		mind.Step(event.At{}, in)
		return nil
	}
	look := func() {
		t.Helper()
		if err := newProofs(state, nil, mind.Proved(), tell).of(t.Context(), holdfast.System{}); err != nil {
			t.Fatal(err)
		}
	}
	if look(); told != 2 {
		t.Fatalf("told of %d verdicts, want 2", told)
	}
	snapshot, err := mind.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	if mind, err = control.Restore(snapshot); err != nil {
		t.Fatal(err)
	}
	if look(); told != 2 {
		t.Errorf("told again of %d verdicts that the mind remembers", told-2)
	}
	failed := proof.Kept{Mode: "web1.hang", Basis: "b", Verdict: holdfast.Fail, At: time.Unix(1_800_000_060, 0).UTC()}
	if err := proof.Keep(string(state), failed); err != nil {
		t.Fatal(err)
	}
	if look(); told != 3 || mind.Proved()["web1.hang"].Verdict != holdfast.Fail {
		t.Errorf("told of %d, and the mind holds %+v", told, mind.Proved())
	}
}
