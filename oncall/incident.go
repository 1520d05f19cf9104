package oncall

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"holdfast"
	"holdfast/event"
)

// A Trouble is one thing that is bad and that people are needed for: a failure mode
// that strikes a replica or an edge, or a promise that is not kept. Which life of a
// replica it strikes makes it no other one.
type Trouble struct {
	Service  holdfast.ServiceName `json:"service,omitempty"` // empty: of everything that is published
	Mode     holdfast.ModeName    `json:"mode,omitempty"`
	ID       holdfast.ReplicaID   `json:"id,omitzero"`
	Promise  holdfast.PromiseName `json:"promise,omitempty"`
	Severity holdfast.Severity    `json:"severity,omitempty"` // empty: SEV3
	Urgency  holdfast.Urgency     `json:"urgency,omitempty"`  // empty: Page
	Owner    holdfast.OwnerName   `json:"owner,omitempty"`    // empty: the system's
	Policy   holdfast.PolicyName  `json:"policy,omitempty"`   // its own, if any; what holds then, the desk knows
	Why      string               `json:"why,omitempty"`
}

func (t Trouble) key() string {
	return fmt.Sprintf("%s|%s|%s|%s", t.Service, t.Mode, t.ID.Name(), t.Promise)
}

// An incident is an interval in which people are needed. It is in one of three
// states, and from each it may be over:
//
//	           a step reaches nobody, or is not answered: the next one
//	              ┌────┐
//	opened ──▶ paging ─┴──acknowledged──▶ answered
//	              │  ▲ ◀──the acknowledgement runs out, it is worse, it leads elsewhere
//	              ▼  │
//	             held     by maintenance, or for an incident that is its cause
type incident struct {
	ID       holdfast.IncidentID `json:"id"`
	Cause    event.ID            `json:"cause"` // of being paged: opened, raised, reminded
	First    time.Duration       `json:"first"` // when it was opened
	Since    time.Duration       `json:"since"` // when it was opened last
	Severity holdfast.Severity   `json:"severity"`
	Urgency  holdfast.Urgency    `json:"urgency"`

	Parts map[string]part              `json:"parts"` // what is bad; at most MaxParts
	Where map[holdfast.ServiceName]int `json:"where"` // how many of them by service; none where there were some
	Added int                          `json:"added"` // how often one was, and which number it has
	Most  int                          `json:"most"`  // that were bad at a time

	Lead   string        `json:"lead"`              // the part whose owner is told
	LeadBy time.Duration `json:"lead_by,omitempty"` // when another part leads, the lead being over
	Asked  []string      `json:"asked"`             // whom it was paged to, so far: an audience is told once that it leads

	ladder
	answer
	hold
	Messages []*message    `json:"messages,omitempty"` // owed, or not settled
	Told     []told        `json:"told,omitempty"`     // who got a Trigger
	OverAt   time.Duration `json:"over_at,omitempty"`  // when it was last over
}

// An answer is who has taken an incident on, and until when that holds.
type answer struct {
	AckedBy    string        `json:"acked_by,omitempty"`
	AckedUntil time.Duration `json:"acked_until,omitempty"` // 0: for ever
	Acked      event.ID      `json:"acked,omitzero"`
	Answered   bool          `json:"answered,omitempty"` // when it was last over, somebody had it
}

// A part is one thing that is bad. Those beyond MaxTold carry no more than where
// they are.
type part struct {
	Service holdfast.ServiceName `json:"service"`
	Number  int                  `json:"number"`
	Trouble *Trouble             `json:"trouble,omitempty"`
}

