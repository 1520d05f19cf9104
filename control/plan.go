package control

import (
	"net"
	"strconv"

	"holdfast"
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
	plan.Table = holdfast.RoutingTable{Revision: m.state.Revision, System: m.System.Name, Routes: Routes(&m.System)}
	for _, service := range m.System.Services {
		routed := holdfast.RoutedService{
			Name: service.Name, Protocol: service.Protocol, Minimum: service.Minimum, Healthcheck: service.Healthcheck,
		}
		for ordinal := range service.Replicas {
			r := m.Replicas[holdfast.NameReplica(service.Name, ordinal+1)]
			if r == nil {
				continue
			}
			if r.Phase == starting || r.Phase == running || r.Phase == exited {
				plan.Desired.Replicas = append(plan.Desired.Replicas, holdfast.DesiredReplica{ID: r.id(), Service: service})
			}
			// An endpoint stays listed after its replica's end until the next
			// incarnation takes its place: a gateway refuses to lose its last.
			if r.Endpoint.Address != "" {
				routed.Endpoints = append(routed.Endpoints, r.Endpoint)
			}
		}
		plan.Table.Services = append(plan.Table.Services, routed)
	}
	return plan
}

// Routes are the ways into a system: one per published port, one per edge to a
// service whose traffic is ours to carry.
func Routes(system *holdfast.System) []holdfast.RouteEntry {
	var routes []holdfast.RouteEntry
	for _, service := range system.Services {
		for _, port := range service.Ports {
			routes = append(routes, holdfast.RouteEntry{Listener: published(service, port), Service: service.Name})
		}
		for _, dependency := range service.DependsOn {
			needed, _ := system.Service(dependency.On)
			if needed.Manage == holdfast.Observe {
				continue
			}
			edge := holdfast.Edge{From: service.Name, To: dependency.On}
			routes = append(routes, holdfast.RouteEntry{
				Listener: holdfast.ListenerName(edge.String()), Service: dependency.On, Caller: service.Name, Timeout: dependency.Timeout,
			})
		}
	}
	return routes
}

// Listeners are the sockets a system's routes need. Edges listen on a loopback
// port that is chosen once and kept. A private copy's published ports do too,
// so that it never meets the system it is a copy of.
func Listeners(system *holdfast.System, private bool) []holdfast.Listener {
	var listeners []holdfast.Listener
	ports := map[holdfast.ListenerName]string{}
	for _, service := range system.Services {
		for _, port := range service.Ports {
			ports[published(service, port)] = net.JoinHostPort(port.Host, strconv.Itoa(int(port.Port)))
		}
	}
	for _, route := range Routes(system) {
		address, isPublished := ports[route.Listener]
		if !isPublished || private {
			address = "127.0.0.1:0"
		}
		listeners = append(listeners, holdfast.Listener{Name: route.Listener, Address: address})
	}
	return listeners
}

func published(service holdfast.Service, port holdfast.Port) holdfast.ListenerName {
	return holdfast.ListenerName(string(service.Name) + ":" + strconv.Itoa(int(port.Port)))
}
