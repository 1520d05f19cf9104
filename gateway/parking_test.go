package gateway

import (
	"bufio"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"holdfast"
)

// waitsForTheNext asks while the only replica is gone, lets the next one come, and
// wants its answer.
func (r *rig) waitsForTheNext(method string) {
	r.t.Helper()
	var asking sync.WaitGroup
	var got told
	var err error
	asking.Go(func() { got, err = r.do(method, r.published, "/", nil) })
	r.until("it is parked", func(s holdfast.GatewayState) bool { return s.Services[0].Parked == 1 })
	next := newReplicaAt(r.t, holdfast.ReplicaID{Service: "catalog", Ordinal: 1, Incarnation: 2}, "127.0.0.1:0", named("new"))
	if err := r.gateway.Apply(r.t.Context(), tableOf(2, next)); err != nil {
		r.t.Fatal(err)
	}
	asking.Wait()
	if err != nil || got.status != 200 || got.body != "new" {
		r.t.Errorf("%v %+v", err, got)
	}
}

// Between a replica's end and the next one's beginning a request waits, and is
// answered as soon as there is one.
func TestARequestWaitsForTheNextReplica(t *testing.T) {
	one := newReplica(t, 1, named("old"))
	r := newRig(t, tableOf(1, one))
	r.untilAdmitted(1)
	one.kill()
	r.gateway.Exited(one.exited())
	r.waitsForTheNext("POST")
	if state, _ := r.gateway.State(t.Context()); state.Routes[0].Parked != 1 || state.Services[0].Parked != 0 {
		t.Errorf("counted %+v, %+v", state.Routes[0], state.Services[0])
	}
}

// What has been lost for a while is not waited for.
func TestNobodyWaitsForWhatIsLostForGood(t *testing.T) {
	l := &lineup{lost: now() - parkTime - time.Second, opened: make(chan struct{})}
	x := &exchange{service: newService("catalog", nil)}
	x.service.lineup.Store(l)
	if x.park(nil) {
		t.Error("it was waited for")
	}
}

func TestABreakerLetsOneAtATimeThrough(t *testing.T) {
	l, other := &lineup{}, &lineup{}
	at := time.Hour
	fill := func(b *breaker) {
		for range breakAfter {
			b.note(l, breakerCounts, false, at)
			at += breakTime / (breakAfter - 1)
		}
	}
	var b breaker
	fill(&b)
	if pass, probe := b.pass(l, at); !pass || !probe {
		t.Fatal("nobody asks whether it is back")
	}
	if pass, _ := b.pass(l, at); pass {
		t.Fatal("two ask at once")
	}
	b.note(l, breakerKeeps, true, at)
	if pass, probe := b.pass(l, at); !pass || !probe {
		t.Fatal("a probe whose client went leaves nobody to ask")
	}
	b.note(l, breakerCloses, true, at)
	if pass, probe := b.pass(l, at); !pass || probe {
		t.Fatal("it is not closed by an answer")
	}
	fill(&b)
	b.pass(l, at)
	if pass, probe := b.pass(l, at+breakTime); !pass || !probe {
		t.Fatal("a probe that takes an hour keeps everybody out for an hour")
	}
	b.note(l, breakerCloses, true, at)
	fill(&b)
	if pass, probe := b.pass(other, at); !pass || probe {
		t.Fatal("others are blamed for the failures of those before")
	}
	var mixed breaker
	for i := range 100 * breakAfter {
		end := breakerCounts
		if i%(breakAfter-1) == 0 {
			end = breakerCloses
		}
		mixed.note(l, end, false, at)
		if pass, _ := mixed.pass(l, at+time.Hour); !pass {
			t.Fatal("broken although some are answered")
		}
	}
}

// busyAt answers one path not before its client goes, and says when it has begun to.
func busyAt(path string, begun chan<- struct{}) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == path {
			begun <- struct{}{}
			<-r.Context().Done()
		}
	})
}

// What the last replica was working on when it ended goes to the next one, if it
// may be carried out twice: there is no other to send it to meanwhile.
func TestWhatWasBegunWaitsForTheNextReplica(t *testing.T) {
	for method, want := range map[string]int{"GET": 200, "POST": 502} {
		t.Run(method, func(t *testing.T) {
			begun := make(chan struct{}, 4)
			one := newReplica(t, 1, busyAt("/slow", begun))
			r := newRig(t, tableOf(1, one))
			r.untilAdmitted(1)
			var asking sync.WaitGroup
			var got told
			var err error
			asking.Go(func() { got, err = r.do(method, r.published, "/slow", nil) })
			<-begun
			one.kill()
			if want == 200 {
				r.until("it is parked", func(s holdfast.GatewayState) bool { return s.Services[0].Parked == 1 })
			}
			r.gateway.Exited(one.exited())
			next := newReplicaAt(t, holdfast.ReplicaID{Service: "catalog", Ordinal: 1, Incarnation: 2}, "127.0.0.1:0", named("new"))
			if err := r.gateway.Apply(t.Context(), tableOf(2, next)); err != nil {
				t.Fatal(err)
			}
			asking.Wait()
			if err != nil || got.status != want || want == 200 && got.body != "new" {
				t.Errorf("%v %+v", err, got)
			}
		})
	}
}

// Who is covered does not wait for the last replica, which is kept although it
// looks bad: its users have their answer as soon as it is doubted, timeout or not.
func TestTheCoveredDoNotWaitForTheLastReplica(t *testing.T) {
	begun := make(chan struct{}, 4)
	one := newReplica(t, 1, busyAt("/slow", begun))
	table := tableOf(1, one)
	for i := range table.Routes {
		table.Routes[i].Timeout, table.Routes[i].Fallback = 0, &holdfast.Fallback{Body: "{}"}
	}
	r := newRig(t, table)
	r.untilAdmitted(1)
	var asking sync.WaitGroup
	var got told
	var err error
	asking.Go(func() { got, err = r.do("GET", r.published, "/slow", nil) })
	<-begun
	r.gateway.refused(r.service().lineup.Load().usable[0], "refused another's connection")
	asking.Wait()
	if err != nil || got.status != 200 || got.header.Get(degraded) != "fallback" {
		t.Errorf("%v %+v", err, got)
	}
	r.untilAdmitted(1)
	one.kill()
	if got := r.get("/"); got.header.Get(degraded) != "fallback" {
		t.Errorf("the first to be refused has %+v", got)
	}
	if state, _ := r.gateway.State(t.Context()); state.Routes[0].Parked != 0 {
		t.Errorf("%d waited for the next replica", state.Routes[0].Parked)
	}
}

// Who stands between the gateway and the only replica may accept for it when it has
// ended, and break off: that it has is known a moment later, and waited out.
func TestWhatBreaksOffBeforeTheEndIsKnownWaits(t *testing.T) {
	var standing atomic.Pointer[rig]
	one := scripted(t, func(n int, in *bufio.Reader, c net.Conn) {
		http.ReadRequest(in)
		if n == 0 {
			go standing.Load().gateway.Exited(holdfast.Process{ID: holdfast.ReplicaID{Service: "catalog", Ordinal: 1, Incarnation: 1}, Exit: &holdfast.ExitStatus{Signal: "SIGKILL"}})
		}
	})
	r := newRig(t, tableOf(1, one))
	standing.Store(r)
	r.untilAdmitted(1)
	r.waitsForTheNext("GET")
}
