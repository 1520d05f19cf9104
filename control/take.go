package control

import (
	"fmt"
	"slices"

	"holdfast"
	"holdfast/event"
)

// take records an input and draws its consequences.
func (m *Mind) take(in event.Body) {
	switch in := in.(type) {
	case holdfast.Started:
		m.takeStarted(in)
	case holdfast.NotStarted:
		m.takeEnd(in.ID, in, "not started: "+in.Reason)
	case holdfast.Exited:
		m.takeEnd(in.ID, in, fmt.Sprintf("%s after %s", in.Status, event.Short(in.Ran)))
	case holdfast.Ejected:
		m.takeEjected(in)
	case holdfast.Admitted:
		m.takeAdmitted(in)
	case holdfast.Overloaded:
		m.takeOverloaded(in)
	case holdfast.Relieved:
		m.takeRelieved(in)
	case holdfast.Counted:
		m.takeCounted(in)
	case holdfast.Drained:
		m.takeDrained(in)
	case event.Declared:
		m.takeDeclared(in)
	case event.Woken:
		m.takeWoken(in)
	case event.Paused:
		m.say(event.ID{}, in)
		m.Paused[in.Service] = true
	case event.Resumed:
		id := m.say(event.ID{}, in)
		delete(m.Paused, in.Service)
		m.reconsider(id)
	case event.DrillBegan:
		m.Drill = &in
		m.say(event.ID{}, in)
	case event.DrillEnded:
		m.say(event.ID{}, in)
		m.Drill = nil
	case event.StopRequested:
		m.takeStopRequested(in)
	case event.Failed:
		m.takeFailed(in)
	case event.GuardsReset:
		m.takeGuardsReset(in)
	case event.Captured:
		m.takeCaptured(in)
	case event.Inspected:
		m.takeInspected(in)
	case event.Proved:
		m.takeProved(in)
	default: // what the desk does not take has no consequences
		id := m.say(event.ID{}, in)
		m.Desk.Take(m.now, in, id, m.say)
	}
}

// cause is the decision that wanted the incarnation an observation speaks of.
func (m *Mind) cause(id holdfast.ReplicaID) event.ID {
	if r := m.Replicas[id.Name()]; r != nil && r.Want == id.Incarnation {
		return r.Began
	}
	return event.ID{}
}

func (m *Mind) takeStarted(in holdfast.Started) {
	r := m.find(in.ID)
	unknown := r != nil && in.ID.Incarnation > r.Want
	if unknown {
		r.Want = in.ID.Incarnation // our memory was lost, the replica was not
	}
	m.say(m.cause(in.ID), in)
	if r == nil || in.ID.Incarnation < r.Want || r.Phase != starting && !unknown {
		return
	}
	r.Endpoint = holdfast.Endpoint{ID: in.ID, Address: in.Address, Zone: m.service(r).Zone(r.Ordinal)}
	m.enter(r, running)
	if m.service(r).Manage == holdfast.Observe { // nobody will admit it
		m.rolled(r, r.Began)
	}
}

// takeEnd is the kernel's word that an incarnation does not run (any more).
func (m *Mind) takeEnd(id holdfast.ReplicaID, in event.Body, detail string) {
	said := m.say(m.cause(id), in)
	if left := m.Leaving[id.Name()]; left != nil && left.id() == id && left.DrainBy != 0 {
		m.hasLeft(left)
	}
	r := m.find(id)
	if r != nil && r.Phase != idle && id.Incarnation > r.Want {
		r.Want = id.Incarnation // our memory was lost: the next one must be later still
	}
	if r == nil || id.Incarnation != r.Want || r.Phase == exited || r.Phase == idle || r.Phase == completed {
		return
	}
	r.withdraw()
	r.ReadyBy = 0
	switch {
	case r.Phase == stopping:
		m.enter(r, idle)
		m.stopNext()
		return
	case r.Phase == draining:
		m.drained(r, said)
		return
	case m.service(r).Once:
		m.takeOnceEnd(r, in, detail, said)
		return
	}
	m.enter(r, exited)
	m.undrain(m.service(r))
	m.rolledBadly(r, said, detail)
	m.evidence(r, holdfast.SignExit, detail, said)
	m.weighLosses(m.service(r), said)
}

func (m *Mind) takeEjected(in holdfast.Ejected) {
	if in.Sign == holdfast.SignExit {
		// The gateway has the kernel's word from the keeper, as the driver
		// has; whichever reaches the mind first counts.
		m.takeEnd(in.ID, in, in.Detail)
		return
	}
	said := m.say(m.cause(in.ID), in)
	r := m.find(in.ID)
	if r == nil || in.ID.Incarnation != r.Want || r.Phase != running {
		return
	}
	wasAdmitted := r.admitted()
	if !in.Kept {
		delete(r.Admitted, in.Gateway)
	}
	if len(r.Admitted) == 0 {
		r.withdraw()
	}
	r.Kept = in.Kept
	m.undrain(m.service(r))
	// What was never ready is not yet a failure; ReadyBy bounds that. What is out
	// already may be told again, with other evidence.
	if wasAdmitted || in.Kept || r.Failure != nil {
		m.evidence(r, in.Sign, in.Detail, said)
	}
	m.weighLosses(m.service(r), said)
}

