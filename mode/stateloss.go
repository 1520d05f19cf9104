package mode

import (
	"regexp"
	"time"

	"holdfast"
)

// StateLoss is a replica that keeps what its users' sessions need in its own
// memory: the next request of the same user, answered by another replica or by
// the same one after a restart, finds it gone.
//
// It has no evidence and no remedy. Every answer is well by itself, and only who
// remembers the one before it can tell; nothing that runs beside the service
// does. It is a fault of the design, shown by its drill and by nothing else, and
// mended by its owner. So it says nothing of a service that declares its state,
// or is given a place for it.
//
// Its drill kills the replica that answered last and waits until it is back,
// which is all that its bound on restoration is for.
func StateLoss() Mode {
	return Mode{
		Kind:      "state-loss",
		Title:     "a user's session does not survive another replica, or a restart",
		Fault:     "kill",
		EndedBy:   ByRemedy,
		BySession: true,
		Bounds:    holdfast.Bounds{Restore: 15 * time.Second},
		Fits: func(s holdfast.Service) bool {
			return answers(s) && s.Protocol == holdfast.HTTP && s.State == nil && !keepsData(s)
		},
	}
}

// keepsData tells whether a service is told where to keep what must last.
func keepsData(s holdfast.Service) bool {
	if refersToData(s.Command) {
		return true
	}
	for _, text := range s.Environment {
		if refersToData(text) {
			return true
		}
	}
	return false
}

// refersToData finds $DATA_DIR and ${DATA_DIR}, and no longer name.
func refersToData(text string) bool {
	return regexp.MustCompile(`\$\{?DATA_DIR\b`).MatchString(text)
}
