package check

import (
	"time"

	"holdfast"
	"holdfast/diagnostic"
	"holdfast/mode"
)

// A noticing is how soon a failure mode is noticed by health checks.
type noticing struct {
	mode holdfast.FailureMode
	of   holdfast.Service // that is checked
	most time.Duration    // without any traffic
	// least is what the checks themselves take when traffic asks for them at
	// once: nothing is noticed sooner.
	least time.Duration
}

// noticed says how checks notice a failure mode, if it is theirs to notice. An
// exit is the kernel's to tell; what stands out from other replicas shows in
// traffic, or, where none is seen, not at all.
func (c *judging) noticed(m holdfast.FailureMode) (noticing, bool) {
	s := c.services[m.Strikes.Service]
	h := s.Healthcheck
	n := noticing{mode: m, of: s, most: h.Interval + holdfast.Confirmation}
	if h.Disabled {
		return n, false
	}
	switch m.Kind {
	case mode.Hang().Kind:
		n.least = misses(h.Retries, h.Timeout)
		return n.after(h, n.least), s.Protocol.Requests() || h.Expect != ""
	case mode.Partition().Kind:
		n.least = misses(h.Retries, min(h.Timeout, holdfast.ConnectTime))
		return n.after(h, n.least), true
	case mode.Loss().Kind: // requests may be refused at once
		return n.after(h, misses(h.Retries, min(h.Timeout, holdfast.ConnectTime))), true
	case mode.Crash().Kind: // a connection is refused, and once is enough
		return n, s.Manage != holdfast.Full
	case mode.Errors().Kind:
		return n.after(h, 0), s.Manage == holdfast.Observe && (h.Path != "" || h.Expect != "")
	default:
		return n, false
	}
}

// misses is how long as many checks take that are missed, each after waiting.
func misses(retries int, wait time.Duration) time.Duration {
	return time.Duration((retries+holdfast.ChecksAtOnce-1)/holdfast.ChecksAtOnce) * wait
}

// after adds what it takes to miss as many checks as eject.
func (n noticing) after(h holdfast.Healthcheck, missed time.Duration) noticing {
	n.most += missed + time.Duration((h.Retries-1)%holdfast.ChecksAtOnce)*holdfast.Recheck
	return n
}

// boundAt is where the bound of detection of a mode may be written, and then what
// decides how soon it is noticed.
func boundAt(m holdfast.FailureMode, then string) []Path {
	s := m.Strikes.Service
	paths := []Path{modeAt(m, "bounds", "detect")}
	if !m.Strikes.IsEdge() {
		paths = append(paths, at(s, "bounds", "detect"))
	}
	return append(paths, at(s, "healthcheck", then), Path{"defaults", "bounds", "detect"}, Path{"defaults", "healthcheck", then})
}

// alike puts those together that one line mends: failure modes that are noticed
// by the same checks and too late for the same bound.
func alike(all []noticing, bound func(holdfast.Bounds) time.Duration) [][]noticing {
	type reason struct {
		check  holdfast.Healthcheck
		bound  time.Duration
		manage holdfast.Trust
	}
	groups := map[reason]int{}
	var sorted [][]noticing
	for _, n := range all {
		check := holdfast.Healthcheck{Interval: n.of.Healthcheck.Interval, Timeout: n.of.Healthcheck.Timeout, Retries: n.of.Healthcheck.Retries}
		key := reason{check: check, bound: bound(n.mode.Bounds), manage: n.of.Manage}
		if _, known := groups[key]; !known {
			groups[key] = len(sorted)
			sorted = append(sorted, nil)
		}
		sorted[groups[key]] = append(sorted[groups[key]], n)
	}
	return sorted
}

func toDetect(b holdfast.Bounds) time.Duration  { return b.Detect }
func toRestore(b holdfast.Bounds) time.Duration { return b.Restore }

func names(all []noticing) []holdfast.ModeName {
	var names []holdfast.ModeName
	for _, n := range all {
		names = append(names, n.mode.Name)
	}
	return names
}

// span is about how long something takes: "10m", "2.4s".
func span(d time.Duration) string {
	if d > time.Second {
		d = d.Round(100 * time.Millisecond)
	}
	return diagnostic.Span(d)
}
