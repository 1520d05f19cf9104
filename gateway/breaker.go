package gateway

import (
	"sync"
	"time"
)

// The constants of a breaker.
const (
	breakAfter = 20          // requests in a row without an answer: of 3 % errors that is never
	breakTime  = time.Second // over which they fell: a moment's refusals are the picker's to solve
)

// A breaker keeps an edge's requests from a dependency of which nothing has been
// answered for a while, but for one at a time, or a second where that one takes
// longer (it may ask for what comes in an hour). An answer to it ends that:
//
//	closed ── 20 in a row fail, over a second ──▶ open ── one is answered, or the lineup is another ──▶ closed
//
// It does not look at statuses, but where a fallback covers them anyway: a
// service that answers errors to one may answer well to another.
type breaker struct {
	mu      sync.Mutex
	lineup  *lineup       // whose failures these are
	failed  int           // in a row
	since   time.Duration // CLOCK_BOOTTIME of the first of them
	probing time.Duration // CLOCK_BOOTTIME of when the last one was let pass that is on its way; 0 for none
}

// pass says whether a request may go, and whether it is the one that goes while
// the breaker is open.
func (b *breaker) pass(l *lineup, at time.Duration) (pass, probe bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.lineup != l || b.failed < breakAfter || at-b.since < breakTime:
		return true, false
	case b.probing > 0 && at-b.probing < breakTime:
		return false, false
	}
	b.probing = max(at, 1)
	return true, true
}

// note takes in how a request ended that was let pass.
func (b *breaker) note(l *lineup, e breakerEnd, probe bool, at time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if probe {
		b.probing = 0
	}
	switch {
	case e == breakerKeeps:
	case e == breakerCloses:
		b.failed = 0
	case b.failed == 0 || b.lineup != l:
		b.lineup, b.failed, b.since = l, 1, at
	default:
		b.failed++
	}
}

func (b *breaker) reset() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failed = 0
}

// A breakerEnd is what a request's end means to a breaker.
type breakerEnd uint8

const (
	breakerKeeps breakerEnd = iota // nothing: its client went
	breakerCloses
	breakerCounts
)

func (x *exchange) breakerEnd(a *try, f *failure) breakerEnd {
	switch {
	case f != nil && (f.how == clientGone || f.how == clientBad):
		return breakerKeeps
	case a != nil && (a.head.status < 500 || !x.covered()):
		return breakerCloses
	default:
		return breakerCounts
	}
}
