package control

import (
	"time"

	"holdfast"
	"holdfast/detect"
	"holdfast/event"
	"holdfast/oncall"
)

// state is what a snapshot holds: everything the mind knows.
type state struct {
	Writer   event.Writer                                  `json:"writer"`
	Seq      uint64                                        `json:"seq"`
	BootID   string                                        `json:"boot_id"`
	System   holdfast.System                               `json:"system"`
	Past     map[holdfast.ReplicaName]holdfast.Incarnation `json:"past,omitempty"`    // of replicas the file does not name: the last one known
	Removed  []holdfast.ServiceName                        `json:"removed,omitempty"` // that the file once named, by name
	Replicas map[holdfast.ReplicaName]*replica             `json:"replicas"`
	Paused   map[holdfast.ServiceName]bool                 `json:"paused"`          // "" is everything
	Drill    *event.DrillBegan                             `json:"drill,omitempty"` // under way in earnest; nil: none
	Stopping event.ID                                      `json:"stopping"`        // the request, while it is carried out and after
	Revision uint64                                        `json:"revision"`        // of the plan; grows with every change to it
	Idle     int                                           `json:"idle"`            // replicas that are idle
	Served   map[holdfast.ServiceName]bool                 `json:"served"`          // had a replica that answered, since the boot
	Losses   map[holdfast.ModeName]*loss                   `json:"losses,omitempty"`
	// Overloads are those that gateways have told and not taken back. One that is
	// killed meanwhile takes nothing back: what it told stays until the next one of
	// its name is overloaded in its turn, and relieved.
	Overloads map[holdfast.ModeName]*overload       `json:"overloads,omitempty"`
	Ledgers   map[holdfast.PromiseName]*ledger      `json:"ledgers,omitempty"`
	Desk      oncall.Desk                           `json:"desk"`
	Lives     holdfast.Lives                        `json:"lives,omitempty"`
	Calendar  calendar                              `json:"calendar,omitzero"`
	Bases     map[holdfast.ModeName]holdfast.Digest `json:"bases,omitempty"`  // what a proof would rest on now
	Proofs    map[holdfast.ModeName]proof           `json:"proofs,omitempty"` // the newest verdicts
	Arms      map[holdfast.ModeName]string          `json:"arms,omitempty"`   // why not armed, as it was last said; empty: armed
	Ended     time.Duration                         `json:"ended,omitempty"`  // when a remedy last ended a living process
	Roll      roll                                  `json:"roll,omitzero"`
	Leaving   map[holdfast.ReplicaName]*replica     `json:"leaving,omitempty"` // that the file no longer names, while they answer what they have
}

// A phase is where a replica is in its life:
//
//	idle ──start──▶ starting ──▶ running ──exit──▶ exited ──restart──▶ starting
//	  ▲                 └──────not started──────────▲
//	  └──────exit────── stopping ◀──stop── any of them
//
// A running one whose definition has changed drains before it is started anew,
// one that the file no longer names leaves, and what runs once completes: see
// reload.go and oneshot.go.
type phase string

const (
	idle     phase = "idle"     // nothing of it is wanted yet, or any more
	starting phase = "starting" // wanted, and not yet seen to run
	running  phase = "running"  // its process lives
	exited   phase = "exited"   // its process ended and should not have
	stopping phase = "stopping" // told to end

	draining  phase = "draining"  // answers what it has; the next incarnation follows
	leaving   phase = "leaving"   // answers what it has; nothing follows
	completed phase = "completed" // it ran to its end, once, and well
)

// A replica is what the mind knows of one copy of a service. Instants are by
// the boot clock, 0 is none.
type replica struct {
	Service  holdfast.ServiceName          `json:"service"`
	Ordinal  int                           `json:"ordinal"`
	Want     holdfast.Incarnation          `json:"want"` // that runs or is to run; 0 before the first start
	Phase    phase                         `json:"phase"`
	Began    event.ID                      `json:"began"`    // the decision that wanted this incarnation
	Endpoint holdfast.Endpoint             `json:"endpoint"` // where the last incarnation that started listens
	Admitted map[holdfast.GatewayName]bool `json:"admitted,omitempty"`
	Kept     bool                          `json:"kept,omitempty"`     // gateways use it for want of a better one
	Kill     bool                          `json:"kill,omitempty"`     // the incarnation before is to be ended without being asked
	Since    time.Duration                 `json:"since"`              // admitted without a break since
	ReadyBy  time.Duration                 `json:"ready_by"`           // when it is somebody's problem that it is not
	Attempts []time.Duration               `json:"attempts,omitempty"` // remedies within the budget's span
	Streak   int                           `json:"streak"`             // remedies in a row that did not last
	Downs    []time.Duration               `json:"downs,omitempty"`    // when it began to fail, lately
	Failure  *failure                      `json:"failure,omitempty"`
	Old      *holdfast.Service             `json:"old,omitempty"`      // what it runs with, when the file says something else by now
	DrainBy  time.Duration                 `json:"drain_by,omitempty"` // when what it has counts as answered, whoever says nothing
	Users    map[holdfast.GatewayName]bool `json:"users,omitempty"`    // while it drains: gateways that may have something in flight there

	queued time.Duration // the deadline under which it stands in the queue
}

