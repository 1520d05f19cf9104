package check

import (
	"fmt"
	"slices"

	"holdfast"
	"holdfast/diagnostic"
	"holdfast/topology"
)

// sharedPoint finds causes that take down all replicas of a service at once: what
// it says it shares, and a machine that several of its URLs name. Of a service
// with one URL another finding says that it is one.
func sharedPoint() rule {
	return rule{
		Meaning: diagnostic.Meaning{Code: "HF2103", Severity: diagnostic.Warning, Title: "a promise breaks with one thing that replicas share"},
		find: func(c *judging) []Finding {
			var all []Finding
			for _, p := range c.points(topology.SharedRisk) {
				all = append(all, c.shared(p))
			}
			for _, p := range c.points(topology.HostRisk) {
				if named := c.onHost(p); len(named) > 0 {
					all = append(all, c.host(p, named))
				}
			}
			return all
		},
	}
}

func (c *judging) shared(p point) Finding {
	by := c.sharing(p)
	f := Finding{
		Of: p.Name, At: at(by[0].Name, "shares", p.Name), Label: "all of " + diagnostic.Tick(string(by[0].Name)) + " fails with it",
		Message: fmt.Sprintf("%s is a single point of failure: %s with it", diagnostic.Tick(p.Name), c.fails(p.breaks)),
		Note:    "what shares it fails with it, however many replicas there are",
		Help:    "have two of it, let some replicas use the one and some the other, and take it out of `shares`",
	}
	if len(by) == 1 {
		f.Help += c.without(by[0], p.breaks)
	}
	for _, other := range by[1:min(len(by), 4)] {
		f.Also = append(f.Also, Point{At: at(other.Name, "shares", p.Name), Label: "and so does " + diagnostic.Tick(string(other.Name))})
	}
	return f
}

// sharing are the services that fail with a cause, of those that its promises take;
// where none of these does, those that stand in for each other do.
func (c *judging) sharing(p point) []holdfast.Service {
	var by, any []holdfast.Service
	for _, s := range c.system.Services {
		if !slices.Contains(s.Shares, holdfast.CauseName(p.Name)) {
			continue
		}
		if any = append(any, s); c.takes(p.breaks, s.Name) {
			by = append(by, s)
		}
	}
	if len(by) == 0 {
		return any
	}
	return by
}

// onHost are the services that lose more than they may with a machine, though
// they have more than one replica.
func (c *judging) onHost(p point) []holdfast.Service {
	var all []holdfast.Service
	for _, s := range c.system.Services {
		if spare := s.Replicas - topology.Needed(s); c.takes(p.breaks, s.Name) && spare > 0 && len(naming(s, p.Name)) > spare {
			all = append(all, s)
		}
	}
	return all
}

// naming are the URLs of a service that name a machine.
func naming(s holdfast.Service, host string) []string {
	return slices.DeleteFunc(slices.Clone(s.URLs), func(u string) bool { return topology.HostOf(u) != host })
}

func (c *judging) host(p point, named []holdfast.Service) Finding {
	s := named[0]
	urls := naming(s, p.Name)
	f := Finding{
		Of: p.Name, At: at(s.Name, "urls", urls[0]), Label: fmt.Sprintf("%d of %d URLs of %s name it", len(urls), len(s.URLs), diagnostic.Tick(string(s.Name))),
		Message: fmt.Sprintf("%s is a single point of failure: %s with it", diagnostic.Tick(p.Name), c.fails(p.breaks)),
		Note:    "as far as the file says, one name is one machine: what runs there fails together",
		Help:    "have one of them on another machine, by a name of its own" + c.without(s, p.breaks) + "; if the name stands for several machines, accept this",
	}
	for _, u := range urls[1:min(len(urls), 3)] {
		f.Also = append(f.Also, Point{At: at(s.Name, "urls", u), Label: "the same"})
	}
	if len(named) > 1 {
		f.Also = append(f.Also, Point{At: at(named[1].Name, "urls"), Label: "and of " + diagnostic.Tick(string(named[1].Name))})
	}
	return f
}
