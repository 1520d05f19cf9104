package warden

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast"
	"holdfast/fault"
	"holdfast/fault/faulttest"
	"holdfast/internal/proc"
)

// Whoever of a run is taken away in the middle of a fault, dead or alive but
// stuck, and however the copy's keeper behaves: the fault is undone and nothing
// of the copy lives.
func TestWhoeverIsLostEverythingIsPutBack(t *testing.T) {
	t.Parallel()
	losses := []struct {
		who, keeper string
		signal      syscall.Signal
		why         string
	}{
		{who: "prove", keeper: "obedient", signal: syscall.SIGKILL, why: "prove is gone"},
		{who: "prove", keeper: "stubborn", signal: syscall.SIGKILL, why: "prove is gone"},
		{who: "prove", keeper: "stubborn", signal: syscall.SIGSTOP, why: "prove was silent for 2s"},
		{who: "keeper", keeper: "obedient", signal: syscall.SIGKILL, why: "the copy's keeper ended: killed"},
		{who: "keeper", keeper: "obedient", signal: syscall.SIGSTOP, why: "the copy's keeper was silent for 2.5s"},
		{who: "warden", keeper: "obedient", signal: syscall.SIGKILL, why: "the warden ended: signal: killed"},
		{who: "warden", keeper: "stubborn", signal: syscall.SIGKILL, why: "the warden ended: signal: killed"},
		{who: "warden", keeper: "obedient", signal: syscall.SIGSTOP, why: "the warden does not answer"},
	}
	for _, l := range losses {
		t.Run(l.who+" "+l.signal.String()+", "+l.keeper+" keeper", func(t *testing.T) {
			t.Parallel()
			s := newStage(t, l.keeper)
			prove := startProve(t, s)
			if !faulttest.Stopped(s.Victim) {
				t.Fatal("the fault does not bite; nothing would be shown")
			}
			lost := map[string]int{"prove": prove.Process.Pid, "keeper": s.processes()[0].Pid, "warden": s.run(t).Warden.Pid}[l.who]
			began := time.Now()
			if err := syscall.Kill(lost, l.signal); err != nil {
				t.Fatal(err)
			}
			faulttest.Eventually(t, "the victim runs again", s.healed)
			faulttest.Eventually(t, "nothing of the copy lives", func() bool {
				return s.over(l.who != "warden" || l.keeper == "obedient")
			})
			t.Logf("over after %v; the lease is %v", time.Since(began).Round(time.Millisecond), faulttest.Lease)
			faulttest.Eventually(t, "the warden is gone", func() bool { return !s.run(t).Warden.alive() })
			faulttest.Eventually(t, "the ledger says why: "+l.why, func() bool {
				return strings.Contains(s.text(t), `"why":"`+l.why+`"`)
			})
			if undone := strings.Count(s.text(t), `"state":"undone"`); undone != 1 {
				t.Errorf("the ledger says %d times that the one fault is undone", undone)
			}
			if healed, err := Heal(t.Context(), s.Dir, faults()); err != nil || !healed.Clean() {
				t.Errorf("there was work left for heal: %+v, %v", healed, err)
			}
		})
	}
}

// Every fault there is keeps the part of its contract that needs a warden.
func TestEveryFaultOutlivesItsInjectorByTheLeaseAtMost(t *testing.T) {
	t.Parallel()
	for _, f := range tried() {
		t.Run(string(f.Name()), func(t *testing.T) {
			t.Parallel()
			name := f.Name()
			if name == holdfast.FaultHook {
				name = "stop" // which is what the hook's commands do here
			}
			effect, ok := faulttest.Effects()[name]
			if !ok {
				t.Fatalf("nobody says how %q is seen from outside", f.Name())
			}
			needs(t, f)
			tooLarge(t, name)
			faulttest.RunLost(t, func() holdfast.Fault { return f }, effect, injectUnderWarden)
		})
	}
}

// tooLarge sets the want of memory aside where the race detector is in this program:
// who shares the victim's control group is this program again, and does not fit.
func tooLarge(t *testing.T, name holdfast.FaultName) {
	t.Helper()
	if raced && name == "oom" {
		t.Skip("with the race detector in it this program is too large for the group it shares")
	}
}

