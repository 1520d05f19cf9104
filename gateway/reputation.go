package gateway

import (
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// What makes one replica worth less than another.
const (
	// reputationTime is how long a slow answer is remembered: Finagle's and Linkerd's
	// decay, long enough that the next answer does not wipe it out.
	reputationTime = 10 * time.Second
	// reputationFloor is the time below which no replica is slower than another: on a
	// busy machine the scheduler alone makes such differences.
	reputationFloor = 20 * time.Millisecond
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

// A reputation is how an endpoint has done of late, for the picker. Detectors judge by
// windows and are told the same outcomes; this only says who is asked first.
type reputation struct {
	mu      sync.Mutex
	at      time.Duration // CLOCK_BOOTTIME of the last outcome
	peak    float64       // seconds: jumps up with a slow answer, decays with time
	mean    float64       // seconds
	usual   float64       // seconds: the same, with what was waited for in vain
	failing float64       // share of the recent tries that failed

	delay   atomic.Int64  // nanoseconds a request may take there; 0 before the first answer
	takes   atomic.Int64  // and those it usually does
	cost    atomic.Uint64 // bits of those that it costs, failing included; 0 before the first answer
	typical atomic.Int64  // nanoseconds
}

// note takes the outcome of a try into account.
func (r *reputation) note(o outcome, at time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	took, old := o.took.Seconds(), math.Exp(-max(0, at-r.at).Seconds()/reputationTime.Seconds())
	r.at = at
	switch {
	case o.givenUp:
		r.peak = max(r.peak, took) // a lower bound says only that it is no faster
		r.usual = max(r.usual, average(r.usual, took))
	case o.failed:
		r.peak = max(r.peak, took)
		r.failing += (1 - r.failing) / recent
	default:
		r.peak = max(took, took*(1-old)+r.peak*old)
		r.failing *= old * (1 - 1.0/recent)
		r.mean, r.usual = average(r.mean, took), average(r.usual, took)
		r.typical.Store(int64(r.mean * float64(time.Second)))
	}
	r.weigh()
}

// average is an average with one more in it; 0 is one of nothing.
func average(of, took float64) float64 {
	if of == 0 {
		return took
	}
	return of + (took-of)/recent
}

// weigh sets what one more request costs. The caller holds mu.
func (r *reputation) weigh() {
	delay := max(r.peak, reputationFloor.Seconds())
	r.delay.Store(int64(delay * float64(time.Second)))
	r.takes.Store(int64(max(r.usual, reputationFloor.Seconds()) * float64(time.Second)))
	r.cost.Store(math.Float64bits(delay * (1 + failureCost*r.failing*r.failing)))
}

// silence is how long not one byte has come from an endpoint although somebody
// waits for one. It grows from the instant a replica hangs, before any verdict
// does. A request that takes its time there is no silence while others are
// answered: else whoever has the youngest long poll would get all the traffic.
func (e *endpoint) silence(at time.Duration) time.Duration {
	return min(e.unanswering(at), max(0, at-time.Duration(e.checkHeard.Load())))
}

// unanswering is how long not one byte of an answer has come, whatever its health
// checks say: a replica may answer those at once and requests late.
func (e *endpoint) unanswering(at time.Duration) time.Duration {
	return min(e.waits.age(at), max(0, at-time.Duration(e.heard.Load())))
}

// suspect says that an endpoint is silent for longer than it usually is.
func (e *endpoint) suspect(at time.Duration) bool { return e.silence(at) > e.patience() }

func (e *endpoint) patience() time.Duration {
	return max(reputationFloor, suspectTimes*time.Duration(e.reputation.typical.Load()))
}

// cost is what one more request there costs, in seconds, or 0 when nothing is
// known. A replica that falls silent gets dearer while its average cannot.
func (e *endpoint) cost(at time.Duration) float64 {
	cost := math.Float64frombits(e.reputation.cost.Load())
	if cost == 0 {
		return 0
	}
	return max(cost, e.silence(at).Seconds()) * float64(e.inFlight.Load()+1)
}
