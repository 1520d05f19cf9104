package gateway

import (
	"math/rand/v2"
	"slices"
	"time"
)

const (
	// worse is how many times a replica must cost what another does before that
	// decides. Less is noise, and would send everything to whoever had the last
	// lucky answer.
	worse = 2
	// byLot is of how many picks one does not look at what replicas have done:
	// whoever is never asked can neither show that it is well again nor that it
	// is bad enough to be ejected.
	byLot = 10
	// A replica that was admitted a moment ago is cold: beside its part of the picks
	// by lot it gets a tenth of its share, and more from second to second.
	slowStart = 10 * time.Second
	coldShare = 0.1
)

// pick chooses a replica that was not tried yet, or nil when there is nobody
// left. If every usable one was tried it takes from those nobody vouches for,
// since an answer from there beats none. Once is set for a request that is not
// sent again when it takes long.
func (s *service) pick(tried []*endpoint, once bool) *endpoint {
	l := s.lineup.Load()
	if e := pickOf(l.usable, tried, once); e != nil {
		return e
	}
	return pickOf(l.standby, tried, once)
}

// others says whether somebody is left to ask beside those.
func (s *service) others(beside []*endpoint) bool {
	l := s.lineup.Load()
	untried := func(e *endpoint) bool { return !slices.Contains(beside, e) }
	return slices.ContainsFunc(l.usable, untried) || slices.ContainsFunc(l.standby, untried)
}

// pickOf picks from a list. What is sent because another replica did not answer
// well is not sent to find something out, either.
func pickOf(from, tried []*endpoint, once bool) *endpoint {
	if len(tried) > 0 {
		from, once = without(from, tried...), true
	}
	at := now()
	if once && len(from) > 1 {
		from = spared(from, at)
	}
	if len(from) < 2 {
		return only(from)
	}
	e := pickAt(from, at)
	if len(from) > 2 && e.suspect(at) {
		// Both draws fell on silent ones. That is rare, and worth a look at all.
		calm := slices.DeleteFunc(slices.Clone(from), func(e *endpoint) bool { return e.suspect(at) })
		switch len(calm) {
		case 0:
		case 1:
			return better(calm[0], e, at)
		default:
			return better(pickAt(calm, at), e, at)
		}
	}
	return e
}

func only(from []*endpoint) *endpoint {
	if len(from) == 0 {
		return nil
	}
	return from[0]
}

// pickAt draws two of at least two and takes the better one.
func pickAt(from []*endpoint, at time.Duration) *endpoint {
	// The second draw leaves the first one's place out and closes the gap, so
	// that every pair is equally likely. Taking the neighbour on a collision
	// instead, as some do, sends more to whoever stands after a busy one.
	a, b := rand.IntN(len(from)), rand.IntN(len(from)-1)
	if b >= a {
		b++
	}
	return better(from[a], from[b], at)
}

// better is the one of two to ask: who is not silent, before who costs much less,
// before who is warm, before who has fewer requests in flight, before whose oldest
// one has waited much less, before a.
func better(a, b *endpoint, at time.Duration) *endpoint {
	if e := vocal(a, b, at); e != nil {
		return e
	}
	if rand.IntN(byLot) > 0 {
		if e := cheaper(a, b, at); e != nil {
			return e
		}
		if e := warmer(a, b, at); e != nil {
			return e
		}
	}
	busyA, busyB := a.inFlight.Load(), b.inFlight.Load()
	if busyB < busyA || busyB == busyA && a.waits.age(at) > worse*b.waits.age(at) {
		return b
	}
	return a
}

// vocal is the one that is not silent, if the other one is. One that has been
// silent for a moment, which may be the machine's, and is much quicker by what it
// has done before, will answer sooner than one that is known to be late.
func vocal(a, b *endpoint, at time.Duration) *endpoint {
	silent, other := a, b
	switch {
	case a.suspect(at) == b.suspect(at):
		return nil
	case b.suspect(at):
		silent, other = b, a
	}
	quick, late := silent.reputation.delay.Load(), other.reputation.delay.Load()
	if silent.silence(at) <= momentTime && late > max(int64(momentTime), worse*quick) {
		return nil
	}
	return other
}

// cheaper is the one that costs much less, if there is one.
func cheaper(a, b *endpoint, at time.Duration) *endpoint {
	costA, costB := a.cost(at), b.cost(at)
	switch {
	case costA == 0 || costB == 0:
		return nil
	case costA > worse*costB:
		return b
	case costB > worse*costA:
		return a
	}
	return nil
}

// warmer is the one that has been admitted for longer, as often as the other one
// is to be spared.
func warmer(a, b *endpoint, at time.Duration) *endpoint {
	shareA, shareB := a.share(at), b.share(at)
	if shareA == shareB {
		return nil
	}
	if shareB > shareA {
		a, shareA, shareB = b, shareB, shareA
	}
	if rand.Float64()*shareA < shareB {
		return nil
	}
	return a
}

// share is the part of its traffic that an endpoint is given: all of it, unless
// it was admitted just now.
func (e *endpoint) share(at time.Duration) float64 {
	since := at - time.Duration(e.admittedAt.Load())
	if since >= slowStart {
		return 1
	}
	return max(coldShare, since.Seconds()/slowStart.Seconds())
}
