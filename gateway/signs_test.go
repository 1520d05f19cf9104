package gateway

import (
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"holdfast"
)

// A said is a verdict and when it was told, since the fault.
type said struct {
	after time.Duration
	is    holdfast.Observation
}

// hear follows the gateway's verdicts from now on, those that hold left out.
func (r *rig) hear() *heard {
	h := &heard{}
	began := time.Now()
	var standing sync.Once
	ready := make(chan struct{})
	go r.gateway.Follow(r.t.Context(), func(o holdfast.Observation) {
		standing.Do(func() { close(ready) })
		h.mu.Lock()
		defer h.mu.Unlock()
		h.all = append(h.all, said{after: time.Since(began), is: o})
	})
	<-ready
	h.mu.Lock()
	defer h.mu.Unlock()
	h.all = nil
	return h
}

// heard is what a gateway has said.
type heard struct {
	mu  sync.Mutex
	all []said
}

func (h *heard) ejections(of *replica) []said {
	h.mu.Lock()
	defer h.mu.Unlock()
	var of1 []said
	for _, s := range h.all {
		if e, is := s.is.(holdfast.Ejected); is && e.ID == of.id {
			of1 = append(of1, s)
		}
	}
	return of1
}

// signs are those of a replica's ejections, one after the other.
func (h *heard) signs(of *replica) string {
	var signs []string
	for _, s := range h.ejections(of) {
		signs = append(signs, string(s.is.(holdfast.Ejected).Sign))
	}
	return strings.Join(signs, " ")
}

// after is when a replica was first told to be ejected by a sign; 0 is never.
func (h *heard) after(of *replica, signs ...holdfast.Sign) time.Duration {
	for _, s := range h.ejections(of) {
		for _, sign := range signs {
			if s.is.(holdfast.Ejected).Sign == sign {
				return s.after
			}
		}
	}
	return 0
}

// needsAMachine skips what was promised for a machine that has time: not for one
// on which the gateway was late itself, or a replica that nothing happened to.
func (r *rig) needsAMachine(t *testing.T, control *lane) {
	t.Helper()
	if state, _ := r.gateway.State(t.Context()); state.Patience > 1 || control.late > 0 || len(control.failed) > 0 {
		t.Skipf("this machine had no time: patience %d, and of a replica that was left alone %d answers were late", state.Patience, control.late)
	}
}

// wanted fails unless it was told within a time.
func (h *heard) wanted(t *testing.T, of *replica, within time.Duration, signs ...holdfast.Sign) {
	t.Helper()
	if at := h.after(of, signs...); at == 0 || at > within {
		t.Errorf("%v after %s, want it within %s; told: %v", signs, at, within, h.ejections(of))
	}
}

// A bound is a time within which one of some signs is told.
type bound struct {
	within time.Duration
	signs  []holdfast.Sign
}

func by(within time.Duration, signs ...holdfast.Sign) bound {
	return bound{within: within, signs: signs}
}

// A sickness is what may befall a replica, and what is told of it.
type sickness struct {
	name  string
	begin func(v *replica)
	quiet bool // no traffic
	for_  time.Duration
	told  []bound
	never []holdfast.Sign
}

