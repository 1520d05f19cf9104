package prove

import (
	"cmp"
	"slices"

	"holdfast/load"
	"holdfast/report"
)

// tollsTold bounds how many things that were asked for are told apart.
const tollsTold = 8

// tolls are the requests that were hurt, by what was asked, the most hurt first.
func tolls(results []load.Result) []report.Toll {
	var all []report.Toll
	for _, result := range results {
		if !result.Hurt() {
			continue
		}
		method, route := asked(result)
		at := slices.IndexFunc(all, func(t report.Toll) bool { return t.Method == method && t.Route == route })
		if at < 0 {
			at = len(all)
			all = append(all, report.Toll{Method: method, Route: route})
		}
		if result.Failed {
			all[at].Failed++
		} else {
			all[at].Late++
		}
	}
	slices.SortStableFunc(all, func(x, y report.Toll) int { return cmp.Compare(y.Hurt(), x.Hurt()) })
	return all[:min(len(all), tollsTold)]
}
