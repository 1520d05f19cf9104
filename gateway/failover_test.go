package gateway

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"holdfast"
)

// after is a replica's service time.
func after(d time.Duration, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		<-time.After(d)
		h.ServeHTTP(w, r)
	})
}

// load sends 400 GETs a second, each when it is due and not when the last one
// was answered, and returns what went wrong.
func (r *rig) load(requests int, at map[int]func()) []string {
	var group sync.WaitGroup
	var mu sync.Mutex
	var wrong []string
	tick := time.NewTicker(2500 * time.Microsecond)
	defer tick.Stop()
	for i := range requests {
		<-tick.C
		if act := at[i]; act != nil {
			act()
		}
		group.Go(func() {
			got, err := r.do("GET", r.edge, "/item", nil)
			if err != nil || got.status != 200 {
				mu.Lock()
				defer mu.Unlock()
				wrong = append(wrong, fmt.Sprintf("request %d: %v %d %s", i, err, got.status, got.body))
			}
		})
	}
	group.Wait()
	return wrong
}

func TestAKilledReplicaFailsNoGet(t *testing.T) {
	for _, told := range []bool{true, false} {
		t.Run(fmt.Sprintf("exit pushed %v", told), func(t *testing.T) {
			first := newReplica(t, 1, after(2*time.Millisecond, named("1")))
			second := newReplica(t, 2, after(2*time.Millisecond, named("2")))
			r := newRig(t, tableOf(1, first, second))
			r.untilAdmitted(2)
			wrong := r.load(600, map[int]func(){200: func() {
				first.kill()
				if told {
					r.gateway.Exited(first.exited())
				}
			}})
			if len(wrong) > 0 {
				t.Errorf("%d of 600 failed, the first: %s", len(wrong), wrong[0])
			}
			r.untilAdmitted(1)
		})
	}
}

// executions counts how often each POST was carried out and lets the test hold
// it there.
type executions struct {
	begun chan *replica
	held  chan struct{}
	n     atomic.Int64
}

func (e *executions) by(r **replica) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if q.Method != "POST" {
			return
		}
		io.Copy(io.Discard, q.Body)
		e.n.Add(1)
		e.begun <- *r
		<-e.held
	})
}

func TestAPostOnAKilledReplicaIsNotExecutedTwice(t *testing.T) {
	e := &executions{begun: make(chan *replica, 4), held: make(chan struct{})}
	var first, second *replica
	first = newReplica(t, 1, e.by(&first))
	second = newReplica(t, 2, e.by(&second))
	r := newRig(t, tableOf(1, first, second))
	r.untilAdmitted(2)
	answered := make(chan told, 1)
	go func() {
		got, _ := r.do("POST", r.edge, "/buy", strings.NewReader("one"))
		answered <- got
	}()
	victim := <-e.begun
	victim.kill()
	r.gateway.Exited(victim.exited())
	got := <-answered
	close(e.held)
	if got.status != 502 || got.header.Get("Holdfast-Error") != "broken" || !strings.Contains(got.body, "unknown") {
		t.Errorf("answered %+v", got)
	}
	if n := e.n.Load(); n != 1 {
		t.Errorf("executed %d times", n)
	}
}

func TestAnIdempotentRequestIsSentAgainWithItsBody(t *testing.T) {
	for _, c := range []struct {
		name, method, key string
		body              int
		status            int
	}{
		{name: "PUT", method: "PUT", body: 1000, status: 200},
		{name: "POST with key", method: "POST", key: "k-1", body: 1000, status: 200},
		{name: "a body too long to keep", method: "PUT", body: replayLimit + 1, status: 502},
	} {
		t.Run(c.name, func(t *testing.T) {
			var tries atomic.Int64
			h := http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
				text, _ := io.ReadAll(q.Body)
				if q.Method != "GET" && tries.Add(1) == 1 {
					panic(http.ErrAbortHandler)
				}
				fmt.Fprint(w, len(text))
			})
			r := newRig(t, tableOf(1, newReplica(t, 1, h), newReplica(t, 2, h)))
			r.untilAdmitted(2)
			got, err := r.do(c.method, r.published, "/", strings.NewReader(strings.Repeat("x", c.body)), "Idempotency-Key", c.key)
			if err != nil || got.status != c.status || c.status == 200 && got.body != fmt.Sprint(c.body) {
				t.Errorf("%v %+v", err, got)
			}
		})
	}
}

func TestARefusedConnectionMovesAnyMethodAndEjects(t *testing.T) {
	first, second := newReplica(t, 1, named("1")), newReplica(t, 2, named("2"))
	table := tableOf(1, first, second)
	table.Services[0].Healthcheck.Interval = time.Hour // so that only requests can notice
	r := newRig(t, table)
	r.untilAdmitted(2)
	first.kill()
	for range 20 {
		got, err := r.do("POST", r.published, "/", strings.NewReader("x"))
		if err != nil || got.status != 200 || got.body != "2" {
			t.Fatalf("%v %+v", err, got)
		}
	}
	r.untilAdmitted(1)
	state, _ := r.gateway.State(t.Context())
	if e := state.Endpoints[0]; e.Admitted || !strings.Contains(e.Reason, "refused") {
		t.Errorf("the killed one is %+v", e)
	}
}

