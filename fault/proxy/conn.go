package proxy

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// dialTime bounds connecting to a replica. On loopback only one whose
	// backlog is full takes longer than an instant.
	dialTime = 10 * time.Second
	// firstDial is how long a connect may take before it is begun anew, and then
	// twice as long. A replica whose backlog is full drops it, the kernel repeats
	// it a second later, and requests would be late on our account: the gateway,
	// which without us would ask another replica by then, sees them connected.
	firstDial = 50 * time.Millisecond
	// pieceSize is how much is passed on at once.
	pieceSize = 16 << 10
	// maxPending is how many requests may wait for their answers on one
	// connection. A client that sends more is passed on unread.
	maxPending = 256
)

// A conn is one connection through a path: the client's leg and the replica's.
// Two goroutines pass on what comes, one each way, and end with it. Where a way
// is slow they have a carrier each.
type conn struct {
	path     *path
	client   *net.TCPConn
	over     context.Context // ends with the connection
	finish   context.CancelFunc
	upstream *net.TCPConn // nil until connected; guarded by path.mu

	forth, back way // to the replica, and to the client

	streams *streams    // of HTTP/2; nil where it is not spoken
	opaque  atomic.Bool // not HTTP, or no longer: passed on unread
	asked   atomic.Bool // bytes went to the replica since the last that came back

	mu      sync.Mutex
	pending []request // passed on and not answered yet, the oldest first
}

// serve connects to the replica and passes on until both ways have ended.
func (c *conn) serve() {
	defer c.path.leave(c)
	if !c.connect() {
		return
	}
	c.forth, c.back = newWay(c, c.upstream, 0), newWay(c, c.client, 1)
	var ways sync.WaitGroup
	ways.Go(c.up)
	c.down()
	ways.Wait()
	c.upstream.Close()
	c.client.Close()
}

// connect makes the replica's leg. A replica that refuses was, for the client,
// there for a moment: the kernel answered before we could know. It gets a reset
// at once, and until the replica is back the front refuses as it does.
func (c *conn) connect() bool {
	made, err := dial(c.over, c.path.Address)
	if err != nil {
		if refused(err) {
			c.path.shutDown()
		}
		c.reset()
		return false
	}
	c.path.mu.Lock()
	defer c.path.mu.Unlock()
	c.upstream = made.(*net.TCPConn)
	if c.over.Err() != nil { // reset meanwhile, when there was one leg only
		drop(c.upstream)
		return false
	}
	return true
}

func dial(ctx context.Context, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	for patience := firstDial; ; patience *= 2 {
		dialer := net.Dialer{Timeout: patience, KeepAlive: -1}
		made, err := dialer.DialContext(ctx, "tcp", address)
		if late, timed := errors.AsType[net.Error](err); err == nil || ctx.Err() != nil || !timed || !late.Timeout() {
			return made, err
		}
	}
}

// reset ends both legs with a reset.
func (c *conn) reset() {
	c.path.mu.Lock()
	defer c.path.mu.Unlock()
	c.resetLocked()
}

func (c *conn) resetLocked() {
	c.finish()
	drop(c.client)
	if c.upstream != nil {
		drop(c.upstream)
	}
}

// drop closes a connection with a reset instead of an end.
func drop(leg *net.TCPConn) {
	leg.SetLinger(0)
	leg.Close()
}

// up passes on from the client to the replica. The requests are noted before
// they are passed on, so that no answer comes to one that is not.
func (c *conn) up() {
	defer c.forth.arrive()
	take := c.takeForth()
	buffer := make([]byte, pieceSize)
	for {
		n, err := c.client.Read(buffer)
		if n > 0 && !take(buffer[:n]) {
			return
		}
		if err != nil {
			c.end(&c.forth, err)
			return
		}
	}
}

// takeForth is what passes on what the client says, by the protocol of the path.
func (c *conn) takeForth() func(piece []byte) bool {
	if c.streams != nil {
		return (&forward{streams: c.streams, heads: newHeads()}).take
	}
	var requests scanner
	return func(piece []byte) bool {
		c.note(&requests, piece)
		c.asked.Store(true)
		return c.forth.send(piece)
	}
}

// takeBack is what passes on what the replica says, and what waits for all of it
// that is late.
func (c *conn) takeBack() (take func(piece []byte) bool, settle func()) {
	if c.streams != nil {
		return (&backward{streams: c.streams, heads: newHeads()}).take, c.streams.settle
	}
	return (&answers{conn: c}).take, func() {}
}

// end passes the end of one leg on to the other: an end as an end, behind all
// that came before it, which leaves the way back open, and anything else as a
// reset.
func (c *conn) end(way *way, err error) {
	switch {
	case !c.pass():
	case errors.Is(err, io.EOF):
		way.end()
	default:
		c.reset()
	}
}

// note follows the requests in a piece.
func (c *conn) note(requests *scanner, piece []byte) {
	for len(piece) > 0 && !c.opaque.Load() {
		n, headed, _, err := requests.next(piece)
		piece = piece[n:]
		if err == nil && headed {
			err = c.noteHead(requests)
		}
		if err != nil {
			c.opaque.Store(true)
		}
	}
}

func (c *conn) noteHead(requests *scanner) error {
	asked, f, length, err := readRequest(requests.head)
	if err != nil {
		return err
	}
	requests.body(f, length)
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.pending) >= maxPending {
		return errLong
	}
	c.pending = append(c.pending, asked)
	return nil
}

// answering is the request that the present answer is to; false when it answers
// nothing that we saw asked.
func (c *conn) answering() (request, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.pending) == 0 {
		return request{}, false
	}
	return c.pending[0], true
}

// answered takes the oldest request off.
func (c *conn) answered() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.pending) > 0 {
		c.pending = c.pending[1:]
	}
}

// down passes on from the replica to the client, each answer as its fate will
// have it.
func (c *conn) down() {
	defer c.back.arrive()
	take, settle := c.takeBack()
	defer settle()
	buffer := make([]byte, pieceSize)
	for {
		n, err := c.upstream.Read(buffer)
		if n > 0 && !take(buffer[:n]) {
			return
		}
		if err != nil {
			settle()
			c.end(&c.back, err)
			return
		}
	}
}

// say passes on to the client, once it may.
func (c *conn) say(text []byte) bool { return c.back.send(text) }

// pass waits while the path is silent. It returns false when the connection is
// over.
func (c *conn) pass() bool {
	for counted := false; ; counted = true {
		now := c.path.posture.Load()
		if now.silence == nil {
			return c.over.Err() == nil
		}
		if !counted {
			now.silence.bitten.Add(1)
		}
		select {
		case <-now.over:
		case <-c.over.Done():
			return false
		}
	}
}

// wait lets an answer be late by a rule, for as long as that holds.
func (c *conn) wait(rule *inForce, late time.Duration) bool {
	return c.hold(late, func(now *posture) bool { return now.delay == rule })
}

// hold waits, for as long as a posture holds something back. It returns false
// when the connection is over.
func (c *conn) hold(length time.Duration, holds func(*posture) bool) bool {
	due := time.NewTimer(length)
	defer due.Stop()
	for {
		now := c.path.posture.Load()
		if !holds(now) {
			return c.over.Err() == nil
		}
		select {
		case <-due.C:
			return true
		case <-now.over:
		case <-c.over.Done():
			return false
		}
	}
}
