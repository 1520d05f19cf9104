package oncall

import (
	"slices"
	"strings"
	"time"

	"holdfast"
	"holdfast/event"
)

// A ladder is how far up its policy an incident has gone, and who is being tried.
// Steps are counted from 1; the one after the policy's last is the owner's people,
// and is taken only in a round in which nothing was delivered to anybody.
type ladder struct {
	Owner  holdfast.OwnerName  `json:"owner,omitempty"`
	Policy holdfast.PolicyName `json:"policy,omitempty"`

	Step    int  `json:"step"`  // that was taken last
	Round   int  `json:"round"` // grows when a step is taken again, and never falls: step and round name a message for ever
	Reached bool `json:"reached,omitempty"`
	Vain    bool `json:"vain,omitempty"`  // from the first step of this round on nobody was reached
	Heard   bool `json:"heard,omitempty"` // in this round one was delivered

	NextAt time.Duration `json:"next_at,omitempty"` // when the next step is taken
	By     time.Duration `json:"by,omitempty"`      // when the one after Upto is taken at the latest
	Upto   int           `json:"upto,omitempty"`    // which had been taken before it got worse
	Next   event.ID      `json:"next"`              // its cause
	LastAt time.Duration `json:"last_at,omitempty"` // when somebody was last paged
	Calls  []*call       `json:"calls,omitempty"`
}

// A call is one person, or one channel, being tried: contact after contact, each
// when its time has come or when those before it have come to nothing.
type call struct {
	Person   holdfast.PersonName `json:"person,omitempty"`
	Contacts []holdfast.Contact  `json:"contacts"`
	Step     int                 `json:"step"`
	Round    int                 `json:"round"`
	Began    time.Duration       `json:"began"`
	Tried    int                 `json:"tried"` // contacts
	Lost     int                 `json:"lost"`  // of them, those by which nothing arrives
	NextAt   time.Duration       `json:"next_at,omitempty"`
	Next     event.ID            `json:"next"` // its cause
	Why      string              `json:"why,omitempty"`
}

func (c *call) failed() bool { return c.Lost >= len(c.Contacts) }

const (
	// silentFor is how long nothing need be heard of a message before the next way
	// is tried: what a provider has to answer in, and the sender to come to it.
	silentFor = time.Minute
	// leastRepeat keeps a file that says otherwise from paging without end.
	leastRepeat = time.Second
)

func (l ladder) audience() string { return Trouble{Owner: l.Owner, Policy: l.Policy}.audience() }

// policyFor is the policy that holds where one is named, or none: it, or the
// standard one, or none, which is the owner's people at once.
func (d *Desk) policyFor(name holdfast.PolicyName) holdfast.PolicyName {
	for _, name := range []holdfast.PolicyName{name, d.system.OnCall.Standard} {
		if slices.ContainsFunc(d.system.OnCall.Policies, func(p holdfast.EscalationPolicy) bool { return p.Name == name && len(p.Rules) > 0 }) {
			return name
		}
	}
	return ""
}

// policy are the steps of an incident, as the file has them now.
func (d *Desk) policy(inc *incident) holdfast.EscalationPolicy {
	policy := holdfast.EscalationPolicy{Rules: []holdfast.EscalationRule{team(inc.Owner)}}
	name := d.policyFor(inc.Policy)
	for _, p := range d.system.OnCall.Policies {
		if p.Name == name && name != "" {
			policy = p
		}
	}
	if policy.Repeat == 0 {
		policy.Repeat = holdfast.RepeatEvery
	}
	policy.Repeat = max(policy.Repeat, leastRepeat)
	return policy
}

// team is the step that tells everybody of an owner.
func team(owner holdfast.OwnerName) holdfast.EscalationRule {
	return holdfast.EscalationRule{Notify: []holdfast.Recipient{{Owner: owner}}}
}

// start has the first step taken, once its delay is over; what is back within it,
// and bad again, waits no longer than what stayed bad.
func (d *Desk) start(inc *incident) {
	inc.rewind()
	inc.NextAt, inc.Next = max(d.in(0), inc.First+d.policy(inc).Rules[0].After), inc.Cause
}

// restart has the first step taken at once, whoever has the incident, unless it is
// held: then it is taken when it is not any more.
func (d *Desk) restart(inc *incident, cause event.ID) {
	inc.answer, inc.Cause, inc.Calls, inc.By, inc.Upto = answer{}, cause, nil, 0, 0
	inc.rewind()
	inc.NextAt, inc.Next = d.in(0), cause
	if inc.Held {
		inc.NextAt = 0
	}
}

// putOff has nobody else told before an instant: what they were to be told of is over,
// as far as is known.
func (inc *incident) putOff(until time.Duration) {
	all := []*time.Duration{&inc.NextAt, &inc.AckedUntil}
	for _, c := range inc.Calls {
		all = append(all, &c.NextAt)
	}
	for _, at := range all {
		if *at != 0 {
			*at = max(*at, until)
		}
	}
}

