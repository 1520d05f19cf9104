package gateway

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// shares draws often and says which part each of some endpoints got.
func shares(all []*endpoint, draws int) []float64 {
	got := make([]float64, len(all))
	for range draws {
		got[slices.Index(all, pickOf(all, nil))] += 1 / float64(draws)
	}
	return got
}

// waitingSince lets a request wait at an endpoint for so long already.
func (e *endpoint) waitingSince(d time.Duration) *waiter {
	w := &waiter{began: now() - d}
	e.waits.begin(w)
	return w
}

// Whoever is silent is not picked while there is another, whatever their number
// is, and also when all but one are silent.
func TestTheSilentIsNotPickedWhileThereIsAnother(t *testing.T) {
	for n := 1; n <= 5; n++ {
		for silent := 1; silent <= n; silent++ {
			all := endpoints(n)
			for _, e := range all[:silent] {
				e.waitingSince(50 * time.Millisecond)
			}
			got := shares(all, 2000)
			for i, share := range got {
				if i < silent && silent < n && share > 0 {
					t.Errorf("%d replicas, %d silent: number %d got %.2f", n, silent, i, share)
				}
				if (i >= silent || silent == n) && share < 0.5/float64(n) {
					t.Errorf("%d replicas, %d silent: number %d got only %.2f", n, silent, i, share)
				}
			}
		}
	}
}

// A long poll is not silence while others are answered, and what usually takes
// long is not either.
func TestWhatTakesLongIsNotSilence(t *testing.T) {
	e := endpoints(1)[0]
	poll := e.waitingSince(time.Minute)
	if !e.suspect(now()) {
		t.Error("nothing came for a minute, and it is not suspect")
	}
	e.heard.Store(int64(now()))
	if e.suspect(now()) {
		t.Error("it was heard just now, and is suspect")
	}
	e.waits.end(poll)
	e.heard.Store(0)
	if e.waitingSince(time.Second); !e.suspect(now()) {
		t.Error("a second of silence, and it is not suspect")
	}
	e.pace.note(outcome{took: 300 * time.Millisecond}, now())
	if e.suspect(now()) {
		t.Error("its answers take 300 ms, and after a second it is suspect already")
	}
}

// One pick in ten does not look at the past: a bad replica of n is still asked
// now and then, and not more.
func TestWhoDidBadlyIsAskedNowAndThen(t *testing.T) {
	const draws = 20_000
	for name, o := range map[string]outcome{
		"failed at once": {failed: true, took: time.Millisecond},
		"slow":           {took: time.Second},
		"given up":       {givenUp: true, took: time.Second},
	} {
		for n := 2; n <= 5; n++ {
			all := endpoints(n)
			for _, e := range all {
				e.pace.note(outcome{took: 2 * time.Millisecond}, now())
			}
			all[0].pace.note(o, now())
			if share := shares(all, draws)[0]; share < 0.05/float64(n) || share > 0.2/float64(n) {
				t.Errorf("%s, %d replicas: got %.3f", name, n, share)
			}
		}
	}
}

// A replica that fails fast must not look like a fast one; it is forgiven when it
// does well.
func TestFailingIsForgotten(t *testing.T) {
	all := endpoints(2)
	at := now()
	for _, e := range all {
		e.pace.note(outcome{took: 2 * time.Millisecond}, at)
	}
	for range 20 {
		all[0].pace.note(outcome{failed: true}, at)
	}
	if all[0].cost(at) < 10*all[1].cost(at) {
		t.Errorf("costs %.3f, the other one %.3f", all[0].cost(at), all[1].cost(at))
	}
	for range 100 {
		at += 100 * time.Millisecond
		all[0].pace.note(outcome{took: 2 * time.Millisecond}, at)
	}
	if all[0].cost(at) > worse*all[1].cost(at) {
		t.Errorf("costs %.3f after it did well for 10 s, the other one %.3f", all[0].cost(at), all[1].cost(at))
	}
}

