package gateway

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"time"
)

// What the heads of all requests together may take beyond what is free to each.
// Whoever opens ten thousand connections and sends long heads on all of them
// shares this, and hurts nobody whose heads are of the usual length.
const (
	maxHeads  = 64 << 20
	freeHead  = 8 << 10 // of each; nearly all that a browser with its cookies sends
	fieldCost = 128     // what a field takes beside its text, once it is parsed
)

// lineStart is how much of a line is looked at: what frames a message is shorter.
const lineStart = 256

// heads counts what the heads of requests take.
type heads struct{ bytes atomic.Int64 }

func (h *heads) take(n int64) bool {
	if h.bytes.Add(n) > maxHeads {
		h.give(n)
		return false
	}
	return true
}

func (h *heads) give(n int64) { h.bytes.Add(-n) }

// A sieve is a client's connection as net/http reads it. It follows where each
// request ends and lets nothing pass that another server might read in another
// way: net/http prefers one of two lengths, and takes a bare line feed for a
// line's end. What is refused here is answered with 400 by net/http, because the
// head never becomes whole, and the connection closed.
//
//	head ─▶ body ─▶ head …
//	     ─▶ chunk size ─▶ chunk ─▶ its end ─▶ chunk size … ─▶ trailer ─▶ head …
//	     ─▶ asked for another protocol ──granted──▶ no longer read through a sieve
//	                                   ──not granted──▶ head …
//	     ─▶ unread: HTTP/2, and TLS where none is spoken
//
// What comes after one that asks for another protocol is of that protocol or is
// the next request: it is held back until that is known, but for the one byte by
// which net/http sees that its client lives.
//
// Over TLS it reads what came through the veil, and holds the client to what was
// agreed on: HTTP/2 or HTTP/1.1. Who speaks the other one is cut off.
//
// One goroutine reads at a time.
type sieve struct {
	net.Conn
	veil    *veil // nil in clear text
	heads   *heads
	charged atomic.Int64
	at      passage
	left    int64  // of a body or a chunk
	line    []byte // the beginning of the present one
	long    bool   // it is longer than that
	cr      bool   // its last byte was a carriage return
	wrong   error
	held    []byte // read, and not passed yet; not more than net/http reads at once
	early   []byte // passed without being looked at

	size    int64 // of the present head, as it is charged
	begun   bool  // its first line was seen
	minor   bool  // that says HTTP/1.1
	length  int64 // -1 for none
	chunked bool
	leaves  bool // it asks for another protocol

	idleness
}

// An idleness is what a sieve knows of the time between two requests, in which
// its connection may go to rest.
type idleness struct {
	rest  *rest // nil where there is none
	ahead bool  // first was read while it was at rest
	first byte
	kept  bool        // a request has ended, and net/http says next how long it waits for another
	until time.Time   // that is; zero while it does not wait
	ready atomic.Bool // it has waited long enough to be put to rest, where net/http closes it
	rests atomic.Bool // it was: whoever has a connection after this one, its place is taken
}

type passage uint8

const (
	inHead passage = iota
	inBody
	atSize
	inChunk
	chunkEnd
	inTrailer
	atFirst  // over TLS, before the first byte
	inOpener // of HTTP/2
	asked    // for another protocol
	unread
)

// opener is what HTTP/2 begins with.
const opener = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

func newSieve(c net.Conn, h *heads) *sieve {
	return &sieve{Conn: c, heads: h, length: -1}
}

// Read implements io.Reader.
func (s *sieve) Read(p []byte) (int, error) {
	if s.wrong != nil {
		return 0, s.wrong
	}
	if s.at == asked {
		p = p[:min(1, len(p))]
	}
	n, err := s.fetch(p)
	if s.at == unread || n == 0 {
		return n, err
	}
	if s.at == asked {
		s.early = append(s.early, p[:n]...)
		return n, err
	}
	good, wrong := s.follow(p[:n])
	if wrong == nil {
		s.held = append(bytes.Clone(p[good:n]), s.held...)
		return good, err
	}
	if s.wrong = wrong; good == 0 {
		return 0, wrong
	}
	return good, nil
}

