package mode

import (
	"time"

	"holdfast"
)

// PagerSlow is a provider of messages that takes them and does not say so. It may
// have them, so it is given the time of an attempt, twenty seconds, before somebody
// is told another way.
func PagerSlow() Mode {
	return Mode{
		Kind:     "pager-slow",
		Title:    "a provider of messages takes them and does not answer in time",
		Role:     holdfast.RolePager,
		Evidence: []holdfast.Evidence{{Sign: holdfast.SignSilent, Witnesses: 1}},
		Remedies: []holdfast.Remedy{holdfast.RemedyOtherWay},
		Fault:    "silence",
		EndedBy:  ByUndo,
		Bounds:   holdfast.Bounds{Detect: 2 * time.Second, Mitigate: 30 * time.Second, Restore: 30 * time.Second, Impact: 0.001},
	}
}
