package fault_test

import (
	"context"
	"errors"
	"os"
	"testing"

	"holdfast"
	"holdfast/fault"
	"holdfast/fault/faulttest"
	"holdfast/internal/proc"
	"holdfast/mode"
)

func TestMain(m *testing.M) {
	faulttest.Main(append([]holdfast.Fault{stopping{}}, fault.All()...)...)
	os.Exit(m.Run())
}

// effects says of every fault how it is seen from outside.
func effects() map[holdfast.FaultName]faulttest.Effect {
	dead := func(v holdfast.Victim) bool { return !proc.Alive(v.Pid, v.Ticks) }
	return map[holdfast.FaultName]faulttest.Effect{
		"kill": {Bitten: dead, Healed: dead}, // what is dead is not put back
	}
}

func TestEveryFaultKeepsTheContract(t *testing.T) {
	for _, f := range fault.All() {
		if f.Name() == holdfast.FaultHook {
			continue // what it does its victim's commands say: see hook_test.go
		}
		effect, ok := effects()[f.Name()]
		if !ok {
			t.Errorf("nobody says how %q is seen from outside", f.Name())
			continue
		}
		t.Run(string(f.Name()), func(t *testing.T) {
			faulttest.Run(t, func() holdfast.Fault { return f }, effect)
		})
	}
}

func TestEveryModeFindsItsFault(t *testing.T) {
	for _, m := range mode.Catalogue() {
		if found, ok := fault.Find(m.Fault); !ok || found.Name() != m.Fault {
			t.Errorf("mode %s is drilled by %q, which is no fault", m.Kind, m.Fault)
		}
	}
	if _, ok := fault.Find("wished"); ok {
		t.Error("found a fault that does not exist")
	}
}

func TestARefusedVictimSaysWhy(t *testing.T) {
	victim := faulttest.Victim(t)
	victim.Ticks++
	if err := (fault.Kill{}).Inject(t.Context(), victim); !errors.Is(err, fault.ErrVictimGone) {
		t.Errorf("got %v, want %v", err, fault.ErrVictimGone)
	}
}

func TestACancelledInjectionChangesNothing(t *testing.T) {
	victim := faulttest.Victim(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := (fault.Kill{}).Inject(ctx, victim); err == nil {
		t.Error("injected although it was cancelled before it began")
	}
	if !proc.Alive(victim.Pid, victim.Ticks) {
		t.Error("killed although it was cancelled before it began")
	}
}
