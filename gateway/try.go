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
	entry   holdfast.RouteEntry
	message message
	body    body

	tried    []*endpoint // that are not to be picked again
	story    []string    // what went wrong so far, a part of a sentence each
	fresh    bool        // the next try takes no used connection
	patient  bool        // every replica was asked and none could be connected to: the last try takes its time
	moves    int         // tries of which nothing was sent
	retries  int         // second tries of what was sent
	renewals int         // tries on a fresh connection because a used one had died
	failed   bool        // the client got no good answer
	hijacked bool        // the client's connection was taken from net/http
}

// prepare takes the request over.
func (x *exchange) prepare() {
	x.message = newMessage(x.r, x.entry)
	control := http.NewResponseController(x.w)
	if x.message.length != 0 {
		x.body.source = x.r.Body
		x.body.stall = func() { control.SetReadDeadline(time.Unix(1, 0)) }
	}
	var bound time.Time
	if !x.message.deadline.IsZero() {
		bound = x.message.deadline.Add(writeGrace)
	}
	control.SetWriteDeadline(bound)
}

// count is what the listener's counters learn at the end.
func (x *exchange) count() {
	if x.failed {
		x.tally.failed.Add(1)
	}
}

// An answer is a try that came as far as a head. Whoever holds one closes it.
type answer struct {
	endpoint *endpoint
	conn     *conn
	head     head
	payload  payload
	unwatch  func() bool // of the client; false when it has gone
}

// A how says in which way a try failed.
type how string

const (
	refused     how = "refused"     // the address refused the connection
	unreachable how = "unreachable" // no connection for another reason
	broken      how = "broken"      // it ended before the answer's head was complete
	badAnswer   how = "bad-answer"  // what came was not HTTP
	late        how = "timeout"     // the deadline passed
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

// try sends the request to a replica and reads the head of the answer.
func (x *exchange) try(e *endpoint) (*answer, *failure) {
	x.message.attempt++
	e.inFlight.Add(1)
	e.tries.Add(1)
	c, err := x.connect(e)
	if err != nil {
		e.inFlight.Add(-1)
		return nil, x.failure(e, nil, err)
	}
	c.begin(x.message.deadline)
	a := &answer{endpoint: e, conn: c, unwatch: context.AfterFunc(x.r.Context(), c.abort)}
	if err := x.converse(a); err != nil {
		a.unwatch()
		c.close()
		e.inFlight.Add(-1)
		return nil, x.failure(e, c, err)
	}
	return a, nil
}

// connect takes a connection from the pool or opens one.
func (x *exchange) connect(e *endpoint) (*conn, error) {
	if !x.fresh {
		if c := e.pool.take(time.Now()); c != nil {
			return c, nil
		}
	}
	ctx := x.r.Context()
	if !x.message.deadline.IsZero() {
		bounded, cancel := context.WithDeadline(ctx, x.message.deadline)
		defer cancel()
		ctx = bounded
	}
	within := connectTime
	if x.patient {
		within = lastConnectTime
	}
	return dial(ctx, e.Address, within)
}

// converse sends the request's head, begins with its body, and reads up to the
// head of the final answer.
func (x *exchange) converse(a *answer) error {
	c := a.conn
	if err := c.sendHead(&x.message); err != nil {
		return err
	}
	if err := c.out.Flush(); err != nil {
		return err
	}
	if x.body.source != nil && (!x.message.expects || x.heldBackLongEnough(c)) {
		x.body.start(x, c)
	}
	for range maxInformational + 1 {
		h, err := c.readHead()
		if err != nil {
			return err
		}
		if h.status >= 200 || h.status == http.StatusSwitchingProtocols {
			a.head = h
			return x.accept(a)
		}
		x.inform(c, h)
	}
	return errTooManyInformational
}

// heldBackLongEnough waits for the replica's word on a body it was asked about,
// and says whether it kept silent for too long.
func (x *exchange) heldBackLongEnough(c *conn) bool {
	until := time.Now().Add(continueTime)
	if d := x.message.deadline; !d.IsZero() && d.Before(until) {
		return false // the deadline decides, not we
	}
	c.SetReadDeadline(until)
	_, err := c.in.Peek(1)
	c.SetReadDeadline(x.message.deadline)
	if x.r.Context().Err() != nil {
		c.abort() // its abort may have come before our new deadline
		return false
	}
	return err != nil && c.received == 0
}

// inform passes an informational head on. 100 Continue is for us: it lets the
// body go, and net/http tells the client so when the body is first read.
func (x *exchange) inform(c *conn, h head) {
	if h.status == http.StatusContinue {
		if x.message.expects && x.body.c != c {
			x.body.start(x, c)
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
func (x *exchange) accept(a *answer) error {
	if a.head.status == http.StatusSwitchingProtocols {
		if x.message.upgrade == "" || !a.head.lists("Connection", "Upgrade") {
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
func (x *exchange) failure(e *endpoint, c *conn, err error) *failure {
	f := &failure{endpoint: e, how: broken, err: err}
	if c != nil {
		f.sent = c.written.Load() > 0
		f.stale = c.reused && c.received == 0
	}
	var not garbled
	switch {
	case x.r.Context().Err() != nil:
		f.how = clientGone
	case x.body.lost.Load():
		f.how = clientBad
	case x.late():
		f.how = late
	case c == nil && errors.Is(err, syscall.ECONNREFUSED):
		f.how = refused
	case c == nil:
		f.how = unreachable
	case errors.As(err, &not):
		f.how = badAnswer
	}
	return f
}

func (x *exchange) late() bool {
	return !x.message.deadline.IsZero() && !time.Now().Before(x.message.deadline)
}
