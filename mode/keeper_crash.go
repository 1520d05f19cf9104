package mode

import (
	"time"

	"holdfast"
)

// KeeperCrash is the end of the process that started all others. What it started
// runs on: the gateway serves, the replicas answer, and the next keeper takes all
// of it over by pid and start time.
//
// Nobody of Holdfast starts the next one: a service manager does, or the next
// holdfast up. In the drill the warden stands in for them. The agent is started
// afresh by the keeper it finds, so nothing is decided until both are there.
func KeeperCrash() Mode {
	return Mode{
		Kind:     "keeper-crash",
		Title:    "the process that holds all others ends",
		Role:     holdfast.RoleKeeper,
		Evidence: []holdfast.Evidence{{Sign: holdfast.SignExit, Witnesses: 1}},
		Remedies: []holdfast.Remedy{holdfast.RemedyAdopt},
		Fault:    "kill",
		EndedBy:  ByRemedy,
		Bounds: holdfast.Bounds{
			Detect:   time.Second,
			Mitigate: time.Second,
			Restore:  6 * time.Second, // it waits for what gateways hold, and starts the agent, which reads the journal
			Impact:   0.001,
		},
	}
}
