package gateway

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"holdfast"
)

// breaks reads a request whole, and closes its connection without a word.
func breaks() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if q.UserAgent() != "holdfast-check" {
			io.Copy(io.Discard, q.Body)
			panic(http.ErrAbortHandler)
		}
	})
}

// repeating is what an edge may say, by how it is written in a file: "" is
// nothing.
func repeating(retries, idempotent string) (r holdfast.Repetition) {
	if retries != "" {
		n := int(retries[0] - '0')
		r.Retries = &n
	}
	if idempotent != "" {
		may := idempotent == "true"
		r.Idempotent = &may
	}
	return r
}

// repeatingRig has replicas whose edge says how often they are asked.
func repeatingRig(t *testing.T, says holdfast.Repetition, handlers ...http.Handler) ([]*replica, *rig) {
	t.Helper()
	all, r := quiet(t, handlers...)
	table := tableOf(2, all...)
	table.Services[0].Healthcheck.Interval = time.Hour
	table.Routes[1].Repetition = says
	if err := r.gateway.Apply(t.Context(), table); err != nil {
		t.Fatal(err)
	}
	return all, r
}

// withoutHedges keeps a starved machine from sending what the test did not ask
// for.
func (r *rig) withoutHedges() {
	b := &r.service().budget
	b.retry(now())
	b.mu.Lock()
	defer b.mu.Unlock()
	b.retries, b.hedges, b.settled = reserve, 0, now()+time.Hour
}

// eject takes a replica out of use, as if its checks had been missed.
func (r *rig) eject(one *replica) {
	s, e := r.service(), r.endpoint(one)
	r.gateway.mu.Lock()
	defer r.gateway.mu.Unlock()
	r.gateway.eject(s, e, holdfast.SignMissed, "told so by the test")
	r.gateway.settle(s)
}

func served(all []*replica) (n int64) {
	for _, one := range all {
		n += one.served.Load()
	}
	return n
}

func of(n int, h http.Handler) []http.Handler {
	all := make([]http.Handler, n)
	for i := range all {
		all[i] = h
	}
	return all
}

// Every replica reads the request and fails it: what arrives there is what was
// written, whoever wrote it again and why.
func TestHowOftenARequestThatFailsIsWritten(t *testing.T) {
	for _, c := range []struct {
		retries, idempotent string
		get, post           int64
	}{
		{get: 2, post: 1},
		{idempotent: "true", get: 2, post: 2},
		{idempotent: "false", get: 1, post: 1},
		{retries: "0", get: 1, post: 1},
		{retries: "0", idempotent: "true", get: 1, post: 1},
		{retries: "0", idempotent: "false", get: 1, post: 1},
		{retries: "1", get: 2, post: 1},
		{retries: "1", idempotent: "true", get: 2, post: 2},
		{retries: "1", idempotent: "false", get: 1, post: 1},
		{retries: "2", get: 3, post: 1},
		{retries: "2", idempotent: "true", get: 3, post: 3},
		{retries: "3", get: 4, post: 1},
		{retries: "3", idempotent: "true", get: 4, post: 4},
		{retries: "3", idempotent: "false", get: 1, post: 1},
	} {
		for how, h := range map[string]http.Handler{"breaks": breaks(), "answers 502": badly()} {
			for method, want := range map[string]int64{"GET": c.get, "POST": c.post} {
				t.Run(fmt.Sprintf("retries %s idempotent %s %s %s", c.retries, c.idempotent, how, method), func(t *testing.T) {
					all, r := repeatingRig(t, repeating(c.retries, c.idempotent), of(5, h)...)
					r.withoutHedges()
					got, err := r.do(method, r.edge, "/", strings.NewReader("x"))
					if err != nil || got.status != 502 {
						t.Errorf("%v %+v, want 502", err, got)
					}
					if n := served(all); n != want {
						t.Errorf("written %d times, want %d: %s", n, want, got.body)
					}
				})
			}
		}
	}
}

