package holdfast

import (
	"slices"
	"time"
)

// Consent is what a drill may touch beyond its private copy, and what keeps it
// from doing so. Nothing may be touched, unless the file says so.
type Consent struct {
	Allow []ServiceName `json:"allow,omitempty"` // services that run elsewhere, by name
	Hours *Hours        `json:"hours,omitempty"` // when; nil: whenever somebody starts one
	Abort *Abort        `json:"abort,omitempty"` // what ends one before its time; nil leaves it to prove
	// Budget is the share of what the promise allows in its window that live drills
	// may spend, together: none starts that would exceed it, none goes on that has. 0
	// leaves it to prove.
	Budget Share `json:"budget,omitempty"`
}

// Hours are when somebody is there to see what a drill does: on some days of the
// week, between two times of one day.
//
// They are wall clock: on the day on which clocks are changed they are as long as
// the clock on the wall says. Zone is a name of the IANA database; whether this
// machine knows it is asked when the hours are.
type Hours struct {
	Days []time.Weekday `json:"days"`
	From time.Duration  `json:"from"` // since midnight
	To   time.Duration  `json:"to"`   // later than From, at most 24 h; not itself among them
	Zone string         `json:"zone"` // "Europe/Berlin"
}

// Cover says whether an instant is among the hours. It has to be in their zone.
func (h Hours) Cover(at time.Time) bool {
	clock := time.Duration(at.Hour())*time.Hour + time.Duration(at.Minute())*time.Minute + time.Duration(at.Second())*time.Second
	return slices.Contains(h.Days, at.Weekday()) && clock >= h.From && clock < h.To
}

// An Abort ends a drill before its time: when more than a share of the requests
// of the last stretch were hurt, everything is put back.
type Abort struct {
	Hurt   Share         `json:"hurt"`
	Within time.Duration `json:"within"`
}