const (
	// MaxParts bounds what is remembered of a storm: what a file of a thousand
	// replicas can name, twice. What is beyond is counted, and no longer waited for.
	MaxParts = 16384
	// MaxTold bounds the parts that are told one by one.
	MaxTold = 256
	// MaxPast bounds the incidents that may open again.
	MaxPast = 100
	// ReopenFor is how long what comes back is the same incident.
	ReopenFor = 10 * time.Minute
	// Settling is how long what failed with a cause has to come back by itself, once
	// the cause is over, before its own owner is woken: a minute, several times what
	// a restart takes.
	Settling = time.Minute
	// Apart is how many incidents of one audience are opened one by one within
	// Crowded. What comes beside them while nobody has answered joins the last one:
	// six pages say no more than five, and one cannot read them.
	Apart   = 5
	Crowded = 5 * time.Minute
	// owedFor is how long a message is owed of an incident that is over.
	owedFor = 24 * time.Hour
)

// whole fills in what a trouble does not say.
func (d *Desk) whole(t Trouble) Trouble {
	t.Severity = cmp.Or(t.Severity, holdfast.SEV3)
	t.Urgency = cmp.Or(t.Urgency, holdfast.Page)
	t.Owner = cmp.Or(t.Owner, d.system.Owner)
	t.Policy = d.policyFor(t.Policy)
	return t
}

// audience is whom a trouble is told to, in one word: a policy, or an owner's people.
func (t Trouble) audience() string {
	if t.Policy != "" {
		return "policy " + string(t.Policy)
	}
	return "owner " + string(t.Owner)
}

func (d *Desk) find(among []*incident, id holdfast.IncidentID) *incident {
	if i := slices.IndexFunc(among, func(inc *incident) bool { return inc.ID == id }); i >= 0 {
		return among[i]
	}
	return nil
}

// holding is the open incident of which something is a part.
func (d *Desk) holding(key string) *incident {
	for _, inc := range d.Incidents {
		if _, is := inc.Parts[key]; is {
			return inc
		}
	}
	return nil
}

// home is the open incident that a trouble belongs to: the oldest that is bad in the
// same service, or else in one that fails with it or that it fails with.
func (d *Desk) home(t Trouble) *incident {
	if i := slices.IndexFunc(d.Incidents, func(inc *incident) bool { return inc.Where[t.Service] > 0 }); i >= 0 {
		return d.Incidents[i]
	}
	related := d.related(t.Service)
	if i := slices.IndexFunc(d.Incidents, func(inc *incident) bool { return slices.ContainsFunc(inc.bad(), related) }); i >= 0 {
		return d.Incidents[i]
	}
	return d.crowd(t)
}

// related tells of services whether they belong to one incident with this one. A
// promise of everything that is published, which has no service, belongs to whatever
// is bad.
func (d *Desk) related(service holdfast.ServiceName) func(holdfast.ServiceName) bool {
	causes, fails := d.kin.Causes(service), d.kin.Fails(service)
	return func(other holdfast.ServiceName) bool {
		return other == service || other == "" || service == "" || causes[other] || fails[other]
	}
}

// bad are the services in which an incident is bad, in no order.
func (inc *incident) bad() []holdfast.ServiceName {
	var all []holdfast.ServiceName
	for service, n := range inc.Where {
		if n > 0 {
			all = append(all, service)
		}
	}
	return all
}

// crowd is the incident that a trouble joins because its audience has its hands full.
func (d *Desk) crowd(t Trouble) *incident {
	var crowd []*incident
	for _, inc := range d.Incidents {
		if inc.audience() == t.audience() && inc.AckedBy == "" && d.now.Boot-inc.Since < Crowded {
			crowd = append(crowd, inc)
		}
	}
	if len(crowd) < Apart {
		return nil
	}
	return crowd[len(crowd)-1]
}

