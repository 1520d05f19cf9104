//go:build linux

package main

import (
	"strings"
	"testing"

	"holdfast"
)

// The processes of Holdfast itself are ended and stopped for real under load, and
// what holds the system up is held up: no connection is refused, no replica is
// touched, the next one does its work.
func TestHoldfastItselfProves(t *testing.T) {
	t.Parallel()
	h := newHouse(t, pairOfCatalogs(""))
	s, run := h.decidedOf("holdfast", "--seed", "8812")
	s.exits(exitGood)
	wanted := []struct{ mode, strikes, witness string }{
		{"holdfast.agent-crash", "agent-1", "exit of pid "},
		{"holdfast.gateway-crash", "gateway-1", "exit of pid "},
		{"holdfast.gateway-hang", "gateway-1", "pid "},
		{"holdfast.keeper-crash", "keeper-1", "exit of pid "},
	}
	if len(run.Drills) != len(wanted) {
		t.Fatalf("there are %d drills:\n%s", len(run.Drills), s.stdout)
	}
	for i, want := range wanted {
		d := run.Drills[i]
		if string(d.Mode) != want.mode || d.Verdict != holdfast.Pass || string(d.Strikes) != want.strikes || !strings.HasPrefix(d.Witness, want.witness) || d.Owner != "web" {
			t.Errorf("%s: %+v, want %+v", d.Mode, d, want)
		}
		if d.Detect == nil || d.Mitigate == nil || d.Restore == nil || len(d.Remedies) != 1 {
			t.Errorf("%s: a time or a remedy is missing: %+v", d.Mode, d)
		}
	}
	for _, i := range []int{0, 3} {
		if d := run.Drills[i]; d.Failed+d.Late > 0 {
			t.Errorf("%s hurt %d requests", d.Mode, d.Failed+d.Late)
		}
	}
	h.keeps(run)
	h.isEmptyWithin(lease)
	h.keepsNothingOfTheCopy()
}

// Nobody but the injector saw it: then nothing is decided, of Holdfast as of
// anybody else.
func TestAnUnseenFaultOfHoldfastDecidesNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t, pairOfCatalogs(""))
	for _, drill := range h.run("prove", "holdfast", "--json", "--blind-witness").document().Drills {
		if drill.Verdict != holdfast.Invalid || !strings.Contains(drill.Reason, "witness") {
			t.Errorf("%s is %s: %s", drill.Mode, drill.Verdict, drill.Reason)
		}
	}
	h.isEmptyWithin(lease)
}

// A storm strikes three times, each blow in the ledger and each seen, and every
// fault of a mode is drilled where that is asked for.
func TestEveryFaultOfAMode(t *testing.T) {
	t.Parallel()
	h := newHouse(t, pairOfCatalogs(""))
	s, run := h.decidedOf("crash", "--every-fault", "--seed", "8812")
	s.exits(exitGood)
	var storm bool
	for _, d := range run.Drills {
		if d.Fault == "storm" {
			storm = true
			if !strings.HasPrefix(d.Witness, "exits of pids ") || strings.Count(d.Witness, ",") != 2 || len(d.Remedies) != 3 {
				t.Errorf("the storm was seen as %q and mended by %q", d.Witness, d.Remedies)
			}
		}
	}
	if !storm || run.Drills[0].Fault != "kill" {
		t.Errorf("drilled by %+v", run.Drills)
	}
	h.isEmptyWithin(lease)
	h.run("prove", "--fault", "wished").exits(exitUsage).tells("there is no such fault")
}
