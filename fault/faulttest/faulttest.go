// Package faulttest is the contract of the Fault port, as a test: what every
// fault must do and never do, shown on real processes, and on real connections
// through a real fault proxy.
//
// A package that tests a fault calls Main from its TestMain, because part of
// the contract is that another process can undo, and then Run. RunLost needs a
// process that injects under a warden and is run where the warden is tested.
package faulttest

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast"
	"holdfast/fault/flood"
	"holdfast/fault/hog"
	"holdfast/fault/tracer"
	"holdfast/internal/proc"
)

// Lease is how long a fault may outlive its injector.
const Lease = 5 * time.Second

// patience is how long a test waits for what must become true: twice the lease,
// because a busy machine is no broken promise.
const patience = 2 * Lease

// undoVerb as the first argument makes the test binary another process that
// undoes one fault.
const undoVerb = "faulttest-undo"

// injectVerb makes it one that injects a fault and ends.
const injectVerb = "faulttest-inject"

// An Effect is how a fault is seen from outside, without asking the fault.
type Effect struct {
	Bitten func(holdfast.Victim) bool // it is true of this victim
	Healed func(holdfast.Victim) bool // nothing of it is left
	Struck Struck
	// ByKernel says that the kernel carries the fault out, and so withdraws it, and
	// not the fault proxy in the path.
	ByKernel bool
	Traced   bool // a tracer makes it
}

// Struck is what a fault strikes.
type Struck uint8

const (
	Process Struck = iota // one process and its group
	Disk                  // one that writes to its data directory for every answer
	InPath                // one incarnation, in the path to it
	Service               // every incarnation of a service, in the paths to them
	Door                  // a service at its door, by what its callers could do, too
)

