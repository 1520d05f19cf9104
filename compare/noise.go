package compare

import (
	"fmt"
	"math"

	"holdfast/report"
)

// A noise is how much a figure moves by itself, and so what counts as more: far
// where few drills were made, least where enough were made for their ranks to say
// that it moved at all.
type noise struct{ far, least step }

// A step is a least growth, by a factor and by so much beside it: a factor alone
// makes much of 2 ms that were 1, a difference alone much of 13 s that were 12.
type step struct{ times, by float64 }

// taken tells whether a figure grew by at least the step. What was reached and
// is never reached any more has.
func (s step) taken(from, to float64) bool {
	if math.IsInf(to, 1) {
		return !math.IsInf(from, 1)
	}
	return to >= from*s.times && to-from >= s.by
}

func (s step) String() string {
	return fmt.Sprintf("%g times and %s", s.times, report.Short(report.Millis(s.by)))
}

// noiseOf is what was measured: the file of three services in docs/proving.md,
// proved 24 times in a row on two shared and busy cores (docs/diff.md has the
// figures). Far is beyond everything that was seen there from any run to any
// other.
func noiseOf(figure report.Figure, d report.Drill) noise {
	switch figure {
	case report.FigureDetect, report.FigureMitigate:
		if d.Kind == "crash" {
			// The kernel says it, at once; everything else is seen in windows.
			return noise{far: step{times: 2, by: 500}, least: step{times: 2, by: 100}}
		}
		return noise{far: step{times: 2, by: 1500}, least: step{times: 1.5, by: 500}}
	case report.FigureRestore:
		if d.From == "undo" {
			// What was out of use comes back at the gateway's next try, and tries
			// grow rare: 0 s and 4 s were both seen of one system.
			return noise{far: step{times: 2, by: 6000}, least: step{times: 1.5, by: 500}}
		}
		return noise{far: step{times: 2, by: 1500}, least: step{times: 1.25, by: 250}}
	case report.FigureSlowest:
		return noise{far: step{times: 1.5, by: 500}, least: step{times: 1.1, by: 50}}
	default:
		// A share of requests. Who is hurt while nobody can answer is hurt together:
		// 8 of 503 and 27 of 501 were both seen of one system, on a machine that was
		// busy only once.
		return noise{far: step{times: 3, by: 0.05}, least: step{times: 1.5, by: 0.01}}
	}
}
