package mode

import (
	"time"

	"holdfast"
)

// Crash is the end of a replica's process, by its own doing or the kernel's.
//
// The exit itself is a fact and needs no second witness. A refused connection
// to a process that lives is the same failure seen from outside (it closed its
// listener); the gateway's own repeated checks stand for the witnesses there.
func Crash() Mode {
	return Mode{
		Kind:  "crash",
		Title: "a replica's process ends",
		Evidence: []holdfast.Evidence{
			{Sign: holdfast.SignExit, Witnesses: 1},
			{Sign: holdfast.SignRefused, Witnesses: 2},
		},
		Remedies: []holdfast.Remedy{holdfast.RemedyRestart},
		Fault:    "kill",
		Variants: []holdfast.FaultName{"exit", "oom", "storm", "refuse"}, // who refuses connections is taken for one that ended: a cut link is silent
		EndedBy:  ByRemedy,
		Bounds: holdfast.Bounds{
			Detect:   time.Second,
			Mitigate: 3 * time.Second,
			Restore:  15 * time.Second,
			Impact:   0.001,
		},
		Fits: func(s holdfast.Service) bool { return s.Manage == holdfast.Full },
	}
}
