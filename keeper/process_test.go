package keeper

import (
	"os"
	"strings"
	"syscall"
	"testing"

	"holdfast"
	"holdfast/internal/proc"
)

func TestAnExitIsToldWithItsStatus(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	c := h.begin()
	told := follow(t, c)
	for _, exit := range []struct {
		name, script string
		want         holdfast.ExitStatus
	}{
		{name: "fine-1", script: "exit 0", want: holdfast.ExitStatus{}},
		{name: "code-1", script: "exit 7", want: holdfast.ExitStatus{Code: 7}},
		{name: "signal-1", script: "kill -SEGV $$", want: holdfast.ExitStatus{Signal: "SIGSEGV"}},
	} {
		p := start(t, c, h.spec(exit.name, 1, exit.script))
		got := told.find(t, "the exit of "+exit.name, exited(p.ID))
		if *got.Exit != exit.want || got.Ended < got.Began {
			t.Errorf("%s: told %+v, ended %d after its start, want %v", exit.name, *got.Exit, got.Ended-got.Began, exit.want)
		}
		told.find(t, exit.name+" gone", gone(p.ID))
	}
}

func TestAProcessGetsItsFileEnvironmentAndMarkAndNothingElse(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	leak, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer leak.Close()
	c := h.begin(leak) // descriptor 3 of the keeper
	told := follow(t, c)
	spec := h.spec("env-1", 1, "env; readlink /proc/self/fd/0; ls /proc/$$/fd; echo oops >&2; exit 3")
	spec.Env = []string{"PATH=" + os.Getenv("PATH"), "GREETING=hello world", proc.Mark + "=stranger/x-1#1"}
	p := start(t, c, spec)
	told.find(t, "gone", gone(p.ID))
	text, err := os.ReadFile(spec.Log)
	if err != nil {
		t.Fatal(err)
	}
	log := string(text)
	for _, want := range []string{"GREETING=hello world\n", proc.Mark + "=" + h.keep() + "/env-1#1\n", "/dev/null\n", "0\n1\n2\noops\n"} {
		if !strings.Contains(log, want) {
			t.Errorf("the log lacks %q:\n%s", want, log)
		}
	}
	for _, not := range []string{"HOME=", "stranger"} {
		if strings.Contains(log, not) {
			t.Errorf("the process was given %q:\n%s", not, log)
		}
	}
	if info, err := os.Stat(spec.Log); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the log has mode %v (%v), want 0600", info.Mode().Perm(), err)
	}
}

func TestWhatCannotStartSaysWhy(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	c := h.begin()
	for _, broken := range []struct {
		name string
		spec func(*holdfast.ProcessSpec)
		want string
	}{
		{name: "no such command", spec: func(s *holdfast.ProcessSpec) { s.Run = []string{"catalog"} }, want: `command "catalog" was not found in PATH`},
		{name: "no such file", spec: func(s *holdfast.ProcessSpec) { s.Run = []string{"./catalog"} }, want: "catalog: no such file"},
		{name: "not executable", spec: func(s *holdfast.ProcessSpec) { s.Run = []string{h.path("keep")} }, want: "cannot be executed"},
		{name: "no directory", spec: func(s *holdfast.ProcessSpec) { s.Dir = "/nowhere" }, want: "working directory"},
		{name: "no log", spec: func(s *holdfast.ProcessSpec) { s.Log = "/nowhere/x.log" }, want: "no such file"},
		{name: "nothing", spec: func(s *holdfast.ProcessSpec) { s.Run = nil }, want: "nothing to run"},
		{name: "signal", spec: func(s *holdfast.ProcessSpec) { s.StopSignal = "SIGFOO" }, want: "SIGFOO"},
	} {
		spec := h.spec("catalog-1", 1, "exit 0")
		broken.spec(&spec)
		_, err := c.Start(t.Context(), spec)
		if err == nil || !strings.Contains(err.Error(), broken.want) || !strings.Contains(err.Error(), "catalog-1#1") {
			t.Errorf("%s: got %v, want an error with %q", broken.name, err, broken.want)
		}
	}
	// A failed start leaves no record in the way of the next.
	start(t, c, h.spec("catalog-1", 1, "sleep 60"))
}

func TestAnIncarnationRunsOnceAndAloneInItsReplica(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	c := h.begin()
	told := follow(t, c)
	first := start(t, c, h.spec("catalog-1", 4, "sleep 60"))
	if again := start(t, c, h.spec("catalog-1", 4, "sleep 60")); again.Pid != first.Pid {
		t.Errorf("started twice: pids %d and %d", first.Pid, again.Pid)
	}
	_, err := c.Start(t.Context(), h.spec("catalog-1", 5, "sleep 60"))
	wantRefusal(t, err, holdfast.ErrRunning)
	wantRefusal(t, c.Forget(t.Context(), first.ID), holdfast.ErrRunning)

	next := h.spec("catalog-1", 5, "sleep 60").ID
	wantRefusal(t, c.Signal(t.Context(), next, "SIGTERM"), holdfast.ErrNotRunning)
	if err := c.Signal(t.Context(), first.ID, "SIGTERM"); err != nil {
		t.Fatal(err)
	}
	told.find(t, "gone", gone(first.ID))
	wantRefusal(t, c.Signal(t.Context(), first.ID, "SIGTERM"), holdfast.ErrNotRunning)

	// It stays exited, whoever asks again, and makes room for a later one only.
	p, err := c.Start(t.Context(), h.spec("catalog-1", 4, "sleep 60"))
	if err != nil || p.Exit == nil || p.Exit.Signal != "SIGTERM" {
		t.Errorf("started again: %+v, %v, want the exited process", p, err)
	}
	_, err = c.Start(t.Context(), h.spec("catalog-1", 3, "sleep 60"))
	wantRefusal(t, err, holdfast.ErrPast)
	start(t, c, h.spec("catalog-1", 5, "sleep 60"))
}

