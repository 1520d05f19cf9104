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
			for _, p := range c.lostZones() {
				all = append(all, c.zone(p))
			}
			return all
		},
	}
}

// A lost zone is one that takes down more than it should, though there are
// others.
type lostZone struct {
	point
	lost []holdfast.Service
}

func (c *judging) lostZones() []lostZone {
	var all []lostZone
	for _, p := range c.points(topology.ZoneRisk) {
		if lost := c.lostWith(p); len(lost) > 0 && len(c.system.Zones) > 1 {
			all = append(all, lostZone{point: p, lost: lost})
		}
	}
	return all
}

// lostWith are the services that fail with a zone for being too many in it. What
// cannot lose a single replica fails for that, and what is left may be too little
// for the load: other findings say so.
func (c *judging) lostWith(p point) []holdfast.Service {
	var lost []holdfast.Service
	for _, s := range c.system.Services {
		if c.takes(p.breaks, s.Name) && s.Replicas > topology.Needed(s) && outside(s, zoneOf(p.Risk)) < topology.Needed(idle(s)) {
			lost = append(lost, s)
		}
	}
	return lost
}

func zoneOf(risk topology.Risk) holdfast.ZoneName {
	return holdfast.ZoneName(strings.TrimPrefix(risk.Name, "zone "))
}

// outside is how many replicas of a service are not in a zone.
func outside(s holdfast.Service, zone holdfast.ZoneName) int {
	left := 0
	for n := 1; n <= s.Replicas; n++ {
		if s.Zone(n) != zone {
			left++
		}
	}
	return left
}

// idle is a service without its load.
func idle(s holdfast.Service) holdfast.Service {
	s.Capacity = nil
	return s
}

func (c *judging) zone(p lostZone) Finding {
	f := Finding{
		Of: p.Name, At: Path{"zones", string(zoneOf(p.Risk))},
		Message: fmt.Sprintf("%s is a single point of failure: %s with it", p.Name, c.fails(p.breaks)),
		Note:    "the other zones are of use when enough of each service is in them",
		Help:    "spread each of these services: what is left with any one zone gone must be enough",
	}
	for _, s := range p.lost[:min(len(p.lost), 3)] {
		left := outside(s, zoneOf(p.Risk))
		f.Also = append(f.Also, Point{At: at(s.Name, "zones"), Label: fmt.Sprintf("%d of %d left in other zones, %d needed", left, s.Replicas, topology.Needed(s))})
		if quorum(s) && len(c.system.Zones) == 2 {
			f.Help += fmt.Sprintf("; for %s that takes a third zone, since one of two always has half of its votes", diagnostic.Tick(string(s.Name)))
		}
	}
	return f
}
