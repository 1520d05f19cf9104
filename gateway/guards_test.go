package gateway

import (
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"holdfast"
	"holdfast/detect"
)

// allAdmitted is a gateway that does not run, with n admitted replicas.
func allAdmitted(t *testing.T, n int) (*Gateway, *service) {
	t.Helper()
	g, s := judging(t, n)
	for _, e := range s.endpoints {
		g.judge(s, e, sighting{detail: "fine"})
	}
	return g, s
}

// serve lets each endpoint answer so many requests, of which those of the given
// ones fail, and a pulse goes by after each round. All checks are good.
func serve(g *Gateway, s *service, requests int, failing ...*endpoint) {
	for range requests {
		for _, e := range s.endpoints {
			failed := false
			for _, f := range failing {
				failed = failed || f == e
			}
			e.learn(outcome{took: time.Nanosecond, failed: failed}, now())
		}
		g.reviewErrors(now())
		for _, e := range s.endpoints {
			if e.apart > 0 {
				g.judge(s, e, sighting{detail: "fine", began: now()})
			}
		}
	}
}

// Requests fail where nobody can be reached. That is for the checks to say.
func TestErrorsWaitForACheck(t *testing.T) {
	g, s := allAdmitted(t, 3)
	first := s.endpoints[0]
	for range 50 {
		for _, e := range s.endpoints {
			e.learn(outcome{took: time.Nanosecond, failed: e == first}, now())
		}
		g.reviewErrors(now())
	}
	if first.standing != admitted {
		t.Fatalf("ejected by %s before any check", first.sign)
	}
	if got := once(s.endpoints, 100); got[first] > 0 {
		t.Errorf("%d of 100 requests that are sent once went there meanwhile", got[first])
	}
	for range s.check.Retries {
		g.judge(s, first, sighting{sign: holdfast.SignUnreachable, detail: "connect: no answer in time"})
	}
	if first.standing != ejected || first.sign != holdfast.SignUnreachable {
		t.Errorf("standing %d by %q", first.standing, first.sign)
	}
}

// Traffic's evidence against any number of replicas, one after the other: half
// are out at most, and the last stays.
func TestErrorsPutOutHalfAtMost(t *testing.T) {
	for n, want := range []int{0, 0, 1, 1, 2, 2} {
		if n == 0 {
			continue
		}
		g, s := allAdmitted(t, n)
		for i := range n {
			serve(g, s, 200, s.endpoints[i])
			noneUsedAgain(t, s)
		}
		if out := n - len(s.lineup.Load().usable); out != want {
			t.Errorf("%d replicas: %d are out, want %d", n, out, want)
		}
	}
}

// noneUsedAgain fails if somebody was put out who had to be taken back.
func noneUsedAgain(t *testing.T, s *service) {
	t.Helper()
	for _, e := range s.endpoints {
		if strings.Contains(e.reason, "used again") {
			t.Errorf("of %d replicas: %s", len(s.endpoints), e.reason)
		}
	}
}

// The same by checks that are answered too late: whoever is slow is not out and
// in again.
func TestSlowChecksPutOutHalfAtMost(t *testing.T) {
	for n := 2; n <= 5; n++ {
		g, s := allAdmitted(t, n)
		for _, e := range s.endpoints {
			e.checks = e.checks.Late(now())
			for range s.check.Retries {
				g.judge(s, e, sighting{sign: holdfast.SignMissed, detail: "no answer in time"})
			}
			noneUsedAgain(t, s)
		}
		if out := n - s.count(admitted); out != n/2 {
			t.Errorf("%d replicas: %d are out", n, out)
		}
	}
}

func TestTheDeclaredMinimumIsNotPutOutByTraffic(t *testing.T) {
	g, s := allAdmitted(t, 3)
	s.minimum = 3
	serve(g, s, 200, s.endpoints[0])
	if n := s.count(admitted); n != 3 {
		t.Errorf("%d are admitted", n)
	}
}

