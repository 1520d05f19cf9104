package check

import (
	"fmt"
	"slices"
	"strings"

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
	for _, p := range c.promises {
		for _, risk := range p.cuts.Alone() {
			if risk.Kind != kind {
				continue
			}
			i := slices.IndexFunc(all, func(known point) bool { return known.Risk == risk })
			if i < 0 {
				all, i = append(all, point{Risk: risk}), len(all)
			}
			all[i].breaks = append(all[i].breaks, p.Promise)
		}
	}
	return all
}

// broken says what a point of failure breaks, as the end of a sentence.
func broken(promises []holdfast.Promise) string {
	const most = 3
	var names []string
	for i, p := range promises {
		if i == most {
			names = append(names, fmt.Sprintf("%d more", len(promises)-most))
			break
		}
		names = append(names, called(p))
	}
	if last := len(names) - 1; last > 0 {
		return strings.Join(names[:last], ", ") + " and " + names[last]
	}
	return names[0]
}

// called is what a promise is called in a sentence.
func called(p holdfast.Promise) string {
	switch {
	case p.Name != "":
		return "the promise " + diagnostic.Tick(string(p.Name))
	case p.Target > 0:
		return "the promise of " + p.Target.String()
	default:
		return "everything users come for"
	}
}

// verb makes what is broken the subject of a sentence.
func fails(promises []holdfast.Promise) string {
	if len(promises) > 1 {
		return broken(promises) + " break"
	}
	if promises[0].Target == 0 {
		return broken(promises) + " fails"
	}
	return broken(promises) + " breaks"
}
