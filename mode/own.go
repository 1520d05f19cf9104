package mode

import (
	"slices"

	"holdfast"
)

// Own lists the ways in which processes of Holdfast itself fail, in the order in
// which they are shown. They strike no service, so no file says anything of
// them: what is held up must not depend on how it is held.
func Own() []Mode {
	return []Mode{AgentCrash(), GatewayCrash(), GatewayHang(), KeeperCrash(), PagerDown(), PagerSlow(), PagerLying(), PagerKilled()}
}

// OfHoldfast are the failure modes of Holdfast itself under a system of which it
// runs something. Whoever owns the system answers for them.
func OfHoldfast(system *holdfast.System) []holdfast.FailureMode {
	if !slices.ContainsFunc(system.Services, func(s holdfast.Service) bool { return s.Manage == holdfast.Full }) {
		return nil
	}
	var all []holdfast.FailureMode
	for _, m := range Own() {
		if m.Role == holdfast.RolePager && !tells(system) {
			continue
		}
		all = append(all, m.at(holdfast.Target{Role: m.Role}, system.Owner))
	}
	return all
}

// tells says whether a file names people who are told, and how.
func tells(system *holdfast.System) bool {
	return len(system.OnCall.Channels) > 0 && len(system.OnCall.Policies) > 0
}
