package gateway

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// Bounds of a latency.
const (
	latencyRefresh = 500 * time.Millisecond // between two looks at the counts
	latencyLooks   = 6                      // after which the counts are halved: old answers weigh less
	latencyLeast   = 20                     // answers, below which there is no 95th percentile to speak of
	latencyBuckets = 4 * 32                 // four for each doubling of a microsecond
)

// A latency is how long a service takes to the first byte of an answer: a
// histogram that all requests share, without a lock.
type latency struct {
	counts [latencyBuckets]atomic.Uint32
	next   atomic.Int64 // CLOCK_BOOTTIME of the next look, nanoseconds
	looks  atomic.Uint32
	p95    atomic.Int64 // nanoseconds; 0 before there is one
}

func (l *latency) note(took, at time.Duration) {
	l.counts[latencyBucket(took)].Add(1)
	if next := l.next.Load(); int64(at) >= next && l.next.CompareAndSwap(next, int64(at+latencyRefresh)) {
		l.look()
	}
}

// look settles the percentile anew. What is counted meanwhile may be lost to the
// halving: it is a sample either way.
func (l *latency) look() {
	total := uint32(0)
	for i := range l.counts {
		total += l.counts[i].Load()
	}
	if total >= latencyLeast {
		l.p95.Store(int64(l.below(total - total/20)))
	}
	if l.looks.Add(1)%latencyLooks != 0 {
		return
	}
	for i := range l.counts {
		l.counts[i].Store(l.counts[i].Load() / 2)
	}
}

// below is the time that so many answers took less than.
func (l *latency) below(answers uint32) time.Duration {
	seen := uint32(0)
	for i := range l.counts {
		if seen += l.counts[i].Load(); seen >= answers {
			return latencyBound(i)
		}
	}
	return latencyBound(latencyBuckets - 1)
}

// latencyBucket is the place of a duration: its power of two in microseconds, and
// the two bits below the first.
func latencyBucket(took time.Duration) int {
	us := min(uint64(max(took.Microseconds(), 4)), 1<<32-1)
	power := bits.Len64(us) - 1
	return 4*power + int(us>>(power-2)&3)
}

// latencyBound is the upper end of a bucket.
func latencyBound(bucket int) time.Duration {
	power, quarter := bucket/4, bucket%4
	return time.Duration((5+quarter)<<power) * time.Microsecond / 4
}
