package mode

import (
	"time"

	"holdfast"
)

// Partition is a replica that runs and cannot be reached: connects are neither
// accepted nor refused, and open connections fall silent.
//
// It speaks against the way, not against the replica: it is never restarted for
// it, since behind the cut it may be doing its work.
func Partition() Mode {
	return Mode{
		Kind:     "partition",
		Title:    "a replica runs and cannot be reached",
		Evidence: []holdfast.Evidence{{Sign: holdfast.SignUnreachable, Witnesses: 2}},
		Remedies: []holdfast.Remedy{holdfast.RemedyEject},
		Fault:    "silence",
		Variants: []holdfast.FaultName{"blackhole", "one-way"},
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
