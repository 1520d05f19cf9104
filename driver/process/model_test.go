package process

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"holdfast"
	"holdfast/internal/proc"
)

// A paperKeeper holds processes that exist on paper, in the time of a bubble:
// slow to start, slow or deaf when asked to end, dying when they please. It
// fails the test when the driver asks for what must never happen.
type paperKeeper struct {
	t *testing.T

	mu      sync.Mutex
	random  *rand.Rand
	held    map[holdfast.ReplicaID]*holdfast.Process
	killed  map[holdfast.ReplicaID]bool
	asked   map[holdfast.ReplicaID]time.Time // when it was sent the stop signal
	started map[holdfast.ReplicaID]int
	tell    map[int]chan holdfast.Process
	next    int
}

func newPaperKeeper(t *testing.T, seed uint64) *paperKeeper {
	return &paperKeeper{
		t: t, random: rand.New(rand.NewPCG(seed, 7)),
		held: map[holdfast.ReplicaID]*holdfast.Process{}, killed: map[holdfast.ReplicaID]bool{},
		asked: map[holdfast.ReplicaID]time.Time{}, started: map[holdfast.ReplicaID]int{}, tell: map[int]chan holdfast.Process{},
	}
}

func (k *paperKeeper) within(most time.Duration) time.Duration {
	k.mu.Lock()
	defer k.mu.Unlock()
	return time.Duration(k.random.Int64N(int64(most)))
}

func (k *paperKeeper) Start(ctx context.Context, spec holdfast.ProcessSpec) (holdfast.Process, error) {
	time.Sleep(k.within(80 * time.Millisecond))
	if err := ctx.Err(); err != nil {
		return holdfast.Process{}, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if p, ok := k.held[spec.ID]; ok {
		return *p, nil
	}
	for id, p := range k.held {
		if id.Name() == spec.ID.Name() && !p.Gone {
			return holdfast.Process{}, holdfast.ErrRunning
		}
		if id.Name() == spec.ID.Name() && id.Incarnation > spec.ID.Incarnation {
			k.t.Errorf("asked to start %s after %s", spec.ID, id)
		}
	}
	if k.started[spec.ID]++; k.started[spec.ID] > 1 {
		k.t.Errorf("asked to start %s twice", spec.ID)
	}
	p := &holdfast.Process{ID: spec.ID, Pid: 1000 + len(k.started), Began: int64(proc.Now())}
	k.held[spec.ID] = p
	k.say(*p)
	if k.random.IntN(4) == 0 { // it will die by itself
		k.dieAfter(spec.ID, time.Duration(k.random.Int64N(int64(2*time.Second))), "SIGSEGV")
	}
	return *p, nil
}

// dieAfter is called with the lock held.
func (k *paperKeeper) dieAfter(id holdfast.ReplicaID, wait time.Duration, how string) {
	cleaning := time.Duration(k.random.Int64N(int64(300 * time.Millisecond)))
	time.AfterFunc(wait, func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		p := k.held[id]
		if p == nil || p.Exit != nil {
			return
		}
		p.Exit, p.Ended = &holdfast.ExitStatus{Signal: how}, int64(proc.Now())
		k.say(*p)
		time.AfterFunc(cleaning, func() {
			k.mu.Lock()
			defer k.mu.Unlock()
			p.Gone = true
			k.say(*p)
		})
	})
}

// say is called with the lock held.
func (k *paperKeeper) say(p holdfast.Process) {
	for _, to := range k.tell {
		to <- p
	}
}

func (k *paperKeeper) Signal(_ context.Context, id holdfast.ReplicaID, signal string) error {
	time.Sleep(k.within(20 * time.Millisecond))
	k.mu.Lock()
	defer k.mu.Unlock()
	p := k.held[id]
	if p == nil || p.Exit != nil {
		return holdfast.ErrNotRunning
	}
	if signal == "SIGKILL" {
		if asked, ok := k.asked[id]; !ok || time.Since(asked) < modelGrace {
			k.t.Errorf("%s was killed %s after it was asked to end, before its grace was over", id, time.Since(asked))
		}
		k.dieAfter(id, time.Duration(k.random.Int64N(int64(100*time.Millisecond))), signal)
		return nil
	}
	k.asked[id] = time.Now()
	if k.random.IntN(3) > 0 { // the others are deaf
		k.dieAfter(id, time.Duration(k.random.Int64N(int64(2*modelGrace))), signal)
	}
	return nil
}

func (k *paperKeeper) Forget(_ context.Context, id holdfast.ReplicaID) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	p := k.held[id]
	if p != nil && !p.Gone {
		k.t.Errorf("asked to forget %s, of which something is left", id)
	}
	delete(k.held, id)
	return nil
}

