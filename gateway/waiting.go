package gateway

import (
	"sync"
	"sync/atomic"
	"time"
)

// waits are the tries of one endpoint that wait for the first byte of their
// answer, oldest first. The age of the oldest is the earliest sign of trouble
// there is: it grows from the instant a replica hangs.
type waits struct {
	mu         sync.Mutex
	head, tail *waiter
	began      atomic.Int64 // CLOCK_BOOTTIME of the oldest, nanoseconds; 0 when nobody waits
}

// A waiter is one such try.
type waiter struct {
	began      time.Duration // CLOCK_BOOTTIME
	giveUp     func()        // ends the wait because its replica was ejected; nil when the request may not be sent again
	covered    bool          // something else is answered when it is given up
	prev, next *waiter
	state      waitState
}

type waitState uint8

const (
	toBegin waitState = iota
	waiting
	hasEnded
)

// begin takes a wait in, unless it has ended already: a request's body may be
// out later than its answer is there.
func (w *waits) begin(one *waiter) { w.beginAt(one, one.began, one.giveUp) }

// beginAt is begin for who may meanwhile end the wait: it touches it under the
// lock only.
func (w *waits) beginAt(one *waiter, at time.Duration, giveUp func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if one.state != toBegin {
		return
	}
	one.state, one.began, one.giveUp = waiting, at, giveUp
	one.prev = w.tail
	if w.tail == nil {
		w.head = one
	} else {
		w.tail.next = one
	}
	w.tail = one
	w.began.Store(int64(w.head.began))
}

// arm says how a wait that has begun is given up.
func (w *waits) arm(one *waiter, giveUp func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	one.giveUp = giveUp
}

// end takes a wait out, whether it has begun or not. Once it returns, giveUp is
// not called any more.
func (w *waits) end(one *waiter) {
	w.mu.Lock()
	defer w.mu.Unlock()
	before := one.state
	one.state = hasEnded
	if before != waiting {
		return
	}
	if one.prev == nil {
		w.head = one.next
	} else {
		one.prev.next = one.next
	}
	if one.next == nil {
		w.tail = one.prev
	} else {
		one.next.prev = one.prev
	}
	one.prev, one.next = nil, nil
	w.began.Store(0)
	if w.head != nil {
		w.began.Store(int64(w.head.began))
	}
}

// age is how long the oldest has waited, or 0 when nobody does. It takes no
// lock: every pick asks.
func (w *waits) age(at time.Duration) time.Duration {
	began := time.Duration(w.began.Load())
	if began == 0 {
		return 0
	}
	return max(0, at-began)
}

// giveUp ends the waits that may be sent again elsewhere, and says how many.
func (w *waits) giveUp() (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for one := w.head; one != nil; one = one.next {
		if one.giveUp != nil {
			one.giveUp()
			n++
		}
	}
	return n
}

// giveUpCovered ends those of them that something else is answered for.
func (w *waits) giveUpCovered() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for one := w.head; one != nil; one = one.next {
		if one.giveUp != nil && one.covered {
			one.giveUp()
		}
	}
}

// An outcome is how one try ended, as the detectors need it.
type outcome struct {
	took    time.Duration // to the first byte of the answer; of one that was given up, how long it had waited
	failed  bool          // it counts against the replica: a status of 500 or more, or no answer
	givenUp bool          // we did not wait for its end: took is a lower bound, and failed says nothing
}
