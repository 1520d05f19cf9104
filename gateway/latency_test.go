package gateway

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// The naive twin is to sort.
func TestTheLatencyIsThe95thPercentile(t *testing.T) {
	for range 20 {
		var l latency
		var all []time.Duration
		scale := time.Duration(rand.IntN(100)+1) * time.Millisecond
		for range 1000 {
			d := time.Duration(rand.ExpFloat64() * float64(scale))
			all = append(all, d)
			l.counts[latencyBucket(d)].Add(1)
		}
		slices.Sort(all)
		l.look()
		got, want := time.Duration(l.p95.Load()), all[949]
		if got < want || float64(got) > 1.26*float64(want) {
			t.Errorf("%s, want %s or up to a quarter more", got, want)
		}
	}
}

func TestEveryDurationHasABucket(t *testing.T) {
	for d := time.Duration(1); d < 100*time.Hour; d = d*5/4 + 1 {
		i := latencyBucket(d)
		if i < 0 || i >= latencyBuckets || latencyBound(i) < min(d, time.Hour) {
			t.Errorf("%s is in %d, below %s", d, i, latencyBound(i))
		}
	}
}

func TestTheLatencyForgets(t *testing.T) {
	var l latency
	at := time.Hour
	for range 1000 {
		at += 10 * time.Millisecond
		l.note(100*time.Millisecond, at)
	}
	for range 3000 {
		at += 10 * time.Millisecond
		l.note(2*time.Millisecond, at)
	}
	if p95 := time.Duration(l.p95.Load()); p95 > 3*time.Millisecond {
		t.Errorf("%s half a minute after it became fast", p95)
	}
}
