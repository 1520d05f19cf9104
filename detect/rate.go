package detect

import (
	"math"
	"time"
)

// rateHalfLife is how fast a rate forgets. Ten seconds: a fault that all
// replicas have is the usual state within that time, and a minute's traffic at
// one request a second still says something.
const rateHalfLife = 10 * time.Second

// A Rate is a recent share of failures: outcomes of which the old ones count
// less and less.
type Rate struct {
	all, failed float64
	at          time.Duration
}

// Add counts more outcomes.
func (r Rate) Add(more Outcomes, now time.Duration) Rate {
	fade := math.Exp2(-float64(now-r.at) / float64(rateHalfLife))
	return Rate{all: r.all*fade + float64(more.All), failed: r.failed*fade + float64(more.Failed), at: now}
}

// Plus and Less put rates of the same instant together and take them apart.
func (r Rate) Plus(other Rate) Rate {
	return Rate{all: r.all + other.all, failed: r.failed + other.failed, at: r.at}
}

func (r Rate) Less(other Rate) Rate {
	return Rate{all: max(0, r.all-other.all), failed: max(0, r.failed-other.failed), at: r.at}
}

// Seen is the part that failed, as it was seen; none is 0.
func (r Rate) Seen() float64 {
	if r.all == 0 {
		return 0
	}
	return r.failed / r.all
}

// Share is the part that failed, for a baseline. Ten outcomes that passed are
// assumed before there are any, so that a few say little.
func (r Rate) Share() float64 { return r.failed / (r.all + 10) }
