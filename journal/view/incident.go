package view

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"holdfast"
	"holdfast/event"
)

// maxIncidents bounds those that are remembered; the oldest that are closed go first.
const maxIncidents = 200

// maxStory bounds the entries that are kept of one incident: its beginning and its
// latest, since what is between repeats itself.
const maxStory = 400

// Incidents are the intervals in which people were needed, folded from the journal:
// what was bad, who was told and who answered, and the entries that tell of it. The
// zero value is ready. It is not safe for concurrent use.
type Incidents struct {
	System holdfast.SystemName `json:"system,omitempty"`
	All    []Incident          `json:"all,omitempty"` // as they were opened
}

// An Incident is one of them.
type Incident struct {
	ID       holdfast.IncidentID        `json:"id"`
	Severity holdfast.Severity          `json:"severity"` // the worst it had
	Urgency  holdfast.Urgency           `json:"urgency"`
	Owner    holdfast.OwnerName         `json:"owner,omitempty"`
	Why      string                     `json:"why"`
	Parts    []Part                     `json:"parts"`
	Moments  map[event.Moment]time.Time `json:"moments"`           // from data
	Amended  []event.Amended            `json:"amended,omitempty"` // by people
	By       string                     `json:"by,omitempty"`      // who has it
	Resolved time.Time                  `json:"resolved,omitzero"`
	Actions  []event.Promised           `json:"actions,omitempty"`
	Closed   *event.Closed              `json:"closed,omitempty"`
	Drill    bool                       `json:"drill,omitempty"`
	Story    []Row                      `json:"story"`
}

// A Part is one thing that was bad.
type Part struct {
	Service holdfast.ServiceName `json:"service,omitempty"`
	Mode    holdfast.ModeName    `json:"mode,omitempty"`
	ID      holdfast.ReplicaID   `json:"id,omitzero"`
	Promise holdfast.PromiseName `json:"promise,omitempty"`
	Why     string               `json:"why"`
}

// Add takes in the next entry.
func (s *Incidents) Add(e event.Entry) {
	switch b := e.Body.(type) {
	case event.Declared:
		s.System = b.System.Name
	case event.Opened:
		s.open(e, b)
	case event.Joined:
		s.change(b.Incident, func(i *Incident) {
			i.Parts = append(i.Parts, Part{Service: b.Service, Mode: b.Mode, ID: b.ID, Promise: b.Promise, Why: b.Why})
		})
	case event.Raised:
		s.change(b.Incident, func(i *Incident) { i.Severity, i.Urgency = min(i.Severity, b.Severity), b.Urgency })
	case event.Paged:
		s.change(b.Incident, func(i *Incident) { i.mark(event.MomentPaged, e.At.Wall) })
	case event.Acknowledged:
		s.change(b.Incident, func(i *Incident) { i.By = b.By; i.mark(event.MomentAcknowledged, e.At.Wall) })
	case event.Reminded:
		s.change(b.Incident, func(i *Incident) { i.By = "" })
	case event.Resolved:
		s.change(b.Incident, func(i *Incident) { i.Resolved = e.At.Wall; i.mark(event.MomentRestored, e.At.Wall) })
	case event.Amended:
		s.change(b.Incident, func(i *Incident) { i.Amended = append(i.Amended, b) })
	case event.Promised:
		s.change(b.Incident, func(i *Incident) { i.promise(b) })
	case event.Closed:
		s.change(b.Incident, func(i *Incident) { i.Closed = &b })
	}
}

func (s *Incidents) open(e event.Entry, b event.Opened) {
	if i := s.Find(b.Incident); i != nil { // again
		i.Resolved, i.Closed = time.Time{}, nil
		i.Parts = append(i.Parts, Part{Service: b.Service, Mode: b.Mode, ID: b.ID, Promise: b.Promise, Why: b.Why})
		return
	}
	s.All = append(s.All, Incident{
		ID: b.Incident, Severity: b.Severity, Urgency: b.Urgency, Owner: b.Owner, Why: b.Why, Drill: e.Drill,
		Parts:   []Part{{Service: b.Service, Mode: b.Mode, ID: b.ID, Promise: b.Promise, Why: b.Why}},
		Moments: map[event.Moment]time.Time{event.MomentDetected: e.At.Wall},
	})
	if len(s.All) > maxIncidents {
		i := max(0, slices.IndexFunc(s.All, func(i Incident) bool { return i.Closed != nil || !i.Resolved.IsZero() }))
		s.All = slices.Delete(s.All, i, i+1)
	}
}

// mark keeps the first time of a moment.
func (i *Incident) mark(m event.Moment, at time.Time) {
	if i.Moments[m].IsZero() {
		i.Moments[m] = at
	}
}

func (i *Incident) promise(b event.Promised) {
	if k := slices.IndexFunc(i.Actions, func(a event.Promised) bool { return a.Number == b.Number }); k >= 0 {
		i.Actions[k] = b
		return
	}
	i.Actions = append(i.Actions, b)
}

// Find is an incident by its name, to be changed at most by who owns the fold; nil
// when it is not remembered.
func (s *Incidents) Find(id holdfast.IncidentID) *Incident {
	if i := slices.IndexFunc(s.All, func(i Incident) bool { return i.ID == id }); i >= 0 {
		return &s.All[i]
	}
	return nil
}

func (s *Incidents) change(id holdfast.IncidentID, put func(*Incident)) {
	if i := s.Find(id); i != nil {
		put(i)
	}
}

// Message is what is sent of an incident now, to one person by one channel.
func (s *Incidents) Message(p event.Paged, at time.Time) holdfast.Message {
	m := holdfast.Message{Key: p.Key, Purpose: p.Purpose, Incident: p.Incident, System: s.System, Urgency: p.Urgency, To: p.To, At: at}
	i := s.Find(p.Incident)
	if i == nil {
		m.Severity, m.Subject, m.Body = holdfast.SEV3, fmt.Sprintf("%s: incident %s", s.System, p.Incident), "Nothing more is known of it here any longer."
		return m
	}
	m.Severity, m.Drill = i.Severity, i.Drill
	m.Subject = cut(strings.Join(strings.Fields(i.subject(s.System, p)), " "), holdfast.MaxSubject)
	m.Body = cut(i.body(p), holdfast.MaxBody)
	return m
}

func (i *Incident) subject(system holdfast.SystemName, p event.Paged) string {
	what := map[holdfast.Purpose]string{holdfast.Acknowledge: "taken by " + i.By + ":", holdfast.Resolve: "RESOLVED"}[p.Purpose]
	drill := ""
	if i.Drill {
		drill = event.DrillWord
	}
	return fmt.Sprintf("%s %s %s %s: %s", drill, i.Severity, what, system, i.Parts[0].name())
}

func (p Part) name() string {
	switch {
	case p.Mode != "" && p.ID.Ordinal > 0:
		return fmt.Sprintf("%s on %s", p.Mode, p.ID.Name())
	case p.Mode != "":
		return string(p.Mode)
	case p.ID.Ordinal > 0:
		return string(p.ID.Name())
	default:
		return "the promise " + string(p.Promise) + " of " + cmp.Or(string(p.Service), "everything")
	}
}

func (i *Incident) body(event.Paged) string {
	lines := []string{i.Why, "", "incident " + string(i.ID) + ", owner: " + cmp.Or(string(i.Owner), "nobody")}
	return strings.Join(lines, "\n")
}

// cut bounds a text at a whole character.
func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most-len("…")], "") + "…"
}
