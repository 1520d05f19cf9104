package topology

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"holdfast"
	"holdfast/cutset"
)

// A RiskKind says what kind of thing fails.
type RiskKind string

// The kinds of risks, those first that reach furthest.
const (
	HostRisk    RiskKind = "host"    // the machine that all of it runs on, or one that is named by URLs
	ZoneRisk    RiskKind = "zone"    // everything in a failure domain
	SharedRisk  RiskKind = "shared"  // something that a service says it shares
	ChangeRisk  RiskKind = "change"  // a change of the file itself
	ReleaseRisk RiskKind = "release" // a bad release of one service: all its replicas have it
	ReplicaRisk RiskKind = "replica" // one replica, or one URL of what runs elsewhere
	StaleRisk   RiskKind = "stale"   // copies that cover a dependency are too old, or were never made
)

// A Risk is one thing that can fail by itself: an event of the fault tree.
type Risk struct {
	Kind    RiskKind             `json:"kind"`
	Name    string               `json:"name"`              // as a person reads it in a set: "this host", "zone a", "cart-1"
	Service holdfast.ServiceName `json:"service,omitempty"` // of a release, a replica and stale copies
}

// Implied says that every system has this risk, whatever its file says: it is no
// fault of the design.
func (r Risk) Implied() bool {
	return r.Kind == ReleaseRisk || r.Kind == ChangeRisk || r.Kind == HostRisk && r.Name == thisHost
}

const thisHost = "this host"

// Risks are the fault trees of a system: what takes down what users come for.
// They share the work of solving them, and its limits.
type Risks struct {
	system *holdfast.System
	byName map[holdfast.ServiceName]holdfast.Service
	paths  *paths
	tree   *cutset.Tree
	solver *cutset.Solver
	risks  map[cutset.Node]Risk
	hosts  map[string]int // how many URLs of the system name each host
	built  map[Way]cutset.Node
	within map[Way]bool // being built
}

// A Way is a service with the route by which it is asked: where users come in,
// that of a promise or of a step of its journey; further inside it is not known,
// and "" is every one.
type Way struct {
	Service holdfast.ServiceName
	Route   string
}

// Analyse builds the fault tree of a system. limits bound all that is asked of
// it afterwards, together.
func Analyse(system *holdfast.System, limits cutset.Limits) *Risks {
	r := &Risks{
		system: system, byName: map[holdfast.ServiceName]holdfast.Service{}, paths: pathsOf(system), tree: cutset.NewTree(),
		risks: map[cutset.Node]Risk{}, hosts: map[string]int{}, built: map[Way]cutset.Node{}, within: map[Way]bool{},
	}
	for _, s := range system.Services {
		r.byName[s.Name] = s
		for _, u := range s.URLs {
			r.hosts[HostOf(u)]++
		}
	}
	r.inOrder()
	r.solver = cutset.Solve(r.tree, limits)
	return r
}

// inOrder makes the events that reach furthest first: a set then begins with
// them, and the solver works from them down.
func (r *Risks) inOrder() {
	r.event(Risk{Kind: HostRisk, Name: thisHost})
	for _, zone := range r.system.Zones {
		r.event(zoneRisk(zone))
	}
	for _, s := range r.system.Services {
		for _, u := range s.URLs {
			if r.hosts[HostOf(u)] > 1 && HostOf(u) != "" {
				r.event(Risk{Kind: HostRisk, Name: HostOf(u)})
			}
		}
		for _, cause := range s.Shares {
			r.event(Risk{Kind: SharedRisk, Name: string(cause)})
		}
	}
	r.event(Risk{Kind: ChangeRisk, Name: "a change of this file"})
}

func zoneRisk(zone holdfast.ZoneName) Risk {
	return Risk{Kind: ZoneRisk, Name: "zone " + string(zone)}
}

func (r *Risks) event(risk Risk) cutset.Node {
	node := r.tree.Event(string(risk.Kind) + " " + risk.Name)
	r.risks[node] = risk
	return node
}

// Promises are what is judged: those of the file, or, where it makes none, that
// whatever is published answers; and where nothing is published, that everything
// does that nobody depends on.
func (r *Risks) Promises() []holdfast.Promise {
	if owed := r.system.Owed(); len(owed) > 0 {
		return owed
	}
	return []holdfast.Promise{{}}
}

