package gateway

import (
	"sync"
	"sync/atomic"
	"time"

	"holdfast"
)

// How many requests may be sent a second time, as a share of all requests of
// their service. A retry hides a failure from one caller; too many of them are a
// second load on what already fails.
const (
	retryShare = holdfast.RetryShare // hedges are taken from it, too
	hedgeShare = 0.05                // what goes beyond the 95th percentile
	// reserve is what is there after a quiet minute. A break is when many hedges
	// are needed at once, and hedging the slowest twentieth spends all it earns.
	reserve = 20
	// reserveRate is how much of the reserve comes back in a second without
	// requests.
	reserveRate = 10
	// savings are how much may be left over from busy times.
	savings = 2 * reserve
	// busyTime is the part of a second that one request counts as not idle.
	busyTime = time.Second / reserveRate
)

// A budget is what is left for second tries to one service, from all its
// callers. Requests pay in by being counted, which is all that happens on their
// way; what that is worth is settled when somebody wants to spend.
type budget struct {
	requests atomic.Int64

	mu      sync.Mutex
	settled time.Duration // CLOCK_BOOTTIME; 0 before the first time
	counted int64         // requests that were settled
	retries float64       // left for both kinds of second try
	hedges  float64       // left for hedges
}

// retry takes one retry out, if there is one.
func (b *budget) retry(at time.Duration) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.settle(at)
	if b.retries < 1 {
		return false
	}
	b.retries--
	return true
}

// saved says whether there is more for retries than the reserve. Where few fail,
// two in a row are bad luck, and there is; where many do it is spent at once, and
// a third try would be as vain as the second.
func (b *budget) saved(at time.Duration) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.settle(at)
	return b.retries >= reserve+1
}

// hedge takes one hedge out, if there is one. Only an urgent one, because its
// replica has fallen silent, may touch the reserve.
func (b *budget) hedge(at time.Duration, urgent bool) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.settle(at)
	least := 1.0
	if !urgent {
		least += reserve
	}
	if b.hedges < least || b.retries < 1 {
		return false
	}
	b.retries--
	b.hedges--
	return true
}

func (b *budget) settle(at time.Duration) {
	requests := b.requests.Load()
	if b.settled == 0 {
		b.settled, b.counted, b.retries, b.hedges = at, requests, reserve, reserve
	}
	came := float64(requests - b.counted)
	idle := max(0, (at-b.settled).Seconds()-came*busyTime.Seconds())
	b.retries = earn(b.retries, came*retryShare, idle)
	b.hedges = earn(b.hedges, came*hedgeShare, idle)
	b.settled, b.counted = at, requests
}

// earn adds what requests paid in, and what idle time restores of the reserve.
func earn(had, paid, idle float64) float64 {
	if had < reserve {
		had = min(reserve, had+idle*reserveRate)
	}
	return min(savings, had+paid)
}