func (m *Mind) takeAdmitted(in holdfast.Admitted) {
	said := m.say(m.cause(in.ID), in)
	r := m.find(in.ID)
	if r == nil || in.ID.Incarnation != r.Want || r.Phase != running {
		return
	}
	if len(r.Admitted) == 0 {
		r.Admitted, r.Since = map[holdfast.GatewayName]bool{}, m.now.Boot
	}
	r.Admitted[in.Gateway], r.Kept = true, false
	r.ReadyBy = 0
	m.readmitted(r, said)
	m.weighLosses(m.service(r), said)
	m.startNext(said)
	m.rolled(r, said)
	m.notNeeded("", r.id(), said)
}

func (m *Mind) takeDeclared(in event.Declared) {
	said := m.say(event.ID{}, in)
	m.removeServices(in.System)
	before := m.System
	m.System, m.at = in.System, indexOf(&in.System)
	m.disown()
	m.keepLedgers()
	if !m.Stopping.IsZero() {
		m.Stopping = event.ID{}
		for _, r := range m.Replicas { // a stop that was not finished is not waited for
			r.forget()
			m.enter(r, idle)
		}
	}
	m.state.Revision++
	kept := map[holdfast.ReplicaName]*replica{}
	var outdated []holdfast.ReplicaID
	m.Idle = 0
	for _, service := range m.System.Services {
		for ordinal := 1; ordinal <= service.Replicas; ordinal++ {
			name := holdfast.NameReplica(service.Name, ordinal)
			r := m.Replicas[name]
			if r == nil {
				r = &replica{Service: service.Name, Ordinal: ordinal, Phase: idle, Want: m.Past[name]}
				delete(m.Past, name)
				delete(m.Leaving, name)
			} else if old, named := before.Service(service.Name); named && m.redeclare(r, old, service) {
				outdated = append(outdated, r.id())
			}
			if r.Phase == idle {
				m.Idle++
			}
			kept[name] = r
		}
	}
	for name, r := range m.Replicas {
		if kept[name] == nil {
			m.Past[name] = r.Want
			old, _ := before.Service(r.Service)
			m.leave(r, old)
		}
	}
	m.Replicas = kept
	m.Desk.Declare(m.now, &m.System, said, m.say)
	m.settleTroubles(said)
	m.rearm(said)
	m.beginRoll(outdated, said)
	m.retry(said)
}

// retry starts again what ended and was given up: whoever declares the file once
// more has mended what is not in it. If that does not help, a person is called
// once more.
func (m *Mind) retry(cause event.ID) {
	for _, service := range m.System.Services {
		m.each(service, func(r *replica) {
			if f := r.Failure; f != nil && r.Phase == exited && f.Withheld == holdfast.RailAttempts {
				r.Attempts, r.Streak, f.Escalated = nil, 0, false
				m.consider(r, cause)
			}
		})
	}
}

// removeServices remembers which services the file no longer names: a gateway
// gives up the last replica of a service only on the file's word, and may hear
// it late.
func (m *Mind) removeServices(next holdfast.System) {
	for _, service := range m.System.Services {
		m.Removed = append(m.Removed, service.Name)
	}
	slices.Sort(m.Removed)
	m.Removed = slices.DeleteFunc(slices.Compact(m.Removed), func(name holdfast.ServiceName) bool {
		_, stays := next.Service(name)
		return stays
	})
}

// epochRevisions is how many plans one agent can make before the next one's
// numbers begin: a million, at a plan per change of a replica.
const epochRevisions = 1 << 20

// EpochOf is the epoch of the agent that made a plan of a revision.
func EpochOf(revision uint64) uint64 { return revision / epochRevisions }

// takeWoken makes plans later than any an earlier agent made, and names no incident as
// it did, even if our memory of them is lost, and begins afresh after a reboot: nothing of the
// earlier boot runs, and its instants mean nothing by this boot's clock.
func (m *Mind) takeWoken(in event.Woken) {
	said := m.say(event.ID{}, in)
	if m.state.Revision == 0 && in.Epoch > 1 { // there were others, of whom nothing is known
		m.Desk.Forgot(m.now, in.Epoch)
	}
	m.state.Revision = max(m.state.Revision+1, in.Epoch*epochRevisions)
	if m.BootID == m.now.BootID {
		return
	}
	m.BootID = m.now.BootID
	for _, r := range m.Replicas {
		r.forget()
		m.enter(r, idle)
	}
	m.due, m.Ended = deadlines{}, 0
	clear(m.Served)
	clear(m.Losses)
	clear(m.Overloads)
	clear(m.Leaving)
	m.settleTroubles(said)
	m.startNext(said)
}

func (m *Mind) takeFailed(in event.Failed) {
	said := m.say(in.Action, in)
	for _, service := range m.System.Services {
		m.each(service, func(r *replica) {
			if r.Began == in.Action && r.Failure != nil {
				m.escalate(r, said, "the remedy failed: "+in.Reason)
			}
		})
	}
}

func (m *Mind) takeGuardsReset(in event.GuardsReset) {
	said := m.say(event.ID{}, in)
	for _, r := range m.Replicas {
		r.Attempts, r.Streak, r.Downs = nil, 0, nil
	}
	m.Ended = 0
	m.reconsider(said)
}
