package holdfast

import "time"

// A Guardrail may forbid a remedy. What it forbids is recorded as withheld,
// with the guardrail's name.
type Guardrail string

const (
	// RailPause: a person asked that nothing be done.
	RailPause Guardrail = "pause"
	// RailAttempts: this replica was mended as often as its budget allows.
	RailAttempts Guardrail = "attempt-budget"
	// RailShadow: the remedy would end a living process, and its failure mode
	// is not armed.
	RailShadow Guardrail = "shadow"
	// RailUnavailable: too many replicas of the service are out already.
	RailUnavailable Guardrail = "max-unavailable"
	// RailEverything: everything looks bad at once, so it is our sight that is
	// in doubt.
	RailEverything Guardrail = "everything-looks-bad"
	// RailMass: many replicas, or several zones, went bad within seconds.
	RailMass Guardrail = "mass-event"
	// RailEvidence: the signs do not suffice for ending a living process.
	RailEvidence Guardrail = "evidence"
	// RailDependency: what the service depends on is failing, and its callers
	// are not restarted for that.
	RailDependency Guardrail = "sick-dependency"
	// RailFlapping: it keeps going out and coming back, which no restart mends.
	RailFlapping Guardrail = "flapping"
	// RailVelocity: another living replica was ended a moment ago.
	RailVelocity Guardrail = "velocity"
	// RailZone: a replica of another zone is out already.
	RailZone Guardrail = "one-zone"
)

// Guardrails are the limits that the file sets to remedies.
type Guardrails struct {
	// MaxActions bounds the remedies applied to one replica. Five per ten
	// minutes unless the file says otherwise: systemd stops after 5 starts in
	// 10 s, Nomad after 2 in 30 min; ours lies between, because a replica that
	// failed five times in ten minutes will not be mended by a sixth restart.
	MaxActions Rate `json:"max_actions"`
	// MaxUnavailable is how many replicas of one service may be out while a
	// remedy takes another living one out. At least 1.
	MaxUnavailable int `json:"max_unavailable"`
}

// A Rate is a number of events per span of time.
type Rate struct {
	Count int           `json:"count"` // at least 1
	Per   time.Duration `json:"per"`   // more than 0
}
