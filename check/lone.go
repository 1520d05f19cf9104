package check

import (
	"fmt"

	"holdfast"
	"holdfast/diagnostic"
	"holdfast/topology"
)

// lonePoint finds services whose one replica takes a promise down. Where there
// are several and one of them does, another finding says why.
func lonePoint() rule {
	return rule{
		Meaning: diagnostic.Meaning{Code: "HF2101", Severity: diagnostic.Warning, Title: "a promise breaks with the one replica of a service"},
		find: func(c *judging) []Finding {
			var all []Finding
			for _, p := range c.points(topology.ReplicaRisk) {
				if s := c.services[p.Service]; s.Replicas == 1 {
					all = append(all, lone(s, p))
				}
			}
			return all
		},
	}
}

func lone(s holdfast.Service, p point) Finding {
	f := Finding{
		Of: string(s.Name), At: at(s.Name, "replicas"), Label: "there is no other to retry on",
		Message: fmt.Sprintf("%s is a single point of failure: %s with it", diagnostic.Tick(string(s.Name)), fails(p.breaks)),
		Note:    "when it crashes, hangs or is replaced, requests fail until it is back",
		Help:    "write `replicas: 2`, or let its callers do without it: `fallback`, `required: false`, or `for` on the dependency",
	}
	if len(s.URLs) > 0 {
		f.At, f.Label = at(s.Name, "urls"), "there is one URL"
		f.Help = "add a second URL if there is one, or let its callers do without it: `fallback`, `required: false`, or `for` on the dependency"
	}
	return f
}
