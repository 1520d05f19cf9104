package gateway

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"holdfast"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must happen.
const patience = 10 * time.Second

// A replica is a real HTTP server that can be killed: its port refuses and its
// connections are reset, as the kernel does it for a process that ended. It can
// be broken in other ways, too.
type replica struct {
	faults
	t       testing.TB
	id      holdfast.ReplicaID
	address string
	server  *http.Server
	mu      sync.Mutex
	conns   map[net.Conn]http.ConnState
	dead    bool
}

func newReplica(t testing.TB, ordinal int, handler http.Handler) *replica {
	t.Helper()
	return newReplicaAt(t, holdfast.ReplicaID{Service: "catalog", Ordinal: ordinal, Incarnation: 1}, "127.0.0.1:0", handler)
}

func newReplicaAt(t testing.TB, id holdfast.ReplicaID, address string, handler http.Handler) *replica {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	r := &replica{t: t, id: id, address: l.Addr().String(), conns: map[net.Conn]http.ConnState{}}
	r.listener = l.(*net.TCPListener)
	r.server = &http.Server{Handler: r.faulty(handler), ConnState: r.track}
	go r.server.Serve(gated{Listener: l, gate: &r.gate})
	t.Cleanup(r.kill)
	return r
}

func (r *replica) track(c net.Conn, state http.ConnState) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if state == http.StateClosed {
		delete(r.conns, c)
		return
	}
	r.conns[c] = state
	if r.dead {
		c.Close()
	}
}

func (r *replica) kill() {
	r.mu.Lock()
	r.dead = true
	for c := range r.conns {
		if g, ok := c.(gatedConn); ok {
			g.Conn.(*net.TCPConn).SetLinger(0)
		}
	}
	r.mu.Unlock()
	r.resume() // Close waits for whoever accepts, who may have to be tracked first
	r.server.Close()
}

func (r *replica) exited() holdfast.Process {
	return holdfast.Process{ID: r.id, Exit: &holdfast.ExitStatus{Signal: "SIGKILL"}}
}

func (r *replica) endpoint() holdfast.Endpoint {
	return holdfast.Endpoint{ID: r.id, Address: r.address}
}

// fast is a health check for tests.
func fast() holdfast.Healthcheck {
	return holdfast.Healthcheck{Interval: 200 * time.Millisecond, Timeout: time.Second, Retries: 2, StartPeriod: time.Minute}
}

func tableOf(revision uint64, replicas ...*replica) holdfast.RoutingTable {
	table := holdfast.RoutingTable{
		Revision: revision,
		System:   "shop",
		Routes: []holdfast.RouteEntry{
			{Listener: "catalog:80", Service: "catalog"},
			{Listener: "storefront/catalog", Service: "catalog", Caller: "storefront", Treatment: holdfast.Treatment{Timeout: time.Second}},
		},
		Services: []holdfast.RoutedService{{Name: "catalog", Protocol: holdfast.HTTP, Minimum: 1, Healthcheck: fast()}},
	}
	for _, r := range replicas {
		table.Services[0].Endpoints = append(table.Services[0].Endpoints, r.endpoint())
	}
	return table
}

// A rig is a running gateway with a published listener and an edge.
type rig struct {
	t         testing.TB
	gateway   *Gateway
	published string // host:port
	edge      string
	client    *http.Client
	end       func()
}

func newRig(t testing.TB, table holdfast.RoutingTable) *rig {
	t.Helper()
	g := newGateway(t, t.TempDir())
	if err := g.Apply(t.Context(), table); err != nil {
		t.Fatal(err)
	}
	published, edge := socketFor(t, "catalog:80"), socketFor(t, "storefront/catalog")
	g.Sockets([]Socket{published, edge})
	return &rig{
		t:         t,
		gateway:   g,
		published: published.Listener.Address,
		edge:      edge.Listener.Address,
		client:    client(t),
		end:       run(t, g),
	}
}

func newGateway(t testing.TB, dir string) *Gateway {
	t.Helper()
	g, err := New(Options{Name: "gw", Dir: dir, Log: logTo{t}})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// run runs a gateway until the test ends, or until what it returns is called.
func run(t testing.TB, g *Gateway) (end func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		g.Run(ctx)
	}()
	end = func() {
		cancel()
		<-done
	}
	t.Cleanup(end)
	return end
}

type logTo struct{ t testing.TB }

func (l logTo) Write(line []byte) (int, error) {
	if _, bench := l.t.(*testing.B); !bench {
		l.t.Log(strings.TrimSuffix(string(line), "\n"))
	}
	return len(line), nil
}

func socketFor(t testing.TB, name holdfast.ListenerName) Socket {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return Socket{Listener: holdfast.Listener{Name: name, Address: l.Addr().String()}, Socket: l}
}

// until waits for a condition that a gateway's verdict makes true.
func (r *rig) until(what string, holds func(holdfast.GatewayState) bool) {
	r.t.Helper()
	until(r.t, r.gateway, what, holds)
}

func until(t testing.TB, g *Gateway, what string, holds func(holdfast.GatewayState) bool) {
	t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		state, _ := g.State(t.Context())
		if holds(state) {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited %s until %s: %+v", patience, what, state)
		}
	}
}

func (r *rig) untilAdmitted(n int) {
	r.t.Helper()
	r.until(fmt.Sprintf("%d are admitted", n), func(s holdfast.GatewayState) bool { return admittedIn(s) == n })
}

func admittedIn(s holdfast.GatewayState) int {
	n := 0
	for _, e := range s.Endpoints {
		if e.Admitted {
			n++
		}
	}
	return n
}

// told is a response read to its end.
type told struct {
	status int
	header http.Header
	body   string
}

func (r *rig) do(method, address, path string, body io.Reader, set ...string) (told, error) {
	request, err := http.NewRequest(method, "http://"+address+path, body)
	if err != nil {
		return told{}, err
	}
	for i := 0; i < len(set); i += 2 {
		request.Header.Set(set[i], set[i+1])
	}
	response, err := r.client.Do(request)
	if err != nil {
		return told{}, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return told{status: response.StatusCode, header: response.Header, body: string(text)}, err
}

func (r *rig) get(path string) told {
	r.t.Helper()
	got, err := r.do("GET", r.published, path, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	return got
}

func named(name string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, name) })
}

// wait answers only once release is closed, but health checks at once.
func wait(release chan struct{}, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.UserAgent() != "holdfast-check" {
			<-release
		}
		h.ServeHTTP(w, r)
	})
}

func client(t testing.TB) *http.Client {
	transport := &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}
