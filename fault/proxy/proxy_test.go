package proxy

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"holdfast"
	"holdfast/internal/unixsock"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// until waits for something to become true.
func until(t testing.TB, what string, holds func() bool) {
	t.Helper()
	deadline := time.NewTimer(20 * time.Second)
	defer deadline.Stop()
	poll := time.NewTicker(2 * time.Millisecond)
	defer poll.Stop()
	for !holds() {
		select {
		case <-deadline.C:
			t.Fatalf("it does not become so that %s", what)
		case <-poll.C:
		}
	}
}

// serveIn runs a proxy in a directory until the test ends or stop is called.
func serveIn(t testing.TB, dir string) (client *Client, stop func()) {
	t.Helper()
	return serve(t, dir, newProxy(Options{Record: filepath.Join(dir, "fronts.json"), Log: t.Output()}))
}

func serve(t testing.TB, dir string, p *proxy) (client *Client, stop func()) {
	t.Helper()
	control, err := unixsock.Listen(filepath.Join(dir, SocketName))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- p.run(ctx, control)
	}()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return Dial(filepath.Join(dir, SocketName)), stop
}

func replica(n int) holdfast.ReplicaID {
	return holdfast.ReplicaID{Service: "catalog", Ordinal: n, Incarnation: 1}
}

// A rig is a proxy with one path to a server.
type rig struct {
	*Client
	t     testing.TB
	front string
}

func lay(t testing.TB, c *Client, id holdfast.ReplicaID, address string, protocol holdfast.Protocol) string {
	t.Helper()
	fronts, err := c.Lay(t.Context(), []Path{{ID: id, Address: address, Protocol: protocol}})
	if err != nil {
		t.Fatal(err)
	}
	return fronts[0].Address
}

func newRig(t testing.TB, handler http.HandlerFunc) *rig {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	client, _ := serveIn(t, t.TempDir())
	return &rig{Client: client, t: t, front: lay(t, client, replica(1), server.Listener.Addr().String(), holdfast.HTTP)}
}

// play is a rig whose replica handles connections by itself.
func play(t testing.TB, protocol holdfast.Protocol, each func(*net.TCPConn)) *rig {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for conn, err := listener.Accept(); err == nil; conn, err = listener.Accept() {
			all.Go(func() {
				defer conn.Close()
				each(conn.(*net.TCPConn))
			})
		}
	})
	client, stop := serveIn(t, t.TempDir())
	t.Cleanup(func() {
		listener.Close()
		stop()
		all.Wait()
	})
	return &rig{Client: client, t: t, front: lay(t, client, replica(1), listener.Addr().String(), protocol)}
}

func (r *rig) dial() *net.TCPConn {
	r.t.Helper()
	conn, err := net.Dial("tcp", r.front)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	return conn.(*net.TCPConn)
}

