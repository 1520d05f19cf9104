package load

import (
	"bufio"
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"holdfast"
)

// serveBoth serves HTTP/1.1 and, with prior knowledge, HTTP/2.
func serveBoth(t *testing.T, handler http.HandlerFunc, made *atomic.Int64) string {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.Config.Protocols = &http.Protocols{}
	server.Config.Protocols.SetHTTP1(true)
	server.Config.Protocols.SetUnencryptedHTTP2(true)
	counted := server.Config.ConnState
	server.Config.ConnState = func(conn net.Conn, state http.ConnState) {
		if state == http.StateNew && made != nil {
			made.Add(1)
		}
		if counted != nil {
			counted(conn, state)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	return server.URL
}

func routeTo(t *testing.T, url string) *route {
	t.Helper()
	r, err := newRoute(Target{Name: "front", URL: url, Weight: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.close)
	return r
}

// TestAShareSpeaksHTTP2 holds what results say to what the server heard.
func TestAShareSpeaksHTTP2(t *testing.T) {
	t.Parallel()
	var first, second atomic.Int64
	p := plan(serveBoth(t, func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor == 2 {
			second.Add(1)
		} else {
			first.Add(1)
		}
		io.WriteString(w, "ok")
	}, nil))
	p.HTTP2, p.For, p.Fresh = 0.3, 2*time.Second, 0.5
	g := start(t, p)
	until(t, "the load to be over", func() bool { return len(g.Snapshot()) == 400 })
	said := map[string]int64{}
	for _, result := range stop(t, g).Results {
		if result.Failed {
			t.Fatalf("%+v", result)
		}
		said[result.Protocol]++
	}
	if said["h2"] != second.Load() || said[""] != first.Load() || said["h2"] < 80 || said["h2"] > 160 {
		t.Errorf("said %v; heard %d over HTTP/1.1 and %d over HTTP/2, want about 120", said, first.Load(), second.Load())
	}
}

func TestSessionsSpeakHTTP2(t *testing.T) {
	t.Parallel()
	shop := newStore()
	p := shoppingPlan(serveBoth(t, shop.ServeHTTP, nil))
	p.HTTP2 = 1
	for _, result := range carry(t, p, arrived(20)).Results {
		if result.Failed || result.Protocol != "h2" {
			t.Fatalf("%+v", result)
		}
	}
}

func TestStreamsShareAKeptConnection(t *testing.T) {
	t.Parallel()
	var made atomic.Int64
	r := routeTo(t, serveBoth(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.Proto) }, &made))
	for n, c := range []struct {
		fresh bool
		made  int64
	}{{false, 1}, {false, 1}, {true, 2}, {false, 2}, {true, 3}} {
		got := r.ask(t.Context(), r.get, manner{fresh: c.fresh, second: true}, time.Now().Add(10*time.Second))
		if got.err != nil || string(got.text) != "HTTP/2.0" || got.protocol != "h2" || made.Load() != c.made {
			t.Fatalf("request %d: %+v on %d connections, want %d", n, got, made.Load(), c.made)
		}
	}
}

func TestHTTP2OverTLS(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.Proto) }))
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	r := routeTo(t, server.URL)
	r.tls.RootCAs = server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	for _, fresh := range []bool{false, true, false} {
		if got := r.ask(t.Context(), r.get, manner{fresh: fresh, second: true}, time.Now().Add(10*time.Second)); got.err != nil || string(got.text) != "HTTP/2.0" {
			t.Errorf("got %q, %v", got.text, got.err)
		}
	}
}

