package control

import (
	"cmp"
	"slices"
	"time"

	"holdfast"
	"holdfast/decide"
	"holdfast/detect"
	"holdfast/event"
)

// evidence weighs a sign of failure, and believes in the failure when it is
// enough.
func (m *Mind) evidence(r *replica, sign holdfast.Sign, detail string, cause event.ID) {
	mode, ok := m.modeFor(r, sign)
	if !ok {
		return
	}
	f := m.file(r, mode, cause)
	before := f.Case.Conviction
	f.Case = f.Case.Add(mode.DetectedBy, sign, detail, m.now.Boot)
	switch {
	case f.Case.Conviction == detect.Belief && before != detect.Belief:
		m.believe(r, cause)
	case f.Case.Conviction == detect.Suspicion && before == detect.Nothing:
		m.say(cause, event.Suspected{Mode: f.Mode, ID: r.id(), Sign: sign, Detail: detail})
		f.ConfirmAt = m.now.Boot + holdfast.Confirmation
	case before == detect.Belief:
		m.consider(r, cause) // what was forbidden before may be allowed now
	}
}

// modeFor is the failure mode of a replica's service that a sign speaks for: the
// first that asks for it. An exit is the end of whatever failed before, and no
// failure of its own, where that has a remedy that starts it again; and so is a refused
// connection, which is often heard of first.
func (m *Mind) modeFor(r *replica, sign holdfast.Sign) (holdfast.FailureMode, bool) {
	ends := sign == holdfast.SignExit || sign == holdfast.SignRefused
	if f := r.Failure; f != nil && ends && f.Case.Conviction == detect.Belief {
		if mode, ok := m.mode(f.Mode); ok && slices.Contains(mode.Remedies, holdfast.RemedyRestart) {
			return mode, true
		}
	}
	for _, i := range m.at.replicas[r.Service] {
		mode := m.System.Modes[i]
		if slices.ContainsFunc(mode.DetectedBy, func(e holdfast.Evidence) bool { return e.Sign == sign }) {
			return mode, true
		}
	}
	return holdfast.FailureMode{}, false
}

// file is the open failure of a replica in a mode. What was taken for another
// mode and now shows itself as this one is filed anew: what it is mended by
// depends on what it is. Users were hurt since the first sign all the same.
func (m *Mind) file(r *replica, mode holdfast.FailureMode, cause event.ID) *failure {
	f := r.Failure
	if f != nil && f.Mode == mode.Name {
		return f
	}
	next := &failure{Mode: mode.Name, Since: m.now.Boot, Cause: cause}
	if f != nil {
		next.Since, next.Mitigated, next.Escalated = f.Since, f.Mitigated, f.Escalated
		m.say(cause, event.Cleared{Mode: f.Mode, ID: r.id()})
	} else if m.service(r).Replicas > 0 {
		r.wentDown(m.now.Boot)
	}
	r.Failure = next
	return next
}

// believe says that a failure is detected, and looks for what to do.
func (m *Mind) believe(r *replica, cause event.ID) {
	f := r.Failure
	f.ConfirmAt, f.AskAt, f.FailedAt, f.Withheld = 0, 0, m.now.Boot, ""
	f.Believed = true
	f.Cause = m.say(cause, event.Detected{
		Mode: f.Mode, ID: r.id(), Sign: f.Case.Sign, Detail: f.Case.Detail, After: m.now.Boot - f.Case.Since,
	})
	if r.Since != 0 && m.now.Boot-r.Since >= lasting {
		r.Streak = 0
	}
	m.mitigated(r, f.Cause)
	f.BoundAt = m.boundBy(f)
	m.consider(r, f.Cause)
}

// consider chooses what to do about a believed failure, and does it, waits, or
// says what forbids it. It may be asked any number of times: it says only what
// is new.
func (m *Mind) consider(r *replica, cause event.ID) {
	f := r.Failure
	if f == nil || f.Case.Conviction != detect.Belief || !m.Stopping.IsZero() {
		return
	}
	if f.Case.Sign == holdfast.SignSilent {
		m.capture(r, cause) // whatever comes of it, it may be ended: by us or by a person
	}
	choice := decide.Choose(m.caseOf(r))
	switch {
	case choice.Withheld != "":
		m.withhold(r, cause, choice)
	case choice.Waiting:
		f.AskAt = choice.Again
	case choice.Do == "":
		f.AskAt = choice.Again
		m.escalate(r, cause, choice.Why)
	case choice.At > m.now.Boot:
		if f.AskAt != choice.At {
			f.AskAt = choice.At
			m.say(cause, event.Waited{Do: choice.Do, Mode: f.Mode, ID: r.id(), For: choice.At - m.now.Boot, Attempt: choice.Attempt})
		}
	case r.alive() && m.capture(r, cause):
		f.AskAt = f.CaptureBy
	default:
		m.restart(r, cause, choice)
	}
}

func (m *Mind) withhold(r *replica, cause event.ID, choice decide.Choice) {
	f := r.Failure
	f.AskAt = choice.Again
	if f.Withheld != choice.Withheld {
		f.Withheld = choice.Withheld
		cause = m.say(cause, event.Withheld{Do: choice.Do, Mode: f.Mode, ID: r.id(), Guardrail: choice.Withheld, Why: choice.Why})
	}
	if choice.Escalate {
		failed := cmp.Or(f.Case.Detail, string(f.Case.Sign))
		m.escalate(r, cause, failed+"; "+string(choice.Do)+" withheld: "+choice.Why)
	}
}

