package event

import (
	"time"

	"holdfast"
)

// Inputs, beside the observations of package holdfast: what people, the file
// and our own hands tell the mind.

// Declared says that a file is in force.
type Declared struct {
	System holdfast.System `json:"system"`
}

// Woken says that an agent began to run the mind: the first one, or one after a
// crash. What was under way has to be looked at afresh.
type Woken struct {
	Version string `json:"version"`
	Pid     int    `json:"pid"`
	Epoch   uint64 `json:"epoch"`
}

// Paused says that a person forbade remedies, for everything or for one service.
type Paused struct {
	Service holdfast.ServiceName `json:"service,omitempty"` // empty: everything
	By      string               `json:"by"`
}

// Resumed ends a pause.
type Resumed struct {
	Service holdfast.ServiceName `json:"service,omitempty"`
	By      string               `json:"by"`
}

// StopRequested says that a person asked that the system be ended.
type StopRequested struct {
	By string `json:"by"`
}

// Began says that a decision is being carried out, as observed where it is, and
// not that it was taken. Action, here and below, is the Decided entry.
type Began struct {
	Action ID `json:"action"`
}

// Done says that a decision was carried out; whether it helped is for
// observations to show.
type Done struct {
	Action ID `json:"action"`
}

// Failed says that a decision could not be carried out.
type Failed struct {
	Action ID     `json:"action"`
	Reason string `json:"reason"`
}

// FaultInjected says that a replica was broken on purpose, by a drill of Mode.
type FaultInjected struct {
	Mode  holdfast.ModeName  `json:"mode"`
	Fault holdfast.FaultName `json:"fault"`
	ID    holdfast.ReplicaID `json:"id"`
}

// FaultRemoved says that the fault was undone, or had nothing left to undo.
type FaultRemoved struct {
	Mode  holdfast.ModeName  `json:"mode"`
	Fault holdfast.FaultName `json:"fault"`
	ID    holdfast.ReplicaID `json:"id"`
}

// DrillBegan says that from now on what becomes of some services may be the doing
// of a live drill; none named is all of them. Every entry about them says so (see
// Entry.Drill) until DrillEnded.
type DrillBegan struct {
	Services []holdfast.ServiceName `json:"services,omitempty"`
	By       string                 `json:"by"`
}

// DrillEnded says that no live drill is under way any more.
type DrillEnded struct{}

// GuardsReset says that attempt budgets and back-offs begin anew. It exists for
// private copies, where one drill must not use up the next one's budget.
type GuardsReset struct {
	By string `json:"by"`
}

// Captured says that evidence of a failing replica was kept before anything
// destroys it. Path is the file it is in, relative to the state directory, and
// empty when nothing could be kept; Summary says what matters, or why not.
type Captured struct {
	Action  ID                 `json:"action"`
	ID      holdfast.ReplicaID `json:"id"`
	Path    string             `json:"path,omitempty"`
	Summary string             `json:"summary"`
}

// Inspected says what a proof of each failure mode would have to rest on now:
// the digest of its slice of the file, the executable and the inputs. Modes that
// are not listed cannot be inspected.
type Inspected struct {
	Bases []Basis `json:"bases"`
}

// A Basis is what a failure mode's proof rests on.
type Basis struct {
	Mode holdfast.ModeName `json:"mode"`
	On   holdfast.Digest   `json:"on"`
}

// Proved says what the newest drill of a failure mode ended with, and on what
// basis. At is by the wall clock: proofs outlive boots.
type Proved struct {
	Basis
	Verdict holdfast.Verdict `json:"verdict"`
	At      time.Time        `json:"at"`
	Showed  Showed           `json:"showed,omitzero"`
}

// Showed is what was measured in that drill, for whom the same failure wakes later.
// A time that is negative was never reached; users who were never hurt were whole in 0.
type Showed struct {
	Fault    holdfast.FaultName `json:"fault,omitempty"`
	Detect   time.Duration      `json:"detect,omitempty"`
	Mitigate time.Duration      `json:"mitigate,omitempty"`
	Restore  time.Duration      `json:"restore,omitempty"`
	Sent     int                `json:"sent,omitempty"` // requests that needed the target during the fault
	Hurt     int                `json:"hurt,omitempty"` // of those, failed or late
	Reason   string             `json:"reason,omitempty"`
}

func (Captured) Kind() string      { return "captured" }
func (Inspected) Kind() string     { return "inspected" }
func (Proved) Kind() string        { return "proved" }
func (Declared) Kind() string      { return "declared" }
func (Woken) Kind() string         { return "woken" }
func (Paused) Kind() string        { return "paused" }
func (Resumed) Kind() string       { return "resumed" }
func (StopRequested) Kind() string { return "stop-requested" }
func (Began) Kind() string         { return "began" }
func (Done) Kind() string          { return "done" }
func (Failed) Kind() string        { return "failed" }
func (FaultInjected) Kind() string { return "fault-injected" }
func (DrillBegan) Kind() string    { return "drill-began" }
func (DrillEnded) Kind() string    { return "drill-ended" }
func (FaultRemoved) Kind() string  { return "fault-removed" }
func (GuardsReset) Kind() string   { return "guards-reset" }

// What the mind says.

// Suspected says that a fact speaks for a failure, not yet enough to believe it.
type Suspected struct {
	Mode   holdfast.ModeName  `json:"mode"`
	ID     holdfast.ReplicaID `json:"id"`
	Sign   holdfast.Sign      `json:"sign"`
	Detail string             `json:"detail"`
}

