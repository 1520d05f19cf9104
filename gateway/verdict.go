package gateway

import (
	"slices"
	"time"

	"holdfast"
)

// A standing is what the gateway makes of an incarnation.
//
//	            one pass                     bad, others are admitted
//	unknown ──────────────▶ admitted ─────────────────────────────▶ ejected
//	   │                     ▲    │                                 ▲  │
//	   │                     │    │ bad, and the last     another   │  │
//	   │          two passes │    └────────────────▶ kept ──────────┘  │
//	   │                     │◀────────────────────── │  is admitted   │
//	   │                     │◀────────────────────────────────────────┘
//	   └─ not ready within its start period ─────────────▶ ejected     two passes
//
//	any ── the kernel says it ended ──▶ gone, for ever
//
// Bad is a refused connection, or as many misses in a row as the file says.
// What never was admitted is not bad when it refuses: it is starting.
type standing uint8

const (
	unknown standing = iota
	admitted
	kept // looks bad, is used all the same: a bad answer beats none
	ejected
	gone
)

// rePass is the least time between two passes that count: two answers of one
// good moment are one.
const rePass = 100 * time.Millisecond

// maxDetail bounds the evidence text of a verdict.
const maxDetail = 200

// A sighting is what one check saw.
type sighting struct {
	sign   holdfast.Sign // empty for a pass
	detail string
	took   time.Duration
	lack   error // why nothing could be seen: the gateway's own want
}

// judge takes a check's sighting into account.
func (g *Gateway) judge(s *service, e *endpoint, seen sighting) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if e.isRetired() || e.standing == gone {
		return
	}
	e.took = seen.took
	if seen.sign == "" {
		g.passed(e, seen)
	} else {
		g.missed(s, e, seen)
	}
	g.settle(s)
}

func (g *Gateway) passed(e *endpoint, seen sighting) {
	e.misses = 0
	switch e.standing {
	case admitted:
		e.reason = seen.detail
	case unknown:
		g.admit(e, seen.detail)
	case kept, ejected:
		if at := now(); e.passes == 0 || at-e.passed >= rePass {
			e.passes++
			e.passed = at
		}
		if e.passes >= 2 {
			g.admit(e, seen.detail+", twice")
		}
	}
}

func (g *Gateway) missed(s *service, e *endpoint, seen sighting) {
	e.passes = 0
	e.misses++
	switch e.standing {
	case admitted:
		if seen.sign == holdfast.SignRefused || e.misses >= s.check.Retries {
			g.doubt(s, e, seen.sign, seen.detail)
		}
	case unknown:
		e.reason = seen.detail
		if late := now() - e.since; s.check.StartPeriod > 0 && late > s.check.StartPeriod && e.misses >= s.check.Retries {
			g.eject(s, e, seen.sign, "not ready within "+s.check.StartPeriod.String()+": "+seen.detail)
		}
	}
}

// refused takes a connection that a request was refused into account. Whoever
// needs no check is not judged by it: there would be no way back.
func (g *Gateway) refused(e *endpoint, detail string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if e.isRetired() || e.standing != admitted || e.service.check.Disabled {
		return
	}
	e.passes = 0
	g.doubt(e.service, e, holdfast.SignRefused, detail)
	g.settle(e.service)
	e.nudge()
}

// doubt ejects an admitted endpoint, unless it is the last.
func (g *Gateway) doubt(s *service, e *endpoint, sign holdfast.Sign, detail string) {
	if others := s.count(admitted) - 1; others > 0 {
		g.eject(s, e, sign, detail)
		return
	}
	e.stand(kept, detail)
	e.sign = sign
	e.passes = 0
	g.announce(e.verdict(g.name, s))
}

func (g *Gateway) eject(s *service, e *endpoint, sign holdfast.Sign, detail string) {
	e.stand(ejected, detail)
	e.sign = sign
	e.passes = 0
	e.pool.drain()
	g.announce(e.verdict(g.name, s))
}

func (g *Gateway) admit(e *endpoint, detail string) {
	e.stand(admitted, detail)
	e.admittedAt.Store(int64(e.since))
	e.misses, e.passes = 0, 0
	g.announce(e.verdict(g.name, e.service))
}

// bury takes the kernel's word. It is the only way out for the last one.
func (g *Gateway) bury(s *service, e *endpoint, detail string) {
	if e.standing == gone {
		return
	}
	e.stand(gone, detail)
	e.sign = holdfast.SignExit
	e.pool.close()
	g.announce(e.verdict(g.name, s))
}

// stand changes the standing. The reason is bounded: it goes into the journal.
func (e *endpoint) stand(as standing, reason string) {
	e.standing, e.since, e.reason = as, now(), reason[:min(len(reason), maxDetail)]
}

// verdict is the standing as an observation, or nil while there is none.
func (e *endpoint) verdict(by holdfast.GatewayName, s *service) holdfast.Observation {
	switch e.standing {
	case unknown:
		return nil
	case admitted:
		return holdfast.Admitted{Gateway: by, ID: e.ID, Detail: e.reason}
	default:
		return holdfast.Ejected{
			Gateway:   by,
			ID:        e.ID,
			Sign:      e.sign,
			Detail:    e.reason,
			Remaining: s.count(admitted) + s.count(kept),
			Kept:      e.standing == kept,
		}
	}
}

func (s *service) count(as standing) int {
	n := 0
	for _, e := range s.endpoints {
		if e.standing == as {
			n++
		}
	}
	return n
}

// settle decides anew whom requests go to: the admitted; those kept, if they
// are all there is; everybody who is not known to be dead, if there is nobody
// else. The caller holds mu.
func (g *Gateway) settle(s *service) {
	if s.count(admitted) > 0 {
		g.release(s)
	}
	next := &lineup{trusted: s.count(admitted) > 0}
	for _, e := range s.endpoints {
		switch e.standing {
		case admitted, kept:
			next.usable = append(next.usable, e)
		case unknown, ejected:
			next.standby = append(next.standby, e)
		}
	}
	if len(next.usable) == 0 {
		next.usable, next.standby = next.standby, nil
	}
	if before := s.lineup.Load(); before == nil || before.trusted != next.trusted || !slices.Equal(before.usable, next.usable) || !slices.Equal(before.standby, next.standby) {
		s.lineup.Store(next)
	}
}

// release ejects what was only kept because it was the last.
func (g *Gateway) release(s *service) {
	for _, e := range s.endpoints {
		if e.standing == kept {
			g.eject(s, e, e.sign, e.reason)
		}
	}
}
