package process

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"holdfast"
	"holdfast/internal/proc"
)

// deaf ignores SIGTERM and says when it has begun to.
const deaf = `sh -c 'trap "" TERM; echo deaf; while :; do sleep 0.05; done'`

// A scene is a driver that runs over a test keeper, and what it said.
type scene struct {
	t      *testing.T
	keeper *testKeeper
	driver *Driver
	cancel context.CancelFunc
	done   chan error

	mu    sync.Mutex
	heard []holdfast.Observation
}

func play(t *testing.T, environ ...string) *scene {
	t.Helper()
	k := newKeeper(t)
	return playWith(t, k, newDriver(t, k, t.TempDir(), environ...))
}

func playWith(t *testing.T, k *testKeeper, d *Driver) *scene {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	s := &scene{t: t, keeper: k, driver: d, cancel: cancel, done: make(chan error, 1)}
	go func() {
		s.done <- d.Run(ctx, func(o holdfast.Observation) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.heard = append(s.heard, o)
		})
	}()
	t.Cleanup(func() { s.end() })
	return s
}

// end ends the run and returns what it returned.
func (s *scene) end() error {
	s.t.Helper()
	s.cancel()
	return s.ended()
}

func (s *scene) ended() error {
	s.t.Helper()
	select {
	case err := <-s.done:
		s.done <- err
		return err
	case <-time.After(20 * time.Second):
		s.t.Fatal("run does not return")
		return nil
	}
}

func (s *scene) desire(replicas ...holdfast.DesiredReplica) {
	s.t.Helper()
	if err := s.driver.Apply(s.t.Context(), holdfast.Desired{Replicas: replicas}); err != nil {
		s.t.Fatal(err)
	}
}

func (s *scene) said() []holdfast.Observation {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.heard)
}

func (s *scene) until(what string, is func() bool) {
	s.t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(20 * time.Second)
	for !is() {
		select {
		case <-tick.C:
		case <-deadline:
			s.t.Fatalf("waited in vain until %s; said %v, sent %v", what, s.said(), s.keeper.sent())
		}
	}
}

// heardOf waits for an observation of one type about an incarnation.
func heardOf[O holdfast.Observation](s *scene, is func(O) bool) O {
	s.t.Helper()
	var found O
	s.until(fmt.Sprintf("a %s is said", found.Kind()), func() bool {
		for _, o := range s.said() {
			if o, ok := o.(O); ok && is(o) {
				found = o
				return true
			}
		}
		return false
	})
	return found
}

func (s *scene) started(id holdfast.ReplicaID) holdfast.Started {
	s.t.Helper()
	return heardOf(s, func(o holdfast.Started) bool { return o.ID == id })
}

func (s *scene) exited(id holdfast.ReplicaID) holdfast.Exited {
	s.t.Helper()
	return heardOf(s, func(o holdfast.Exited) bool { return o.ID == id })
}

func (s *scene) prints(r holdfast.DesiredReplica, text string) {
	s.t.Helper()
	s.until("it prints "+text, func() bool {
		lines, err := s.driver.Tail(r.ID.Name(), 100)
		return err == nil && slices.ContainsFunc(lines, func(line string) bool { return strings.Contains(line, text) })
	})
}

func TestAStopThatArrivesDuringStart(t *testing.T) {
	s := play(t)
	begun, release := make(chan bool, 1), make(chan bool)
	s.keeper.starting = func(holdfast.ProcessSpec) { begun <- true; <-release }
	r := running("catalog", 1, 1, "sleep 600")
	s.desire(r)
	<-begun
	s.desire()
	close(release)
	s.started(r.ID)
	s.exited(r.ID)
	if n := s.keeper.startsOf(r.ID); n != 1 {
		t.Errorf("started %d times", n)
	}
}

// What process-compose #530 was: restarted while it waited, wedged, and later
// there were two.
func TestARestartWhileStoppingStartsOnlyTheLast(t *testing.T) {
	s := play(t)
	first := running("catalog", 1, 1, deaf)
	first.Service.StopGrace = 300 * time.Millisecond
	s.desire(first)
	s.prints(first, "deaf")
	s.desire(running("catalog", 1, 2, "sleep 600"))
	s.until("the old one was asked to end", func() bool { return len(s.keeper.sent()) > 0 })
	s.desire(running("catalog", 1, 3, "sleep 600"))
	s.started(running("catalog", 1, 3, "").ID)
	if n := s.keeper.startsOf(running("catalog", 1, 2, "").ID); n != 0 {
		t.Errorf("an incarnation that was overtaken started %d times", n)
	}
	if living := s.keeper.living(); len(living) != 1 {
		t.Errorf("%v live, want one", living)
	}
}