func (k *paperKeeper) Follow(ctx context.Context, emit func(holdfast.Process)) error {
	k.mu.Lock()
	mine := make(chan holdfast.Process, 10_000)
	k.next++
	me := k.next
	k.tell[me] = mine
	for _, p := range k.held {
		mine <- *p
	}
	k.mu.Unlock()
	for {
		select {
		case <-ctx.Done():
			k.mu.Lock()
			defer k.mu.Unlock()
			delete(k.tell, me)
			return ctx.Err()
		case p := <-mine:
			emit(p)
		}
	}
}

const modelGrace = time.Second

// TestModel desires at random, restarts the driver at random, and lets
// processes die at random; then it desires one last thing, and that has to
// become true and stay so. A failing seed is a test of its own.
func TestModel(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			state := t.TempDir()
			synctest.Test(t, func(t *testing.T) { playModel(t, state, seed) })
		})
	}
}

func playModel(t *testing.T, state string, seed uint64) {
	k := newPaperKeeper(t, seed)
	random := rand.New(rand.NewPCG(seed, 1))
	highest := make([]holdfast.Incarnation, 5)
	var m *modelRun
	for range 60 {
		if m == nil || random.IntN(10) == 0 {
			m.end()
			m = runModel(t, k, state)
		}
		m.apply(randomDesire(random, highest))
		time.Sleep(time.Duration(random.Int64N(int64(700 * time.Millisecond))))
	}
	k.mu.Lock()
	k.random = rand.New(rand.NewPCG(seed, 3))
	k.mu.Unlock()
	for try := range holdfast.Incarnation(12) { // those that die by themselves are desired anew, as the mind does
		var last holdfast.Desired
		for ordinal := range highest {
			if !k.lives(ordinal+1) || try == 0 {
				highest[ordinal]++
			}
			last.Replicas = append(last.Replicas, modelReplica(ordinal+1, highest[ordinal]))
		}
		m.apply(last)
		time.Sleep(10 * time.Second)
	}
	for ordinal, incarnation := range highest {
		id := modelReplica(ordinal+1, incarnation).ID
		if p := k.held[id]; p == nil || p.Exit != nil {
			t.Errorf("%s is desired and does not live: %+v", id, p)
		}
	}
	if len(k.held) > len(highest) {
		t.Errorf("%d processes are remembered for %d replicas", len(k.held), len(highest))
	}
	m.end()
}

func (k *paperKeeper) lives(ordinal int) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	for id, p := range k.held {
		if id.Ordinal == ordinal && p.Exit == nil {
			return true
		}
	}
	return false
}

func randomDesire(random *rand.Rand, highest []holdfast.Incarnation) holdfast.Desired {
	var desired holdfast.Desired
	for ordinal := range highest {
		if random.IntN(4) == 0 {
			continue
		}
		highest[ordinal] = max(1, highest[ordinal]+holdfast.Incarnation(random.IntN(2)))
		stale := holdfast.Incarnation(random.IntN(2)) * holdfast.Incarnation(random.IntN(2))
		desired.Replicas = append(desired.Replicas, modelReplica(ordinal+1, max(1, highest[ordinal]-stale)))
	}
	return desired
}

func modelReplica(ordinal int, incarnation holdfast.Incarnation) holdfast.DesiredReplica {
	r := running("catalog", ordinal, incarnation, "sleep 600")
	r.Service.StopGrace = modelGrace
	return r
}

// A modelRun is one agent's life: a driver and what it says, which must be
// well formed: one start and one exit per incarnation, in this order, never two
// incarnations at a time, never back to a lower one.
type modelRun struct {
	t      *testing.T
	driver *Driver
	cancel context.CancelFunc
	done   chan struct{}
}

func runModel(t *testing.T, k *paperKeeper, state string) *modelRun {
	ctx, cancel := context.WithCancel(t.Context())
	m := &modelRun{t: t, driver: newDriver(t, k, state), cancel: cancel, done: make(chan struct{})}
	living := map[holdfast.ReplicaName]holdfast.ReplicaID{}
	started, exited := map[holdfast.ReplicaID]bool{}, map[holdfast.ReplicaID]bool{}
	go func() {
		defer close(m.done)
		m.driver.Run(ctx, func(o holdfast.Observation) {
			switch o := o.(type) {
			case holdfast.Started:
				if started[o.ID] || exited[o.ID] || living[o.ID.Name()].Incarnation > 0 {
					t.Errorf("%+v, although %v lives", o, living[o.ID.Name()])
				}
				started[o.ID], living[o.ID.Name()] = true, o.ID
			case holdfast.Exited:
				if was := living[o.ID.Name()]; exited[o.ID] || was.Incarnation > 0 && was != o.ID {
					t.Errorf("%+v, although %v lives", o, was)
				}
				exited[o.ID] = true
				delete(living, o.ID.Name())
			default:
				t.Errorf("%+v", o)
			}
		})
	}()
	return m
}

func (m *modelRun) apply(desired holdfast.Desired) {
	if err := m.driver.Apply(m.t.Context(), desired); err != nil {
		m.t.Error(err)
	}
}

func (m *modelRun) end() {
	if m != nil {
		m.cancel()
		<-m.done
	}
}