// open begins an incident, or goes on with one that was over a moment ago.
func (d *Desk) open(t Trouble, cause event.ID) {
	inc := d.lately(t)
	again := inc != nil
	if !again {
		inc = &incident{
			ID: d.name(), First: d.in(0), Severity: t.Severity, Urgency: t.Urgency,
			Parts: map[string]part{}, Where: map[holdfast.ServiceName]int{},
		}
	}
	inc.Since, inc.Lead, inc.LeadBy, inc.Owner, inc.Policy = d.in(0), t.key(), 0, t.Owner, t.Policy
	said := d.say(cause, event.Opened{
		Incident: inc.ID, Severity: worse(inc.Severity, t.Severity), Urgency: urgent(inc.Urgency, t.Urgency), Service: t.Service, Mode: t.Mode, ID: t.ID, Promise: t.Promise,
		Owner: t.Owner, Policy: t.Policy, Why: t.Why, Again: again,
	})
	inc.Cause, inc.Next = said, said
	inc.add(t)
	d.Incidents = append(d.Incidents, inc)
	if again {
		d.reopen(inc, t, said)
	} else {
		inc.Asked = []string{t.audience()}
		d.start(inc)
	}
	d.reholdOne(inc, said)
}

// lately is an incident that was over a moment ago, and that a trouble opens again.
func (d *Desk) lately(t Trouble) *incident {
	related := d.related(t.Service)
	i := slices.IndexFunc(d.Past, func(inc *incident) bool {
		return d.now.Boot < inc.OverAt+ReopenFor && slices.ContainsFunc(slices.Collect(maps.Keys(inc.Where)), related)
	})
	if i < 0 {
		return nil
	}
	inc := d.Past[i]
	d.Past = slices.Delete(d.Past, i, i+1)
	return inc
}

// reopen goes on where it was, and pages nobody sooner than it would have, had it
// stayed open: so flapping is paged as often as staying bad is, and climbs as high.
// Who had acknowledged it was told that it is over, and is told again.
func (d *Desk) reopen(inc *incident, t Trouble, said event.ID) {
	nobody := len(inc.Told) == 0 // nothing arrived: there is nobody to be left in peace
	d.takeBack(inc, said)
	d.recapture(inc.ID)
	raised := worse(inc.Severity, t.Severity) != inc.Severity || urgent(inc.Urgency, t.Urgency) != inc.Urgency
	inc.Severity, inc.Urgency = worse(inc.Severity, t.Severity), urgent(inc.Urgency, t.Urgency)
	news := inc.asks(t)
	switch {
	case inc.LastAt == 0 || nobody:
		d.start(inc)
		return
	case raised || news:
		d.restart(inc, said)
		return
	case inc.Answered || inc.Urgency == holdfast.Ticket:
		inc.Step = 0
	}
	inc.Round, inc.Paged, inc.Heard, inc.Reached = inc.Round+1, false, false, inc.Reached && inc.Step > 0
	inc.NextAt = max(d.in(0), inc.LastAt+inc.calm(d.policy(inc).Repeat))
}

// calm is how long nobody is told again what comes and goes.
func (inc *incident) calm(repeat time.Duration) time.Duration {
	if inc.Urgency == holdfast.Ticket {
		return ReopenFor
	}
	return repeat
}

// asks tells whether the audience of a trouble has not been asked yet, and that now
// it is.
func (inc *incident) asks(t Trouble) bool {
	if slices.Contains(inc.Asked, t.audience()) {
		return false
	}
	inc.Asked = append(inc.Asked, t.audience())
	return true
}

// add makes a trouble part of an incident; false says that it is one too many to be
// told by itself.
func (inc *incident) add(t Trouble) bool {
	inc.Added++
	if len(inc.Parts) >= MaxParts {
		inc.Most++
		return false
	}
	added := part{Service: t.Service, Number: inc.Added}
	told := len(inc.Parts) < MaxTold
	if told {
		added.Trouble = &t
	}
	inc.Parts[t.key()] = added
	inc.Where[t.Service]++
	inc.Most = max(inc.Most, len(inc.Parts))
	return told
}

