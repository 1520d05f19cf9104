package gateway

import (
	"context"
	"errors"
	"os"
	"slices"
	"sync"
	"time"

	"holdfast"
)

// When a second replica is asked while the first one is waited for.
const (
	hedgeFloor = 5 * time.Millisecond   // less is the scheduler's
	hedgeCap   = 100 * time.Millisecond // and what is waited before anything is known: late is 250 ms
	maxHedges  = 2                      // of one request: three replicas that are asked at once are enough
	// lingerTime is how long a try that lost is waited for. It costs a
	// connection, and is how we learn that a replica has become slow rather than
	// silent, and how slow.
	lingerTime   = 2 * time.Second
	maxLingering = 16 // of one endpoint
)

// mayHedge says whether the request is one of those that may be sent to two
// replicas at once: it reads and carries nothing, or its edge says that all are as
// if they did, and it does not open a stream.
func (x *exchange) mayHedge() bool {
	m := &x.message
	reads := m.length == 0 && (m.method == "GET" || m.method == "HEAD" || m.method == "OPTIONS")
	if all := x.entry.Idempotent; all != nil {
		reads = *all
	}
	return reads && m.upgrade == "" && len(x.service.lineup.Load().usable) > 1
}

// hedgeDelay is how long an answer's first byte usually takes at most. A gateway
// that is starved itself waits longer, but not until the answer is late.
func (x *exchange) hedgeDelay() time.Duration {
	usual := time.Duration(x.service.latency.p95.Load())
	if usual == 0 {
		return hedgeCap
	}
	return min(x.gateway.patience(max(usual, hedgeFloor)), hedgeCap)
}

// await waits for the first byte of an answer, on the request's own goroutine.
// It returns another replica when that is to be asked, too.
func (x *exchange) await(t *try) (*endpoint, error) {
	for delay := x.hedgeDelay(); ; delay = nextLook(delay, now()-t.began) {
		until := time.Now().Add(delay)
		if !x.headBy.IsZero() && x.headBy.Before(until) {
			until = x.headBy
		}
		t.conn.readBy(until)
		_, err := t.conn.in.Peek(1)
		if err == nil || !errors.Is(err, os.ErrDeadlineExceeded) || t.conn.aborted.Load() || x.late() {
			return nil, err
		}
		if !x.body.settled() {
			continue // its replica waits for the client
		}
		t.endpoint.nudge()
		if e := x.hedge(t); e != nil {
			return e, nil
		}
	}
}

// nextLook is how long to wait until it is looked anew for another replica: not so
// long that the answer is late, and in proportion when it is.
func nextLook(delay, waited time.Duration) time.Duration {
	return min(2*delay, max(hedgeCap, waited/2), time.Second)
}

// hedge is the replica to ask beside one that is waited for, or nil.
func (x *exchange) hedge(t *try) *endpoint {
	at := now()
	urgent := t.endpoint.suspect(at)
	if !urgent && at-t.began < time.Duration(x.service.latency.p95.Load()) {
		return nil // it may be slow; most of its answers are
	}
	e := pickOf(x.service.lineup.Load().usable, append(x.tried, t.endpoint), false)
	if e == nil || e.suspect(at) && (!urgent || e.silence(at) > at-t.began) || !x.another() || !x.paid(x.service.budget.hedge(at, urgent)) {
		return nil
	}
	return e
}

// A race is a request that was sent to more than one replica. The tries wait on
// goroutines of their own; whatever touches the client stays on the request's.
type race struct {
	x       *exchange
	results chan *try // whose first byte has come, or that failed

	mu      sync.Mutex
	over    bool
	running []*try
}

const errOver = holdfast.Refusal("another replica has answered")

// race waits for the first answer of a try that waits already and of others. A
// bad answer is kept while there may still be a better one.
func (x *exchange) race(first *try, other *endpoint) (*try, *failure) {
	r := &race{x: x, results: make(chan *try, maxHedges+1)}
	first.conn.readBy(x.headBy)
	r.enter(first, func() error { return nil })
	r.ask(other)
	timer := time.NewTimer(x.hedgeDelay())
	defer timer.Stop()
	var last *failure
	var expired <-chan time.Time // a bad answer that took long is kept no longer
	for hedges := 1; len(r.running) > 0; {
		select {
		case <-x.r.Context().Done():
			r.end(0)
			return nil, &failure{endpoint: first.endpoint, how: clientGone, sent: true}
		case <-timer.C:
			if hedges < maxHedges && expired == nil {
				if e := x.hedge(r.running[0]); e != nil {
					hedges++
					r.ask(e)
				}
			}
			timer.Reset(x.hedgeDelay())
		case <-expired:
			r.end(lingerTime)
			return x.held, nil
		case t := <-r.results:
			a, f := r.finish(t)
			late := f == nil && a.failedLate()
			if f == nil && r.wins(a) {
				r.end(lingerTime)
				return a, nil
			}
			if expired == nil && late && x.held != nil {
				expired = time.After(longFailing)
			}
			if f != nil && last != nil {
				x.blame(last)
			}
			if f != nil {
				last = f
			}
			timer.Reset(0)
		}
	}
	if x.held != nil {
		return x.held, nil
	}
	return nil, last
}

// ask sends the request to one more replica.
func (r *race) ask(e *endpoint) {
	x := r.x
	x.tally.hedged.Add(1)
	x.tried = append(x.tried, e)
	t, within := x.begin(e), x.connectTime(e)
	kept := x.body.kept // all of it; nobody adds to it any more
	r.enter(t, func() error {
		c := e.pool.take(time.Now())
		if c == nil {
			var err error
			if c, err = x.open(e, within, false); err != nil {
				return err
			}
		}
		if !r.admits(t, c) {
			e.pool.give(c, time.Now()) // nothing was written to it
			return errOver
		}
		return x.writeAgain(t, kept)
	})
}

