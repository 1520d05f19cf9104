package check

import (
	"fmt"
	"strings"

	"holdfast"
	"holdfast/diagnostic"
	"holdfast/topology"
)

// zonePoint finds zones whose loss breaks a promise although there are others.
func zonePoint() rule {
	return rule{
		Meaning: diagnostic.Meaning{Code: "HF2105", Severity: diagnostic.Warning, Title: "a promise breaks with one zone"},
		find: func(c *judging) []Finding {
			var all []Finding
			for _, p := range c.points(topology.ZoneRisk) {
				if len(c.system.Zones) > 1 {
					all = append(all, c.zone(p))
				}
			}
			return all
		},
	}
}

func (c *judging) zone(p point) Finding {
	zone := holdfast.ZoneName(strings.TrimPrefix(p.Name, "zone "))
	f := Finding{
		Of: p.Name, At: Path{"zones", string(zone)},
		Message: fmt.Sprintf("the loss of %s alone takes down what users come for: %s with it", p.Name, fails(p.breaks)),
		Note:    "zones are of use when what is left of each service after the loss of any one of them suffices",
		Help:    "give each of these services a replica in another zone",
	}
	for _, s := range c.system.Services {
		left := 0
		for n := 1; n <= s.Replicas; n++ {
			if s.Zone(n) != zone {
				left++
			}
		}
		if len(s.Zones) > 0 && left < topology.Needed(s) && len(f.Also) < 3 {
			f.Also = append(f.Also, Point{At: at(s.Name, "replicas"), Label: fmt.Sprintf("%d left elsewhere, %d needed", left, topology.Needed(s))})
		}
	}
	return f
}
