package topology

import (
	"strconv"

	"holdfast"
)

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
			if needed.Manage == holdfast.Observe || dependency.Completed {
				continue
			}
			routes = append(routes, Route(service.Name, dependency))
		}
	}
	return routes
}

// Route is the way by which a service reaches one that it depends on.
func Route(caller holdfast.ServiceName, d holdfast.Dependency) holdfast.RouteEntry {
	return holdfast.RouteEntry{
		Listener: holdfast.ListenerName(holdfast.Edge{From: caller, To: d.On}.String()),
		Service:  d.On, Caller: caller,
		Treatment: holdfast.Treatment{Timeout: d.Timeout, Priority: d.Priority, Fallback: d.Fallback, Repetition: d.Repetition},
	}
}

// Listeners are the sockets a system's routes need. Edges listen on a loopback
// port that is chosen once and kept. A private copy's published ports do too,
// so that it never meets the system it is a copy of.
func Listeners(system *holdfast.System, private bool) []holdfast.Listener {
	var listeners []holdfast.Listener
	ports := map[holdfast.ListenerName]string{}
	for _, service := range system.Services {
		for _, port := range service.Ports {
			ports[published(service, port)] = port.String()
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

// published names a service's port: by its number alone where it is this
// machine's or everybody's (one of them can be had), by its address otherwise.
func published(service holdfast.Service, port holdfast.Port) holdfast.ListenerName {
	if port.Host != "" && port.Host != "127.0.0.1" {
		return holdfast.ListenerName(string(service.Name) + ":" + port.String())
	}
	return holdfast.ListenerName(string(service.Name) + ":" + strconv.Itoa(int(port.Port)))
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