func TestTheColdGetsATenthOfItsShareAndTheRestLater(t *testing.T) {
	const draws = 20_000
	for n := 2; n <= 5; n++ {
		for since, of := range map[time.Duration]float64{0: 0.1, 5 * time.Second: 0.5, slowStart: 1} {
			all := endpoints(n)
			all[0].admittedAt.Store(int64(now() - since))
			for _, e := range all[1:] {
				e.admittedAt.Store(int64(now() - time.Hour))
			}
			want := (of*(byLot-1) + 1) / byLot / float64(n)
			if share := shares(all, draws)[0]; share < want-0.03 || share > want+0.03 {
				t.Errorf("%d replicas, admitted %s ago: got %.3f, want %.3f", n, since, share, want)
			}
		}
	}
	all := endpoints(3)
	for _, e := range all {
		e.admittedAt.Store(int64(now()))
	}
	for i, share := range shares(all, draws) {
		if share < 0.3 || share > 0.37 {
			t.Errorf("all are cold: number %d got %.3f", i, share)
		}
	}
}

// The naive twin is to sort.
func TestTheTempoIsThe95thPercentile(t *testing.T) {
	for range 20 {
		var s tempo
		var all []time.Duration
		scale := time.Duration(rand.IntN(100)+1) * time.Millisecond
		for range 1000 {
			d := time.Duration(rand.ExpFloat64() * float64(scale))
			all = append(all, d)
			s.counts[tempoBucket(d)].Add(1)
		}
		slices.Sort(all)
		s.look()
		got, want := time.Duration(s.p95.Load()), all[949]
		if got < want || float64(got) > 1.26*float64(want) {
			t.Errorf("%s, want %s or up to a quarter more", got, want)
		}
	}
}

func TestEveryDurationHasABucket(t *testing.T) {
	for d := time.Duration(1); d < 100*time.Hour; d = d*5/4 + 1 {
		i := tempoBucket(d)
		if i < 0 || i >= tempoBuckets || tempoBound(i) < min(d, time.Hour) {
			t.Errorf("%s is in %d, below %s", d, i, tempoBound(i))
		}
	}
}

func TestTheTempoForgets(t *testing.T) {
	var s tempo
	at := time.Hour
	for range 1000 {
		at += 10 * time.Millisecond
		s.note(100*time.Millisecond, at)
	}
	for range 3000 {
		at += 10 * time.Millisecond
		s.note(2*time.Millisecond, at)
	}
	if p95 := time.Duration(s.p95.Load()); p95 > 3*time.Millisecond {
		t.Errorf("%s half a minute after it became fast", p95)
	}
}

// What a budget gives, over a long time, is never more than its share; an idle
// minute fills the reserve and no more.
func TestABudgetIsAShare(t *testing.T) {
	for _, rate := range []int{10, 100, 400, 2000} {
		var b budget
		at, retries, hedges := time.Hour, 0, 0
		const seconds = 60
		for range seconds * rate {
			at += time.Second / time.Duration(rate)
			b.requests.Add(1)
			if b.hedge(at, true) {
				hedges++
			}
			if b.retry(at) {
				retries++
			}
		}
		n := seconds * rate
		if most := int(hedgeShare*float64(n)) + reserve + 1; hedges > most || hedges < most*9/10-1 {
			t.Errorf("%d a second: %d hedges of %d requests, want %d", rate, hedges, n, most)
		}
		if most := int(retryShare*float64(n)) + reserve + 1; retries+hedges > most || retries+hedges < most*9/10-1 {
			t.Errorf("%d a second: %d second tries of %d requests, want %d", rate, retries+hedges, n, most)
		}
	}
}

func TestTheReserveIsForTheUrgentAndComesBackWhenIdle(t *testing.T) {
	var b budget
	at := time.Hour
	if b.hedge(at, false) {
		t.Error("the reserve was spent on what is only slow")
	}
	given := func() (n int) {
		for b.hedge(at, true) {
			n++
		}
		return n
	}
	if n := given(); n != reserve {
		t.Errorf("the first time %d", n)
	}
	at += time.Second
	if n := given(); n != reserveRate {
		t.Errorf("after a second %d", n)
	}
	at += time.Minute
	if n := given(); n != reserve {
		t.Errorf("after a minute %d", n)
	}
}
