package mode

import (
	"time"

	"holdfast"
)

// GatewayCrash is the end of the process that carries the traffic. The keeper
// holds its listening sockets, so that connects wait for the next one and none is
// refused; what was under way is lost.
//
// What was under way is as many requests as were in the gateway at that instant:
// at 200 a second and a tenth of a second each, twenty, of which the drill sees
// one in fifty at most.
func GatewayCrash() Mode {
	return Mode{
		Kind:     "gateway-crash",
		Title:    "the process that carries the traffic ends",
		Role:     holdfast.RoleGateway,
		Evidence: []holdfast.Evidence{{Sign: holdfast.SignExit, Witnesses: 1}},
		Remedies: []holdfast.Remedy{holdfast.RemedyKeeper},
		Fault:    "kill",
		EndedBy:  ByRemedy,
		Bounds: holdfast.Bounds{
			Detect:   time.Second,
			Mitigate: time.Second,
			Restore:  2 * time.Second,
			Impact:   0.02,
		},
	}
}
