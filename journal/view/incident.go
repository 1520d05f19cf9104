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

const (
	// maxIncidents bounds those that are remembered; the oldest that are closed go first.
	maxIncidents = 200
	// maxParts bounds what is told one by one of an incident; the others are counted.
	maxParts = 32
	// maxTold bounds the messages of which it is told what came of them.
	maxTold = 200
	// maxSaid bounds what people add to an incident: notes, amendments, actions.
	maxSaid = 100
)

// Incidents are the intervals in which people were needed, folded from the journal:
// what was bad, what was tried, who was told and who answered, and the entries that
// tell of it. The zero value is ready; one that begins in the middle of a journal
// knows less and says nothing wrong. It is plain data, may be written down, read back
// and folded on. It is not safe for concurrent use.
type Incidents struct {
	System holdfast.SystemName `json:"system,omitempty"`
	All    []Incident          `json:"all,omitempty"` // as they were opened
	Memory memory              `json:"memory,omitzero"`
}

// An Incident is one of them.
type Incident struct {
	ID       holdfast.IncidentID        `json:"id"`
	Severity holdfast.Severity          `json:"severity"` // the worst it had
	Urgency  holdfast.Urgency           `json:"urgency"`
	Owner    holdfast.OwnerName         `json:"owner,omitempty"`
	Why      string                     `json:"why"`
	Parts    []Part                     `json:"parts"`          // at most maxParts
	More     int                        `json:"more,omitempty"` // parts beyond those
	Lead     int                        `json:"lead,omitempty"` // the part that is its cause, as far as it is known
	Moments  map[event.Moment]time.Time `json:"moments"`        // from data
	Amended  []event.Amended            `json:"amended,omitempty"`
	By       string                     `json:"by,omitempty"` // who has it
	Opened   time.Time                  `json:"opened"`
	Reopened int                        `json:"reopened,omitempty"` // how often it came back
	Resolved time.Time                  `json:"resolved,omitzero"`
	Stopped  bool                       `json:"stopped,omitempty"` // it is over because everything was stopped
	Actions  []event.Promised           `json:"actions,omitempty"`
	Notes    []Note                     `json:"notes,omitempty"`
	Closed   *event.Closed              `json:"closed,omitempty"`
	Drill    bool                       `json:"drill,omitempty"`
	Under    holdfast.IncidentID        `json:"under,omitempty"` // that pages for it
	Hurt     Hurt                       `json:"hurt"`
	Told     []Told                     `json:"told,omitempty"`
	Changes  []Row                      `json:"changes,omitempty"` // in the hours before it
	Story    []Row                      `json:"story"`
	Left     int                        `json:"left,omitempty"` // rows left out of the middle of the story
}

// A Part is one thing that was bad, with what the file said of it then.
type Part struct {
	Service  holdfast.ServiceName `json:"service,omitempty"`
	Mode     holdfast.ModeName    `json:"mode,omitempty"`
	ID       holdfast.ReplicaID   `json:"id,omitzero"`
	Promise  holdfast.PromiseName `json:"promise,omitempty"`
	Target   holdfast.Share       `json:"target,omitempty"` // of a promise
	Owner    holdfast.OwnerName   `json:"owner,omitempty"`
	Why      string               `json:"why"`
	Facts    Facts                `json:"facts,omitzero"`
	Drilled  *event.Proved        `json:"drilled,omitempty"` // the newest verdict before it
	Stale    bool                 `json:"stale,omitempty"`   // which rests on another state of the file or the program
	Course   Course               `json:"course,omitzero"`
	Burned   *event.Burned        `json:"burned,omitempty"`   // the most urgent word of its budget
	BurnedAt time.Time            `json:"burned_at,omitzero"` // when that was said
	Rules    []string             `json:"rules,omitempty"`    // that hold
	Cooled   time.Time            `json:"cooled,omitzero"`    // since none does
}

// Facts are what the file says of a failure mode; Kind is empty where it is not
// declared.
type Facts struct {
	Kind     holdfast.Kind     `json:"kind,omitempty"`
	Title    string            `json:"title,omitempty"`
	Remedies []holdfast.Remedy `json:"remedies,omitempty"`
	Runbook  string            `json:"runbook,omitempty"`
	Bounds   holdfast.Bounds   `json:"bounds,omitzero"`
}

