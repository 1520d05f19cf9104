package control

import (
	"cmp"
	"slices"
	"time"

	"holdfast"
	"holdfast/event"
	"holdfast/oncall"
	"holdfast/promise"
)

// What the mind calls people for comes to the desk as a trouble, under one name: a
// mode that strikes a replica or an edge, a promise that burns, or, without a mode,
// what nobody declared. It is over when the mode is cleared or restored, when the
// promise has cooled, and, of what nobody declared, when the replica serves again.

// trouble is what a person is called for.
func (m *Mind) trouble(name holdfast.ModeName, id holdfast.ReplicaID, why string) oncall.Trouble {
	mode, _ := m.mode(name)
	owner := mode.Owner
	if service, ok := m.named(id.Service); ok && owner == "" {
		owner = service.Owner
	}
	return oncall.Trouble{
		Service: id.Service, Mode: name, ID: id, Owner: owner, Policy: mode.Escalation, Urgency: mode.Urgency, Severity: m.severity(mode, id), Why: why,
	}
}

// severity of what is bad of a service: whether anybody is answered there, and
// whether users come to it.
func (m *Mind) severity(mode holdfast.FailureMode, id holdfast.ReplicaID) holdfast.Severity {
	service, ok := m.named(id.Service)
	switch {
	case mode.Urgency == holdfast.Ticket:
		return holdfast.SEV4
	case ok && m.answering(service) == 0 && m.System.Publishes(service):
		return holdfast.SEV1
	case ok && m.answering(service) == 0:
		return holdfast.SEV2
	default:
		return holdfast.SEV3
	}
}

// needed tells the desk that people are needed. What a live drill is under way of is
// told as a drill, and pages as one.
func (m *Mind) needed(t oncall.Trouble, cause event.ID) {
	m.Desk.Trigger(m.now, t, cause, m.say)
}

// notNeeded tells the desk that they are not any more.
func (m *Mind) notNeeded(name holdfast.ModeName, id holdfast.ReplicaID, cause event.ID) {
	m.Desk.Over(m.now, oncall.Trouble{Service: id.Service, Mode: name, ID: id}, cause, m.say)
}

// concludes tells the desk of what was just said, where it ends something.
func (m *Mind) concludes(said event.ID, body event.Body) {
	switch b := body.(type) {
	case event.Restored:
		m.notNeeded(b.Mode, b.ID, said)
	case event.Cleared:
		m.notNeeded(b.Mode, b.ID, said)
	case event.Stopped:
		m.allOver(said)
	}
}

// allOver ends all that people are needed for: nothing runs any more, as was asked.
// What budgets burn by then is over with it.
func (m *Mind) allOver(cause event.ID) {
	for _, p := range m.System.Owed() {
		if l := m.Ledgers[p.Name]; l != nil {
			for name := range l.Burning {
				l.echo(ruleNamed(name), m.Calendar.At)
			}
			l.rest(m.Calendar.At)
			m.cool(l, p, nil, cause)
		}
	}
	for _, t := range m.Desk.Troubles() {
		m.Desk.Over(m.now, t, cause, m.say)
	}
}

// settleTroubles ends what is bad no more though nothing said so: the file does not
// name it any more, or the machine began anew.
func (m *Mind) settleTroubles(cause event.ID) {
	for _, t := range m.Desk.Troubles() {
		if !m.stands(t) {
			m.Desk.Over(m.now, t, cause, m.say)
		}
	}
}

// stands tells whether something is still bad: a promise whose budget burns, a
// replica of which nobody declared how it fails, a mode that is believed.
func (m *Mind) stands(t oncall.Trouble) bool {
	if t.Mode == "" && t.ID == (holdfast.ReplicaID{}) {
		l := m.Ledgers[t.Promise]
		return l != nil && len(l.Burning) > 0
	}
	r := m.Replicas[t.ID.Name()]
	if t.Mode == "" {
		return r != nil
	}
	if r != nil && r.Failure != nil && r.Failure.Mode == t.Mode {
		return true
	}
	return m.Losses[t.Mode] != nil || m.Overloads[t.Mode] != nil
}

// burns tells the desk of a budget that burns, or does no longer.
func (m *Mind) burns(p holdfast.Promise, l *ledger, burning []promise.Burning, cause event.ID) {
	t := oncall.Trouble{Service: p.Service, Promise: p.Name, Owner: m.System.Owner, Severity: holdfast.SEV3, Urgency: holdfast.Ticket}
	if service, ok := m.named(p.Service); ok {
		t.Owner = cmp.Or(service.Owner, t.Owner)
	}
	if len(burning) == 0 {
		m.Desk.Over(m.now, t, cause, m.say)
		return
	}
	if slices.ContainsFunc(burning, func(b promise.Burning) bool { return b.Rule.Urgency == holdfast.Page }) {
		t.Urgency, t.Severity = holdfast.Page, holdfast.SEV2
		if l.Book.In(promise.Rules()[0].Short, m.Calendar.At).Share() > half {
			t.Severity = holdfast.SEV1
		}
	}
	t.Why = "its budget burns"
	if by := l.behind(m.Calendar.At); by != "" {
		t.Why += ": " + by
	}
	m.needed(t, cause)
}

// half of all requests of the last minutes bad is a promise that is not kept at all,
// as users see it. What slower windows hold says nothing of now.
const half = 0.5

// boundBy is until when a failure is within its next bound, later than now; 0 where
// it has none that it is not known to be beyond.
func (m *Mind) boundBy(f *failure) time.Duration {
	mode, _ := m.mode(f.Mode)
	later := m.now.Boot + 1
	switch {
	case !f.Believed || f.Exceeded == exceededAll:
		return 0
	case !f.Mitigated && f.Exceeded == "" && mode.Bounds.Mitigate > 0:
		return max(later, f.Since+mode.Bounds.Mitigate)
	case mode.Bounds.Restore > 0:
		return max(later, f.Since+mode.Bounds.Restore)
	default:
		return 0
	}
}

// The bounds that a failure can have exceeded, as they are said.
const (
	exceededMitigate = "mitigate"
	exceededAll      = "restore" // the last there is
)

// boundWord is what has to be reached within a bound.
func boundWord(bound string) string {
	if bound == exceededMitigate {
		return "mitigated"
	}
	return "restored"
}

// exceed says that a failure is outside its bounds, and that people are needed: what
// was contained within them needs nobody.
func (m *Mind) exceed(r *replica) {
	f := r.Failure
	mode, _ := m.mode(f.Mode)
	said := event.Exceeded{Mode: f.Mode, ID: r.id(), Bound: exceededAll, Within: mode.Bounds.Restore}
	if !f.Mitigated && f.Exceeded == "" {
		said.Bound, said.Within = exceededMitigate, mode.Bounds.Mitigate
	}
	f.Exceeded = said.Bound
	why := "it is not " + boundWord(said.Bound) + " within its bound of " + event.Short(said.Within)
	m.needed(m.trouble(f.Mode, r.id(), why), m.say(f.Cause, said))
}
