package gateway

import (
	"maps"
	"net"
	"net/http"
	"net/textproto"
	"slices"
	"strings"
	"time"

	"holdfast"
)

// A field is one header line. Names are canonical.
type field struct{ name, value string }

// A message is a request on its way to a replica: what is serialised for each
// try. Nothing in it is copied from the client unread: everything was parsed
// and is written anew.
type message struct {
	method   string
	target   string // origin-form, or "*"
	host     string
	fields   []field
	length   int64  // of the body: 0 for none, -1 for chunked
	trailer  string // names the client announced for after the body
	expects  bool   // wait for 100 Continue before the body
	upgrade  string
	deadline time.Time // for the whole answer; zero for none
	rank     rank
	attempt  int // from 1
}

// newMessage takes a request over from net/http. An upgrade to HTTP/2 is not
// passed on, which a server may always ignore: behind it would come requests that
// nobody here sees, counts, bounds, or says the sender of.
func newMessage(r *http.Request, entry holdfast.RouteEntry) message {
	m := message{
		method: r.Method,
		target: r.RequestURI,
		host:   r.Host,
		length: r.ContentLength,
	}
	if !strings.HasPrefix(m.target, "/") && m.target != "*" {
		m.target = r.URL.RequestURI() // absolute-form, meant for proxies
	}
	if entry.Timeout > 0 {
		m.deadline = time.Now().Add(entry.Timeout)
	}
	if len(r.Trailer) > 0 {
		m.trailer = strings.Join(slices.Sorted(maps.Keys(r.Trailer)), ", ")
	}
	connection := r.Header["Connection"]
	if m.length == 0 && listed(connection, "Upgrade") && !listed(r.Header["Upgrade"], "h2c") {
		m.upgrade = r.Header.Get("Upgrade")
	}
	m.expects = m.length != 0 && strings.EqualFold(r.Header.Get("Expect"), "100-continue")
	m.fields = make([]field, 0, len(r.Header)+6)
	for name, values := range r.Header {
		if hopByHop(name) || forwarded(name) || name == "Forwarded" && entry.Caller == "" || name == "Content-Length" || name == "Expect" || listed(connection, name) {
			continue
		}
		for _, value := range values {
			m.fields = append(m.fields, field{name: name, value: value})
		}
	}
	m.forward(r, entry)
	return m
}

// forward says where the request came from. On a published port anybody may
// have written these fields, so they begin anew there; between services they
// are continued.
func (m *message) forward(r *http.Request, entry holdfast.RouteEntry) {
	client, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		client = r.RemoteAddr
	}
	proto, host := "http", r.Host
	if r.TLS != nil {
		proto = "https"
	}
	if entry.Caller != "" {
		if before := r.Header["X-Forwarded-For"]; len(before) > 0 {
			client = strings.Join(before, ", ") + ", " + client
		}
		proto = first(r.Header["X-Forwarded-Proto"], proto)
		host = first(r.Header["X-Forwarded-Host"], host)
	}
	m.fields = append(m.fields,
		field{name: "X-Forwarded-For", value: client},
		field{name: "X-Forwarded-Proto", value: proto},
		field{name: "X-Forwarded-Host", value: host})
}

func first(values []string, otherwise string) string {
	if len(values) > 0 {
		return values[0]
	}
	return otherwise
}

// idempotent says whether the request may reach two replicas: because its
// method means so, or because its sender can tell duplicates apart.
func (m *message) idempotent() bool {
	switch m.method {
	case "GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE":
		return true
	}
	for _, f := range m.fields {
		if f.name == "Idempotency-Key" && f.value != "" {
			return true
		}
	}
	return false
}

// forwarded says whether a field is one of those that forward and mark write.
// Programs that know header fields as variables cannot tell X_Forwarded_For from
// X-Forwarded-For.
func forwarded(name string) bool {
	if strings.Contains(name, "_") {
		name = textproto.CanonicalMIMEHeaderKey(strings.ReplaceAll(name, "_", "-"))
	}
	switch name {
	case priorityField, timeoutField, "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", requestIDField, traceParentField, traceStateField:
		return true
	}
	return false
}

// mayTrail says whether a field may come after a body. What frames a message,
// routes it or says where it came from was said before the body, and a program
// that puts both in one place must not find it there a second time.
func mayTrail(name string) bool {
	return !hopByHop(name) && !forwarded(name) && name != "Content-Length" && name != "Host"
}

// hopByHop says whether a field concerns one connection only.
func hopByHop(name string) bool {
	switch name {
	case "Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Proxy-Connection",
		"Te", "Trailer", "Transfer-Encoding", "Upgrade":
		return true
	}
	return false
}

// listed says whether a Connection header names a field.
func listed(connection []string, name string) bool {
	for _, line := range connection {
		for token := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(textproto.TrimString(token), name) {
				return true
			}
		}
	}
	return false
}
