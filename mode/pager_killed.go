package mode

import (
	"time"

	"holdfast"
)

// PagerKilled is the end of the agent while it hands a message over. What was
// recorded to be attempted, and not to have arrived, the next one sends again under
// the same key.
func PagerKilled() Mode {
	return Mode{
		Kind:     "pager-killed",
		Title:    "the process that decides ends while it hands a message over",
		Role:     holdfast.RolePager,
		Evidence: []holdfast.Evidence{{Sign: holdfast.SignExit, Witnesses: 1}},
		Remedies: []holdfast.Remedy{holdfast.RemedyKeeper},
		Fault:    "kill",
		EndedBy:  ByRemedy,
		Bounds:   holdfast.Bounds{Detect: 2 * time.Second, Mitigate: 10 * time.Second, Restore: 20 * time.Second, Impact: 0.001},
	}
}
