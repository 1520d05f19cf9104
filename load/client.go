package load

import (
	"bufio"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"math"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
	"unicode"

	"holdfast"
	"holdfast/internal/tcp"
)

const (
	maxHead    = 1 << 20 // bytes of an answer's status line and headers
	maxInterim = 5       // 1xx answers before the real one
	maxIdle    = 64      // kept connections per target that wait for a request
	maxBody    = 200     // bytes of a failed answer kept
	maxError   = 120     // bytes of an error's text
	maxInstead = 100     // bytes of a degraded answer's mark
)

// degradedHeader marks an answer that was given in a dependency's place.
const degradedHeader = "Holdfast-Degraded"

// A route leads to one address, over HTTP/1.1, HTTP/2 or bare TCP.
//
// It is not net/http's client, because that sends a GET again, unasked, when a
// kept connection turns out to be dead: the user would be spared in our record
// what nobody spares him. Here a request is written once. A kept connection is
// looked at before it is used, and one the server is known to have closed is
// not used; what closes after that is a failure.
type route struct {
	address string      // host:port
	tls     *tls.Config // nil where nothing is secured
	bare    *Target     // of which nothing is known but what it is told and must say; nil for HTTP
	only2   bool        // it speaks HTTP/2 and nothing else
	get     *request    // what a target is asked; nil where sessions ask

	mu      sync.Mutex
	idle    []*connection   // longest idle first, so that requests go round all of them
	second  *http.Transport // makes connections of HTTP/2, and does nothing else; nil until there is one
	streams []*stream       // those that are kept
}

// newRoute leads to a target.
func newRoute(target Target) (*route, error) {
	at, err := url.Parse(target.URL)
	if err != nil {
		return nil, err
	}
	if at.Scheme == "tcp" {
		return &route{address: at.Host, bare: &target}, nil
	}
	r := leadTo(at)
	r.only2 = target.Protocol == holdfast.H2C || target.Protocol == holdfast.GRPC
	if target.Protocol == holdfast.GRPC {
		r.get = newCall(target, at)
		return r, nil
	}
	r.get = (&request{method: http.MethodGet, at: at, header: target.header()}).spell()
	return r, nil
}

// header is what a target's requests say beside what all say.
func (t Target) header() []holdfast.Field {
	if t.Host == "" {
		return nil
	}
	return []holdfast.Field{{Name: "Host", Value: t.Host}}
}

// leadTo leads to where a URL points.
func leadTo(at *url.URL) *route {
	port, secured := at.Port(), (*tls.Config)(nil)
	if at.Scheme == "https" {
		secured = &tls.Config{ServerName: at.Hostname(), MinVersion: tls.VersionTLS12}
		port = cmp.Or(port, "443")
	}
	return &route{address: net.JoinHostPort(at.Hostname(), cmp.Or(port, "80")), tls: secured}
}

// A request is what is to be sent.
type request struct {
	method string
	at     *url.URL
	header []holdfast.Field
	body   string
	whole  bool // the answer's body is wanted, and not its beginning only
	call   bool // of gRPC: its outcome is the status at its end

	once  []byte // as HTTP/1.1, on a connection of its own
	again []byte // the same on a kept connection
}

// spell writes a request down as HTTP/1.1.
func (q *request) spell() *request {
	host, fields := q.fields()
	var head strings.Builder
	head.WriteString(q.method + " " + q.at.RequestURI() + " HTTP/1.1\r\nHost: " + host + "\r\n")
	for _, field := range fields {
		head.WriteString(field.Name + ": " + field.Value + "\r\n")
	}
	if q.body != "" || q.method == http.MethodPost || q.method == http.MethodPut || q.method == http.MethodPatch {
		head.WriteString("Content-Length: " + strconv.Itoa(len(q.body)) + "\r\n")
	}
	q.once = []byte(head.String() + "Connection: close\r\n\r\n" + q.body)
	q.again = []byte(head.String() + "\r\n" + q.body)
	return q
}

