package holdfast

import "time"

// PolicyName names an escalation policy: who is told, and when.
type PolicyName string

// An Urgency says whether somebody is woken.
type Urgency string

// The urgencies there are.
const (
	// Page wakes people, step by step, until one of them acknowledges.
	Page Urgency = "page"
	// Ticket is told once, to the first step, and repeated to nobody.
	Ticket Urgency = "ticket"
)

// An EscalationPolicy is whom an incident reaches, step by step, until somebody
// acknowledges it. The last step is repeated until then: nothing is given up.
type EscalationPolicy struct {
	Name   PolicyName       `json:"name"`
	Rules  []EscalationRule `json:"rules"`            // at least one, at most MaxRules
	Repeat time.Duration    `json:"repeat,omitempty"` // between two rounds of the last rule; 0 is RepeatEvery
}

// RepeatEvery is how long the last step waits for an answer before it is taken
// again: five minutes, so that somebody who was woken can reach a keyboard.
const RepeatEvery = 5 * time.Minute

// AcknowledgedFor is how long an acknowledgement holds an incident that is still
// bad. Then it is paged anew: 30 minutes, PagerDuty's default.
const AcknowledgedFor = 30 * time.Minute

// MaxRules bounds the steps of a policy.
const MaxRules = 16

// An EscalationRule is one step: whom, and how long after the step before.
type EscalationRule struct {
	Notify []Recipient   `json:"notify"` // at least one
	After  time.Duration `json:"after,omitempty"`
}

// A Recipient is whom a step tells: exactly one of the four. A schedule is whoever
// is on call by it, an owner everybody of that team, a channel whoever listens
// there.
type Recipient struct {
	Person   PersonName   `json:"person,omitempty"`
	Schedule ScheduleName `json:"schedule,omitempty"`
	Owner    OwnerName    `json:"owner,omitempty"`
	Channel  ChannelName  `json:"channel,omitempty"`
}

// String is the recipient as the file names it.
func (r Recipient) String() string {
	return string(r.Person) + string(r.Schedule) + string(r.Owner) + string(r.Channel)
}
