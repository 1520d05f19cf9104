package oncall

import (
	"slices"
	"time"

	"holdfast"
	"holdfast/event"
)

// Unreachable says, of each policy by which nobody at all would be told at an
// instant, why; and the same of the owners who are told where no policy is. Whether
// what is handed to a channel arrives, only a message shows.
func Unreachable(system *holdfast.System, overrides []holdfast.Override, at time.Time) []string {
	desk := Desk{Overrides: overrides}
	desk.Know(system)
	desk.now = event.At{Wall: at}
	var all []string
	for _, policy := range system.OnCall.Policies {
		if why := desk.unreachable(policy.Rules); why != "" {
			all = append(all, "nobody is told by the policy "+string(policy.Name)+": "+why)
		}
	}
	if desk.policyFor("") != "" {
		return all
	}
	for _, owner := range unnamed(system) {
		if why := desk.unreachable([]holdfast.EscalationRule{team(owner)}); why != "" {
			all = append(all, "nobody is told of what is "+string(owner)+"'s: "+why)
		}
	}
	return all
}

// unreachable is why no step tells anybody; empty where one does.
func (d *Desk) unreachable(rules []holdfast.EscalationRule) string {
	var all []string
	for _, rule := range rules {
		reached, why := d.recipients(rule)
		if len(reached) > 0 {
			return ""
		}
		all = append(all, why...)
	}
	return several(all)
}

// unnamed are the owners of modes that name no policy, each once.
func unnamed(system *holdfast.System) []holdfast.OwnerName {
	var owners []holdfast.OwnerName
	for _, mode := range system.Modes {
		if mode.Escalation == "" && mode.Owner != "" && !slices.Contains(owners, mode.Owner) {
			owners = append(owners, mode.Owner)
		}
	}
	return owners
}
