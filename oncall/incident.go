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
	return string(t.Service) + "|" + string(t.Mode) + "|" + string(t.ID.Name()) + "|" + string(t.Promise)
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

	Parts map[string]part              `json:"parts"`          // what is bad; at most MaxParts
	Where map[holdfast.ServiceName]int `json:"where"`          // how many of them by service; none where there were some
	Added int                          `json:"added"`          // how often one was, and which number it has
	Most  int                          `json:"most"`           // that were bad at a time
	Gone  []string                     `json:"gone,omitempty"` // those that were over last, at most MaxTold

	Lead   string        `json:"lead"`              // the part whose owner is told
	LeadBy time.Duration `json:"lead_by,omitempty"` // when it is thought over what leads
	OwedBy time.Duration `json:"owed_by,omitempty"` // until when promises have time to cool: what they burned by is over
	Asked  []string      `json:"asked"`             // whom it was paged to, so far: an audience is told once that it leads

	ladder
	answer
	hold
	Messages []*message    `json:"messages,omitempty"` // owed, or not settled
	Told     []told        `json:"told,omitempty"`     // who got a Trigger
	Known    bool          `json:"known,omitempty"`    // somebody ever got one, or may have
	OverAt   time.Duration `json:"over_at,omitempty"`  // when it was last over
	Back     int           `json:"back,omitempty"`     // how often it came back to who was told of it
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
	Promise bool                 `json:"promise,omitempty"`
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
	// Cooling is how long a promise has for that: what its quickest alert looks back on
	// is five minutes, and the counts come after.
	Cooling = 6 * time.Minute
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

// home is the open incident that a trouble belongs to: one that is bad in the same
// service, and whose audience is its own; else one with which it fails, or whose lead
// fails with it. What is bad beside the lead for a reason of its own has its own
// owner, and belongs there only if they were asked. Of several it is the oldest.
func (d *Desk) home(t Trouble) *incident {
	for _, is := range []func(*incident) bool{
		func(inc *incident) bool { return inc.Where[t.Service] > 0 && inc.asked(t) },
		func(inc *incident) bool { return d.failsWith(inc, t) || d.leads(inc, t) },
		func(inc *incident) bool { return inc.asked(t) && d.feeds(inc, t) },
	} {
		if i := slices.IndexFunc(d.Incidents, is); i >= 0 {
			return d.Incidents[i]
		}
	}
	return d.crowd(t)
}

// feeds tells whether something that is bad in an incident fails with a trouble.
func (d *Desk) feeds(inc *incident, t Trouble) bool {
	fails := d.kin.Fails(t.Service)
	return slices.ContainsFunc(inc.bad(), func(s holdfast.ServiceName) bool { return fails[s] })
}

// failsWith tells whether a trouble comes of what is bad in an incident that is open:
// of what its service fails with, or, being a promise, of its own service. One of
// everything that is published comes of anything.
func (d *Desk) failsWith(inc *incident, t Trouble) bool {
	if inc == nil {
		return false
	}
	causes := d.kin.Causes(t.Service)
	return slices.ContainsFunc(inc.bad(), func(s holdfast.ServiceName) bool {
		return t.Service == "" || causes[s] || t.Promise != "" && s == t.Service
	})
}

// leads tells whether a trouble is the one whose owner is to be told of an incident:
// what led so far comes of it, or, the lead being over, something does.
func (d *Desk) leads(inc *incident, t Trouble) bool {
	if t.Service == "" {
		return false
	}
	fails := d.kin.Fails(t.Service)
	of := func(p part) bool {
		return p.Service == "" || fails[p.Service] || p.Promise && p.Service == t.Service && t.Promise == ""
	}
	if lead, exists := inc.Parts[inc.Lead]; exists {
		return of(lead)
	}
	return slices.ContainsFunc(slices.Collect(maps.Values(inc.Parts)), of)
}

// asked tells whether the audience of a trouble has been paged, or is about to be.
func (inc *incident) asked(t Trouble) bool {
	return t.audience() == inc.audience() || slices.Contains(inc.Asked, t.audience())
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
		if inc.audience() == t.audience() && inc.AckedBy == "" && d.held(inc) == "" && d.now.Boot-inc.Since < Crowded {
			crowd = append(crowd, inc)
		}
	}
	if len(crowd) < Apart {
		return nil
	}
	return crowd[len(crowd)-1]
}

// admit finds an incident for a trouble that is in none.
func (d *Desk) admit(t Trouble, cause event.ID) {
	switch inc := d.home(t); {
	case inc == nil, inc.FreeAt != 0 && d.lately(t) != nil: // the cause of what is there is back
		d.open(t, cause)
	default:
		d.join(inc, t, cause)
	}
}

