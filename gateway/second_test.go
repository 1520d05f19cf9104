package gateway

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"holdfast"
)

// badly answers 502, as a service whose dependency is gone.
func badly() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if q.UserAgent() != "holdfast-check" {
			w.WriteHeader(http.StatusBadGateway)
		}
	})
}

// What all wait for behind them, the next one would wait for too: a failure that
// took long is passed on, and its user does not wait for it twice.
func TestAFailureThatTookLongIsNotTriedAgain(t *testing.T) {
	all, r := quiet(t, badly(), badly(), badly())
	for _, one := range all {
		one.delay.Store(int64(400 * time.Millisecond))
	}
	b := &r.service().budget
	at := now()
	for b.hedge(at, true) {
	}
	b.mu.Lock()
	b.settled = at + time.Hour // no hedge comes back meanwhile
	b.mu.Unlock()
	began := time.Now()
	got, err := r.do("GET", r.published, "/", nil)
	if took := time.Since(began); err != nil || got.status != 502 || took > 700*time.Millisecond {
		t.Errorf("%v, %d after %s", err, got.status, took)
	}
	if state, _ := r.gateway.State(t.Context()); state.Routes[0].Retried != 0 {
		t.Errorf("retried %d times", state.Routes[0].Retried)
	}
}

// What is kept for second tries is bounded over all requests: one that finds no
// room has none, and what it took is given back.
func TestBodiesThatAreKeptAreBoundedTogether(t *testing.T) {
	for others, want := range map[int64]int{0: 200, maxReplays - 50: 502} {
		all, r := quiet(t, badly(), named("2"))
		kept := &r.gateway.replays.bytes
		kept.Store(others)
		r.onlyTo(all[0])
		got, err := r.do("PUT", r.published, "/", strings.NewReader(strings.Repeat("x", 100)))
		if err != nil || got.status != want {
			t.Errorf("with %d bytes kept: %v, %d, want %d", others, err, got.status, want)
		}
		r.until("nothing of it is kept", func(holdfast.GatewayState) bool { return kept.Load() == others })
	}
}

// Who is asked already may still do better, but is not waited for for long.
func TestAFailureThatTookLongIsNotKeptForLong(t *testing.T) {
	all, r := quiet(t, badly(), named("2"))
	all[0].delay.Store(int64(400 * time.Millisecond))
	all[1].stop()
	defer all[1].resume()
	r.onlyTo(all[0])
	began := time.Now()
	got, err := r.do("GET", r.edge, "/", nil)
	took := time.Since(began)
	if err != nil || got.status != 502 || took < 400*time.Millisecond+longFailing || took > 400*time.Millisecond+longFailing+300*time.Millisecond {
		t.Errorf("%v, %d after %s, want 502 after %s", err, got.status, took, 400*time.Millisecond+longFailing)
	}
	r.until("nobody lingers", func(holdfast.GatewayState) bool { return r.endpoint(all[1]).lingering.Load() == 0 })
}

// One that fails at once says nothing about the others: another is asked, however
// long it takes.
func TestAFailureAtOnceIsTriedAgain(t *testing.T) {
	all, r := quiet(t, badly(), named("2"))
	all[1].delay.Store(int64(600 * time.Millisecond))
	r.onlyTo(all[0])
	if got := r.get("/"); got.status != 200 || got.body != "2" {
		t.Errorf("%+v", got)
	}
}
