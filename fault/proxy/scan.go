package proxy

import (
	"bytes"
	"strconv"
	"strings"
)

// Bounds of what is read of a message. Beyond them a connection is no longer
// read, only passed on.
const (
	maxHead  = 64 << 10 // bytes of a head or a trailer
	maxChunk = 15       // hexadecimal digits of a chunk's size: a petabyte, which cannot overflow
)

// A stage is where in a message a scanner stands.
//
//	start ─▶ head ─▶ (nothing | length | size ─▶ chunk ─▶ chunkEnd ─▶ size … ─▶ trailer | toEnd) ─▶ start
type stage uint8

const (
	start stage = iota // nothing of the message has come
	inHead
	inLength // of a body of known length
	inSize   // the line before a chunk
	inChunk
	inChunkEnd // the line end after a chunk
	inTrailer
	toEnd // of the connection
)

// A scanner follows the messages of one direction of an HTTP/1 connection
// through whatever pieces they come in. It keeps nothing but the head, changes
// nothing, and never waits: whoever holds a piece asks how far the present part
// of the message reaches in it.
//
// The gateway reads answers too, and shares nothing with it. That reader refuses
// what can be read in two ways, and waits for the rest; this one lets it pass
// unread, and must not wait. And a mistake that both made could not show in a
// drill, in which one stands behind the other.
type scanner struct {
	stage stage
	head  []byte // of the present message, as it came; the line, in inSize
	line  int    // bytes of the present line, its end not counted
	left  int64  // of the body, or of the chunk
}

// A garbled says that what comes is not HTTP/1 as we read it.
type garbled string

func (g garbled) Error() string { return "not HTTP/1: " + string(g) }

const (
	errLong    = garbled("a head without end")
	errLine    = garbled("bad first line")
	errFraming = garbled("a body whose end cannot be told for certain")
	errChunk   = garbled("bad chunk")
)

// next returns how many bytes of p, which must not be empty, belong to the
// present part of the message. headed says that they complete the head, which
// is then in s.head: the caller must say by body what follows. ended says that
// they complete the message.
func (s *scanner) next(p []byte) (n int, headed, ended bool, err error) {
	switch s.stage {
	case start:
		s.stage, s.head, s.line = inHead, s.head[:0], 0
		fallthrough
	case inHead:
		n, headed, err = s.block(p)
		return n, headed, false, err
	case inTrailer:
		n, ended, err = s.block(p)
	case inSize:
		n, err = s.size(p)
	case inChunkEnd:
		n, err = s.chunkEnd(p)
	case inLength, inChunk:
		n = int(min(s.left, int64(len(p))))
		if s.left -= int64(n); s.left == 0 && s.stage == inChunk {
			s.stage, s.line = inChunkEnd, 0
		}
		ended = s.stage == inLength && s.left == 0
	case toEnd:
		n = len(p)
	}
	if ended {
		s.stage = start
	}
	return n, false, ended, err
}

// block takes lines up to and including the first empty one. Empty lines before
// the first are passed over, as RFC 9112, 2.2 asks.
func (s *scanner) block(p []byte) (n int, complete bool, err error) {
	for n < len(p) {
		piece := p[n:]
		end := bytes.IndexByte(piece, '\n')
		if end >= 0 {
			piece = piece[:end+1]
		}
		n += len(piece)
		if s.head = append(s.head, piece...); len(s.head) > maxHead {
			return n, false, errLong
		}
		s.line += len(bytes.TrimRight(piece, "\r\n"))
		if end < 0 {
			continue
		}
		if s.line == 0 && (s.stage == inTrailer || len(bytes.TrimSpace(s.head)) > 0) {
			return n, true, nil
		}
		s.line = 0
	}
	return n, false, nil
}

// size takes the line before a chunk. Extensions are passed over.
func (s *scanner) size(p []byte) (int, error) {
	end := bytes.IndexByte(p, '\n')
	piece := p
	if end >= 0 {
		piece = p[:end+1]
	}
	if s.head = append(s.head, piece...); len(s.head) > maxHead {
		return len(piece), errLong
	}
	if end < 0 {
		return len(piece), nil
	}
	digits, _, _ := strings.Cut(string(s.head), ";")
	digits = strings.TrimSpace(digits)
	size, err := strconv.ParseUint(digits, 16, 63)
	if err != nil || len(digits) > maxChunk {
		return len(piece), errChunk
	}
	s.left, s.stage, s.head, s.line = int64(size), inChunk, s.head[:0], 0
	if size == 0 {
		s.stage = inTrailer
	}
	return len(piece), nil
}

// chunkEnd takes the line end after a chunk.
func (s *scanner) chunkEnd(p []byte) (int, error) {
	for i, b := range p[:min(2, len(p))] {
		switch b {
		case '\r':
		case '\n':
			s.stage, s.head = inSize, s.head[:0]
			return i + 1, nil
		default:
			return i, errChunk
		}
	}
	return min(2, len(p)), nil
}

