package prove

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"holdfast"
	"holdfast/event"
	"holdfast/load"
	"holdfast/report"
)

// onTheWay is what an answer may take beyond the timeout of an edge that was
// lost: the caller has to be told, and to tell its own.
const onTheWay = 500 * time.Millisecond

// A loss is what the drill of an edge, or of what users come for, knows beyond that
// of a replica.
type loss struct {
	edge     holdfast.Target // or, of what users come for, the whole service
	timeout  time.Duration
	fatal    bool                   // its caller cannot serve without it, and nothing answers in its place
	covered  bool                   // a fallback does
	covers   map[string]cover       // what does, by the way to it
	callers  []holdfast.ServiceName // who needs the lost service, directly or through others
	owed     []load.Result          // of requests that cannot be answered while it is lost
	itself   []load.Result          // of requests that went straight to what is lost, by that edge, or by the covered routes
	arriving float64                // requests per second of those owed, as planned
}

// contained measures what those saw who could not be served.
func (f facts) contained() *report.Contained {
	if f.loss == nil || !f.loss.fatal {
		return nil
	}
	during := f.whileLost(f.loss.owed)
	seen := load.Impact(during)
	c := &report.Contained{Sent: seen.Sent, Failed: seen.Failed, Allowed: millis(f.loss.timeout + onTheWay), UnderWay: mostAtOnce(during), Bound: f.loss.bound()}
	if len(during) > 0 {
		c.Slowest = millis(slowest(during).Took())
	}
	return c
}

// whileLost picks the requests that were due while the fault was true.
func (f facts) whileLost(results []load.Result) []load.Result {
	var picked []load.Result
	for _, result := range results {
		if result.Intended >= int64(f.injected) && result.Intended < int64(f.undone) {
			picked = append(picked, result)
		}
	}
	return picked
}

// bound is how many requests may wait at once when each is answered as late as
// it may be: those that arrive in that time, and half as many again because
// arrivals are drawn.
func (l *loss) bound() int {
	return int(math.Ceil(1.5*l.arriving*(l.timeout+onTheWay).Seconds())) + 10
}

func slowest(results []load.Result) load.Result {
	return slices.MaxFunc(results, func(a, b load.Result) int { return cmp.Compare(a.Took(), b.Took()) })
}

// mostAtOnce is how many requests were under way at the busiest instant.
func mostAtOnce(results []load.Result) int {
	type step struct {
		at   int64
		more int
	}
	var steps []step
	for _, r := range results {
		steps = append(steps, step{at: r.Sent, more: 1}, step{at: r.Ended, more: -1})
	}
	slices.SortFunc(steps, func(a, b step) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.more, b.more)) })
	now, most := 0, 0
	for _, s := range steps {
		now += s.more
		most = max(most, now)
	}
	return most
}

// overContained says where the loss of an edge was not contained.
func overContained(f facts, d report.Drill) string {
	c := d.Contained
	if c == nil {
		return ""
	}
	var reasons []string
	if c.Slowest > c.Allowed {
		last := slowest(f.whileLost(f.loss.owed))
		reasons = append(reasons, fmt.Sprintf("it did not fail fast: %s took %s, and %s allows %s", describe(last), event.Short(last.Took()), f.loss.edge, report.Short(c.Allowed)))
	}
	if c.UnderWay > c.Bound {
		reasons = append(reasons, fmt.Sprintf("requests piled up: %d waited at once, and %d may", c.UnderWay, c.Bound))
	}
	return strings.Join(reasons, "; ")
}

// straight tells whether a target leads straight to what is lost.
func (l *loss) straight(target string) bool {
	_, covered := l.covers[target]
	return covered || target == l.edge.String()
}
