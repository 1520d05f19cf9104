package prove

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"holdfast"
	"holdfast/load"
	"holdfast/topology"
)

// A target is an address that load goes to, and what it takes to answer there.
type target struct {
	name    string // "storefront:8080", "storefront/catalog", "gateway:8080/api"
	address string
	host    string // that is asked for; empty: any
	url     string // where what runs elsewhere is asked itself; empty: by its address
	bare    bool   // it is connected to, and told words, if any
	calls   bool   // it is asked by a call of gRPC
	words   words
	path    string // empty for /
	service holdfast.ServiceName
	edge    bool
	alone   bool                 // a page that needs nobody but its service: the health check's
	session holdfast.SessionName // that this is a step of; empty: none
	via     string               // of a step: the listener it goes in at
}

// targets lists the published routes of services that are asked, then the edges that lead
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
			name: route.Name(), address: address, host: askedHost(route.Host), path: route.Path, service: route.Service, edge: route.Caller != "",
			bare: service.Protocol == holdfast.TCP, calls: service.Protocol == holdfast.GRPC, words: wordsOf(service),
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
	if service, _ := system.Service(name); !service.Protocol.Requests() && !consented(system, name) {
		return fmt.Sprintf("%s speaks %s, and the load can ask over HTTP only", name, service.Protocol)
	}
	for _, other := range system.Services {
		if other.Command == "" && !consented(system, other.Name) && (other.Name == name || slices.Contains(topology.Dependents(system, other.Name), name)) {
			return fmt.Sprintf("asking %s could reach %s, which runs elsewhere and is no part of a private copy; drill it in a file in which a stand-in with a command takes its place", name, other.Name)
		}
	}
	return ""
}

