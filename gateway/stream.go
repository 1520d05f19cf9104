package gateway

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A stream is one request on a trunk, in the dress of a connection of its own:
// the answer is read from it as HTTP/1.1 would bring it. So trying, racing,
// holding, waiting and giving up know one kind of connection, and an answer over
// HTTP/2 is judged by the same strict reader.
//
//	message ──▶ RoundTrip ──▶ replica
//	body    ──▶ pipe      ──▶
//	answer  ◀── pipe ◀── carry ◀──
type stream struct {
	net.Conn // our end of the pipe that the answer comes through
	far      net.Conn
	free     *freeList
	group    *sync.WaitGroup // who waits for what the stream starts
	trunk    *trunk
	running  context.Context
	cancel   context.CancelFunc
	begun    atomic.Bool

	mu      sync.Mutex
	ended   bool
	body    *io.PipeWriter // nil without a body
	trailer http.Header    // the names that were announced; values come before the end of the body
}

// newStream takes over a place that was reserved on a trunk.
func (g *Gateway) newStream(group *sync.WaitGroup, t *trunk, reused bool) *conn {
	near, far := net.Pipe()
	st := &stream{Conn: near, far: far, free: &g.free, group: group, trunk: t}
	st.running, st.cancel = context.WithCancel(context.Background())
	c := &conn{Conn: st, stream: st, reused: reused}
	c.in = bufio.NewReaderSize(counted{c}, connBuffer)
	c.out = bufio.NewWriterSize(counted{c}, connBuffer)
	c.letGo = func() {
		c.givenUp.Store(true)
		c.abort()
	}
	return c
}

// send begins the request, and with it the goroutine that carries its answer: it
// ends when the answer does, or when the stream is closed.
func (s *stream) send(c *conn, m *message) error {
	r, err := m.request(httptrace.WithClientTrace(s.running, &httptrace.ClientTrace{
		// It is called before the first byte goes out.
		WroteHeaderField: func(string, []string) { c.written.Store(1) },
	}))
	if err != nil {
		return err
	}
	if m.length != 0 {
		from, to := io.Pipe()
		s.mu.Lock()
		r.Body, s.body, s.trailer = from, to, r.Trailer
		s.mu.Unlock()
	}
	s.begun.Store(true)
	s.group.Go(func() {
		defer s.far.Close()
		s.carry(c, r)
	})
	return nil
}

// carry brings the answer. That it ends too early is said by the pipe's end.
func (s *stream) carry(c *conn, r *http.Request) {
	answer, err := s.trunk.client.RoundTrip(r)
	if err != nil {
		if untouched(err) {
			c.written.Store(0)
		}
		return
	}
	// The client that sends the body waits for room at its replica, and does not
	// see that the request is over: only a closed answer wakes it.
	defer context.AfterFunc(s.running, func() { answer.Body.Close() })()
	defer answer.Body.Close()
	out := bufio.NewWriterSize(s.far, connBuffer)
	f := framingOf(r.Method, answer)
	if !writeAnswerHead(out, answer, f) || out.Flush() != nil || f == noBody {
		return
	}
	to := framed{out: out, chunked: f == byChunks}
	buffer := s.free.take()
	defer s.free.give(buffer)
	for {
		n, err := answer.Body.Read(buffer[:])
		if _, wrong := to.Write(buffer[:n]); wrong != nil {
			return
		}
		if err == io.EOF {
			to.end(answer.Trailer)
			return
		}
		if err != nil {
			return
		}
	}
}

// framingOf is how an answer's body is brought. One that may have a trailer
// comes in chunks: calls have one that nobody announces.
func framingOf(method string, answer *http.Response) framing {
	switch {
	case method == http.MethodHead, answer.StatusCode == http.StatusNoContent, answer.StatusCode == http.StatusNotModified:
		return noBody
	case answer.ContentLength == 0 && answer.Header.Get("Grpc-Status") != "":
		return byLength // a call that ended with its head, as it has to end for its client, too
	case answer.ContentLength >= 0 && len(answer.Trailer) == 0 && !strings.HasPrefix(answer.Header.Get("Content-Type"), rpcType):
		return byLength
	default:
		return byChunks
	}
}

