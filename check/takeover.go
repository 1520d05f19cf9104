package check

import (
	"fmt"

	"holdfast"
	"holdfast/diagnostic"
	"holdfast/topology"
)

// noTakeover finds services that keep data on several replicas none of which can
// take over for another. Of one replica it is said elsewhere that it is alone.
func noTakeover() rule {
	return rule{
		Meaning: diagnostic.Meaning{Code: "HF2302", Severity: diagnostic.Warning, Title: "none of several replicas can take over for another"},
		find: func(c *judging) []Finding {
			var all []Finding
			breaks := map[holdfast.ServiceName][]holdfast.Promise{}
			for _, p := range c.points(topology.ReplicaRisk) {
				breaks[p.Service] = p.breaks
			}
			for _, s := range c.system.Services {
				if s.Replicas > 1 && alone(s) {
					all = append(all, c.untaken(s, breaks[s.Name]))
				}
			}
			return all
		},
	}
}

// alone says that what one replica of a service keeps no other can go on with.
func alone(s holdfast.Service) bool {
	return s.State != nil && s.State.Promote == "" && !s.State.Quorum
}

func (c *judging) untaken(s holdfast.Service, breaks []holdfast.Promise) Finding {
	f := Finding{
		Of: string(s.Name), At: at(s.Name, "stateful"), Label: "neither `promote` nor `quorum`",
		Message: fmt.Sprintf("%s keeps data, and none of its %d replicas can take over for another", diagnostic.Tick(string(s.Name)), s.Replicas),
		Note:    "what one of them keeps is out of reach while it is down; the others do not help, and each of them may fail, too",
		Help:    "write how another takes over: `promote: automatic`, or `promote: manual` if a person does it, or `quorum: true` if it serves while more than half of them do",
	}
	if len(breaks) > 0 {
		f.Message += ": " + c.fails(breaks) + " with any one of them"
	}
	return f
}
