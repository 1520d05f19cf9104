package proxy

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast"
)

// kept is a connection that has asked once and is kept.
func (r *rig) kept() (*net.TCPConn, *bufio.Reader) {
	r.t.Helper()
	conn := r.dial()
	in := bufio.NewReader(conn)
	if status, _, err := ask(conn, in, get); err != nil || status != 200 {
		r.t.Fatal(status, err)
	}
	return conn, in
}

func TestDelayMakesAnswersBeginLater(t *testing.T) {
	r := newRig(t, well)
	conn, in := r.kept()
	r.set(Rule{Kind: Delay, Delay: 200 * time.Millisecond, Jitter: 50 * time.Millisecond, Share: 1, Spare: "/health"})
	for range 3 {
		began := time.Now()
		if status, body, err := ask(conn, in, get); err != nil || status != 200 || body != "well" {
			t.Fatal(status, body, err)
		}
		if took := time.Since(began); took < 150*time.Millisecond {
			t.Errorf("late by %v only", took)
		}
	}
	began := time.Now()
	if _, _, err := r.fresh("/health?deep", 5*time.Second); err != nil || time.Since(began) >= 150*time.Millisecond {
		t.Errorf("what was to be spared took %v, %v", time.Since(began), err)
	}
	if bitten := r.state().Rules[0].Bitten; bitten != 3 {
		t.Errorf("bitten %d times, want 3", bitten)
	}
	r.set(Rule{Kind: Delay, Delay: time.Minute, Share: 1})
	io.WriteString(conn, get)
	until(t, "an answer is held back", func() bool { return r.state().Rules[0].Bitten == 1 })
	r.clear(Delay)
	if response, err := http.ReadResponse(in, nil); err != nil || response.StatusCode != 200 {
		t.Errorf("what was held back is not let go: %v", err)
	}
}

func TestAShareOfTheAnswersIsStruck(t *testing.T) {
	r := newRig(t, well)
	r.set(Rule{Kind: Status, Status: 503, Share: 0.3})
	conn := r.dial()
	in := bufio.NewReader(conn)
	struck := 0
	for range 500 {
		status, _, err := ask(conn, in, get)
		if err != nil {
			t.Fatal(err)
		}
		if status == 503 {
			struck++
		}
	}
	if struck < 100 || struck > 200 { // 150, and five standard deviations
		t.Errorf("%d of 500 struck, want 150 or so", struck)
	}
	if bitten := r.state().Rules[0].Bitten; bitten != uint64(struck) {
		t.Errorf("says it bit %d times, it did %d times", bitten, struck)
	}
}

