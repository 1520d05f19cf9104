package fault_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast"
	"holdfast/fault"
	"holdfast/fault/faulttest"
	"holdfast/internal/proc"
)

// stopping is the hook of a file whose commands stop a process and let it go on.
type stopping struct{ fault.Hook }

func commands() *holdfast.Hook {
	return &holdfast.Hook{Break: "kill -STOP $PID", Mend: "sh -c 'kill -CONT $PID'", Dir: "/", Timeout: 10 * time.Second}
}

func (s stopping) Inject(ctx context.Context, victim holdfast.Victim) error {
	if victim.Pid != 0 {
		victim.Hook = commands()
	}
	return s.Hook.Inject(ctx, victim)
}

func (s stopping) Undo(ctx context.Context, victim holdfast.Victim) error {
	victim.Hook = commands()
	return s.Hook.Undo(ctx, victim)
}

func TestAHookKeepsTheContract(t *testing.T) {
	faulttest.Run(t, func() holdfast.Fault { return stopping{} }, faulttest.Effect{
		Bitten: faulttest.Stopped,
		Healed: func(v holdfast.Victim) bool { return proc.Alive(v.Pid, v.Ticks) && !faulttest.Stopped(v) },
	})
}

// A bench is where hooks are tried: their commands write what they did into it.
type bench struct {
	t   *testing.T
	dir string
}

func newBench(t *testing.T) bench { return bench{t: t, dir: t.TempDir()} }

// victim runs elsewhere: nothing of it is known but its address.
func (b bench) victim(breaks, mends string, timeout time.Duration) holdfast.Victim {
	return holdfast.Victim{
		ID: holdfast.ReplicaID{Service: "web", Ordinal: 2, Incarnation: 1}, Address: "127.0.0.1:8080",
		Hook: &holdfast.Hook{Break: breaks, Mend: mends, Dir: b.dir, Timeout: timeout, Lock: filepath.Join(b.dir, "hook.lock")},
	}
}

func (b bench) read(name string) string {
	text, err := os.ReadFile(filepath.Join(b.dir, name))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

// pid waits until a command has written its pid.
func (b bench) pid(name string) int {
	b.t.Helper()
	pid := 0
	faulttest.Eventually(b.t, name+" holds a pid", func() bool {
		pid, _ = strconv.Atoi(b.read(name))
		return pid > 0
	})
	return pid
}

func (b bench) endsWithin(pid int, what string) {
	b.t.Helper()
	faulttest.Eventually(b.t, what+" has ended", func() bool {
		state, err := proc.State(pid)
		return errors.Is(err, proc.ErrGone) || state == "Z"
	})
}

func TestAHookIsToldWhomItStrikes(t *testing.T) {
	t.Setenv("PASSWORD", "s3cret")
	b := newBench(t)
	v := b.victim(`sh -c 'echo "$REPLICA $HOST $PORT ${WHO:-nobody} $$PWD" > said; env > environ'`, `touch "mended $REPLICA"`, time.Minute)
	if err := (fault.Hook{}).Inject(t.Context(), v); err != nil {
		t.Fatal(err)
	}
	if got, want := b.read("said"), "web-2 127.0.0.1 8080 nobody "+b.dir; got != want {
		t.Errorf("it was told %q, want %q", got, want)
	}
	if env := b.read("environ"); strings.Contains(env, "s3cret") || !strings.Contains(env, "PATH=") {
		t.Errorf("it was given more, or less, of the environment than it should:\n%s", env)
	}
	if err := (fault.Hook{}).Undo(t.Context(), v); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(b.dir, "mended web-2")); err != nil {
		t.Errorf("a value in quotes is one word: %v", err)
	}
}

func TestAHookThatFailsIsQuoted(t *testing.T) {
	b := newBench(t)
	v := b.victim(`sh -c 'i=0; while [ $$i -lt 20000 ]; do echo noise; i=$$((i+1)); done; echo "no such unit: ${PORT}" >&2; exit 5'`, "true", time.Minute)
	err := (fault.Hook{}).Inject(t.Context(), v)
	if err == nil || !strings.Contains(err.Error(), "exit status 5") || !strings.Contains(err.Error(), "no such unit: 8080") {
		t.Errorf("it failed with %v", err)
	}
	if len(err.Error()) > 1000 {
		t.Errorf("the error is %d bytes long", len(err.Error()))
	}
}