// Cleared says that a suspicion came to nothing.
type Cleared struct {
	Mode holdfast.ModeName  `json:"mode"`
	ID   holdfast.ReplicaID `json:"id"`
}

// Detected says that a failure is believed. After is counted from the first
// evidence.
type Detected struct {
	Mode   holdfast.ModeName  `json:"mode"`
	ID     holdfast.ReplicaID `json:"id"`
	Sign   holdfast.Sign      `json:"sign"`
	Detail string             `json:"detail"`
	After  time.Duration      `json:"after"`
}

// Decided says that something is to be done. ID is the replica as it is to be
// afterwards: for a start or a restart, the incarnation that is to run. Mode is
// empty for the first start.
type Decided struct {
	Do      Action             `json:"do"`
	Level   holdfast.Level     `json:"level"`
	Mode    holdfast.ModeName  `json:"mode,omitempty"`
	ID      holdfast.ReplicaID `json:"id"`
	Attempt int                `json:"attempt,omitempty"` // from 1; 0 for what is not a remedy
	Of      int                `json:"of,omitempty"`
}

// An Action is what a decision does: start, stop, drain and replace follow the
// file and the wish of a person, the others are remedies.
type Action string

// The actions there are.
const (
	ActStart Action = "start"
	ActStop  Action = "stop"
	// ActDrain takes a replica out of use before it is replaced or stopped;
	// ActReplace starts it as the file says now.
	ActDrain   Action = "drain"
	ActReplace Action = "replace"
	ActRestart Action = Action(holdfast.RemedyRestart)
	// ActCapture keeps evidence of a replica that may be ended next.
	ActCapture Action = "capture"
)

// Waited says that a remedy is put off, and until when: back-off between
// attempts.
type Waited struct {
	Do      Action             `json:"do"`
	Mode    holdfast.ModeName  `json:"mode"`
	ID      holdfast.ReplicaID `json:"id"` // the incarnation that failed
	For     time.Duration      `json:"for"`
	Attempt int                `json:"attempt"`
}

// Withheld says that a guardrail forbade a remedy.
type Withheld struct {
	Do        Action             `json:"do"`
	Mode      holdfast.ModeName  `json:"mode"`
	ID        holdfast.ReplicaID `json:"id"` // the incarnation that failed
	Guardrail holdfast.Guardrail `json:"guardrail"`
	Why       string             `json:"why"`
}

// Mitigated says that users are whole again as far as the mind can see: the
// failed replica gets no requests and others do, or it is mended.
type Mitigated struct {
	Mode  holdfast.ModeName  `json:"mode"`
	ID    holdfast.ReplicaID `json:"id"`
	After time.Duration      `json:"after"` // since the first evidence
}

// Restored says that every declared replica of the service is admitted again.
type Restored struct {
	Mode  holdfast.ModeName  `json:"mode"`
	ID    holdfast.ReplicaID `json:"id"`
	After time.Duration      `json:"after"` // since the first evidence
}

// Exceeded says that a failure is outside one of its bounds: users were not whole in
// time, or the system was not.
type Exceeded struct {
	Mode   holdfast.ModeName  `json:"mode"`
	ID     holdfast.ReplicaID `json:"id"`
	Bound  string             `json:"bound"` // "mitigate", "restore"
	Within time.Duration      `json:"within"`
}

// Escalated says that a person is needed, who, and why. Mode is empty where no
// failure mode answers for it: what runs once has failed, or a changed file does
// not work.
type Escalated struct {
	Mode   holdfast.ModeName   `json:"mode"`
	ID     holdfast.ReplicaID  `json:"id"`
	Owner  holdfast.OwnerName  `json:"owner,omitempty"`
	Policy holdfast.PolicyName `json:"policy,omitempty"`
	Level  holdfast.Level      `json:"level"`
	Why    string              `json:"why"`
}

// Armed says that a failure mode's remedies may end a living process from now on.
type Armed struct {
	Mode holdfast.ModeName `json:"mode"`
	Why  string            `json:"why"`
}

// Disarmed says that they may not, and are recorded as withheld instead: shadow.
type Disarmed struct {
	Mode holdfast.ModeName `json:"mode"`
	Why  string            `json:"why"`
}

// Outdated says which replicas run with what the file said before, or ran with
// it once, and are to be started anew.
type Outdated struct {
	IDs []holdfast.ReplicaID `json:"ids"`
}

// Stopped says that nothing of the system runs any more, as was asked.
type Stopped struct{}

func (Suspected) Kind() string { return "suspected" }
func (Cleared) Kind() string   { return "cleared" }
func (Detected) Kind() string  { return "detected" }
func (Decided) Kind() string   { return "decided" }
func (Waited) Kind() string    { return "waited" }
func (Withheld) Kind() string  { return "withheld" }
func (Mitigated) Kind() string { return "mitigated" }
func (Restored) Kind() string  { return "restored" }
func (Exceeded) Kind() string  { return "exceeded" }
func (Escalated) Kind() string { return "escalated" }
func (Armed) Kind() string     { return "armed" }
func (Disarmed) Kind() string  { return "disarmed" }
func (Outdated) Kind() string  { return "outdated" }
func (Stopped) Kind() string   { return "stopped" }
