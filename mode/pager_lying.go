package mode

import (
	"time"

	"holdfast"
)

// PagerLying is a provider of messages that says that it has them, and is not what it
// says: a page of a proxy, half an answer. What it does not give a receipt for is
// not believed.
func PagerLying() Mode {
	return Mode{
		Kind:     "pager-lying",
		Title:    "a provider of messages answers well, and with nonsense",
		Role:     holdfast.RolePager,
		Evidence: []holdfast.Evidence{{Sign: holdfast.SignErrors, Witnesses: 1}},
		Remedies: []holdfast.Remedy{holdfast.RemedyOtherWay},
		Fault:    "halve",
		EndedBy:  ByUndo,
		Bounds:   holdfast.Bounds{Detect: 2 * time.Second, Mitigate: 5 * time.Second, Restore: 20 * time.Second, Impact: 0.001},
	}
}
