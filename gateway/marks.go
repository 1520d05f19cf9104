package gateway

import (
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"net/http"
	"strings"
)

// Header fields by which a request is found again, wherever it went.
const (
	requestIDField   = "X-Request-Id"
	traceParentField = "Traceparent" // https://www.w3.org/TR/trace-context/
	traceStateField  = "Tracestate"
)

// Marks are what one request is found by in the logs of all who had to do with
// it: what it came with, or ours. A request with neither is given one number for
// both, so that whoever has one has the other.
type marks struct {
	request string // well-formed; the one field's value that is ever logged
	parent  string // traceparent
	state   string // tracestate; may be empty
}

// marksOf continues what a request came with. A published port continues it, too:
// who stands in front of it, or the program of a user who complains, has made it
// to be found here. It proves nothing, is of a length and an alphabet that harm no
// log, and what is not, or comes twice, is replaced. A trace that is passed on is
// passed on as it came, since no span of ours is told to anybody; one that is
// begun says that nobody records it (flags 00).
func marksOf(h http.Header) marks {
	var m marks
	if ids := h[requestIDField]; len(ids) == 1 && wellFormed(ids[0]) {
		m.request = ids[0]
	}
	if parents := h[traceParentField]; len(parents) == 1 && isParent(parents[0]) {
		m.parent = parents[0]
		m.state = stateOf(h[traceStateField])
	}
	came := m.parent != ""
	if !came {
		m.parent = newParent()
	}
	switch {
	case m.request != "":
	case came:
		m.request = traceOf(newParent()) // many requests may be of one trace
	default:
		m.request = traceOf(m.parent)
	}
	return m
}

// mark puts the marks into a message, which took none over.
func (m *message) mark(by marks) {
	m.fields = append(m.fields,
		field{name: requestIDField, value: by.request},
		field{name: traceParentField, value: by.parent})
	if by.state != "" {
		m.fields = append(m.fields, field{name: traceStateField, value: by.state})
	}
}

// newParent begins a trace. Its numbers are random and never all zeros, which
// would be none; nobody is kept out by not knowing them. One piece of memory, for
// it is one per request.
func newParent() string {
	var raw [24]byte
	binary.BigEndian.PutUint64(raw[:8], rand.Uint64())
	binary.BigEndian.PutUint64(raw[8:16], rand.Uint64()|1)
	binary.BigEndian.PutUint64(raw[16:], rand.Uint64()|1)
	text := []byte("00-                                -                -00")
	hex.Encode(text[3:35], raw[:16])
	hex.Encode(text[36:52], raw[16:])
	return string(text)
}

// traceOf is the number of a traceparent's trace.
func traceOf(parent string) string { return parent[3:35] }

// maxRequestID is more than twice what anybody's takes: a UUID is 36 bytes, AWS'
// trace header some 60.
const maxRequestID = 128

// wellFormed says whether an id may be passed on: letters, digits and what UUIDs,
// base64 and numbers with a kind are written with. Nothing in it ends a line, a
// quotation or a field.
func wellFormed(id string) bool {
	if id == "" || len(id) > maxRequestID {
		return false
	}
	for i := range len(id) {
		if c := id[i]; !alphanumeric(c) && !strings.ContainsRune("-_.:/+=@", rune(c)) {
			return false
		}
	}
	return true
}

func alphanumeric(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// isParent says whether a traceparent is one: "00-<32 hex>-<16 hex>-<2 hex>".
// Versions to come may go on after another "-" (section 3.2.4).
func isParent(text string) bool {
	const length = 55
	if len(text) < length || len(text) > 4*length {
		return false
	}
	version, trace, span, flags := text[:2], text[3:35], text[36:52], text[53:55]
	if text[2] != '-' || text[35] != '-' || text[52] != '-' {
		return false
	}
	if !lowerHex(version) || !lowerHex(trace) || !lowerHex(span) || !lowerHex(flags) || version == "ff" || zero(trace) || zero(span) {
		return false
	}
	return len(text) == length || version != "00" && text[length] == '-' && visible(text)
}

func lowerHex(text string) bool { return consistsOf(text, "0123456789abcdef") }
func zero(text string) bool     { return consistsOf(text, "0") }

// consistsOf says whether a text has no other characters than these.
func consistsOf(text, these string) bool { return strings.Trim(text, these) == "" }

// Bounds of a tracestate by section 3.3.1.
const (
	maxStates     = 32
	maxStateKey   = 256
	maxStateValue = 256
)

// stateOf is a tracestate in one line, or empty when any part of it is not one:
// then it is the whole that means nothing.
func stateOf(lines []string) string {
	whole := strings.Join(lines, ",")
	seen := map[string]bool{}
	for part := range strings.SplitSeq(whole, ",") {
		part = strings.Trim(part, " \t")
		if part == "" {
			continue
		}
		key, value, _ := strings.Cut(part, "=")
		if seen[key] || len(seen) == maxStates || !isStateKey(key) || !isStateValue(value) {
			return ""
		}
		seen[key] = true
	}
	if len(seen) == 0 {
		return ""
	}
	return whole
}

func isStateKey(key string) bool {
	return key != "" && len(key) <= maxStateKey && consistsOf(key, "abcdefghijklmnopqrstuvwxyz0123456789_-*/@") && (lowerLetter(key[0]) || '0' <= key[0] && key[0] <= '9')
}

func lowerLetter(c byte) bool { return 'a' <= c && c <= 'z' }

func isStateValue(value string) bool {
	return value != "" && len(value) <= maxStateValue && !strings.ContainsAny(value, ",=") && visible(value)
}

// visible says that a text is printable ASCII.
func visible(text string) bool {
	for i := range len(text) {
		if text[i] < ' ' || text[i] > '~' {
			return false
		}
	}
	return true
}
