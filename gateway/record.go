package gateway

import (
	"time"

	"holdfast"
	"holdfast/detect"
)

// maxRecords bounds what is remembered of names that may be gone for good.
const maxRecords = 4096

// A record is what is held against a replica's name, whichever incarnation bears
// it. Restarting does not clear it.
type record struct {
	flapping detect.Flapping
	holds    [holdKinds]detect.HoldDown
}

// Signs of one kind share a hold-down: what a check can show, and each of what
// it cannot.
const (
	holdAbsence = iota // refused, unreachable, missed, silent
	holdHealth
	holdErrors
	holdSlowness
	holdKinds
)

func holdKind(sign holdfast.Sign) int {
	switch sign {
	case holdfast.SignUnhealthy:
		return holdHealth
	case holdfast.SignErrors:
		return holdErrors
	case holdfast.SignSlow:
		return holdSlowness
	default:
		return holdAbsence
	}
}

// fell notes that an admitted endpoint is put out, and says for how long at
// least.
func (s *service) fell(e *endpoint, sign holdfast.Sign, at time.Duration) (hold time.Duration) {
	r := s.records[e.ID.Name()]
	e.before = r
	kind := holdKind(sign)
	r.holds[kind], hold = r.holds[kind].Eject(at, !relative(sign))
	r.flapping = r.flapping.Down(at)
	if until, suppressed := r.flapping.Suppressed(at); suppressed {
		hold = max(hold, until-at)
	}
	e.held = at + hold
	s.remember(e, r, at)
	return hold
}

// forgive takes the last fall back. A process that ended explains it, restarts
// have a back-off of their own, and nobody is damped twice.
func (s *service) forgive(e *endpoint) {
	if _, known := s.records[e.ID.Name()]; known {
		s.records[e.ID.Name()] = e.before
	}
}

// returned notes the beginning of a time that may count as calm.
func (s *service) returned(e *endpoint, at time.Duration) {
	r, known := s.records[e.ID.Name()]
	if !known {
		return
	}
	for kind := range r.holds {
		r.holds[kind] = r.holds[kind].Admit(at)
	}
	s.records[e.ID.Name()] = r
}

// remember keeps a record and drops those that have become calm, if there are
// many.
func (s *service) remember(e *endpoint, r record, at time.Duration) {
	if len(s.records) >= maxRecords {
		for name, old := range s.records {
			if old.calm(at) {
				delete(s.records, name)
			}
		}
	}
	if _, known := s.records[e.ID.Name()]; known || len(s.records) < maxRecords {
		s.records[e.ID.Name()] = r
	}
}

func (r record) calm(at time.Duration) bool {
	for _, hold := range r.holds {
		if !hold.Calm(at) {
			return false
		}
	}
	return r.flapping.Calm(at)
}

// ResetGuards drops what is held against any replica or service: hold-downs, the
// penalty for flapping, limits, overloads, and what is broken off. It is for private
// copies, where one drill's falls must not weigh on the next.
func (g *Gateway) ResetGuards() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, s := range g.services {
		clear(s.records)
		s.admission.reset()
		g.relieve(s)
		for _, e := range s.endpoints {
			e.held = 0
		}
	}
	for _, t := range g.tallies {
		t.breaker.reset()
	}
}