func (r *rig) set(rule Rule) {
	r.t.Helper()
	if rule.Scope.Service == "" {
		rule.Scope = replica(1)
	}
	if err := r.Set(r.t.Context(), rule); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) clear(kind Kind) {
	r.t.Helper()
	if err := r.Clear(r.t.Context(), replica(1), kind); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) state() State {
	r.t.Helper()
	s, err := r.State(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}

// ask asks on a connection and reads the whole answer.
func ask(conn net.Conn, in *bufio.Reader, request string) (status int, body string, err error) {
	if _, err := io.WriteString(conn, request); err != nil {
		return 0, "", err
	}
	method, _, _ := strings.Cut(request, " ")
	response, err := http.ReadResponse(in, &http.Request{Method: method})
	if err != nil {
		return 0, "", err
	}
	text, err := io.ReadAll(response.Body)
	return response.StatusCode, string(text), err
}

const get = "GET /item HTTP/1.1\r\nHost: x\r\n\r\n"

// fresh asks on a connection of its own.
func (r *rig) fresh(path string, patience time.Duration) (int, string, error) {
	dialer := net.Dialer{Timeout: patience}
	conn, err := dialer.Dial("tcp", r.front)
	if err != nil {
		return 0, "", err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	return ask(conn, bufio.NewReader(conn), "GET "+path+" HTTP/1.1\r\nHost: x\r\n\r\n")
}

func (r *rig) well() bool {
	status, body, err := r.fresh("/item", 5*time.Second)
	return err == nil && status == 200 && body == "well"
}

func well(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "well") }

func TestWithoutRulesNothingIsNoticed(t *testing.T) {
	large := bytes.Repeat([]byte("0123456789abcdef"), 1<<18) // 4 MiB
	r := newRig(t, func(w http.ResponseWriter, q *http.Request) {
		switch q.URL.Path {
		case "/large":
			w.Write(large)
		case "/chunks":
			for range 3 {
				io.WriteString(w, "part ")
				w.(http.Flusher).Flush()
			}
		case "/echo":
			io.Copy(w, q.Body)
		default:
			io.WriteString(w, "well")
		}
	})
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	for range 2 { // kept connections too
		for path, want := range map[string]string{"/large": string(large), "/chunks": "part part part ", "/": "well"} {
			got, err := client.Get("http://" + r.front + path)
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(got.Body)
			got.Body.Close()
			if err != nil || string(text) != want {
				t.Errorf("%s: %d bytes and %v, want %d", path, len(text), err, len(want))
			}
		}
		got, err := client.Post("http://"+r.front+"/echo", "text/plain", bytes.NewReader(large))
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(got.Body)
		got.Body.Close()
		if err != nil || !bytes.Equal(text, large) {
			t.Errorf("echo: %d bytes and %v", len(text), err)
		}
	}
}

// TestALateAnswerToAHalfClosedConnection: the client says that it is done and
// the replica answers later.
func TestALateAnswerToAHalfClosedConnection(t *testing.T) {
	r := play(t, holdfast.TCP, func(conn *net.TCPConn) {
		asked, _ := io.ReadAll(conn)
		fmt.Fprintf(conn, "late answer to %s", asked)
	})
	conn := r.dial()
	io.WriteString(conn, "a question")
	conn.CloseWrite()
	if got, err := io.ReadAll(conn); err != nil || string(got) != "late answer to a question" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestAServerThatSpeaksFirst(t *testing.T) {
	for _, protocol := range []holdfast.Protocol{holdfast.TCP, holdfast.HTTP} {
		r := play(t, protocol, func(conn *net.TCPConn) {
			io.WriteString(conn, "220 ready\r\n")
			io.Copy(conn, conn)
		})
		conn := r.dial()
		in := bufio.NewReader(conn)
		for _, say := range []string{"", "HELO there\r\n", "\x00\x01\n"} {
			io.WriteString(conn, say)
			if say == "" {
				say = "220 ready\r\n"
			}
			if got, err := in.ReadString('\n'); err != nil || got != say {
				t.Fatalf("%s: %q, %v; want %q", protocol, got, err, say)
			}
		}
	}
}

// TestAnUpgradeIsATunnelFromThere also breaks it: what is no longer HTTP is
// still late.
func TestAnUpgradeIsATunnelFromThere(t *testing.T) {
	r := play(t, holdfast.HTTP, func(conn *net.TCPConn) {
		in := bufio.NewReader(conn)
		if _, err := http.ReadRequest(in); err == nil {
			io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n")
			io.Copy(conn, in)
		}
	})
	conn := r.dial()
	io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n")
	in := bufio.NewReader(conn)
	if response, err := http.ReadResponse(in, nil); err != nil || response.StatusCode != 101 {
		t.Fatal(response, err)
	}
	echo := func() time.Duration {
		began := time.Now()
		io.WriteString(conn, "GET is not a request here\n")
		if got, err := in.ReadString('\n'); err != nil || got != "GET is not a request here\n" {
			t.Fatalf("%q, %v", got, err)
		}
		return time.Since(began)
	}
	echo()
	r.set(Rule{Kind: Delay, Delay: 300 * time.Millisecond, Share: 1})
	if took := echo(); took < 300*time.Millisecond {
		t.Errorf("late by %v only", took)
	}
}

func TestAResetIsPassedOnEitherWay(t *testing.T) {
	seen := make(chan error, 2)
	r := play(t, holdfast.HTTP, func(conn *net.TCPConn) {
		text := make([]byte, 100)
		n, _ := conn.Read(text)
		if strings.HasPrefix(string(text[:n]), "GET /reset") {
			conn.SetLinger(0)
			return
		}
		if _, err := conn.Read(text); err != nil {
			seen <- err
		}
	})
	conn := r.dial()
	if _, _, err := ask(conn, bufio.NewReader(conn), "GET /reset HTTP/1.1\r\nHost: x\r\n\r\n"); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the client saw %v of the replica's reset", err)
	}
	conn = r.dial()
	io.WriteString(conn, get)
	until(t, "it is passed on", func() bool { return r.state().Paths[0].Connections == 1 })
	conn.SetLinger(0)
	conn.Close()
	if err := <-seen; !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, io.EOF) {
		t.Errorf("the replica saw %v of the client's reset", err)
	}
}

