package mode

import (
	"time"

	"holdfast"
)

// AgentCrash is the end of the process that runs the mind: nobody decides
// anything until the next one has read the journal.
//
// It holds nothing that traffic or a replica needs, so nobody may notice: no
// request is hurt, no replica is touched, and the journal goes on where it ended.
func AgentCrash() Mode {
	return Mode{
		Kind:     "agent-crash",
		Title:    "the process that decides ends",
		Role:     holdfast.RoleAgent,
		Evidence: []holdfast.Evidence{{Sign: holdfast.SignExit, Witnesses: 1}},
		Remedies: []holdfast.Remedy{holdfast.RemedyKeeper},
		Fault:    "kill",
		EndedBy:  ByRemedy,
		Bounds: holdfast.Bounds{
			Detect:   time.Second,
			Mitigate: time.Second,
			Restore:  5 * time.Second, // it reads its snapshot and the journal since
			Impact:   0.001,
		},
	}
}
