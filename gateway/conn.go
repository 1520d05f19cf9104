package gateway

import (
	"bufio"
	"context"
	"io"
	"net"
	"sync/atomic"
	"syscall"
	"time"

	"holdfast"
)

// connectTime bounds a connect. Replicas are on this host or on its network: a
// connect that takes longer will not come. When no replica's does, it is rather
// this process that is starved, or their queues that are full, than all of them
// that are gone: one is asked once more, with lastConnectTime. The kernel sends a
// lost SYN again after a second.
//
// While there is another replica to ask, a request waits briefConnectTime: one
// that has been late twice is not late for its caller yet. The kernel accepts
// connections for a process that does not run, so that even on a busy machine an
// honest connect takes no time.
const (
	briefConnectTime = 100 * time.Millisecond
	connectTime      = holdfast.ConnectTime
	lastConnectTime  = 1500 * time.Millisecond
)

// Sizes of a connection's buffers, and of what it keeps of an answer's head. 4 KiB
// holds nearly every head.
const (
	connBuffer  = 4 << 10
	maxKeptHead = 4 * connBuffer
)

// A conn is a connection to one incarnation. One request uses it at a time; its
// body may be written by another goroutine than the one that reads the answer.
type conn struct {
	net.Conn
	stream    *stream      // of a trunk, that it is the dress of; nil for a connection that is one
	among     *connections // that it is closed with; nil for a stream, and for a check
	raw       syscall.RawConn
	in        *bufio.Reader
	out       *bufio.Writer
	heard     *atomic.Int64 // told when bytes come: CLOCK_BOOTTIME, nanoseconds; nil when nobody asks
	heldUp    *atomic.Int64 // counts who waits on a client beside it; nil when nobody asks
	written   atomic.Int64  // bytes of the present request the kernel took
	received  int64         // bytes of the present answer
	first     time.Duration // CLOCK_BOOTTIME of the first of them
	reused    bool          // it carried a request before
	timed     bool          // a deadline is set
	idleSince time.Time
	aborted   atomic.Bool
	givenUp   atomic.Bool // aborted because its replica was ejected
	letGo     func()      // gives it up; made once

	block  []byte // of the head last read, reused
	fields []field

	look  func(fd uintptr) bool // made once: a closure per request is an allocation per request
	probe [1]byte
	quiet bool
}

// dial connects to a replica, within a time.
func dial(ctx context.Context, address string, within time.Duration) (*conn, error) {
	dialer := net.Dialer{Timeout: within}
	tcp, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	c := &conn{Conn: tcp}
	c.in = bufio.NewReaderSize(counted{c}, connBuffer)
	c.out = bufio.NewWriterSize(counted{c}, connBuffer)
	c.raw, err = tcp.(*net.TCPConn).SyscallConn()
	if err != nil {
		tcp.Close()
		return nil, err
	}
	c.letGo = func() {
		c.givenUp.Store(true)
		c.abort()
	}
	c.look = func(fd uintptr) bool {
		n, err := syscall.Read(int(fd), c.probe[:])
		c.quiet = n < 0 && (err == syscall.EAGAIN || err == syscall.EWOULDBLOCK)
		return true
	}
	return c, nil
}

// hear counts bytes that came.
func (c *conn) hear(n int) {
	at := now()
	if c.received == 0 {
		c.first = at
	}
	c.received += int64(n)
	if c.heard != nil {
		c.heard.Store(int64(at))
	}
}

// counted reads and writes a conn and counts: what a failed try may have caused
// depends on whether a byte went out, and whether one came back.
type counted struct{ c *conn }

func (t counted) Read(p []byte) (int, error) {
	n, err := t.c.Conn.Read(p)
	if n > 0 {
		t.c.hear(n)
	}
	return n, err
}

func (t counted) Write(p []byte) (int, error) {
	n, err := t.c.Conn.Write(p)
	if t.c.stream == nil { // which knows by itself what was sent
		t.c.written.Add(int64(n))
	}
	return n, err
}

// alive asks the kernel, without waiting, whether an idle connection is still
// open and silent. It is what keeps a request that must not be sent twice from
// being written to a replica that has closed already. A server that speaks
// unasked (a 408, say) is about to close.
func (c *conn) alive() bool {
	c.quiet = false
	return c.in.Buffered() == 0 && c.raw.Read(c.look) == nil && c.quiet
}

// begin readies the connection for one request, to be written before deadline
// and answered with a head by headBy. A zero time is never.
func (c *conn) begin(deadline, headBy time.Time) {
	c.written.Store(0)
	c.received = 0
	if !deadline.IsZero() {
		c.SetDeadline(deadline)
		c.timed = true
	}
	if headBy != deadline {
		c.readBy(headBy)
	}
}

// readBy sets when a read fails that waits. A connection that was aborted stays
// so, whichever of the two came first.
func (c *conn) readBy(at time.Time) {
	c.SetReadDeadline(at)
	c.timed = true
	if c.aborted.Load() {
		c.abort()
	}
}

// rest readies the connection for the pool.
func (c *conn) rest(at time.Time) {
	if c.timed {
		c.SetDeadline(time.Time{})
		c.timed = false
	}
	c.reused, c.idleSince = true, at
	if cap(c.block) > maxKeptHead {
		c.block, c.fields = nil, nil // one long answer is no reason to hold so much while it rests
	}
}

// abort ends whatever waits on the connection, now. It may be called from
// another goroutine; the connection is of no use afterwards.
func (c *conn) abort() {
	c.aborted.Store(true)
	c.SetDeadline(time.Unix(1, 0))
}

func (c *conn) close() {
	if c.among != nil {
		c.among.drop(c.Conn)
	}
	c.Conn.Close()
}

// readHead reads the next head. What it returns is valid until the next call.
func (c *conn) readHead() (head, error) {
	var err error
	c.block, err = readBlock(c.in, c.block[:0])
	if err != nil {
		return head{}, err
	}
	h, err := parseHead(string(c.block), c.fields[:0])
	c.fields = h.fields
	return h, err
}

// source is what is left to read from the connection. It is not left to the
// kernel to splice: that a stream still brings something is what tells a replica
// with a request that takes long from one that hangs.
func (c *conn) source() io.Reader { return c.in }

// holdUp and goOn enclose what waits on a client: a replica that finds no room to
// write, or is not given the rest of a request, is held up by that client and
// does not hang.
func (c *conn) holdUp() {
	if c.heldUp != nil {
		c.heldUp.Add(1)
	}
}

func (c *conn) goOn() {
	if c.heldUp != nil {
		c.heldUp.Add(-1)
	}
}