// Ways are those by which users of a promise come in. Those of a journey take all
// of its steps.
func (r *Risks) Ways(p holdfast.Promise) []Way {
	var all []Way
	if session, is := r.system.Session(p.Journey); is {
		for _, step := range session.Steps {
			if w := (Way{Service: step.On, Route: routeOf(step.Path)}); !slices.Contains(all, w) {
				all = append(all, w)
			}
		}
		return all
	}
	for _, entry := range r.Entries(p) {
		ways := r.waysInto(entry, p.Route)
		if len(ways) == 0 {
			ways = []Way{{Service: entry, Route: p.Route}}
		}
		all = append(all, ways...)
	}
	return all
}

// waysInto are those by which users of a route come to a service: straight to it
// where it has a port of its own or nothing is published, and otherwise by the
// gateway's routes, which may lead to some of its paths only.
func (r *Risks) waysInto(name holdfast.ServiceName, route string) []Way {
	routes := r.system.Gateway.RoutesTo(name)
	if len(routes) == 0 || len(r.byName[name].Ports) > 0 {
		return []Way{{Service: name, Route: route}}
	}
	var all []Way
	for _, published := range routes {
		w := Way{Service: name, Route: published.Path}
		switch {
		case route != "" && (published.Path == "" || holdfast.Below(route, published.Path)):
			w.Route = route
		case route != "" && !holdfast.Below(published.Path, route):
			continue // users of that route do not come this way
		}
		if !slices.Contains(all, w) {
			all = append(all, w)
		}
	}
	return all
}

// routeOf is as much of a step's path as is known before it is sent.
func routeOf(path string) string {
	path, _, _ = strings.Cut(path, "?")
	path, _, _ = strings.Cut(path, "{{")
	return path
}

// Entries are the services that users of a promise come to.
func (r *Risks) Entries(p holdfast.Promise) []holdfast.ServiceName {
	if session, is := r.system.Session(p.Journey); is {
		return session.Asks()
	}
	if p.Service != "" {
		return []holdfast.ServiceName{p.Service}
	}
	needed := map[holdfast.ServiceName]bool{}
	for _, edge := range r.system.Edges() {
		needed[edge.To] = true
	}
	published := inFileOrder(r.system, func(name holdfast.ServiceName) bool { return r.system.Publishes(r.byName[name]) })
	asked := slices.DeleteFunc(slices.Clone(published), func(name holdfast.ServiceName) bool { return len(r.waysInto(name, p.Route)) == 0 })
	if len(asked) > 0 {
		return asked
	}
	if len(published) > 0 {
		return published
	}
	return inFileOrder(r.system, func(name holdfast.ServiceName) bool { return !needed[name] && !r.byName[name].Once })
}

// Cuts are the smallest sets of risks that break a promise.
func (r *Risks) Cuts(p holdfast.Promise) Cuts {
	inputs := []cutset.Node{r.event(Risk{Kind: HostRisk, Name: thisHost}), r.event(Risk{Kind: ChangeRisk, Name: "a change of this file"})}
	for _, w := range r.Ways(p) {
		inputs = append(inputs, r.serving(w))
	}
	return Cuts{family: r.solver.Of(r.tree.Or(inputs...)), risks: r.risks}
}

// serving fails when a service can no longer answer a way.
func (r *Risks) serving(w Way) cutset.Node {
	if node, built := r.built[w]; built {
		return node
	}
	r.within[w] = true
	defer delete(r.within, w)
	s := r.byName[w.Service]
	inputs := []cutset.Node{r.replicas(s)}
	if s.Command != "" {
		inputs = append(inputs, r.event(Risk{Kind: ReleaseRisk, Name: "a release of " + string(s.Name), Service: s.Name}))
	}
	for _, cause := range s.Shares {
		inputs = append(inputs, r.event(Risk{Kind: SharedRisk, Name: string(cause)}))
	}
	for _, d := range s.DependsOn {
		if !d.Completed && d.Serves(w.Route) {
			inputs = append(inputs, r.lost(s, d))
		}
	}
	node := r.tree.Or(inputs...)
	r.built[w] = node
	return node
}

// lost fails when a dependency's loss reaches its caller. What the gateway
// answers by itself never fails before the gateway does; a copy may be missing, and
// another service may be gone as well.
func (r *Risks) lost(caller holdfast.Service, d holdfast.Dependency) cutset.Node {
	f := d.Fallback
	if f == nil && !d.Required || f != nil && (f.Body != "" || f.File != "") {
		return cutset.Never
	}
	lost := r.serving(Way{Service: d.On})
	if f == nil {
		return lost
	}
	all := []cutset.Node{lost}
	if f.Stale > 0 {
		all = append(all, r.event(Risk{Kind: StaleRisk, Name: "no fresh copy of " + string(d.On) + " for " + string(caller.Name), Service: d.On}))
	}
	if other := (Way{Service: f.Service}); f.Service != "" && !r.within[other] { // what comes back to where it began helps nobody
		all = append(all, r.serving(other))
	}
	return r.tree.And(all...)
}