// TestADeadReplicaLooksRefused: at first by a reset, then by the kernel's word,
// and it is there again soon after the replica is.
func TestADeadReplicaLooksRefused(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux keeps the port meanwhile")
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	listener.Close()
	client, _ := serveIn(t, t.TempDir())
	r := &rig{Client: client, t: t, front: lay(t, client, replica(1), address, holdfast.HTTP)}
	if _, _, err := r.fresh("/", 5*time.Second); !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.EPIPE) {
		t.Errorf("the first saw %v", err)
	}
	for range 3 {
		if _, _, err := r.fresh("/", 5*time.Second); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("one after the first saw %v", err)
		}
	}
	if listener, err = net.Listen("tcp", address); err != nil {
		t.Skip("somebody else took the replica's port:", err)
	}
	server := &http.Server{Handler: http.HandlerFunc(well)}
	var serving sync.WaitGroup
	serving.Go(func() { server.Serve(listener) })
	defer serving.Wait()
	defer server.Close()
	until(t, "the front is back", r.well)
}

func TestAPathKeepsItsFrontForAsLongAsItIsAskedFor(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(well))
	defer server.Close()
	dir := t.TempDir()
	client, stop := serveIn(t, dir)
	r := &rig{Client: client, t: t, front: lay(t, client, replica(1), server.Listener.Addr().String(), holdfast.HTTP)}
	if again := lay(t, client, replica(1), server.Listener.Addr().String(), holdfast.HTTP); again != r.front {
		t.Errorf("asked again: %s, was %s", again, r.front)
	}
	if _, err := client.Lay(t.Context(), []Path{{ID: replica(1), Address: "127.0.0.1:1"}}); err == nil {
		t.Error("the same incarnation at another address was accepted")
	}
	other := lay(t, client, replica(2), server.Listener.Addr().String(), holdfast.HTTP)
	if other == r.front {
		t.Error("two incarnations share a front")
	}
	stop()
	if _, err := client.State(t.Context()); !errors.Is(err, ErrNoProxy) {
		t.Errorf("a proxy that ended: %v", err)
	}
	if _, _, err := r.fresh("/", 5*time.Second); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("its front: %v", err)
	}
	r.Client, _ = serveIn(t, dir)
	r.state() // it answers once the paths are laid
	if !r.well() {
		t.Error("the next proxy does not serve the fronts of the last")
	}
	// One that is taken out serves those it has, and nobody else.
	kept := r.dial()
	in := bufio.NewReader(kept)
	ask(kept, in, get)
	if err := r.Keep(t.Context(), []holdfast.ReplicaID{replica(2)}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := r.fresh("/", 5*time.Second); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("a new one on a path that was taken out: %v", err)
	}
	if status, _, err := ask(kept, in, get); err != nil || status != 200 {
		t.Errorf("an old one on a path that was taken out: %d, %v", status, err)
	}
	kept.Close()
	until(t, "the path is gone", func() bool { return len(r.state().Paths) == 1 })
	if front, ok := r.state().Front(replica(2)); !ok || front != other {
		t.Errorf("the other path begins at %q, was %q", front, other)
	}
}

