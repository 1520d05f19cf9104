package prove

import (
	"slices"

	"holdfast"
	"holdfast/load"
	"holdfast/topology"
)

// A target is an address that load goes to, and what it takes to answer there.
type target struct {
	name    string // "storefront:8080", "storefront/catalog"
	address string
	service holdfast.ServiceName
	edge    bool
}

// targets lists the published routes of HTTP services, then the edges that lead
// to a struck service, in the order of the file.
func targets(system *holdfast.System, struck []holdfast.ServiceName, addresses map[holdfast.ListenerName]string) []target {
	var published, edges []target
	for _, route := range topology.Routes(system) {
		address, open := addresses[route.Listener]
		service, _ := system.Service(route.Service)
		if !open || service.Protocol != holdfast.HTTP {
			continue
		}
		t := target{name: string(route.Listener), address: address, service: route.Service, edge: route.Caller != ""}
		switch {
		case !t.edge:
			published = append(published, t)
		case slices.Contains(struck, t.service):
			edges = append(edges, t)
		}
	}
	return append(published, edges...)
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
		weighed = append(weighed, load.Target{Name: t.name, URL: "http://" + t.address + "/", Weight: weight})
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
