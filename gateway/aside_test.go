package gateway

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast"
)

// once draws often for requests that are sent once, and counts who got them.
func once(all []*endpoint, draws int) map[*endpoint]int {
	got := map[*endpoint]int{}
	for range draws {
		got[pickOf(all, nil, true)]++
	}
	return got
}

// Whatever makes a replica bad for a request that is sent once: it gets none,
// whatever the number of replicas is, while there is another.
func TestWhatIsSentOnceIsKeptFrom(t *testing.T) {
	for name, spoil := range map[string]func(*endpoint){
		"who is slow":         beSlow,
		"who was not awaited": func(e *endpoint) { e.reputation.note(outcome{took: time.Second, givenUp: true}, now()) },
		"who is silent":       func(e *endpoint) { e.waitingSince(time.Second) },
		"who answers checks only": func(e *endpoint) {
			e.waitingSince(time.Second)
			e.checkHeard.Store(int64(now()))
		},
		"who is on trial": beTried,
	} {
		t.Run(name, func(t *testing.T) {
			for n := 1; n <= 5; n++ {
				for bad := 1; bad <= n; bad++ {
					all := endpoints(n)
					for i, e := range all {
						e.reputation.note(outcome{took: 2 * time.Millisecond}, now())
						if i < bad {
							spoil(e)
						}
					}
					got := once(all, 500)
					for i, e := range all {
						if i < bad && bad < n && got[e] > 0 || (i >= bad || bad == n) && got[e] == 0 {
							t.Errorf("%d of %d: number %d got %d of 500", bad, n, i, got[e])
						}
					}
				}
			}
		})
	}
}

// Where nobody else finds out, one request does, after a time and by lot, and
// then none for as long again.
func TestOneRequestFindsOut(t *testing.T) {
	all := endpoints(3)
	for _, e := range all {
		e.reputation.note(outcome{took: 2 * time.Millisecond}, now())
	}
	slow := all[0]
	slow.reputation.note(outcome{took: time.Second}, now())
	if once(all, 500)[slow] != 0 || slow.sideline.aside.Load() == 0 {
		t.Fatal("it was asked at once, or nobody noted since when it stands aside")
	}
	slow.sideline.aside.Store(int64(now() - asideTime))
	if n := once(all, 500)[slow]; n != 1 {
		t.Errorf("%d requests found out, want 1", n)
	}
	slow.waitingSince(time.Minute)
	slow.sideline.aside.Store(int64(now() - asideTime))
	if n := once(all, 500)[slow]; n != 0 {
		t.Errorf("%d requests found out that it is silent still", n)
	}
}

// Where all fail now and then, or one does, requests that are sent once go there
// as any other does: it is what failing is told by.
func TestWhoFailsIsNotKeptFrom(t *testing.T) {
	all := endpoints(3)
	for _, e := range all {
		e.reputation.note(outcome{took: 2 * time.Millisecond}, now())
	}
	all[0].reputation.note(outcome{took: 2 * time.Millisecond, failed: true}, now())
	if n := once(all, 2000)[all[0]]; n < 10 {
		t.Errorf("it got %d of 2000", n)
	}
}

// A rescue is not sent to find something out.
func TestASecondTryGoesToWhoIsWell(t *testing.T) {
	all := endpoints(3)
	for _, e := range all {
		e.reputation.note(outcome{took: 2 * time.Millisecond}, now())
	}
	all[1].reputation.note(outcome{took: time.Second}, now())
	for range 500 {
		if pickOf(all, all[:1], false) != all[2] {
			t.Fatal("it went to the slow one")
		}
	}
}

// Who was put out by its answers passed its checks all along: what is sent once
// goes elsewhere for a time after its return.
func TestAReturnFromErrorsIsATrial(t *testing.T) {
	for sign, trial := range map[holdfast.Sign]bool{holdfast.SignErrors: true, holdfast.SignSlow: true, holdfast.SignMissed: false, holdfast.SignRefused: false} {
		t.Run(string(sign), func(t *testing.T) {
			all, r := quiet(t, named("1"), named("2"), named("3"))
			s, e := r.service(), r.endpoint(all[0])
			r.gateway.mu.Lock()
			r.gateway.eject(s, e, sign, "told so by the test")
			e.held = 0
			for _, at := range []time.Duration{now(), now() + time.Second} {
				r.gateway.passed(s, e, sighting{detail: "well", began: at}, at)
			}
			r.gateway.settle(s)
			as := e.standing
			r.gateway.mu.Unlock()
			if as != admitted {
				t.Fatal("it is not back")
			}
			got := map[*endpoint]int{}
			for range 500 {
				got[s.pick(nil, true)]++
			}
			if none := got[e] == 0; none != trial {
				t.Errorf("it got %d of 500", got[e])
			}
			if got := s.pick(nil, false); got == nil {
				t.Error("nobody was picked")
			}
		})
	}
}

