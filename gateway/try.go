package gateway

import (
	"context"
	"errors"
	"net/http"
	"syscall"
	"time"

	"holdfast"
)

// continueTime is how long a client's body is held back for the replica's
// 100 Continue. A server that does not know the word must not hold it for ever
// (RFC 9110, 10.1.1).
const continueTime = time.Second

// writeGrace is what an answer of our own has left to be written in when the
// deadline has passed.
const writeGrace = 250 * time.Millisecond

// An exchange is one request of a client, with everything it takes to answer
// it.
type exchange struct {
	gateway *Gateway
	tally   *tally
	w       http.ResponseWriter
	r       *http.Request
	service *service
	instead *service // that is asked when no replica answers; nil for none
	entry   holdfast.RouteEntry
	message message
	body    body

	place
	headBy    time.Time   // when the head of an answer must have come; zero for never
	first     try         // most requests need no other
	tried     []*endpoint // that are not to be picked again
	held      *try        // a bad answer, whole, that is passed on if no other replica has a better one
	story     []string    // what went wrong so far, a part of a sentence each
	unreached *endpoint   // that could not be connected to in time
	fresh     bool        // the next try takes no used connection
	patient   bool        // every replica was asked, and the last try takes its time
	unpaid    bool        // the budget refused it a second try
	unwritten int         // tries of which nothing was sent
	moves     int         // those, and what was given up at an ejection
	retries   int         // second tries of what was sent
	renewals  int         // tries on a fresh connection because a used one had died
	hijacked  bool        // the client's connection was taken from net/http
	account
}

// prepare takes the request over.
func (x *exchange) prepare() {
	x.message = newMessage(x.r, x.entry)
	x.message.rank = x.rank
	x.message.mark(x.marks)
	control := http.NewResponseController(x.w)
	if x.message.length != 0 {
		x.body.source = x.r.Body
		x.body.stall = func() { control.SetReadDeadline(time.Unix(1, 0)) }
		x.body.measure(x.gateway.bounds.limits.Load())
		x.keepPace()
	}
	var bound time.Time
	if !x.message.deadline.IsZero() {
		bound = x.message.deadline.Add(writeGrace)
	}
	x.headBy = x.answerBy()
	control.SetWriteDeadline(bound)
}

// count is what the listener's counters learn at the end.
func (x *exchange) count() {
	if x.failed {
		x.tally.failed.Add(1)
	}
	x.tally.answers[classOf(x.status)].Add(1)
}

// A try is a request on its way to one replica. With a head it is an answer, and
// whoever holds one closes it.
type try struct {
	endpoint *endpoint
	number   int // from 1
	began    time.Duration
	waiter   waiter
	conn     *conn
	unwatch  func() bool // of the client; false when it has gone
	err      error       // of a try in a race
	repeats  bool        // the request may be sent again when this try is given up

	head    head
	payload payload
	kept    []byte // what was read of the body already
}

// A how says in which way a try failed.
type how string

const (
	refused     how = "refused"     // the address refused the connection
	unreachable how = "unreachable" // no connection for another reason
	broken      how = "broken"      // it ended before the answer's head was complete
	badAnswer   how = "bad-answer"  // what came was not HTTP
	late        how = "timeout"     // the deadline passed
	ejectedIt   how = "given-up"    // its replica was ejected, and the request may be sent again
	clientGone  how = "client-gone" // nobody waits for the answer
	clientBad   how = "bad-request" // the client's body could not be read
)

// A failure is a try that did not come as far as a head.
type failure struct {
	endpoint *endpoint
	how      how
	sent     bool // a byte of the request went out
	stale    bool // over a used connection, and no byte came back: it may have been closed long before
	err      error
}

// ask sends the request to a replica and reads the head of the answer. If that
// takes long, another replica is asked, too, and the answer is whose comes first.
func (x *exchange) ask(e *endpoint) (*try, *failure) {
	t := x.begin(e)
	err := x.send(t)
	if err == nil && x.mayHedge() {
		var other *endpoint
		if other, err = x.await(t); other != nil {
			return x.race(t, other)
		}
	}
	return x.finish(t, err)
}

