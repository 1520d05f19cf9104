package gateway

import (
	"math"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"time"
)

// What is sent once only finds nothing out about a replica but at its user's
// expense: nobody is asked beside it when it takes long, and nobody after it when
// it fails. So it is not sent to whoever is slow, is silent, or is on trial, while
// there is another; requests that are sent again at no cost find out for it.
const (
	// asideTime is after how long one is sent there all the same: where all
	// requests are such, nobody else finds out.
	asideTime = 5 * time.Second
	// trialTime follows an ejection by what traffic showed, which no check can
	// take back. With the least time it is out that makes the 5 s that others
	// wait before they send anything there again.
	trialTime = 3 * time.Second
	// momentTime is for how long a silence may be the machine's, and an answer
	// that comes after it is not late yet.
	momentTime = 250 * time.Millisecond
	// compared is how many replicas are looked at, drawn where there are more.
	compared = 16
)

// A sideline is what keeps requests that are sent once from an endpoint.
type sideline struct {
	aside atomic.Int64 // CLOCK_BOOTTIME of since when it stands aside, or of when one last found out, nanoseconds; 0 while it does not
	trial atomic.Int64 // CLOCK_BOOTTIME until which it is on trial, nanoseconds
}

// spared are those of some replicas that a request which is sent once goes to. A
// moment in which nobody answers is the machine's rather than theirs, and no
// reason to turn to who has done badly. All of them, when they are all as bad.
func spared(from []*endpoint, at time.Duration) []*endpoint {
	from = drawn(from)
	least := leastDelay(from, at)
	sound, silent := make([]*endpoint, 0, len(from)), []*endpoint(nil)
	for _, e := range from {
		switch fares := e.fares(least, at); {
		case fares == faresWell:
			e.sideline.comesBack()
			sound = append(sound, e)
		case e.findsOut(at):
			return []*endpoint{e}
		case fares == faresSilent:
			silent = append(silent, e)
		}
	}
	switch {
	case len(sound) > 0:
		return sound
	case len(silent) > 0:
		return latelyHeard(silent, at)
	default:
		return from
	}
}

// drawn are so many of some replicas that all can be looked at.
func drawn(from []*endpoint) []*endpoint {
	if len(from) <= compared {
		return from
	}
	some := make([]*endpoint, compared)
	for i := range some {
		some[i] = from[rand.IntN(len(from))]
	}
	return some
}

// leastDelay is the least of all that are known. Who is on trial or silent is asked
// nothing, and what it took before says nothing against the others.
func leastDelay(all []*endpoint, at time.Duration) time.Duration {
	least := time.Duration(math.MaxInt64 / worse)
	for _, e := range all {
		if d := e.delay(); d > 0 && !e.sideline.onTrial(at) && e.unanswering(at) <= momentTime {
			least = min(least, d)
		}
	}
	return least
}

// latelyHeard are those whose silence began last. Where the machine stood still
// all did at once, and who hangs fell silent before.
func latelyHeard(all []*endpoint, at time.Duration) []*endpoint {
	least := momentTime
	for _, e := range all {
		least = min(least, e.unanswering(at))
	}
	return slices.DeleteFunc(all, func(e *endpoint) bool { return e.unanswering(at) > least+reputationFloor })
}

// A faring is how an endpoint fares, for what is sent once.
type faring int

const (
	faresWell   faring = iota
	faresSilent        // it has not answered for a moment
	faresBadly         // it is silent for longer, slower than another, or on trial
)

func (e *endpoint) fares(least, at time.Duration) faring {
	silence := e.unanswering(at)
	switch {
	case e.sideline.onTrial(at), silence > max(momentTime, e.patience()), e.delay() > worse*least:
		return faresBadly
	case silence > e.patience():
		return faresSilent
	default:
		return faresWell
	}
}

// delay is what a request that is not sent again has to expect by what an
// endpoint has done, or 0 when nothing is known. It goes by what is usual: after
// a moment in which the machine stood still the worst is the same for all.
func (e *endpoint) delay() time.Duration {
	return time.Duration(e.reputation.takes.Load() * (e.inFlight.Load() + 1))
}

func (s *sideline) onTrial(at time.Duration) bool { return at < time.Duration(s.trial.Load()) }

// comesBack ends its standing aside.
func (s *sideline) comesBack() {
	if s.aside.Load() != 0 {
		s.aside.Store(0)
	}
}

// findsOut says whether a request that is sent once is to find out how an
// endpoint does that stands aside.
func (e *endpoint) findsOut(at time.Duration) bool {
	since := e.sideline.aside.Load()
	if since == 0 {
		e.sideline.aside.CompareAndSwap(0, int64(at))
		return false
	}
	if at-time.Duration(since) < asideTime || e.suspect(at) || rand.IntN(byLot) > 0 {
		return false
	}
	return e.sideline.aside.CompareAndSwap(since, int64(at))
}

// without is a list without one of its endpoints. The list is left as it is.
func without(list []*endpoint, but ...*endpoint) []*endpoint {
	return slices.DeleteFunc(slices.Clone(list), func(e *endpoint) bool { return slices.Contains(but, e) })
}
