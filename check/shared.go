package check

import (
	"fmt"
	"slices"

	"holdfast"
	"holdfast/diagnostic"
	"holdfast/topology"
)

// sharedPoint finds causes that take down all replicas of a service at once: what
// it says it shares, and a machine that all its URLs name.
func sharedPoint() rule {
	return rule{
		Meaning: diagnostic.Meaning{Code: "HF2103", Severity: diagnostic.Warning, Title: "a promise breaks with one thing that replicas share"},
		find: func(c *judging) []Finding {
			var all []Finding
			for _, p := range append(c.points(topology.SharedRisk), c.points(topology.HostRisk)...) {
				all = append(all, c.shared(p))
			}
			return all
		},
	}
}

func (c *judging) shared(p point) Finding {
	key := "shares"
	if p.Kind == topology.HostRisk {
		key = "urls"
	}
	places := c.sharers(p.Risk, key)
	f := Finding{
		Of: p.Name, At: at(places[0], key), Label: "its replicas fail together with it",
		Message: fmt.Sprintf("%s is a single point of failure: %s with it", diagnostic.Tick(p.Name), fails(p.breaks)),
		Note:    "replicas that share it are one replica when it fails",
		Help:    "have a second one of it and let half of the replicas use that, or let the callers do without: `fallback`, `required: false`",
	}
	if key == "shares" {
		f.At = append(f.At, p.Name)
	}
	for _, other := range places[1:min(len(places), 4)] {
		f.Also = append(f.Also, Point{At: append(at(other, key), p.Name), Label: "and here"})
	}
	return f
}

// sharers are the services that share a cause, in the order of the file.
func (c *judging) sharers(risk topology.Risk, key string) []holdfast.ServiceName {
	var all []holdfast.ServiceName
	for _, s := range c.system.Services {
		shares := key == "shares" && slices.Contains(s.Shares, holdfast.CauseName(risk.Name))
		named := key == "urls" && slices.ContainsFunc(s.URLs, func(u string) bool { return topology.HostOf(u) == risk.Name })
		if shares || named {
			all = append(all, s.Name)
		}
	}
	return all
}
