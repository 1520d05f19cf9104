//go:build linux

package warden

import (
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"holdfast"
	"holdfast/fault"
	"holdfast/fault/faulttest"
	"holdfast/internal/proc"
)

// endThoseOf kills whoever carries out a fault of a victim apart from prove: a tracer,
// a hog.
func endThoseOf(t *testing.T, victim holdfast.Victim) (ended int) {
	t.Helper()
	pids, err := proc.All()
	if err != nil {
		t.Fatal(err)
	}
	for _, pid := range pids {
		if _, name, ok := proc.MarkOf(pid); ok && strings.HasSuffix(name, fmt.Sprintf("-%d-%d", victim.Pid, victim.Ticks)) {
			syscall.Kill(pid, syscall.SIGKILL)
			ended++
		}
	}
	return ended
}

// A control group is withdrawn by nobody when all are killed at once: prove, its
// warden, and who would have undone it by itself. It waits for heal.
func TestHealPutsAControlGroupBackWhenEverybodyWasKilled(t *testing.T) {
	t.Parallel()
	for _, name := range []holdfast.FaultName{"starve", "oom"} {
		t.Run(string(name), func(t *testing.T) {
			t.Parallel()
			if why, _ := fault.Possible(name); why != "" {
				t.Skip(why)
			}
			tooLarge(t, name)
			s := newStage(t, "obedient")
			s.Fault = string(name)
			loseBoth(t, s, syscall.SIGKILL)
			if ended := endThoseOf(t, s.Victim); (ended > 0) != (name == "starve") {
				t.Errorf("%d processes carried it out", ended)
			}
			if left := fault.Left(name, s.Victim); len(left) != 1 {
				t.Fatalf("left %q; nothing would be shown", left)
			}
			healed, err := Heal(t.Context(), s.Dir, faults())
			if err != nil || len(healed.Undone) != 1 {
				t.Errorf("healed %+v, %v", healed, err)
			}
			if effect := faulttest.Effects()[name]; !effect.Healed(s.Victim) || len(fault.Left(name, s.Victim)) > 0 {
				t.Errorf("left %q", fault.Left(name, s.Victim))
			}
		})
	}
}

// What the ledger of one run names is not looked for by another's.
func TestWhatAFaultLeftIsSeenByItsOwnRunOnly(t *testing.T) {
	t.Parallel()
	if why, _ := fault.Possible("starve"); why != "" {
		t.Skip(why)
	}
	ours, theirs := newStage(t, "obedient"), newStage(t, "obedient")
	ours.Fault, theirs.Fault = "starve", "starve"
	startProve(t, ours)
	w := start(t, theirs)
	look := func(s stage) Snapshot {
		shot, err := TakeSnapshot(s.ledger(), func(string) bool { return true }, func(e Entry) []string { return fault.Left(e.Fault, e.Victim) })
		if err != nil {
			t.Fatal(err)
		}
		return shot
	}
	before := look(theirs)
	if after := look(ours); len(after.Left) != 1 || !strings.Contains(after.Left[0], fmt.Sprint(ours.Victim.Pid)) {
		t.Errorf("its own run sees %q", after.Left)
	}
	if err := strikeVictim(t.Context(), w, theirs); err != nil {
		t.Fatal(err)
	}
	left := strings.Join(Residue(before, look(theirs)), "; ")
	if !strings.Contains(left, filepath.Base(fmt.Sprintf("holdfast-starve-%d-%d", theirs.Victim.Pid, theirs.Victim.Ticks))) || strings.Contains(left, fmt.Sprint(ours.Victim.Pid)) {
		t.Errorf("residue: %s", left)
	}
}