func TestWhatCannotBeARuleIsRefused(t *testing.T) {
	r := newRig(t, well)
	for _, rule := range []Rule{
		{Kind: "wished", Scope: replica(1)},
		{Kind: Refuse},
		{Kind: Refuse, Scope: Scope{Service: "catalog", Ordinal: 1}},
		{Kind: Refuse, Scope: replica(1), Share: 0.5},
		{Kind: Delay, Scope: replica(1), Share: 1},
		{Kind: Delay, Scope: replica(1), Delay: time.Second},
		{Kind: Delay, Scope: replica(1), Delay: time.Second, Jitter: 2 * time.Second, Share: 1},
		{Kind: Status, Scope: replica(1), Status: 200, Share: 1},
		{Kind: Halve, Scope: replica(1), Share: 2},
		{Kind: Sever, Scope: replica(1)},
		{Kind: Lag, Scope: replica(1)},
		{Kind: Lag, Scope: replica(1), Delay: time.Second, Share: 1},
		{Kind: Throttle, Scope: replica(1)},
		{Kind: Throttle, Scope: replica(1), Rate: -1},
		{Kind: Flap, Scope: replica(1), Status: 500, Share: 1},
		{Kind: Flap, Scope: replica(1), Status: 500, Share: 1, Period: time.Second, Duty: 1},
		{Kind: Flap, Scope: replica(1), Status: 500, Share: 1, Period: time.Second, Duty: 0.01},
		{Kind: Flap, Scope: replica(1), Status: 500, Share: 1, Period: time.Hour, Duty: 0.5},
		{Kind: Flap, Scope: replica(1), Status: 200, Share: 1, Period: time.Second, Duty: 0.5},
	} {
		if err := r.Set(t.Context(), rule); err == nil {
			t.Errorf("%+v was put in force", rule)
		}
	}
	for _, scope := range []Scope{replica(7), {Service: "nobody"}} {
		if err := r.Set(t.Context(), Rule{Kind: Refuse, Scope: scope}); !errors.Is(err, ErrNoPath) {
			t.Errorf("%s: %v", scope, err)
		}
	}
	if rules := r.state().Rules; len(rules) > 0 || !r.well() {
		t.Errorf("in force: %+v", rules)
	}
}

func TestBeyondTheBoundConnectionsAreResetAndCounted(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(well))
	defer server.Close()
	dir := t.TempDir()
	p := newProxy(Options{Record: filepath.Join(dir, "fronts.json"), Log: t.Output()})
	p.connections.Store(maxConnections - 1)
	client, _ := serve(t, dir, p)
	r := &rig{Client: client, t: t, front: lay(t, client, replica(1), server.Listener.Addr().String(), holdfast.HTTP)}
	conn, _ := r.kept()
	if _, _, err := r.fresh("/", 5*time.Second); !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.EPIPE) {
		t.Errorf("one too many saw %v", err)
	}
	if s := r.state(); s.Paths[0].Refused != 1 || s.Paths[0].Connections != 1 {
		t.Errorf("%+v", s.Paths[0])
	}
	conn.Close()
	until(t, "there is room again", r.well)
}

// TestAReplicaThatDoesNotAcceptHoldsUpNobodyElse: its backlog is full, and
// connecting to it takes for ever.
func TestAReplicaThatDoesNotAcceptHoldsUpNobodyElse(t *testing.T) {
	r := newRig(t, well)
	full, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(full)
	if err := errors.Join(syscall.Bind(full, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}), syscall.Listen(full, 0)); err != nil {
		t.Fatal(err)
	}
	at, err := syscall.Getsockname(full)
	if err != nil {
		t.Fatal(err)
	}
	address := fmt.Sprintf("127.0.0.1:%d", at.(*syscall.SockaddrInet4).Port)
	stuck := &rig{Client: r.Client, t: t, front: lay(t, r.Client, replica(2), address, holdfast.HTTP)}
	for range 5 {
		io.WriteString(stuck.dial(), get)
	}
	for range 5 {
		if status, _, err := r.fresh("/", time.Second); err != nil || status != 200 {
			t.Errorf("beside it: %d, %v", status, err)
		}
	}
}
