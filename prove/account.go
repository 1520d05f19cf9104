package prove

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"holdfast"
	"holdfast/event"
	"holdfast/load"
	"holdfast/report"
)

// Bounds of what is kept of one drill, so that a run stays a file that a page can
// show: a system that flaps for minutes says thousands of things.
const (
	mostMoments = 400
	// mostBuckets is one for each tenth of a second that a load may last.
	mostBuckets = int(longest / (100 * time.Millisecond))
)

// Surroundings are what nobody is judged by, and what explains a verdict.
type surroundings struct {
	system    *holdfast.System // that was drilled; nil: nothing is known of its edges
	began     time.Duration    // when the load did; 0: unknown
	witnessed time.Duration    // when the witness was first seen to have seen the fault; 0: never
	printed   []printed        // by replicas of the struck service and of its callers, in order
	traffic   []counted        // when the load began, when it was struck, and when that was over
}

// account tells what happened, beyond the figures that were judged. It is pure.
func (f facts) account(d report.Drill, steps []report.Step, words deed) report.Account {
	marks := f.marks(d)
	return report.Account{
		Live: f.live(), Marks: marks, Steps: steps, First: f.first(), Tolls: tolls(f.judged()), Instead: f.instead(), Waited: f.bridged(),
		Buckets: buckets(f.concerned(), f.injected, f.ended), Timeline: f.timeline(marks, words),
	}
}

// A deed is what was done on purpose, as the timeline says it: to break and to
// put back.
type deed struct{ broke, mended string }

// live tells whether a drill struck what is no part of the private copy.
func (f facts) live() bool {
	return f.service.Manage == holdfast.Observe || f.service.Manage == holdfast.Route
}

// marks are the instants of a drill, counted from the injection whatever its
// figures count from.
func (f facts) marks(d report.Drill) report.Marks {
	undone := millis(f.undone - f.injected)
	marks := report.Marks{
		Witnessed: f.since(f.witnessed), Detected: d.Detect, Mitigated: d.Mitigate, Undone: f.since(f.undone),
		Restored: d.Restore, Ended: f.since(f.ended),
	}
	if f.began != 0 {
		began := millis(f.began - f.injected)
		marks.Began = &began
	}
	if d.From != fromUndo {
		marks.Restored = later(d.Restore, millis(f.struckLast()-f.injected))
		return marks
	}
	marks.Restored = later(d.Restore, undone)
	if f.loss != nil && f.loss.fatal {
		marks.Mitigated = later(d.Mitigate, undone)
	}
	return marks
}

func later(at *report.Millis, by report.Millis) *report.Millis {
	if at == nil {
		return nil
	}
	sum := millis(timeOf(*at) + timeOf(by))
	return &sum
}

// first is the first request that was hurt of those that nobody may hurt; where
// there is none, the first that was not told soon enough that it cannot be served.
func (f facts) first() *report.Hurt {
	for _, result := range f.results {
		if result.Hurt() && result.Ended >= int64(f.injected) {
			return f.hurtOf(result)
		}
	}
	if f.loss == nil {
		return nil
	}
	for _, result := range f.whileLost(f.loss.owed) {
		if result.Took() > f.loss.timeout+onTheWay {
			return f.hurtOf(result)
		}
	}
	return nil
}

func (f facts) hurtOf(r load.Result) *report.Hurt {
	method, route := asked(r)
	if r.Call {
		r.Status = 0 // what a call came to is what its own status says
	}
	return &report.Hurt{
		At: millis(time.Duration(r.Intended) - f.injected), Method: method, Route: route,
		Status: r.Status, Error: r.Error, Body: strings.TrimSpace(r.Body), Took: millis(r.Took()),
	}
}

// asked takes apart what a request asked for: its method, "connect" for a bare
// connection and "call" for one of gRPC, and where it went.
func asked(r load.Result) (method, route string) {
	switch {
	case r.Bare:
		return "connect", r.Target
	case r.Call:
		return "call", r.Target
	case r.Session == "":
		return "GET", r.Target
	}
	words := strings.Fields(r.Target) // "shopping/2 POST storefront:8080/cart"
	if len(words) != 3 {
		return "", r.Target
	}
	return words[1], words[2]
}

