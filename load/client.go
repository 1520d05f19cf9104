package load

import (
	"bufio"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"time"
	"unicode"

	"holdfast/internal/tcp"
)

const (
	maxHead    = 1 << 20 // bytes of an answer's status line and headers
	maxInterim = 5       // 1xx answers before the real one
	maxIdle    = 64      // kept connections per target that wait for a request
	maxBody    = 200     // bytes of a failed answer kept
	maxError   = 120     // bytes of an error's text
)

// degradedHeader marks an answer that was given in a dependency's place.
const degradedHeader = "Holdfast-Degraded"

// A route asks one target, over HTTP/1.1 or bare TCP.
//
// It is not net/http's client, because that sends a GET again, unasked, when a
// kept connection turns out to be dead: the user would be spared in our record
// what nobody spares him. Here a request is written once. A kept connection is
// looked at before it is used, and one the server is known to have closed is
// not used; what closes after that is a failure.
type route struct {
	address string      // host:port
	once    []byte      // the request on a connection of its own
	again   []byte      // the request on a kept connection
	tls     *tls.Config // nil where nothing is secured
	bare    *Target     // of which nothing is known but what it is told and must say; nil for HTTP

	mu   sync.Mutex
	idle []*connection // longest idle first, so that requests go round all of them
}

func newRoute(target Target) (*route, error) {
	at, err := url.Parse(target.URL)
	if err != nil {
		return nil, err
	}
	if at.Scheme == "tcp" {
		return &route{address: at.Host, bare: &target}, nil
	}
	port, secured := at.Port(), (*tls.Config)(nil)
	if at.Scheme == "https" {
		secured = &tls.Config{ServerName: at.Hostname(), MinVersion: tls.VersionTLS12}
		port = cmp.Or(port, "443")
	}
	port = cmp.Or(port, "80")
	// Identity, because what is not asked for need not be unpacked.
	head := "GET " + at.RequestURI() + " HTTP/1.1\r\nHost: " + at.Host + "\r\nUser-Agent: holdfast-load\r\nAccept: */*\r\nAccept-Encoding: identity\r\n"
	return &route{
		address: net.JoinHostPort(at.Hostname(), port),
		once:    []byte(head + "Connection: close\r\n\r\n"),
		again:   []byte(head + "\r\n"),
		tls:     secured,
	}, nil
}

// An answer is what came back: a status, or the reason why none did. A status
// with an error is an answer that broke off.
type answer struct {
	status   int
	degraded bool
	body     string
	err      error
}

// ask sends one request and reads the whole answer, until deadline at most.
func (r *route) ask(ctx context.Context, fresh bool, deadline time.Time) answer {
	if r.bare != nil {
		return answer{err: r.knock(ctx, deadline)}
	}
	conn, err := r.connect(ctx, fresh, deadline)
	if err != nil {
		return answer{err: step("connect", err)}
	}
	conn.SetDeadline(deadline)
	cut := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	request := r.again
	if fresh {
		request = r.once
	}
	got, reusable := conn.exchange(request)
	if !cut() || fresh || !reusable || !r.keep(conn) {
		conn.Close()
	}
	return got
}

// connect takes the connection that waited longest and still lives, or makes
// one.
func (r *route) connect(ctx context.Context, fresh bool, deadline time.Time) (*connection, error) {
	for !fresh {
		conn := r.take()
		if conn == nil {
			break
		}
		if conn.quiet() {
			return conn, nil
		}
		conn.Close()
	}
	dialer := net.Dialer{Deadline: deadline, KeepAlive: -1}
	made, err := dialer.DialContext(ctx, "tcp", r.address)
	if err != nil {
		return nil, err
	}
	if r.tls != nil {
		within, cancel := context.WithDeadline(ctx, deadline)
		defer cancel()
		secured := tls.Client(made, r.tls)
		if err := secured.HandshakeContext(within); err != nil {
			made.Close()
			return nil, err
		}
		made = secured
	}
	limit := &io.LimitedReader{R: made}
	return &connection{Conn: made, limit: limit, reader: bufio.NewReader(limit)}, nil
}

func (r *route) take() *connection {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.idle) == 0 {
		return nil
	}
	conn := r.idle[0]
	r.idle = r.idle[1:]
	return conn
}

