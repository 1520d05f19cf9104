// Package budget chooses what is drilled when there is not time for everything:
// the riskiest and stalest failure modes first, for as long as what they cost by
// experience fits.
package budget

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"holdfast"
	"holdfast/cutset"
	"holdfast/event"
	"holdfast/report"
	"holdfast/topology"
)

// A Past is what is known of a failure mode: its last verdict that said
// something.
type Past struct {
	At      time.Time        // zero: it was never drilled
	Verdict holdfast.Verdict // PASS or FAIL
	Stale   bool             // it was made on something else, or too long ago
}

// Said is a past in a sentence.
func (p Past) Said(now time.Time) string {
	if p.At.IsZero() {
		return "never drilled"
	}
	return fmt.Sprintf("last drilled %s ago: %s", ago(now.Sub(p.At)), p.Verdict)
}

// ago is in days where it is more than two.
func ago(d time.Duration) string {
	if d >= 48*time.Hour {
		return fmt.Sprintf("%d days", int(d.Hours()/24))
	}
	return event.Short(max(0, d.Round(time.Second)))
}

// Order is the order in which modes are drilled: first what was never drilled or
// failed, then what passed on something else or too long ago, then the rest; of
// each, what breaks most of the promises, and of the same weight the oldest.
func Order(system *holdfast.System, modes []holdfast.FailureMode, past map[holdfast.ModeName]Past) []holdfast.FailureMode {
	weigh := weights(system)
	sorted := slices.Clone(modes)
	slices.SortStableFunc(sorted, func(x, y holdfast.FailureMode) int {
		px, py := past[x.Name], past[y.Name]
		return cmp.Or(
			cmp.Compare(px.urgency(), py.urgency()),
			cmp.Compare(weigh[y.Strikes.Service], weigh[x.Strikes.Service]),
			px.At.Compare(py.At),
		)
	})
	return sorted
}

// urgency is how little is known: 0 is nothing, or nothing good.
func (p Past) urgency() int {
	switch {
	case p.At.IsZero() || p.Verdict != holdfast.Pass:
		return 0
	case p.Stale:
		return 1
	default:
		return 2
	}
}

// What a service weighs in the order, for each promise.
const (
	breaksAlone = 100 // one replica of it is enough to break the promise
	breaksToo   = 1   // it is one of several things that are
)

// limits bound the look at what breaks what: pairs are enough to tell what
// matters, and nobody waits for more.
func limits() cutset.Limits { return cutset.Limits{Order: 2, Nodes: 1 << 20, Steps: 8 << 20} }

// weights says of each service how many promises break with it.
func weights(system *holdfast.System) map[holdfast.ServiceName]int {
	risks, weigh := topology.Analyse(system, limits()), map[holdfast.ServiceName]int{}
	for _, promise := range risks.Promises() {
		heaviest := map[holdfast.ServiceName]int{}
		for risk, size := range risks.Cuts(promise).Least {
			if risk.Kind != topology.ReplicaRisk {
				continue
			}
			weight := breaksToo
			if size == 1 {
				weight = breaksAlone
			}
			heaviest[risk.Service] = max(heaviest[risk.Service], weight)
		}
		for service, weight := range heaviest {
			weigh[service] += weight
		}
	}
	return weigh
}

// Costs are what drills take, by experience or else by the catalogue.
type Costs struct {
	start  time.Duration // of the copy and the control run
	drills map[drilled]time.Duration
}

type drilled struct {
	mode  holdfast.ModeName
	fault holdfast.FaultName
}

// What drills take that were never made: figures of docs/proving.md, and a little
// more. A copy is as slow as its services are to start.
const (
	startUnknown = 15 * time.Second
	crashUnknown = 5 * time.Second
	edgeUnknown  = 9 * time.Second
	otherUnknown = 7 * time.Second
	// ending is what it takes to end a copy when all is done.
	ending = 3 * time.Second
)

// Learn takes what drills took from runs, the newest last.
func Learn(runs ...report.Run) Costs {
	c := Costs{start: startUnknown, drills: map[drilled]time.Duration{}}
	for _, run := range runs {
		left := run.Took
		for _, drill := range run.Drills {
			if drill.Cost > 0 {
				c.drills[drilled{mode: drill.Mode, fault: drill.Fault}] = span(drill.Cost)
				left -= drill.Cost
			}
		}
		if run.Control.Sent > 0 && left > 0 && left < run.Took {
			c.start = span(left)
		}
	}
	return c
}

func span(m report.Millis) time.Duration {
	return time.Duration(float64(m) * float64(time.Millisecond))
}

// Of is what one drill of a mode is expected to take.
func (c Costs) Of(mode holdfast.FailureMode, by holdfast.Drill) time.Duration {
	known, was := c.drills[drilled{mode: mode.Name, fault: by.Fault}]
	switch {
	case was:
		return known
	case mode.Strikes.TakesAll():
		return edgeUnknown
	case mode.Kind == "crash":
		return crashUnknown
	default:
		return otherUnknown
	}
}

// A Purse is a budget that is being spent.
type Purse struct {
	Limit   time.Duration
	Repeat  int // drills of each mode
	Costs   Costs
	Past    map[holdfast.ModeName]Past
	Now     time.Time
	started bool
}

// Refuses says why a drill does not fit any more when so much is spent, if it does
// not. What is not refused counts as made. The first has to bear the start of the
// copy too.
func (p *Purse) Refuses(spent time.Duration, mode holdfast.FailureMode, by holdfast.Drill) string {
	needs := p.Costs.Of(mode, by)*time.Duration(p.Repeat) + ending
	if !p.started {
		needs += p.Costs.start
	}
	if spent+needs <= p.Limit {
		p.started = true
		return ""
	}
	return fmt.Sprintf("not within the budget of %s; %s", event.Short(p.Limit), p.Past[mode.Name].Said(p.Now))
}

// After is how much is spent when a drill was made that fitted, by experience.
func (p *Purse) After(spent time.Duration, mode holdfast.FailureMode, by holdfast.Drill) time.Duration {
	if spent == 0 {
		spent = p.Costs.start
	}
	return spent + p.Costs.Of(mode, by)*time.Duration(p.Repeat)
}
