package gateway

import (
	"bufio"
	"context"
	"io"
	"net"
	"sync/atomic"
	"syscall"
	"time"
)

// connectTime bounds a connect. Replicas are on this host or on its network: a
// connect that takes longer will not come. When no replica's does, it is rather
// this process that is starved, or their queues that are full, than all of them
// that are gone: one is asked once more, with lastConnectTime. The kernel sends a
// lost SYN again after a second.
const (
	connectTime     = 250 * time.Millisecond
	lastConnectTime = 1500 * time.Millisecond
)

// Sizes of a connection's buffers. 4 KiB holds nearly every head.
const connBuffer = 4 << 10

// A conn is a connection to one incarnation. One request uses it at a time; its
// body may be written by another goroutine than the one that reads the answer.
type conn struct {
	net.Conn
	raw       syscall.RawConn
	in        *bufio.Reader
	out       *bufio.Writer
	written   atomic.Int64 // bytes of the present request the kernel took
	received  int64        // bytes of the present answer
	reused    bool         // it carried a request before
	timed     bool         // a deadline is set
	idleSince time.Time

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
	c.look = func(fd uintptr) bool {
		n, err := syscall.Read(int(fd), c.probe[:])
		c.quiet = n < 0 && (err == syscall.EAGAIN || err == syscall.EWOULDBLOCK)
		return true
	}
	return c, nil
}

// counted reads and writes a conn and counts: what a failed try may have caused
// depends on whether a byte went out, and whether one came back.
type counted struct{ c *conn }

func (t counted) Read(p []byte) (int, error) {
	n, err := t.c.Conn.Read(p)
	t.c.received += int64(n)
	return n, err
}

func (t counted) Write(p []byte) (int, error) {
	n, err := t.c.Conn.Write(p)
	t.c.written.Add(int64(n))
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

// begin readies the connection for one request.
func (c *conn) begin(deadline time.Time) {
	c.written.Store(0)
	c.received = 0
	if !deadline.IsZero() {
		c.SetDeadline(deadline)
		c.timed = true
	}
}

// rest readies the connection for the pool.
func (c *conn) rest(at time.Time) {
	if c.timed {
		c.SetDeadline(time.Time{})
		c.timed = false
	}
	c.reused, c.idleSince = true, at
}

// abort ends whatever waits on the connection, now. It may be called from
// another goroutine; the connection is of no use afterwards.
func (c *conn) abort() { c.SetDeadline(time.Unix(1, 0)) }

func (c *conn) close() { c.Conn.Close() }

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

// source is what is left to read from the connection: what the buffer holds,
// then the connection itself, which the kernel can splice.
func (c *conn) source() io.Reader {
	if c.in.Buffered() > 0 {
		return c.in
	}
	return c.Conn
}
