package drivertest

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"holdfast"
)

// patience is how long anything may take. It is never waited for unless
// something is broken, so it can be as long as a starved machine needs.
const patience = 20 * time.Second

// A watcher runs a driver and hears what it says.
type watcher struct {
	t      *testing.T
	driver holdfast.Driver
	cancel context.CancelFunc
	done   chan struct{}
	err    error // what Run returned; set before done is closed

	mu      sync.Mutex
	heard   []holdfast.Observation
	changed chan struct{} // closed and replaced with each observation
	last    []holdfast.DesiredReplica
}

// watch starts a driver's Run, which ends with the test at the latest. It fails
// the test when two observations come at the same time, or one after Run has
// returned.
func watch(t *testing.T, driver holdfast.Driver) *watcher {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	w := &watcher{t: t, driver: driver, cancel: cancel, done: make(chan struct{}), changed: make(chan struct{})}
	var speaking, returned atomic.Bool
	go func() {
		defer close(w.done)
		w.err = driver.Run(ctx, func(o holdfast.Observation) {
			if !speaking.CompareAndSwap(false, true) {
				t.Errorf("two observations at a time; one is %v", o)
			}
			if returned.Load() {
				t.Errorf("said after run had returned: %v", o)
			}
			w.hear(o)
			speaking.Store(false)
		})
		returned.Store(true)
	}()
	t.Cleanup(func() { w.end() })
	return w
}

func (w *watcher) hear(o holdfast.Observation) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.heard = append(w.heard, o)
	close(w.changed)
	w.changed = make(chan struct{})
}

// end ends Run and returns what it returned.
func (w *watcher) end() error {
	w.cancel()
	select {
	case <-w.done:
		return w.err
	case <-time.After(patience):
		w.t.Fatal("run does not return although its context has ended")
		return nil
	}
}

func (w *watcher) apply(replicas ...holdfast.DesiredReplica) {
	w.t.Helper()
	w.last = replicas
	if err := w.driver.Apply(w.t.Context(), holdfast.Desired{Replicas: replicas}); err != nil {
		w.t.Fatalf("apply: %v", err)
	}
}

// turn waits until the driver has certainly looked at everything desired so
// far: it has a third replica reported, twice, beside what is desired. The
// incarnations are instants, so that each is higher than any before.
func (w *watcher) turn(h Harness) {
	w.t.Helper()
	desired := w.last
	for range 2 {
		other := h.Replica(3, holdfast.Incarnation(time.Now().UnixNano()))
		w.apply(append(slices.Clone(desired), other)...)
		w.awaitStarted(other.ID)
	}
	w.apply(desired...)
}

func (w *watcher) all() []holdfast.Observation {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.heard)
}

// of is everything said of one incarnation.
func (w *watcher) of(id holdfast.ReplicaID) []holdfast.Observation {
	return slices.DeleteFunc(w.all(), func(o holdfast.Observation) bool { return about(o) != id })
}

func (w *watcher) index(is func(holdfast.Observation) bool) int {
	return slices.IndexFunc(w.all(), is)
}

// await waits for an observation, past or to come.
func (w *watcher) await(what string, is func(holdfast.Observation) bool) holdfast.Observation {
	w.t.Helper()
	deadline := time.After(patience)
	for {
		w.mu.Lock()
		i, changed := slices.IndexFunc(w.heard, is), w.changed
		w.mu.Unlock()
		if i >= 0 {
			return w.all()[i]
		}
		select {
		case <-changed:
		case <-w.done:
			w.t.Fatalf("run ended (%v) before %s; heard %v", w.err, what, w.all())
		case <-deadline:
			w.t.Fatalf("waited %s for %s; heard %v", patience, what, w.all())
		}
	}
}

func (w *watcher) awaitStarted(id holdfast.ReplicaID) holdfast.Started {
	w.t.Helper()
	return w.await("started "+id.String(), func(o holdfast.Observation) bool {
		s, ok := o.(holdfast.Started)
		return ok && s.ID == id
	}).(holdfast.Started)
}

func (w *watcher) awaitExited(id holdfast.ReplicaID) holdfast.Exited {
	w.t.Helper()
	return w.await("exited "+id.String(), func(o holdfast.Observation) bool {
		e, ok := o.(holdfast.Exited)
		return ok && e.ID == id
	}).(holdfast.Exited)
}

// about is the incarnation an observation of a driver is about.
func about(o holdfast.Observation) holdfast.ReplicaID {
	switch o := o.(type) {
	case holdfast.Started:
		return o.ID
	case holdfast.NotStarted:
		return o.ID
	case holdfast.Exited:
		return o.ID
	}
	return holdfast.ReplicaID{}
}

func (h Harness) awaitLiving(t *testing.T, id holdfast.ReplicaID) {
	t.Helper()
	until(t, id.String()+" lives", func() bool { return slices.Contains(h.Living(t), id) })
}

func (h Harness) awaitNotLiving(t *testing.T, id holdfast.ReplicaID) {
	t.Helper()
	until(t, id.String()+" no longer lives", func() bool { return !slices.Contains(h.Living(t), id) })
}

// until asks the world again and again: it has no way to tell.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-deadline:
			t.Fatalf("waited %s until %s", patience, what)
		case <-tick.C:
		}
	}
}