// takeUp goes on with what was put off, as if it never had been.
func (d *Desk) takeUp(inc *incident) {
	if inc.NextAt == inc.OwedBy {
		inc.NextAt = d.in(0)
		if inc.Step > 0 {
			inc.NextAt = max(inc.NextAt, inc.LastAt+pause(d.policy(inc), inc.Step))
		}
	}
	for _, c := range inc.Calls {
		if c.NextAt == inc.OwedBy {
			c.NextAt = max(d.in(0), c.Began+c.Contacts[c.Tried].After)
		}
	}
	inc.OwedBy = 0
}

// stuck tells whether the last step reached nobody, and nobody has the incident.
func (inc *incident) stuck() bool { return inc.Step > 0 && !inc.Reached && inc.AckedBy == "" }

func (l *ladder) rewind() {
	l.Step, l.Round, l.Reached, l.Heard = 0, l.Round+1, false, false
}

// above is the step after the last one, and whether a new round begins with it: the
// last one again, or, where it reaches nobody, the first.
func (l *ladder) above(policy holdfast.EscalationPolicy) (step int, anew bool) {
	last := len(policy.Rules)
	switch {
	case l.Step < last:
		return l.Step + 1, false
	case l.Step == last && l.Reached:
		return last, true
	case l.Step == last && !l.Heard && policy.Name != "":
		return last + 1, false
	default:
		return 1, true
	}
}

// run does the one thing of an incident that was due first, and tells whether there
// may be more: where several are late, they come in their order nevertheless.
func (d *Desk) run(inc *incident) bool {
	d.reholdOne(inc, inc.Cause)
	if !inc.Held && d.stranded(inc) {
		return true
	}
	at := inc.dueNext()
	if !d.due(at) {
		return false
	}
	switch at {
	case inc.FreeAt:
		d.free(inc, inc.Cause, "what it fails with is over in "+string(inc.Under))
	case inc.LeadBy:
		d.elect(inc)
	case inc.AckedUntil:
		d.remind(inc)
	case inc.NextAt: // before the calls, which begin anew with it
		d.climb(inc)
	default:
		d.tryAt(inc, at)
	}
	return true
}

// tryAt tries those whose time has come, and takes for lost what nothing was heard
// of by then; that is owed all the same.
func (d *Desk) tryAt(inc *incident, at time.Duration) {
	for _, c := range inc.Calls {
		if c.NextAt == at {
			d.try(inc, c)
		}
	}
	for _, m := range inc.Messages {
		if m.SilentAt == at {
			inc.lose(m, "nothing was heard of a message for "+event.Short(silentFor), m.Paged, d.in(0))
			m.SilentAt = 0
		}
	}
}

// climb takes the next step.
func (d *Desk) climb(inc *incident) {
	policy := d.policy(inc)
	step, anew := inc.above(policy)
	if anew {
		inc.Round++
		inc.Heard = false
	}
	inc.Step, inc.NextAt = step, 0
	inc.Vain = inc.Vain || step == 1
	if !slices.Contains(inc.Asked, inc.audience()) {
		inc.Asked = append(inc.Asked, inc.audience())
	}
	rule := team(inc.Owner)
	if step <= len(policy.Rules) {
		rule = policy.Rules[step-1]
	}
	if why := d.call(inc, rule); why != "" {
		d.fall(inc, why, inc.Next)
		return
	}
	inc.Reached, inc.Vain, inc.LastAt, inc.Next = true, false, d.in(0), inc.Cause
	if inc.Urgency == holdfast.Page {
		inc.NextAt = d.in(pause(policy, step))
		// The last step repeats: none that had been taken is waited for, or taken twice at once.
		if inc.By != 0 && step < len(policy.Rules) {
			inc.NextAt = min(inc.NextAt, max(d.in(0), inc.By))
		}
		if step >= min(inc.Upto, len(policy.Rules)) {
			inc.By, inc.Upto = 0, 0
		}
	}
}

// pause is how long a step waits for an answer.
func pause(policy holdfast.EscalationPolicy, step int) time.Duration {
	if step < len(policy.Rules) {
		return policy.Rules[step].After
	}
	return policy.Repeat
}

// fall takes a step that reached nobody for what it is: the next one is due at once.
// Where a new round would begin, it begins when the last page has waited its time,
// or, where this one was in vain, after that time: a round is not run in a circle.
func (d *Desk) fall(inc *incident, why string, cause event.ID) {
	inc.Next = d.say(cause, event.Unreached{Incident: inc.ID, Step: inc.Step, Why: why})
	inc.Reached = false
	policy := d.policy(inc)
	_, anew := inc.above(policy)
	switch {
	case !anew:
		inc.NextAt = d.in(0)
	case len(d.system.OnCall.Channels) == 0:
		inc.NextAt = 0 // nobody can be told by this file, however often it is tried; by another they may
	case inc.Urgency == holdfast.Ticket:
		inc.NextAt = 0
	case inc.Vain:
		inc.NextAt = d.in(policy.Repeat)
	default:
		inc.NextAt = max(d.in(0), inc.LastAt+policy.Repeat)
	}
}

