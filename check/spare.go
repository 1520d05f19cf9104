package check

import (
	"fmt"

	"holdfast"
	"holdfast/diagnostic"
	"holdfast/topology"
)

// spareReplica finds replicas beyond those that cover the loss of one, where all
// of them are in one place and one cause takes them all. That they are on this
// host is no such cause: every system of one host would be told.
func spareReplica() rule {
	return rule{
		Meaning: diagnostic.Meaning{Code: "HF2106", Severity: diagnostic.Warning, Title: "more replicas than help, with one thing that takes them all"},
		find: func(c *judging) []Finding {
			told := c.toldToSpread()
			var all []Finding
			for _, s := range c.system.Services {
				enough := covered(s)
				if cause, alike := c.common(s); alike && s.Replicas > max(2, enough) && !told[s.Name] {
					all = append(all, spare(s, enough, cause))
				}
			}
			return all
		},
	}
}

// toldToSpread are the services of which another finding asks to put replicas in
// other zones, where they are of use.
func (c *judging) toldToSpread() map[holdfast.ServiceName]bool {
	told := map[holdfast.ServiceName]bool{}
	for _, f := range c.lostZones() {
		for _, s := range f.lost {
			told[s.Name] = true
		}
	}
	return told
}

// covered is how many replicas a service takes to serve on with any one of them
// gone: one more than it needs, and three where they decide by themselves.
func covered(s holdfast.Service) int {
	bears := s.Capacity.Needed() + 1
	switch state := s.State; {
	case state == nil || state.Promote == holdfast.Manual && !state.Quorum:
		return bears
	case state.Quorum:
		return max(3, bears+1-bears%2)
	case state.Promote == holdfast.Automatic:
		return max(3, bears)
	default:
		return s.Replicas
	}
}

// common is a cause by which all replicas of a service fail, which are in one
// place: none is in another zone, or on another machine.
func (c *judging) common(s holdfast.Service) (Point, bool) {
	zone, host := s.Zone(1), hostOf(s, 1)
	for n := 2; n <= s.Replicas; n++ {
		if s.Zone(n) != zone || hostOf(s, n) != host {
			return Point{}, false
		}
	}
	switch {
	case len(s.Shares) > 0:
		return Point{At: at(s.Name, "shares", string(s.Shares[0])), Label: diagnostic.Tick(string(s.Shares[0]))}, true
	case host != "":
		return Point{At: at(s.Name, "urls"), Label: diagnostic.Tick(host)}, true
	case zone != "" && len(c.system.Zones) > 1:
		return Point{At: at(s.Name, "zones"), Label: "zone " + string(zone)}, true
	}
	return Point{}, false
}

// hostOf is the machine of the n-th URL; of this one, and of what runs here, "".
func hostOf(s holdfast.Service, n int) string {
	if n > len(s.URLs) {
		return ""
	}
	return topology.HostOf(s.URLs[n-1])
}

func spare(s holdfast.Service, enough int, cause Point) Finding {
	f := Finding{
		Of: string(s.Name), At: replicasAt(s), Label: fmt.Sprintf("with %d, any one of them may be lost", enough),
		Also:    []Point{{At: cause.At, Label: "takes all of them"}},
		Message: fmt.Sprintf("all %d replicas of %s fail with %s: more than %d help only when two are out at once", s.Replicas, diagnostic.Tick(string(s.Name)), cause.Label, enough),
		Note:    "two are out at once when both crash, or when one crashes while another is replaced; against " + cause.Label + " no number of them helps",
		Help:    fmt.Sprintf("write %s, or put one where %s does not reach", copies(s, enough), cause.Label),
	}
	if len(s.URLs) > 0 {
		f.Help = fmt.Sprintf("%d URLs do as well; better, put one where %s does not reach", enough, cause.Label)
	}
	if s.Capacity == nil {
		f.Help += "; if the load takes more of them, say so: `capacity: {replica: 200/s, peak: 500/s}`"
	}
	return f
}