// What a replica took before it was put out, or before it fell silent, is no
// measure for the others.
func TestWhoIsNotAskedIsNoMeasure(t *testing.T) {
	for name, spoil := range map[string]func(*endpoint){
		"silent":   func(e *endpoint) { e.waits.begin(&waiter{began: now() - time.Minute}) },
		"on trial": beTried,
	} {
		all := endpoints(3)
		for i, e := range all {
			e.reputation.note(outcome{took: time.Duration(2+90*min(i, 1)) * time.Millisecond}, now())
		}
		spoil(all[0])
		if got := once(all, 500); got[all[0]] > 0 || got[all[1]] == 0 || got[all[2]] == 0 {
			t.Errorf("%s: it got %d, the others %d and %d", name, got[all[0]], got[all[1]], got[all[2]])
		}
	}
}

// After a moment in which the machine stood still all have been late once. Who is
// late always is told from them by what is usual.
func TestWhoIsLateAlwaysIsToldFromWhoWasOnce(t *testing.T) {
	all := endpoints(3)
	for _, took := range []time.Duration{2 * time.Millisecond, 350 * time.Millisecond, 2 * time.Millisecond} {
		for _, e := range all {
			e.reputation.note(outcome{took: took}, now())
		}
	}
	beSlow(all[0])
	beSlow(all[0])
	for _, e := range all[1:] {
		e.inFlight.Store(1)
	}
	if n := once(all, 500)[all[0]]; n > 0 {
		t.Errorf("it got %d of 500", n)
	}
}

// A moment in which nobody answers is the machine's: it is no reason to turn to
// who did badly before. When it lasts, there is nothing left to lose.
func TestAMomentOfSilenceIsNoReasonToTurnToTheBad(t *testing.T) {
	for name, c := range map[string]struct {
		spoil          func(*endpoint)
		silence        time.Duration
		first, another bool // may be asked
	}{
		"slow, for a moment":     {spoil: beSlow, silence: momentTime / 2, another: true},
		"slow, for long":         {spoil: beSlow, silence: time.Hour, first: true},
		"on trial, for a moment": {spoil: beTried, silence: momentTime / 2, another: true},
		"on trial, for long":     {spoil: beTried, silence: time.Hour, first: true, another: true},
	} {
		all, at := endpoints(3), now()
		for _, e := range all {
			e.reputation.note(outcome{took: 2 * time.Millisecond}, at)
		}
		c.spoil(all[0])
		for _, e := range all[1:] {
			e.waits.begin(&waiter{began: at - c.silence})
		}
		got := spared(all, at)
		if slices.Contains(got, all[0]) != c.first || slices.Contains(got, all[1]) != c.another || slices.Contains(got, all[2]) != c.another {
			t.Errorf("%s: %d may be asked", name, len(got))
		}
	}
}

func beSlow(e *endpoint)  { e.reputation.note(outcome{took: time.Second}, now()) }
func beTried(e *endpoint) { e.sideline.trial.Store(int64(now() + time.Hour)) }

