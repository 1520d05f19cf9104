package gateway

import (
	"slices"
	"testing"
	"time"
)

// shares draws often and says which part each of some endpoints got.
func shares(all []*endpoint, draws int) []float64 {
	got := make([]float64, len(all))
	for range draws {
		got[slices.Index(all, pickOf(all, nil, false))] += 1 / float64(draws)
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
	e.reputation.note(outcome{took: 300 * time.Millisecond}, now())
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
				e.reputation.note(outcome{took: 2 * time.Millisecond}, now())
			}
			all[0].reputation.note(o, now())
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
		e.reputation.note(outcome{took: 2 * time.Millisecond}, at)
	}
	for range 20 {
		all[0].reputation.note(outcome{failed: true}, at)
	}
	if all[0].cost(at) < 10*all[1].cost(at) {
		t.Errorf("costs %.3f, the other one %.3f", all[0].cost(at), all[1].cost(at))
	}
	for range 100 {
		at += 100 * time.Millisecond
		all[0].reputation.note(outcome{took: 2 * time.Millisecond}, at)
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