// restart wants the next incarnation; the driver ends what is left of this one.
// One that was silent is not asked to end: it does not listen.
func (m *Mind) restart(r *replica, cause event.ID, choice decide.Choice) {
	f := r.Failure
	if r.alive() {
		m.Ended = m.now.Boot
	}
	kill := f.Case.Sign == holdfast.SignSilent
	r.Attempts = append(recent(r.Attempts, m.now.Boot, m.System.Guardrails.MaxActions.Per), m.now.Boot) // bounded by the budget
	r.Streak++
	f.acquit()
	m.want(r)
	r.Kill = kill
	r.Began = m.say(cause, event.Decided{
		Do: choice.Do, Level: holdfast.Local, Mode: f.Mode, ID: r.id(),
		Attempt: choice.Attempt, Of: m.System.Guardrails.MaxActions.Count,
	})
}

// recent are those of some instants, oldest first, that lie within a span of now.
func recent(instants []time.Duration, now, span time.Duration) []time.Duration {
	for len(instants) > 0 && now-instants[0] >= span {
		instants = instants[1:]
	}
	return instants
}

// escalate calls for a person, once per failure.
func (m *Mind) escalate(r *replica, cause event.ID, why string) {
	f := r.Failure
	if f.Escalated {
		return
	}
	f.Escalated = true
	m.call(f.Mode, r.id(), cause, why)
}

func (m *Mind) call(name holdfast.ModeName, id holdfast.ReplicaID, cause event.ID, why string) {
	mode, _ := m.mode(name)
	said := m.say(cause, event.Escalated{
		Mode: name, ID: id, Owner: mode.Owner, Policy: mode.Escalation, Level: holdfast.Shared, Why: why,
	})
	m.needed(m.trouble(name, id, why), said)
}

// reconsider looks at every open failure again: something that forbade or
// allowed remedies has changed.
func (m *Mind) reconsider(cause event.ID) {
	for _, service := range m.System.Services {
		m.each(service, func(r *replica) { m.consider(r, cause) })
	}
}

// mitigated says, once per failure, that users are whole: others answer in the
// failed replica's place, or it answers again itself.
func (m *Mind) mitigated(r *replica, cause event.ID) {
	f := r.Failure
	if f.Mitigated || m.answering(m.service(r)) == 0 {
		return
	}
	f.Mitigated = true
	f.BoundAt = m.boundBy(f)
	m.say(cause, event.Mitigated{Mode: f.Mode, ID: r.id(), After: m.now.Boot - f.Since})
}

// readmitted follows a replica being admitted: what spoke against it is void,
// failures of its service may be mitigated, and when every replica is admitted
// the service is whole and its failures are over. What a missing replica
// forbade is asked again.
func (m *Mind) readmitted(r *replica, cause event.ID) {
	if f := r.Failure; f != nil && !f.Believed {
		m.say(cause, event.Cleared{Mode: f.Mode, ID: r.id()})
		r.Failure = nil
	} else if f != nil {
		f.acquit()
	}
	service := m.service(r)
	whole := m.answering(service) == service.Replicas
	m.each(service, func(other *replica) {
		f := other.Failure
		if f == nil || !f.Believed {
			return
		}
		m.mitigated(other, cause)
		if whole {
			m.say(cause, event.Restored{Mode: f.Mode, ID: other.id(), After: m.now.Boot - f.Since})
			other.Failure = nil
			return
		}
		m.consider(other, cause)
	})
}

// expire deals with what fell due for a replica.
func (m *Mind) expire(r *replica) {
	now := m.now.Boot
	if r.DrainBy != 0 && r.DrainBy <= now {
		m.drained(r, m.drainedSince(r))
	}
	if r.ReadyBy != 0 && r.ReadyBy <= now {
		r.ReadyBy = 0
		m.neverReady(r)
	}
	f := r.Failure
	if f == nil {
		return
	}
	if f.ConfirmAt != 0 && f.ConfirmAt <= now {
		f.ConfirmAt = 0
		m.evidence(r, f.Case.Sign, f.Case.Detail, f.Cause)
	}
	if f.BoundAt != 0 && f.BoundAt <= now {
		m.exceed(r)
		f.BoundAt = m.boundBy(f)
	}
	if f.AskAt != 0 && f.AskAt <= now {
		f.AskAt = 0
		m.consider(r, f.Cause)
	}
}

// neverReady treats an incarnation that nobody could use within its start
// period as failed: it lives, and to its users it is not there.
func (m *Mind) neverReady(r *replica) {
	detail := "not ready " + event.Short(m.service(r).Healthcheck.StartPeriod) + " after its start"
	if !r.alive() {
		return
	}
	m.rolledBadly(r, r.Began, detail)
	mode, ok := m.modeFor(r, holdfast.SignRefused)
	if f := r.Failure; f != nil {
		mode, ok = m.mode(f.Mode) // it was started as the remedy of another failure
	}
	if !ok {
		return
	}
	m.file(r, mode, r.Began)
	r.Failure.Case = detect.Case{Since: m.now.Boot, Sign: holdfast.SignRefused, Detail: detail, Witnesses: 1, Conviction: detect.Belief}
	m.believe(r, r.Began)
}