// sicknesses keep away from one another's limits: silence is after 1.1 s, which a
// replica that is a whole second slower is not told from on a machine that is late
// itself (bench/rows has that one).
func sicknesses() []sickness {
	const missed, silent, unreachable, slow, errors = holdfast.SignMissed, holdfast.SignSilent, holdfast.SignUnreachable, holdfast.SignSlow, holdfast.SignErrors
	return []sickness{
		{name: "stopped under traffic", begin: func(v *replica) { v.stop() }, for_: 2 * time.Second,
			told: []bound{by(700*time.Millisecond, missed), by(1200*time.Millisecond, silent)}, never: []holdfast.Sign{unreachable, slow, errors}},
		{name: "stopped and idle", begin: func(v *replica) { v.stop() }, quiet: true, for_: 3 * time.Second,
			told: []bound{by(1700*time.Millisecond, missed), by(2300*time.Millisecond, silent)}, never: []holdfast.Sign{unreachable, slow, errors}},
		{name: "cut off under traffic", begin: func(v *replica) { v.blackhole(v.t) }, for_: 2 * time.Second,
			told: []bound{by(700*time.Millisecond, unreachable)}, never: []holdfast.Sign{missed, silent, slow, errors}},
		{name: "0.9 s slower", begin: func(v *replica) { v.delay.Store(int64(900 * time.Millisecond)) }, for_: 3 * time.Second,
			told: []bound{by(700*time.Millisecond, missed, slow), by(2*time.Second, slow)}, never: []holdfast.Sign{silent, unreachable, errors}},
		{name: "150 ms slower", begin: func(v *replica) { v.delay.Store(int64(150 * time.Millisecond)) }, for_: 5 * time.Second,
			told: []bound{by(5*time.Second, slow)}, never: []holdfast.Sign{missed, silent, unreachable, errors}},
		{name: "every answer an error", begin: func(v *replica) { v.failing.Store(100) }, for_: 2 * time.Second,
			told: []bound{by(2*time.Second, errors)}, never: []holdfast.Sign{missed, silent, unreachable, slow}},
		{name: "a third of them", begin: func(v *replica) { v.failing.Store(30) }, for_: 3 * time.Second,
			told: []bound{by(3*time.Second, errors)}, never: []holdfast.Sign{missed, silent, unreachable, slow}},
	}
}

func TestEachFaultHasItsSign(t *testing.T) {
	for _, c := range sicknesses() {
		t.Run(c.name, func(t *testing.T) {
			all, r := three(t)
			if !c.quiet {
				r.drive(500*time.Millisecond, r.edge, all[2], nil)
			}
			h := r.hear()
			c.begin(all[0])
			defer all[0].resume()
			if c.quiet {
				<-time.After(c.for_)
				r.needsAMachine(t, &lane{})
			} else {
				l, control := r.drive(c.for_, r.edge, all[2], nil)
				r.needsAMachine(t, control)
				if len(l.failed) > 0 {
					t.Errorf("%d failed, the first: %s", len(l.failed), l.failed[0])
				}
			}
			for _, s := range h.ejections(all[0]) {
				t.Logf("after %s: %s", s.after.Round(time.Millisecond), s.is.(holdfast.Ejected).Sign)
			}
			for _, b := range c.told {
				h.wanted(t, all[0], b.within, b.signs...)
			}
			for _, sign := range c.never {
				if h.after(all[0], sign) > 0 {
					t.Errorf("told by %s, too: %v", sign, h.ejections(all[0]))
				}
			}
			for _, well := range all[1:] {
				if told := h.ejections(well); len(told) > 0 {
					t.Errorf("a healthy one was ejected: %v", told)
				}
			}
		})
	}
}

// A replica that is slow but answers all the same is told from a hung one, and
// comes back when its checks are as quick as the others', not before.
func TestTheWayBackFromSlow(t *testing.T) {
	all, r := three(t)
	table := tableOf(2, all...)
	table.Services[0].Healthcheck = holdfast.Healthcheck{Timeout: 3 * time.Second}
	if err := r.gateway.Apply(t.Context(), table); err != nil {
		t.Fatal(err)
	}
	h := r.hear()
	const slow = 900 * time.Millisecond
	all[0].delay.Store(int64(slow))
	_, control := r.drive(4500*time.Millisecond, r.edge, all[2], nil)
	r.needsAMachine(t, control)
	if h.after(all[0], holdfast.SignSlow) == 0 {
		t.Fatalf("not ejected: %v", h.ejections(all[0]))
	}
	// Its checks are in time, again and again, and no pass among them counts, even
	// when it is held no more.
	r.until("nothing holds it", func(s holdfast.GatewayState) bool { return s.Endpoints[0].HeldUntil == 0 })
	<-time.After(2 * time.Second)
	state, _ := r.gateway.State(t.Context())
	if e := state.Endpoints[0]; e.Admitted || e.Sign != holdfast.SignSlow || e.Check < slow {
		t.Errorf("%+v", e)
	}
	all[0].delay.Store(0)
	r.untilAdmitted(3)
}

