package gateway

import (
	"cmp"
	"time"

	"holdfast"
)

// Bounds of an overload.
const (
	tellOverload = time.Second     // that requests have been refused for
	reliefTime   = 3 * time.Second // in which none was
)

// An overload is a time in which requests are refused.
type overload struct {
	first, last time.Duration // CLOCK_BOOTTIME of the first refusal and the last; 0: there is none
	refused     uint64
	highest     rank
	limited     int // how many were given to the service at the last refusal
	toldOf      bool
}

func (o *overload) refuse(r rank, limited int, at time.Duration) {
	if o.first == 0 {
		*o = overload{first: at, highest: r}
	}
	o.last, o.highest, o.limited = at, min(o.highest, r), limited
	o.refused++
}

// tidings are what is to be said of an overload, if anything.
type tidings uint8

const (
	toldNothing tidings = iota
	toldOverload
	toldRelief
)

func (o *overload) review(at time.Duration) tidings {
	switch {
	case o.first == 0:
		return toldNothing
	case at-o.last >= reliefTime && o.toldOf:
		return toldRelief // the caller forgets it
	case at-o.last >= reliefTime:
		*o = overload{}
	case !o.toldOf && o.last-o.first >= tellOverload:
		o.toldOf = true
		return toldOverload
	}
	return toldNothing
}

// announceLoad judges every service's load, and tells of overloads. The caller
// holds Gateway.mu.
func (g *Gateway) announceLoad(s *service, at time.Duration) {
	a := &s.admission
	switch a.review(at, max(1, len(s.lineup.Load().usable))) {
	case toldOverload:
		g.announce(g.overloaded(s))
	case toldRelief:
		g.relieve(s)
	}
}

// relieve forgets an overload, and says so if it was told. The caller holds
// Gateway.mu.
func (g *Gateway) relieve(s *service) {
	a := &s.admission
	a.mu.Lock()
	o := a.overload
	a.overload = overload{}
	a.mu.Unlock()
	if o.toldOf {
		g.announce(holdfast.Relieved{Gateway: g.name, Service: s.name, Shed: o.refused, Lasted: o.last - o.first})
	}
}

func (g *Gateway) overloaded(s *service) holdfast.Overloaded {
	a := &s.admission
	a.mu.Lock()
	defer a.mu.Unlock()
	return holdfast.Overloaded{
		Gateway: g.name,
		Service: s.name,
		Highest: a.highest.priority(),
		Shed:    a.refused,
		Limit:   cmp.Or(a.limit.most, a.limited),
		After:   a.last - a.first,
	}
}

// overloaded says whether an overload was told that is not over.
func (s *service) overloaded() bool {
	s.admission.mu.Lock()
	defer s.admission.mu.Unlock()
	return s.admission.toldOf
}

// load is what the gateway believes of a service. The caller holds Gateway.mu.
func (s *service) load() holdfast.ServiceState {
	a := &s.admission
	a.mu.Lock()
	defer a.mu.Unlock()
	return holdfast.ServiceState{
		Name:       s.name,
		Limit:      a.limit.most,
		InFlight:   int(s.inFlight.Load()),
		Queued:     a.queued,
		Parked:     int(s.parked.Load()),
		Cut:        s.cut.Load(),
		Overloaded: int64(a.first),
	}
}
