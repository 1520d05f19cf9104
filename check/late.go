package check

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"holdfast"
	"holdfast/diagnostic"
	"holdfast/mode"
)

// impossibleBound finds bounds that nothing could meet, so that the drill fails
// whatever the service does.
func impossibleBound() rule {
	return rule{
		Meaning: diagnostic.Meaning{Code: "HF2405", Severity: diagnostic.Error, Title: "a bound is shorter than what it takes"},
		find: func(c *judging) []Finding {
			var undetected, unmended []noticing
			for _, m := range c.system.Modes {
				n, checked := c.noticed(m)
				switch {
				case checked && n.least > m.Bounds.Detect:
					undetected = append(undetected, n)
				case checked && n.least+holdfast.Settling > m.Bounds.Restore && endsByRestart(m):
					unmended = append(unmended, n)
				}
			}
			var all []Finding
			for _, group := range alike(undetected, toDetect) {
				all = append(all, tooSoonDetected(group))
			}
			for _, group := range alike(unmended, toRestore) {
				all = append(all, tooSoonMended(group))
			}
			return all
		},
	}
}

func tooSoonDetected(group []noticing) Finding {
	n := slices.MaxFunc(group, func(a, b noticing) int { return cmp.Compare(a.least, b.least) })
	where := boundAt(group[0].mode, "timeout")
	f := Finding{
		Of: string(group[0].mode.Name), At: where[0], Or: where[1:],
		Message: fmt.Sprintf("%s cannot be noticed within %s: the health checks alone wait for %s", several(names(group), 3), span(n.mode.Bounds.Detect), span(n.least)),
		Note:    fmt.Sprintf("a check is missed after %s, and %d in a row have to be; the drill fails each time", span(n.of.Healthcheck.Timeout), n.of.Healthcheck.Retries),
		Help:    fmt.Sprintf("raise `detect` above %s, and above %s where there may be no traffic; or lower the `timeout` of the health check", span(n.least), span(n.most)),
	}
	if n.of.Manage == holdfast.Observe { // no traffic of it is seen
		f.Help = fmt.Sprintf("raise `detect` above %s, or lower the `timeout` of the health check", span(n.most))
	}
	if n.of.Healthcheck.Timeout > time.Second {
		f.Help += ", unless the program serves one request at a time"
	}
	return f
}

// endsByRestart says that nothing but a restart ends the failure of a drill, and
// that it comes after a while of being out of use. A hook's failure is ended by
// the hook.
func endsByRestart(m holdfast.FailureMode) bool {
	eject, restart := slices.Index(m.Remedies, holdfast.RemedyEject), slices.Index(m.Remedies, holdfast.RemedyRestart)
	return m.Kind == mode.Hang().Kind && eject >= 0 && eject < restart && !slices.ContainsFunc(m.Drills, func(d holdfast.Drill) bool { return d.Hook != nil })
}

func tooSoonMended(group []noticing) Finding {
	m, needs := group[0].mode, group[0].least+holdfast.Settling // the same checks, and so the same for all
	return Finding{
		Of: string(m.Name), At: modeAt(m, "bounds", "restore"), Or: []Path{at(m.Strikes.Service, "bounds", "restore"), {"defaults", "bounds", "restore"}},
		Message: fmt.Sprintf("%s cannot be over within %s: a restart begins after %s at the soonest", several(names(group), 3), span(m.Bounds.Restore), span(needs)),
		Note:    fmt.Sprintf("checks have to be missed first, and then it is out of use for %s before the process is ended: what only paused comes back by itself", span(holdfast.Settling)),
		Help:    fmt.Sprintf("raise `restore` above %s and what a start takes", span(needs)),
	}
}

// lateWithoutTraffic finds bounds that hold as long as somebody asks, and not
// when nobody does.
func lateWithoutTraffic() rule {
	return rule{
		Meaning: diagnostic.Meaning{Code: "HF2410", Severity: diagnostic.Warning, Title: "health checks alone notice a failure later than its bound"},
		find: func(c *judging) []Finding {
			var late []noticing
			for _, m := range c.system.Modes {
				if n, checked := c.noticed(m); checked && n.least <= m.Bounds.Detect && n.most > m.Bounds.Detect {
					late = append(late, n)
				}
			}
			var all []Finding
			for _, group := range alike(late, toDetect) {
				all = append(all, tooLate(group))
			}
			return all
		},
	}
}

func tooLate(group []noticing) Finding {
	n := slices.MaxFunc(group, func(a, b noticing) int { return cmp.Compare(a.most, b.most) })
	h, where := n.of.Healthcheck, boundAt(group[0].mode, "interval")
	f := Finding{
		Of: string(group[0].mode.Name), At: where[0], Or: where[1:], Label: "checked every " + span(h.Interval),
		Message: fmt.Sprintf("without traffic, %s %s noticed after up to %s, and the bound is %s", several(names(group), 3), diagnostic.Agree(len(group), "is", "are"), span(n.most), span(n.mode.Bounds.Detect)),
		Note:    "requests that wait ask for a check at once, so that a drill, which runs under load, may pass all the same: the bound is then kept by day and not by night",
	}
	if n.of.Manage == holdfast.Observe {
		f.Message = fmt.Sprintf("%s %s noticed after up to %s, and the bound is %s", several(names(group), 3), diagnostic.Agree(len(group), "is", "are"), span(n.most), span(n.mode.Bounds.Detect))
		f.Note = "no request to it comes through Holdfast, so that its health checks are all there is to notice it by"
	}
	f.Help = fmt.Sprintf("raise `detect` above %s, or check more often", span(n.most))
	if fits := n.mode.Bounds.Detect - (n.most - h.Interval); fits >= time.Second {
		f.Help += ": `interval: " + span(fits.Truncate(time.Second)) + "`"
	}
	return f
}
