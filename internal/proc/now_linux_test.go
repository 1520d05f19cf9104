package proc

import (
	"sync"
	"testing"
	"time"
)

// TestNowIsTheKernelsTime holds what is reckoned against the clock itself, and to
// never going backwards, for several at once.
func TestNowIsTheKernelsTime(t *testing.T) {
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			var last time.Duration
			for until := time.Now().Add(3 * lookUpTime); time.Now().Before(until); {
				before, at, after := bootTime(), Now(), bootTime()
				if at < before-sameTime || at > after+sameTime {
					t.Errorf("it is %s, and between %s and %s", at, before, after)
					return
				}
				if at < last {
					t.Errorf("time went from %s back to %s", last, at)
					return
				}
				last = at
			}
		})
	}
	all.Wait()
}

// TestNowKnowsOfASleep lets the runtime's clock have missed an hour.
func TestNowKnowsOfASleep(t *testing.T) {
	lookedUp.Store(&instant{at: time.Now().Add(-lookUpTime), boot: bootTime() - lookUpTime - time.Hour})
	if off := Now() - bootTime(); off.Abs() > sameTime {
		t.Errorf("after an hour of sleep it is wrong by %s", off)
	}
}

func BenchmarkNow(b *testing.B) {
	for b.Loop() {
		Now()
	}
}

func BenchmarkBootTime(b *testing.B) {
	for b.Loop() {
		bootTime()
	}
}
