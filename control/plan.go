package control

import (
	"holdfast"
	"holdfast/topology"
)

// A Plan is what the mind wants the world to look like: what should run, and
// where requests go. It follows from the mind's state alone. Whoever carries it
// out applies the newest and skips the others.
type Plan struct {
	Revision uint64
	Desired  holdfast.Desired
	Table    holdfast.RoutingTable
}

// Revision is the number of the present plan; it grows with every change.
func (m *Mind) Revision() uint64 { return m.state.Revision }

// Plan is the present plan. Edges of desired replicas are left to whoever knows
// where the listeners are.
func (m *Mind) Plan() Plan {
	plan := Plan{Revision: m.state.Revision}
	plan.Table = holdfast.RoutingTable{Revision: m.state.Revision, System: m.System.Name, Routes: topology.Routes(&m.System)}
	plan.Table.Secured, plan.Table.Limits = topology.Secured(&m.System), m.System.Gateway.Limits
	for _, service := range m.System.Services {
		routed := holdfast.RoutedService{
			Name: service.Name, Protocol: service.Protocol, Minimum: service.Minimum, Healthcheck: service.Healthcheck,
			Elsewhere: service.Manage != holdfast.Full,
		}
		m.peers(service, func(r *replica) {
			if r.desired() {
				plan.Desired.Replicas = append(plan.Desired.Replicas, holdfast.DesiredReplica{ID: r.id(), Service: m.definition(r), Kill: r.Kill})
			}
			// An endpoint stays listed after its replica's end until the next
			// incarnation takes its place: a gateway refuses to lose its last.
			if r.Endpoint.Address != "" && r.Phase != draining {
				routed.Endpoints = append(routed.Endpoints, r.Endpoint)
			}
		})
		if !service.Once {
			plan.Table.Services = append(plan.Table.Services, routed)
		}
	}
	m.planLeaving(&plan)
	return plan
}

// desired says that a driver is to know of the replica: one that ended stays
// known until the next incarnation, so that nobody starts it twice.
func (r *replica) desired() bool {
	switch r.Phase {
	case starting, running, exited, draining:
		return true
	}
	return false
}