// A fault in a path needs nobody to undo it: the proxy withdraws it by itself.
func TestALeasedFaultOutlivesProveAndWardenByTheLeaseAtMost(t *testing.T) {
	t.Parallel()
	for _, f := range tried() {
		if _, leased := f.(holdfast.Leased); !leased {
			continue
		}
		t.Run(string(f.Name()), func(t *testing.T) {
			t.Parallel()
			needs(t, f)
			effect := faulttest.Effects()[f.Name()]
			inject := func(t *testing.T, f holdfast.Fault, victim holdfast.Victim) int {
				s := newStage(t, "obedient")
				s.Fault, s.Victim = string(f.Name()), victim
				prove := startProve(t, s).Process.Pid
				warden := s.run(t).Warden
				t.Cleanup(func() {
					kill(warden)
					f.Undo(context.Background(), victim) // as heal would: the kernel may keep a trace without effect
				})
				syscall.Kill(warden.Pid, syscall.SIGSTOP)
				return prove
			}
			faulttest.RunLost(t, func() holdfast.Fault { return f }, effect, inject)
		})
	}
}

func tried() []holdfast.Fault {
	return faulttest.Tried(faults(), func(name holdfast.FaultName) string { return fault.Describe(name).Undo })
}

// needs skips where a fault cannot be made.
func needs(t *testing.T, f holdfast.Fault) {
	t.Helper()
	if why, _ := fault.Possible(f.Name()); why != "" && f.Name() != holdfast.FaultHook {
		t.Skip(why)
	}
}

func injectUnderWarden(t *testing.T, f holdfast.Fault, victim holdfast.Victim) int {
	s := newStage(t, "obedient")
	s.Fault, s.Victim = string(f.Name()), victim
	if f.Name() == holdfast.FaultHook {
		s.Victim.Hook = s.hook("kill -STOP $PID", "kill -CONT $PID")
	}
	return startProve(t, s).Process.Pid
}

// start is a warden and a copy with this test as prove.
func start(t *testing.T, s stage) *Warden {
	t.Helper()
	w, err := Start(t.Context(), wardenArgv(), s.ledger(), faults())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		w.Close(ctx)
	})
	if err := w.StartCopy(t.Context(), s.copy()); err != nil {
		t.Fatal(err)
	}
	faulttest.Eventually(t, "the copy serves", s.serving)
	return w
}

func TestAnOrderlyCloseForcesNothing(t *testing.T) {
	t.Parallel()
	s := newStage(t, "obedient")
	w := start(t, s)
	if err := w.StartCopy(t.Context(), s.copy()); err == nil {
		t.Error("started a second copy")
	}
	id, err := w.Arm(t.Context(), Entry{Fault: "stop", Victim: s.Victim})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Injected(t.Context(), id), w.Undone(t.Context(), id)); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		forced, err := w.Close(t.Context())
		if err != nil || len(forced.Undone)+len(forced.Killed)+len(forced.Left) > 0 {
			t.Fatalf("forced %+v, %v", forced, err)
		}
	}
	if !s.over(true) {
		t.Error("the copy lives on")
	}
	if _, err := w.Arm(t.Context(), Entry{Fault: "stop", Victim: s.Victim}); err == nil {
		t.Error("armed a fault with a warden that is closed")
	}
	if healed, err := Heal(t.Context(), s.Dir, faults()); err != nil || !healed.Clean() {
		t.Errorf("an orderly end left work behind: %+v, %v", healed, err)
	}
	if _, err := os.Stat(w.log()); err == nil {
		t.Error("an empty crash report was left behind")
	}
}

func TestCloseSaysWhatItHadToForce(t *testing.T) {
	t.Parallel()
	s := newStage(t, "obedient")
	w := start(t, s)
	if err := strikeVictim(t.Context(), w, s); err != nil {
		t.Fatal(err)
	}
	forced, err := w.Close(t.Context())
	if err != nil || len(forced.Undone) != 1 || forced.Undone[0].Fault != "stop" {
		t.Errorf("forced %+v, %v; want the one fault that was still there", forced, err)
	}
	if !s.healed() {
		t.Error("the victim is still stopped")
	}
}

func TestAStubbornCopyIsKilledWhenPatienceEnds(t *testing.T) {
	t.Parallel()
	s := newStage(t, "stubborn")
	w := start(t, s)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	forced, err := w.Close(ctx)
	if len(forced.Killed) < 3 || len(forced.Left) > 0 {
		t.Errorf("forced %+v, %v; want the keeper and two replicas killed", forced, err)
	}
	if !s.over(false) {
		t.Error("the copy lives on")
	}
}

