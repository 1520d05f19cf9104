package control

import (
	"holdfast"
	"holdfast/event"
)

// What runs once, such as a migration, goes through fewer phases than what goes
// on running:
//
//	idle ──start──▶ starting ──▶ running ──exit 0──▶ completed
//	  ▲                                └──any other──▶ exited, and a person is called
//	  └── declared again: one that failed, or whose definition changed
//
// Nothing is restarted by itself: whether half a migration may be run again is
// for a person to know.

// met tells whether a dependency is as far as its dependents need it to be.
func (m *Mind) met(d holdfast.Dependency) bool {
	needed, _ := m.named(d.On)
	if !needed.Once {
		return m.admitted(needed) >= needed.Minimum
	}
	r := m.Replicas[holdfast.NameReplica(needed.Name, 1)]
	return r != nil && r.Phase == completed
}

// takeOnceEnd draws the conclusions from the end of what runs once.
func (m *Mind) takeOnceEnd(r *replica, in event.Body, detail string, cause event.ID) {
	ended, ran := in.(holdfast.Exited)
	switch {
	case r.Old != nil: // the file has changed meanwhile: what ran is not what is asked for
		m.freshen(r)
		m.enter(r, idle)
	case ran && ended.Status == holdfast.ExitStatus{}:
		m.enter(r, completed)
		m.notNeeded("", r.id(), cause)
	default:
		m.enter(r, exited)
		m.callFor(r, cause, detail+"; who depends on it waits, and holdfast reload tries again")
		return
	}
	m.startNext(cause)
	m.rollNext(cause)
}

// callFor calls for a person where no failure mode answers for what happened.
func (m *Mind) callFor(r *replica, cause event.ID, why string) {
	said := m.say(cause, event.Escalated{ID: r.id(), Owner: m.service(r).Owner, Level: holdfast.Shared, Why: why})
	m.needed(m.trouble("", r.id(), why), said)
}
