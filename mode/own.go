package mode

import (
	"slices"

	"holdfast"
)

// Own lists the ways in which processes of Holdfast itself fail, in the order in
// which they are shown. They strike no service, so no file says anything of
// them: what is held up must not depend on how it is held.
func Own() []Mode {
	return []Mode{AgentCrash(), GatewayCrash(), GatewayHang(), KeeperCrash()}
}

// OfHoldfast are the failure modes of Holdfast itself under a system of which it
// runs something. Whoever owns the system answers for them.
func OfHoldfast(system *holdfast.System) []holdfast.FailureMode {
	if !slices.ContainsFunc(system.Services, func(s holdfast.Service) bool { return s.Manage == holdfast.Full }) {
		return nil
	}
	var all []holdfast.FailureMode
	for _, m := range Own() {
		all = append(all, m.at(holdfast.Target{Role: m.Role}, system.Owner))
	}
	return all
}
