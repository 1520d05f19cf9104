package gateway

import (
	"bufio"
	"encoding/pem"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"holdfast"
)

// checked asks an address once.
func checked(t *testing.T, address string, protocol holdfast.Protocol, check holdfast.Healthcheck) sighting {
	t.Helper()
	e := newEndpoint(&service{}, holdfast.Endpoint{Address: address})
	q := &inquiry{endpoint: e, protocol: protocol, check: check, within: check.Timeout, connect: connectTime}
	defer q.close()
	return q.ask(t.Context())
}

// What speaks TLS is asked over TLS, by the name its certificate has.
func TestACheckOverTLS(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/up" {
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	defer server.Close()
	trusted := filepath.Join(t.TempDir(), "trusted.pem")
	if err := os.WriteFile(trusted, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SSL_CERT_FILE", trusted) // read once per process, and nothing else here speaks TLS
	address := server.Listener.Addr().String()
	check := holdfast.Healthcheck{Path: "/up", TLS: true, Timeout: patience}
	if seen := checked(t, address, holdfast.HTTP, check); seen.sign != "" || !strings.Contains(seen.detail, "GET /up 200") {
		t.Errorf("over TLS it saw %+v", seen)
	}
	check.Path = "/down"
	if seen := checked(t, address, holdfast.HTTP, check); seen.sign == "" || !strings.Contains(seen.detail, "404") {
		t.Errorf("another path: it saw %+v", seen)
	}
	check.Path = "/up"
	stranger := strings.Replace(address, "127.0.0.1", "localhost", 1)
	if seen := checked(t, stranger, holdfast.HTTP, check); seen.sign == "" || !strings.Contains(seen.detail, "certificate") {
		t.Errorf("by a name its certificate does not have: it saw %+v", seen)
	}
	check.TLS = false
	check.Timeout = time.Second
	if seen := checked(t, address, holdfast.HTTP, check); seen.sign == "" {
		t.Errorf("without TLS it saw %+v", seen)
	}
}

// What speaks no HTTP is told its words and must answer its own; one that is
// stopped is connected to and says nothing.
func TestACheckByWords(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for c, err := l.Accept(); err == nil; c, err = l.Accept() {
			line, _ := bufio.NewReader(c).ReadString('\n')
			if line == "PING\r\n" {
				io.WriteString(c, "-LOADING\r\n+PONG\r\n")
			}
			c.Close()
		}
	}()
	mute, err := net.Listen("tcp", "127.0.0.1:0") // nobody accepts but the kernel
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	for name, c := range map[string]struct {
		at           net.Addr
		send, expect string
		sign         holdfast.Sign
	}{
		"the words come":        {at: l.Addr(), send: "PING\r\n", expect: "+PONG"},
		"other words come":      {at: l.Addr(), send: "PING\r\n", expect: "+OK", sign: holdfast.SignMissed},
		"no words come":         {at: l.Addr(), send: "QUIT\r\n", expect: "+PONG", sign: holdfast.SignMissed},
		"it is stopped":         {at: mute.Addr(), send: "PING\r\n", expect: "+PONG", sign: holdfast.SignMissed},
		"no words are declared": {at: mute.Addr()},
	} {
		check := holdfast.Healthcheck{Send: c.send, Expect: c.expect, Timeout: 300 * time.Millisecond}
		if seen := checked(t, c.at.String(), holdfast.TCP, check); seen.sign != c.sign {
			t.Errorf("%s: it saw %+v", name, seen)
		}
	}
}
