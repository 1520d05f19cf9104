package gateway

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"holdfast"
)

// quiet are n replicas of one service whose checks come so rarely that only
// requests can notice something, and a rig.
func quiet(t *testing.T, handlers ...http.Handler) ([]*replica, *rig) {
	t.Helper()
	var all []*replica
	for i, h := range handlers {
		all = append(all, newReplica(t, i+1, h))
	}
	table := tableOf(1, all...)
	table.Services[0].Healthcheck.Interval = time.Hour
	r := newRig(t, table)
	r.untilAdmitted(len(handlers))
	return all, r
}

func (r *rig) service() *service {
	r.gateway.mu.Lock()
	defer r.gateway.mu.Unlock()
	return r.gateway.services["catalog"]
}

// endpoint is the one of a replica.
func (r *rig) endpoint(of *replica) *endpoint {
	r.gateway.mu.Lock()
	defer r.gateway.mu.Unlock()
	for _, e := range r.gateway.services["catalog"].endpoints {
		if e.ID == of.id {
			return e
		}
	}
	r.t.Fatalf("no endpoint for %s", of.id)
	return nil
}

// onlyTo makes the picker choose one replica first: the others seem dear.
func (r *rig) onlyTo(first *replica) {
	for _, e := range r.service().lineup.Load().usable {
		e.inFlight.Store(0)
		if e.ID != first.id {
			e.inFlight.Store(50)
		}
	}
}

// Who reads is answered by another replica when the first one is silent; who
// writes waits, since it must not be written twice.
func TestOnlyReadsAreSentToTwoReplicas(t *testing.T) {
	for method, hedged := range map[string]bool{"GET": true, "HEAD": true, "OPTIONS": true, "PUT": false, "DELETE": false, "POST": false} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			all, r := quiet(t, named("1"), named("2"))
			all[0].stop()
			r.onlyTo(all[0])
			got, err := r.do(method, r.edge, "/", nil)
			state, _ := r.gateway.State(t.Context())
			if want := map[bool]int{true: 200, false: 504}[hedged]; err != nil || got.status != want {
				t.Errorf("%v %+v, want %d", err, got, want)
			}
			if n := state.Routes[1].Hedged; (n == 1) != hedged {
				t.Errorf("hedged %d times", n)
			}
			all[0].resume()
		})
	}
}

// The one that lost is listened to, so that it is known how slow it is.
func TestWhoLosesIsListenedTo(t *testing.T) {
	all, r := quiet(t, named("1"), named("2"))
	all[0].delay.Store(int64(600 * time.Millisecond))
	r.onlyTo(all[0])
	e := r.endpoint(all[0])
	before, began := e.heard.Load(), time.Now()
	if got, err := r.do("GET", r.published, "/", nil); err != nil || got.body != "2" {
		t.Fatalf("%v %+v", err, got)
	}
	if took := time.Since(began); took > 500*time.Millisecond {
		t.Errorf("took %s", took)
	}
	if n := e.lingering.Load(); n != 1 {
		t.Errorf("%d linger", n)
	}
	if e.heard.Load() != before {
		t.Error("heard before it answered")
	}
	r.until("the loser has answered", func(s holdfast.GatewayState) bool { return e.lingering.Load() == 0 })
	e.reputation.mu.Lock()
	defer e.reputation.mu.Unlock()
	if e.reputation.peak < 0.5 || e.heard.Load() == before || e.reputation.failing > 0 {
		t.Errorf("its peak is %.3f s, failing %.2f, heard %d", e.reputation.peak, e.reputation.failing, e.heard.Load())
	}
}

