package gateway

import (
	"time"
)

const (
	// parkTime is how long after the last replica was lost requests wait for
	// another one: a process that is started anew needs a second or two. Who is
	// not there by then is not about to come, and to wait only makes a failure a
	// slow one.
	parkTime = 3 * time.Second
	// parkShare is how much of its time a request may spend on that: the rest is
	// for the answer.
	parkShare = 2
	// pauseTime is how long the only replica is left alone after it broke a request
	// off: twice as long as its end takes to be known, at the 99th percentile.
	pauseTime = 100 * time.Millisecond
)

// A place is what a request has of its service, and what decides on it.
type place struct {
	rank   rank
	slot   slot
	parkBy time.Duration // CLOCK_BOOTTIME; until when it may wait for a replica, once it does; 0 before
	again  bool          // what failed last may be tried again, were there somebody to ask
}

// park waits for a replica where there was nobody to ask, or who was asked ended,
// and says whether one has come. What was written waits only if it may be carried
// out twice, and what is covered does not: its caller has an answer at once.
func (x *exchange) park(f *failure) bool {
	if !x.mayPark(f) {
		return false
	}
	l := x.service.lineup.Load()
	if l.trusted {
		return false
	}
	if x.parkBy == 0 {
		x.parkBy = x.parkUntil(l)
		if x.parkBy <= now() {
			return false
		}
		x.tally.parked.Add(1)
	}
	x.service.parked.Add(1)
	defer x.service.parked.Add(-1)
	timer := time.NewTimer(x.parkBy - now())
	defer timer.Stop()
	select {
	case <-l.opened:
		x.tried, x.moves, x.unreached = nil, 0, nil
		return true
	case <-timer.C:
	case <-x.r.Context().Done():
	}
	return false
}

// pause waits before the only replica is asked once more, and says whether to. It may
// have ended: whoever stands between it and us may accept, and break off, for it.
func (x *exchange) pause() bool {
	if x.covered() {
		return false
	}
	rest := pauseTime
	if !x.headBy.IsZero() {
		rest = min(rest, time.Until(x.headBy)/parkShare)
	}
	timer := time.NewTimer(rest)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-x.r.Context().Done():
		return false
	}
	return x.service.lineup.Load().trusted
}

// mayPark says whether a request may be sent to whoever comes next.
func (x *exchange) mayPark(f *failure) bool {
	switch {
	case x.covered(), x.message.attempt > x.unwritten && !x.repeats():
		return false
	case f == nil || f.how == refused:
		return true
	default:
		return x.again && (f.how == broken || f.how == ejectedIt)
	}
}

func (x *exchange) parkUntil(l *lineup) time.Duration {
	until := l.lost + parkTime
	if !x.headBy.IsZero() {
		until = min(until, now()+time.Until(x.headBy)/parkShare)
	}
	return until
}
