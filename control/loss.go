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

// A loss is an open interval in which no replica of a service answers, for one edge
// that leads to it, or for its users: from the first moment until it is cleared or
// the service is whole. Replicas fail beside it, each in its own mode; the loss is
// what those have who ask them.
type loss struct {
	Mode      holdfast.ModeName    `json:"mode"`
	Service   holdfast.ServiceName `json:"service"`
	Since     time.Duration        `json:"since"`
	Cause     event.ID             `json:"cause"`
	Case      detect.Case          `json:"case"`
	ConfirmAt time.Duration        `json:"confirm_at"`
	PersonAt  time.Duration        `json:"person_at"`
	Mitigated bool                 `json:"mitigated"`

	queued time.Duration // the deadline under which it stands in the queue
}

func (l *loss) deadline() time.Duration   { return sooner(l.ConfirmAt, l.PersonAt) }
func (l *loss) order() string             { return string(l.Mode) }
func (l *loss) queuedFor() *time.Duration { return &l.queued }
func (l *loss) id() holdfast.ReplicaID    { return holdfast.ReplicaID{Service: l.Service} }
func (l *loss) believed() bool            { return l.Case.Conviction == detect.Belief }

// weighLosses looks at the ways to a service after one of its replicas came or
// went. A service that never answered is starting, not lost.
func (m *Mind) weighLosses(service holdfast.Service, cause event.ID) {
	answering := m.answering(service)
	if answering > 0 {
		m.Served[service.Name] = true
	}
	if !m.Stopping.IsZero() || !m.Served[service.Name] {
		return
	}
	for _, i := range m.at.edges[service.Name] {
		mode := m.System.Modes[i]
		l := m.Losses[mode.Name]
		switch {
		case answering == 0 && l == nil:
			m.lose(mode, cause)
		case l != nil && answering > 0:
			m.regain(l, answering == service.Replicas, cause)
		}
	}
}

// lose suspects that an edge is lost. It is believed if that lasts: a lone
// replica that is started again at once is not worth a name of its own.
func (m *Mind) lose(mode holdfast.FailureMode, cause event.ID) {
	l := &loss{
		Mode: mode.Name, Service: mode.Strikes.Service, Since: m.now.Boot, Cause: cause, ConfirmAt: m.now.Boot + holdfast.Confirmation,
	}
	l.Case = l.Case.Add(mode.DetectedBy, holdfast.SignLost, "no replica of "+string(l.Service)+" answers", m.now.Boot)
	m.Losses[mode.Name] = l
	m.say(cause, event.Suspected{Mode: l.Mode, ID: l.id(), Sign: holdfast.SignLost, Detail: l.Case.Detail})
	m.due.push(l)
}

// regain ends a loss, or says that its users are whole while replicas are still
// missing.
func (m *Mind) regain(l *loss, whole bool, cause event.ID) {
	switch {
	case !l.believed():
		m.say(cause, event.Cleared{Mode: l.Mode, ID: l.id()})
		delete(m.Losses, l.Mode)
		return
	case !l.Mitigated:
		l.Mitigated = true
		m.say(cause, event.Mitigated{Mode: l.Mode, ID: l.id(), After: m.now.Boot - l.Since})
	}
	l.PersonAt = 0
	if whole {
		m.say(cause, event.Restored{Mode: l.Mode, ID: l.id(), After: m.now.Boot - l.Since})
		delete(m.Losses, l.Mode)
	}
}

// expireLoss deals with what fell due for a loss.
func (m *Mind) expireLoss(l *loss) {
	mode, ok := m.mode(l.Mode)
	if !ok || m.Losses[l.Mode] != l {
		l.ConfirmAt, l.PersonAt = 0, 0
		return
	}
	if l.ConfirmAt != 0 && l.ConfirmAt <= m.now.Boot {
		l.ConfirmAt = 0
		l.Case = l.Case.Add(mode.DetectedBy, holdfast.SignLost, l.Case.Detail, m.now.Boot)
		m.detectLoss(l, mode)
	}
	if l.PersonAt != 0 && l.PersonAt <= m.now.Boot {
		l.PersonAt = 0
		m.call(l.Mode, l.id(), l.Cause, cmp.Or(l.Case.Detail, "it is lost")+" since "+event.Short(m.now.Boot-l.Since))
	}
}

// detectLoss: a covered edge's users have the fallback from the first request
// on; without one a person is the remedy, told after a minute if the replicas'
// own remedies have not brought one back by then. An edge with no remedy at all
// asks for the person at once.
func (m *Mind) detectLoss(l *loss, mode holdfast.FailureMode) {
	if !l.believed() {
		return
	}
	l.Cause = m.say(l.Cause, event.Detected{
		Mode: l.Mode, ID: l.id(), Sign: holdfast.SignLost, Detail: l.Case.Detail, After: m.now.Boot - l.Since,
	})
	if slices.Contains(mode.Remedies, holdfast.RemedyFallback) {
		l.Mitigated = true
		m.say(l.Cause, event.Mitigated{Mode: l.Mode, ID: l.id(), After: m.now.Boot - l.Since})
	}
	l.PersonAt = m.now.Boot + decide.PersonAfter
	if len(mode.Remedies) == 0 {
		l.PersonAt = m.now.Boot
	}
}

// answering counts the replicas of a service that get requests and are believed
// to answer them: not those that are only kept because there is no better.
func (m *Mind) answering(service holdfast.Service) int {
	n := 0
	m.peers(service, func(r *replica) {
		if r.admitted() && !r.Kept {
			n++
		}
	})
	return n
}