// What fails requests while its checks are green is held for two seconds, then
// tried, and when it is no better held for twice as long.
func TestTheWayBackFromErrors(t *testing.T) {
	all, r := three(t)
	h := r.hear()
	all[0].failing.Store(100)
	_, control := r.drive(5*time.Second, r.edge, all[2], nil)
	r.needsAMachine(t, control)
	told := h.ejections(all[0])
	if len(told) != 2 {
		t.Fatalf("in 5 s: %v", told)
	}
	if apart := told[1].after - told[0].after; apart < 2*time.Second || apart > 4*time.Second {
		t.Errorf("tried again and ejected again %s later", apart)
	}
	state, _ := r.gateway.State(t.Context())
	e := state.Endpoints[0]
	if held := time.Duration(e.HeldUntil - e.Since); held < 3900*time.Millisecond || held > 4100*time.Millisecond || e.ErrorShare < 0.9 {
		t.Errorf("held for %s: %+v", held, e)
	}
	all[0].failing.Store(0)
	r.untilAdmitted(3)
}

func TestAnUnhealthyReplicaSaysSoItself(t *testing.T) {
	var ill atomic.Bool
	first := newReplica(t, 1, http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if ill.Load() && q.URL.Path == "/healthz" {
			w.WriteHeader(503)
		}
	}))
	second := newReplica(t, 2, named("2"))
	table := tableOf(1, first, second)
	table.Services[0].Healthcheck.Path = "/healthz"
	r := newRig(t, table)
	r.untilAdmitted(2)
	h := r.hear()
	ill.Store(true)
	r.untilAdmitted(1)
	r.until("it is told", func(holdfast.GatewayState) bool { return h.signs(first) == "unhealthy" })
	ill.Store(false)
	r.untilAdmitted(2)
	if got := h.signs(first); got != "unhealthy" {
		t.Errorf("told by %q", got)
	}
}

// What was missed turns out to be ill: the verdict is told again by what is
// known now, and once only.
func TestAVerdictIsToldAgainWhenItsEvidenceChanges(t *testing.T) {
	first := newReplica(t, 1, named("1"))
	second := newReplica(t, 2, named("2"))
	table := tableOf(1, first, second)
	table.Services[0].Healthcheck = holdfast.Healthcheck{Path: "/healthz"}
	r := newRig(t, table)
	r.untilAdmitted(2)
	h := r.hear()
	first.stop()
	r.until("it is silent", func(holdfast.GatewayState) bool { return h.signs(first) == "missed silent" })
	first.listener.Close()
	r.until("it refuses", func(holdfast.GatewayState) bool { return h.signs(first) == "missed silent refused" })
	first.resume()
	next := newReplicaAt(t, first.id, first.address, http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) { w.WriteHeader(500) }))
	r.until("it is ill", func(holdfast.GatewayState) bool { return h.signs(first) == "missed silent refused unhealthy" })
	next.kill()
}

// A hung process's queue fills up, and from then on nobody can connect. It is
// hung all the same.
func TestAFullQueueIsNoPartition(t *testing.T) {
	all, r := three(t)
	h := r.hear()
	all[0].stop()
	r.until("it is silent", func(holdfast.GatewayState) bool { return h.after(all[0], holdfast.SignSilent) > 0 })
	all[0].blackhole(t)
	r.until("nobody can connect", func(s holdfast.GatewayState) bool { return s.Endpoints[0].Check < 290*time.Millisecond })
	<-time.After(2 * time.Second)
	if got := h.signs(all[0]); got != "missed silent" {
		t.Errorf("told by %s", got)
	}
	all[0].resume()
}

// What waits for a stopped replica and may be sent again is sent again when it
// is ejected, also what is never asked of two at a time.
func TestAnEjectionMovesWhatWaits(t *testing.T) {
	all, r := three(t)
	all[0].stop()
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() {
			began := time.Now()
			got, err := r.do("PUT", r.published, "/item", strings.NewReader("a thing"))
			if took := time.Since(began); err != nil || got.status != http.StatusOK || took > 3*time.Second {
				t.Errorf("%v %+v after %s", err, got, took)
			}
		})
	}
	group.Wait()
	all[0].resume()
}

