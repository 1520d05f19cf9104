package gateway

import (
	"io"
	"slices"
	"time"
)

// Bounds of a bad answer that is kept until another replica has answered. One
// that is longer, or slower to come, is passed on at once.
const (
	heldBytes = 64 << 10
	heldTime  = 100 * time.Millisecond
	// longFailing is how long a bad answer may have taken for another replica to
	// be asked after it: one that took longer waited for something behind the
	// replica, which the next one would wait for too, and its user twice. Who is
	// asked already is waited for so much longer.
	longFailing = 250 * time.Millisecond
)

// second is the replica to ask after a bad answer, or nil when there is to be no
// second try: the answer is good, or the best there will be.
func (x *exchange) second(a *try) *endpoint {
	if !a.bad() || a == x.held {
		return nil
	}
	a.endpoint.failures.Add(1)
	if x.late() || a.failedLate() || !x.repeats() || !x.body.mayFollow(a.conn) || x.body.spilled {
		return nil
	}
	tried := append(x.tried, a.endpoint)
	e := pickOf(x.service.lineup.Load().usable, tried, false)
	if e == nil || !x.payRetry() || !x.keep(a) {
		return nil
	}
	x.tried = tried
	return e
}

// keep holds the first bad answer, and lets go of the others.
func (x *exchange) keep(a *try) bool {
	if x.held == nil {
		return x.hold(a)
	}
	x.release(a, false)
	return true
}

// failedLate tells a bad answer that took long.
func (t *try) failedLate() bool { return t.conn.first-t.waiter.began > longFailing }

// preferred is the answer to pass on when there may be a bad one from before:
// the first of two bad ones, since nobody knows which is meant, and whoever
// looks for a cause finds the one that came first.
func (x *exchange) preferred(a *try) *try {
	if x.held == nil || x.held == a || !a.bad() {
		return a
	}
	x.release(a, false)
	return x.held
}

// hold reads a bad answer to its end, gives its connection back, and keeps it.
func (x *exchange) hold(a *try) bool {
	if !x.drain(a) {
		a.conn.readBy(x.message.deadline)
		return false
	}
	a.head.fields = slices.Clone(a.head.fields) // the next answer on its connection would overwrite them
	x.release(a, a.reusable())
	x.held = a
	return true
}

// drain reads the body of an answer, unless it is too long or too slow. What was
// read is kept either way.
func (x *exchange) drain(a *try) bool {
	until := time.Now().Add(heldTime)
	if d := x.headBy; !d.IsZero() && d.Before(until) {
		until = d
	}
	a.conn.readBy(until)
	buffer := x.gateway.free.take()
	defer x.gateway.free.give(buffer)
	for !a.payload.ended && len(a.kept) <= heldBytes {
		if !a.payload.ready() {
			// Waiting here and not in Read leaves what has come in its place when
			// the time is over.
			if _, err := a.conn.in.Peek(a.conn.in.Buffered() + 1); err != nil && err != io.EOF {
				return false
			}
		}
		n, err := a.payload.Read(buffer[:min(len(buffer), heldBytes+1-len(a.kept))])
		a.kept = append(a.kept, buffer[:n]...)
		if err != nil && err != io.EOF {
			return false
		}
	}
	return a.payload.ended && len(a.kept) <= heldBytes
}