// One that never answers is waited for 2 s, and not once the gateway ends.
func TestWhoLosesIsNotListenedToForEver(t *testing.T) {
	for name, ends := range map[string]bool{"its time is over": false, "the gateway ends": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			all, r := quiet(t, named("1"), named("2"))
			all[0].stop()
			r.onlyTo(all[0])
			e := r.endpoint(all[0])
			if got := r.get("/"); got.body != "2" {
				t.Fatalf("%+v", got)
			}
			began := time.Now()
			if ends {
				r.client.CloseIdleConnections()
				r.end()
				if took := time.Since(began); took > time.Second {
					t.Errorf("the gateway took %s to end", took)
				}
			} else {
				r.until("nobody lingers", func(holdfast.GatewayState) bool { return e.lingering.Load() == 0 })
			}
			if n := e.inFlight.Load(); n != 0 || e.waits.age(now()) != 0 {
				t.Errorf("%d in flight, the oldest waits for %s", n, e.waits.age(now()))
			}
			e.reputation.mu.Lock()
			defer e.reputation.mu.Unlock()
			if e.reputation.failing > 0 || !ends && e.reputation.peak < 1 {
				t.Errorf("failing %.2f, peak %.3f s", e.reputation.failing, e.reputation.peak)
			}
			all[0].resume()
		})
	}
}

func TestTheBudgetRefusesAHedge(t *testing.T) {
	all, r := quiet(t, named("1"), named("2"))
	all[0].delay.Store(int64(300 * time.Millisecond))
	b := &r.service().budget
	b.hedge(now(), false) // is settled
	b.mu.Lock()
	b.hedges = -1000
	b.mu.Unlock()
	r.onlyTo(all[0])
	if got := r.get("/"); got.body != "1" {
		t.Errorf("%+v", got)
	}
	state, _ := r.gateway.State(t.Context())
	if route := state.Routes[0]; route.Hedged != 0 || route.RefusedByBudget != 1 {
		t.Errorf("%+v", route)
	}
}

// A client that leaves while two replicas work for it ends both.
func TestAClientThatLeavesEndsBothTries(t *testing.T) {
	var begun, ended atomic.Int64
	h := http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if q.UserAgent() == "holdfast-check" {
			return
		}
		begun.Add(1)
		<-q.Context().Done()
		ended.Add(1)
	})
	_, r := quiet(t, h, h)
	c, _ := r.raw()
	io.WriteString(c, "GET / HTTP/1.1\r\nHost: shop\r\n\r\n")
	r.until("both work", func(holdfast.GatewayState) bool { return begun.Load() == 2 })
	c.Close()
	r.until("neither works", func(s holdfast.GatewayState) bool {
		return ended.Load() == 2 && s.Endpoints[0].InFlight+s.Endpoints[1].InFlight == 0
	})
	if state, _ := r.gateway.State(t.Context()); state.Routes[0].Failed+state.Endpoints[0].Failures+state.Endpoints[1].Failures > 0 {
		t.Errorf("somebody is blamed: %+v", state)
	}
}

// A long poll takes as long as it takes: on a published route nothing but its
// replica's ejection ends it.
func TestALongPollLives(t *testing.T) {
	t.Parallel()
	h := http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if q.UserAgent() != "holdfast-check" {
			<-time.After(1500 * time.Millisecond)
		}
		io.WriteString(w, "news")
	})
	_, r := quiet(t, h, h)
	if got := r.get("/"); got.status != 200 || got.body != "news" {
		t.Errorf("%+v", got)
	}
	if state, _ := r.gateway.State(t.Context()); admittedIn(state) != 2 {
		t.Errorf("%+v", state.Endpoints)
	}
}

// At an ejection whatever may be sent again goes to another replica at once; a
// POST that was written waits on, and a body too long to keep does, too.
func TestAnEjectionSendsAgainWhatIsSafe(t *testing.T) {
	for _, c := range []struct {
		name, method, key string
		body              int
		again             bool
	}{
		{name: "GET", method: "GET", again: true},
		{name: "PUT", method: "PUT", body: 1000, again: true},
		{name: "POST with key", method: "POST", key: "k-1", body: 1000, again: true},
		{name: "POST", method: "POST", body: 1000},
		{name: "a body too long to keep", method: "PUT", body: replayLimit + 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			held := make(chan struct{})
			begun := make(chan struct{}, 1)
			slow := http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
				if q.UserAgent() == "holdfast-check" {
					return
				}
				io.Copy(io.Discard, q.Body)
				begun <- struct{}{}
				<-held
				io.WriteString(w, "1")
			})
			all, r := quiet(t, slow, named("2"))
			e := r.endpoint(all[0])
			b := &r.service().budget
			b.hedge(now(), false) // is settled
			b.hedges = -1000      // so that a GET waits, too
			r.onlyTo(all[0])
			answered := make(chan told, 1)
			go func() {
				got, _ := r.do(c.method, r.published, "/", strings.NewReader(strings.Repeat("x", c.body)), "Idempotency-Key", c.key)
				answered <- got
			}()
			<-begun
			r.until("it waits", func(holdfast.GatewayState) bool { return e.waits.age(now()) > 0 })
			e.waits.giveUp()
			if c.again {
				if got := <-answered; got.status != 200 || got.body != "2" {
					t.Errorf("%+v", got)
				}
				close(held)
				return
			}
			select {
			case got := <-answered:
				t.Errorf("answered %+v", got)
				answered <- got
			case <-time.After(50 * time.Millisecond):
			}
			close(held)
			if got := <-answered; got.body != "1" {
				t.Errorf("%+v", got)
			}
		})
	}
}