// writeAgain sends the request with a body that was kept whole.
func (x *exchange) writeAgain(t *try, kept []byte) error {
	if err := x.write(t); err != nil || x.body.source == nil {
		return err
	}
	to := framed{out: t.conn.out, chunked: x.message.length < 0 && t.conn.stream == nil, stream: t.conn.stream}
	if _, err := to.Write(kept); err != nil {
		return err
	}
	if err := to.end(x.r.Trailer); err != nil {
		return err
	}
	t.endpoint.waits.beginAt(&t.waiter, now(), t.conn.letGo) // all may be repeated, or there were no race
	return nil
}

// enter lets a try run: first what is to be done, then the wait for a byte.
func (r *race) enter(t *try, first func() error) {
	r.mu.Lock()
	r.running = append(r.running, t)
	r.mu.Unlock()
	r.x.gateway.stragglers.group.Go(func() {
		err := first()
		if err == nil {
			_, err = t.conn.in.Peek(1)
		}
		r.deliver(t, err)
	})
}

// admits gives a try its connection, unless the race is over.
func (r *race) admits(t *try, c *conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over {
		return false
	}
	t.conn = c
	c.begin(r.x.message.deadline, r.x.headBy)
	return true
}

// deliver hands a try to the request, or ends it when that needs it no more.
func (r *race) deliver(t *try, err error) {
	r.mu.Lock()
	over := r.over
	if t.err = err; !over {
		r.results <- t // has room for every try there is
	}
	r.mu.Unlock()
	if over {
		r.x.gateway.stragglers.leave(t)
		t.lose()
	}
}

// finish reads the head of a try that has come in, on the request's goroutine.
func (r *race) finish(t *try) (*try, *failure) {
	r.mu.Lock()
	r.running = slices.DeleteFunc(r.running, func(other *try) bool { return other == t })
	r.mu.Unlock()
	if t.conn != nil && t.unwatch == nil {
		r.x.watch(t)
	}
	return r.x.finish(t, t.err)
}

// wins says whether an answer ends the race.
func (r *race) wins(a *try) bool {
	x := r.x
	switch {
	case !a.bad() || len(r.running) == 0 && x.held == nil:
		return true
	case x.held != nil:
		a.endpoint.failures.Add(1)
		x.release(a, false)
		return false
	}
	if !x.hold(a) {
		return true // it cannot be kept, so it is passed on
	}
	a.endpoint.failures.Add(1)
	return false
}

// end ends the race: the tries that still run linger for a time, so that it is
// known how long they would have taken, and are then ended.
func (r *race) end(linger time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.over = true
	for len(r.results) > 0 {
		t := <-r.results
		r.running = slices.DeleteFunc(r.running, func(other *try) bool { return other == t })
		if t.unwatch != nil {
			t.unwatch()
		}
		t.lose()
	}
	for _, t := range r.running {
		if t.unwatch != nil {
			t.unwatch()
		}
		if t.conn != nil {
			r.x.gateway.stragglers.enter(t, linger)
		}
	}
}

// lose ends a try that nobody waits for any more, and tells what it has shown:
// that the replica would have answered, that it would not, or only that it takes
// longer than it was waited for.
func (t *try) lose() {
	e := t.endpoint
	e.waits.end(&t.waiter)
	e.inFlight.Add(-1)
	o := outcome{took: now() - t.began}
	switch {
	case t.err == nil:
		o.took, o.failed = t.conn.first-t.began, t.failing()
	case errors.Is(t.err, errOver), errors.Is(t.err, context.Canceled):
		return // the connect was cut short by us
	case t.conn == nil, !errors.Is(t.err, os.ErrDeadlineExceeded):
		o.failed = true
		e.failures.Add(1)
		e.nudge()
	default:
		o.givenUp = true
	}
	e.note(o)
	if t.conn != nil {
		t.conn.close()
	}
}

// failing says whether the answer that has begun to come is a failure, by the
// first digit of its status: more of it is not waited for.
func (t *try) failing() bool {
	line, _ := t.conn.in.Peek(min(t.conn.in.Buffered(), len("HTTP/1.1 5")))
	return len(line) == len("HTTP/1.1 5") && line[len(line)-1] == '5'
}

// stragglers are the tries that lost a race and still run.
type stragglers struct {
	group sync.WaitGroup
	mu    sync.Mutex
	ended bool
	tries map[*try]struct{}
}

// enter lets a try go on for a time, unless too many do at its endpoint.
func (s *stragglers) enter(t *try, linger time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended || linger == 0 || t.endpoint.lingering.Load() >= maxLingering {
		t.conn.abort()
		return
	}
	if s.tries == nil {
		s.tries = map[*try]struct{}{}
	}
	s.tries[t] = struct{}{}
	t.endpoint.lingering.Add(1)
	t.conn.readBy(time.Now().Add(linger))
}

func (s *stragglers) leave(t *try) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, entered := s.tries[t]; entered {
		delete(s.tries, t)
		t.endpoint.lingering.Add(-1)
	}
}

// end cuts off whatever still runs and waits until it has ended. No request runs
// any more when it is called.
func (s *stragglers) end() {
	s.mu.Lock()
	s.ended = true
	for t := range s.tries {
		t.conn.abort()
	}
	s.mu.Unlock()
	s.group.Wait()
}
