package gateway

import (
	"testing"
	"time"
)

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
