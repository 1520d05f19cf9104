package check

import (
	"fmt"
	"slices"

	"holdfast"
	"holdfast/diagnostic"
	"holdfast/topology"
)

// heavyNeed finds dependencies of a few routes that weigh on all of them, since
// no promise is made by route: `for` says what needs them, and nothing is judged
// by it.
func heavyNeed() rule {
	return rule{
		Meaning: diagnostic.Meaning{Code: "HF2204", Severity: diagnostic.Warning, Title: "what a few routes need weighs on all"},
		find: func(c *judging) []Finding {
			var all []Finding
			for _, s := range c.system.Services {
				whole, routes := c.owedBy(s)
				if whole == nil {
					continue
				}
				if heavy := c.heavy(s, routes); len(heavy) > 0 {
					all = append(all, weighing(s, *whole, heavy))
				}
			}
			return all
		},
	}
}

// owedBy is a promise for everything that users come to a service for, if there
// is one, and the routes of it that promises are made for.
func (c *judging) owedBy(s holdfast.Service) (whole *holdfast.Promise, routes []string) {
	if !c.system.Publishes(s) {
		return nil, nil
	}
	for _, p := range c.system.Owed() {
		switch {
		case p.Service != "" && p.Service != s.Name:
		case p.Journey != "", p.Route == "" && len(s.Ports) == 0: // the gateway's routes may lead to some paths only
			for _, w := range c.risks.Ways(p) {
				switch {
				case w.Service != s.Name:
				case w.Route == "" && whole == nil:
					whole = &p
				case w.Route != "":
					routes = append(routes, w.Route)
				}
			}
		case p.Route != "":
			routes = append(routes, p.Route)
		case whole == nil:
			whole = &p
		}
	}
	return whole, routes
}

// heavy are the dependencies of a service that only some of its routes need,
// though no promise is of others, and that nothing else needs for all.
func (c *judging) heavy(s holdfast.Service, routes []string) []holdfast.Dependency {
	var some, every []holdfast.Dependency
	for _, d := range s.DependsOn {
		switch {
		case !topology.Weighs(d):
		case len(d.For) == 0:
			every = append(every, d)
		case !slices.ContainsFunc(routes, func(route string) bool { return !d.Serves(route) }):
			some = append(some, d)
		}
	}
	return slices.DeleteFunc(some, func(d holdfast.Dependency) bool {
		return slices.Contains(d.For, "/") || slices.ContainsFunc(every, func(other holdfast.Dependency) bool {
			return slices.Contains(c.risks.Path(topology.Way{Service: other.On}), d.On)
		})
	})
}

func weighing(s holdfast.Service, whole holdfast.Promise, heavy []holdfast.Dependency) Finding {
	d := heavy[0]
	edge := holdfast.Edge{From: s.Name, To: d.On}
	f := Finding{
		Of: string(s.Name), At: edgeAt(edge, "for"), Label: "only this needs it",
		Message: fmt.Sprintf("%s needs %s for %s only, and %s is for all routes", diagnostic.Tick(string(s.Name)), diagnostic.Tick(string(d.On)), several(d.For, 3), called(whole)),
		Note:    fmt.Sprintf("whatever takes down %s breaks all of that promise: nothing says that the other routes are owed more", diagnostic.Tick(string(d.On))),
		Help:    fmt.Sprintf("make promises by route, first for those that do without it: `promises: {browse: {route: /browse, target: %s}}`, and routes of the gateway for them", whole.Target),
	}
	if len(heavy) > 1 {
		f.Message = fmt.Sprintf("%s needs %s for some routes only, and %s is for all", diagnostic.Tick(string(s.Name)), several(needed(heavy), 3), called(whole))
		f.Note = "whatever takes one of them down breaks all of that promise: nothing says that the other routes are owed more"
	}
	for _, d := range heavy[1:min(len(heavy), 4)] {
		f.Also = append(f.Also, Point{At: edgeAt(holdfast.Edge{From: s.Name, To: d.On}, "for"), Label: "and only this needs " + diagnostic.Tick(string(d.On))})
	}
	return f
}

func needed(by []holdfast.Dependency) []holdfast.ServiceName {
	var all []holdfast.ServiceName
	for _, d := range by {
		all = append(all, d.On)
	}
	return all
}
