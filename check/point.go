package check

import (
	"slices"

	"holdfast"
	"holdfast/diagnostic"
	"holdfast/topology"
)

// A point of failure is a risk that breaks promises by itself.
type point struct {
	topology.Risk
	breaks []holdfast.Promise
}

// points are the single points of failure of a kind, those first that the
// system's first promises break by.
func (c *judging) points(kind topology.RiskKind) []point {
	var all []point
	known := map[topology.Risk]int{}
	for _, p := range c.promises {
		for _, risk := range p.cuts.Alone() {
			if risk.Kind != kind {
				continue
			}
			i, met := known[risk]
			if !met {
				i = len(all)
				known[risk], all = i, append(all, point{Risk: risk})
			}
			all[i].breaks = append(all[i].breaks, p.Promise)
		}
	}
	return all
}

// broken says what a point of failure breaks, as the end of a sentence.
func broken(promises []holdfast.Promise) string {
	names := make([]string, len(promises))
	for i, p := range promises {
		names[i] = called(p)
	}
	return diagnostic.Series(names, 4)
}

// called is what a promise is called in a sentence.
func called(p holdfast.Promise) string {
	if p.Name != "" {
		return "the promise " + diagnostic.Tick(string(p.Name))
	}
	return "the promise of " + p.Target.String()
}

// fails makes what is broken the subject of a sentence.
func (c *judging) fails(promises []holdfast.Promise) string {
	if len(c.system.Owed()) == 0 {
		return c.unpromised() + " fails"
	}
	return broken(promises) + diagnostic.Agree(len(promises), " breaks", " break")
}

// unpromised is what is judged where nothing is promised: all that users come
// for, or, where nobody comes in, all that is done. Of several services, one may
// go on while another fails.
func (c *judging) unpromised() string {
	entries := c.risks.Entries(holdfast.Promise{})
	published := slices.ContainsFunc(entries, func(name holdfast.ServiceName) bool { return c.system.Publishes(c.services[name]) })
	switch {
	case published && len(entries) == 1:
		return "everything users come for"
	case published:
		return "some of what users come for"
	case len(entries) == 1:
		return "everything this system does"
	default:
		return "some of what this system does"
	}
}

// takes says whether keeping one of some promises takes a service.
func (c *judging) takes(promises []holdfast.Promise, name holdfast.ServiceName) bool {
	return slices.ContainsFunc(promises, func(p holdfast.Promise) bool { return c.takenBy(p)[name] })
}

// takenBy are the services that keeping a promise takes. It is asked often, of
// few promises.
func (c *judging) takenBy(p holdfast.Promise) map[holdfast.ServiceName]bool {
	taken, known := c.taken[p]
	if !known {
		taken = map[holdfast.ServiceName]bool{}
		for _, name := range c.risks.Path(c.risks.Ways(p)...) {
			taken[name] = true
		}
		c.taken[p] = taken
	}
	return taken
}

// narrowed says that all of some callers need a service for some routes only.
func (c *judging) narrowed(name holdfast.ServiceName, callers []holdfast.ServiceName) bool {
	return !slices.ContainsFunc(callers, func(caller holdfast.ServiceName) bool {
		return slices.ContainsFunc(c.services[caller].DependsOn, func(d holdfast.Dependency) bool { return d.On == name && len(d.For) == 0 })
	})
}

// without says how those who need a service could do without it, as the end of a
// list of things to do; nothing where nobody does.
func (c *judging) without(s holdfast.Service, breaks []holdfast.Promise) string {
	callers := slices.DeleteFunc(slices.Clone(c.callers[s.Name]), func(name holdfast.ServiceName) bool { return !c.takes(breaks, name) })
	if len(callers) == 0 {
		return ""
	}
	ways := "`required: false`"
	if (s.Protocol == holdfast.HTTP || s.Protocol == holdfast.H2C) && s.Manage != holdfast.Observe { // or nothing could be answered in its place
		ways = "`fallback`, " + ways
	}
	if slices.ContainsFunc(breaks, func(p holdfast.Promise) bool { return p.Route != "" || p.Journey != "" }) && !c.narrowed(s.Name, callers) {
		ways += ", `for` what needs it"
	}
	return ", or let " + several(callers, 3) + " do without it: " + ways
}