// open begins an incident, or goes on with one that was over a moment ago.
func (d *Desk) open(t Trouble, cause event.ID) {
	inc := d.lately(t)
	again := inc != nil
	if again {
		d.Past = slices.DeleteFunc(d.Past, func(past *incident) bool { return past == inc })
	} else {
		inc = &incident{
			ID: d.name(), First: d.in(0), Severity: t.Severity, Urgency: t.Urgency,
			Parts: map[string]part{}, Where: map[holdfast.ServiceName]int{},
		}
	}
	news := !inc.asked(t)
	inc.Since, inc.Lead, inc.LeadBy, inc.Owner, inc.Policy = d.in(0), t.key(), 0, t.Owner, t.Policy
	said := d.say(cause, event.Opened{
		Incident: inc.ID, Severity: worse(inc.Severity, t.Severity), Urgency: urgent(inc.Urgency, t.Urgency), Service: t.Service, Mode: t.Mode, ID: t.ID, Promise: t.Promise,
		Owner: t.Owner, Policy: t.Policy, Why: t.Why, Again: again,
	})
	inc.Cause, inc.Next = said, said
	inc.add(t)
	d.Incidents = append(d.Incidents, inc)
	if again {
		d.reopen(inc, t, news, said)
		d.settle(inc.ID)
	} else {
		d.start(inc)
	}
	d.reholdOne(inc, said)
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

// lately is an incident that was over a moment ago, and that a trouble opens again.
func (d *Desk) lately(t Trouble) *incident {
	related := d.related(t.Service)
	i := slices.IndexFunc(d.Past, func(inc *incident) bool {
		return d.now.Boot < inc.OverAt+ReopenFor && slices.ContainsFunc(slices.Collect(maps.Keys(inc.Where)), related)
	})
	if i < 0 {
		return nil
	}
	return d.Past[i]
}

// reopen goes on where it was, and pages nobody sooner than it would have, had it
// stayed open: so flapping is paged as often as staying bad is, and climbs as high.
// Who had acknowledged it was told that it is over, and is told again. Coming back once
// is not flapping yet: who believes that it is over is told as soon as it had a minute
// to mend itself.
func (d *Desk) reopen(inc *incident, t Trouble, news bool, said event.ID) {
	d.takeBack(inc, said)
	raised := worse(inc.Severity, t.Severity) != inc.Severity || urgent(inc.Urgency, t.Urgency) != inc.Urgency
	inc.Severity, inc.Urgency = worse(inc.Severity, t.Severity), urgent(inc.Urgency, t.Urgency)
	switch {
	case inc.LastAt == 0:
		d.start(inc)
		return
	case raised || news:
		d.restart(inc, said)
		return
	case !inc.Known: // there is nobody to be left in peace
		d.start(inc)
		inc.NextAt = max(inc.NextAt, inc.LastAt+silentFor)
		return
	case inc.Answered || inc.Urgency == holdfast.Ticket:
		inc.Step = 0
	}
	inc.Round, inc.Heard, inc.Reached = inc.Round+1, false, inc.Reached && inc.Step > 0
	inc.NextAt = max(d.in(0), inc.LastAt+d.calm(inc, t))
	if inc.Back++; inc.Back == 1 && inc.Urgency == holdfast.Page {
		inc.NextAt = min(inc.NextAt, d.in(Settling))
	}
}

// calm is how long nobody is told again what comes and goes; of what was not bad
// before they are told sooner.
func (d *Desk) calm(inc *incident, t Trouble) time.Duration {
	switch {
	case !slices.Contains(inc.Gone, t.key()):
		return Settling
	case inc.Urgency == holdfast.Ticket:
		return ReopenFor
	default:
		return d.policy(inc).Repeat
	}
}

// add makes a trouble part of an incident; false says that it is one too many to be
// told by itself.
func (inc *incident) add(t Trouble) bool {
	inc.Added++
	if len(inc.Parts) >= MaxParts {
		inc.Most++
		return false
	}
	added := part{Service: t.Service, Promise: t.Promise != "", Number: inc.Added}
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
	leads := len(inc.Parts) < MaxParts && d.leads(inc, t)
	if t.Promise == "" && d.cooling(inc) {
		d.takeUp(inc)
	}
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
		d.deferOthers(inc, said)
	}
	d.settle(inc.ID)
	if inc.Under != "" && !d.failsWith(d.find(d.Incidents, inc.Under), t) {
		d.free(inc, said, t.String()+" does not fail with "+string(inc.Under))
	}
	d.reholdOne(inc, said)
}

// String is a trouble in a word.
func (t Trouble) String() string {
	return cmp.Or(string(t.Mode), string(t.Service), "what is published")
}

func joined(inc *incident, t Trouble, leads bool, why string) event.Joined {
	body := event.Joined{Incident: inc.ID, Service: t.Service, Mode: t.Mode, ID: t.ID, Promise: t.Promise, Leads: leads, Why: why}
	if leads {
		body.Owner, body.Policy = t.Owner, t.Policy
	}
	return body
}