// begin counts a try in. A request without a body waits from here on; one with a
// body from when it is sent, so that nobody takes a long upload for a replica
// that does not answer.
func (x *exchange) begin(e *endpoint) *try {
	t := &x.first
	if x.message.attempt++; x.message.attempt > 1 {
		t = &try{}
	}
	t.endpoint, t.number, t.began, t.repeats = e, x.message.attempt, now(), x.repeats()
	e.inFlight.Add(1)
	e.tries.Add(1)
	t.waiter.began, t.waiter.covered = t.began, x.covered()
	if x.message.length == 0 {
		e.waits.begin(&t.waiter)
	}
	return t
}

// send finds a connection, sends the request's head over it, and begins with its
// body.
func (x *exchange) send(t *try) error {
	c, err := x.connect(t.endpoint)
	if err != nil {
		return err
	}
	t.conn = c
	c.begin(x.message.deadline, x.headBy)
	x.watch(t)
	if err := x.write(t); err != nil || x.body.source == nil {
		return err
	}
	if !x.message.expects || c.stream != nil || x.heldBackLongEnough(c) {
		x.upload(t)
	}
	return nil
}

// watch ends the try when the client goes.
func (x *exchange) watch(t *try) { t.unwatch = context.AfterFunc(x.r.Context(), t.conn.abort) }

// connectTime is how long a connect to a replica may take. A gateway that is
// starved itself hears of it later.
func (x *exchange) connectTime(to *endpoint) time.Duration {
	switch {
	case x.patient:
		return lastConnectTime
	case x.service.others(append(x.tried, to)):
		return min(x.gateway.patience(briefConnectTime), connectTime)
	default:
		return min(x.gateway.patience(connectTime), lastConnectTime)
	}
}

// connect takes a connection from the pool, unless the request needs a fresh one,
// or opens one.
func (x *exchange) connect(e *endpoint) (*conn, error) {
	if !x.fresh {
		if c := e.pool.take(time.Now()); c != nil {
			return c, nil
		}
	}
	return x.open(e, x.connectTime(e), x.fresh)
}

// open opens a connection. It is called by the goroutines of a race, too.
func (x *exchange) open(e *endpoint, within time.Duration, fresh bool) (*conn, error) {
	ctx := x.r.Context()
	if !x.headBy.IsZero() {
		bounded, cancel := context.WithDeadline(ctx, x.headBy)
		defer cancel()
		ctx = bounded
	}
	c, err := x.gateway.dial(ctx, e, within, fresh)
	if err != nil {
		return nil, err
	}
	c.heard, c.heldUp = &e.heard, &e.heldUp
	return c, nil
}

// dial opens a connection to an endpoint, or a stream on one.
func (g *Gateway) dial(ctx context.Context, e *endpoint, within time.Duration, fresh bool) (*conn, error) {
	if e.isRetired() {
		return nil, errRetired // it was picked a moment before
	}
	if e.multiplexed {
		return g.stream(ctx, e, within, fresh)
	}
	c, err := dial(ctx, e.Address, within)
	if err == nil {
		c.among = &e.pool.all
		c.among.hold(c.Conn)
	}
	return c, err
}

// write sends the request's head. From here on an ejection gives the try up, if
// the request may be sent again. It is called by the goroutines of a race, too.
func (x *exchange) write(t *try) error {
	c := t.conn
	if x.message.length == 0 && t.repeats {
		t.endpoint.waits.arm(&t.waiter, c.letGo)
	}
	if err := c.sendHead(&x.message); err != nil {
		return err
	}
	return c.out.Flush()
}

// upload begins to send the request's body, and to wait for the answer when it
// is out.
func (x *exchange) upload(t *try) {
	x.body.start(x, t.conn, func() {
		var giveUp func()
		if t.repeats && !x.body.spilled {
			giveUp = t.conn.letGo
		}
		t.endpoint.waits.beginAt(&t.waiter, now(), giveUp)
	})
}

// finish reads the head of a try's answer, unless the try failed already, and
// tells what became of it.
func (x *exchange) finish(t *try, err error) (*try, *failure) {
	if err == nil {
		err = x.converse(t)
	}
	t.endpoint.waits.end(&t.waiter)
	if err == nil && t.conn.givenUp.Load() {
		err = errEjected
	}
	if err != nil {
		return nil, x.fail(t, err)
	}
	if t.conn.timed && t.head.status != http.StatusSwitchingProtocols {
		t.conn.readBy(x.message.deadline)
	}
	t.endpoint.note(outcome{took: t.conn.first - t.waiter.began, failed: t.bad()})
	return t, nil
}

