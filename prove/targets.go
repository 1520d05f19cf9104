package prove

import (
	"fmt"
	"slices"

	"holdfast"
	"holdfast/load"
	"holdfast/topology"
)

// A target is an address that load goes to, and what it takes to answer there.
type target struct {
	name    string // "storefront:8080", "storefront/catalog"
	address string
	url     string // where what runs elsewhere is asked itself; empty: by its address
	bare    bool   // it is connected to, and told words, if any
	words   words
	service holdfast.ServiceName
	edge    bool
}

// targets lists the published routes of HTTP services, then the edges that lead
// to a struck service, in the order of the file.
func targets(system *holdfast.System, struck []holdfast.ServiceName, addresses map[holdfast.ListenerName]string) []target {
	var published, edges []target
	for _, route := range topology.Routes(system) {
		address, open := addresses[route.Listener]
		if !open || spared(system, route.Service) != "" {
			continue
		}
		service, _ := system.Service(route.Service)
		t := target{
			name: string(route.Listener), address: address, service: route.Service, edge: route.Caller != "",
			bare: service.Protocol == holdfast.TCP, words: wordsOf(service),
		}
		switch {
		case !t.edge:
			published = append(published, t)
		case slices.Contains(struck, t.service):
			edges = append(edges, t)
		}
	}
	return slices.Concat(published, direct(system), edges)
}

// spared says why a service gets no load, if it gets none: it cannot be asked, or
// asking it could reach what is no part of the copy.
func spared(system *holdfast.System, name holdfast.ServiceName) string {
	if service, _ := system.Service(name); service.Protocol != holdfast.HTTP && !consented(system, name) {
		return fmt.Sprintf("%s speaks %s, and the load can ask over HTTP only", name, service.Protocol)
	}
	for _, other := range system.Services {
		if other.Command == "" && !consented(system, other.Name) && (other.Name == name || slices.Contains(topology.Dependents(system, other.Name), name)) {
			return fmt.Sprintf("asking %s could reach %s, which runs elsewhere and is no part of a private copy; drill it in a file in which a stand-in with a command takes its place", name, other.Name)
		}
	}
	return ""
}

// unaskable says why no load can reach a service, if none can.
func unaskable(system *holdfast.System, name holdfast.ServiceName) string {
	if why := spared(system, name); why != "" {
		return why
	}
	if service, _ := system.Service(name); consented(system, name) && service.Manage == holdfast.Observe {
		return ""
	}
	leads := func(route holdfast.RouteEntry) bool { return route.Service == name }
	if !slices.ContainsFunc(topology.Routes(system), leads) {
		return fmt.Sprintf("no request can reach %s: it publishes no port and no service depends on it; write ports: [\"8080\"] under it, or let another service depend on it", name)
	}
	return ""
}

// weigh shares the load: half of it goes straight to the struck service, by its
// edges and its own published routes, so that enough requests are sure to need
// it; the other half to the rest. With nothing struck, or nothing but it, every
// target gets the same.
func weigh(all []target, struck holdfast.ServiceName) []load.Target {
	direct := 0
	for _, t := range all {
		if t.service == struck {
			direct++
		}
	}
	rest := len(all) - direct
	var weighed []load.Target
	for _, t := range all {
		weight := 1
		if direct > 0 && rest > 0 {
			if weight = direct; t.service == struck {
				weight = rest
			}
		}
		asked := t.asked()
		asked.Weight = weight
		weighed = append(weighed, asked)
	}
	return weighed
}

// needs tells for each target name whether an answer there needs a service: it
// is that service, or requires it along required edges.
func needs(system *holdfast.System, all []target, service holdfast.ServiceName) map[string]bool {
	needing := map[string]bool{}
	for _, t := range all {
		needing[t.name] = t.service == service || slices.Contains(topology.Required(system, t.service), service)
	}
	return needing
}