// TestStatusTakesAnAnswersPlace whatever the answer looks like, and the
// connection is used on where it can be.
func TestStatusTakesAnAnswersPlace(t *testing.T) {
	r := newRig(t, func(w http.ResponseWriter, q *http.Request) {
		switch q.URL.Path {
		case "/chunks":
			w.(http.Flusher).Flush()
			io.WriteString(w, "part")
		case "/none":
			w.WriteHeader(204)
		case "/continue":
			io.Copy(io.Discard, q.Body)
		default:
			io.WriteString(w, "well")
		}
	})
	conn, in := r.kept()
	r.set(Rule{Kind: Status, Status: 500, Share: 1, Spare: "/health"})
	const injected = "500 Internal Server Error (injected)\n"
	for _, c := range []struct{ request, body string }{
		{get, injected},
		{"HEAD /item HTTP/1.1\r\nHost: x\r\n\r\n", ""},
		{"GET /none HTTP/1.1\r\nHost: x\r\n\r\n", injected},
		{"POST /item HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nGET ", injected},
		{"POST /item HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nGET \r\n0\r\n\r\n", injected},
	} {
		if status, body, err := ask(conn, in, c.request); err != nil || status != 500 || body != c.body {
			t.Errorf("%.20q: %d, %q, %v", c.request, status, body, err)
		}
	}
	if status, body, err := ask(conn, in, "GET /health HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil || status != 200 || body != "well" {
		t.Errorf("what was to be spared: %d, %q, %v", status, body, err)
	}
	io.WriteString(conn, "POST /continue HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
	if response, err := http.ReadResponse(in, nil); err != nil || response.StatusCode != 100 {
		t.Errorf("the word to go on was held back: %v", err)
	}
	if status, _, err := ask(conn, in, "ok"); err != nil || status != 500 {
		t.Errorf("after it: %d, %v", status, err)
	}
	io.WriteString(conn, get+get+get)
	for range 3 {
		if status, body, err := ask(conn, in, ""); err != nil || status != 500 || body != injected {
			t.Errorf("of three at once: %d, %q, %v", status, body, err)
		}
	}
	if status, body, err := ask(conn, in, "GET /chunks HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil || status != 500 || body != injected {
		t.Errorf("chunks: %d, %q, %v", status, body, err)
	}
	r.clear(Status)
	if !r.well() {
		t.Error("not well after it was cleared")
	}
}

func TestHalfAnAnswerIsSeenToBeHalf(t *testing.T) {
	r := play(t, holdfast.HTTP, func(conn *net.TCPConn) {
		in := bufio.NewReader(conn)
		for {
			request, err := http.ReadRequest(in)
			if err != nil {
				return
			}
			switch request.URL.Path {
			case "/length":
				io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789")
			case "/chunks":
				io.WriteString(conn, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\n0123456789\r\n0\r\n\r\n")
			case "/none":
				io.WriteString(conn, "HTTP/1.1 204 No Content\r\n\r\n")
			case "/end":
				io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n0123456789")
				return
			}
		}
	})
	r.set(Rule{Kind: Halve, Share: 1})
	for path, want := range map[string]string{"/length": "01234", "/chunks": "01234", "/none": "", "/end": "01234"} {
		_, body, err := r.fresh(path, 5*time.Second)
		if err == nil || body != want && path != "/end" {
			t.Errorf("%s: %q, %v; want %q and an error", path, body, err, want)
		}
	}
	r.clear(Halve)
	if status, body, err := r.fresh("/chunks", 5*time.Second); err != nil || status != 200 || body != "0123456789" {
		t.Errorf("after it: %d, %q, %v", status, body, err)
	}
}

func TestResetEndsEstablishedAndAnswering(t *testing.T) {
	r := newRig(t, well)
	conn, _ := r.kept()
	r.set(Rule{Kind: Reset, Share: 1})
	if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("an established connection saw %v", err)
	}
	if _, _, err := r.fresh("/", 5*time.Second); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("a new one saw %v", err)
	}
	r.clear(Reset)
	if !r.well() {
		t.Error("not well after it was cleared")
	}
}

func TestRefuseIsTheKernelsWord(t *testing.T) {
	r := newRig(t, well)
	for range 20 {
		conn, _ := r.kept()
		r.set(Rule{Kind: Refuse})
		if _, err := net.Dial("tcp", r.front); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Fatalf("a new connection saw %v", err)
		}
		if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Fatalf("an established one saw %v", err)
		}
		r.clear(Refuse)
		if !r.well() {
			t.Fatal("not well after it was cleared")
		}
	}
}

// TestSilence: nobody is answered, nobody is told, and it goes on where it
// stood.
func TestSilence(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs Linux")
	}
	answered := make(chan bool)
	r := newRig(t, func(w http.ResponseWriter, q *http.Request) {
		if q.URL.Path == "/slow" {
			<-answered
		}
		io.WriteString(w, "well")
	})
	idle, idleIn := r.kept()
	waiting := r.dial()
	io.WriteString(waiting, strings.Replace(get, "/item", "/slow", 1))
	until(t, "both are inside", func() bool { return r.state().Paths[0].Connections == 2 })
	r.set(Rule{Kind: Silence})
	answered <- true // to a request that was inside before
	if _, _, err := r.fresh("/", 300*time.Millisecond); !isTimeout(err) || !strings.Contains(err.Error(), "dial") {
		t.Errorf("a new connection saw %v", err)
	}
	for name, conn := range map[string]*net.TCPConn{"idle": idle, "waiting": waiting} {
		if name == "idle" {
			io.WriteString(conn, get)
		}
		conn.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
		if n, err := conn.Read(make([]byte, 1)); n > 0 || !isTimeout(err) {
			t.Errorf("the %s connection saw %d bytes and %v", name, n, err)
		}
		conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	}
	r.clear(Silence)
	for name, in := range map[string]*bufio.Reader{"idle": idleIn, "waiting": bufio.NewReader(waiting)} {
		if response, err := http.ReadResponse(in, nil); err != nil || response.StatusCode != 200 {
			t.Errorf("the %s connection does not go on: %v", name, err)
		}
	}
	until(t, "new ones are well", r.well)
}