func TestAHookThatHangsIsKilledWithItsGroup(t *testing.T) {
	b := newBench(t)
	v := b.victim(`sh -c 'sleep 300 & echo $$! > child; wait'`, "true", 300*time.Millisecond)
	began := time.Now()
	err := (fault.Hook{}).Inject(t.Context(), v)
	if err == nil || !strings.Contains(err.Error(), "did not end within 300ms and was killed") {
		t.Errorf("it ended with %v", err)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it took %s", took)
	}
	b.endsWithin(b.pid("child"), "what the hook started")
}

func TestAHookThatIsInterruptedIsKilled(t *testing.T) {
	b := newBench(t)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- (fault.Hook{}).Inject(ctx, b.victim(`sh -c 'echo $$$$ > self; sleep 300'`, "true", time.Minute))
	}()
	pid := b.pid("self")
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("it ended with %v", err)
	}
	b.endsWithin(pid, "the hook")
}

// What a hook that ended well leaves running is the service it started.
func TestWhatAMendStartsGoesOn(t *testing.T) {
	b := newBench(t)
	v := b.victim("true", `sh -c 'sleep 300 & echo $$! > child'`, time.Minute)
	began := time.Now()
	if err := (fault.Hook{}).Undo(t.Context(), v); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("the mend was waited for until what it started lets go of its output: %s", took)
	}
	pid := b.pid("child")
	defer syscall.Kill(pid, syscall.SIGKILL)
	if state, err := proc.State(pid); err != nil || state == "Z" {
		t.Errorf("it is %s: %v", state, err)
	}
}

func TestOneHookAtATime(t *testing.T) {
	b := newBench(t)
	first := b.victim(`sh -c 'echo $$$$ > first; sleep 300'`, "true", time.Minute)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- (fault.Hook{}).Inject(ctx, first) }()
	pid := b.pid("first")
	second := b.victim("touch second", "touch second", 200*time.Millisecond)
	second.ID.Service = "api"
	if err := (fault.Hook{}).Inject(t.Context(), second); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("another hook was still running (pid %d)", pid)) {
		t.Errorf("break of another: %v", err)
	}
	if _, err := os.Stat(filepath.Join(b.dir, "second")); err == nil {
		t.Error("two hooks ran at once")
	}
	began := time.Now()
	if err := (fault.Hook{}).Undo(t.Context(), second); err != nil || time.Since(began) < second.Hook.Timeout {
		t.Errorf("a mend waits its timeout, and not for ever: %v after %s", err, time.Since(began))
	}
	if state, err := proc.State(pid); err != nil || state == "Z" {
		t.Error("the break of another victim was ended")
	}
	cancel()
	<-ended
	if err := (fault.Hook{}).Inject(t.Context(), second); err != nil {
		t.Errorf("once the first is over: %v", err)
	}
}

// The mend of a victim whose break still runs, in a process that is stuck, ends
// it first.
func TestAMendEndsItsOwnBreak(t *testing.T) {
	b := newBench(t)
	v := b.victim(`sh -c 'echo $$$$ > self; sleep 300; touch broken'`, "touch mended", time.Minute)
	ended := make(chan error, 1)
	go func() { ended <- (fault.Hook{}).Inject(t.Context(), v) }()
	pid := b.pid("self")
	if err := (fault.Hook{}).Undo(t.Context(), v); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err == nil {
		t.Error("a break that was ended from outside is no break")
	}
	b.endsWithin(pid, "the break")
	if _, err := os.Stat(filepath.Join(b.dir, "mended")); err != nil {
		t.Error("the mend did not run")
	}
}

func TestAHookThatCannotBeRunSaysSo(t *testing.T) {
	b := newBench(t)
	for breaks, want := range map[string]string{
		"./no-such-program":  "no such file",
		"no-such-program-at": "not found",
		"echo $NOBODY":       "nothing sets the variable NOBODY",
		"a | b":              "needs a shell",
		"":                   "no commands",
	} {
		if err := (fault.Hook{}).Inject(t.Context(), b.victim(breaks, "true", time.Minute)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", breaks, err, want)
		}
	}
}