func TestAPlanThatIsNoLongerDesiredIsNotCarriedOut(t *testing.T) {
	k := newKeeper(t)
	r := &run{Driver: newDriver(t, k, t.TempDir())}
	stale := running("catalog", 1, 1, "sleep 600")
	if a := r.start(t.Context(), stale); !a.stale || k.startsOf(stale.ID) != 0 {
		t.Errorf("started what nobody desires any more: %+v", a)
	}
}

func TestWhoIgnoresTheStopSignalIsKilledAfterItsGrace(t *testing.T) {
	s := play(t)
	r := running("catalog", 1, 1, deaf)
	r.Service.StopGrace = 300 * time.Millisecond
	s.desire(r)
	s.prints(r, "deaf")
	asked := time.Now()
	s.desire()
	if exited := s.exited(r.ID); exited.Status.Signal != "SIGKILL" {
		t.Errorf("ended with %s, want SIGKILL", exited.Status)
	}
	if took := time.Since(asked); took < r.Service.StopGrace {
		t.Errorf("killed after %s, before its grace of %s was over", took, r.Service.StopGrace)
	}
	if got, want := s.keeper.sent(), []string{"catalog-1#1 SIGTERM", "catalog-1#1 SIGKILL"}; !slices.Equal(got, want) {
		t.Errorf("sent %v, want %v", got, want)
	}
}

func TestADeathDuringTheGraceIsEnough(t *testing.T) {
	s := play(t)
	r := running("catalog", 1, 1, deaf)
	r.Service.StopGrace = time.Hour
	s.desire(r)
	s.prints(r, "deaf")
	s.desire()
	s.until("it was asked to end", func() bool { return len(s.keeper.sent()) > 0 })
	syscall.Kill(s.started(r.ID).Pid, syscall.SIGKILL)
	s.exited(r.ID)
	if sent := s.keeper.sent(); len(sent) != 1 {
		t.Errorf("sent %v to one that was dead", sent)
	}
}

func TestAStopOnceBegunIsCarriedToTheEnd(t *testing.T) {
	s := play(t)
	r := running("catalog", 1, 1, deaf)
	r.Service.StopGrace = 300 * time.Millisecond
	s.desire(r)
	s.prints(r, "deaf")
	s.desire()
	s.until("it was asked to end", func() bool { return len(s.keeper.sent()) > 0 })
	s.desire(r)
	s.exited(r.ID)
	next := running("catalog", 1, 2, "sleep 600")
	s.desire(next)
	s.started(next.ID)
	if n := s.keeper.startsOf(r.ID); n != 1 {
		t.Errorf("started %d times", n)
	}
}

func TestTheNextAgentResumesAStop(t *testing.T) {
	k, state := newKeeper(t), t.TempDir()
	first := playWith(t, k, newDriver(t, k, state))
	r := running("catalog", 1, 1, deaf)
	r.Service.StopGrace = 200 * time.Millisecond
	other := running("cart", 1, 1, "sleep 600")
	first.desire(r, other)
	first.prints(r, "deaf")
	was := first.started(other.ID)
	first.desire(running("catalog", 1, 2, "sleep 600"), other)
	first.until("it was asked to end", func() bool { return len(k.sent()) > 0 })
	first.end()

	second := playWith(t, k, newDriver(t, k, state))
	replaced := running("catalog", 1, 2, "sleep 600")
	replaced.Service.StopGrace = 200 * time.Millisecond
	second.desire(replaced, other)
	second.started(replaced.ID)
	second.exited(r.ID)
	if found := second.started(other.ID); !found.Adopted || found.Pid != was.Pid || found.Address != was.Address {
		t.Errorf("found %+v, want %+v adopted", found, was)
	}
	if second.started(replaced.ID).Adopted {
		t.Error("what this agent started is called adopted")
	}
	second.until("what has a successor is forgotten", func() bool {
		k.mu.Lock()
		defer k.mu.Unlock()
		return slices.Contains(k.forgotten, r.ID)
	})
}