// TestWhoGoesDuringSilenceIsMissedAfterIt: a reset that is dropped is not sent
// again.
func TestWhoGoesDuringSilenceIsMissedAfterIt(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs Linux")
	}
	r := newRig(t, well)
	conn, _ := r.kept()
	r.set(Rule{Kind: Silence})
	conn.SetLinger(0)
	conn.Close()
	until(t, "it was dropped", func() bool {
		_, _, err := r.fresh("/", 100*time.Millisecond)
		return isTimeout(err) && r.state().Paths[0].Connections == 1
	})
	r.clear(Silence)
	until(t, "nobody is left", func() bool { return r.state().Paths[0].Connections == 0 })
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

// TestSilenceHidesThatTheReplicaIsDead: a link that is gone tells nothing.
func TestSilenceHidesThatTheReplicaIsDead(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs Linux")
	}
	client, _ := serveIn(t, t.TempDir())
	r := &rig{Client: client, t: t, front: lay(t, client, replica(1), "127.0.0.1:1", holdfast.HTTP)}
	until(t, "it refuses", func() bool {
		_, _, err := r.fresh("/", 5*time.Second)
		return errors.Is(err, syscall.ECONNREFUSED)
	})
	r.set(Rule{Kind: Silence})
	if _, _, err := r.fresh("/", 200*time.Millisecond); !isTimeout(err) {
		t.Errorf("it shows: %v", err)
	}
	r.clear(Silence)
	if _, _, err := r.fresh("/", 5*time.Second); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("after it: %v", err)
	}
}

// TestSeverStrikesTheWholeServiceAndTurnsByItself, also on a path that is laid
// when it holds already.
func TestSeverStrikesTheWholeServiceAndTurnsByItself(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs Linux")
	}
	r := newRig(t, well)
	address := r.state().Paths[0].Address
	stranger := &rig{Client: r.Client, t: t, front: lay(t, r.Client, holdfast.ReplicaID{Service: "cart", Ordinal: 1, Incarnation: 1}, address, holdfast.HTTP)}
	r.set(Rule{Scope: Scope{Service: "catalog"}, Kind: Sever, Turn: 700 * time.Millisecond})
	began := time.Now()
	late := &rig{Client: r.Client, t: t, front: lay(t, r.Client, replica(2), address, holdfast.HTTP)}
	for _, one := range []*rig{r, late} {
		if _, _, err := one.fresh("/", 5*time.Second); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("at first: %v", err)
		}
	}
	for _, one := range []*rig{r, late} {
		until(t, "it is silent", func() bool {
			_, _, err := one.fresh("/", 100*time.Millisecond)
			return isTimeout(err)
		})
	}
	if took := time.Since(began); took < 500*time.Millisecond {
		t.Errorf("silent after %v already", took)
	}
	if !stranger.well() {
		t.Error("another service was struck")
	}
	if err := r.Clear(t.Context(), Scope{Service: "catalog"}, Sever); err != nil || !r.well() || !late.well() {
		t.Errorf("not well after it was cleared: %v", err)
	}
}

