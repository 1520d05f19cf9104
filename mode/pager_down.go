package mode

import (
	"time"

	"holdfast"
)

// PagerDown is a provider of messages at whose address nobody answers. Whoever was
// to be told by it is told another way, at once.
func PagerDown() Mode {
	return Mode{
		Kind:     "pager-down",
		Title:    "nobody answers at the address of a provider of messages",
		Role:     holdfast.RolePager,
		Evidence: []holdfast.Evidence{{Sign: holdfast.SignRefused, Witnesses: 1}},
		Remedies: []holdfast.Remedy{holdfast.RemedyOtherWay},
		Fault:    "refuse",
		EndedBy:  ByUndo,
		Bounds:   holdfast.Bounds{Detect: 2 * time.Second, Mitigate: 5 * time.Second, Restore: 20 * time.Second, Impact: 0.001},
	}
}
