package load

import (
	"cmp"
	"slices"
)

// Journeys turns the steps of sessions into one result for each run: due when its
// first step was, ended with its last, and as good as the worst of them. What
// tells of a single request, its step, target, status, error and body, is of the
// step that failed; where none did, of the one that ended it. A journey has
// everything a promise is judged by, and goes where a request's result goes.
//
// A run that the end of the load cut short between two steps is left out: what it
// had of answers was good, and whether it would have ended well nobody knows.
func Journeys(results []Result) []Result {
	runs := map[string][]Result{}
	for _, result := range results {
		if result.Session != "" {
			runs[result.Run] = append(runs[result.Run], result)
		}
	}
	var journeys []Result
	for _, steps := range runs {
		slices.SortFunc(steps, func(a, b Result) int { return cmp.Compare(a.Step, b.Step) })
		if last := steps[len(steps)-1]; last.Failed || last.Step == last.Of {
			journeys = append(journeys, journey(steps, last))
		}
	}
	slices.SortFunc(journeys, func(a, b Result) int {
		return cmp.Or(cmp.Compare(a.Intended, b.Intended), cmp.Compare(a.Run, b.Run))
	})
	return journeys
}

// journey is a finished run. Steps after a failed one there are none.
func journey(steps []Result, last Result) Result {
	last.Intended, last.Sent = steps[0].Intended, steps[0].Sent
	for _, step := range steps {
		last.Late = last.Late || step.Late
		last.Degraded = last.Degraded || step.Degraded
		last.Write = last.Write || step.Write
	}
	last.Late = last.Late && !last.Failed
	return last
}
