package view

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"holdfast"
	"holdfast/event"
)

const (
	// maxStory bounds the entries that are kept of one incident: its beginning and its
	// latest, since what is between repeats itself.
	maxStory   = 400
	storyBegin = 100
	// ledTo is what is told from before the first evidence: gateways see a little before
	// the mind believes.
	ledTo = 2 * time.Second
)

// tell adds an entry to the stories it belongs to, and keeps it for those that are
// yet to be opened.
func (s *Incidents) tell(e event.Entry) {
	if quiet(e.Body) {
		return
	}
	named := incidentIn(e.Body)
	for k := range s.All {
		i := &s.All[k]
		if i.ID == named || named == "" && i.Resolved.IsZero() && i.tellsOf(e) {
			i.add(e)
		}
	}
	if _, heavy := e.Body.(event.Declared); !heavy {
		s.Memory.Recent = last(append(s.Memory.Recent, e), maxRecent)
	}
}

// quiet tells of what is recorded for machines: it would fill every story.
func quiet(body event.Body) bool {
	switch body.(type) {
	case holdfast.Counted, event.Inspected, event.Proved, event.Armed, event.Disarmed, event.Began, event.GuardsReset:
		return true
	default:
		return false
	}
}

// incidentIn is the incident that a body names.
func incidentIn(body event.Body) holdfast.IncidentID {
	switch b := body.(type) {
	case event.Opened:
		return b.Incident
	case event.Joined:
		return b.Incident
	case event.Raised:
		return b.Incident
	case event.Resolved:
		return b.Incident
	case event.Deferred:
		return b.Incident
	case event.Acknowledged:
		return b.Incident
	case event.Reminded:
		return b.Incident
	case event.Noted:
		return b.Incident
	case event.Amended:
		return b.Incident
	case event.Promised:
		return b.Incident
	case event.Closed:
		return b.Incident
	case event.Unreached:
		return b.Incident
	default:
		return incidentOf(keyIn(body))
	}
}

func keyIn(body event.Body) holdfast.MessageKey {
	switch b := body.(type) {
	case event.Paged:
		return b.Key
	case event.Attempted:
		return b.Key
	case event.Delivered:
		return b.Key
	case event.Undelivered:
		return b.Key
	case event.Superseded:
		return b.Key
	default:
		return ""
	}
}

// incidentOf is the incident that a message is about: its key begins with it.
func incidentOf(key holdfast.MessageKey) holdfast.IncidentID {
	id, _, _ := strings.Cut(string(key), "/")
	return holdfast.IncidentID(id)
}

// tellsOf tells whether an entry that names no incident belongs to one: it is about
// what is bad in it, is what people did meanwhile, or came of what was decided in it.
func (i *Incident) tellsOf(e event.Entry) bool {
	switch b := e.Body.(type) {
	case event.Declared, event.Paused, event.Resumed, event.StopRequested, event.Stopped, event.Woken, event.MaintenanceBegan, event.MaintenanceEnded:
		return true
	case event.Burned:
		return slices.ContainsFunc(i.Parts, func(p Part) bool { return p.Target > 0 && p.Promise == b.Promise })
	case event.Cooled:
		return slices.ContainsFunc(i.Parts, func(p Part) bool { return p.Target > 0 && p.Promise == b.Promise })
	case event.Done:
		return i.tells(b.Action)
	case event.Failed:
		return i.tells(b.Action)
	case holdfast.Overloaded:
		return slices.ContainsFunc(i.Parts, func(p Part) bool { return p.Service == b.Service })
	case holdfast.Relieved:
		return slices.ContainsFunc(i.Parts, func(p Part) bool { return p.Service == b.Service })
	}
	id, concerns := event.Concerns(e.Body)
	return concerns && slices.ContainsFunc(i.Parts, func(p Part) bool {
		return p.ID.Service == id.Service && id.Service != "" && (p.ID.Ordinal == id.Ordinal || p.ID.Ordinal == 0 || id.Ordinal == 0)
	})
}

// tells whether an entry is in the story.
func (i *Incident) tells(id event.ID) bool {
	return slices.ContainsFunc(i.Story, func(r Row) bool { return r.ID == id })
}

// recall tells the beginning of an incident from the latest entries: what caused it,
// and what was said since the first evidence of what is bad in it.
func (i *Incident) recall(opened event.Entry, recent []event.Entry) {
	caused := map[event.ID]bool{}
	for cause, k := opened.Cause, len(recent)-1; k >= 0; k-- {
		if recent[k].ID == cause {
			caused[cause] = true
			cause = recent[k].Cause
		}
	}
	since := i.Moments[event.MomentImpact]
	if evidence := i.lead().Course.Since; !evidence.IsZero() && evidence.Before(since) {
		since = evidence
	}
	since = since.Add(-ledTo)
	for _, e := range recent {
		old := e.At.Wall.Before(since)
		if !quiet(e.Body) && incidentIn(e.Body) == "" && (!old && i.tellsOf(e) || caused[e.ID] && !ordinary(e.Body, old)) {
			i.add(e)
		}
	}
}

// catchUp tells what became of a part before it was known to be one.
func (i *Incident) catchUp(p Part, recent []event.Entry) {
	if p.Course.Since.IsZero() {
		return
	}
	alone := Incident{Parts: []Part{p}}
	since, before := p.Course.Since.Add(-ledTo), len(i.Story)
	for _, e := range recent {
		named := quiet(e.Body) || incidentIn(e.Body) != ""
		if !named && !e.At.Wall.Before(since) && alone.tellsOf(e) && !i.tells(e.ID) {
			i.add(e)
		}
	}
	if len(i.Story) > before {
		slices.SortStableFunc(i.Story, func(a, b Row) int { return cmp.Compare(a.ID.Seq, b.ID.Seq) })
	}
}

// ordinary tells of how something began that failed much later: a replica that fails
// was started once, which is the cause of everything and explains nothing.
func ordinary(body event.Body, old bool) bool {
	switch body.(type) {
	case holdfast.Started, holdfast.Admitted, holdfast.Drained, event.Decided, event.Outdated:
		return old
	default:
		return false
	}
}

// add puts an entry into the story.
func (i *Incident) add(e event.Entry) {
	var timeline Timeline
	row := timeline.Add(e)
	switch e.Body.(type) {
	case holdfast.Ejected:
		row.Mark = Bad
	case event.Done:
		if k := slices.IndexFunc(i.Story, func(r Row) bool { return r.ID == e.Body.(event.Done).Action }); k >= 0 {
			row.Subject = i.Story[k].Subject
		}
	case event.Failed:
		if k := slices.IndexFunc(i.Story, func(r Row) bool { return r.ID == e.Body.(event.Failed).Action }); k >= 0 {
			row.Subject = i.Story[k].Subject
		}
	}
	i.Story = append(i.Story, row)
	if len(i.Story) > maxStory {
		i.Story = slices.Delete(i.Story, storyBegin, storyBegin+1)
		i.Left++
	}
}
