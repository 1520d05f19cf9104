package topology

import (
	"cmp"

	"holdfast"
)

// Routes are the ways into a system: one per published port, one per edge to a
// service whose traffic is ours to carry, and the gateway's own at each of the
// addresses it listens at.
func Routes(system *holdfast.System) []holdfast.RouteEntry {
	var routes []holdfast.RouteEntry
	for _, service := range system.Services {
		for _, port := range service.Ports {
			routes = append(routes, holdfast.RouteEntry{Listener: holdfast.ListenerOf(service.Name, port), Service: service.Name})
		}
		for _, dependency := range service.DependsOn {
			needed, _ := system.Service(dependency.On)
			if needed.Manage == holdfast.Observe || dependency.Completed {
				continue
			}
			routes = append(routes, Route(service.Name, dependency))
		}
	}
	for _, port := range system.Gateway.Listen {
		for _, r := range system.Gateway.Routes {
			routes = append(routes, holdfast.RouteEntry{
				Listener: holdfast.GatewayListener(port), Host: r.Host, Path: r.Path, Service: r.Service, Treatment: r.Treatment,
			})
		}
	}
	return routes
}

// Secured are the listeners that are spoken to by TLS: those of the gateway,
// where it has certificates.
func Secured(system *holdfast.System) map[holdfast.ListenerName][]holdfast.Certificate {
	if len(system.Gateway.TLS) == 0 {
		return nil
	}
	secured := map[holdfast.ListenerName][]holdfast.Certificate{}
	for _, port := range system.Gateway.Listen {
		secured[holdfast.GatewayListener(port)] = system.Gateway.TLS
	}
	return secured
}

// Route is the way by which a service reaches one that it depends on.
func Route(caller holdfast.ServiceName, d holdfast.Dependency) holdfast.RouteEntry {
	return holdfast.RouteEntry{
		Listener: holdfast.ListenerName(holdfast.Edge{From: caller, To: d.On}.String()),
		Service:  d.On, Caller: caller,
		Treatment: holdfast.Treatment{Timeout: d.Timeout, Priority: d.Priority, Fallback: d.Fallback, Repetition: d.Repetition},
	}
}

// Listeners are the sockets a system needs: those of its routes, and the one for
// its metrics. Edges listen on a loopback port that is chosen once and kept. A
// private copy's published ports do too, so that it never meets the system it is
// a copy of.
func Listeners(system *holdfast.System, private bool) []holdfast.Listener {
	var listeners []holdfast.Listener
	ports := publishedPorts(system)
	listed := map[holdfast.ListenerName]bool{}
	add := func(name holdfast.ListenerName) {
		if listed[name] {
			return
		}
		listed[name] = true
		address := ports[name]
		if private {
			address = ""
		}
		listeners = append(listeners, holdfast.Listener{Name: name, Address: cmp.Or(address, "127.0.0.1:0")})
	}
	for _, route := range Routes(system) {
		add(route.Listener)
	}
	if system.Gateway.Metrics != nil {
		add(holdfast.MetricsListener)
	}
	return listeners
}

// publishedPorts are the addresses that a file itself chooses.
func publishedPorts(system *holdfast.System) map[holdfast.ListenerName]string {
	ports := map[holdfast.ListenerName]string{}
	for _, service := range system.Services {
		for _, port := range service.Ports {
			ports[holdfast.ListenerOf(service.Name, port)] = port.String()
		}
	}
	for _, port := range system.Gateway.Listen {
		ports[holdfast.GatewayListener(port)] = port.String()
	}
	if port := system.Gateway.Metrics; port != nil {
		ports[holdfast.MetricsListener] = port.String()
	}
	return ports
}

// Required are the services that a service cannot serve without: what it
// requires, and what that requires, in the order of the file. The service
// itself is not among them.
func Required(system *holdfast.System, service holdfast.ServiceName) []holdfast.ServiceName {
	needed := map[holdfast.ServiceName][]holdfast.ServiceName{}
	for _, s := range system.Services {
		for _, dependency := range s.DependsOn {
			if dependency.Required {
				needed[s.Name] = append(needed[s.Name], dependency.On)
			}
		}
	}
	found := closure(service, needed)
	return inFileOrder(system, func(name holdfast.ServiceName) bool { return name != service && found[name] })
}
