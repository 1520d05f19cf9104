// Package picture draws a system: who needs whom, where users come in, and what
// breaks a promise alone. It draws for terminals, and writes what mermaid and
// graphviz draw.
//
// A picture says nothing that is not so. Words carry the meaning of everything
// in it; colour and the kinds of lines only add.
package picture

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"holdfast"
	"holdfast/check"
	"holdfast/diagnostic"
	"holdfast/event"
	"holdfast/topology"
)

// A Picture is what is to be drawn of a system.
type Picture struct {
	system   holdfast.SystemName
	entries  []entry
	services []service // in the order of the file
	edges    []edge
	points   []point
	comeTo   []holdfast.ServiceName // that users come to
	promised []string               // all promises, as sentences
	unknown  []string               // promises of which it was not decided what breaks them
}

// An entry is where users come in: the published ports of a service, and what is
// promised there.
type entry struct {
	to       holdfast.ServiceName
	ports    []string
	promises []string
}

// A service as it is drawn.
type service struct {
	name    holdfast.ServiceName
	copies  string // "×3", "2 URLs", "once"
	zones   string // "a b c"; empty: none are declared
	takes   string // "2 of 3 must serve"; empty: one is enough
	owner   holdfast.OwnerName
	outside bool // it runs elsewhere
	mark
}

// An edge as it is drawn.
type edge struct {
	holdfast.Edge
	need   need
	answer string   // what is answered in its place, where it is covered
	routes []string // that need it; empty: all do
}

// words say of an edge what its line alone does not.
func (e edge) words() string {
	var words []string
	if e.answer != "" {
		words = append(words, "covered by "+e.answer)
	}
	if len(e.routes) > 0 {
		words = append(words, "for "+diagnostic.Series(e.routes, mostNamed))
	}
	return strings.Join(words, ", ")
}

// all are the words of an edge where nothing explains the lines.
func (e edge) all() string {
	word := []string{required: "", optional: "optional", covered: "", before: "once, before"}[e.need]
	return strings.Trim(word+", "+e.words(), ", ")
}

// mostNamed is how many of what is alike one line names: more are not read.
const mostNamed = 4

// A need says what a dependency is to its caller.
type need int

const (
	required need = iota
	optional
	covered // a fallback answers in its place
	before  // it runs to its end before the caller starts; no request takes the edge
)

// A point is what is no service and still takes services down: a cause they
// share, a host that URLs name, a zone.
type point struct {
	kind  topology.RiskKind
	name  string
	takes []holdfast.ServiceName // that fail with it
	mark
}

// A mark says which promises a thing breaks.
type mark struct {
	alone []string // by itself
	pair  []string // together with one more
}

// words are a mark in words; empty when it marks nothing. Of pairs there are many
// in a good system, and one word of them is enough.
func (m mark) words() string {
	switch {
	case len(m.alone) > 0:
		return "breaks " + diagnostic.Series(m.alone, mostNamed) + " alone"
	case len(m.pair) > 0:
		return "breaks with one more"
	default:
		return ""
	}
}

// Of makes the picture of a system that was judged.
func Of(system *holdfast.System, summary check.Summary) Picture {
	p := Picture{system: system.Name}
	p.addEntries(system, summary)
	for _, standing := range summary.Promises {
		p.comeTo = append(p.comeTo, standing.Entries...)
	}
	at := map[holdfast.ServiceName]int{}
	for i, s := range system.Services {
		at[s.Name] = i
		p.services = append(p.services, serviceOf(system, s))
		for _, d := range s.DependsOn {
			p.edges = append(p.edges, edgeOf(s, d))
		}
	}
	for _, standing := range summary.Promises {
		called := nameOf(standing.Promise)
		if standing.Promise.Target > 0 {
			p.promised = append(p.promised, sentence(standing.Promise))
		}
		if !standing.Decided {
			p.unknown = append(p.unknown, called)
			continue
		}
		for risk, size := range standing.Cuts.Least {
			if m := p.marked(system, at, risk, size); m != nil && !slices.Contains(m.alone, called) {
				m.add(called, size)
			}
		}
	}
	return p
}

func (m *mark) add(promise string, size int) {
	switch {
	case size == 1:
		m.alone = append(m.alone, promise)
		m.pair = slices.DeleteFunc(m.pair, func(p string) bool { return p == promise })
	case size == 2 && !slices.Contains(m.pair, promise):
		m.pair = append(m.pair, promise)
	}
}

// marked is where a risk is marked. What every system has is not; a zone only
// when it breaks a promise alone, for two zones out of two always break one.
func (p *Picture) marked(system *holdfast.System, at map[holdfast.ServiceName]int, risk topology.Risk, size int) *mark {
	switch {
	case size > 2 || risk.Implied() || risk.Kind == topology.StaleRisk || risk.Kind == topology.ZoneRisk && size > 1:
		return nil
	case risk.Kind == topology.ReplicaRisk:
		return &p.services[at[risk.Service]].mark
	}
	i := slices.IndexFunc(p.points, func(q point) bool { return q.kind == risk.Kind && q.name == risk.Name })
	if i < 0 {
		i = len(p.points)
		p.points = append(p.points, point{kind: risk.Kind, name: risk.Name, takes: p.taken(system, risk)})
	}
	return &p.points[i].mark
}

