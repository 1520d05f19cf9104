package mode

import (
	"time"

	"holdfast"
)

// Errors is a replica that fails the requests it is sent while its process and,
// as a rule, its health check are well: a full disk, a lost password, a bad
// configuration.
//
// It is judged against the other replicas: what fails everywhere is passed on
// at its own rate and ejects nobody.
func Errors() Mode {
	return Mode{
		Kind:  "errors",
		Title: "a replica fails what the others answer well",
		Evidence: []holdfast.Evidence{
			{Sign: holdfast.SignErrors, Witnesses: 1},
			{Sign: holdfast.SignUnhealthy, Witnesses: 2},
		},
		Remedies: []holdfast.Remedy{holdfast.RemedyEject},
		Fault:    "fail",
		Variants: []holdfast.FaultName{"halve", "reset", "flap", "disk-full"},
		EndedBy:  ByUndo,
		Bounds: holdfast.Bounds{
			Detect:   3 * time.Second,
			Mitigate: 3 * time.Second,
			Restore:  15 * time.Second,
			Impact:   0.001,
		},
		Fits: answers,
	}
}