// TestWhoSpeaksHTTP1OnlyFailsHTTP2: always, and it is said as what it is whenever
// its answer is read before its end is met: of ten at least once.
func TestWhoSpeaksHTTP1OnlyFailsHTTP2(t *testing.T) {
	t.Parallel()
	r := routeTo(t, serve(t, func(w http.ResponseWriter, r *http.Request) {}))
	named := 0
	for range 10 {
		got := r.ask(t.Context(), r.get, manner{second: true}, time.Now().Add(10*time.Second))
		said := errorText(got.err)
		if !strings.HasPrefix(said, "answer: ") || got.status != 0 || got.protocol != "h2" {
			t.Errorf("got %+v: %s", got, said)
		}
		if said == "answer: it speaks HTTP/1.1, not HTTP/2" {
			named++
		}
	}
	if named == 0 {
		t.Error("nobody is told that it speaks HTTP/1.1")
	}
}

// Frames of HTTP/2 as far as these tests go.
const (
	frameHeaders  = 1
	frameReset    = 3
	frameSettings = 4
	frameGoAway   = 7
)

func frame(kind, flags byte, stream uint32, payload ...byte) []byte {
	head := []byte{byte(len(payload) >> 16), byte(len(payload) >> 8), byte(len(payload)), kind, flags}
	return append(binary.BigEndian.AppendUint32(head, stream), payload...)
}