// join makes a trouble part of an incident that is open. It leads when what leads so
// far fails with it: then its owner is told, once.
func (d *Desk) join(inc *incident, t Trouble, cause event.ID) {
	if t.key() == inc.Lead {
		inc.LeadBy = 0 // it is back
	}
	leads := inc.LeadBy == 0 && len(inc.Parts) < MaxParts && d.fails(inc, t)
	told := inc.add(t)
	said := cause
	if leads || told {
		said = d.say(cause, joined(inc, t, leads, t.Why))
	}
	if leads {
		d.lead(inc, t, said)
	}
	d.raise(inc, t, said)
	if leads {
		d.deferOthers(inc, t.Service, said)
	}
	d.reholdOne(inc, said)
}

func joined(inc *incident, t Trouble, leads bool, why string) event.Joined {
	body := event.Joined{Incident: inc.ID, Service: t.Service, Mode: t.Mode, ID: t.ID, Promise: t.Promise, Leads: leads, Why: why}
	if leads {
		body.Owner, body.Policy = t.Owner, t.Policy
	}
	return body
}

// fails tells whether what leads an incident fails with a trouble.
func (d *Desk) fails(inc *incident, t Trouble) bool {
	lead := inc.Parts[inc.Lead].Service
	return lead != t.Service && t.Service != "" && (lead == "" || d.kin.Causes(lead)[t.Service])
}

// lead makes a part the one whose owner is told.
func (d *Desk) lead(inc *incident, t Trouble, said event.ID) {
	inc.Lead, inc.LeadBy = t.key(), 0
	if inc.asks(t) {
		inc.Owner, inc.Policy = t.Owner, t.Policy
		d.restart(inc, said)
	}
}

// raise says that an incident is worse than it ever was. It is paged anew then, also
// to who has it: what they took on was less. One that is deferred raises the one it
// is deferred to.
func (d *Desk) raise(inc *incident, t Trouble, cause event.ID) {
	severity, urgency := worse(inc.Severity, t.Severity), urgent(inc.Urgency, t.Urgency)
	if severity == inc.Severity && urgency == inc.Urgency {
		return
	}
	inc.Severity, inc.Urgency = severity, urgency
	said := d.say(cause, event.Raised{Incident: inc.ID, Severity: severity, Urgency: urgency, Why: t.Why})
	d.restart(inc, said)
	if over := d.find(d.Incidents, inc.Under); over != nil {
		d.raise(over, t, said)
	}
}

// part ends a part of an incident, and the incident with its last one. What the
// others are left with once the lead is over is found out when they had time to
// settle.
func (d *Desk) part(inc *incident, key string, cause event.ID) {
	inc.Where[inc.Parts[key].Service]--
	delete(inc.Parts, key)
	switch {
	case len(inc.Parts) == 0:
		d.resolve(inc, cause)
	case key == inc.Lead:
		inc.LeadBy = d.in(Settling)
	}
	d.rehold(cause)
}

// elect makes a part lead whose causes are not bad, of those the first.
func (d *Desk) elect(inc *incident) {
	inc.LeadBy = 0
	var left []Trouble
	for _, key := range inc.inOrder() {
		if t := inc.Parts[key].Trouble; t != nil {
			left = append(left, *t)
		}
	}
	for _, t := range left {
		causes := d.kin.Causes(t.Service)
		if t.Service == "" && len(left) > 1 || slices.ContainsFunc(left, func(o Trouble) bool { return causes[o.Service] }) {
			continue
		}
		said := d.say(inc.Cause, joined(inc, t, true, "what it was taken to fail with is over"))
		d.lead(inc, t, said)
		return
	}
}

// inOrder are the keys of the parts as they came.
func (inc *incident) inOrder() []string {
	keys := make([]string, 0, len(inc.Parts))
	for key := range inc.Parts {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b string) int { return cmp.Compare(inc.Parts[a].Number, inc.Parts[b].Number) })
	return keys
}