func TestChildrenInSessionsOfTheirOwnEndFirst(t *testing.T) {
	if _, err := proc.Marked("none", ""); err != nil || proc.BootID() == "" {
		t.Skip("finding marked processes needs Linux")
	}
	s := play(t)
	r := running("catalog", 1, 1, `sh -c 'setsid sleep 601 & echo child; wait'`)
	s.desire(r)
	s.prints(r, "child")
	next := running("catalog", 1, 2, "sleep 600")
	s.desire(next)
	s.started(next.ID)
	if left, err := proc.Marked(s.keeper.keep, r.ID.String()); err != nil || len(left) > 0 {
		t.Errorf("%v of the old incarnation live beside the new one (%v)", left, err)
	}
}

func TestAStrangerOnTheAddress(t *testing.T) {
	s := play(t)
	r := running("catalog", 1, 1, "sleep 600")
	s.desire(r)
	first := s.started(r.ID)
	syscall.Kill(first.Pid, syscall.SIGKILL)
	s.exited(r.ID)

	again := running("catalog", 1, 2, "sleep 600")
	s.desire(again)
	second := s.started(again.ID)
	if second.Address != first.Address {
		t.Errorf("the address changed from %s to %s although it was free", first.Address, second.Address)
	}
	syscall.Kill(second.Pid, syscall.SIGKILL)
	s.exited(again.ID)
	stranger, err := net.Listen("tcp", second.Address)
	if err != nil {
		t.Fatal(err)
	}
	defer stranger.Close()
	moved := running("catalog", 1, 3, "sleep 600")
	s.desire(moved)
	third := s.started(moved.ID)
	if third.Address == second.Address {
		t.Errorf("sent to %s, where a stranger listens", third.Address)
	}
	if kept, err := openAddresses(s.driver.state, "127.0.0.1"); err != nil || kept.get("catalog-1") != third.Address {
		t.Errorf("kept %q (%v), want %s", kept.get("catalog-1"), err, third.Address)
	}
}

func TestWhatEndsAtOnceIsToldInOrder(t *testing.T) {
	s := play(t)
	r := running("job", 1, 1, `sh -c 'exit 3'`)
	s.desire(r)
	exited := s.exited(r.ID)
	if exited.Status.Code != 3 || exited.Ran < 0 || exited.Ran > time.Minute {
		t.Errorf("%v after %v", exited.Status, exited.Ran)
	}
	if said := s.said(); len(said) != 2 || said[0].Kind() != "started" {
		t.Errorf("said %v, want started, then exited", said)
	}
}

func TestNotStartedSaysWhatToDo(t *testing.T) {
	dir := t.TempDir()
	os.WriteFile(filepath.Join(dir, "data.txt"), []byte("x"), 0o600)
	os.WriteFile(filepath.Join(dir, "here"), []byte("#!/bin/sh\n"), 0o700)
	os.Mkdir(filepath.Join(dir, "folder"), 0o700)
	for name, c := range map[string]struct{ command, dir, want string }{
		"no file":        {command: "./catalog", dir: dir, want: "no such file: build it"},
		"not executable": {command: "./data.txt", dir: dir, want: "chmod +x"},
		"a directory":    {command: "./folder", dir: dir, want: "it is a directory"},
		"not in PATH":    {command: "no-such-program-here", dir: dir, want: "not in PATH: install it"},
		"beside":         {command: "here", dir: dir, want: "write ./here"},
		"assignment":     {command: "DEBUG=1 ./here", dir: dir, want: "set DEBUG under environment"},
		"no directory":   {command: "sleep 1", dir: dir + "/none", want: "working_dir"},
		"no variable":    {command: "sleep $NO_SUCH_VARIABLE", dir: dir, want: "$NO_SUCH_VARIABLE is not set"},
		"needs a shell":  {command: "sleep 1 && sleep 2", dir: dir, want: "needs a shell"},
		"no command":     {command: "", dir: dir, want: "the command is empty"},
		"not a program":  {command: "./here", dir: dir, want: "exec format error"},
	} {
		t.Run(name, func(t *testing.T) {
			if name == "not a program" {
				os.WriteFile(filepath.Join(dir, "here"), []byte{0, 1, 2, 3}, 0o700)
			}
			s := play(t)
			r := running("catalog", 1, 1, c.command)
			r.Service.WorkingDir = c.dir
			s.desire(r)
			o := heardOf(s, func(o holdfast.NotStarted) bool { return o.ID == r.ID })
			if !strings.Contains(o.Reason, c.want) {
				t.Errorf("reason %q, want %q in it", o.Reason, c.want)
			}
			if d := s.driver.Diagnose(r.ID); !strings.Contains(d.State, c.want) {
				t.Errorf("diagnosis %q, want %q in it", d.State, c.want)
			}
		})
	}
}