func TestForgetDropsWhatIsGone(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	c := h.begin()
	told := follow(t, c)
	p := start(t, c, h.spec("catalog-1", 1, "exit 0"))
	told.find(t, "gone", gone(p.ID))
	for range 2 {
		if err := c.Forget(t.Context(), p.ID); err != nil {
			t.Fatal(err)
		}
	}
	other := start(t, c, h.spec("cart-1", 1, "sleep 60"))
	later := follow(t, h.dial("test", 0))
	later.find(t, "the living", func(p holdfast.Process) bool { return p.ID == other.ID })
	for _, p := range later.told {
		if p.ID != other.ID {
			t.Errorf("a later follower is told of %s", p.ID)
		}
	}
}

func TestASignalReachesTheWholeGroup(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	c := h.begin()
	told := follow(t, c)
	p := start(t, c, h.spec("tree-1", 1, "sh -c 'echo $$ > child; exec sleep 60' & echo $$ > self; wait"))
	child := pidIn(t, h.path("child"))
	if err := c.Signal(t.Context(), p.ID, "SIGTERM"); err != nil {
		t.Fatal(err)
	}
	told.find(t, "the exit", exited(p.ID))
	eventually(t, "the child's end", func() bool { return !alive(child) })
}

func TestNothingOutlivesItsLeader(t *testing.T) {
	for _, flight := range []struct{ name, script string }{
		{name: "group-1", script: "(trap '' TERM; echo $$ > leader; exec sh -c 'echo $$ > child; while :; do sleep 60; done') & wait"},
		{name: "unmarked-1", script: "env -i /bin/sh -c 'echo $$ > child; exec /bin/sleep 60' & wait"},
		{name: "session-1", script: "setsid sh -c 'echo $$ > child; trap \"\" TERM HUP; while :; do sleep 60; done' & wait"},
		{name: "daemon-1", script: "(setsid sh -c 'echo $$ > child; exec sleep 60' &) ; sleep 60"},
	} {
		t.Run(flight.name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			c := h.begin()
			told := follow(t, c)
			p := start(t, c, h.spec(flight.name, 1, flight.script))
			child := pidIn(t, h.path("child"))
			if err := syscall.Kill(p.Pid, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			told.find(t, "gone", gone(p.ID))
			if alive(child) {
				t.Errorf("gone, and its child %d lives", child)
			}
			start(t, c, h.spec(flight.name, 2, "sleep 60"))
		})
	}
}

func TestEndLeavesNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "agent", "gateway")
	c := h.begin()
	start(t, c, h.spec("polite-1", 1, "trap 'echo bye; exit 0' TERM; while :; do sleep 0.05; done"))
	deaf := h.spec("deaf-1", 1, "trap '' TERM; echo $$ > deaf; while :; do sleep 0.05; done")
	deaf.StopGrace /= 10
	start(t, c, deaf)
	stopped := start(t, c, h.spec("stopped-1", 1, "trap 'echo bye; exit 0' TERM; echo $$ > stopped; while :; do sleep 0.05; done"))
	start(t, c, h.spec("away-1", 1, "setsid sh -c 'echo $$ > away; exec sleep 60' & sleep 60"))
	start(t, c, h.spec("unmarked-1", 1, "env -i setsid sh -c 'echo $$ > unmarked; exec /bin/sleep 60' & wait"))
	pids := []int{pidIn(t, h.path("stopped")), pidIn(t, h.path("deaf")), pidIn(t, h.path("away")), pidIn(t, h.path("unmarked"))}
	if err := c.Signal(t.Context(), stopped.ID, "SIGSTOP"); err != nil {
		t.Fatal(err)
	}
	if err := c.End(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, pid := range pids {
		if alive(pid) {
			t.Errorf("pid %d lives after the end", pid)
			syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	if left := h.marked(); len(left) > 0 {
		t.Errorf("after the end these live: %v", left)
	}
	for _, name := range []string{"polite-1.log", "stopped-1.log"} {
		if text, _ := os.ReadFile(h.path(name)); !strings.HasSuffix(string(text), "bye\n") {
			t.Errorf("%s: %q, want a good-bye", name, text)
		}
	}
	h.awaitEnd()
	if h.err != nil {
		t.Errorf("Run: %v", h.err)
	}
	h.begin() // the directory is free at once
}

func TestALateAgentIsFenced(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.begin()
	early := h.dial(Agent, 3)
	p := start(t, early, h.spec("catalog-1", 1, "sleep 60"))
	late := h.dial(Agent, 4)
	_, err := early.Start(t.Context(), h.spec("catalog-2", 1, "sleep 60"))
	wantRefusal(t, err, ErrFenced)
	wantRefusal(t, early.Signal(t.Context(), p.ID, "SIGTERM"), ErrFenced)
	wantRefusal(t, early.Forget(t.Context(), p.ID), ErrFenced)
	_, err = early.Listen(t.Context(), nil)
	wantRefusal(t, err, ErrFenced)
	wantRefusal(t, early.End(t.Context()), ErrFenced)
	if _, err := early.Roles(t.Context()); err != nil {
		t.Errorf("a late agent may not even look: %v", err)
	}
	start(t, late, h.spec("catalog-2", 1, "sleep 60"))

	// The next keeper knows the fence too.
	h.kill()
	h.begin()
	early = h.dial(Agent, 3)
	wantRefusal(t, early.Signal(t.Context(), p.ID, "SIGTERM"), ErrFenced)
}