func TestAWardenToldToEndPutsEverythingBack(t *testing.T) {
	t.Parallel()
	s := newStage(t, "obedient")
	w := start(t, s)
	if err := strikeVictim(t.Context(), w, s); err != nil {
		t.Fatal(err)
	}
	syscall.Kill(s.run(t).Warden.Pid, syscall.SIGTERM)
	<-w.Lost()
	forced, err := w.Close(t.Context())
	if err == nil || !strings.Contains(err.Error(), "told to end") {
		t.Errorf("closed with %v, want the reason of the loss", err)
	}
	if len(forced.Undone) != 1 || len(forced.Killed) > 0 || !s.healed() || !s.over(true) {
		t.Errorf("forced %+v; victim runs: %v; copy over: %v", forced, s.healed(), s.over(true))
	}
}

// A prove that was about to inject when its warden died injects afterwards, and
// only then notices.
func TestAnInjectionAfterTheLossIsUndoneByClose(t *testing.T) {
	t.Parallel()
	s := newStage(t, "obedient")
	w := start(t, s)
	id, err := w.Arm(t.Context(), Entry{Fault: "stop", Victim: s.Victim})
	if err != nil {
		t.Fatal(err)
	}
	syscall.Kill(s.run(t).Warden.Pid, syscall.SIGKILL)
	<-w.Lost()
	<-w.done
	if err := (fault.Stop{}).Inject(t.Context(), s.Victim); err != nil {
		t.Fatal(err)
	}
	if err := w.Injected(t.Context(), id); err == nil {
		t.Error("a dead warden recorded an injection")
	}
	if _, err := w.Close(t.Context()); err == nil {
		t.Error("the loss of the warden was not said")
	}
	if !s.healed() {
		t.Error("the victim is still stopped")
	}
}

func TestWithoutItsLedgerProveUndoesFromMemory(t *testing.T) {
	t.Parallel()
	s := newStage(t, "stubborn")
	w := start(t, s)
	if err := strikeVictim(t.Context(), w, s); err != nil {
		t.Fatal(err)
	}
	warden := s.run(t).Warden
	if err := os.Remove(s.ledger()); err != nil {
		t.Fatal(err)
	}
	syscall.Kill(warden.Pid, syscall.SIGKILL)
	<-w.Lost()
	forced, err := w.Close(t.Context())
	if err == nil || !strings.Contains(err.Error(), "not recorded") {
		t.Errorf("closed with %v, want to be told that nothing was recorded", err)
	}
	if len(forced.Undone) != 1 || !s.healed() || !s.over(false) {
		t.Errorf("forced %+v; victim runs: %v; copy over: %v", forced, s.healed(), s.over(false))
	}
}

func TestWhatCannotBeUndoneCannotBeArmed(t *testing.T) {
	t.Parallel()
	s := newStage(t, "obedient")
	w := start(t, s)
	if _, err := w.Arm(t.Context(), Entry{Fault: "wished", Victim: s.Victim}); err == nil {
		t.Error("armed a fault that the warden does not know")
	}
}

func TestAWardenStartedByHandSaysWhoStartsIt(t *testing.T) {
	t.Parallel()
	out, err := exec.Command(self(), "role-warden").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "only prove starts it") || strings.Contains(string(out), "goroutine") {
		t.Errorf("%v: %s", err, out)
	}
}

func TestAKeeperThatCannotStart(t *testing.T) {
	t.Parallel()
	s := newStage(t, "obedient")
	w, err := Start(t.Context(), wardenArgv(), s.ledger(), faults())
	if err != nil {
		t.Fatal(err)
	}
	broken := []func(*Copy){
		func(c *Copy) { c.Argv = []string{s.Dir + "/nothing"} },
		func(c *Copy) { c.Argv = []string{"holdfast"} },
		func(c *Copy) { c.Log = "log" },
		func(c *Copy) { c.Keep = "" },
	}
	for i, breaks := range broken {
		c := s.copy()
		breaks(&c)
		if err := w.StartCopy(t.Context(), c); err == nil {
			t.Errorf("copy %d started", i)
		}
	}
	if forced, err := w.Close(t.Context()); err != nil {
		t.Errorf("%+v, %v", forced, err)
	}
}

