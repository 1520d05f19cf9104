package gateway

import (
	"math"
	"math/bits"
	"sync"
	"sync/atomic"
	"time"
)

// What makes one replica worth less than another.
const (
	// paceTime is how long a slow answer is remembered: Finagle's and Linkerd's
	// decay, long enough that the next answer does not wipe it out.
	paceTime = 10 * time.Second
	// paceFloor is the time below which no replica is slower than another: on a
	// busy machine the scheduler alone makes such differences.
	paceFloor = 20 * time.Millisecond
	// recent is how many outcomes an average is over, where it is one of counts.
	recent = 16
	// failureCost is how much more a replica costs that always fails; it grows
	// with the square of their share, so that one in a hundred is next to nothing.
	// It must outweigh that failing is fast, also when the others have queues.
	failureCost = 1000
	// suspectTimes is how many times its typical time a replica may be silent
	// while somebody waits for it.
	suspectTimes = 4
)

// A pace is how an endpoint has done of late, for the picker. Detectors judge by
// windows and are told the same outcomes; this only says who is asked first.
type pace struct {
	mu      sync.Mutex
	at      time.Duration // CLOCK_BOOTTIME of the last outcome
	peak    float64       // seconds: jumps up with a slow answer, decays with time
	mean    float64       // seconds
	failing float64       // share of the recent tries that failed

	cost    atomic.Uint64 // bits of the seconds a request costs there; 0 before the first answer
	typical atomic.Int64  // nanoseconds
}

// note takes the outcome of a try into account.
func (p *pace) note(o outcome, at time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	took, old := o.took.Seconds(), math.Exp(-max(0, at-p.at).Seconds()/paceTime.Seconds())
	p.at = at
	switch {
	case o.givenUp:
		p.peak = max(p.peak, took) // a lower bound says only that it is no faster
	case o.failed:
		p.peak = max(p.peak, took)
		p.failing += (1 - p.failing) / recent
	default:
		p.peak = max(took, took*(1-old)+p.peak*old)
		p.failing *= old * (1 - 1.0/recent)
		if p.mean == 0 {
			p.mean = took
		}
		p.mean += (took - p.mean) / recent
		p.typical.Store(int64(p.mean * float64(time.Second)))
	}
	p.cost.Store(math.Float64bits(max(p.peak, paceFloor.Seconds()) * (1 + failureCost*p.failing*p.failing)))
}

// silence is how long not one byte has come from an endpoint although somebody
// waits for one. It grows from the instant a replica hangs, before any verdict
// does. A request that takes its time there is no silence while others are
// answered: else whoever has the youngest long poll would get all the traffic.
func (e *endpoint) silence(at time.Duration) time.Duration {
	return min(e.waits.age(at), max(0, at-time.Duration(e.heard.Load())))
}

// suspect says that an endpoint is silent for longer than it usually is.
func (e *endpoint) suspect(at time.Duration) bool {
	return e.silence(at) > max(paceFloor, suspectTimes*time.Duration(e.pace.typical.Load()))
}

// cost is what one more request there costs, in seconds, or 0 when nothing is
// known. A replica that falls silent gets dearer while its average cannot.
func (e *endpoint) cost(at time.Duration) float64 {
	cost := math.Float64frombits(e.pace.cost.Load())
	if cost == 0 {
		return 0
	}
	return max(cost, e.silence(at).Seconds()) * float64(e.inFlight.Load()+1)
}

// Bounds of a tempo.
const (
	tempoRefresh = 500 * time.Millisecond // between two looks at the counts
	tempoLooks   = 6                      // after which the counts are halved: old answers weigh less
	tempoLeast   = 20                     // answers, below which there is no 95th percentile to speak of
	tempoBuckets = 4 * 32                 // four for each doubling of a microsecond
)

// A tempo is how long a service takes to the first byte of an answer: a
// histogram that all requests share, without a lock.
type tempo struct {
	counts [tempoBuckets]atomic.Uint32
	next   atomic.Int64 // CLOCK_BOOTTIME of the next look, nanoseconds
	looks  atomic.Uint32
	p95    atomic.Int64 // nanoseconds; 0 before there is one
}

func (t *tempo) note(took, at time.Duration) {
	t.counts[tempoBucket(took)].Add(1)
	if next := t.next.Load(); int64(at) >= next && t.next.CompareAndSwap(next, int64(at+tempoRefresh)) {
		t.look()
	}
}

// look settles the percentile anew. What is counted meanwhile may be lost to the
// halving: it is a sample either way.
func (t *tempo) look() {
	total := uint32(0)
	for i := range t.counts {
		total += t.counts[i].Load()
	}
	if total >= tempoLeast {
		t.p95.Store(int64(t.below(total - total/20)))
	}
	if t.looks.Add(1)%tempoLooks != 0 {
		return
	}
	for i := range t.counts {
		t.counts[i].Store(t.counts[i].Load() / 2)
	}
}

// below is the time that so many answers took less than.
func (t *tempo) below(answers uint32) time.Duration {
	seen := uint32(0)
	for i := range t.counts {
		if seen += t.counts[i].Load(); seen >= answers {
			return tempoBound(i)
		}
	}
	return tempoBound(tempoBuckets - 1)
}

// tempoBucket is the place of a duration: its power of two in microseconds, and
// the two bits below the first.
func tempoBucket(took time.Duration) int {
	us := min(uint64(max(took.Microseconds(), 4)), 1<<32-1)
	power := bits.Len64(us) - 1
	return 4*power + int(us>>(power-2)&3)
}

// tempoBound is the upper end of a bucket.
func tempoBound(bucket int) time.Duration {
	power, quarter := bucket/4, bucket%4
	return time.Duration((5+quarter)<<power) * time.Microsecond / 4
}