// When all are silent, what is sent once goes to those that fell silent last: the
// others hang, and the machine stands still for these.
func TestWhoFellSilentFirstHangs(t *testing.T) {
	for name, c := range map[string]struct {
		silent []time.Duration // for how many milliseconds each is
		sound  []int
	}{
		"for longer than a moment":  {silent: []time.Duration{300, 100, 110}, sound: []int{1, 2}},
		"within a moment":           {silent: []time.Duration{200, 100, 110}, sound: []int{1, 2}},
		"two of them":               {silent: []time.Duration{200, 240, 110}, sound: []int{2}},
		"it alone is silent at all": {silent: []time.Duration{100, 0, 0}, sound: []int{1, 2}},
		"all at once":               {silent: []time.Duration{100, 105, 110}, sound: []int{0, 1, 2}},
		"all for long":              {silent: []time.Duration{900, 905, 300}, sound: []int{0, 1, 2}},
	} {
		all, at := endpoints(len(c.silent)), now()
		for i, e := range all {
			if c.silent[i] > 0 {
				e.waits.begin(&waiter{began: at - c.silent[i]*time.Millisecond})
			}
		}
		var got []int
		for _, e := range spared(all, at) {
			got = append(got, slices.Index(all, e))
		}
		if !slices.Equal(got, c.sound) {
			t.Errorf("%s: %v may get it, want %v", name, got, c.sound)
		}
	}
}

// Many replicas are not all looked at, and still none of them is a favourite.
func TestWhatIsSentOnceHasNoFavourite(t *testing.T) {
	const draws = 20_000
	for _, n := range []int{2, 3, compared, 3 * compared} {
		all := endpoints(n)
		got, expected := once(all, draws), float64(draws)/float64(n)
		for i, e := range all {
			if d := float64(got[e]) - expected; d*d > 36*expected {
				t.Errorf("%d replicas: number %d got %d, expected %.0f", n, i, got[e], expected)
			}
		}
	}
}

// A replica that is slow makes a POST late now and then, on a machine that stands
// still meanwhile, and not one in thirty: of 400 that would be 13.
func TestPostsKeepFromWhoIsSlow(t *testing.T) {
	slow := http.HandlerFunc(func(_ http.ResponseWriter, q *http.Request) {
		if q.UserAgent() != "holdfast-check" {
			<-time.After(time.Second)
		}
	})
	all, r := quiet(t, slow, named("2"), named("3"))
	began := time.Now()
	for range 400 {
		if got, err := r.do("POST", r.published, "/", strings.NewReader("x")); err != nil || got.status != 200 {
			t.Fatalf("%v %+v", err, got)
		}
	}
	most := 4 + int64(time.Since(began)/asideTime)
	if n := all[0].served.Load(); n > most {
		t.Errorf("it was asked %d times, want at most %d", n, most)
	}
}

// The same for what may be sent to two: who is silent for a moment and quick goes
// before who is known to be late, but not before who is not, nor when it is
// silent for longer.
func TestAMomentOfSilenceDoesNotMakeTheLateOneBetter(t *testing.T) {
	for _, c := range []struct {
		name         string
		silence      time.Duration
		quick, other time.Duration // what they took before
		silentToo    bool          // it may be picked
	}{
		{name: "known to be late", silence: momentTime / 2, quick: 2 * time.Millisecond, other: time.Second, silentToo: true},
		{name: "not known to be late", silence: momentTime / 2, quick: 2 * time.Millisecond, other: momentTime},
		{name: "the machine made all late", silence: momentTime / 2, quick: 600 * time.Millisecond, other: time.Second},
		{name: "for longer", silence: 2 * momentTime, quick: 2 * time.Millisecond, other: time.Second},
	} {
		all, at := endpoints(2), now()
		all[0].reputation.note(outcome{took: c.quick}, at)
		all[1].reputation.note(outcome{took: c.other}, at)
		all[0].reputation.typical.Store(0)
		all[0].waits.begin(&waiter{began: at - c.silence})
		if e := vocal(all[0], all[1], at); e == nil != c.silentToo || e == all[0] {
			t.Errorf("%s: %v", c.name, e)
		}
		if vocal(all[0], all[1], at) != vocal(all[1], all[0], at) {
			t.Errorf("%s: not the same the other way round", c.name)
		}
	}
}

// Another replica is looked for until the answer is late, and seldom when it is.
func TestALookForAnotherReplica(t *testing.T) {
	looks, waited, delay := 0, time.Duration(0), hedgeFloor
	for ; waited < time.Minute; looks++ {
		waited += delay
		next := nextLook(delay, waited)
		if waited < 2*hedgeCap && next > hedgeCap || next > time.Second {
			t.Errorf("after %s the next look is in %s", waited, next)
		}
		delay = next
	}
	if looks > 75 {
		t.Errorf("%d looks in a minute", looks)
	}
}