// taken are the services that share a cause or are on a host, and those that a
// promise rests on and that lose more replicas with a zone than they can.
func (p *Picture) taken(system *holdfast.System, risk topology.Risk) []holdfast.ServiceName {
	var carrying map[holdfast.ServiceName]bool
	if risk.Kind == topology.ZoneRisk {
		carrying = p.carrying()
	}
	takes := func(s holdfast.Service) bool {
		switch risk.Kind {
		case topology.SharedRisk:
			return slices.Contains(s.Shares, holdfast.CauseName(risk.Name))
		case topology.HostRisk:
			return slices.ContainsFunc(s.URLs, func(u string) bool { return topology.HostOf(u) == risk.Name })
		default:
			return carrying[s.Name] && lostWith(s, risk)
		}
	}
	var all []holdfast.ServiceName
	for _, s := range system.Services {
		if takes(s) {
			all = append(all, s.Name)
		}
	}
	return all
}

// carrying are the services that anything users come to requires.
func (p *Picture) carrying() map[holdfast.ServiceName]bool {
	all := map[holdfast.ServiceName]bool{}
	for _, name := range p.comeTo {
		all[name] = true
	}
	for grown := true; grown; {
		grown = false
		for _, e := range p.edges {
			if e.need == required && all[e.From] && !all[e.To] {
				all[e.To], grown = true, true
			}
		}
	}
	return all
}

func lostWith(s holdfast.Service, zone topology.Risk) bool {
	left := 0
	for n := 1; n <= s.Replicas; n++ {
		if "zone "+string(s.Zone(n)) != zone.Name {
			left++
		}
	}
	return left < topology.Needed(s)
}

// addEntries makes an entry of each service that users come to: by a port, or by
// a promise where nothing has ports.
func (p *Picture) addEntries(system *holdfast.System, summary check.Summary) {
	for _, s := range system.Services {
		e := entry{to: s.Name}
		for _, port := range s.Ports {
			e.ports = append(e.ports, portText(port))
		}
		for _, route := range system.Gateway.RoutesTo(s.Name) {
			for _, port := range system.Gateway.Listen {
				e.ports = append(e.ports, portText(port)+" "+route.Host+cmp.Or(route.Path, "/"))
			}
		}
		for _, standing := range summary.Promises {
			if standing.Promise.Target > 0 && slices.Contains(standing.Entries, s.Name) {
				e.promises = append(e.promises, promiseText(standing.Promise))
			}
		}
		if len(e.ports)+len(e.promises) > 0 {
			p.entries = append(p.entries, e)
		}
	}
}

func portText(p holdfast.Port) string {
	if p.Host == "" {
		return "*" + p.String()
	}
	return p.String()
}

// promiseText is a promise where it is made: "checkout 99.95% of /checkout".
func promiseText(p holdfast.Promise) string {
	text := strings.TrimSpace(string(p.Name) + " " + p.Target.String())
	switch {
	case p.Journey != "":
		text += " of the session " + string(p.Journey)
	case p.Route != "":
		text += " of " + p.Route
	}
	return text
}

// sentence is a promise where it is listed, with what it is made for.
func sentence(p holdfast.Promise) string {
	switch {
	case p.Journey != "":
		return promiseText(p)
	case p.Service != "" && p.Route != "":
		return strings.TrimSpace(string(p.Name)+" "+p.Target.String()) + " of " + p.Route + " at " + string(p.Service)
	case p.Service != "":
		return promiseText(p) + " at " + string(p.Service)
	case p.Route == "":
		return promiseText(p) + " of all that users come for"
	default:
		return promiseText(p)
	}
}

// nameOf is what a promise is called where many are.
func nameOf(p holdfast.Promise) string {
	switch {
	case p.Name != "":
		return string(p.Name)
	case p.Target > 0:
		return p.Target.String()
	default:
		return "all that users come for"
	}
}

func serviceOf(system *holdfast.System, s holdfast.Service) service {
	drawn := service{name: s.Name, outside: s.Command == "", copies: "×" + strconv.Itoa(s.Replicas)}
	switch {
	case s.Once:
		drawn.copies = "once"
	case drawn.outside && s.Replicas == 1:
		drawn.copies = "1 URL"
	case drawn.outside:
		drawn.copies = strconv.Itoa(s.Replicas) + " URLs"
	}
	if takes := topology.Needed(s); takes > 1 {
		drawn.takes = fmt.Sprintf("%d of %d must serve", takes, s.Replicas)
	}
	if s.Owner != system.Owner {
		drawn.owner = s.Owner
	}
	var zones []string
	for n := 1; n <= min(s.Replicas, len(s.Zones)); n++ {
		if zone := string(s.Zone(n)); !slices.Contains(zones, zone) {
			zones = append(zones, zone)
		}
	}
	const longest = 24
	drawn.zones = strings.Join(zones, " ")
	if len(drawn.zones) > longest {
		drawn.zones = fmt.Sprintf("%d zones", len(zones))
	}
	return drawn
}

func edgeOf(caller holdfast.Service, d holdfast.Dependency) edge {
	e := edge{Edge: holdfast.Edge{From: caller.Name, To: d.On}, routes: d.For}
	switch {
	case d.Completed:
		e.need = before
	case d.Fallback != nil:
		e.need, e.answer = covered, answer(d.Fallback)
	case !d.Required:
		e.need = optional
	}
	return e
}

// answer is what a fallback answers, short.
func answer(f *holdfast.Fallback) string {
	const shortest = 16 // a body that is not much longer than the words for it
	var ways []string
	if f.Stale > 0 {
		ways = append(ways, "a copy up to "+event.Short(f.Stale)+" old")
	}
	switch {
	case f.File != "":
		ways = append(ways, f.File[strings.LastIndexByte(f.File, '/')+1:])
	case len(f.Body) > shortest:
		ways = append(ways, fmt.Sprintf("%d bytes of JSON", len(f.Body)))
	case f.Body != "":
		ways = append(ways, f.Body)
	}
	return strings.Join(ways, ", else ")
}