// buckets are what users saw by tenths of a second, one of which begins with the
// injection. What was due after the watching is no part of the drill.
func buckets(results []load.Result, injected, ended time.Duration) []report.Bucket {
	due := slices.DeleteFunc(slices.Clone(results), func(r load.Result) bool { return r.Intended >= int64(ended) })
	var all []report.Bucket
	for _, b := range load.Buckets(due, int64(injected)) {
		all = append(all, report.Bucket{
			At: millis(time.Duration(b.At) - injected), Good: b.Good, Degraded: b.Degraded, Failed: b.Failed, Late: b.Late,
			P50: millis(b.P50), Max: millis(b.Max),
		})
	}
	return all[:min(len(all), mostBuckets)]
}

// timeline is everything that the journal says of the drill's time, whoever it is
// about, and what was done and seen beside it.
func (f facts) timeline(marks report.Marks, words deed) []report.Moment {
	told := f.ownMoments(marks, words)
	own := len(told)
	for _, entry := range f.entries {
		if at := entry.At.Boot; f.watched(at) && !f.ours(entry.Body) {
			told = append(told, moment{at: at - f.injected, text: event.Text(entry.Body), id: entry.ID, cause: entry.Cause})
		}
	}
	// What was said in the same instant stays in its order; what was done comes
	// before what that led to, and what was reached after it.
	slices.SortStableFunc(told, func(a, b moment) int { return cmp.Compare(a.at, b.at) })
	return settle(shorten(told, mostMoments, own))
}

// A moment is one line of a timeline before its causes are counted.
type moment struct {
	at        time.Duration
	text      string
	id, cause event.ID
	own       bool // a mark, which is never left out
}

// watched tells whether an instant is of the drill's time.
func (f facts) watched(at time.Duration) bool {
	from := f.injected
	if f.began != 0 {
		from = min(from, f.began)
	}
	return at >= from && at <= f.ended
}

// ours tells what the journal says of our own doing, which the marks say with
// the instant in which it was done, not in which it was written down.
func (f facts) ours(body event.Body) bool {
	switch b := body.(type) {
	case event.FaultInjected:
		return b.ID == f.victim.ID // a blow after it is told by nobody else
	case event.FaultRemoved:
		return true
	default:
		return false
	}
}

// ownMoments are the marks as lines.
func (f facts) ownMoments(marks report.Marks, words deed) []moment {
	var told []moment
	say := func(at *report.Millis, text string) {
		if at != nil && text != "" {
			told = append(told, moment{at: timeOf(*at), text: text, own: true})
		}
	}
	zero := report.Millis(0)
	say(marks.Began, "the load begins")
	say(&zero, words.broke)
	if f.witness != "" {
		say(marks.Witnessed, "witnessed: "+f.witness)
	}
	say(marks.Undone, words.mended)
	say(marks.Mitigated, "users are whole from here on")
	say(marks.Restored, "everything is whole again")
	say(marks.Ended, "the watching ends")
	return told
}

// shorten leaves moments out of the middle, none of our own, and says how many.
func shorten(told []moment, limit, own int) []moment {
	over := len(told) - limit
	if over <= 0 {
		return told
	}
	first := (limit - own) / 2 // of those that are not ours, where the gap begins
	last := first + over       // and where it ends: one more goes, for the line that says so
	var kept []moment
	n := 0
	for _, m := range told {
		if m.own {
			kept = append(kept, m)
			continue
		}
		if n == first {
			kept = append(kept, moment{at: m.at, text: fmt.Sprintf("… %d more …", over+1)})
		}
		if n < first || n > last {
			kept = append(kept, m)
		}
		n++
	}
	return kept
}

// settle counts causes by the places of what is there.
func settle(told []moment) []report.Moment {
	places := map[event.ID]int{}
	all := make([]report.Moment, 0, len(told))
	for i, m := range told {
		one := report.Moment{At: millis(m.at), Text: m.text}
		if !m.cause.IsZero() {
			one.Cause = places[m.cause] // 0 where it is none of these
		}
		if !m.id.IsZero() {
			places[m.id] = i + 1
		}
		all = append(all, one)
	}
	return all
}

// deed is what was done in a drill.
func (f facts) deed() deed {
	return deed{broke: fmt.Sprintf("%s on %s", cmp.Or(f.by.Fault, "the fault"), strikes(f)), mended: "the fault is taken away"}
}
