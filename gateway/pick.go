package gateway

import (
	"math/rand/v2"
	"slices"
)

// pick chooses a replica that was not tried yet: of two at random the one with
// fewer requests in flight. If every usable one was tried it takes from those
// nobody vouches for, since an answer from there beats none. It returns nil when
// there is nobody left.
func (s *service) pick(tried []*endpoint) *endpoint {
	l := s.lineup.Load()
	if e := pickOf(l.usable, tried); e != nil {
		return e
	}
	return pickOf(l.standby, tried)
}

func pickOf(from, tried []*endpoint) *endpoint {
	if len(tried) > 0 {
		from = slices.DeleteFunc(slices.Clone(from), func(e *endpoint) bool { return slices.Contains(tried, e) })
	}
	switch len(from) {
	case 0:
		return nil
	case 1:
		return from[0]
	}
	// The second draw leaves the first one's place out and closes the gap, so
	// that every pair is equally likely. Taking the neighbour on a collision
	// instead, as some do, sends more to whoever stands after a busy one.
	a, b := rand.IntN(len(from)), rand.IntN(len(from)-1)
	if b >= a {
		b++
	}
	if from[b].inFlight.Load() < from[a].inFlight.Load() {
		return from[b]
	}
	return from[a]
}
