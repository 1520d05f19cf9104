package mode

import (
	"time"

	"holdfast"
)

// Loss is a dependency that is gone altogether: no replica of it answers.
//
// An edge with a fallback goes on, and its answers are marked. One without
// fails fast and contained: within its timeout, with nobody piling up behind it
// and no caller restarted for it. The edge is blamed, not the caller.
func Loss() Mode {
	return Mode{
		Kind:     "loss",
		Title:    "no replica of a dependency answers",
		Evidence: []holdfast.Evidence{{Sign: holdfast.SignLost, Witnesses: 2}},
		Remedies: []holdfast.Remedy{holdfast.RemedyFailFast},
		Fault:    "sever",
		EndedBy:  ByUndo,
		Bounds: holdfast.Bounds{
			Detect:   3 * time.Second,
			Mitigate: 5 * time.Second,
			Restore:  15 * time.Second,
			Impact:   0.001,
		},
		FitsEdge: func(_ holdfast.Dependency, on holdfast.Service) bool { return answers(on) },
	}
}
