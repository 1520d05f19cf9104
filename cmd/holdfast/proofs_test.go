package main

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"holdfast"
	"holdfast/control"
	"holdfast/event"
	"holdfast/mode"
	"holdfast/proof"
)

// An agent is started again, and its mind remembers what it was told: it was told
// all of it once more, before the loop took anything, and with more verdicts than
// wait for the loop the agent never came up.
func TestAVerdictIsToldOnce(t *testing.T) {
	state := stateDir(t.TempDir())
	var system holdfast.System
	for i := range 2 {
		of := holdfast.Service{Name: holdfast.ServiceName(fmt.Sprintf("web%d", i)), Manage: holdfast.Full, Protocol: holdfast.HTTP}
		system.Modes = append(system.Modes, mode.Hang().Of(of))
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
		if err := newProofs(state, nil, mind.Proved(), tell).of(t.Context(), system); err != nil {
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

// Nothing is changed for weeks, and a proof grows too old: status went on to say
// that its mode is armed, until a remedy was withheld for it.
func TestAProofGrowsOldThoughNothingChanges(t *testing.T) {
	state := stateDir(t.TempDir())
	synctest.Test(t, func(t *testing.T) {
		const left = time.Hour // of its thirty days
		mind, began := control.New("a"), time.Now()
		var disarmed time.Duration
		tell := func(_ context.Context, in event.Body) error {
			for _, entry := range mind.Step(event.At{Wall: time.Now(), Boot: time.Since(began)}, in) {
				if b, is := entry.Body.(event.Disarmed); is && b.Why == "its proof is older than 30 days" {
					disarmed = time.Since(began)
				}
			}
			return nil
		}
		system := holdfast.System{
			Services: []holdfast.Service{{Name: "web", Replicas: 2, Manage: holdfast.Full, Healthcheck: holdfast.Healthcheck{Path: "/"}, Inputs: []string{string(state)}}},
		}
		hang := mode.Hang().Of(system.Services[0])
		system.Modes = []holdfast.FailureMode{hang}
		basis := proof.NewBases(string(state), nil).Of(t.Context(), &system)[hang.Name]
		kept := proof.Kept{Mode: hang.Name, Basis: basis.Digest, Verdict: holdfast.Pass, At: began.Add(left - 30*24*time.Hour).UTC()}
		if err := proof.Keep(string(state), kept); err != nil {
			t.Fatalf("%v, on %+v", err, basis)
		}
		p := newProofs(state, nil, mind.Proved(), tell)
		if err := p.of(t.Context(), system); err != nil {
			t.Fatal(err)
		}
		_ = tell(t.Context(), event.Declared{System: system})
		ctx, end := context.WithTimeout(t.Context(), left+tellAgain)
		defer end()
		_ = p.keep(ctx)
		if disarmed < left {
			t.Errorf("said to be in shadow after %s, want within a day from %s on", disarmed, left)
		}
	})
}
