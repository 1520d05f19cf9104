package holdfast

import "math"

// CauseName names something whose failure reaches everything that shares it: a
// power strip, a certificate, a mail relay.
type CauseName string

// A Design is what a service says of itself for the reading of the system before
// it fails. Nothing of it changes how the service is run.
type Design struct {
	Promise  Share       `json:"promise,omitempty"`  // what it promises to whoever needs it; 0 for nothing
	Shares   []CauseName `json:"shares,omitempty"`   // what all its replicas fail with
	Capacity *Capacity   `json:"capacity,omitempty"` // what its replicas bear; nil: not said
	State    *State      `json:"stateful,omitempty"` // what it keeps; nil: nothing
}

// A Capacity is how much a service's replicas bear, and have to, in requests per
// second. Both are above 0.
type Capacity struct {
	Replica float64 `json:"replica"` // what one bears
	Peak    float64 `json:"peak"`    // what all must bear at the busiest time
}

// Needed is how many replicas the peak takes, at least 1.
func (c *Capacity) Needed() int {
	if c == nil {
		return 1
	}
	return max(1, int(math.Ceil(c.Peak/c.Replica-1e-9)))
}

// A Promotion says who makes another replica the one that is written to.
type Promotion string

const (
	Automatic Promotion = "automatic" // the service does it by itself
	Manual    Promotion = "manual"    // a person does
)

// A State is what a service keeps that a restart does not bring back.
type State struct {
	Backup  string    `json:"backup,omitempty"`  // where its copies go, in words; empty: there are none
	Promote Promotion `json:"promote,omitempty"` // how another replica takes over; empty: none can
	Quorum  bool      `json:"quorum,omitempty"`  // it serves while more than half of its replicas do
}