// All fail alike, from the first request of the fault on.
func TestWhatAllHaveIsNobodysFault(t *testing.T) {
	for n := 2; n <= 5; n++ {
		g, s := allAdmitted(t, n)
		serve(g, s, 100)
		serve(g, s, 300, s.endpoints...)
		if in := s.count(admitted); in != n {
			t.Errorf("%d replicas that all fail: %d are admitted", n, in)
		}
		serve(g, s, 2000)
		serve(g, s, 200, s.endpoints[0])
		if s.endpoints[0].standing != ejected {
			t.Errorf("%d replicas: afterwards nobody is ejected any more", n)
		}
	}
}

// One is out by its errors, and then another one dies: what is left is fewer
// than half, so the first is used again. The dead is not.
func TestTooFewLeftFailsOpen(t *testing.T) {
	g, s := allAdmitted(t, 4)
	serve(g, s, 100, s.endpoints[0])
	serve(g, s, 100, s.endpoints[1])
	if n := s.count(admitted); n != 2 {
		t.Fatalf("%d are admitted", n)
	}
	g.Exited(holdfast.Process{ID: s.endpoints[2].ID, Exit: &holdfast.ExitStatus{Code: 1}})
	if first := s.endpoints[0]; first.standing != admitted || !strings.Contains(first.reason, "fewer than half") {
		t.Errorf("the one that was out for longest is %d: %s", first.standing, first.reason)
	}
	for _, e := range s.endpoints[:2] {
		g.Exited(holdfast.Process{ID: e.ID, Exit: &holdfast.ExitStatus{Code: 1}})
	}
	if l := s.lineup.Load(); len(l.usable) != 1 || len(l.standby) != 0 {
		t.Errorf("the dead are used: %d, %d", len(l.usable), len(l.standby))
	}
}

// A gateway that stood still finds every time-out passed when it wakes. That is
// no evidence against anybody; what it waits for afterwards has more time.
func TestWhoeverStoodStillBlamesNobody(t *testing.T) {
	g, s := allAdmitted(t, 2)
	at := now()
	g.beat(at - 3*detect.Pulse)
	miss := sighting{sign: holdfast.SignMissed, detail: "no answer in time", began: at - time.Second, mute: true}
	for range 5 {
		g.judge(s, s.endpoints[0], miss) // the pulse is overdue, and has not noticed yet
	}
	g.beat(at)
	for range 5 {
		g.judge(s, s.endpoints[0], miss) // it has
	}
	if e := s.endpoints[0]; e.standing != admitted || e.checks.Misses != 0 {
		t.Errorf("standing %d after %d misses", e.standing, e.checks.Misses)
	}
	if p := g.patience(100 * time.Millisecond); p != 200*time.Millisecond {
		t.Errorf("patience for 100ms is %s", p)
	}
	miss.began = at + time.Millisecond
	g.judge(s, s.endpoints[1], sighting{detail: "fine", began: at + 2*time.Millisecond})
	for range 2 {
		g.judge(s, s.endpoints[0], miss)
	}
	if e := s.endpoints[0]; e.standing != ejected {
		t.Errorf("what began after it counts: standing %d", e.standing)
	}
}

// fall lets a replica be ejected by missed checks, and says for how long.
func fall(g *Gateway, s *service, e *endpoint) time.Duration {
	for range s.check.Retries {
		g.judge(s, e, sighting{sign: holdfast.SignMissed, detail: "no answer in time"})
	}
	return max(0, e.held-e.since).Round(100 * time.Millisecond)
}

// rise lets it pass its checks, and says whether it is admitted.
func rise(g *Gateway, s *service, e *endpoint) bool {
	for range 2 {
		e.checks = detect.Checks{Passes: e.checks.Passes} // so that no time need pass between two passes
		g.judge(s, e, sighting{detail: "fine"})
	}
	return e.standing == admitted
}

