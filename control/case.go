package control

import (
	"time"

	"holdfast"
	"holdfast/decide"
	"holdfast/detect"
	"holdfast/topology"
)

// caseOf gathers what a choice about a replica depends on.
func (m *Mind) caseOf(r *replica) decide.Case {
	f := r.Failure
	mode, _ := m.mode(f.Mode)
	service := m.service(r)
	c := decide.Case{
		Now: m.now.Boot, Mode: mode, Armed: m.armed(mode) == "", ID: r.id(), Sign: f.Case.Sign, Alive: r.alive(),
		Attempts: r.Attempts, Streak: r.Streak, FailedAt: f.FailedAt,
		Paused:   m.Paused[""] || m.Paused[r.Service],
		Replicas: service.Replicas, Rails: m.System.Guardrails,
	}
	m.peers(service, func(other *replica) {
		if g := other.Failure; other.Phase == running && g != nil && g.Case.Conviction != detect.Nothing {
			c.Doubted++
		}
		if other != r && !other.admitted() {
			c.Out++
		}
	})
	if c.Alive {
		c.Around = m.around(r, service)
	}
	return c
}

// around looks beside a living replica: a remedy would end it.
func (m *Mind) around(r *replica, service holdfast.Service) decide.Surroundings {
	a := decide.Surroundings{Ended: m.Ended, Downs: len(recent(r.Downs, m.now.Boot, decide.FlapWithin))}
	bad := map[holdfast.ZoneName]bool{}
	m.peers(service, func(other *replica) {
		zone := service.Zone(other.Ordinal)
		if f := other.Failure; f != nil && m.now.Boot-f.Since < decide.MassWithin {
			a.TurnedBad++
			bad[zone] = true
			if a.BadSince == 0 || f.Since < a.BadSince {
				a.BadSince = f.Since
			}
		}
		if other != r && !other.admitted() && zone != service.Zone(r.Ordinal) {
			a.ZoneOut = zone
		}
	})
	a.BadZones = len(bad)
	for _, needed := range topology.Required(&m.System, service.Name) {
		if on, _ := m.named(needed); on.Manage != holdfast.Observe && !on.Once && m.answering(on) < on.Minimum {
			a.Sick = append(a.Sick, needed)
		}
	}
	return a
}

// peers visits the replicas of a service that are known, to be looked at only.
func (m *Mind) peers(service holdfast.Service, visit func(*replica)) {
	for ordinal := range service.Replicas {
		if r := m.Replicas[holdfast.NameReplica(service.Name, ordinal+1)]; r != nil {
			visit(r)
		}
	}
}

// wentDown remembers that a replica began to fail. What is older than the span a
// guardrail looks at is dropped, and of the rest the newest are kept.
func (r *replica) wentDown(now time.Duration) {
	r.Downs = append(recent(r.Downs, now, decide.FlapWithin), now)
	r.Downs = r.Downs[max(0, len(r.Downs)-maxDowns):]
}

// maxDowns bounds what is remembered of a replica that flaps; decide asks for 4.
const maxDowns = 16