// fetch reads what was held back, and then the connection.
func (s *sieve) fetch(p []byte) (int, error) {
	if len(s.held) == 0 {
		return s.receive(p)
	}
	n := copy(p, s.held)
	s.held = s.held[n:]
	return n, nil
}

// notGranted goes on with requests after one that asked for another protocol.
func (s *sieve) notGranted() {
	early := s.early
	s.early = nil
	s.next()
	_, s.wrong = s.follow(early)
}

// CloseWrite lets net/http end a connection without a reset.
func (s *sieve) CloseWrite() error {
	if half, ok := s.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// watch gives back what a head has taken when its request has ended. A connection
// that then waits for the next one became no stream.
func (s *sieve) watch(state http.ConnState) {
	if state == http.StateIdle && s.at == asked {
		s.notGranted()
	}
	if state == http.StateIdle || state == http.StateClosed || state == http.StateHijacked {
		s.heads.give(s.charged.Swap(0))
	}
	if state == http.StateIdle && s.at != unread && s.rest != nil {
		s.kept = true
	}
}

// receive reads, and notices that a connection has waited for restTime.
func (s *sieve) receive(p []byte) (int, error) {
	if s.ahead && len(p) > 0 {
		s.ahead, p[0] = false, s.first
		return 1, nil
	}
	n, err := s.Conn.Read(p)
	if n > 0 || s.until.IsZero() || !errors.Is(err, os.ErrDeadlineExceeded) || !time.Now().Before(s.until) {
		return n, err
	}
	if s.at == inHead && s.size == 0 {
		s.ready.Store(true)
		return n, err
	}
	s.Conn.SetReadDeadline(s.until) // a request has begun to come
	return s.Conn.Read(p)
}

// SetReadDeadline lets net/http wait for restTime only between two requests.
func (s *sieve) SetReadDeadline(at time.Time) error {
	if s.kept {
		s.kept, s.until = false, at
		if soon := time.Now().Add(restTime); soon.Before(at) {
			at = soon
		}
	} else if !s.until.IsZero() { // and while a request is read nothing is written here: two may read
		s.until = time.Time{}
	}
	return s.Conn.SetReadDeadline(at)
}

// Close puts a connection to rest that net/http gives up only because it has
// waited, and closes any other.
func (s *sieve) Close() error {
	if s.ready.CompareAndSwap(true, false) {
		s.rests.Store(true)
		if s.rest.enter(s.Conn, s.until) {
			return nil
		}
		s.rests.Store(false)
	}
	return s.Conn.Close()
}

// unwrapped is the connection below, for a stream, and what was held back of it.
func unwrapped(c net.Conn) (net.Conn, []byte) {
	if s, ok := c.(*sieve); ok {
		return s.Conn, s.held
	}
	return c, nil
}

// follow says how much of what came may pass now.
func (s *sieve) follow(p []byte) (int, error) {
	for at := 0; at < len(p); {
		switch {
		case s.at == unread:
			return len(p), nil
		case s.at == asked:
			return at, nil
		case s.at == atFirst:
			s.begin()
			continue
		case s.at == inOpener:
			n, err := s.open(p[at:])
			if at += n; err != nil {
				return at, err
			}
			continue
		case s.at == inBody || s.at == inChunk:
			at += s.skip(len(p) - at)
			continue
		case s.at == inHead && !s.begun && len(s.line) == 0 && p[at] == 0x16: // a TLS handshake, for which net/http has words
			s.at = unread
			continue
		}
		end := len(p)
		if i := bytes.IndexByte(p[at:], '\n'); i >= 0 {
			end = at + i + 1
		}
		if err := s.takeIn(p[at:end]); err != nil {
			return at, err
		}
		at = end
	}
	return len(p), nil
}

func (s *sieve) skip(n int) int {
	n = int(min(int64(n), s.left))
	if s.left -= int64(n); s.left == 0 {
		if s.at == inBody {
			s.next()
		} else {
			s.at = chunkEnd
		}
	}
	return n
}

// takeIn takes a piece of a line, and what the line says when it is whole.
func (s *sieve) takeIn(piece []byte) error {
	text, whole := bytes.CutSuffix(piece, []byte("\n"))
	cr := s.cr
	if len(text) > 0 {
		if cr {
			return errBareLineEnd
		}
		text, cr = bytes.CutSuffix(text, []byte("\r"))
	}
	if whole && !cr || bytes.IndexByte(text, '\r') >= 0 {
		return errBareLineEnd
	}
	if err := s.charge(len(piece), whole); err != nil {
		return err
	}
	kept := min(len(text), lineStart-len(s.line))
	s.line = append(s.line, text[:kept]...)
	s.long = s.long || kept < len(text)
	if s.cr = cr && !whole; !whole {
		return nil
	}
	line := string(s.line)
	defer func() { s.line, s.long = s.line[:0], false }()
	return s.understand(line)
}

// charge counts what a head takes, and ends the connection without a word when
// all of them take too much.
func (s *sieve) charge(n int, whole bool) error {
	if s.at != inHead {
		return nil
	}
	if s.size += int64(n); whole {
		s.size += fieldCost
	}
	more := s.size - freeHead - s.charged.Load()
	if more <= 0 {
		return nil
	}
	if !s.heads.take(more) {
		return io.EOF
	}
	s.charged.Add(more)
	return nil
}

func (s *sieve) understand(line string) error {
	switch s.at {
	case inHead:
		return s.headLine(line)
	case atSize:
		size, ok := parseChunkSize(line)
		if !ok || s.long {
			return errChunk
		}
		if s.left, s.at = size, inChunk; size == 0 {
			s.at = inTrailer
		}
	case chunkEnd:
		if line != "" {
			return errChunk
		}
		s.at = atSize
	case inTrailer:
		if line == "" {
			s.next()
		} else if line[0] == ' ' || line[0] == '\t' {
			return errFolded
		}
	}
	return nil
}

func (s *sieve) headLine(line string) error {
	switch {
	case !s.begun && line == "":
		return nil // some send one too many after a body, and net/http says whether it may be
	case !s.begun:
		s.begun, s.minor = true, strings.HasSuffix(line, " HTTP/1.1") || s.long
		return s.firstLine(line)
	case line == "":
		return s.headEnd()
	case line[0] == ' ' || line[0] == '\t':
		return errFolded
	}
	name, value, _ := strings.Cut(line, ":")
	value = strings.Trim(value, " \t")
	switch {
	case strings.EqualFold(name, "Content-Length"):
		n, ok := parseLength(value)
		if !ok || s.long || s.length >= 0 {
			return errLength
		}
		s.length = n
	case strings.EqualFold(name, "Transfer-Encoding"):
		if s.chunked || s.long || !strings.EqualFold(value, "chunked") {
			return errEncoding
		}
		s.chunked = true
	case strings.EqualFold(name, "Upgrade"):
		s.leaves = s.leaves || !strings.EqualFold(value, "h2c") // which is never granted
	}
	return nil
}

// firstLine leaves HTTP/2 to net/http, where it may begin without an agreement.
func (s *sieve) firstLine(line string) error {
	switch {
	case line != "PRI * HTTP/2.0":
		return nil
	case s.veil != nil:
		return cutOff{why: errNotAgreed}
	}
	s.at = unread // no CONNECT is granted, so what follows it is a request
	return nil
}

// begin is told what was agreed on.
func (s *sieve) begin() {
	if s.at = inHead; s.veil.agreedHTTP2() {
		s.at = inOpener
	}
}

// open lets pass what HTTP/2 begins with, and after it everything: those who
// agreed on it say nothing else, and without it net/http would read HTTP/1.1.
func (s *sieve) open(p []byte) (int, error) {
	rest := opener[s.left:]
	n := min(len(p), len(rest))
	if string(p[:n]) != rest[:n] {
		return 0, cutOff{why: errNotAgreed}
	}
	if s.left += int64(n); s.left == int64(len(opener)) {
		s.at = unread
	}
	return n, nil
}

func (s *sieve) headEnd() error {
	switch {
	case s.chunked && s.length >= 0:
		return errTwoFramings
	case s.chunked && !s.minor:
		return errEncodingForbidden
	case s.chunked:
		s.at = atSize
	case s.length > 0:
		s.at, s.left = inBody, s.length
	case s.leaves:
		s.at = asked
	default:
		s.next()
	}
	return nil
}

// next readies for another request.
func (s *sieve) next() {
	s.at, s.size, s.begun, s.length, s.chunked, s.leaves = inHead, 0, false, -1, false, false
}