// stranded falls from a step of which nothing arrived.
func (d *Desk) stranded(inc *incident) bool {
	var why []string
	var cause event.ID
	for _, c := range inc.Calls {
		if c.Step != inc.Step || c.Round != inc.Round {
			continue
		}
		if !c.failed() {
			return false
		}
		why, cause = append(why, c.Why), c.Next
	}
	if !inc.Reached || len(why) == 0 {
		return false
	}
	d.fall(inc, several(why), cause)
	return true
}

// call begins to try everybody whom a step tells. Where that is nobody it says why.
func (d *Desk) call(inc *incident, rule holdfast.EscalationRule) string {
	reached, why := d.recipients(rule)
	for _, r := range reached {
		c := &call{Person: r.person, Contacts: r.contacts, Step: inc.Step, Round: inc.Round, Began: d.in(0), Next: inc.Next}
		inc.Calls = slices.DeleteFunc(inc.Calls, func(old *call) bool {
			if !old.same(c) {
				return false
			}
			c.Began = old.Began // they have not answered since: all that has its time by now is tried
			return true
		})
		c.NextAt = d.in(0) // there is no page yet that could be unanswered: the first is not waited for
		inc.Calls = append(inc.Calls, c)
	}
	if len(reached) > 0 {
		return ""
	}
	return several(why)
}

// same tells whether two calls are to the same person, or the same channel.
func (c *call) same(other *call) bool {
	return c.Person == other.Person && (c.Person != "" || c.Contacts[0] == other.Contacts[0])
}

// several are some reasons in a line.
func several(why []string) string {
	why = slices.Compact(why)
	const most = 5
	if len(why) > most {
		why = append(why[:most:most], "and so on")
	}
	return strings.Join(why, "; ")
}

// try owes a message to the next contact of a call. What is one address for several,
// a room where all of them read, is told once in a step.
func (d *Desk) try(inc *incident, c *call) {
	contact := c.Contacts[c.Tried]
	c.Tried++
	c.NextAt = 0
	switch again := inc.sent(c, contact); {
	case !d.has(contact.Via):
		c.lose("the file names no channel "+string(contact.Via), c.Next, d.in(0))
	case again != nil && again.Lost:
		c.lose(again.Why, c.Next, d.in(0))
	case again == nil:
		d.owe(inc, &message{Purpose: holdfast.Trigger, Step: c.Step, Round: c.Round, address: address{Person: c.Person, Via: contact.Via, To: contact.To, Nth: c.nth()}, SilentAt: d.in(silentFor)}, c.Next)
	}
	if c.NextAt == 0 && c.Tried < len(c.Contacts) && inc.Urgency == holdfast.Page {
		c.NextAt = max(d.in(0), c.Began+c.Contacts[c.Tried].After)
	}
}

// nth tells which of a person's contacts by one channel was tried last.
func (c *call) nth() int {
	n := 0
	for _, contact := range c.Contacts[:c.Tried] {
		if contact.Via == c.Contacts[c.Tried-1].Via {
			n++
		}
	}
	return n
}

// lose takes one of the contacts that were tried for lost; the next is tried at once.
func (c *call) lose(why string, cause event.ID, now time.Duration) {
	c.Lost++
	c.Why, c.Next = why, cause
	if c.Tried < len(c.Contacts) {
		c.NextAt = now
	}
}

// lose takes a message that tells of an incident for lost, once: whoever was to get
// it is tried another way.
func (inc *incident) lose(m *message, why string, cause event.ID, now time.Duration) {
	if m.Purpose != holdfast.Trigger || m.Lost {
		return
	}
	m.Lost, m.Why, m.SilentAt = true, why, 0
	for _, c := range inc.Calls {
		if c.Step == m.Step && c.Round == m.Round && slices.ContainsFunc(c.Contacts[:c.Tried], m.reaches) {
			c.lose(why, cause, now)
		}
	}
}

// quiet ends all that would page somebody of an incident.
func (d *Desk) quiet(inc *incident, cause event.ID, why string) {
	inc.Calls, inc.NextAt, inc.By = nil, 0, 0
	for _, m := range slices.Clone(inc.Messages) {
		if m.owed() && m.Purpose == holdfast.Trigger {
			d.supersede(inc, m, cause, why)
		}
	}
}

// takeAcknowledged stops the steps, and tells the others that somebody has it.
// Acknowledged again it is held for longer, and nobody is told.
func (d *Desk) takeAcknowledged(in event.Acknowledged, said event.ID) {
	inc := d.find(d.Incidents, in.Incident)
	if inc == nil {
		return
	}
	again := inc.AckedBy != ""
	inc.answer = answer{AckedBy: in.By, Acked: said}
	if inc.Urgency == holdfast.Page {
		inc.AckedUntil = d.in(holdfast.AcknowledgedFor)
	}
	if again {
		return
	}
	d.quiet(inc, said, in.By+" has it")
	d.tell(inc, holdfast.Acknowledge, said, d.others(in.By))
}

// remind pages anew what is still bad although somebody had it.
func (d *Desk) remind(inc *incident) {
	d.restart(inc, d.say(inc.Acked, event.Reminded{Incident: inc.ID, By: inc.AckedBy}))
}