const errEjected = holdfast.Refusal("its replica was ejected")

// fail ends a try that came to nothing.
func (x *exchange) fail(t *try, err error) *failure {
	f := x.failure(t, err)
	if !f.sent {
		x.unwritten++
	}
	if t.conn != nil {
		t.unwatch()
		t.conn.close()
	}
	t.endpoint.inFlight.Add(-1)
	if f.how != clientBad && !f.stale {
		t.endpoint.note(outcome{took: now() - t.began, failed: true, givenUp: f.how == clientGone || f.how == ejectedIt})
	}
	return f
}

// note tells everybody who judges an endpoint how a try ended.
func (e *endpoint) note(o outcome) {
	at := now()
	o.took = max(0, o.took)
	e.reputation.note(o, at)
	if !o.failed && !o.givenUp {
		e.service.latency.note(o.took, at)
	}
	e.learn(o, at)
}

// converse reads up to the head of the final answer.
func (x *exchange) converse(t *try) error {
	for range maxInformational + 1 {
		h, err := t.conn.readHead()
		if err != nil {
			return err
		}
		if h.status >= 200 || h.status == http.StatusSwitchingProtocols {
			t.head = h
			return x.accept(t)
		}
		x.inform(t, h)
	}
	return errTooManyInformational
}

// heldBackLongEnough waits for the replica's word on a body it was asked about,
// and says whether it kept silent for too long.
func (x *exchange) heldBackLongEnough(c *conn) bool {
	until := time.Now().Add(continueTime)
	if d := x.headBy; !d.IsZero() && d.Before(until) {
		return false // the deadline decides, not we
	}
	c.readBy(until)
	_, err := c.in.Peek(1)
	c.readBy(x.headBy)
	return err != nil && c.received == 0 && !c.aborted.Load()
}

// inform passes an informational head on. 100 Continue is for us: it lets the
// body go, and net/http tells the client so when the body is first read.
func (x *exchange) inform(t *try, h head) {
	if h.status == http.StatusContinue {
		if x.message.expects && x.body.c != t.conn {
			x.upload(t)
		}
		return
	}
	if x.r.ProtoAtLeast(1, 1) {
		copyFields(x.w.Header(), &h)
		x.w.WriteHeader(h.status)
		clear(x.w.Header())
	}
}

// accept decides how the answer's body is read.
func (x *exchange) accept(a *try) error {
	if a.head.status == http.StatusSwitchingProtocols {
		asked := []string{x.message.upgrade}
		if x.message.upgrade == "" || !a.head.lists("Connection", "Upgrade") || !listed(asked, a.head.get("Upgrade")) {
			return errUpgrade
		}
		return nil
	}
	framing, length, err := a.head.frame(x.message.method)
	a.payload = payload{
		in:      a.conn.in,
		framing: framing,
		left:    length,
		ended:   framing == noBody || framing == byLength && length == 0,
	}
	return err
}

// failure says what an error of a try means.
func (x *exchange) failure(t *try, err error) *failure {
	c := t.conn
	f := &failure{endpoint: t.endpoint, how: broken, err: err}
	if c != nil {
		f.sent = c.written.Load() > 0
		f.stale = c.reused && c.received == 0 && !c.aborted.Load()
	}
	var not garbled
	switch {
	case x.faulty():
		f.how = clientBad
	case x.r.Context().Err() != nil:
		f.how = clientGone
	case x.body.lost.Load():
		f.how = clientBad
	case c != nil && c.givenUp.Load(), err == errRetired:
		f.how = ejectedIt
	case x.late():
		f.how = late
	case c == nil && errors.Is(err, syscall.ECONNREFUSED):
		f.how = refused
	case c == nil:
		f.how = unreachable
	case errors.As(err, &not):
		f.how = badAnswer
	}
	f.stale = f.stale && f.how == broken
	return f
}

func (x *exchange) late() bool { return !x.headBy.IsZero() && !time.Now().Before(x.headBy) }
