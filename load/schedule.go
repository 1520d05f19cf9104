package load

import (
	"iter"
	"math"
	"math/rand/v2"
	"time"

	"holdfast"
)

// An arrival is one user as the schedule wants it.
type arrival struct {
	n     int
	at    time.Duration // since the load began
	whom  int           // index of the plan's targets, and behind them of its sessions
	how   manner
	steps int // requests at most
}

// arrivals is the schedule: everything random about a load, decided by the seed
// before anything is sent. Even arrivals are computed from their number, not
// added up, so that they do not drift.
func (p Plan) arrivals() iter.Seq[arrival] {
	return func(yield func(arrival) bool) {
		dice := rand.New(rand.NewPCG(p.Seed, 0))
		// Of their own, so that a share of HTTP/2 changes nothing but who speaks it.
		tongues := rand.New(rand.NewPCG(p.Seed, 1))
		due, requests := 0.0, 0 // due in mean spacings
		for n := 0; ; n++ {
			if p.Arrivals == holdfast.Poisson {
				due += dice.ExpFloat64()
			} else {
				due = float64(n)
			}
			next := arrival{n: n, at: p.instant(due), whom: p.choose(dice), steps: 1}
			next.how = manner{fresh: dice.Float64() < float64(p.Fresh), second: tongues.Float64() < float64(p.HTTP2)}
			if session := next.whom - len(p.Targets); session >= 0 {
				next.steps = len(p.Sessions[session].Steps)
			}
			if requests += next.steps; requests > maxArrivals || next.at >= p.For || !yield(next) {
				return
			}
		}
	}
}

// instant is when so many arrivals are to have come, since the load began. While
// the rate rises to R over r, R·t²/2r come until t; from there on R a second.
// Poisson's are spread by the same measure: stretching the time of such arrivals
// leaves them independent.
func (p Plan) instant(arrivals float64) time.Duration {
	risen := p.Rate * p.Ramp.Seconds() / 2 // by the end of the ramp
	if arrivals < risen {
		return time.Duration(math.Sqrt(2*arrivals*p.Ramp.Seconds()/p.Rate) * float64(time.Second))
	}
	return p.Ramp + time.Duration(min((arrivals-risen)*float64(time.Second)/p.Rate, float64(p.For)))
}

// choose draws a target or a session by weight.
func (p Plan) choose(dice *rand.Rand) int {
	sum := 0
	for i := range len(p.Targets) + len(p.Sessions) {
		sum += p.weight(i)
	}
	drawn := dice.IntN(sum)
	for i := range len(p.Targets) + len(p.Sessions) {
		if drawn -= p.weight(i); drawn < 0 {
			return i
		}
	}
	panic("load: weights do not add up to their sum")
}

func (p Plan) weight(whom int) int {
	if whom < len(p.Targets) {
		return p.Targets[whom].Weight
	}
	return p.Sessions[whom-len(p.Targets)].Weight
}