// keep puts a connection back, or says that there are enough.
func (r *route) keep(conn *connection) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.idle) >= maxIdle {
		return false
	}
	r.idle = append(r.idle, conn)
	return true
}

// close ends the connections that wait. Requests must have ended before.
func (r *route) close() {
	for conn := r.take(); conn != nil; conn = r.take() {
		conn.Close()
	}
}

// A connection carries one request at a time.
type connection struct {
	net.Conn
	limit   *io.LimitedReader
	reader  *bufio.Reader
	scratch [4 << 10]byte // what io.Copy would allocate eightfold for every answer
}

// resent is how many packets the kernel has sent again on a connection.
func (c *connection) resent() int {
	if socket, ok := c.Conn.(syscall.Conn); ok {
		return tcp.Resent(socket)
	}
	return 0
}

// quiet tells whether nothing has come on an idle connection: neither its end
// nor bytes that nobody asked for. It looks without waiting and takes nothing.
func (c *connection) quiet() bool {
	beneath := c.Conn
	if secured, ok := beneath.(*tls.Conn); ok {
		beneath = secured.NetConn()
	}
	raw, err := beneath.(syscall.Conn).SyscallConn()
	if err != nil {
		return false
	}
	silent := false
	// Control, because Read would mind the deadline of the request before.
	err = raw.Control(func(fd uintptr) {
		var one [1]byte
		_, _, err := syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		silent = errors.Is(err, syscall.EAGAIN)
	})
	return err == nil && silent
}

// exchange writes a request and reads its answer to the end. The connection is
// reusable when the answer ended where it said it would and nothing came after.
func (c *connection) exchange(request []byte) (got answer, reusable bool) {
	if _, err := c.Write(request); err != nil {
		return answer{err: step("send", err)}, false
	}
	response, err := c.head()
	if err != nil {
		return answer{err: step("answer", err)}, false
	}
	got.status, got.degraded = response.StatusCode, response.Header.Get(degradedHeader) != ""
	begins := opening{limit: maxBody}
	if _, err := io.CopyBuffer(&begins, response.Body, c.scratch[:]); err != nil {
		got.err = step("body", err)
	}
	if got.err != nil || got.status >= http.StatusInternalServerError {
		got.body = printable(string(begins.text), maxBody)
	}
	return got, got.err == nil && !response.Close && c.reader.Buffered() == 0
}

// head reads the first answer that is not an interim one.
func (c *connection) head() (*http.Response, error) {
	c.limit.N = maxHead
	for range maxInterim {
		response, err := http.ReadResponse(c.reader, nil)
		if err != nil {
			return nil, err
		}
		if response.StatusCode >= http.StatusOK {
			c.limit.N = math.MaxInt64 // a body has no bound but the deadline; none of it is kept
			return response, nil
		}
	}
	return nil, fmt.Errorf("more than %d interim answers", maxInterim)
}

// An opening keeps the first bytes of what is written to it.
type opening struct {
	text  []byte
	limit int
}

func (o *opening) Write(p []byte) (int, error) {
	o.text = append(o.text, p[:min(len(p), o.limit-len(o.text))]...)
	return len(p), nil
}

// step names what was being done when an error came, in few words and without
// addresses, so that equal failures read alike and can be counted.
func step(doing string, err error) error {
	var timeout net.Error
	var errno syscall.Errno
	switch {
	case errors.As(err, &timeout) && timeout.Timeout():
		return fmt.Errorf("%s: timeout", doing)
	case errors.As(err, &errno):
		return fmt.Errorf("%s: %w", doing, errno)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%s: connection closed", doing)
	}
	return fmt.Errorf("%s: %s", doing, printable(err.Error(), maxError))
}

// printable is text on one line, at most limit bytes long, in which nothing can
// move a cursor.
func printable(text string, limit int) string {
	text = strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return ' '
		}
		if r == unicode.ReplacementChar || !unicode.IsPrint(r) {
			return '.'
		}
		return r
	}, text)
	if len(text) > limit {
		text = strings.ToValidUTF8(text[:limit], "")
	}
	return strings.TrimSpace(text)
}