// A replica that goes up and down stays out longer each time, and in the end for
// minutes; a restart does not clear that.
func TestWhoeverFlapsStaysOut(t *testing.T) {
	g, s := allAdmitted(t, 3)
	e := s.endpoints[0]
	for i, want := range []time.Duration{0, 2 * time.Second, 4 * time.Second} {
		if held := fall(g, s, e); held != want {
			t.Fatalf("fall %d: held for %s, want %s", i+1, held, want)
		}
		if want > 0 && rise(g, s, e) {
			t.Fatalf("fall %d: admitted although held", i+1)
		}
		e.held = 0 // its time goes by
		if !rise(g, s, e) {
			t.Fatalf("fall %d: not admitted", i+1)
		}
	}
	if held := fall(g, s, e); held < 2*time.Minute || held > 3*time.Minute {
		t.Fatalf("the fourth fall: held for %s", held)
	}
	next := newEndpoint(s, holdfast.Endpoint{ID: holdfast.ReplicaID{Service: "catalog", Ordinal: 1, Incarnation: 2}, Address: e.Address})
	s.endpoints[0] = next
	if g.judge(s, next, sighting{detail: "fine"}); next.standing != unknown || !strings.Contains(next.reason, "up and down") {
		t.Errorf("its next incarnation is %d: %s", next.standing, next.reason)
	}
	g.Exited(holdfast.Process{ID: s.endpoints[1].ID, Exit: &holdfast.ExitStatus{}})
	g.Exited(holdfast.Process{ID: s.endpoints[2].ID, Exit: &holdfast.ExitStatus{}})
	if g.judge(s, next, sighting{detail: "fine"}); next.standing != admitted {
		t.Error("held back although there is nobody else")
	}
}

// A crash is not flapping: restarts have their own back-off.
func TestACrashIsNotFlapping(t *testing.T) {
	g, s := allAdmitted(t, 2)
	for i := range 10 {
		e := s.endpoints[0]
		g.refused(e, "refused") // seen before the kernel tells
		g.Exited(holdfast.Process{ID: e.ID, Exit: &holdfast.ExitStatus{Signal: "SIGKILL"}})
		next := newEndpoint(s, holdfast.Endpoint{ID: holdfast.ReplicaID{Service: "catalog", Ordinal: 1, Incarnation: holdfast.Incarnation(i + 2)}, Address: e.Address})
		s.endpoints[0] = next
		if g.judge(s, next, sighting{detail: "fine"}); next.standing != admitted {
			t.Fatalf("after crash %d: %s", i+1, next.reason)
		}
	}
}

func TestGuardsAreResetOverTheControlSocket(t *testing.T) {
	g, s := allAdmitted(t, 3)
	path := filepath.Join(t.TempDir(), "gateway.sock")
	control(t, g, path)
	e := s.endpoints[0]
	for range 4 {
		fall(g, s, e)
		e.held = 0
		rise(g, s, e)
	}
	if fall(g, s, e) == 0 || rise(g, s, e) {
		t.Fatal("not held")
	}
	if err := Dial(path).ResetGuards(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !rise(g, s, e) {
		t.Error("still held")
	}
	if held := fall(g, s, e); held != 0 {
		t.Errorf("held for %s", held)
	}
}

// Three replicas ask a dependency in their health checks, and it is gone: each of
// them answers too late, and none is put out for it. One that hangs alone is.
func TestWhatTheirChecksWaitForIsNobodysFault(t *testing.T) {
	var gone atomic.Bool
	asks := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if gone.Load() {
			select {
			case <-r.Context().Done():
			case <-time.After(time.Second):
			}
		}
		w.WriteHeader(http.StatusOK)
	})
	all := []*replica{newReplica(t, 1, asks), newReplica(t, 2, asks), newReplica(t, 3, asks)}
	table := tableOf(3, all...)
	table.Services[0].Healthcheck.Timeout = 300 * time.Millisecond
	r := newRig(t, table)
	r.untilAdmitted(3)
	heard := r.hear()
	gone.Store(true)
	r.until("all have missed", func(s holdfast.GatewayState) bool {
		n := 0
		for _, e := range s.Endpoints {
			if strings.HasPrefix(e.Reason, "looks bad, and so do the others") {
				n++
			}
		}
		return n == 3
	})
	gone.Store(false)
	r.until("all answer again", func(s holdfast.GatewayState) bool {
		return !slices.ContainsFunc(s.Endpoints, func(e holdfast.EndpointState) bool { return strings.HasPrefix(e.Reason, "looks bad") })
	})
	for _, one := range all {
		if told := heard.ejections(one); len(told) > 0 {
			t.Errorf("%s was ejected: %+v", one.id, told)
		}
	}
	all[0].stop()
	r.until("the one that hangs alone is out", func(s holdfast.GatewayState) bool { return !s.Endpoints[0].Admitted })
}
