package mode

import (
	"time"

	"holdfast"
)

// Overload is a service that is given more than it can answer. What is beyond its
// capacity has to be refused by somebody: the gateway does it, the least important
// first and before it costs anything, so that the rest is answered in time.
//
// No replica is to blame, and to restart one would take capacity away when there is
// least of it to spare. Whose requests are refused decides whether users are whole:
// those of no more than sheddable priority expect it. The bound on impact is what
// the moment costs everybody else in which it is seen.
//
// It is drilled where the file names it. What a service bears has to be found out
// with three times as much, which a machine that runs all of it has seldom to give.
func Overload() Mode {
	return Mode{
		Kind:     "overload",
		Title:    "a service is given more than it can answer",
		Evidence: []holdfast.Evidence{{Sign: holdfast.SignOverloaded, Witnesses: 1}},
		Remedies: []holdfast.Remedy{holdfast.RemedyShed},
		Fault:    "flood",
		EndedBy:  ByUndo,
		Named:    true,
		Bounds: holdfast.Bounds{
			Detect:   5 * time.Second,
			Mitigate: 5 * time.Second,
			Restore:  15 * time.Second,
			Impact:   0.01,
		},
		Fits: func(s holdfast.Service) bool { return answers(s) && s.Protocol != holdfast.GRPC }, // a flood is of pages
	}
}
