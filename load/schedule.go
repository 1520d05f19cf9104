package load

import (
	"iter"
	"math/rand/v2"
	"time"

	"holdfast"
)

// An arrival is one request as the schedule wants it.
type arrival struct {
	at     time.Duration // since the load began
	target int           // index of the plan's targets
	fresh  bool
}

// arrivals is the schedule: everything random about a load, decided by the seed
// before anything is sent. Even arrivals are computed from their number, not
// added up, so that they do not drift.
func (p Plan) arrivals() iter.Seq[arrival] {
	return func(yield func(arrival) bool) {
		dice := rand.New(rand.NewPCG(p.Seed, 0))
		due := 0.0 // in mean spacings
		for n := range maxArrivals {
			if p.Arrivals == holdfast.Poisson {
				due += dice.ExpFloat64()
			} else {
				due = float64(n)
			}
			at := time.Duration(due * float64(time.Second) / p.Rate)
			if at >= p.For || !yield(arrival{at: at, target: p.choose(dice), fresh: dice.Float64() < float64(p.Fresh)}) {
				return
			}
		}
	}
}

// choose draws a target by weight.
func (p Plan) choose(dice *rand.Rand) int {
	sum := 0
	for _, target := range p.Targets {
		sum += target.Weight
	}
	drawn := dice.IntN(sum)
	for i, target := range p.Targets {
		if drawn -= target.Weight; drawn < 0 {
			return i
		}
	}
	panic("load: weights do not add up to their sum")
}
