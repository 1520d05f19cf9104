package check

import (
	"fmt"
	"strconv"
	"strings"

	"holdfast"
	"holdfast/diagnostic"
	"holdfast/topology"
)

// smallCapacity finds services whose replicas do not bear their peak: all of
// them, or what is left with one replica or one zone gone.
func smallCapacity() rule {
	return rule{
		Meaning: diagnostic.Meaning{Code: "HF2108", Severity: diagnostic.Warning, Title: "replicas do not bear the load"},
		find: func(c *judging) []Finding {
			var all []Finding
			for _, s := range c.system.Services {
				if s.Capacity == nil {
					continue
				}
				if f, over := overloaded(s); over {
					all = append(all, f)
				}
			}
			return all
		},
	}
}

// overloaded says when too little is left. Of what stops for another reason when
// a replica or a zone is gone, another finding says so.
func overloaded(s holdfast.Service) (Finding, bool) {
	takes, alive := s.Capacity.Needed(), topology.Needed(idle(s))
	zone, left := worstZone(s)
	switch n := s.Replicas; {
	case n < takes:
		f := overload(s, n, whole(n), "it is overloaded at the busiest time though nothing has failed")
		f.Severity = diagnostic.Error
		return f, true
	case n-1 < takes && n-1 >= alive:
		return overload(s, n-1, fmt.Sprintf("one of its %d replicas gone", n), "a crash, a hang or a replacement at the busiest time overloads the others, which may then fail one after the other"), true
	case left < takes && left >= alive:
		return overload(s, left, fmt.Sprintf("zone %s gone", zone), fmt.Sprintf("%d of its %d replicas are in that zone; the others are overloaded then, and may fail one after the other", n-left, n)), true
	}
	return Finding{}, false
}

func whole(replicas int) string {
	if replicas == 1 {
		return "its one replica"
	}
	return fmt.Sprintf("all %d replicas", replicas)
}

func overload(s holdfast.Service, left int, with, note string) Finding {
	c := s.Capacity
	return Finding{
		Of: string(s.Name), At: at(s.Name, "capacity"), Label: fmt.Sprintf("%s takes %d", perSecond(c.Peak), c.Needed()),
		Message: fmt.Sprintf("%s bears %s with %s, and its peak is %s", diagnostic.Tick(string(s.Name)), perSecond(float64(left)*c.Replica), with, perSecond(c.Peak)),
		Note:    note, Help: enlarged(s),
	}
}

// worstZone is the zone with which most replicas are lost, and how many are left
// without it.
func worstZone(s holdfast.Service) (worst holdfast.ZoneName, left int) {
	left = s.Replicas
	for _, zone := range s.Zones {
		if n := outside(s, zone); n < left {
			worst, left = zone, n
		}
	}
	return worst, left
}

// enlarged is how many replicas of a service bear its load with any one of them,
// or any one of its zones, gone.
func enlarged(s holdfast.Service) string {
	zones := max(1, len(s.Zones))
	gone, what := func(n int) int { return (n + zones - 1) / zones }, "any one zone"
	if zones == 1 {
		gone, what = func(int) int { return 1 }, "any one of them"
	}
	more := s.Capacity.Needed()
	for more-gone(more) < s.Capacity.Needed() {
		more++
	}
	if len(s.URLs) > 0 {
		return fmt.Sprintf("have %d URLs: %d %s left then with %s gone", more, more-gone(more), diagnostic.Agree(more-gone(more), "is", "are"), what)
	}
	return fmt.Sprintf("write %s: with %s gone %d %s left", copies(s, more), what, more-gone(more), diagnostic.Agree(more-gone(more), "is", "are"))
}

// perSecond writes a rate as the file has it.
func perSecond(rate float64) string {
	return strings.TrimSuffix(strings.TrimRight(strconv.FormatFloat(rate, 'f', 3, 64), "0"), ".") + "/s"
}
