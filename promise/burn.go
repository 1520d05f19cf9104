package promise

import (
	"time"

	"holdfast"
)

// A Rule is one pair of windows in which a budget must not burn too fast: if Spends
// of it would be gone within Long, and it burns so still within Short, somebody has
// to know.
type Rule struct {
	Name    string
	Spends  float64 // share of the budget
	Long    time.Duration
	Short   time.Duration // a twelfth of Long
	Urgency holdfast.Urgency
}

// Rules are those of the SRE workbook, chapter 5, each with a name of its own, so
// that who is woken knows which one it was.
func Rules() []Rule {
	return []Rule{
		{Name: "2% in 1h", Spends: 0.02, Long: time.Hour, Short: 5 * time.Minute, Urgency: holdfast.Page},
		{Name: "5% in 6h", Spends: 0.05, Long: 6 * time.Hour, Short: 30 * time.Minute, Urgency: holdfast.Page},
		{Name: "10% in 1d", Spends: 0.10, Long: 24 * time.Hour, Short: 2 * time.Hour, Urgency: holdfast.Ticket},
		{Name: "10% in 3d", Spends: 0.10, Long: 72 * time.Hour, Short: 6 * time.Hour, Urgency: holdfast.Ticket},
	}
}

// Factor is how many times faster than evenly a budget burns that spends the rule's
// share within its long window: exact, 13.44 and not 14 for 2% of 28 days in an hour.
func (r Rule) Factor(p holdfast.Promise) float64 {
	return r.Spends * float64(p.Window) / float64(r.Long)
}

// Reachable tells whether a rule can ever hold for a promise: a budget that allows
// one request in ten to fail never burns fourteen times as fast, since not more
// than all can fail.
func (r Rule) Reachable(p holdfast.Promise) bool { return r.Factor(p)*allowed(p) < 1 }

// allowed is the share of requests that may be bad.
func allowed(p holdfast.Promise) float64 { return 1 - float64(p.Target) }

// After is how long it takes until somebody is paged when a share of the requests
// is bad from now on, after a time in which none was; false: never.
func After(p holdfast.Promise, bad float64) (time.Duration, bool) {
	best, ever := time.Duration(0), false
	for _, r := range Rules() {
		if r.Urgency != holdfast.Page || bad <= r.Factor(p)*allowed(p) {
			continue
		}
		t := time.Duration(r.Factor(p) * allowed(p) * float64(r.Long) / bad)
		if !ever || t < best {
			best, ever = t, true
		}
	}
	return best, ever
}

// A Burning is a rule that holds, with the counts that it holds by.
type Burning struct {
	Rule  Rule
	Long  Tally
	Short Tally
	// Rate is how many times faster than evenly the budget burns, in the long window.
	Rate float64
}

// Burns are the rules that hold for a promise now, the most urgent first.
//
// A rule holds when both its windows burn at its factor, or when both hold their
// part of all the bad requests that the rule allows in a whole period: the first is
// quick by night, when little is asked, and the second by day. Whichever it is, the
// long window must be over budget beyond chance.
func (b *Book) Burns(p holdfast.Promise, now time.Time) []Burning {
	e := allowed(p)
	if e <= 0 {
		e = least
	}
	expected, age := b.expected(p, now), b.Age(now)
	var all []Burning
	for _, r := range Rules() {
		long, short := b.In(r.Long, now), b.In(r.Short, now)
		f := r.Factor(p)
		spent := long.Share() * young(age, r.Long)
		rate := spent >= f*e && short.Share() >= f*e && short.Bad > 0
		part := r.Spends * e * expected
		count := expected > 0 && float64(long.Bad) >= part && float64(short.Bad) >= part*float64(r.Short)/float64(r.Long)
		if (rate || count) && beyondChance(long, e) {
			all = append(all, Burning{Rule: r, Long: long, Short: short, Rate: spent / e})
		}
	}
	return all
}

// Well tells whether users are whole again, a rule having held: no more was bad
// within its short window than is allowed, and so little that it was hardly chance,
// did the budget burn still as fast as the rule says. Where too little was asked to
// tell, the next longer short window has to tell it, too. That nothing was asked is
// not well.
func (b *Book) Well(p holdfast.Promise, held Rule, now time.Time) bool {
	e := allowed(p)
	for _, r := range Rules() {
		if r.Short < held.Short {
			continue
		}
		switch short := b.In(r.Short, now); {
		case short.Share() > e:
			return false
		case hardlyChance(short, held.Factor(p)*e):
			return true
		}
	}
	return false
}

// young is how much of a window there are counts of. Ten bad requests among the first
// hundred that are ever asked are a tenth of a quarter of a minute, and not of an hour:
// what was before is taken to have been good, as After takes it.
func young(age, window time.Duration) float64 {
	return min(1, float64(age)/float64(window))
}

// least stands for the allowed share of a promise of all requests: one in a
// thousand million.
const least = 1e-9

// enough is how long counts must go back before a whole period is estimated by
// them: a day holds night and noon.
const enough = 24 * time.Hour

// expected is how many requests a whole period has, by those there were; 0 before
// that can be told.
func (b *Book) expected(p holdfast.Promise, now time.Time) float64 {
	age := b.Age(now)
	if age < enough {
		return 0
	}
	seen := min(age, p.Window)
	return float64(b.In(seen, now).All) * float64(p.Window) / float64(seen)
}

// A Budget is how much of what may be bad is left.
type Budget struct {
	Seen    Tally
	Allowed float64 // bad requests, of those seen
	// Left is the share of the budget that is left: 1 of an untouched one, below 0 of
	// one that is overdrawn.
	Left float64
	// Minutes are what is left in minutes of nothing being answered, at the traffic
	// that there was.
	Minutes float64
	// Quiet is set where nothing was asked: then nothing is known, and not all is well.
	Quiet bool
}

// Budget is what is left of a promise's.
func (b *Book) Budget(p holdfast.Promise, now time.Time) Budget {
	seen := b.In(p.Window, now)
	may := allowed(p) * float64(seen.All)
	out := Budget{Seen: seen, Allowed: may, Quiet: seen.All == 0}
	switch {
	case out.Quiet:
	case may > 0:
		out.Left = 1 - float64(seen.Bad)/may
	case seen.Bad == 0:
		out.Left = 1
	}
	out.Minutes = out.Left * allowed(p) * p.Window.Minutes()
	return out
}
