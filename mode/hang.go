package mode

import (
	"time"

	"holdfast"
)

// Hang is a process that lives, accepts connections and answers nothing: a
// deadlock, a stopped process, a loop that never ends.
//
// Missed health checks suffice to believe in it and to send nobody there.
// Ending a living process asks for more: not one byte on any connection while
// requests wait, which a long poll, an upload or a slow answer never shows as
// long as health checks are answered.
func Hang() Mode {
	return Mode{
		Kind:  "hang",
		Title: "a replica lives and answers nothing",
		Evidence: []holdfast.Evidence{
			{Sign: holdfast.SignSilent, Witnesses: 1},
			{Sign: holdfast.SignMissed, Witnesses: 2},
		},
		Remedies: []holdfast.Remedy{holdfast.RemedyEject, holdfast.RemedyRestart},
		Fault:    "stop",
		Variants: []holdfast.FaultName{"hold"},
		EndedBy:  ByRemedy,
		Bounds: holdfast.Bounds{
			Detect:   3 * time.Second,
			Mitigate: 5 * time.Second,
			Restore:  15 * time.Second,
			Impact:   0.001,
		},
		Fits: answers,
	}
}