// scripted is a raw server: the n-th connection, from 0, is served by the
// script. Health checks have connections of their own and are answered first.
func scripted(t *testing.T, script func(n int, in *bufio.Reader, c net.Conn)) *replica {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	var n atomic.Int64
	group.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			group.Go(func() {
				defer c.Close()
				in := bufio.NewReader(c)
				request, err := in.Peek(len("GET / HTTP/1.1\r\nHost: 127.0.0.1:00000\r\nUser-Agent: holdfast"))
				if err == nil && strings.Contains(string(request), "holdfast") {
					io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
					return
				}
				script(int(n.Add(1))-1, in, c)
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		group.Wait()
	})
	return &replica{t: t, id: holdfast.ReplicaID{Service: "catalog", Ordinal: 1, Incarnation: 1}, address: l.Addr().String()}
}

const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

// A used connection that dies under a request was closed for its age, most
// likely. A GET goes on over a fresh one, even to the only replica; a POST that
// was written does not.
func TestAStaleConnection(t *testing.T) {
	for method, want := range map[string]int{"GET": 200, "POST": 502} {
		t.Run(method, func(t *testing.T) {
			var served atomic.Int64
			r := newRig(t, tableOf(1, scripted(t, func(n int, in *bufio.Reader, c net.Conn) {
				for answered := 0; ; answered++ {
					request, err := http.ReadRequest(in)
					if err != nil {
						return
					}
					io.Copy(io.Discard, request.Body)
					if served.Add(1); n == 0 && answered == 1 {
						return // read, and closed without a word
					}
					io.WriteString(c, ok)
				}
			})))
			r.untilAdmitted(1)
			if got := r.get("/"); got.status != 200 {
				t.Fatalf("first: %+v", got)
			}
			got, err := r.do(method, r.published, "/", strings.NewReader("x"))
			if err != nil || got.status != want {
				t.Errorf("%v %+v, want %d", err, got, want)
			}
			if n, sent := served.Load(), map[string]int64{"GET": 3, "POST": 2}[method]; n != sent {
				t.Errorf("the replica saw %d requests, want %d", n, sent)
			}
		})
	}
}

// A connection that was closed while it lay idle is not written to at all, so
// that a POST goes through as well.
func TestAConnectionClosedWhileIdleIsNotUsed(t *testing.T) {
	closed := make(chan struct{})
	r := newRig(t, tableOf(1, scripted(t, func(n int, in *bufio.Reader, c net.Conn) {
		for {
			request, err := http.ReadRequest(in)
			if err != nil {
				return
			}
			io.Copy(io.Discard, request.Body)
			io.WriteString(c, ok)
			if n == 0 {
				c.Close()
				close(closed)
				return
			}
		}
	})))
	r.untilAdmitted(1)
	r.get("/")
	<-closed
	if got, err := r.do("POST", r.published, "/", strings.NewReader("x")); err != nil || got.status != 200 {
		t.Errorf("%v %+v", err, got)
	}
}

func TestTheLastReplicaIsKeptUnlessTheKernelSaysItEnded(t *testing.T) {
	only := newReplica(t, 1, named("1"))
	r := newRig(t, tableOf(1, only))
	seen := r.follow()
	r.untilAdmitted(1)
	seen.next(t, "admitted", func(o holdfast.Observation) bool { _, is := o.(holdfast.Admitted); return is })
	only.kill()
	got := r.get("/")
	if got.status != 502 || got.body != "catalog: no replica answered: catalog-1 refused the connection\n" && !strings.Contains(got.body, "broke off") {
		t.Errorf("answered %+v", got)
	}
	seen.next(t, "kept", func(o holdfast.Observation) bool {
		e, is := o.(holdfast.Ejected)
		return is && e.Kept && e.Remaining == 1 && e.Sign == holdfast.SignRefused
	})
	r.untilAdmitted(1)
	r.gateway.Exited(holdfast.Process{ID: only.id}) // it lives: says nothing
	r.untilAdmitted(1)
	r.gateway.Exited(only.exited())
	seen.next(t, "ejected", func(o holdfast.Observation) bool {
		e, is := o.(holdfast.Ejected)
		return is && !e.Kept && e.Remaining == 0 && e.Sign == holdfast.SignExit && strings.Contains(e.Detail, "SIGKILL")
	})
	if got := r.get("/"); got.status != 503 || got.header.Get("Holdfast-Error") != "no-replica" {
		t.Errorf("answered %+v", got)
	}
}

// A kept replica that recovers is admitted again; one that does not is ejected
// as soon as another is there.
func TestAKeptReplicaIsReleased(t *testing.T) {
	first := newReplica(t, 1, named("1"))
	r := newRig(t, tableOf(1, first))
	r.untilAdmitted(1)
	first.kill()
	r.get("/")
	next := newReplicaAt(t, holdfast.ReplicaID{Service: "catalog", Ordinal: 2, Incarnation: 1}, "127.0.0.1:0", named("2"))
	if err := r.gateway.Apply(t.Context(), tableOf(2, first, next)); err != nil {
		t.Fatal(err)
	}
	r.until("only the second is admitted", func(s holdfast.GatewayState) bool {
		return !s.Endpoints[0].Admitted && s.Endpoints[1].Admitted
	})
	again := newReplicaAt(t, first.id, first.address, named("1 again"))
	r.untilAdmitted(2)
	again.kill()
}

// watched is what a follower was told.
type watched struct{ seen chan holdfast.Observation }

func (r *rig) follow() watched {
	w := watched{seen: make(chan holdfast.Observation, 1000)}
	go r.gateway.Follow(r.t.Context(), func(o holdfast.Observation) { w.seen <- o })
	return w
}

func (w watched) next(t *testing.T, what string, is func(holdfast.Observation) bool) {
	t.Helper()
	deadline := time.After(patience)
	for {
		select {
		case o := <-w.seen:
			if is(o) {
				return
			}
			t.Logf("not %s: %s", what, spoken(o))
		case <-deadline:
			t.Fatalf("never told: %s", what)
		}
	}
}
