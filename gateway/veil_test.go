package gateway

import (
	"bufio"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"holdfast"
)

// underTLS has the published listener speak TLS.
func underTLS(t testing.TB) map[holdfast.ListenerName][]holdfast.Certificate {
	t.Helper()
	return map[holdfast.ListenerName][]holdfast.Certificate{"catalog:80": {certify(t, t.TempDir(), "shop.example")}}
}

// rawTLS is raw over TLS, by one that offers these protocols.
func (r *rig) rawTLS(offered ...string) (net.Conn, *bufio.Reader) {
	r.t.Helper()
	return r.shake(&tls.Config{NextProtos: offered})
}

func (r *rig) shake(with *tls.Config) (net.Conn, *bufio.Reader) {
	r.t.Helper()
	below, _ := r.raw()
	with.InsecureSkipVerify = true
	c := tls.Client(below, with)
	if err := c.Handshake(); err != nil {
		r.t.Fatal(err)
	}
	return c, bufio.NewReader(c)
}

const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

// Who has agreed on one protocol is not heard in the other: nobody sifts HTTP/1.1
// for one that is thought to speak HTTP/2.
func TestWhatWasNotAgreedOnIsNotSpoken(t *testing.T) {
	seen := &witnessed{}
	table := tableOf(1, newReplica(t, 1, http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if q.UserAgent() != "holdfast-check" {
			seen.ServeHTTP(w, q)
		}
	})))
	table.Secured = underTLS(t)
	r := newRig(t, table)
	r.untilAdmitted(1)
	for name, c := range map[string]struct {
		offered []string
		text    string
		want    int // bytes
	}{
		"HTTP/1.1 for HTTP/2":            {offered: []string{"h2"}, text: get + "\r\n"},
		"after an empty line":            {offered: []string{"h2"}, text: "\r\n" + get + "\r\n"},
		"what is no protocol for HTTP/2": {offered: []string{"h2"}, text: "INVALID CONNECTION PREFACE\r\n\r\n"},
		"HTTP/2 for HTTP/1.1":            {offered: []string{"http/1.1"}, text: preface + "\x00\x00\x00\x04\x00\x00\x00\x00\x00"},
		"HTTP/2 without a word":          {text: preface + "\x00\x00\x00\x04\x00\x00\x00\x00\x00"},
	} {
		client, in := r.rawTLS(c.offered...)
		io.WriteString(client, c.text)
		if got, _ := io.ReadAll(in); len(got) > 0 {
			t.Errorf("%s: answered with %q", name, got)
		}
		if saw := seen.take(); len(saw) > 0 {
			t.Errorf("%s: the replica read %q", name, saw)
		}
	}
}

func TestHTTP2IsNotSpokenOverAProhibitedSuite(t *testing.T) {
	table := tableOf(1, newReplica(t, 1, named("here")))
	table.Secured = underTLS(t)
	r := newRig(t, table)
	r.untilAdmitted(1)
	old := tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}}
	old.NextProtos = []string{"h2"}
	client, in := r.shake(old.Clone())
	io.WriteString(client, preface)
	if got, _ := io.ReadAll(in); len(got) > 0 {
		t.Errorf("over HTTP/2: answered with %q", got)
	}
	old.NextProtos = []string{"http/1.1"}
	client, in = r.shake(old.Clone())
	io.WriteString(client, "GET / HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n")
	if got := statuses(in); got != "200" {
		t.Errorf("over HTTP/1.1: %q", got)
	}
}

// A person who forgot the s is told so; the log hears of those who fail otherwise,
// but not of balancers that come and go.
func TestWhoSpeaksNoTLSIsToldSo(t *testing.T) {
	var log lines
	g, err := New(Options{Name: "gw", Dir: t.TempDir(), Log: &log})
	if err != nil {
		t.Fatal(err)
	}
	table := tableOf(1, newReplica(t, 1, named("here")))
	table.Secured = underTLS(t)
	if err := g.Apply(t.Context(), table); err != nil {
		t.Fatal(err)
	}
	socket := socketFor(t, "catalog:80")
	g.Sockets([]Socket{socket})
	run(t, g)
	r := &rig{t: t, gateway: g, published: socket.Listener.Address}
	came, _ := r.raw()
	came.Close()
	client, in := r.raw()
	io.WriteString(client, "GET /index.html HTTP/1.1\r\nHost: shop\r\n\r\n")
	if said, _ := io.ReadAll(in); !strings.HasPrefix(string(said), "HTTP/1.0 400 ") || !strings.Contains(string(said), "https://") {
		t.Errorf("told %q", said)
	}
	client, in = r.raw()
	io.WriteString(client, strings.Repeat("nothing of it\r\n", 4))
	if said, _ := io.ReadAll(in); strings.HasPrefix(string(said), "HTTP/") {
		t.Errorf("told %q", said)
	}
	r.until("the log says so", func(holdfast.GatewayState) bool { return strings.Contains(log.text(), "no TLS with 127.0.0.1:") })
	if n := strings.Count(log.text(), "no TLS with"); n != 1 {
		t.Errorf("said %d times: %s", n, log.text())
	}
}

// Who never ends a handshake has the time of a header for it, and then no place.
func TestAHandshakeHasItsTime(t *testing.T) {
	near, far := net.Pipe()
	defer far.Close()
	v := &veil{Conn: tls.Server(near, &tls.Config{}), log: newLogbook(nil)}
	v.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	for range 2 {
		if _, err := v.Read(make([]byte, 1)); !errors.As(err, new(cutOff)) || v.state != nil {
			t.Errorf("read: %v", err)
		}
	}
}
