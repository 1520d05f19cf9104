package control

import (
	"cmp"
	"slices"
	"time"

	"holdfast"
	"holdfast/decide"
	"holdfast/event"
)

// An overload is an open interval in which gateways refuse requests to a service
// because it is given more than it can answer. They do so at once and by
// themselves: the mind believes them, says whether users are whole, and calls a
// person where they are not. It ends nothing for it, ever.
type overload struct {
	Mode      holdfast.ModeName             `json:"mode"`
	Service   holdfast.ServiceName          `json:"service"`
	Since     time.Duration                 `json:"since"`
	Cause     event.ID                      `json:"cause"`
	Detail    string                        `json:"detail,omitempty"`
	By        map[holdfast.GatewayName]bool `json:"by"` // that refuse
	PersonAt  time.Duration                 `json:"person_at"`
	Mitigated bool                          `json:"mitigated"`

	queued time.Duration // the deadline under which it stands in the queue
}

func (o *overload) deadline() time.Duration   { return o.PersonAt }
func (o *overload) order() string             { return string(o.Mode) }
func (o *overload) queuedFor() *time.Duration { return &o.queued }
func (o *overload) id() holdfast.ReplicaID    { return holdfast.ReplicaID{Service: o.Service} }

// takeOverloaded believes one gateway: it counts what it refuses itself, and says
// so only when that has lasted. Of a service whose overload nobody declared it is
// written down and no more.
func (m *Mind) takeOverloaded(in holdfast.Overloaded) {
	said := m.say(event.ID{}, in)
	mode, declared := m.modeBySign(in.Service, holdfast.SignOverloaded)
	if !declared || !m.Stopping.IsZero() {
		return
	}
	o := m.Overloads[mode.Name]
	if o == nil {
		o = &overload{
			Mode: mode.Name, Service: in.Service, Since: m.now.Boot - in.After, Detail: in.Detail, By: map[holdfast.GatewayName]bool{},
			PersonAt: m.now.Boot + decide.PersonAfter,
		}
		if len(mode.Remedies) == 0 {
			o.PersonAt = m.now.Boot
		}
		m.Overloads[mode.Name] = o
		o.Cause = m.say(said, event.Detected{Mode: o.Mode, ID: o.id(), Sign: holdfast.SignOverloaded, Detail: in.Detail, After: in.After})
		o.Mitigated = slices.Contains(mode.Remedies, holdfast.RemedyShed) && minded(in.Highest)
		if o.Mitigated {
			o.PersonAt = 0
			m.say(o.Cause, event.Mitigated{Mode: o.Mode, ID: o.id(), After: in.After})
		}
		m.due.push(o)
	}
	o.By[in.Gateway] = true
}

// minded tells whether those whose requests are refused were asked for it: they
// said that theirs may be.
func minded(highest holdfast.Priority) bool {
	return highest == holdfast.Sheddable || highest == holdfast.Background
}

// takeRelieved ends an overload with the last gateway that refused anything.
func (m *Mind) takeRelieved(in holdfast.Relieved) {
	mode, _ := m.modeBySign(in.Service, holdfast.SignOverloaded)
	o := m.Overloads[mode.Name]
	if o == nil {
		m.say(event.ID{}, in)
		return
	}
	said := m.say(o.Cause, in)
	if delete(o.By, in.Gateway); len(o.By) > 0 {
		return
	}
	if !o.Mitigated {
		m.say(said, event.Mitigated{Mode: o.Mode, ID: o.id(), After: m.now.Boot - o.Since})
	}
	m.say(said, event.Restored{Mode: o.Mode, ID: o.id(), After: m.now.Boot - o.Since})
	delete(m.Overloads, o.Mode)
}

// expireOverload calls a person: what is refused is refused to people who mind, and
// more capacity is nothing that a remedy here can give.
func (m *Mind) expireOverload(o *overload) {
	if m.Overloads[o.Mode] == o && o.PersonAt != 0 && o.PersonAt <= m.now.Boot {
		m.call(o.Mode, o.id(), o.Cause, cmp.Or(o.Detail, "it is overloaded")+" since "+event.Short(m.now.Boot-o.Since))
	}
	o.PersonAt = 0
}

// modeBySign is the failure mode of a service as a whole that a sign speaks for.
func (m *Mind) modeBySign(service holdfast.ServiceName, sign holdfast.Sign) (holdfast.FailureMode, bool) {
	for _, i := range m.at.replicas[service] {
		mode := m.System.Modes[i]
		if slices.ContainsFunc(mode.DetectedBy, func(e holdfast.Evidence) bool { return e.Sign == sign }) {
			return mode, true
		}
	}
	return holdfast.FailureMode{}, false
}
