package event

import (
	"time"

	"holdfast"
)

// Inputs about incidents: what people say, and what became of messages.

// Acknowledged says that somebody has taken an incident on.
type Acknowledged struct {
	Incident holdfast.IncidentID `json:"incident"`
	By       string              `json:"by"`  // a person, or who the command line or a link says it is
	Via      string              `json:"via"` // "command line", "link", "ntfy"
}

// Noted says what a person wants to be read with an incident.
type Noted struct {
	Incident holdfast.IncidentID `json:"incident"`
	By       string              `json:"by"`
	Text     string              `json:"text"` // at most MaxNote bytes
}

// MaxNote bounds what a person may write in one note.
const MaxNote = 4096

// A Moment is one of the times that are told of an incident.
type Moment string

// The moments there are, in their order.
const (
	MomentImpact       Moment = "impact" // users were first hurt
	MomentDetected     Moment = "detected"
	MomentPaged        Moment = "paged"
	MomentAcknowledged Moment = "acknowledged"
	MomentMitigated    Moment = "mitigated"
	MomentRestored     Moment = "restored"
)

// Amended says that a moment of an incident was another one than the data say.
// What the data say is kept beside it.
type Amended struct {
	Incident holdfast.IncidentID `json:"incident"`
	Moment   Moment              `json:"moment"`
	To       time.Time           `json:"to"`
	By       string              `json:"by"`
	Why      string              `json:"why"`
}

// Promised says what somebody will do so that an incident does not come again.
// Said again under the same Number it replaces what was said before.
type Promised struct {
	Incident holdfast.IncidentID `json:"incident"`
	Number   int                 `json:"number"` // from 1
	What     string              `json:"what"`
	Owner    string              `json:"owner"`
	Due      time.Time           `json:"due"` // a day
	Done     bool                `json:"done,omitempty"`
	By       string              `json:"by"`
}

// Closed says that a person considers an incident learnt from: its mode exists in
// the file and is drilled, or is waived until a day, by its owner, for a reason.
type Closed struct {
	Incident holdfast.IncidentID `json:"incident"`
	By       string              `json:"by"`
	Mode     holdfast.ModeName   `json:"mode,omitempty"`
	Waiver   *Waiver             `json:"waiver,omitempty"`
}

// A Waiver says why something stays undrilled, who answers for that, and until when.
type Waiver struct {
	Owner  holdfast.OwnerName `json:"owner"`
	Reason string             `json:"reason"`
	Until  time.Time          `json:"until"` // a day
}

// Overridden says that somebody is on call instead of whom a schedule names.
type Overridden struct {
	holdfast.Override
}

// MaintenanceBegan says that nobody is to be woken by some services until a time;
// none named is all of them. They are watched and mended as ever.
type MaintenanceBegan struct {
	Services []holdfast.ServiceName `json:"services,omitempty"`
	Until    time.Time              `json:"until"`
	By       string                 `json:"by"`
	Why      string                 `json:"why"`
}

// MaintenanceEnded ends all maintenance before its time.
type MaintenanceEnded struct {
	By string `json:"by"`
}

// Attempted says that a message is being handed to a provider. One of which
// nothing else is known may have been taken over, or not: it is sent again.
type Attempted struct {
	Key holdfast.MessageKey `json:"key"`
}

// Delivered says that the provider has taken a message over.
type Delivered struct {
	Key     holdfast.MessageKey `json:"key"`
	Receipt string              `json:"receipt,omitempty"`
	Took    time.Duration       `json:"took"`
}

// Undelivered says that it has not.
type Undelivered struct {
	Key holdfast.MessageKey `json:"key"`
	Why string              `json:"why"` // without a secret
	// Rejected is set when trying again is of no use.
	Rejected bool `json:"rejected,omitempty"`
	// Unsure is set when it may have been taken over all the same: no answer came.
	Unsure bool          `json:"unsure,omitempty"`
	Again  time.Duration `json:"again,omitempty"` // when the provider says it may be tried again, from now
}

// Audited says that an audit of all that wakes people found something wrong, or,
// with nothing in Why, that it passes again. It is said when it changes.
type Audited struct {
	Why string `json:"why,omitempty"` // without a secret
}

func (Audited) Kind() string          { return "audited" }
func (Acknowledged) Kind() string     { return "acknowledged" }
func (Noted) Kind() string            { return "noted" }
func (Amended) Kind() string          { return "amended" }
func (Promised) Kind() string         { return "promised" }
func (Closed) Kind() string           { return "closed" }
func (Overridden) Kind() string       { return "overridden" }
func (MaintenanceBegan) Kind() string { return "maintenance-began" }
func (MaintenanceEnded) Kind() string { return "maintenance-ended" }
func (Attempted) Kind() string        { return "attempted" }
func (Delivered) Kind() string        { return "delivered" }
func (Undelivered) Kind() string      { return "undelivered" }

// What the mind says of incidents.

