package prove

import (
	"fmt"
	"slices"
	"time"

	"holdfast"
	"holdfast/event"
	"holdfast/load"
)

// A guard ends a live drill before its time. Guards are asked every lookLive, on
// the results that the verdict is made of and on nothing that comes later.
type guard struct {
	name  string
	trips func(sight) string // why the drill must end now; empty: it may go on
}

// guards are all of them.
func guards() []guard {
	return []guard{
		{name: "abort", trips: tooMuchHurt},
		{name: "budget", trips: tooMuchSpent},
	}
}

// tripped says why the first guard that has something to say ends a drill.
func tripped(all []guard, seen sight) string {
	for _, g := range all {
		if why := g.trips(seen); why != "" {
			return why
		}
	}
	return ""
}

// A sight is what guards look at.
type sight struct {
	results  []load.Result // of requests that must feel no more than the bound
	due      []int64       // when each of them is due, past and to come
	rate     float64
	injected time.Duration
	now      time.Duration
	limit    limit
	purse    purse
}

// A limit is what the abort guard goes by.
type limit struct {
	holdfast.Abort
	// spared are so many requests hurt that a drill within its own bounds may
	// still come to as many. It is 0 where the file says what is too much: that is
	// taken at its word.
	spared int
}

const (
	// Where the file says nothing, a drill ends when half of the requests of two
	// seconds were hurt: twice as long as it takes to see that an answer is late,
	// so that a hang trips it too, and long beyond the second in which a replica
	// that ends is noticed and left out. Where everything fails that is after one
	// second.
	abortHurt   holdfast.Share = 0.5
	abortWithin                = 2 * time.Second
	// fewest is how many requests a share is taken of at least: with fewer in the
	// stretch, of the last so many.
	fewest = 20
)

// limitOf is what ends a live drill of a mode.
func limitOf(consent holdfast.Consent, mode holdfast.FailureMode, rate float64) limit {
	if consent.Abort != nil {
		return limit{Abort: *consent.Abort}
	}
	return limit{
		Abort:  holdfast.Abort{Hurt: abortHurt, Within: abortWithin},
		spared: int(float64(mode.Bounds.Impact) * rate * longestHold(mode, rate).Seconds()),
	}
}

// tooMuchHurt is the abort guard.
func tooMuchHurt(s sight) string {
	lately := s.since(s.stretch())
	share := lately.Share()
	if share <= s.limit.Hurt || s.since(int64(s.injected)).Hurt() <= s.limit.spared {
		return ""
	}
	return fmt.Sprintf("%d of the %d requests of the last %s were hurt, %s, and more than %s end a drill (prove.abort)",
		lately.Hurt(), lately.Sent, event.Short(time.Duration(int64(s.now)-s.stretch())), roughly(share), s.limit.Hurt)
}

// stretch is where the last of the requests begin that the guard goes by.
func (s sight) stretch() int64 {
	from := int64(s.now - s.limit.Within)
	come, _ := slices.BinarySearch(s.due, int64(s.now))
	if last := come - fewest; last >= 0 {
		return min(from, s.due[last])
	} else if come > 0 {
		return min(from, s.due[0])
	}
	return from
}

// since counts the requests that were due from an instant on: as they were
// answered, and as late when nobody has answered them in time. Of who still may
// be answered in time nothing is known.
func (s sight) since(from int64) load.Tally {
	var tally load.Tally
	decided := int64(s.now - late)
	answered := 0
	for _, r := range s.results {
		if r.Intended < from || r.Intended >= int64(s.now) {
			continue
		}
		tally.Sent++
		switch {
		case r.Failed:
			tally.Failed++
		case r.Late:
			tally.Late++
		}
		if r.Intended < decided {
			answered++
		}
	}
	first, _ := slices.BinarySearch(s.due, from)
	last, _ := slices.BinarySearch(s.due, decided)
	waiting := max(0, last-first-answered)
	tally.Sent, tally.Late = tally.Sent+waiting, tally.Late+waiting
	return tally
}

// tooMuchSpent is the cap on what live drills may spend of the promise.
func tooMuchSpent(s sight) string {
	spent := outage(s.since(int64(s.injected)).Hurt(), s.rate)
	if !s.purse.owed() || spent <= s.purse.room() {
		return ""
	}
	return fmt.Sprintf("it has spent %s, and %s", event.Short(spent), s.purse)
}

func roughly(share holdfast.Share) string { return fmt.Sprintf("%.0f%%", float64(share)*100) }