// A Note is what a person wanted to be read with an incident.
type Note struct {
	At   time.Time `json:"at"`
	By   string    `json:"by"`
	Text string    `json:"text"`
}

// A Told is a message to somebody, and what came of it.
type Told struct {
	Key       holdfast.MessageKey  `json:"key"`
	Purpose   holdfast.Purpose     `json:"purpose"`
	Step      int                  `json:"step,omitempty"`
	Person    holdfast.PersonName  `json:"person,omitempty"`
	Via       holdfast.ChannelName `json:"via"`
	Owed      time.Time            `json:"owed"`
	Delivered time.Time            `json:"delivered,omitzero"`
	Receipt   string               `json:"receipt,omitempty"`
	Tries     int                  `json:"tries,omitempty"`    // that failed
	Why       string               `json:"why,omitempty"`      // the last one did
	Rejected  bool                 `json:"rejected,omitempty"` // trying again is of no use
	Void      string               `json:"void,omitempty"`     // why it is not sent any more
}

// Add takes in the next entry; one that is in already is passed over.
func (s *Incidents) Add(e event.Entry) {
	if e.ID.Seq <= s.Memory.Seq {
		return
	}
	s.Memory.seen(e)
	if declared, ok := e.Body.(event.Declared); ok {
		s.System = declared.System.Name
	}
	s.Memory.follow(e, s.eachCourse)
	switch b := e.Body.(type) {
	case event.Opened:
		s.open(e, b)
	case event.Joined:
		s.change(b.Incident, func(i *Incident) {
			part := s.Memory.part(b)
			i.join(part, b)
			i.catchUp(part, s.Memory.Recent)
		})
	case holdfast.Counted:
		s.count(e.At.Wall, b)
	default:
		s.addTold(e)
	}
	s.tell(e)
}

// addTold takes in what is said of incidents that are known.
func (s *Incidents) addTold(e event.Entry) {
	switch b := e.Body.(type) {
	case event.Raised:
		s.change(b.Incident, func(i *Incident) { i.Severity, i.Urgency = min(i.Severity, b.Severity), b.Urgency })
	case event.Deferred:
		s.change(b.Incident, func(i *Incident) { i.Under = b.To })
	case event.Acknowledged:
		s.change(b.Incident, func(i *Incident) { i.By = b.By; i.mark(event.MomentAcknowledged, e.At.Wall) })
	case event.Reminded:
		s.change(b.Incident, func(i *Incident) { i.By = "" })
	case event.Resolved:
		s.change(b.Incident, func(i *Incident) {
			i.resolve(e.At.Wall)
			i.Stopped = e.Cause == s.Memory.Stopped && e.Cause != event.ID{}
		})
	case event.Noted:
		s.change(b.Incident, func(i *Incident) {
			i.Notes = last(append(i.Notes, Note{At: e.At.Wall, By: b.By, Text: b.Text}), maxSaid)
		})
	case event.Amended:
		s.change(b.Incident, func(i *Incident) { i.Amended = last(append(i.Amended, b), maxSaid) })
	case event.Promised:
		s.change(b.Incident, func(i *Incident) { i.promise(b) })
	case event.Closed:
		s.change(b.Incident, func(i *Incident) { i.Closed = &b })
	case event.Burned:
		s.eachPart(owing(b.Promise), func(p *Part) { p.burn(e.At.Wall, b) })
	case event.Cooled:
		s.eachPart(owing(b.Promise), func(p *Part) { p.cool(e.At.Wall, b) })
	default:
		s.addMessage(e)
	}
}

// addMessage takes in what becomes of messages.
func (s *Incidents) addMessage(e event.Entry) {
	switch b := e.Body.(type) {
	case event.Paged:
		s.change(b.Incident, func(i *Incident) { i.page(e.At.Wall, b) })
	case event.Delivered:
		s.message(b.Key, func(t *Told) { t.Delivered, t.Receipt = e.At.Wall, b.Receipt })
	case event.Undelivered:
		s.message(b.Key, func(t *Told) { t.Tries, t.Why, t.Rejected = t.Tries+1, b.Why, b.Rejected })
	case event.Superseded:
		s.message(b.Key, func(t *Told) { t.Void = b.Why })
	}
}

