package capture

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast"
	"holdfast/internal/proc"
)

func id() holdfast.ReplicaID {
	return holdfast.ReplicaID{Service: "catalog", Ordinal: 2, Incarnation: 3}
}

// gate is a gateway that knows one replica, with three requests open.
type gate struct{ holdfast.Gateway }

func (gate) State(context.Context) (holdfast.GatewayState, error) {
	return holdfast.GatewayState{Gateway: "gateway-1", Endpoints: []holdfast.EndpointState{{ID: id(), Reason: "silent for 1.2s", InFlight: 3}}}, nil
}

func camera(t *testing.T, look func(holdfast.ReplicaID) Sight) (*Camera, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "evidence")
	return New(Options{Dir: dir, Look: look, Gateways: []holdfast.Gateway{gate{}}, Now: time.Now}), dir
}

// A stopped process is what a hang looks like to the kernel.
func TestAStoppedProcessIsSeenAsOne(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs /proc")
	}
	victim := exec.Command("sleep", "60")
	if err := victim.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { victim.Process.Kill(); victim.Wait() })
	victim.Process.Signal(syscall.SIGSTOP)
	for deadline := time.Now().Add(5 * time.Second); ; {
		if state, _ := proc.State(victim.Process.Pid); state == "T" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("it does not stop")
		}
	}
	c, dir := camera(t, func(holdfast.ReplicaID) Sight {
		return Sight{State: "running", Pid: victim.Process.Pid, Command: "./catalog", Log: []string{"last words"}}
	})
	name, summary, err := c.Keep(t.Context(), id())
	if err != nil || summary != "state T (stopped), 1 threads, 3 requests open" {
		t.Errorf("%v, %q", err, summary)
	}
	page, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"evidence of catalog-2#3", "silent for 1.2s", "State:\tT (stopped)", "wchan", "last words"} {
		if !strings.Contains(string(page), want) {
			t.Errorf("the page does not say %q:\n%s", want, page)
		}
	}
	if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, mode %v: what a process does is nobody else's business", err, info.Mode())
	}
}

func TestAProcessThatIsGoneIsSaid(t *testing.T) {
	c, _ := camera(t, func(holdfast.ReplicaID) Sight { return Sight{State: "exit 1"} })
	if _, summary, err := c.Keep(t.Context(), id()); err != nil || summary != "no process to look at, 3 requests open" {
		t.Errorf("%v, %q", err, summary)
	}
}

// What it prints when it is asked for a dump comes after the asking.
func TestADumpIsWaitedFor(t *testing.T) {
	printed := []string{"before"}
	c, dir := camera(t, func(holdfast.ReplicaID) Sight { return Sight{Log: printed} })
	c.o.Dump = func(context.Context, holdfast.ReplicaID) (bool, error) {
		printed = []string{"goroutine 1 [semacquire]"}
		return true, nil
	}
	name, _, err := c.Keep(t.Context(), id())
	if err != nil {
		t.Fatal(err)
	}
	if page, _ := os.ReadFile(filepath.Join(dir, name)); !strings.Contains(string(page), "semacquire") {
		t.Errorf("no dump in:\n%s", page)
	}
}

func TestOnlyTheNewestAreKept(t *testing.T) {
	c, dir := camera(t, func(holdfast.ReplicaID) Sight { return Sight{} })
	at := time.Date(2026, 11, 26, 0, 0, 0, 0, time.UTC)
	c.o.Now = func() time.Time { at = at.Add(time.Second); return at }
	last := ""
	for range maxFiles + 3 {
		name, _, err := c.Keep(t.Context(), id())
		if err != nil {
			t.Fatal(err)
		}
		last = name
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != maxFiles {
		t.Errorf("%v, %d files, want %d", err, len(left), maxFiles)
	}
	if _, err := os.Stat(filepath.Join(dir, last)); err != nil {
		t.Errorf("the newest is gone: %v", err)
	}
}

// What is kept after the clock was set back is older than all before, and still
// what somebody will look for.
func TestAClockThatIsSetBackCostsNoEvidence(t *testing.T) {
	c, dir := camera(t, func(holdfast.ReplicaID) Sight { return Sight{} })
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	later := time.Now().Add(time.Hour)
	for i := range maxFiles {
		path := filepath.Join(dir, fmt.Sprint(i, ".txt"))
		if err := errors.Join(os.WriteFile(path, nil, 0o600), os.Chtimes(path, later, later)); err != nil {
			t.Fatal(err)
		}
	}
	name, _, err := c.Keep(t.Context(), id())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
		t.Errorf("it is gone: %v", err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != maxFiles {
		t.Errorf("%v, %d files, want %d", err, len(left), maxFiles)
	}
}
