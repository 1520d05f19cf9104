package gateway

import (
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// faults are the ways in which a replica's server can be broken while its
// process lives.
type faults struct {
	gate     gate
	listener *net.TCPListener
	fillers  []net.Conn
	delay    atomic.Int64 // of every answer, health checks included; nanoseconds
	failing  atomic.Int64 // of a hundred answers, but none to a health check
	served   atomic.Int64 // requests that reached the handler, health checks not counted
}

func (f *faults) faulty(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if d := time.Duration(f.delay.Load()); d > 0 {
			select {
			case <-time.After(d):
			case <-r.Context().Done():
				return
			}
		}
		if r.UserAgent() == "holdfast-check" {
			h.ServeHTTP(w, r)
			return
		}
		if n := f.served.Add(1); n*61%100 < f.failing.Load() {
			http.Error(w, "broken", http.StatusInternalServerError)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// stop makes the server hang, as SIGSTOP does it: the kernel goes on to accept,
// and nobody reads, writes or answers.
func (f *faults) stop() { f.gate.shut() }

// blackhole makes it hang so that not even the kernel accepts: what connects is
// not answered at all, since the queue is full.
func (f *faults) blackhole(t testing.TB) {
	f.stop()
	f.backlog(t, 0)
	// Full more than once: whoever was just accepting takes one out.
	for full := 0; full < 3; full++ {
		c, err := net.DialTimeout("tcp", f.listener.Addr().String(), 30*time.Millisecond)
		if err == nil {
			f.fillers, full = append(f.fillers, c), 0
		}
	}
}

func (f *faults) backlog(t testing.TB, n int) {
	raw, err := f.listener.SyscallConn()
	if err == nil {
		raw.Control(func(fd uintptr) { err = syscall.Listen(int(fd), n) })
	}
	if err != nil {
		t.Error(err)
	}
}

// resume ends stop and blackhole.
func (f *faults) resume() {
	for _, c := range f.fillers {
		c.Close()
	}
	f.fillers = nil
	f.gate.open()
}

// A gate holds back whoever wants to pass while it is shut.
type gate struct {
	mu     sync.Mutex
	barred atomic.Pointer[chan struct{}]
}

func (g *gate) shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.barred.Load() == nil {
		bar := make(chan struct{})
		g.barred.Store(&bar)
	}
}

func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if bar := g.barred.Swap(nil); bar != nil {
		close(*bar)
	}
}

func (g *gate) pass() {
	if bar := g.barred.Load(); bar != nil {
		<-*bar
	}
}

type gated struct {
	net.Listener
	gate *gate
}

func (l gated) Accept() (net.Conn, error) {
	l.gate.pass()
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.gate.pass()
	return gatedConn{Conn: c, gate: l.gate}, nil
}

type gatedConn struct {
	net.Conn
	gate *gate
}

func (c gatedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.gate.pass()
	return n, err
}

func (c gatedConn) Write(p []byte) (int, error) {
	c.gate.pass()
	return c.Conn.Write(p)
}
