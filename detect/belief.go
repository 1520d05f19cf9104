// Package detect turns observations into suspicion, and suspicion into belief.
//
// It is pure: evidence goes in with the instant it was seen, and what comes out
// is how far we are convinced. What to do about it is for package decide.
package detect

import (
	"time"

	"holdfast"
)

// A Conviction says how far we believe in a failure.
type Conviction int

const (
	Nothing   Conviction = iota // no evidence
	Suspicion                   // evidence, from too few witnesses
	Belief                      // enough witnesses for at least one sign
)

// A Case is the evidence gathered about one incarnation and one failure mode.
// The zero Case holds none. A Case is a value and is never changed in place.
type Case struct {
	Since      time.Duration `json:"since"` // first evidence, by the boot clock
	Sign       holdfast.Sign `json:"sign,omitempty"`
	Detail     string        `json:"detail,omitempty"`
	Witnesses  int           `json:"witnesses,omitempty"` // that saw Sign
	Conviction Conviction    `json:"conviction,omitempty"`
}

// Add weighs one more piece of evidence. A sign the mode does not ask for
// changes nothing. A surer sign (one nearer the head of the mode's list)
// replaces a weaker one; the same sign again is one more witness. Belief, once
// reached, stays until the case is dropped.
func (c Case) Add(asked []holdfast.Evidence, sign holdfast.Sign, detail string, now time.Duration) Case {
	rank, needed := find(asked, sign)
	if rank < 0 {
		return c
	}
	if c.Conviction == Nothing {
		c.Since = now
	}
	old, _ := find(asked, c.Sign)
	switch {
	case c.Sign == sign:
		c.Witnesses++
	case old < 0 || rank < old:
		c.Sign, c.Detail, c.Witnesses = sign, detail, 1
	default:
		return c
	}
	c.Conviction = max(c.Conviction, Suspicion)
	if c.Witnesses >= needed {
		c.Conviction = Belief
	}
	return c
}

// find is the place of a sign in the list of what a mode asks for, and how many
// witnesses it needs; -1 when it is not asked for.
func find(asked []holdfast.Evidence, sign holdfast.Sign) (rank, witnesses int) {
	for i, evidence := range asked {
		if evidence.Sign == sign {
			return i, evidence.Witnesses
		}
	}
	return -1, 0
}