// lead makes a part the one whose owner is told. Who was paged already is not paged
// for that alone, unless nobody else could be reached.
func (d *Desk) lead(inc *incident, t Trouble, said event.ID) {
	news := !inc.asked(t) || inc.stuck()
	inc.Lead, inc.Owner, inc.Policy = t.key(), t.Owner, t.Policy
	if news {
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
	waking := inc.Urgency == holdfast.Page && inc.AckedBy == "" && inc.Step > 0
	next, upto, calls := inc.NextAt, max(inc.Step, inc.Upto), inc.Calls
	inc.Severity, inc.Urgency = severity, urgency
	said := d.say(cause, event.Raised{Incident: inc.ID, Severity: severity, Urgency: urgency, Why: t.Why})
	d.restart(inc, said)
	if waking {
		inc.By, inc.Upto, inc.Calls = next, upto, calls // what is worse is not escalated later
	}
	if over := d.find(d.Incidents, inc.Under); over != nil {
		d.raise(over, t, said)
	}
}

// part ends a part of an incident, and the incident with its last one. What the
// others are left with, there and in other incidents, is found out when they had time
// to settle.
func (d *Desk) part(inc *incident, key string, cause event.ID) {
	if !inc.Parts[key].Promise {
		inc.OwedBy = d.in(Cooling)
	}
	inc.drop(key)
	if len(inc.Parts) == 0 {
		d.resolve(inc, cause)
	}
	if d.cooling(inc) {
		inc.putOff(inc.OwedBy)
	}
	for _, other := range d.Incidents {
		other.LeadBy = first(other.LeadBy, d.in(Settling))
	}
	d.settle(inc.ID)
	d.rehold(cause)
}

// elect finds out what an incident is about, now that what led it is over, or that
// the file has another opinion. Where all that is left fails with what is bad in
// another one, it is deferred to that. Else the first part leads whose causes are not
// bad; others of which that is true and whose owners were not asked are incidents of
// their own: they failed together once.
func (d *Desk) elect(inc *incident) {
	inc.LeadBy = 0
	if d.deferToCause(inc) {
		return
	}
	if d.cooling(inc) {
		inc.LeadBy = inc.OwedBy
		return
	}
	said, roots := inc.Cause, d.roots(inc)
	if !slices.ContainsFunc(roots, func(t Trouble) bool { return t.key() == inc.Lead }) && len(roots) > 0 {
		said = d.say(inc.Cause, joined(inc, roots[0], true, "what it was taken to fail with is over"))
		d.lead(inc, roots[0], said)
	}
	for _, t := range roots {
		if !inc.asked(t) {
			inc.drop(t.key())
			d.admit(t, said)
			d.settle(inc.ID)
		}
	}
}

// cooling tells whether all that is left of an incident are promises that burned by
// what was over a moment ago: nobody else is woken for the minutes they remember.
func (d *Desk) cooling(inc *incident) bool { return inc.OwedBy > d.in(0) && inc.promised() }

// promised tells whether all that is bad in an incident are promises.
func (inc *incident) promised() bool {
	for _, p := range inc.Parts { // of a storm the first one tells
		if !p.Promise {
			return false
		}
	}
	return true
}

// roots are the parts that are told one by one and whose causes are not bad in the
// incident, in the order in which they came; where there is none, the first part.
func (d *Desk) roots(inc *incident) []Trouble {
	var left, roots []Trouble
	for _, key := range inc.inOrder() {
		if t := inc.Parts[key].Trouble; t != nil {
			left = append(left, *t)
		}
	}
	for _, t := range left {
		if t.Service != "" && !slices.ContainsFunc(left, func(o Trouble) bool { return d.comesOf(t, o) }) {
			roots = append(roots, t)
		}
	}
	if len(roots) == 0 {
		return left[:min(1, len(left))]
	}
	return roots
}

// comesOf tells whether a trouble comes of another one.
func (d *Desk) comesOf(t, cause Trouble) bool {
	return d.kin.Causes(t.Service)[cause.Service] || t.Promise != "" && cause.Promise == "" && t.Service == cause.Service
}

// drop takes a part out of an incident.
func (inc *incident) drop(key string) {
	inc.Where[inc.Parts[key].Service]--
	delete(inc.Parts, key)
	inc.Gone = append(slices.DeleteFunc(inc.Gone, func(gone string) bool { return gone == key }), key)
	inc.Gone = inc.Gone[max(0, len(inc.Gone)-MaxTold):]
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

// Forgot says that an agent before this one may have named incidents that nobody here
// remembers: today's go on far behind them. A provider that was told of one, and has it
// as acknowledged, would take the page of another of that name for its repetition.
func (d *Desk) Forgot(now event.At, epoch uint64) {
	d.Days = append(d.Days, day{Day: now.Wall.UTC().Format("20060102"), N: int(epoch) * maxForgotten})
}

// maxForgotten is more incidents than one agent opens on a day.
const maxForgotten = 1000

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
	all := []*time.Duration{&inc.First, &inc.Since, &inc.LeadBy, &inc.OwedBy, &inc.FreeAt, &inc.AckedUntil, &inc.NextAt, &inc.By, &inc.LastAt, &inc.OverAt}
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
