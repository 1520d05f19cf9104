package gateway

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"holdfast"
)

// judging is a gateway that does not run, for verdicts one by one.
func judging(t *testing.T, n int) (*Gateway, *service) {
	t.Helper()
	g := newGateway(t, t.TempDir())
	table := tableOf(1)
	for i := range n {
		table.Services[0].Endpoints = append(table.Services[0].Endpoints, holdfast.Endpoint{
			ID:      holdfast.ReplicaID{Service: "catalog", Ordinal: i + 1, Incarnation: 1},
			Address: fmt.Sprintf("127.0.0.1:%d", i+1),
		})
	}
	if err := g.Apply(t.Context(), table); err != nil {
		t.Fatal(err)
	}
	return g, g.services["catalog"]
}

// Every number of replicas from 1 to 5, taken out one after another: whatever
// the evidence of others than the kernel, somebody is left to answer.
func TestNeverTheLast(t *testing.T) {
	for n := 1; n <= 5; n++ {
		g, s := judging(t, n)
		for _, e := range s.endpoints {
			g.judge(s, e, sighting{detail: "fine"})
		}
		for i, e := range s.endpoints {
			g.refused(e, "refused")
			usable := s.lineup.Load().usable
			if want := max(n-i-1, 1); len(usable) != want {
				t.Errorf("%d replicas, %d bad: %d are used, want %d", n, i+1, len(usable), want)
			}
		}
		last := s.endpoints[n-1]
		if last.standing != kept || !slices.Equal(s.lineup.Load().usable, []*endpoint{last}) {
			t.Errorf("%d replicas: the last one is %d", n, last.standing)
		}
		for _, e := range s.endpoints {
			g.Exited(holdfast.Process{ID: e.ID, Exit: &holdfast.ExitStatus{Code: 1}})
		}
		if l := s.lineup.Load(); len(l.usable)+len(l.standby) > 0 {
			t.Errorf("%d replicas that have all ended: %d are used", n, len(l.usable)+len(l.standby))
		}
	}
}

func TestMissesInARowEject(t *testing.T) {
	g, s := judging(t, 2)
	first := s.endpoints[0]
	pass, miss := sighting{detail: "fine"}, sighting{sign: holdfast.SignMissed, detail: "no answer in time"}
	g.judge(s, s.endpoints[1], pass)
	for i, step := range []struct {
		seen sighting
		want standing
	}{
		{pass, admitted}, {miss, admitted}, {pass, admitted}, {miss, admitted}, {miss, ejected}, {pass, ejected}, {miss, ejected},
	} {
		g.judge(s, first, step.seen)
		if first.standing != step.want {
			t.Fatalf("step %d: standing %d, want %d", i, first.standing, step.want)
		}
	}
}

// A replica that starts refuses connections. That is no verdict, and requests
// that try it while there is nobody else do not make it one.
func TestWhoeverStartsIsNotBad(t *testing.T) {
	g, s := judging(t, 1)
	for range 10 {
		g.refused(s.endpoints[0], "refused")
		g.judge(s, s.endpoints[0], sighting{sign: holdfast.SignRefused, detail: "refused"})
	}
	if e := s.endpoints[0]; e.standing != unknown || len(s.lineup.Load().usable) != 1 {
		t.Errorf("standing %d, %d usable", e.standing, len(s.lineup.Load().usable))
	}
	s.check.StartPeriod = time.Nanosecond
	g.judge(s, s.endpoints[0], sighting{sign: holdfast.SignRefused, detail: "refused"})
	if e := s.endpoints[0]; e.standing != ejected || !strings.Contains(e.reason, "not ready within") {
		t.Errorf("past its start period: standing %d, %s", e.standing, e.reason)
	}
}

// A new replica takes no requests before it was seen to answer.
func TestANewReplicaWaitsForItsFirstPass(t *testing.T) {
	g, s := judging(t, 2)
	g.judge(s, s.endpoints[0], sighting{detail: "fine"})
	if usable := s.lineup.Load().usable; len(usable) != 1 || usable[0] != s.endpoints[0] {
		t.Errorf("%d usable", len(usable))
	}
}

func TestAHealthPathDemandsAGoodStatus(t *testing.T) {
	var status atomic.Int64
	status.Store(404)
	h := http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) { w.WriteHeader(int(status.Load())) })
	first, second := newReplica(t, 1, h), newReplica(t, 2, named("2"))
	table := tableOf(1, first, second)
	r := newRig(t, table)
	r.untilAdmitted(2) // any answer will do
	table.Revision, table.Services[0].Healthcheck.Path = 2, "/healthz"
	if err := r.gateway.Apply(t.Context(), table); err != nil {
		t.Fatal(err)
	}
	r.untilAdmitted(1)
	state, _ := r.gateway.State(t.Context())
	if e := state.Endpoints[0]; e.Admitted || e.Reason != "GET /healthz: status 404" {
		t.Errorf("%+v", e)
	}
	status.Store(301)
	r.untilAdmitted(2)
}

// Whoever listens nowhere is admitted for running, and only an exit ends that.
func TestADisabledCheckAdmitsAtOnce(t *testing.T) {
	g := newGateway(t, t.TempDir())
	table := tableOf(1)
	table.Services[0].Healthcheck.Disabled = true
	id := holdfast.ReplicaID{Service: "catalog", Ordinal: 1, Incarnation: 1}
	table.Services[0].Endpoints = []holdfast.Endpoint{{ID: id, Address: "127.0.0.1:1"}}
	if err := g.Apply(t.Context(), table); err != nil {
		t.Fatal(err)
	}
	e := g.services["catalog"].endpoints[0]
	if g.refused(e, "refused"); e.standing != admitted {
		t.Errorf("standing %d", e.standing)
	}
	if g.Exited(holdfast.Process{ID: id, Exit: &holdfast.ExitStatus{}}); e.standing != gone {
		t.Errorf("standing %d", e.standing)
	}
}