// A framing says where a body ends.
type framing uint8

const (
	noBody framing = iota
	byLength
	byChunks
	byClose
)

// body says what follows the head, and whether that is nothing.
func (s *scanner) body(f framing, length int64) (ended bool) {
	s.left, s.line, s.head = length, 0, s.head[:0]
	switch {
	case f == byLength && length > 0:
		s.stage = inLength
	case f == byChunks:
		s.stage = inSize
	case f == byClose:
		s.stage = toEnd
	default:
		s.stage = start
	}
	return s.stage == start
}

// A request is what an answer's fate and framing depend on.
type request struct {
	method string
	target string // empty: one that no rule spares
	rpc    bool   // it is a call of gRPC
}

// readRequest reads a request's head.
func readRequest(head []byte) (r request, f framing, length int64, err error) {
	first, fields := cutHead(head)
	words := strings.Split(first, " ")
	if len(words) != 3 || words[0] == "" || words[1] == "" || !strings.HasPrefix(words[2], "HTTP/1.") {
		return r, noBody, 0, errLine
	}
	r = request{method: words[0], target: words[1]}
	length, chunked, err := lengths(fields)
	switch {
	case err != nil:
		return r, noBody, 0, err
	case chunked:
		return r, byChunks, 0, nil
	case length > 0:
		return r, byLength, length, nil
	}
	return r, noBody, 0, nil
}

// An answerHead is the first part of an answer.
type answerHead struct {
	version string // "HTTP/1.1"
	status  int
	closes  bool // the connection does not outlive the answer
	framing framing
	length  int64
}

// interim tells an answer after which the real one comes.
func (h answerHead) interim() bool { return h.status < 200 && h.status != 101 }

// tunnels tells an answer after which the connection is no longer HTTP.
func (h answerHead) tunnels(to request) bool {
	return h.status == 101 || to.method == "CONNECT" && h.status/100 == 2
}

// readAnswer reads an answer's head, given what it answers.
func readAnswer(head []byte, to request) (h answerHead, err error) {
	first, fields := cutHead(head)
	version, rest, _ := strings.Cut(first, " ")
	code, _, _ := strings.Cut(rest, " ")
	if h.status, err = strconv.Atoi(code); err != nil || len(code) != 3 || h.status < 100 || !strings.HasPrefix(version, "HTTP/1.") {
		return h, errLine
	}
	h.version = version
	length, chunked, err := lengths(fields)
	if err != nil {
		return h, err
	}
	switch {
	case h.status < 200, h.status == 204, h.status == 304, to.method == "HEAD":
		h.framing = noBody
	case chunked:
		h.framing = byChunks
	case length >= 0:
		h.framing, h.length = byLength, length
	default:
		h.framing = byClose
	}
	h.closes = h.framing == byClose || version == "HTTP/1.0" || strings.Contains(strings.ToLower(field(fields, "connection")), "close")
	return h, nil
}

// cutHead parts a head into its first line and its fields.
func cutHead(head []byte) (first string, fields []string) {
	lines := strings.Split(strings.TrimSpace(string(head)), "\n")
	for i := range lines {
		lines[i] = strings.TrimSuffix(lines[i], "\r")
	}
	return lines[0], lines[1:]
}

// field is the first value of a field.
func field(fields []string, name string) string {
	for _, line := range fields {
		if named, value, ok := strings.Cut(line, ":"); ok && strings.EqualFold(named, name) {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// lengths reads what fields say of a body: its length, or -1, and whether it
// comes in chunks. What can be read in two ways is not read at all.
func lengths(fields []string) (length int64, chunked bool, err error) {
	length = -1
	for _, line := range fields {
		name, value, ok := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		switch {
		case !ok:
			return -1, false, errFraming
		case strings.EqualFold(name, "Content-Length"):
			n, err := strconv.ParseUint(value, 10, 63)
			if err != nil || length >= 0 && length != int64(n) {
				return -1, false, errFraming
			}
			length = int64(n)
		case strings.EqualFold(name, "Transfer-Encoding"):
			if chunked || !strings.EqualFold(value, "chunked") {
				return -1, false, errFraming
			}
			chunked = true
		}
	}
	if chunked && length >= 0 {
		return -1, false, errFraming
	}
	return length, chunked, nil
}

// spared tells whether a request is for the path that a rule leaves alone.
func spared(target, path string) bool {
	if _, rest, absolute := strings.Cut(target, "://"); absolute && !strings.HasPrefix(target, "/") {
		_, rest, _ = strings.Cut(rest, "/")
		target = "/" + rest
	}
	bare, _, _ := strings.Cut(target, "?")
	return target == path || bare == path
}