// Main acts as another process of a test, and exits, when it was started for
// that, and does nothing otherwise. It must come first in TestMain.
func Main(faults ...holdfast.Fault) {
	switch {
	case len(os.Args) == 3 && os.Args[1] == proxyVerb:
		exit(actProxy(os.Args[2]))
	case len(os.Args) == 2 && os.Args[1] == serveVerb:
		exit(actServer(""))
	case len(os.Args) == 3 && os.Args[1] == serveVerb:
		exit(actServer(os.Args[2]))
	case len(os.Args) == 3 && os.Args[1] == tracer.Verb:
		exit(tracer.Run(os.Args[2:]))
	case len(os.Args) == 3 && os.Args[1] == hog.Verb:
		exit(hog.Run(os.Args[2:]))
	case len(os.Args) == 3 && os.Args[1] == flood.Verb:
		exit(flood.Run(os.Args[2:]))
	case len(os.Args) == 4 && (os.Args[1] == undoVerb || os.Args[1] == injectVerb):
	default:
		return
	}
	var victim holdfast.Victim
	if err := json.Unmarshal([]byte(os.Args[3]), &victim); err != nil {
		exit(err)
	}
	i := slices.IndexFunc(faults, func(f holdfast.Fault) bool { return string(f.Name()) == os.Args[2] })
	if i < 0 {
		exit(fmt.Errorf("no fault %q was given to faulttest.Main", os.Args[2]))
	}
	if os.Args[1] == injectVerb {
		exit(faults[i].Inject(context.Background(), victim))
	}
	exit(faults[i].Undo(context.Background(), victim))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// Run holds one fault to the contract. make returns it fresh each time: a fault
// keeps nothing in memory that its undo needs.
func Run(t *testing.T, make func() holdfast.Fault, effect Effect) {
	t.Run("bites and heals", func(t *testing.T) { bitesAndHeals(t, make, effect) })
	t.Run("strikes its victim only", func(t *testing.T) { strikesItsVictimOnly(t, make, effect) })
	t.Run("refuses a victim that is gone", func(t *testing.T) { refusesTheGone(t, make, effect) })
	t.Run("leaves a stranger with the pid alone", func(t *testing.T) { leavesStrangersAlone(t, make, effect) })
	t.Run("is undone without having been injected", func(t *testing.T) { undoneUninjected(t, make, effect) })
	t.Run("is undone by another process", func(t *testing.T) { undoneElsewhere(t, make, effect) })
	if _, leased := make().(holdfast.Leased); leased {
		t.Run("lapses when nobody renews it", func(t *testing.T) { lapses(t, make, effect) })
	}
	if effect.ByKernel {
		t.Run("is undone whatever became of the proxy", func(t *testing.T) { proxyNoMatter(t, make, effect) })
	} else if effect.inPath() {
		t.Run("does not outlive its proxy, nor wait for it", func(t *testing.T) { proxyLost(t, make, effect) })
	}
	if effect.Traced {
		t.Run("does not outlive its tracer, nor wait for it", func(t *testing.T) { tracerLost(t, make, effect) })
	}
}

func (e Effect) inPath() bool { return e.Struck == InPath || e.Struck == Service }

// Tried are the faults that a test of all of them tries. With -short, under the
// race detector, that is one of those that are put back alike: the code is theirs
// in common, and what it does to each is shown without -short.
func Tried(all []holdfast.Fault, undo func(holdfast.FaultName) string) []holdfast.Fault {
	if !testing.Short() {
		return all
	}
	var tried []holdfast.Fault
	known := map[string]bool{}
	for _, f := range all {
		if how := undo(f.Name()); how == "" || !known[how] {
			known[how] = true
			tried = append(tried, f)
		}
	}
	return tried
}

// OneVictim makes one of the kind an effect is about, and ends it with the test.
func OneVictim(t *testing.T, effect Effect) holdfast.Victim {
	t.Helper()
	return victims(t, effect, 1)[0]
}

// victims makes n of the kind an effect is about, which share all they can.
func victims(t *testing.T, effect Effect, n int) []holdfast.Victim {
	t.Helper()
	if effect.inPath() {
		return inPaths(t, effect.Struck, n)
	}
	var all []holdfast.Victim
	for range n {
		if effect.Struck == Door {
			all = append(all, atDoor(t))
		} else if effect.Struck == Disk {
			all = append(all, Writer(t))
		} else {
			all = append(all, Victim(t))
		}
	}
	return all
}

func bitesAndHeals(t *testing.T, make func() holdfast.Fault, effect Effect) {
	victim := victims(t, effect, 1)[0]
	if err := make().Inject(t.Context(), victim); err != nil {
		t.Fatal(err)
	}
	Eventually(t, "the fault bites", func() bool { return effect.Bitten(victim) })
	for range 3 {
		if err := make().Undo(t.Context(), victim); err != nil {
			t.Fatalf("undo is not repeatable: %v", err)
		}
	}
	Eventually(t, "nothing of the fault is left", func() bool { return effect.Healed(victim) })
}

func strikesItsVictimOnly(t *testing.T, make func() holdfast.Fault, effect Effect) {
	both := victims(t, effect, 2)
	victim, bystander := both[0], both[1]
	if err := make().Inject(t.Context(), victim); err != nil {
		t.Fatal(err)
	}
	Eventually(t, "the fault bites", func() bool { return effect.Bitten(victim) })
	unharmed(t, bystander, effect)
	if err := make().Undo(t.Context(), victim); err != nil {
		t.Fatal(err)
	}
}

func refusesTheGone(t *testing.T, make func() holdfast.Fault, effect Effect) {
	victim := gone(t, effect)
	if err := make().Inject(t.Context(), victim); err == nil {
		t.Error("injected into a victim that is gone")
	}
	if err := make().Undo(t.Context(), victim); err != nil {
		t.Errorf("a victim that is gone counts as undone: %v", err)
	}
	if err := make().Inject(t.Context(), holdfast.Victim{ID: victim.ID}); err == nil {
		t.Error("injected into a victim without a process")
	}
}

// leavesStrangersAlone gives the fault a living process under the start time of
// another, as after the pid was used again.
func leavesStrangersAlone(t *testing.T, make func() holdfast.Fault, effect Effect) {
	stranger := victims(t, effect, 1)[0]
	if stranger.Pid == 0 {
		t.Skip("a service has no pid")
	}
	mistaken := stranger
	mistaken.Ticks++
	if err := make().Inject(t.Context(), mistaken); err == nil {
		t.Error("injected into a stranger that has the victim's pid")
	}
	unharmed(t, stranger, effect)
	// A stopped stranger would be woken by a SIGCONT meant for the victim.
	syscall.Kill(stranger.Pid, syscall.SIGSTOP)
	Eventually(t, "the stranger is stopped", func() bool { return Stopped(stranger) })
	if err := make().Undo(t.Context(), mistaken); err != nil {
		t.Errorf("a victim whose pid is a stranger's counts as undone: %v", err)
	}
	if !Stopped(stranger) {
		t.Error("undo touched a stranger that has the victim's pid")
	}
}

func undoneUninjected(t *testing.T, make func() holdfast.Fault, effect Effect) {
	victim := victims(t, effect, 1)[0]
	if err := make().Undo(t.Context(), victim); err != nil {
		t.Fatalf("armed, then never injected, must be undone all the same: %v", err)
	}
	unharmed(t, victim, effect)
}

func undoneElsewhere(t *testing.T, make func() holdfast.Fault, effect Effect) {
	victim := victims(t, effect, 1)[0]
	if err := make().Inject(t.Context(), victim); err != nil {
		t.Fatal(err)
	}
	Eventually(t, "the fault bites", func() bool { return effect.Bitten(victim) })
	elsewhere(t, undoVerb, make().Name(), victim)
	Eventually(t, "nothing of the fault is left", func() bool { return effect.Healed(victim) })
}

// InjectElsewhere has another process inject a fault, which then ends. It must be
// among those given to Main.
func InjectElsewhere(t *testing.T, name holdfast.FaultName, victim holdfast.Victim) {
	t.Helper()
	elsewhere(t, injectVerb, name, victim)
}

// elsewhere has another process do something with a fault.
func elsewhere(t *testing.T, verb string, name holdfast.FaultName, victim holdfast.Victim) {
	t.Helper()
	written, err := json.Marshal(victim)
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(self, verb, string(name), string(written)).CombinedOutput(); err != nil {
		t.Fatalf("%s %s by another process: %v\n%s", verb, name, err, out)
	}
}

// RunLost takes the injector away in the middle of the fault, dead and then
// alive but stuck, and wants the host clean within the lease. inject starts a
// process that injects the fault under a warden, and returns its pid once it
// has.
func RunLost(t *testing.T, make func() holdfast.Fault, effect Effect, inject func(*testing.T, holdfast.Fault, holdfast.Victim) int) {
	for _, loss := range []syscall.Signal{syscall.SIGKILL, syscall.SIGSTOP} {
		t.Run(loss.String(), func(t *testing.T) {
			t.Parallel()
			victim := victims(t, effect, 1)[0]
			injector := inject(t, make(), victim)
			Eventually(t, "the fault bites", func() bool { return effect.Bitten(victim) })
			began := time.Now()
			if err := syscall.Kill(injector, loss); err != nil {
				t.Fatal(err)
			}
			Eventually(t, "nothing of the fault is left", func() bool { return effect.Healed(victim) })
			t.Logf("clean %v after the injector's %v; the lease is %v", time.Since(began).Round(time.Millisecond), loss, Lease)
		})
	}
}

func unharmed(t *testing.T, bystander holdfast.Victim, effect Effect) {
	t.Helper()
	if bystander.Pid != 0 && !proc.Alive(bystander.Pid, bystander.Ticks) || effect.Bitten(bystander) {
		t.Errorf("%s (pid %d) was struck and is not the victim", bystander.ID, bystander.Pid)
	}
}

// Victim starts a process that waits to be struck, and ends it with the test.
func Victim(t testing.TB) holdfast.Victim {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("a victim is told from a stranger by its start time, which needs Linux")
	}
	cmd := exec.Command("sleep", "300")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ticks, err := proc.Ticks(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	return holdfast.Victim{
		ID:    holdfast.ReplicaID{Service: "victim", Ordinal: 1, Incarnation: 1},
		Pid:   cmd.Process.Pid,
		Ticks: ticks,
	}
}

// gone is a victim that ended.
func gone(t *testing.T, effect Effect) holdfast.Victim {
	t.Helper()
	victim := victims(t, effect, 1)[0]
	if effect.Struck == Service {
		victim.ID.Service = "never"
		return victim
	}
	if effect.Struck == Door {
		victim.Flood.URL = "http://127.0.0.1:1/" // where nobody has listened for decades
		return victim
	}
	syscall.Kill(victim.Pid, syscall.SIGKILL)
	Eventually(t, "the victim is gone", func() bool { return !proc.Alive(victim.Pid, victim.Ticks) })
	return victim
}

// Stopped tells whether the victim lives and is stopped.
func Stopped(victim holdfast.Victim) bool {
	state, err := proc.State(victim.Pid)
	return err == nil && state == "T" && proc.Alive(victim.Pid, victim.Ticks)
}

// Held tells whether the victim lives and a tracer has every thread of it stand
// still.
func Held(victim holdfast.Victim) bool {
	tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", victim.Pid))
	if err != nil || !proc.Alive(victim.Pid, victim.Ticks) {
		return false
	}
	return !slices.ContainsFunc(tasks, func(task os.DirEntry) bool {
		one, err := strconv.Atoi(task.Name())
		if err != nil {
			return true
		}
		state, err := proc.State(one)
		return err == nil && state != "t"
	})
}

// Writer starts a service that writes to its data directory for every answer, and
// ends it with the test.
func Writer(t testing.TB) holdfast.Victim {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("a victim is told from a stranger by its start time, which needs Linux")
	}
	victim := holdfast.Victim{ID: holdfast.ReplicaID{Service: "victim", Ordinal: 1, Incarnation: 1}, Data: t.TempDir()}
	server, said := another(t, serveVerb, victim.Data)
	line, err := bufio.NewReader(said).ReadString('\n')
	if err == nil {
		victim.Ticks, err = proc.Ticks(server.Process.Pid)
	}
	if err != nil {
		t.Fatal(err)
	}
	victim.Pid, victim.Address = server.Process.Pid, strings.TrimSpace(line)
	return victim
}

// Eventually waits until what is true, and fails the test when it does not
// become so.
func Eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	for !holds() {
		select {
		case <-deadline.C:
			t.Fatalf("after %v it is still not so that %s", patience, what)
		case <-poll.C:
		}
	}
}
