package mode

import (
	"time"

	"holdfast"
)

// Slow is a replica that answers well and much later than the others: a bad
// disk, a cold cache, a noisy neighbour.
//
// It is judged against the other replicas only. When all are slow it is the
// work, the machine or a dependency, and taking one out makes it worse.
func Slow() Mode {
	return Mode{
		Kind:     "slow",
		Title:    "a replica answers much later than the others",
		Evidence: []holdfast.Evidence{{Sign: holdfast.SignSlow, Witnesses: 1}},
		Remedies: []holdfast.Remedy{holdfast.RemedyEject},
		Fault:    "delay",
		Variants: []holdfast.FaultName{"disk-slow", "starve", "lag", "throttle", "lossy"},
		EndedBy:  ByUndo,
		Bounds: holdfast.Bounds{
			Detect:   5 * time.Second,
			Mitigate: 5 * time.Second,
			Restore:  15 * time.Second,
			Impact:   0.01,
		},
		Fits: answers,
	}
}
