package view

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"holdfast"
	"holdfast/event"
)

// addFailure takes in what the mind said about a failure.
func (s *Status) addFailure(e event.Entry) {
	switch b := e.Body.(type) {
	case event.Detected:
		f := s.open(b.Mode, b.ID, e.At)
		f.ID, f.Detected, f.Detail, f.Drill = b.ID, e.ID, string(b.Sign), e.Drill
		if b.Detail != "" {
			f.Detail += ": " + b.Detail
		}
	case event.Decided:
		s.decide(b, e.At)
	case event.Waited:
		f := s.open(b.Mode, b.ID, e.At)
		f.Until, f.Withheld = e.At.Wall.Add(b.For), ""
		f.Doing = fmt.Sprintf("waits %s before %s attempt %d", event.Short(b.For), b.Do, b.Attempt)
	case event.Withheld:
		f := s.open(b.Mode, b.ID, e.At)
		f.Withheld = b.Guardrail
		f.Doing = fmt.Sprintf("%s withheld by %s", b.Do, b.Guardrail)
		if b.Why != "" {
			f.Doing += ": " + b.Why
		}
	case event.Escalated:
		f := s.open(b.Mode, b.ID, e.At)
		f.NeedsYou, f.Escalated, f.Drill = true, b.Owner, e.Drill
		f.Doing = "escalated to " + string(b.Owner) + ": " + b.Why
		if b.Owner == "" {
			f.Doing = "escalated, and nobody owns it: " + b.Why
		}
	case event.Captured:
		s.captured(b)
	case event.Mitigated:
		if i := s.failure(b.Mode, b.ID); i >= 0 {
			s.Failures[i].Mitigated = true
		}
	case event.Restored:
		s.closeFailure(b.Mode, b.ID)
	case event.Cleared:
		s.closeFailure(b.Mode, b.ID)
	}
}

// addIncident takes in what was said of incidents.
func (s *Status) addIncident(e event.Entry) {
	switch b := e.Body.(type) {
	case event.Opened:
		what := Part{Service: b.Service, Mode: b.Mode, ID: b.ID, Promise: b.Promise}.name()
		s.Incidents = append(s.Incidents, OpenIncident{
			ID: b.Incident, Severity: b.Severity, Urgency: b.Urgency, Owner: b.Owner, Since: e.At, Drill: e.Drill, What: what, Parts: []string{what},
		})
	case event.Joined:
		s.incident(b.Incident, func(i *OpenIncident) { i.join(Part{Service: b.Service, Mode: b.Mode, ID: b.ID, Promise: b.Promise}, b) })
	case event.Raised:
		s.incident(b.Incident, func(i *OpenIncident) { i.Severity, i.Urgency = b.Severity, b.Urgency })
	case event.Deferred:
		s.incident(b.Incident, func(i *OpenIncident) { i.Under = b.To })
	case event.Acknowledged:
		s.incident(b.Incident, func(i *OpenIncident) { i.By = b.By })
	case event.Reminded:
		s.incident(b.Incident, func(i *OpenIncident) { i.By = "" })
	case event.Resolved:
		s.Incidents = slices.DeleteFunc(s.Incidents, func(i OpenIncident) bool { return i.ID == b.Incident })
	}
}

// join adds something that is bad. What comes back is counted once; a promise is not
// what an incident is about where a failure is known.
func (i *OpenIncident) join(p Part, b event.Joined) {
	known := slices.Contains(i.Parts, p.name())
	if !known {
		i.More++
	}
	if !known && len(i.Parts) < maxParts {
		i.Parts = append(slices.Clone(i.Parts), p.name())
	}
	if b.Leads {
		i.Owner = b.Owner
	}
	if b.Leads && (!p.promised() || strings.HasPrefix(i.What, promiseWord)) {
		i.What = p.name()
	}
}

func (s *Status) incident(id holdfast.IncidentID, put func(*OpenIncident)) {
	if i := slices.IndexFunc(s.Incidents, func(i OpenIncident) bool { return i.ID == id }); i >= 0 {
		put(&s.Incidents[i])
	}
}

// captured says where the evidence of a failing replica is.
func (s *Status) captured(b event.Captured) {
	for i := range s.Failures {
		if f := &s.Failures[i]; f.ID.Name() == b.ID.Name() {
			f.Evidence = b.Path
		}
	}
}

func (s *Status) decide(b event.Decided, at event.At) {
	if b.Mode == "" {
		return // a start or stop, not a remedy
	}
	f := s.open(b.Mode, b.ID, at)
	if b.Do == event.ActCapture && f.Doing != "" {
		return // evidence mends nothing: what was said last still holds
	}
	f.Attempt, f.Of = b.Attempt, b.Of
	f.Until, f.Withheld = time.Time{}, ""
	f.Doing = string(b.Do) + " " + b.ID.String()
	if b.Attempt > 0 {
		f.Doing += ", attempt " + strconv.Itoa(b.Attempt) + " of " + strconv.Itoa(b.Of)
	}
}

// open finds the open failure of a replica in a mode, or opens one: whatever is
// said about a failure, it must not go unseen because its beginning is missing.
func (s *Status) open(mode holdfast.ModeName, id holdfast.ReplicaID, at event.At) *Failure {
	i := s.failure(mode, id)
	if i < 0 {
		s.Failures = append(s.Failures, Failure{Mode: mode, ID: id, Since: at})
		i = len(s.Failures) - 1
	}
	return &s.Failures[i]
}

func (s *Status) failure(mode holdfast.ModeName, id holdfast.ReplicaID) int {
	return slices.IndexFunc(s.Failures, func(f Failure) bool { return f.Mode == mode && f.ID.Name() == id.Name() })
}

func (s *Status) closeFailure(mode holdfast.ModeName, id holdfast.ReplicaID) {
	s.Failures = slices.DeleteFunc(s.Failures, func(f Failure) bool { return f.Mode == mode && f.ID.Name() == id.Name() })
}

// mended says that a failed replica is admitted again. Its failure stays open
// until its whole service is.
func (s *Status) mended(id holdfast.ReplicaID) {
	for i := range s.Failures {
		if f := &s.Failures[i]; f.ID.Name() == id.Name() {
			f.Until, f.Withheld = time.Time{}, ""
			f.Doing = "admitted again, waits for the rest of " + string(id.Service)
		}
	}
}