// Unsent are the messages that are owed still: nobody has taken them over, or will
// never, and none is for nothing.
func (s *Incidents) Unsent() []Told {
	var all []Told
	for _, i := range s.All {
		for _, t := range i.Told {
			if t.Delivered.IsZero() && !t.Rejected && t.Void == "" {
				all = append(all, t)
			}
		}
	}
	return all
}

// String says what a message is to tell, and to whom.
func (t Told) String() string {
	id, _, _ := strings.Cut(string(t.Key), "/")
	to := "via " + string(t.Via)
	if t.Person != "" {
		to = "to " + string(t.Person) + " " + to
	}
	return fmt.Sprintf("%s of %s %s", t.Purpose, id, to)
}

func (s *Incidents) open(e event.Entry, b event.Opened) {
	joined := event.Joined{Incident: b.Incident, Service: b.Service, Mode: b.Mode, ID: b.ID, Promise: b.Promise, Leads: true, Owner: b.Owner, Why: b.Why}
	part := s.Memory.part(joined)
	if i := s.Find(b.Incident); i != nil {
		i.Resolved, i.Stopped, i.Closed = time.Time{}, false, nil
		delete(i.Moments, event.MomentRestored)
		i.Reopened++
		i.By = "" // who had it was told that it is over
		i.join(part, joined)
		i.Lead = max(0, slices.IndexFunc(i.Parts, part.same)) // it is about what came back
		return
	}
	s.All = append(s.All, Incident{
		ID: b.Incident, Severity: b.Severity, Urgency: b.Urgency, Owner: b.Owner, Why: b.Why, Drill: e.Drill, Opened: e.At.Wall,
		Moments: map[event.Moment]time.Time{}, Changes: s.Memory.lately(e.At.Wall),
	})
	i := &s.All[len(s.All)-1]
	i.join(part, joined)
	i.begin(e.At.Wall, part, s.Memory)
	i.recall(e, s.Memory.Recent)
	if len(s.All) > maxIncidents {
		i := max(0, slices.IndexFunc(s.All, func(i Incident) bool { return i.Closed != nil || !i.Resolved.IsZero() }))
		s.All = slices.Delete(s.All, i, i+1)
	}
}

// begin says when it all began, as far as the data tell.
func (i *Incident) begin(at time.Time, p Part, m memory) {
	since := at
	if !p.Course.Since.IsZero() {
		since = p.Course.Since
	}
	i.mark(event.MomentDetected, cmp.Or(p.Course.Detected, at))
	i.Moments[event.MomentImpact] = since
	i.Hurt = m.hurt(i, since)
	if !i.Hurt.First.IsZero() {
		i.Moments[event.MomentImpact] = i.Hurt.First
	}
}

// join adds a part. What comes back is the same part once more. A promise that is left
// when what broke it is over is told to its own owner, and explains nothing: what broke
// it is what the incident is about.
func (i *Incident) join(p Part, b event.Joined) {
	if b.Leads && b.Owner != "" {
		i.Owner = b.Owner
	}
	k := slices.IndexFunc(i.Parts, p.same)
	if k >= 0 && p.promised() {
		p.Why = i.Parts[k].Why
	}
	b.Leads = b.Leads && (len(i.Parts) == 0 || !p.promised() || i.lead().promised())
	switch {
	case k >= 0:
		i.Parts[k] = p
	case len(i.Parts) >= maxParts && !b.Leads:
		i.More++
		return
	case len(i.Parts) >= maxParts:
		k, i.More = len(i.Parts)-1, i.More+1
		i.Parts[k] = p
	default:
		k = len(i.Parts)
		i.Parts = append(i.Parts, p)
	}
	if b.Leads {
		i.Lead = k
	}
	i.settle()
}

// promised tells whether a part is a promise.
func (p Part) promised() bool { return p.Mode == "" && p.ID == (holdfast.ReplicaID{}) }

// owing finds the parts that are a promise whose budget burns, or did.
func owing(name holdfast.PromiseName) func(*Part) bool {
	return func(p *Part) bool { return p.Burned != nil && p.Promise == name }
}