// resolve ends an incident: whoever may have been told that it is there is told that
// it is over, whatever holds it.
func (d *Desk) resolve(inc *incident, cause event.ID) {
	d.Incidents = slices.DeleteFunc(d.Incidents, func(other *incident) bool { return other == inc })
	d.Past = append(d.Past, inc)
	said := d.say(cause, event.Resolved{Incident: inc.ID, After: d.now.Boot - inc.Since, Parts: inc.Most})
	d.quiet(inc, said, "it is over")
	for _, m := range slices.Clone(inc.Messages) {
		if m.owed() {
			d.supersede(inc, m, said, "it is over")
		}
	}
	d.tell(inc, holdfast.Resolve, said, func(address) bool { return true })
	inc.answer = answer{Answered: inc.AckedBy != ""}
	inc.hold, inc.LeadBy, inc.OverAt = hold{}, 0, d.in(0)
	d.release(inc.ID)
	d.forget()
}

// forget drops of what is over what can neither open again nor owes anything, and
// the oldest if there are still too many.
func (d *Desk) forget() {
	d.Past = slices.DeleteFunc(d.Past, func(inc *incident) bool {
		return d.now.Boot >= inc.OverAt+ReopenFor && !inc.owes()
	})
	for len(d.Past) > 0 && (len(d.Past) > MaxPast || d.due(d.Past[0].OverAt+owedFor)) {
		for _, m := range slices.Clone(d.Past[0].Messages) {
			if m.owed() {
				d.supersede(d.Past[0], m, d.Past[0].Cause, "it could not be delivered, and is over for long")
			}
		}
		d.Past = d.Past[1:]
	}
}

func worse(a, b holdfast.Severity) holdfast.Severity {
	return holdfast.Severity(min(string(a), string(b))) // SEV1 is the worst
}

func urgent(a, b holdfast.Urgency) holdfast.Urgency {
	if b == holdfast.Page {
		return b
	}
	return a
}

// A day is how many incidents were opened on it.
type day struct {
	Day string `json:"day"`
	N   int    `json:"n"`
}

// maxDays is how many days are remembered, so that a clock that is set back and
// forth names nothing twice.
const maxDays = 16

// name is a name no other incident has.
func (d *Desk) name() holdfast.IncidentID {
	today := d.now.Wall.UTC().Format("20060102")
	i := slices.IndexFunc(d.Days, func(day day) bool { return day.Day == today })
	if i < 0 {
		d.Days = append(d.Days[max(0, len(d.Days)-maxDays+1):], day{Day: today})
		i = len(d.Days) - 1
	}
	d.Days[i].N++
	return holdfast.IncidentID(fmt.Sprintf("%s-%d", today, d.Days[i].N))
}

// incidentOf is the incident that a message is of.
func incidentOf(key holdfast.MessageKey) holdfast.IncidentID {
	id, _, _ := strings.Cut(string(key), "/")
	return holdfast.IncidentID(id)
}

// dueNext is when something of an incident falls due.
func (inc *incident) dueNext() time.Duration {
	next := first(inc.LeadBy, inc.FreeAt)
	if inc.Held {
		return next
	}
	next = first(next, inc.AckedUntil, inc.NextAt)
	for _, c := range inc.Calls {
		next = first(next, c.NextAt)
	}
	for _, m := range inc.Messages {
		next = first(next, m.SilentAt)
	}
	return next
}

// shift moves all instants of an incident into another boot's clock.
func (inc *incident) shift(by time.Duration) {
	all := []*time.Duration{&inc.First, &inc.Since, &inc.LeadBy, &inc.FreeAt, &inc.LookAt, &inc.AckedUntil, &inc.NextAt, &inc.LastAt, &inc.OverAt}
	for _, c := range inc.Calls {
		all = append(all, &c.Began, &c.NextAt)
	}
	for _, m := range inc.Messages {
		all = append(all, &m.NotYet, &m.SilentAt)
	}
	for _, at := range all {
		if *at != 0 {
			*at = cmp.Or(*at+by, 1)
		}
	}
}