// frames reads a client's frames and gives each request to a function, until it
// says that the connection is to be closed.
func frames(conn net.Conn, in *bufio.Reader, request func(stream uint32) (closes bool)) {
	if _, err := io.CopyN(io.Discard, in, int64(len("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))); err != nil {
		return
	}
	conn.Write(frame(frameSettings, 0, 0))
	for {
		var head [9]byte
		if _, err := io.ReadFull(in, head[:]); err != nil {
			return
		}
		length := int64(head[0])<<16 | int64(head[1])<<8 | int64(head[2])
		if _, err := io.CopyN(io.Discard, in, length); err != nil {
			return
		}
		if head[3] == frameHeaders && request(binary.BigEndian.Uint32(head[5:])) {
			return
		}
	}
}

// yes is an answer without a body: 0x88 is ":status: 200".
func yes(stream uint32) []byte { return frame(frameHeaders, 0x5, stream, 0x88) }

// TestNothingIsSentTwiceOverHTTP2 counts what a server is sent that refuses, goes
// away and breaks off. Of each net/http's transport asks again, unasked, or the
// test would show nothing.
func TestNothingIsSentTwiceOverHTTP2(t *testing.T) {
	for name, c := range map[string]struct {
		bad  func(conn net.Conn, stream uint32) (closes bool)
		want string
	}{
		"refused": {want: "answer: stream error", bad: func(conn net.Conn, stream uint32) bool {
			conn.Write(frame(frameReset, 0, stream, 0, 0, 0, 7))
			return false
		}},
		"going away": {want: "answer: http2: ", bad: func(conn net.Conn, stream uint32) bool {
			conn.Write(frame(frameGoAway, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0))
			return false
		}},
	} {
		t.Run(name, func(t *testing.T) {
			var sent atomic.Int64
			s := play(t, func(conn net.Conn, in *bufio.Reader) {
				frames(conn, in, func(stream uint32) bool {
					if sent.Add(1)%3 != 0 {
						conn.Write(yes(stream))
						return false
					}
					return c.bad(conn, stream)
				})
			})
			r := s.route(t)
			failed := 0
			for n := range 30 {
				got := r.ask(t.Context(), r.get, manner{second: true}, time.Now().Add(10*time.Second))
				if got.err != nil {
					if failed++; !strings.HasPrefix(got.err.Error(), c.want) {
						t.Errorf("failed with %q", got.err)
					}
				}
				if int(sent.Load()) != n+1 {
					t.Fatalf("%d requests were sent %d times", n+1, sent.Load())
				}
			}
			if failed != 10 {
				t.Errorf("%d failed, want 10", failed)
			}
			sent.Store(0)
			speaks := &http.Protocols{}
			speaks.SetUnencryptedHTTP2(true)
			client := &http.Client{Transport: &http.Transport{Protocols: speaks}}
			defer client.CloseIdleConnections()
			for range 10 {
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				request, _ := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.listener.Addr().String(), nil)
				if response, err := client.Do(request); err == nil {
					response.Body.Close()
				}
				cancel()
			}
			if sent.Load() <= 10 {
				t.Errorf("net/http's 10 requests were sent %d times: then this server proves nothing", sent.Load())
			}
		})
	}
}

// TestALostConnectionHurtsAllOnIt: what is under way on it fails, each once, and
// who comes after gets another.
func TestALostConnectionHurtsAllOnIt(t *testing.T) {
	var sent atomic.Int64
	s := play(t, func(conn net.Conn, in *bufio.Reader) {
		frames(conn, in, func(stream uint32) bool {
			if n := sent.Add(1); n == 1 || n > 11 {
				conn.Write(yes(stream))
			} else if n == 11 {
				return true
			}
			return false
		})
	})
	r := s.route(t)
	ask := func() answer {
		return r.ask(t.Context(), r.get, manner{second: true}, time.Now().Add(10*time.Second))
	}
	if got := ask(); got.err != nil {
		t.Fatal(got.err)
	}
	answers := make(chan answer)
	for range 10 {
		go func() { answers <- ask() }()
	}
	for range 10 {
		if got := <-answers; errorText(got.err) != "answer: connection closed" && !strings.HasPrefix(errorText(got.err), "answer: connection reset") {
			t.Errorf("got %+v", got)
		}
	}
	if got := ask(); got.err != nil || s.connections() != 2 || sent.Load() != 12 {
		t.Errorf("after it: %v on %d connections, %d sent", got.err, s.connections(), sent.Load())
	}
}

// TestASilentConnectionGetsNoMore: an answer that does not come in time ends a
// connection for those who come later, not for those who wait on it.
func TestASilentConnectionGetsNoMore(t *testing.T) {
	release := make(chan struct{})
	var sent atomic.Int64
	s := play(t, func(conn net.Conn, in *bufio.Reader) {
		frames(conn, in, func(stream uint32) bool {
			switch sent.Add(1) {
			case 1: // never
			case 2:
				go func() {
					<-release
					conn.Write(yes(stream))
				}()
			default:
				conn.Write(yes(stream))
			}
			return false
		})
	})
	r := s.route(t)
	ask := func(patience time.Duration) answer {
		return r.ask(t.Context(), r.get, manner{second: true}, time.Now().Add(patience))
	}
	overdue, waits := make(chan answer), make(chan answer)
	go func() { overdue <- ask(time.Second) }()
	until(t, "the first to be sent", func() bool { return sent.Load() == 1 })
	go func() { waits <- ask(10 * time.Second) }()
	until(t, "the second to be sent", func() bool { return sent.Load() == 2 })
	if got := <-overdue; errorText(got.err) != "answer: timeout" {
		t.Errorf("got %v", got.err)
	}
	if got := ask(10 * time.Second); got.err != nil || s.connections() != 2 {
		t.Errorf("the next: %v on %d connections, want another", got.err, s.connections())
	}
	close(release)
	if got := <-waits; got.err != nil {
		t.Errorf("who waited on it: %v", got.err)
	}
}

func TestPlansOfHTTP2(t *testing.T) {
	p := pair()
	before := []arrival{}
	for a := range p.arrivals() {
		before = append(before, a)
	}
	p.HTTP2 = 0.25
	second, n := 0, 0
	for a := range p.arrivals() {
		if a.how.second {
			second++
		}
		if a.how.second = false; a != before[n] {
			t.Fatalf("arrival %d changed with the share of HTTP/2: %+v, %+v", n, a, before[n])
		}
		n++
	}
	if second < 400 || second > 600 {
		t.Errorf("%d of 2000 over HTTP/2, want about 500", second)
	}
	p.HTTP2 = holdfast.Share(1.5)
	if p.Check() == nil {
		t.Error("more than all over HTTP/2 is not refused")
	}
}