func TestFlapping(t *testing.T) {
	s := play(t)
	const replicas = 8
	random := rand.New(rand.NewPCG(1, 2))
	highest := map[int]holdfast.Incarnation{}
	for range 400 {
		var desired []holdfast.DesiredReplica
		for ordinal := 1; ordinal <= replicas; ordinal++ {
			if random.IntN(4) == 0 {
				continue
			}
			highest[ordinal] += holdfast.Incarnation(random.IntN(2))
			desired = append(desired, running("catalog", ordinal, max(1, highest[ordinal]), "sleep 600"))
		}
		s.desire(desired...)
	}
	var last []holdfast.DesiredReplica
	var want []holdfast.ReplicaID
	for ordinal := 1; ordinal <= replicas; ordinal++ {
		last = append(last, running("catalog", ordinal, 1000, "sleep 600"))
		want = append(want, last[len(last)-1].ID)
	}
	s.desire(last...)
	for _, id := range want {
		s.started(id)
	}
	if living := s.keeper.living(); !slices.Equal(living, want) {
		t.Errorf("%v live, want %v", living, want)
	}
	for id, n := range s.keeper.starts {
		if n > 1 {
			t.Errorf("%s started %d times", id, n)
		}
	}
}

func TestALostKeeperIsNotTheReplicasFailure(t *testing.T) {
	s := play(t)
	s.keeper.refuse = errors.New("broken pipe")
	lose := sync.OnceFunc(func() { close(s.keeper.lost) })
	s.keeper.starting = func(holdfast.ProcessSpec) { lose() }
	s.desire(running("catalog", 1, 1, "sleep 600"))
	if err := s.ended(); err == nil || !strings.Contains(err.Error(), "the keeper is gone") {
		t.Errorf("run ended with %v", err)
	}
	if said := s.said(); len(said) > 0 {
		t.Errorf("said %v of a replica nobody knows anything of", said)
	}
}

func TestAKeeperThatObeysSomebodyElseEndsTheRun(t *testing.T) {
	s := play(t)
	fenced := holdfast.Refusal("a newer agent gives the orders")
	s.keeper.refuse = fmt.Errorf("start: %w", fenced)
	s.desire(running("catalog", 1, 1, "sleep 600"))
	if err := s.ended(); !errors.Is(err, fenced) {
		t.Errorf("run ended with %v, want %v", err, fenced)
	}
	if said := s.said(); len(said) > 0 {
		t.Errorf("said %v", said)
	}
}

// The addresses were removed, and the mind is behind: the keeper alone knows.
func TestAStaleIncarnationThatOnlyTheKeeperKnowsIsIgnored(t *testing.T) {
	s := play(t)
	asked := make(chan bool, 10)
	s.keeper.starting = func(holdfast.ProcessSpec) { asked <- true }
	s.keeper.refuse = fmt.Errorf("start: %w", holdfast.ErrPast)
	s.desire(running("catalog", 1, 1, "sleep 600"))
	<-asked
	s.desire(running("catalog", 1, 1, "sleep 600"), running("catalog", 2, 1, "sleep 600"))
	<-asked
	s.keeper.mu.Lock()
	s.keeper.refuse = nil
	s.keeper.mu.Unlock()
	last := running("catalog", 3, 1, "sleep 600")
	s.desire(running("catalog", 1, 1, "sleep 600"), last)
	s.started(last.ID)
	if said := s.said(); len(said) != 1 || len(asked) > 1 {
		t.Errorf("said %v, and asked %d times more", said, len(asked))
	}
}

func TestApplyRefusesWhole(t *testing.T) {
	s := play(t)
	good := running("catalog", 1, 1, "sleep 600")
	for name, bad := range map[string]holdfast.DesiredReplica{
		"twice":          running("catalog", 1, 2, "sleep 600"),
		"a path":         running("../catalog", 1, 1, "sleep 600"),
		"no incarnation": running("cart", 1, 0, "sleep 600"),
		"no ordinal":     running("cart", 0, 1, "sleep 600"),
	} {
		if err := s.driver.Apply(t.Context(), holdfast.Desired{Replicas: []holdfast.DesiredReplica{good, bad}}); err == nil {
			t.Errorf("%s: taken over", name)
		}
	}
	if _, known := s.driver.wanted(); known {
		t.Error("something refused was taken over")
	}
}
