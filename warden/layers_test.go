package warden

import (
	"syscall"
	"testing"

	"holdfast"
	"holdfast/fault/faulttest"
)

// What puts a fault back, layer by layer (see fault.Layers), is shown of every
// fault there is:
//
//	lease     TestALeasedFaultOutlivesProveAndWardenByTheLeaseAtMost, and "lapses" in faulttest
//	lifetime  "does not outlive its proxy, nor wait for it" in faulttest
//	warden    TestEveryFaultOutlivesItsInjectorByTheLeaseAtMost
//	sweep     TestHealUndoesEveryFault
//	residue   TestEveryFaultThatIsLeftIsFound

// effectOf is how a fault is seen here, where a hook's commands stop a process.
func effectOf(t *testing.T, f holdfast.Fault) faulttest.Effect {
	t.Helper()
	name := f.Name()
	if name == holdfast.FaultHook {
		name = "stop"
	}
	effect, ok := faulttest.Effects()[name]
	if !ok {
		t.Fatalf("nobody says how %q is seen from outside", f.Name())
	}
	return effect
}

// struckBy is a stage whose prove breaks a victim by a fault.
func struckBy(t *testing.T, f holdfast.Fault, victim holdfast.Victim) stage {
	t.Helper()
	s := newStage(t, "obedient")
	s.Fault, s.Victim = string(f.Name()), victim
	if f.Name() == holdfast.FaultHook {
		s.Victim.Hook = s.hook("kill -STOP $PID", "kill -CONT $PID")
	}
	return s
}

// With prove and its warden dead at once nobody is left to undo: the next start
// does, or heal, by the ledger alone. Once more finds nothing to do.
func TestHealUndoesEveryFault(t *testing.T) {
	t.Parallel()
	for _, f := range tried() {
		t.Run(string(f.Name()), func(t *testing.T) {
			t.Parallel()
			tooLarge(t, f.Name())
			effect := effectOf(t, f)
			s := struckBy(t, f, faulttest.OneVictim(t, effect))
			loseBoth(t, s, syscall.SIGKILL)
			healed, err := Heal(t.Context(), s.Dir, faults())
			if err != nil || len(healed.Undone) != 1 || healed.Undone[0].Fault != f.Name() {
				t.Errorf("healed %+v, %v; want the one fault undone", healed, err)
			}
			if !effect.Healed(s.Victim) {
				t.Error("something of it is left")
			}
			if again, err := Heal(t.Context(), s.Dir, faults()); err != nil || !again.Clean() {
				t.Errorf("healing twice: %+v, %v; want nothing left to do", again, err)
			}
		})
	}
}

// A fault that a drill left open is found by the look after it, whatever it is,
// and is not found any more once it is undone.
func TestEveryFaultThatIsLeftIsFound(t *testing.T) {
	t.Parallel()
	for _, f := range tried() {
		t.Run(string(f.Name()), func(t *testing.T) {
			t.Parallel()
			effect := effectOf(t, f)
			s := struckBy(t, f, faulttest.OneVictim(t, effect))
			w := start(t, s)
			known := func(string) bool { return true }
			before, err := TakeSnapshot(s.ledger(), known, nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := strikeVictim(t.Context(), w, s); err != nil {
				t.Fatal(err)
			}
			after, err := TakeSnapshot(s.ledger(), known, nil)
			if left := Residue(before, after); err != nil || len(left) != 1 {
				t.Errorf("residue %q, %v; want the fault that is not undone", left, err)
			}
			if err := f.Undo(t.Context(), s.Victim); err != nil {
				t.Fatal(err)
			}
			if err := w.Undone(t.Context(), 1); err != nil {
				t.Fatal(err)
			}
			after, err = TakeSnapshot(s.ledger(), known, nil)
			if left := Residue(before, after); err != nil || len(left) > 0 {
				t.Errorf("residue %q, %v; want none", left, err)
			}
		})
	}
}