// A failure is an open interval in which one replica fails in one mode: from
// the first evidence until it is cleared or the service is whole.
type failure struct {
	Mode      holdfast.ModeName  `json:"mode"`
	Since     time.Duration      `json:"since"`     // first evidence of all
	Cause     event.ID           `json:"cause"`     // the entry that opened it, then the one that said it is believed
	Case      detect.Case        `json:"case"`      // about the present incarnation
	FailedAt  time.Duration      `json:"failed_at"` // of the present incarnation
	ConfirmAt time.Duration      `json:"confirm_at"`
	AskAt     time.Duration      `json:"ask_at"` // when to choose again
	Withheld  holdfast.Guardrail `json:"withheld,omitempty"`
	Believed  bool               `json:"believed"` // of any incarnation
	Mitigated bool               `json:"mitigated"`
	Escalated bool               `json:"escalated"`
	Exceeded  string             `json:"exceeded,omitempty"`   // the bound it was last said to be beyond
	BoundAt   time.Duration      `json:"bound_at,omitempty"`   // when it is beyond the next one
	CaptureBy time.Duration      `json:"capture_by,omitempty"` // when evidence that was asked for is not waited for any longer
	Captured  bool               `json:"captured,omitempty"`
}

// acquit drops all that spoke against an incarnation and was put off for it: the
// next one, or the same one admitted again, is judged afresh.
func (f *failure) acquit() {
	f.Case, f.ConfirmAt, f.AskAt, f.Withheld = detect.Case{}, 0, 0, ""
	f.CaptureBy, f.Captured = 0, false
}

// lasting is how long a mended replica must stay admitted for its remedy to
// count as one that lasted, so that the next failure is mended at once again.
const lasting = 10 * time.Second

func (r *replica) id() holdfast.ReplicaID {
	return holdfast.ReplicaID{Service: r.Service, Ordinal: r.Ordinal, Incarnation: r.Want}
}

// alive says that its process runs, as far as we know: a remedy would end it.
func (r *replica) alive() bool { return r.Phase == starting || r.Phase == running }

func (r *replica) order() string             { return string(holdfast.NameReplica(r.Service, r.Ordinal)) }
func (r *replica) queuedFor() *time.Duration { return &r.queued }

func (r *replica) admitted() bool { return r.Phase == running && len(r.Admitted) > 0 }

// withdraw takes a replica out of use as far as the mind knows.
func (r *replica) withdraw() { r.Admitted, r.Since, r.Kept = nil, 0, false }

// forget drops everything that belongs to one run of the machine or the system.
func (r *replica) forget() {
	r.withdraw()
	r.Failure, r.Attempts, r.Streak, r.ReadyBy, r.Downs = nil, nil, 0, 0, nil
	r.undrain()
}

// undrain waits for nobody any more.
func (r *replica) undrain() { r.DrainBy, r.Users = 0, nil }

// deadline is the next instant at which something about the replica falls due,
// or 0.
func (r *replica) deadline() time.Duration {
	next := sooner(r.ReadyBy, r.DrainBy)
	if f := r.Failure; f != nil {
		next = sooner(sooner(sooner(next, f.ConfirmAt), f.AskAt), f.BoundAt)
	}
	return next
}

// sooner is the earlier of two instants of which 0 is never.
func sooner(a, b time.Duration) time.Duration {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

// enter moves a replica to a phase, and counts those that are idle.
func (m *Mind) enter(r *replica, next phase) {
	if r.Phase == idle {
		m.Idle--
	}
	if next == idle {
		m.Idle++
	}
	r.Phase = next
	m.state.Revision++
}