// burn puts down that a rule holds. What pages says more than what is a ticket.
func (p *Part) burn(at time.Time, b event.Burned) {
	if p.Burned == nil || !p.Cooled.IsZero() || p.Burned.Urgency == holdfast.Ticket && b.Urgency == holdfast.Page {
		p.Burned, p.BurnedAt = &b, at
	}
	p.Cooled = time.Time{}
	if !slices.Contains(p.Rules, b.Rule) {
		p.Rules = append(slices.Clone(p.Rules), b.Rule)
	}
}

// cool puts down that one does not any more. The promise burns until the last one.
func (p *Part) cool(at time.Time, b event.Cooled) {
	p.Rules = slices.DeleteFunc(slices.Clone(p.Rules), func(rule string) bool { return rule == b.Rule })
	if len(p.Rules) == 0 {
		p.Cooled = at
	}
}

// same tells whether two parts are one thing, whichever life of a replica it is.
func (p Part) same(o Part) bool {
	return p.Service == o.Service && p.Mode == o.Mode && one(p.ID, o.ID) && p.Promise == o.Promise
}

// lead is the part that is taken for the cause of the others.
func (i *Incident) lead() Part {
	if i.Lead >= len(i.Parts) {
		return Part{Why: i.Why}
	}
	return i.Parts[i.Lead]
}

func (i *Incident) resolve(at time.Time) {
	i.Resolved = at
	i.Moments[event.MomentRestored] = at
	i.settle()
}

// settle says since when users are whole: since the last of the parts was mitigated,
// or at the latest since all of them were over.
func (i *Incident) settle() {
	var latest time.Time
	for _, p := range i.Parts {
		whole := p.whole()
		if whole.IsZero() {
			latest = i.Resolved
			break
		}
		if whole.After(latest) {
			latest = whole
		}
	}
	if !i.Resolved.IsZero() && latest.After(i.Resolved) {
		latest = i.Resolved
	}
	delete(i.Moments, event.MomentMitigated)
	if !latest.IsZero() {
		i.Moments[event.MomentMitigated] = latest
	}
}

// whole is since when users are not hurt by a part any more.
func (p Part) whole() time.Time {
	return cmp.Or(p.Cooled, p.Course.Mitigated, p.Course.Restored)
}

// mark keeps the first time of a moment.
func (i *Incident) mark(m event.Moment, at time.Time) {
	if i.Moments[m].IsZero() {
		i.Moments[m] = at
	}
}

func (i *Incident) page(at time.Time, b event.Paged) {
	if b.Purpose == holdfast.Trigger {
		i.mark(event.MomentPaged, at)
	}
	i.Told = last(append(i.Told, Told{Key: b.Key, Purpose: b.Purpose, Step: b.Step, Person: b.Person, Via: b.Via, Owed: at}), maxTold)
}

func (i *Incident) promise(b event.Promised) {
	if k := slices.IndexFunc(i.Actions, func(a event.Promised) bool { return a.Number == b.Number }); k >= 0 {
		i.Actions[k] = b
		return
	}
	i.Actions = last(append(i.Actions, b), maxSaid)
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

// message finds a message of any incident, the latest first.
func (s *Incidents) message(key holdfast.MessageKey, put func(*Told)) {
	s.change(incidentOf(key), func(i *Incident) {
		for k := range slices.Backward(i.Told) {
			if i.Told[k].Key == key {
				put(&i.Told[k])
				return
			}
		}
	})
}

// eachPart changes some parts of what is not over yet.
func (s *Incidents) eachPart(is func(*Part) bool, put func(*Part)) {
	for k := range s.All {
		i := &s.All[k]
		if !i.Resolved.IsZero() {
			continue
		}
		for n := range i.Parts {
			if is(&i.Parts[n]) {
				put(&i.Parts[n])
			}
		}
		i.settle()
	}
}

// eachCourse changes the course of something that fails, wherever it is a part.
func (s *Incidents) eachCourse(is func(holdfast.ModeName, holdfast.ReplicaID) bool, put func(*Course)) {
	s.eachPart(func(p *Part) bool { return is(p.Mode, p.ID) }, func(p *Part) { put(&p.Course) })
}

// last keeps the latest.
func last[T any](all []T, most int) []T { return all[max(0, len(all)-most):] }
