package load

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
)

// knocking is a route to a script that is told and must say something.
func (s *script) knocking(t *testing.T, send, expect string) *route {
	t.Helper()
	r, err := newRoute(Target{Name: "cache", URL: "tcp://" + s.listener.Addr().String(), Send: send, Expect: expect, Weight: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		r.close()
		s.listener.Close()
		s.all.Wait()
	})
	return r
}

func TestWhatABareAnswerMeans(t *testing.T) {
	echo := func(conn net.Conn, requests *bufio.Reader) {
		for line, err := requests.ReadString('\n'); err == nil; line, err = requests.ReadString('\n') {
			io.WriteString(conn, "+PO")
			io.WriteString(conn, strings.TrimSpace(line)+"\r\n")
		}
	}
	mute := func(conn net.Conn, requests *bufio.Reader) { requests.ReadString(0) }
	for name, c := range map[string]struct {
		each               func(net.Conn, *bufio.Reader)
		send, expect, want string
	}{
		"a connection is enough":   {each: mute},
		"the words come":           {each: echo, send: "NG\r\n", expect: "+PONG"},
		"other words come":         {each: echo, send: "LOADING\r\n", expect: "+PONG", want: "answer: timeout"},
		"nothing comes":            {each: mute, send: "NG\r\n", expect: "+PONG", want: "answer: timeout"},
		"it closes before":         {each: func(net.Conn, *bufio.Reader) {}, expect: "+PONG", want: "answer: connection closed"},
		"it says much and nothing": {each: func(conn net.Conn, _ *bufio.Reader) { conn.Write(make([]byte, 2*maxReply)) }, expect: "+PONG", want: "answer: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := play(t, c.each).knocking(t, c.send, c.expect)
			got := r.ask(t.Context(), r.get, manner{}, time.Now().Add(500*time.Millisecond))
			if text := errorText(got.err); (c.want == "") != (text == "") || !strings.HasPrefix(text, c.want) {
				t.Errorf("got %q, want %q", text, c.want)
			}
		})
	}
}

func TestABareAddressThatRefuses(t *testing.T) {
	s := play(t, func(net.Conn, *bufio.Reader) {})
	r := s.knocking(t, "", "")
	s.listener.Close()
	if got := r.ask(t.Context(), r.get, manner{}, time.Now().Add(10*time.Second)); errorText(got.err) != "connect: connection refused" {
		t.Errorf("got %v", got.err)
	}
}

// A result says how its target was asked: nothing else of it does, where none
// answered.
func TestAResultSaysHowItWasAsked(t *testing.T) {
	p := plan("http://127.0.0.1:1/")
	p.Targets = append(p.Targets, Target{Name: "cache", URL: "tcp://127.0.0.1:1", Weight: 1})
	g := start(t, p)
	until(t, "both to be asked", func() bool { return len(g.Snapshot()) >= 10 })
	for _, result := range stop(t, g).Results {
		if result.Bare != (result.Target == "cache") {
			t.Fatalf("%+v", result)
		}
	}
}

// What is secured is asked over TLS, on kept and fresh connections, by its name.
func TestAskingOverTLS(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.URL.Path) }))
	defer server.Close()
	trusted := filepath.Join(t.TempDir(), "trusted.pem")
	if err := os.WriteFile(trusted, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SSL_CERT_FILE", trusted) // read once per process, and nothing else here speaks TLS
	r, err := newRoute(Target{Name: "bank", URL: server.URL + "/up", Weight: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer r.close()
	for _, fresh := range []bool{true, false, false, true, false} {
		if got := r.ask(t.Context(), r.get, manner{fresh: fresh}, time.Now().Add(10*time.Second)); got.err != nil || got.status != 200 {
			t.Errorf("fresh %v: got %d, %v", fresh, got.status, got.err)
		}
	}
	stranger, err := newRoute(Target{Name: "bank", URL: strings.Replace(server.URL, "127.0.0.1", "localhost", 1), Weight: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer stranger.close()
	if got := stranger.ask(t.Context(), stranger.get, manner{fresh: true}, time.Now().Add(10*time.Second)); got.err == nil || !strings.Contains(got.err.Error(), "certificate") {
		t.Errorf("by a name its certificate does not have: %d, %v", got.status, got.err)
	}
}