// fields are the headers of a request: its own, and what it does not say itself.
func (q *request) fields() (host string, fields []holdfast.Field) {
	host = q.at.Host
	said := map[string]bool{}
	for _, field := range q.header {
		name := http.CanonicalHeaderKey(field.Name)
		if said[name] = true; name == "Host" {
			host = field.Value
			continue
		}
		fields = append(fields, field)
	}
	// Identity, because what is not asked for need not be unpacked.
	for _, field := range []holdfast.Field{{Name: "User-Agent", Value: "holdfast-load"}, {Name: "Accept", Value: "*/*"}, {Name: "Accept-Encoding", Value: "identity"}} {
		if !said[field.Name] {
			fields = append(fields, field)
		}
	}
	return host, fields
}

// A manner is how a user's requests are sent.
type manner struct {
	fresh  bool // on connections of their own
	second bool // over HTTP/2
}

// An answer is what came back: a status, or the reason why none did. A status
// with an error is an answer that broke off.
type answer struct {
	status   int
	instead  string // the mark of a degraded one
	sum      uint64 // of a degraded one's body
	header   http.Header
	text     []byte // of the body: all of it up to maxText where the request wants it whole, else its beginning
	body     string // its beginning where the answer failed, printable
	protocol string // "h2" where it was asked over that
	call     string // the status at the end of a call
	err      error
}

// ask sends one request and reads the whole answer, until deadline at most.
func (r *route) ask(ctx context.Context, q *request, how manner, deadline time.Time) answer {
	if r.bare != nil {
		return answer{err: r.knock(ctx, deadline)}
	}
	if how.second || r.only2 {
		return r.stream(ctx, q, how.fresh, deadline)
	}
	conn, err := r.connect(ctx, how.fresh, deadline)
	if err != nil {
		return answer{err: step("connect", err)}
	}
	conn.SetDeadline(deadline)
	cut := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	got, reusable := conn.exchange(q, how.fresh)
	if !cut() || how.fresh || !reusable || !r.keep(conn) {
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
	r.retireAll()
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
func (c *connection) exchange(q *request, fresh bool) (got answer, reusable bool) {
	written := q.again
	if fresh {
		written = q.once
	}
	if _, err := c.Write(written); err != nil {
		return answer{err: step("send", err)}, false
	}
	response, err := c.head(q.method)
	if err != nil {
		return answer{err: step("answer", err)}, false
	}
	got = q.hear(response, c.scratch[:])
	return got, got.err == nil && !response.Close && c.reader.Buffered() == 0
}

// hear reads an answer to its end.
func (q *request) hear(response *http.Response, scratch []byte) answer {
	got := answer{status: response.StatusCode, instead: printable(response.Header.Get(degradedHeader), maxInstead), header: response.Header}
	begins := opening{limit: maxBody}
	if q.whole {
		begins.limit = maxText + 1 // one more tells that there is more
	}
	sum, body := fnv.New64a(), io.Reader(response.Body)
	if got.instead != "" {
		body = io.TeeReader(body, sum)
	}
	if _, err := io.CopyBuffer(&begins, body, scratch); err != nil {
		got.err = step("body", err)
	}
	if got.instead != "" {
		got.sum = sum.Sum64()
	}
	if q.call {
		got.settle(response)
		return got
	}
	if got.text = begins.text; got.err != nil || got.status >= http.StatusInternalServerError {
		got.body = head(string(got.text))
	}
	return got
}

// head is the beginning of a body, as it is kept.
func head(text string) string { return printable(text[:min(len(text), 2*maxBody)], maxBody) }

// head reads the first answer that is not an interim one.
func (c *connection) head(method string) (*http.Response, error) {
	c.limit.N = maxHead
	var asked *http.Request
	if method == http.MethodHead { // whose answer has a length and no body
		asked = &http.Request{Method: method}
	}
	for range maxInterim {
		response, err := http.ReadResponse(c.reader, asked)
		if err != nil {
			return nil, err
		}
		if response.StatusCode >= http.StatusOK {
			c.limit.N = math.MaxInt64 // a body has no bound but the deadline; what is kept of it has
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
