package view

import (
	"fmt"
	"time"

	"holdfast"
	"holdfast/event"
)

// A Mark says at a glance whether a line is good or bad news. It only adds: the
// words of the line carry the meaning without it.
type Mark string

const (
	Bad     Mark = "▲"
	Good    Mark = "✓"
	Neutral Mark = "·"
)

// A Row is one entry as a line of the timeline.
type Row struct {
	ID      event.ID  `json:"id"`
	Wall    time.Time `json:"wall"`
	Mark    Mark      `json:"mark"`
	Subject string    `json:"subject"` // a replica, a service, or "" for everything
	Kind    string    `json:"kind"`
	Text    string    `json:"text"` // the one textual form of the entry
	Cause   event.ID  `json:"cause,omitzero"`
	// Notable says that it is a change of state, which `up` shows, and not one
	// of the many steps of an ordinary start or of a remedy.
	Notable bool `json:"notable"`
}

// subjectWidth lines the texts of two rows up; a longer subject moves its own
// line only.
const subjectWidth = 14

// Line is the row in full, with its number and its cause's, in the clock of a
// place:
//
//	4  10:31:07.123 ▲ catalog-2      detected catalog-2#1 catalog.crash by exit after 4.1ms  <- 3
func (r Row) Line(in *time.Location) string {
	line := fmt.Sprintf("%4d  %s %s %-*s %s", r.ID.Seq, r.Wall.In(in).Format("15:04:05.000"), r.Mark, subjectWidth, r.subject(), r.Text)
	if !r.Cause.IsZero() {
		line += fmt.Sprintf("  <- %d", r.Cause.Seq)
	}
	return line
}

// Notice is the row as `up` shows it, without the numbers:
//
//	10:31:07 ▲ catalog-2      detected catalog-2#1 catalog.crash by exit after 4.1ms
func (r Row) Notice(in *time.Location) string {
	return fmt.Sprintf("%s %s %-*s %s", r.Wall.In(in).Format(time.TimeOnly), r.Mark, subjectWidth, r.subject(), r.Text)
}

func (r Row) subject() string {
	if r.Subject == "" {
		return "-"
	}
	return r.Subject
}

// A Timeline turns entries into rows, in their order. It remembers what decides
// whether an entry is worth a look: a start is, after a failure. Its zero value
// is ready. It is not safe for concurrent use.
//
// What it remembers is bounded by the replicas and by the decisions that are
// being carried out.
type Timeline struct {
	admitted map[holdfast.ReplicaName]holdfast.Incarnation // the last that was; to eject another is no news
	ended    map[holdfast.ReplicaName]holdfast.Incarnation // the last that did; late word of it is no news either
	troubled map[holdfast.ReplicaName]bool                 // failed and not admitted since
	stopping map[holdfast.ReplicaName]bool                 // told to end: its exit is no failure
	decided  map[event.ID]string                           // the subject of what is being carried out
	arms     map[holdfast.ModeName]bool                    // modes of which it was said whether they are armed: only a change is news
	declared bool
	woken    bool
}

// Add gives the row of the next entry.
func (t *Timeline) Add(e event.Entry) Row {
	if t.troubled == nil {
		t.admitted, t.ended = map[holdfast.ReplicaName]holdfast.Incarnation{}, map[holdfast.ReplicaName]holdfast.Incarnation{}
		t.decided = map[event.ID]string{}
		t.arms = map[holdfast.ModeName]bool{}
		t.troubled, t.stopping = map[holdfast.ReplicaName]bool{}, map[holdfast.ReplicaName]bool{}
	}
	row := Row{ID: e.ID, Wall: e.At.Wall, Kind: e.Body.Kind(), Text: e.Text(), Cause: e.Cause}
	row.Subject = t.subject(e.Body)
	row.Mark, row.Notable = t.weigh(e)
	return row
}

