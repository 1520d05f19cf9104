package fault_test

import (
	"context"
	"errors"
	"flag"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"

	"holdfast"
	"holdfast/fault"
	"holdfast/fault/faulttest"
	"holdfast/internal/proc"
	"holdfast/mode"
)

func TestMain(m *testing.M) {
	faulttest.Main(append([]holdfast.Fault{stopping{}}, fault.All()...)...)
	if len(os.Args) > 1 && os.Args[1] == unprivileged {
		sayWhatIsPossible(os.Args[2:])
		os.Exit(0)
	}
	flag.Parse()
	flag.Set("test.parallel", "16") // they wait for leases; few compute
	os.Exit(m.Run())
}

// unprivileged as the first argument makes the test binary one that is run by
// nobody in particular, and says of some faults whether they can be made.
const unprivileged = "unprivileged"

func sayWhatIsPossible(names []string) {
	for _, name := range names {
		why, next := fault.Possible(holdfast.FaultName(name))
		os.Stdout.WriteString(name + ": " + why + " / " + next + "\n")
	}
}

func TestEveryFaultKeepsTheContract(t *testing.T) {
	undo := func(name holdfast.FaultName) string { return fault.Describe(name).Undo }
	for _, f := range faulttest.Tried(fault.All(), undo) {
		if f.Name() == holdfast.FaultHook {
			continue // what it does its victim's commands say: see hook_test.go
		}
		effect, ok := faulttest.Effects()[f.Name()]
		if !ok {
			t.Errorf("nobody says how %q is seen from outside", f.Name())
			continue
		}
		t.Run(string(f.Name()), func(t *testing.T) {
			t.Parallel()
			possible(t, f.Name())
			faulttest.Run(t, func() holdfast.Fault { return f }, effect)
		})
	}
}

func possible(t *testing.T, name holdfast.FaultName) {
	t.Helper()
	if raced && (name == "oom" || name == "starve") {
		t.Skip("who shares the control group is this program, and with the race detector in it it is too large and too slow for that")
	}
	if why, _ := fault.Possible(name); why != "" {
		t.Skip(why)
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

// TestStopStopsAllOfAService: a shell in front of it, and what it forked.
func TestStopStopsAllOfAService(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs Linux")
	}
	cmd := exec.Command("sh", "-c", "sleep 300 & sleep 300; true")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	group := cmd.Process.Pid
	defer cmd.Wait()
	defer syscall.Kill(-group, syscall.SIGKILL)
	ticks, err := proc.Ticks(group)
	if err != nil {
		t.Fatal(err)
	}
	faulttest.Eventually(t, "the shell has its two children", func() bool { return len(states(t, group)) == 3 })
	victim := holdfast.Victim{ID: holdfast.ReplicaID{Service: "victim", Ordinal: 1, Incarnation: 1}, Pid: group, Ticks: ticks}
	if err := (fault.Stop{}).Inject(t.Context(), victim); err != nil {
		t.Fatal(err)
	}
	for pid, state := range states(t, group) {
		if state != "T" {
			t.Errorf("process %d of the group is in state %s", pid, state)
		}
	}
	// The victim itself dies of something else: the rest must not stay stopped.
	syscall.Kill(group, syscall.SIGKILL)
	faulttest.Eventually(t, "the shell is dead", func() bool { return !proc.Alive(group, ticks) })
	if err := (fault.Stop{}).Undo(t.Context(), victim); err != nil {
		t.Fatal(err)
	}
	faulttest.Eventually(t, "its children go on", func() bool {
		for pid, state := range states(t, group) {
			if pid != group && state == "T" {
				return false
			}
		}
		return true
	})
}

// states are the states of a group's processes.
func states(t *testing.T, group int) map[int]string {
	t.Helper()
	pids, err := proc.All()
	if err != nil {
		t.Fatal(err)
	}
	found := map[int]string{}
	for _, pid := range pids {
		if of, err := syscall.Getpgid(pid); err == nil && of == group {
			if state, err := proc.State(pid); err == nil {
				found[pid] = state
			}
		}
	}
	return found
}

func TestStopRefusesAGroupThatIsNotTheVictimsOwn(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs Linux")
	}
	cmd := exec.Command("sleep", "300") // in our own group: stopping that would stop this test
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	ticks, err := proc.Ticks(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	victim := holdfast.Victim{ID: holdfast.ReplicaID{Service: "victim", Ordinal: 1, Incarnation: 1}, Pid: cmd.Process.Pid, Ticks: ticks}
	if err := (fault.Stop{}).Inject(t.Context(), victim); err == nil {
		t.Error("stopped a process that leads no group")
	}
}