// writeAnswerHead writes a head as a replica that speaks HTTP/1.1 does, and says
// whether it could.
func writeAnswerHead(out *bufio.Writer, answer *http.Response, f framing) bool {
	out.WriteString("HTTP/1.1 " + strconv.Itoa(answer.StatusCode) + "\r\n")
	for name, values := range answer.Header {
		if hopByHop(name) || name == "Content-Length" && f != noBody || answer.StatusCode == http.StatusNoContent && name == "Content-Length" {
			continue
		}
		for _, value := range values {
			if !validName(name) || !validValue(value) {
				return false
			}
			writeField(out, name, value)
		}
	}
	switch f {
	case byLength:
		writeField(out, "Content-Length", strconv.FormatInt(answer.ContentLength, 10))
	case byChunks:
		writeField(out, "Transfer-Encoding", "chunked")
	}
	_, err := out.WriteString("\r\n")
	return err == nil
}

// Write sends a piece of the request's body.
func (s *stream) Write(p []byte) (int, error) {
	s.mu.Lock()
	to := s.body
	s.mu.Unlock()
	if to == nil {
		return 0, io.ErrClosedPipe
	}
	return to.Write(p)
}

// end ends the request's body. The values of a trailer must be there before the
// end is.
func (s *stream) end(trailer http.Header) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name := range s.trailer {
		s.trailer[name] = slices.Clone(trailer[name])
	}
	return s.body.Close()
}

// SetDeadline ends what waits on the stream, and the request itself when the time
// is past: it is how a conn is aborted.
func (s *stream) SetDeadline(at time.Time) error {
	if !at.IsZero() && at.Before(time.Now()) {
		s.cancel()
	}
	return s.Conn.SetDeadline(at)
}

// Close ends the stream; the others of its trunk go on.
func (s *stream) Close() error {
	s.mu.Lock()
	ended := s.ended
	s.ended = true
	s.mu.Unlock()
	s.cancel()
	if !ended && !s.begun.Load() {
		s.trunk.client.Release()
	}
	return s.Conn.Close()
}

// request is the message as net/http's client takes it.
func (m *message) request(ctx context.Context) (*http.Request, error) {
	target := &url.URL{Opaque: m.target}
	if strings.HasPrefix(m.target, "//") { // it would be taken for an address
		var err error
		if target, err = url.ParseRequestURI(m.target); err != nil {
			return nil, err
		}
	}
	target.Scheme, target.Host = "http", m.host
	if m.host == "" {
		target.Host = "localhost" // HTTP/2 has no request without an authority
	}
	r := &http.Request{Method: m.method, URL: target, Host: m.host, Header: make(http.Header, len(m.fields)+2), ContentLength: m.length}
	r.Header["User-Agent"] = nil // or one would be made up
	for _, f := range m.fields {
		if !hopByHop(f.name) {
			r.Header[f.name] = append(r.Header[f.name], f.value)
		}
	}
	r.Header["Te"] = []string{"trailers"} // we do take them
	if m.trailer != "" {
		r.Trailer = http.Header{}
		for name := range strings.SplitSeq(m.trailer, ", ") {
			if mayTrail(name) {
				r.Trailer[name] = nil
			}
		}
	}
	return r.WithContext(ctx), nil
}

// A reset is how net/http's client says that a replica ended a stream. The
// standard library's error turns into any type with these fields.
type reset struct {
	StreamID uint32
	Code     uint32
	Cause    error
}

func (r reset) Error() string { return "reset with code " + strconv.FormatUint(uint64(r.Code), 10) }

// refusedStream is REFUSED_STREAM: nothing was done for it (RFC 9113, 8.7).
const refusedStream = 7

// untouched says whether a replica has promised that it did nothing for a
// request: it refused the stream, or went away before it got there. The client
// names the latter in words only; a test holds it to them.
func untouched(err error) bool {
	var r reset
	if errors.As(err, &r) {
		return r.Code == refusedStream
	}
	return strings.HasSuffix(err.Error(), "graceful shutdown GOAWAY") || strings.HasSuffix(err.Error(), "client conn not usable")
}