// A connect that hangs moves any method on, in time.
func TestAConnectThatHangsMovesAnyMethod(t *testing.T) {
	all, r := quiet(t, named("1"), named("2"))
	all[0].blackhole(t)
	r.endpoint(all[0]).pool.drain()
	r.onlyTo(all[0])
	began := time.Now()
	got, err := r.do("POST", r.published, "/", strings.NewReader("x"))
	if took := time.Since(began); err != nil || got.body != "2" || took < briefConnectTime || took > lateAfter {
		t.Errorf("%v %+v in %s", err, got, took)
	}
}

// Whoever sends the first byte is read to the end of the head on the client's
// own goroutine, early hints included.
func TestEarlyHintsPassInARace(t *testing.T) {
	hints := http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		w.Header().Set("Link", "</a.css>")
		w.WriteHeader(103)
		io.WriteString(w, "done")
	})
	all, r := quiet(t, named("1"), hints)
	all[0].stop()
	r.onlyTo(all[0])
	c, in := r.raw()
	io.WriteString(c, "GET / HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n")
	if text, _ := io.ReadAll(in); !strings.HasPrefix(string(text), "HTTP/1.1 103") || !strings.Contains(string(text), "HTTP/1.1 200") {
		t.Errorf("%q", text)
	}
	all[0].resume()
}

// Of two bad answers the first is passed on; a good one is preferred whichever
// comes when.
func TestABadAnswerIsTriedOnce(t *testing.T) {
	answer := func(status int, body string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
			if q.UserAgent() == "holdfast-check" {
				return
			}
			io.Copy(io.Discard, q.Body)
			w.Header().Set("X-From", body[:1])
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(status)
			io.WriteString(w, body)
		})
	}
	long := strings.Repeat("x", heldBytes+1)
	for _, c := range []struct {
		name, method  string
		first, second http.Handler
		status        int
		body          string
		tries         uint64
	}{
		{name: "the second is good", method: "GET", first: answer(500, "a"), second: answer(200, "b"), status: 200, body: "b", tries: 2},
		{name: "the second is none of ours to judge", method: "GET", first: answer(500, "a"), second: answer(404, "b"), status: 404, body: "b", tries: 2},
		{name: "both are bad", method: "GET", first: answer(503, "a"), second: answer(500, "b"), status: 503, body: "a", tries: 2},
		{name: "a PUT with its body", method: "PUT", first: answer(500, "a"), second: answer(200, "b"), status: 200, body: "b", tries: 2},
		{name: "a POST", method: "POST", first: answer(500, "a"), second: answer(200, "b"), status: 500, body: "a", tries: 1},
		{name: "too long to keep", method: "GET", first: answer(500, long), second: answer(200, "b"), status: 500, body: long, tries: 1},
		{name: "long enough", method: "GET", first: answer(500, long[1:]), second: answer(503, "b"), status: 500, body: long[1:], tries: 2},
		{name: "the second breaks off", method: "GET", first: answer(500, "a"), second: http.HandlerFunc(func(_ http.ResponseWriter, q *http.Request) {
			if q.UserAgent() != "holdfast-check" {
				panic(http.ErrAbortHandler)
			}
		}), status: 500, body: "a", tries: 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			all, r := quiet(t, c.first, c.second)
			r.onlyTo(all[0])
			got, err := r.do(c.method, r.published, "/", strings.NewReader("body"))
			if err != nil || got.status != c.status || got.body != c.body {
				t.Errorf("%v: %d %.20q, want %d %.20q", err, got.status, got.body, c.status, c.body)
			}
			state, _ := r.gateway.State(t.Context())
			if tries := state.Endpoints[0].Tries + state.Endpoints[1].Tries; tries != c.tries {
				t.Errorf("%d tries, want %d", tries, c.tries)
			}
			if failed := state.Routes[0].Failed == 1; failed != (c.status >= 500) {
				t.Errorf("counted %+v", state.Routes[0])
			}
		})
	}
}