// TestARuleThatIsNotRenewedLapses holds every kind to the lease.
func TestARuleThatIsNotRenewedLapses(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs Linux")
	}
	r := newRig(t, well)
	r.set(Rule{Kind: Silence})
	r.set(Rule{Kind: Status, Status: 500, Share: 1})
	began := time.Now()
	for time.Since(began) < holdfast.Lease+time.Second {
		if err := r.Renew(t.Context(), replica(1), Status); err != nil {
			t.Fatalf("after %v: %v", time.Since(began), err)
		}
		r.fresh("/", 500*time.Millisecond)
	}
	s := r.state()
	if s.Holds(replica(1), Silence) || !s.Holds(replica(1), Status) {
		t.Errorf("in force: %+v", s.Rules)
	}
	if status, _, err := r.fresh("/", 5*time.Second); err != nil || status != 500 {
		t.Errorf("the one that was renewed: %d, %v", status, err)
	}
	until(t, "the other lapses too", r.well)
	if took := time.Since(began); took > 3*holdfast.Lease {
		t.Errorf("it took %v", took)
	}
	for _, kind := range []Kind{Silence, Status, Reset} {
		if err := r.Renew(t.Context(), replica(1), kind); !errors.Is(err, ErrNotInForce) {
			t.Errorf("renewed %s: %v", kind, err)
		}
		r.clear(kind)
	}
}

func TestAStateSaysWhoItIs(t *testing.T) {
	r := newRig(t, well)
	r.kept()
	s := r.state()
	if s.Pid != os.Getpid() || s.Began == 0 || len(s.Paths) != 1 || s.Paths[0].Accepted != 1 || s.Paths[0].Connections != 1 || !s.Paths[0].Listening {
		t.Errorf("%+v", s)
	}
}

// BenchmarkPassing is what the proxy adds to a request on a kept connection:
// compare direct and through.
func BenchmarkPassing(b *testing.B) {
	r := newRig(b, well)
	for name, address := range map[string]string{"direct": r.state().Paths[0].Address, "through": r.front} {
		b.Run(name, func(b *testing.B) {
			conn, err := net.Dial("tcp", address)
			if err != nil {
				b.Fatal(err)
			}
			defer conn.Close()
			in := bufio.NewReader(conn)
			before := spent()
			for b.Loop() {
				if status, _, err := ask(conn, in, get); err != nil || status != 200 {
					b.Fatal(status, err)
				}
			}
			b.ReportMetric(float64((spent()-before).Nanoseconds())/float64(b.N), "cpu-ns/op")
		})
	}
}

// spent is the processor time of this process, client and server included.
func spent() time.Duration {
	var usage syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// TestMessagesAreFollowedHoweverTheyAreCut feeds the same bytes in pieces of
// every size.
func TestMessagesAreFollowedHoweverTheyAreCut(t *testing.T) {
	text := "\r\n" + get +
		"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n\r\n\r\n1" +
		"PUT /b HTTP/1.0\nTransfer-Encoding: chunked\n\n3;x=y\r\nabc\r\nA\r\n0123456789\r\n0\r\nTrailer: z\r\n\r\n" +
		"DELETE /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + get
	for size := 1; size <= len(text); size++ {
		c := &conn{}
		var s scanner
		for at := 0; at < len(text); at += size {
			c.note(&s, []byte(text[at:min(at+size, len(text))]))
		}
		want := "[{GET /item false} {POST /a false} {PUT /b false} {DELETE /c false} {GET /item false}]"
		if got := fmt.Sprint(c.pending); got != want || c.opaque.Load() || s.stage != start {
			t.Fatalf("in pieces of %d: %s, opaque %v, stage %d", size, got, c.opaque.Load(), s.stage)
		}
	}
}

// FuzzNote: whatever a client sends, following it ends, keeps no more than it
// may, and does not depend on the pieces.
func FuzzNote(f *testing.F) {
	f.Add([]byte(get), 3)
	f.Add([]byte("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n"), 1)
	f.Add([]byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 2)
	f.Fuzz(func(t *testing.T, text []byte, size int) {
		size = min(max(size, 1), 1+len(text))
		one, many := &conn{}, &conn{}
		var a, b scanner
		one.note(&a, text)
		for at := 0; at < len(text); at += size {
			many.note(&b, text[at:min(at+size, len(text))])
		}
		if len(a.head) > maxHead+len(text) || fmt.Sprint(one.pending, one.opaque.Load()) != fmt.Sprint(many.pending, many.opaque.Load()) {
			t.Errorf("%v %v, in pieces of %d %v %v", one.pending, one.opaque.Load(), size, many.pending, many.opaque.Load())
		}
	})
}