// weigh judges an entry and remembers what the judgement of later ones needs.
func (t *Timeline) weigh(e event.Entry) (Mark, bool) {
	switch b := e.Body.(type) {
	case holdfast.Started:
		return Neutral, t.troubled[b.ID.Name()]
	case holdfast.NotStarted:
		t.troubled[b.ID.Name()] = true
		return Bad, true
	case holdfast.Exited:
		return t.weighExit(b.ID)
	case holdfast.Ejected:
		return t.weighEjected(b)
	case holdfast.Admitted:
		return Good, t.weighAdmitted(b.ID)
	case event.Decided:
		return t.weighDecided(e.ID, b)
	case event.Done:
		delete(t.decided, b.Action)
		return Neutral, false
	case event.Failed:
		delete(t.decided, b.Action)
		return Bad, true
	case event.Detected:
		t.troubled[b.ID.Name()] = true
		return Bad, true
	case holdfast.Overloaded:
		return Bad, true
	case holdfast.Relieved:
		return Good, true
	case holdfast.Drained:
		return Neutral, b.Cut > 0
	case event.Armed:
		return Good, t.news(b.Mode)
	case event.Disarmed:
		return Neutral, t.news(b.Mode)
	default:
		return t.weighTold(e.Body)
	}
}

// news says whether something was said of a mode's arming before.
func (t *Timeline) news(mode holdfast.ModeName) bool {
	again := t.arms[mode]
	t.arms[mode] = true
	return again
}

// weighTold judges what needs no memory of replicas.
func (t *Timeline) weighTold(body event.Body) (Mark, bool) {
	switch body.(type) {
	case event.Suspected:
		return Bad, false
	case event.Cleared:
		return Good, false
	case event.Withheld, event.Escalated, event.FaultInjected, event.Exceeded, event.Burned, event.Opened, event.Raised, event.Undelivered, event.Unreached, event.Reminded:
		return Bad, true
	case event.Mitigated, event.Restored, event.Resumed, event.FaultRemoved, event.Cooled, event.Resolved, event.Acknowledged:
		return Good, true
	case event.Joined:
		return Bad, false
	case event.Delivered:
		return Good, false
	case event.Waited, event.Paused, event.DrillBegan, event.DrillEnded, event.StopRequested, event.Stopped, event.Captured:
		return Neutral, true
	case event.Declared: // the first one is how everything begins
		again := t.declared
		t.declared = true
		return Neutral, again
	case event.Woken:
		again := t.woken
		t.woken = true
		clear(t.decided) // what was being carried out is looked at afresh
		return Neutral, again
	default: // Began, GuardsReset: steps
		return Neutral, false
	}
}

// weighAdmitted finds an admission notable that ends a failure.
func (t *Timeline) weighAdmitted(id holdfast.ReplicaID) bool {
	name := id.Name()
	if id.Incarnation <= t.ended[name] {
		return false
	}
	after := t.troubled[name]
	delete(t.troubled, name)
	t.admitted[name] = id.Incarnation
	return after
}

// weighExit lets the detection that follows speak for an exit. One that was
// asked for is nothing.
func (t *Timeline) weighExit(id holdfast.ReplicaID) (Mark, bool) {
	name := id.Name()
	t.ended[name] = max(t.ended[name], id.Incarnation)
	if t.stopping[name] {
		return Neutral, false
	}
	t.troubled[name] = true
	return Bad, false
}

// weighEjected tells a replica that is taken out of use from one that was never
// ready or was told to end.
func (t *Timeline) weighEjected(b holdfast.Ejected) (Mark, bool) {
	if t.stopping[b.ID.Name()] || t.admitted[b.ID.Name()] != b.ID.Incarnation {
		return Neutral, false
	}
	t.troubled[b.ID.Name()] = true
	return Bad, true
}

func (t *Timeline) weighDecided(id event.ID, b event.Decided) (Mark, bool) {
	name := b.ID.Name()
	t.decided[id] = string(name)
	if b.Do == event.ActStop {
		t.stopping[name] = true
		delete(t.troubled, name)
	} else {
		delete(t.stopping, name)
	}
	return Neutral, b.Do != event.ActStart && b.Do != event.ActStop
}

// subject is what an entry is about: the replica where there is one.
func (t *Timeline) subject(body event.Body) string {
	if id, ok := event.Concerns(body); ok {
		return string(id.Name())
	}
	switch b := body.(type) {
	case event.Declared:
		return string(b.System.Name)
	case event.Paused:
		return string(b.Service)
	case event.Resumed:
		return string(b.Service)
	case event.Armed:
		return string(b.Mode)
	case event.Disarmed:
		return string(b.Mode)
	case event.Proved:
		return string(b.Mode)
	case event.Began:
		return t.decided[b.Action]
	case event.Done:
		return t.decided[b.Action]
	case event.Failed:
		return t.decided[b.Action]
	default:
		return ""
	}
}