// A bad answer whose body is slow is not kept until it is there.
func TestABadAnswerThatIsSlowIsPassedOnAsItComes(t *testing.T) {
	proceed := make(chan struct{})
	slow := http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if q.UserAgent() == "holdfast-check" {
			return
		}
		w.WriteHeader(500)
		io.WriteString(w, "one\n")
		w.(http.Flusher).Flush()
		<-proceed
		io.WriteString(w, "two\n")
	})
	all, r := quiet(t, slow, named("2"))
	r.onlyTo(all[0])
	response, err := r.client.Get("http://" + r.published)
	if err != nil || response.StatusCode != 500 {
		t.Fatalf("%v %+v", err, response)
	}
	defer response.Body.Close()
	in := bufio.NewReader(response.Body)
	if line, err := in.ReadString('\n'); line != "one\n" {
		t.Fatalf("%q %v", line, err)
	}
	close(proceed)
	if line, err := in.ReadString('\n'); line != "two\n" {
		t.Errorf("%q %v", line, err)
	}
}

// Nothing is left behind when tries of a race end in every order.
func TestManyRaces(t *testing.T) {
	h := http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		var d int
		fmt.Sscan(q.Header.Get("X-Wait"), &d)
		<-time.After(time.Duration(d) * time.Millisecond)
	})
	_, r := quiet(t, h, h, h)
	for range 30 {
		r.get("/")
	}
	r.service().latency.look() // so that the service is known to be fast
	answered := make(chan error, 200)
	for i := range cap(answered) {
		go func() {
			_, err := r.do("GET", r.edge, "/", nil, "X-Wait", fmt.Sprint(i%12))
			answered <- err
		}()
	}
	for range cap(answered) {
		if err := <-answered; err != nil {
			t.Error(err)
		}
	}
	r.until("nothing is in flight", func(s holdfast.GatewayState) bool {
		return s.Endpoints[0].InFlight+s.Endpoints[1].InFlight+s.Endpoints[2].InFlight == 0
	})
	for _, e := range r.service().lineup.Load().usable {
		if e.waits.age(now()) != 0 || e.lingering.Load() != 0 {
			t.Errorf("%s: the oldest waits for %s, %d linger", e.ID, e.waits.age(now()), e.lingering.Load())
		}
	}
	if state, _ := r.gateway.State(t.Context()); state.Routes[1].Hedged == 0 {
		t.Error("there was no race")
	}
}

// What carries something is sent to a second replica where its edge says that all
// may be, once it is out; and it is the same there.
func TestABodyIsSentToTwoReplicas(t *testing.T) {
	echo := func(name string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			io.WriteString(w, name+" "+string(body))
		}
	}
	for name, c := range map[string]struct {
		body   string
		hedged bool
	}{
		"a short one": {body: "a message", hedged: true},
		"a long one":  {body: strings.Repeat("m", maxHedged+1)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			one, two := newReplica(t, 1, echo("1")), newReplica(t, 2, echo("2"))
			table := tableOf(1, one, two)
			table.Services[0].Healthcheck.Interval = time.Hour
			all := true
			table.Routes[1].Idempotent = &all
			r := newRig(t, table)
			r.untilAdmitted(2)
			one.stop()
			r.onlyTo(one)
			got, err := r.do("POST", r.edge, "/", strings.NewReader(c.body))
			if c.hedged && (err != nil || got.status != 200 || got.body != "2 "+c.body) || !c.hedged && got.status != 504 {
				t.Errorf("%v %d %.40q", err, got.status, got.body)
			}
			one.resume()
		})
	}
}
