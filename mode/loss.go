package mode

import (
	"time"

	"holdfast"
)

// Loss is a service that is gone altogether, for one of those who depend on it, or
// for its users: no replica of it answers.
//
// An edge with a fallback goes on, and its answers are marked. One without
// fails fast and contained: within its timeout, with nobody piling up behind it
// and no caller restarted for it. The edge is blamed, not the caller.
//
// Users have it where a route of the gateway declares what is answered then. Where
// none does there is nothing that a drill could show: all who come fail for as long
// as it lasts, which says itself, and what takes a promise down is for check to find.
func Loss() Mode {
	return Mode{
		Kind:     "loss",
		Title:    "no replica of a service answers",
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
		// Calls get a status, whatever is declared.
		FitsPublished: func(by holdfast.Publishing, s holdfast.Service) bool {
			return answers(s) && s.Protocol != holdfast.GRPC && len(by.CoveredTo(s.Name)) > 0
		},
	}
}
