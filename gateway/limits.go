package gateway

import (
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"holdfast"
)

// bounds are what clients may send, and hold.
type bounds struct {
	heads  heads
	pace   pace
	limits atomic.Pointer[holdfast.RequestLimits] // of the table in force
}

// fits refuses a request whose head is longer than the table allows, or that
// announces a longer body. A head is never allowed more than net/http reads.
func (x *exchange) fits(at holdfast.ListenerName) bool {
	limits := x.gateway.bounds.limits.Load()
	switch {
	case limits == nil:
		return true
	case limits.Header > 0 && headSize(x.r) > limits.Header:
		x.refuse(http.StatusRequestHeaderFieldsTooLarge, "long-head", "%s: the request's head is longer than %d bytes", at, limits.Header)
		return false
	case limits.Body > 0 && x.r.ContentLength > limits.Body:
		x.refuse(http.StatusRequestEntityTooLarge, "long-body", "%s: the request's body is longer than %d bytes", at, limits.Body)
		return false
	}
	return true
}

// refuse answers without having read the request's body, and lets nobody read
// it: net/http would, at the client's pace.
func (x *exchange) refuse(status int, code, format string, args ...any) {
	if x.r.ContentLength != 0 {
		http.NewResponseController(x.w).EnableFullDuplex()
	}
	x.w.Header().Set("Connection", "close")
	x.complain(status, code, format, args...)
}

// headSize is how long a request's head was, but for blanks.
func headSize(r *http.Request) int64 {
	size := len(r.Method+r.RequestURI+r.Host) + len("  HTTP/1.1\r\nHost: \r\n\r\n")
	for name, values := range r.Header {
		for _, value := range values {
			size += len(name) + len(": \r\n") + len(value)
		}
	}
	return int64(size)
}

const errLongBody = holdfast.Refusal("the body is longer than it may be")

// A measured body ends with an error when it becomes longer than it may be. Of
// the piece that was too much nothing is passed on.
type measured struct {
	source io.Reader
	left   int64
}

func (m *measured) Read(p []byte) (int, error) {
	n, err := m.source.Read(p[:min(int64(len(p)), m.left+1)])
	if m.left -= int64(n); m.left < 0 {
		m.left = 0
		return 0, errLongBody
	}
	return n, err
}

// measure bounds a body that has not said how long it is.
func (b *body) measure(limits *holdfast.RequestLimits) {
	if limits != nil && limits.Body > 0 {
		b.source = &measured{source: b.source, left: limits.Body}
	}
}

// faulty says whether the client is to blame, and can be told so. Net/http takes
// whatever ends a read for a client that has gone; what it really was, whoever
// sends the body has just heard.
func (x *exchange) faulty() bool {
	if x.r.Context().Err() != nil {
		x.body.wait(nil, time.Now().Add(lastBytes))
	}
	return x.body.wrong.Load() || x.body.pacer.slow.Load()
}

// refuseBody answers a request whose client did not send its body as it must.
func (x *exchange) refuseBody() {
	switch {
	case x.body.long.Load():
		x.complain(http.StatusRequestEntityTooLarge, "long-body", "%s: the request's body is longer than %d bytes", x.service.name, x.gateway.bounds.limits.Load().Body)
	case x.body.pacer.slow.Load():
		x.complain(http.StatusRequestTimeout, "slow-body", "%s: the request's body came too slowly", x.service.name)
	default:
		x.complain(http.StatusBadRequest, string(clientBad), "%s: the request's body could not be read", x.service.name)
	}
}