// slowly answers what asks for /slow after a time, and reads what it is sent.
func slowly(took time.Duration) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		io.Copy(io.Discard, q.Body)
		if q.URL.Path == "/slow" {
			<-time.After(took)
		}
		io.WriteString(w, "done")
	})
}

// A request that takes its time is nobody's fault, while the replica answers
// whoever asks for its health: a long poll, one among many, the only one there
// is, and an upload that takes as long to arrive.
func TestPatienceIsNoHang(t *testing.T) {
	for _, c := range []struct {
		name     string
		replicas int
		requests int
		took     time.Duration
		upload   bool
	}{
		{name: "a long poll", replicas: 2, requests: 1, took: 5 * time.Second},
		{name: "many long polls", replicas: 2, requests: 40, took: 5 * time.Second},
		{name: "one request of ten seconds", replicas: 1, requests: 1, took: 10 * time.Second},
		{name: "an upload", replicas: 2, requests: 1, took: 5 * time.Second, upload: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var all []*replica
			for i := range c.replicas {
				all = append(all, newReplica(t, i+1, slowly(c.took)))
			}
			table := tableOf(1, all...)
			table.Services[0].Healthcheck = holdfast.Healthcheck{Path: "/healthz"}
			r := newRig(t, table)
			r.untilAdmitted(c.replicas)
			h := r.hear()
			var group sync.WaitGroup
			for range c.requests {
				group.Go(func() {
					var body io.Reader
					path, method := "/slow", "GET"
					if c.upload {
						body, path, method = trickle(c.took), "/upload", "POST"
					}
					if got, err := r.do(method, r.published, path, body); err != nil || got.status != 200 {
						t.Errorf("%v %+v", err, got)
					}
				})
			}
			group.Wait()
			for _, e := range all {
				if told := h.ejections(e); len(told) > 0 {
					t.Errorf("%v", told)
				}
			}
		})
	}
}

// trickle is a body that takes its time.
func trickle(took time.Duration) io.Reader {
	read, write := io.Pipe()
	go func() {
		defer write.Close()
		for range 50 {
			<-time.After(took / 50)
			if _, err := write.Write(make([]byte, 100)); err != nil {
				return
			}
		}
	}()
	return read
}

// All are slow, checks included: half of them are used at least, in the
// end, and nobody is called hung.
func TestWhenAllAreSlowMostAreUsed(t *testing.T) {
	all, r := three(t)
	h := r.hear()
	for _, v := range all {
		v.delay.Store(int64(700 * time.Millisecond))
	}
	r.until("it is known that they are slow", func(s holdfast.GatewayState) bool {
		return h.after(all[0], holdfast.SignSlow)+h.after(all[1], holdfast.SignSlow)+h.after(all[2], holdfast.SignSlow) > 0 && admittedIn(s) >= 2
	})
	least := 3
	for range 100 {
		<-time.After(10 * time.Millisecond)
		state, _ := r.gateway.State(t.Context())
		least = min(least, admittedIn(state))
	}
	if least < 2 {
		t.Errorf("%d were used", least)
	}
	for _, v := range all {
		if h.after(v, holdfast.SignSilent) > 0 {
			t.Errorf("%s", h.signs(v))
		}
		v.delay.Store(0)
	}
	r.untilAdmitted(3)
}

// What loses a race shows that it fails all the same: else a replica that is both
// slow and broken would look well.
func TestALoserThatFailsIsAFailure(t *testing.T) {
	first, second := newReplica(t, 1, named("1")), newReplica(t, 2, named("2"))
	r := newRig(t, tableOf(1, first, second))
	r.untilAdmitted(2)
	first.delay.Store(int64(200 * time.Millisecond))
	first.failing.Store(100)
	for range 20 {
		r.get("/item")
	}
	r.until("the slow one's answers are known", func(s holdfast.GatewayState) bool { return s.Endpoints[0].ErrorShare > 0 })
	r.until("none of them was good", func(s holdfast.GatewayState) bool {
		e := s.Endpoints[0]
		return e.InFlight == 0 && e.ErrorShare == 1
	})
}
