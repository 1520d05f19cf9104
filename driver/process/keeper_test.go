package process

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"holdfast"
	"holdfast/internal/proc"
)

// A testKeeper keeps the contract of holdfast.Keeper within this process, with
// real processes in groups of their own. What differs from the real one: it
// dies with the test and it is a parent, so that no exit status is unknown.
type testKeeper struct {
	t    *testing.T
	keep string

	mu        sync.Mutex
	held      map[holdfast.ReplicaID]*holding
	starts    map[holdfast.ReplicaID]int
	signals   []string // "catalog-1#1 SIGTERM", in order
	forgotten []holdfast.ReplicaID
	changed   chan struct{} // closed and replaced with each change of a process
	lost      chan struct{} // closed when the keeper is to be lost
	reaping   sync.WaitGroup

	starting func(holdfast.ProcessSpec) // called before each start; nil: nothing
	refuse   error                      // what Start answers instead
}

type holding struct {
	process holdfast.Process
	command *exec.Cmd
	version int // grows with each change, so that followers miss none
}

func newKeeper(t *testing.T) *testKeeper {
	k := &testKeeper{
		t:       t,
		keep:    fmt.Sprintf("test-%d-%d", os.Getpid(), time.Now().UnixNano()),
		held:    map[holdfast.ReplicaID]*holding{},
		starts:  map[holdfast.ReplicaID]int{},
		changed: make(chan struct{}),
		lost:    make(chan struct{}),
	}
	t.Cleanup(k.end)
	return k
}

func (k *testKeeper) end() {
	for _, id := range k.living() {
		k.Signal(context.Background(), id, "SIGKILL")
	}
	k.reaping.Wait()
}

func (k *testKeeper) Start(ctx context.Context, spec holdfast.ProcessSpec) (holdfast.Process, error) {
	k.mu.Lock()
	hook, refuse := k.starting, k.refuse
	k.mu.Unlock()
	if hook != nil {
		hook(spec)
	}
	if refuse != nil {
		return holdfast.Process{}, refuse
	}
	if err := ctx.Err(); err != nil {
		return holdfast.Process{}, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if h, ok := k.held[spec.ID]; ok {
		return h.process, nil
	}
	for id, h := range k.held {
		if id.Name() == spec.ID.Name() && !h.process.Gone {
			return holdfast.Process{}, holdfast.ErrRunning
		}
	}
	k.starts[spec.ID]++
	return k.start(spec)
}

// start is called with the lock held.
func (k *testKeeper) start(spec holdfast.ProcessSpec) (holdfast.Process, error) {
	log, err := os.OpenFile(spec.Log, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return holdfast.Process{}, err
	}
	defer log.Close()
	command := exec.Command(spec.Run[0], spec.Run[1:]...)
	command.Env = append(slices.Clone(spec.Env), proc.Mark+"="+k.keep+"/"+spec.ID.String())
	command.Dir, command.Stdout, command.Stderr = spec.Dir, log, log
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := command.Start(); err != nil {
		return holdfast.Process{}, fmt.Errorf("start %s: %w", spec.ID, err)
	}
	ticks, _ := proc.Ticks(command.Process.Pid)
	h := &holding{command: command, process: holdfast.Process{ID: spec.ID, Pid: command.Process.Pid, Ticks: ticks, Began: int64(proc.Now())}}
	k.held[spec.ID] = h
	k.change(h)
	k.reaping.Go(func() { k.reap(h) })
	return h.process, nil
}

// reap waits for the exit, tells it, ends what is left and tells that.
func (k *testKeeper) reap(h *holding) {
	h.command.Wait()
	status := h.command.ProcessState.Sys().(syscall.WaitStatus)
	exit := &holdfast.ExitStatus{Code: status.ExitStatus()}
	if status.Signaled() {
		exit = &holdfast.ExitStatus{Signal: signalName(status.Signal())}
	}
	k.mu.Lock()
	h.process.Exit, h.process.Ended = exit, int64(proc.Now())
	k.change(h)
	id := h.process.ID
	k.mu.Unlock()

	for left := true; left; {
		syscall.Kill(-h.process.Pid, syscall.SIGKILL)
		marked, _ := proc.Marked(k.keep, id.String())
		for pid := range marked {
			syscall.Kill(pid, syscall.SIGKILL)
		}
		left = len(marked) > 0
	}
	k.mu.Lock()
	h.process.Gone = true
	k.change(h)
	k.mu.Unlock()
}

// change is called with the lock held.
func (k *testKeeper) change(h *holding) {
	h.version++
	close(k.changed)
	k.changed = make(chan struct{})
}

func (k *testKeeper) Signal(_ context.Context, id holdfast.ReplicaID, signal string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.signals = append(k.signals, id.String()+" "+signal)
	h, ok := k.held[id]
	if !ok || h.process.Exit != nil {
		return holdfast.ErrNotRunning
	}
	number, ok := map[string]syscall.Signal{"SIGTERM": syscall.SIGTERM, "SIGINT": syscall.SIGINT, "SIGKILL": syscall.SIGKILL}[signal]
	if !ok {
		return fmt.Errorf("unknown signal %q", signal)
	}
	return syscall.Kill(-h.process.Pid, number)
}

func (k *testKeeper) Forget(_ context.Context, id holdfast.ReplicaID) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if h, ok := k.held[id]; ok && h.process.Gone {
		delete(k.held, id)
		k.forgotten = append(k.forgotten, id)
	}
	return nil
}

func (k *testKeeper) Follow(ctx context.Context, emit func(holdfast.Process)) error {
	told := map[holdfast.ReplicaID]int{}
	for {
		k.mu.Lock()
		var news []holdfast.Process
		for id, h := range k.held {
			if h.version > told[id] {
				told[id] = h.version
				news = append(news, h.process)
			}
		}
		changed := k.changed
		k.mu.Unlock()
		for _, p := range news {
			emit(p)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-k.lost:
			return fmt.Errorf("the keeper is gone")
		case <-changed:
		}
	}
}

func (k *testKeeper) living() []holdfast.ReplicaID {
	k.mu.Lock()
	defer k.mu.Unlock()
	var ids []holdfast.ReplicaID
	for id, h := range k.held {
		if h.process.Exit == nil {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, func(a, b holdfast.ReplicaID) int { return strings.Compare(a.String(), b.String()) })
	return ids
}

func (k *testKeeper) sent() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.signals)
}

func (k *testKeeper) startsOf(id holdfast.ReplicaID) int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.starts[id]
}

func signalName(s syscall.Signal) string {
	return map[syscall.Signal]string{syscall.SIGTERM: "SIGTERM", syscall.SIGKILL: "SIGKILL", syscall.SIGINT: "SIGINT"}[s]
}