// Burned says that the budget of a promise burns so fast that somebody has to know:
// one of the rules of package promise holds, with the counts it holds by.
type Burned struct {
	Promise holdfast.PromiseName `json:"promise"`
	Rule    string               `json:"rule"` // "2% in 1h"
	Urgency holdfast.Urgency     `json:"urgency"`
	Bad     uint64               `json:"bad"` // in the long window
	All     uint64               `json:"all"`
	Rate    float64              `json:"rate"` // times faster than evenly
	// By is what was found to make them bad, the most first, of what is known.
	By string `json:"by,omitempty"`
}

// Cooled says that it does no longer.
type Cooled struct {
	Promise holdfast.PromiseName `json:"promise"`
	Rule    string               `json:"rule"`
	After   time.Duration        `json:"after"`
}

// Opened says that people are needed, from now on and until Resolved.
type Opened struct {
	Incident holdfast.IncidentID  `json:"incident"`
	Severity holdfast.Severity    `json:"severity"`
	Urgency  holdfast.Urgency     `json:"urgency"`
	Service  holdfast.ServiceName `json:"service,omitempty"`
	Mode     holdfast.ModeName    `json:"mode,omitempty"` // empty where no declared mode answers for it
	ID       holdfast.ReplicaID   `json:"id,omitzero"`
	Promise  holdfast.PromiseName `json:"promise,omitempty"`
	Owner    holdfast.OwnerName   `json:"owner,omitempty"`
	Policy   holdfast.PolicyName  `json:"policy,omitempty"`
	Why      string               `json:"why"`
	Again    bool                 `json:"again,omitempty"` // it was resolved a moment ago, and is open again
}

// Joined says that something that is bad belongs to an incident that is open.
// Nobody is paged for it by itself, unless it leads: then what was bad before fails
// with it, and the incident is its owner's from now on.
type Joined struct {
	Incident holdfast.IncidentID  `json:"incident"`
	Service  holdfast.ServiceName `json:"service,omitempty"`
	Mode     holdfast.ModeName    `json:"mode,omitempty"`
	ID       holdfast.ReplicaID   `json:"id,omitzero"`
	Promise  holdfast.PromiseName `json:"promise,omitempty"`
	Leads    bool                 `json:"leads,omitempty"`
	Owner    holdfast.OwnerName   `json:"owner,omitempty"`
	Policy   holdfast.PolicyName  `json:"policy,omitempty"`
	Why      string               `json:"why"`
}

// Raised says that an incident is worse than it was, or more urgent.
type Raised struct {
	Incident holdfast.IncidentID `json:"incident"`
	Severity holdfast.Severity   `json:"severity"`
	Urgency  holdfast.Urgency    `json:"urgency"`
	Why      string              `json:"why"`
}

// Resolved says that all that belonged to an incident is over.
type Resolved struct {
	Incident holdfast.IncidentID `json:"incident"`
	After    time.Duration       `json:"after"` // since it was opened
	Parts    int                 `json:"parts"` // how many things were bad at a time, at most
}

// Deferred says that nobody is paged for an incident while another one is open, with
// which what is bad in it fails; or, where To is empty, that it is paged by itself
// again.
type Deferred struct {
	Incident holdfast.IncidentID `json:"incident"`
	To       holdfast.IncidentID `json:"to,omitempty"`
	Why      string              `json:"why"`
}

// Paged says that a message is to go to somebody. It is recorded before it is sent,
// and is the outbox: what was paged and neither delivered nor superseded is owed.
type Paged struct {
	Key      holdfast.MessageKey  `json:"key"`
	Incident holdfast.IncidentID  `json:"incident"`
	Purpose  holdfast.Purpose     `json:"purpose"`
	Step     int                  `json:"step"` // of the policy, from 1; 0 for what no step says
	Round    int                  `json:"round"`
	Person   holdfast.PersonName  `json:"person,omitempty"`
	Via      holdfast.ChannelName `json:"via"`
	To       string               `json:"to,omitempty"`
	Urgency  holdfast.Urgency     `json:"urgency"`
}

// Superseded says that a message that was owed is not sent any more, because what
// it would say is no longer so.
type Superseded struct {
	Key holdfast.MessageKey `json:"key"`
	Why string              `json:"why"`
}

// Unreached says that a step of a policy reached nobody, and why; the next one is
// taken at once.
type Unreached struct {
	Incident holdfast.IncidentID `json:"incident"`
	Step     int                 `json:"step"`
	Why      string              `json:"why"`
}

// Reminded says that an acknowledgement has run out, and the incident is paged anew.
type Reminded struct {
	Incident holdfast.IncidentID `json:"incident"`
	By       string              `json:"by"` // who had acknowledged it
}

func (Burned) Kind() string     { return "burned" }
func (Cooled) Kind() string     { return "cooled" }
func (Opened) Kind() string     { return "opened" }
func (Joined) Kind() string     { return "joined" }
func (Raised) Kind() string     { return "raised" }
func (Resolved) Kind() string   { return "resolved" }
func (Deferred) Kind() string   { return "deferred" }
func (Paged) Kind() string      { return "paged" }
func (Superseded) Kind() string { return "superseded" }
func (Unreached) Kind() string  { return "unreached" }
func (Reminded) Kind() string   { return "reminded" }