// What an edge says of all requests goes before what one says of itself.
func TestAnEdgeThatRepeatsNothingRepeatsNoKeyEither(t *testing.T) {
	all, r := repeatingRig(t, repeating("", "false"), of(3, breaks())...)
	r.withoutHedges()
	for _, method := range []string{"GET", "POST"} {
		got, err := r.do(method, r.edge, "/", strings.NewReader("x"), "Idempotency-Key", "k")
		if err != nil || got.status != 502 || !strings.Contains(got.body, "unknown") {
			t.Errorf("%s: %v %+v", method, err, got)
		}
	}
	if n := served(all); n != 2 {
		t.Errorf("2 requests were written %d times", n)
	}
}

// The third replica answers well: whoever may ask twice more gets there.
func TestRetriesGoOnToWhoAnswers(t *testing.T) {
	for retries, want := range map[string]int{"1": 502, "2": 200, "3": 200} {
		var tries atomic.Int64
		h := http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
			if q.UserAgent() != "holdfast-check" && tries.Add(1) < 3 {
				w.WriteHeader(http.StatusBadGateway)
				return
			}
			body, _ := io.ReadAll(q.Body)
			w.Write(body)
		})
		_, r := repeatingRig(t, repeating(retries, "true"), of(4, h)...)
		r.withoutHedges()
		got, err := r.do("POST", r.edge, "/", strings.NewReader("the body"))
		if err != nil || got.status != want || want == 200 && got.body != "the body" {
			t.Errorf("retries %s: %v %+v, want %d", retries, err, got, want)
		}
	}
}

// Where nothing is said a third replica is asked while few requests fail, and a
// fourth never: two that fail in a row are bad luck then.
func TestAThirdReplicaIsAskedWhileFewFail(t *testing.T) {
	for _, c := range []struct {
		left       float64 // of the budget
		bad        int64   // tries that fail before one does not
		get, tries int
	}{
		{left: savings, bad: 2, get: 200, tries: 3},
		{left: savings, bad: 3, get: 502, tries: 3},
		{left: reserve + 1, bad: 2, get: 502, tries: 2}, // the first of them came out of it, too
		{left: 1, bad: 1, get: 200, tries: 2},
	} {
		for how, h := range map[string]http.Handler{"breaks": breaks(), "answers 502": badly()} {
			t.Run(fmt.Sprintf("%.0f left, the first %d fail: %s", c.left, c.bad, how), func(t *testing.T) {
				var tries atomic.Int64
				all, r := repeatingRig(t, repeating("", ""), of(5, http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
					if q.UserAgent() != "holdfast-check" && tries.Add(1) <= c.bad {
						h.ServeHTTP(w, q)
					}
				}))...)
				r.withoutHedges()
				b := &r.service().budget
				b.mu.Lock()
				b.retries = c.left
				b.mu.Unlock()
				if got, err := r.do("GET", r.edge, "/", nil); err != nil || got.status != c.get {
					t.Errorf("%v %+v, want %d", err, got, c.get)
				}
				if n := served(all); n != int64(c.tries) {
					t.Errorf("asked %d times, want %d", n, c.tries)
				}
			})
		}
	}
}

// A replica that is late is one more reason for a second try, and not one more
// second try.
func TestHowOftenARequestThatWaitsIsWritten(t *testing.T) {
	if testing.Short() {
		t.Skip("it counts tries within a second, which the race detector slows")
	}
	for _, c := range []struct {
		retries, idempotent string
		get, post           int64
	}{
		{get: 3, post: 1},
		{idempotent: "true", get: 3, post: 3},
		{idempotent: "false", get: 1, post: 1},
		{retries: "0", idempotent: "true", get: 1, post: 1},
		{retries: "1", idempotent: "true", get: 2, post: 2},
		{retries: "3", idempotent: "true", get: 3, post: 3},
	} {
		for method, want := range map[string]int64{"GET": c.get, "POST": c.post} {
			t.Run(fmt.Sprintf("retries %s idempotent %s %s", c.retries, c.idempotent, method), func(t *testing.T) {
				t.Parallel()
				release := make(chan struct{})
				all, r := repeatingRig(t, repeating(c.retries, c.idempotent), of(5, wait(release, named("late")))...)
				got, err := r.do(method, r.edge, "/", nil)
				close(release)
				if err != nil || got.status != 504 {
					t.Errorf("%v %+v, want 504", err, got)
				}
				if n := served(all); n != want {
					t.Errorf("written %d times, want %d", n, want)
				}
			})
		}
	}
}