func TestALedgerIsUsedOnce(t *testing.T) {
	t.Parallel()
	s := newStage(t, "obedient")
	w := start(t, s)
	before, err := os.ReadFile(s.ledger())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Start(t.Context(), wardenArgv(), s.ledger(), faults()); err == nil {
		t.Error("a second warden took the ledger of the first")
	}
	after, err := os.ReadFile(s.ledger())
	if err != nil || !slices.Equal(before, after) {
		t.Errorf("the ledger of another run was changed: %v", err)
	}
	select {
	case <-w.Lost():
		t.Errorf("the first warden was lost of it: %v", w.Why())
	default:
	}
}

// An end of the keeper that was announced is no loss: the next one is started and
// holds the copy's lifeline. One that was not announced, or after a moment, or a
// second one, is.
func TestAKeeperWhoseEndIsMeantIsReplaced(t *testing.T) {
	t.Parallel()
	s := newStage(t, "obedient")
	w := start(t, s)
	first, _ := w.Keeper()
	if err := w.Expect(t.Context()); err != nil {
		t.Fatal(err)
	}
	kill(first)
	faulttest.Eventually(t, "the next keeper is heard of", func() bool { next, _ := w.Keeper(); return next != first && next.alive() })
	second, since := w.Keeper()
	if took := proc.Now() - since; took < 0 || took > faulttest.Lease || w.Why() != nil {
		t.Errorf("heard of %s ago, lost: %v", took, w.Why())
	}
	faulttest.Eventually(t, "it serves", func() bool { return slices.Contains(s.processes(), second) })
	if account, err := readAccount(s.ledger()); err != nil || account.keeper != second {
		t.Errorf("the ledger has the keeper %+v, %v; want %+v", account.keeper, err, second)
	}
	kill(second)
	faulttest.Eventually(t, "the loss is told", func() bool { return w.Why() != nil })
	if !strings.Contains(w.Why().Error(), "keeper ended") {
		t.Errorf("lost because %v", w.Why())
	}
	w.Close(t.Context())
	faulttest.Eventually(t, "nothing of the copy lives", func() bool { return s.over(true) })
}

func TestAMeantEndIsMeantForAMomentOnly(t *testing.T) {
	t.Parallel()
	s := newStage(t, "obedient")
	w := start(t, s)
	if err := w.Expect(t.Context()); err != nil {
		t.Fatal(err)
	}
	pause(t.Context(), (keeperMeant+2)*beatEvery)
	keeper, _ := w.Keeper()
	kill(keeper)
	faulttest.Eventually(t, "the loss is told", func() bool { return w.Why() != nil })
	w.Close(t.Context())
	if !s.over(true) {
		t.Error("something of the copy lives")
	}
}

// The copy dies with the warden also after its keeper was replaced on purpose, and
// when the warden dies in the very moment in which there is none.
func TestACopyWithAnotherKeeperDiesWithTheWardenToo(t *testing.T) {
	t.Parallel()
	for what, strike := range map[string]func(t *testing.T, w *Warden, keeper, warden Identity){
		"after": func(t *testing.T, w *Warden, keeper, warden Identity) {
			kill(keeper)
			faulttest.Eventually(t, "the next keeper runs", func() bool { next, _ := w.Keeper(); return next != keeper && next.alive() })
			kill(warden)
		},
		"in between": func(_ *testing.T, _ *Warden, keeper, warden Identity) {
			syscall.Kill(warden.Pid, syscall.SIGSTOP) // it shall not see the end of the keeper
			kill(keeper)
			kill(warden)
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, "obedient")
			w := start(t, s)
			keeper, _ := w.Keeper()
			warden := s.run(t).Warden
			if err := w.Expect(t.Context()); err != nil {
				t.Fatal(err)
			}
			strike(t, w, keeper, warden)
			faulttest.Eventually(t, "the loss is told", func() bool { return w.Why() != nil })
			w.Close(t.Context())
			faulttest.Eventually(t, "nothing of the copy lives", func() bool { return s.over(false) })
			if healed, err := Heal(t.Context(), s.Dir, faults()); err != nil || !healed.Clean() {
				t.Errorf("there was work left for heal: %+v, %v", healed, err)
			}
		})
	}
}