// unaskable says why no load can show what a mode does to users, if none can.
func unaskable(system *holdfast.System, strikes holdfast.Target) string {
	if strikes.Role == holdfast.RolePager {
		return "" // it asks nobody
	}
	if strikes.Role != "" {
		return nobodyAsks(system)
	}
	name := strikes.Service
	if strikes.IsEdge() {
		if why := spared(system, strikes.Caller); why != "" {
			return why
		}
	}
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

// nobodyAsks says that no load at all goes through Holdfast, if none does.
func nobodyAsks(system *holdfast.System) string {
	asks := func(route holdfast.RouteEntry) bool { return spared(system, route.Service) == "" }
	if slices.ContainsFunc(topology.Routes(system), asks) {
		return ""
	}
	return string(errNoLoad)
}

// weigh shares the load: half of it goes straight to the struck service, by its
// edges and its own published routes, so that enough requests are sure to need
// it; the other half to the rest. With nothing struck, or nothing but it, every
// target gets the same.
func weigh(all []target, struck holdfast.ServiceName) []load.Target {
	all = slices.DeleteFunc(slices.Clone(all), func(t target) bool { return t.session != "" })
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

// meant counts the requests that went to a service itself and were due from one
// instant to another, the second excluded.
func meant(results []load.Result, all []target, service holdfast.ServiceName, from, to time.Duration) int {
	n := 0
	for _, result := range results {
		if result.Intended < int64(from) || result.Intended >= int64(to) {
			continue
		}
		if slices.ContainsFunc(all, func(t target) bool { return t.name == result.Target && t.service == service }) {
			n++
		}
	}
	return n
}

// unreached are the edges to a service by which no request came from one instant
// to another, the second excluded: those that the load asks itself, and those
// that it has no way into.
func unreached(system *holdfast.System, all []target, service holdfast.ServiceName, results []load.Result, from, to time.Duration) []string {
	taken := map[string]bool{}
	for _, result := range results {
		if result.Intended >= int64(from) && result.Intended < int64(to) {
			taken[result.Target] = true
		}
	}
	var missed []string
	for _, route := range topology.Routes(system) {
		if route.Service != service || route.Caller == "" {
			continue
		}
		edge := string(route.Listener)
		if !slices.ContainsFunc(all, func(t target) bool { return (t.name == edge || t.via == edge) && taken[t.name] }) {
			missed = append(missed, edge)
		}
	}
	return missed
}

// notTaken are the targets that no request went to from one instant to another, the
// second excluded.
func notTaken(names []string, results []load.Result, from, to time.Duration) []string {
	taken := map[string]bool{}
	for _, r := range results {
		if r.Intended >= int64(from) && r.Intended < int64(to) {
			taken[r.Target] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return taken[name] })
}

// aside adds to the targets a page of the caller that needs nobody else, where
// it has one: its health check's, asked for where users ask. Whether the loss of
// an edge stays where it belongs shows there.
func aside(all []target, caller holdfast.Service) []target {
	if caller.Healthcheck.Path == "" || caller.Healthcheck.Disabled {
		return all
	}
	for _, t := range all {
		if t.service == caller.Name && t.session == "" && leadsTo(all, t, caller.Healthcheck.Path) {
			t.name, t.path, t.alone = strings.TrimSuffix(t.name, t.path)+caller.Healthcheck.Path, caller.Healthcheck.Path, true
			return append(slices.Clip(all), t)
		}
	}
	return all
}

// leadsTo says whether a path is the target's, and not that of another route
// there, which is for less.
func leadsTo(all []target, t target, path string) bool {
	return holdfast.Below(path, t.path) && !slices.ContainsFunc(all, func(other target) bool {
		return other.address == t.address && other.host == t.host && len(other.path) > len(t.path) && holdfast.Below(path, other.path)
	})
}

// A stake is what the requests of a target have to do with a drill.
type stake int

const (
	none  stake = iota // nothing, or hurt by definition: not judged
	feels              // who asks here must feel no more than the bound on impact allows
	owed               // cannot be answered while the fault lasts, and is owed an answer that says so, soon
)

// stakes says for each target name what is at stake there when a mode is
// drilled. One replica is missed by whoever needs its service, by required
// edges. A whole edge is missed by its caller's users; whoever needs the lost
// service by other ways too is hurt by definition, and not judged. A whole service
// is missed by those who come for it.
func stakes(system *holdfast.System, all []target, mode holdfast.FailureMode) map[string]stake {
	at := map[string]stake{}
	for _, t := range all {
		switch {
		case mode.Strikes.IsEdge():
			at[t.name] = stakeInEdge(system, t, mode.Strikes)
		case mode.Strikes.Whole:
			at[t.name] = stakeInService(system, t, mode.Strikes)
		case needs(system, t.service, mode.Strikes.Service):
			at[t.name] = feels
		}
	}
	return at
}

func stakeInEdge(system *holdfast.System, t target, lost holdfast.Target) stake {
	dependency := dependencyOf(system, lost)
	itself := t.name == lost.String() || t.via == lost.String()
	switch {
	case t.alone, t.path != "" && !itself && t.service == lost.Caller && !dependency.Serves(t.path):
		return feels
	case !itself && needs(without(system, lost), t.service, lost.Service):
		return none
	case fatal(dependency) && (itself || needs(system, t.service, lost.Caller)):
		return owed
	case itself && dependency.Fallback == nil:
		return none // nobody answers there, and the caller says it can do without
	default:
		return feels
	}
}

// stakeInService: who comes by a covered route gets less, and is not hurt. Whoever
// else needs what is lost is hurt by definition, or another drill's: that of the
// edge by which it does.
func stakeInService(system *holdfast.System, t target, lost holdfast.Target) stake {
	_, covered := covers(system, lost)[t.name]
	switch {
	case covered:
		return feels
	case t.service == lost.Service, slices.Contains(topology.Dependents(system, lost.Service), t.service):
		return none
	default:
		return feels
	}
}

// fatal tells whether a caller cannot serve while a dependency is lost.
func fatal(d holdfast.Dependency) bool { return d.Required && d.Fallback == nil }

// needs tells whether a service is another, or cannot serve without it.
func needs(system *holdfast.System, service, other holdfast.ServiceName) bool {
	return service == other || slices.Contains(topology.Required(system, service), other)
}

// dependencyOf is the dependency that an edge is.
func dependencyOf(system *holdfast.System, edge holdfast.Target) holdfast.Dependency {
	caller, _ := system.Service(edge.Caller)
	for _, dependency := range caller.DependsOn {
		if dependency.On == edge.Service {
			return dependency
		}
	}
	return holdfast.Dependency{On: edge.Service}
}

// without is a system that lacks one edge.
func without(system *holdfast.System, edge holdfast.Target) *holdfast.System {
	less := *system
	less.Services = slices.Clone(system.Services)
	for i, service := range less.Services {
		if service.Name == edge.Caller {
			less.Services[i].DependsOn = slices.DeleteFunc(slices.Clone(service.DependsOn), func(d holdfast.Dependency) bool { return d.On == edge.Service })
		}
	}
	return &less
}