// Of what was never written nothing can be carried out twice.
func TestWhatWasNotWrittenGoesElsewhereWhateverTheEdgeSays(t *testing.T) {
	for _, idempotent := range []string{"", "true", "false"} {
		all, r := repeatingRig(t, repeating("0", idempotent), of(3, named("ok"))...)
		all[0].kill()
		r.onlyTo(all[0])
		for _, method := range []string{"POST", "GET"} {
			if got, err := r.do(method, r.edge, "/", strings.NewReader("x")); err != nil || got.status != 200 {
				t.Errorf("idempotent %q: %s: %v %+v", idempotent, method, err, got)
			}
		}
		if n := served(all); n != 2 {
			t.Errorf("idempotent %q: 2 requests were written %d times", idempotent, n)
		}
	}
}

// A connection that is refused on the way takes no second try away, whether it
// comes before what was written or after it.
func TestARefusedConnectionIsNoSecondTry(t *testing.T) {
	for name, first := range map[string]int{"refused, broken, answered": 1, "broken, refused, answered": 0} {
		t.Run(name, func(t *testing.T) {
			all, r := repeatingRig(t, repeating("1", ""), breaks(), named("2"), named("3"))
			r.withoutHedges()
			all[1].kill()
			r.onlyTo(all[first])
			r.endpoint(all[2]).inFlight.Store(100) // the last to be picked
			if got, err := r.do("GET", r.edge, "/", nil); err != nil || got.status != 200 || got.body != "3" {
				t.Errorf("%v %+v", err, got)
			}
			if n := all[0].served.Load(); n != 1 {
				t.Errorf("written to the one that breaks %d times", n)
			}
		})
	}
}

// Who waits at a replica that is ejected is sent elsewhere only if it may be:
// who may not waits on, and gets the answer that comes after all.
func TestAnEjectionGivesUpOnlyWhatMayBeRepeated(t *testing.T) {
	for _, c := range []struct {
		retries, idempotent, method, body string
	}{
		{method: "GET", body: "2"},
		{method: "POST", body: "1"},
		{idempotent: "true", method: "POST", body: "2"},
		{idempotent: "false", method: "GET", body: "1"},
		{retries: "0", method: "GET", body: "1"},
		{retries: "1", method: "GET", body: "2"},
	} {
		t.Run(fmt.Sprintf("retries %s idempotent %s %s", c.retries, c.idempotent, c.method), func(t *testing.T) {
			release, begun := make(chan struct{}), make(chan struct{}, 1)
			first := http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
				if q.UserAgent() != "holdfast-check" {
					io.Copy(io.Discard, q.Body)
					begun <- struct{}{}
					<-release
				}
				io.WriteString(w, "1")
			})
			all, r := repeatingRig(t, repeating(c.retries, c.idempotent), first, named("2"))
			r.withoutHedges()
			r.onlyTo(all[0])
			answered := make(chan told, 1)
			go func() {
				got, _ := r.do(c.method, r.edge, "/", strings.NewReader("x"))
				answered <- got
			}()
			<-begun
			e := r.endpoint(all[0])
			r.until("it is waited for", func(holdfast.GatewayState) bool { return e.waits.age(now()) > 0 })
			r.eject(all[0])
			if c.body == "1" {
				close(release)
			} else {
				defer close(release)
			}
			if got := <-answered; got.status != 200 || got.body != c.body {
				t.Errorf("%+v, want %q", got, c.body)
			}
		})
	}
}

// However often an edge may be asked, all of its second tries come out of the
// service's budget.
func TestABudgetHoldsWhateverAnEdgeSays(t *testing.T) {
	const requests = 300
	all, r := repeatingRig(t, repeating("3", "true"), of(5, badly())...)
	began := time.Now()
	for range requests {
		if got, err := r.do("POST", r.edge, "/", strings.NewReader("x")); err != nil || got.status != 502 {
			t.Fatalf("%v %+v", err, got)
		}
	}
	most := reserve + int64(retryShare*requests+reserveRate*time.Since(began).Seconds()) + 1
	if again := served(all) - requests; again > most || again < reserve+retryShare*requests-1 {
		t.Errorf("%d second tries of %d requests, want at most %d", again, requests, most)
	}
	if state, _ := r.gateway.State(t.Context()); state.Routes[1].RefusedByBudget == 0 {
		t.Error("the budget refused none")
	}
}