// Together are the risks by each of which two services fail at once: what one has
// in the other's place is lost with it.
func (r *Risks) Together(one, other holdfast.ServiceName) []Risk {
	both := Cuts{family: r.solver.Of(r.tree.And(r.serving(Way{Service: one}), r.serving(Way{Service: other}))), risks: r.risks}
	var common []Risk
	for set := range both.Each {
		if len(set) > 1 {
			break
		}
		common = append(common, set...)
	}
	return common
}

// replicas fails when fewer of a service are left than it takes.
func (r *Risks) replicas(s holdfast.Service) cutset.Node {
	var each []cutset.Node
	for n := 1; n <= s.Replicas; n++ {
		inputs := []cutset.Node{r.event(replicaRisk(s, n))}
		if zone := s.Zone(n); zone != "" {
			inputs = append(inputs, r.event(zoneRisk(zone)))
		}
		if host := r.sharedHost(s, n); host != "" {
			inputs = append(inputs, r.event(Risk{Kind: HostRisk, Name: host}))
		}
		each = append(each, r.tree.Or(inputs...))
	}
	return r.tree.AtLeast(s.Replicas-Needed(s)+1, each...)
}

func replicaRisk(s holdfast.Service, n int) Risk {
	switch {
	case len(s.URLs) == 1:
		return Risk{Kind: ReplicaRisk, Name: string(s.Name), Service: s.Name}
	default:
		return Risk{Kind: ReplicaRisk, Name: string(holdfast.NameReplica(s.Name, n)), Service: s.Name}
	}
}

// sharedHost is the machine of the n-th URL, where another URL names it too.
// This one has been counted already.
func (r *Risks) sharedHost(s holdfast.Service, n int) string {
	if len(s.URLs) < n {
		return ""
	}
	if host := HostOf(s.URLs[n-1]); r.hosts[host] > 1 {
		return host
	}
	return ""
}

// HostOf is the machine that a URL names; "" for this one.
func HostOf(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "localhost" {
		return ""
	}
	if address, err := netip.ParseAddr(u.Hostname()); err == nil && address.IsLoopback() {
		return ""
	}
	return strings.ToLower(u.Hostname())
}

// Needed is how many replicas a service takes to serve: what its capacity says;
// more than half where they vote; and all where one of them cannot take over for
// another.
func Needed(s holdfast.Service) int {
	needed := s.Capacity.Needed()
	switch state := s.State; {
	case state == nil:
	case state.Quorum:
		needed = max(needed, s.Replicas/2+1)
	case state.Promote == "":
		needed = s.Replicas
	}
	return min(needed, s.Replicas)
}

// Cuts are the minimal sets of risks that break a promise.
type Cuts struct {
	family cutset.Family
	risks  map[cutset.Node]Risk
}

// Decided is false when a limit ended the search: nothing is known then.
func (c Cuts) Decided() bool { return c.family.Decided }

// Truncated says that there are larger sets than those that were looked for.
func (c Cuts) Truncated() bool { return c.family.Truncated }

// ByOrder counts the sets of each size.
func (c Cuts) ByOrder() []int { return c.family.ByOrder() }

// Each goes through the sets, the smallest first, until it is told to stop.
func (c Cuts) Each(yield func(set []Risk) bool) {
	for nodes := range c.family.Sets() {
		set := make([]Risk, len(nodes))
		for i, node := range nodes {
			set[i] = c.risks[node]
		}
		if !yield(set) {
			return
		}
	}
}

// Alone are the risks that break the promise by themselves, those that every
// system has left out.
func (c Cuts) Alone() []Risk {
	var alone []Risk
	for set := range c.Each {
		if len(set) > 1 {
			break
		}
		if len(set) == 1 && !set[0].Implied() {
			alone = append(alone, set[0])
		}
	}
	return alone
}

// Least goes through the risks that are in any set, with the size of the smallest
// of those each is in.
func (c Cuts) Least(yield func(risk Risk, size int) bool) {
	for _, i := range c.family.ByEvent() {
		if !yield(c.risks[i.Event], i.Smallest) {
			return
		}
	}
}

// Text is a set as it is shown: "{zone a, cart-2}".
func Text(set []Risk) string {
	names := make([]string, len(set))
	for i, risk := range set {
		names[i] = risk.Name
	}
	return fmt.Sprintf("{%s}", strings.Join(names, ", "))
}
