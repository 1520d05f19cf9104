package control

import (
	"maps"
	"slices"
	"time"

	"holdfast"
	"holdfast/event"
	"holdfast/promise"
)

// The windows of a rule are long, and remember an outage for as long as they are: the
// slowest for three days. What people are called for is over when users are whole
// again, and not when everything has forgotten it. So a rule that holds by what is
// over is an echo, which nobody hears, until its short window has only seen what came
// after: if it holds then, something is bad still, or anew.

// weighBurning says which rules hold that did not, and which do no longer.
func (m *Mind) weighBurning(l *ledger, p holdfast.Promise, cause event.ID) {
	burning := l.hear(l.Book.Burns(p, m.Calendar.At), p, m.Calendar.At)
	held := map[string]bool{}
	for _, b := range burning {
		held[b.Rule.Name] = true
		if _, before := l.Burning[b.Rule.Name]; !before {
			l.Burning[b.Rule.Name] = m.now.Boot
			m.say(cause, event.Burned{
				Promise: p.Name, Rule: b.Rule.Name, Urgency: b.Rule.Urgency, Bad: b.Long.Bad, All: b.Long.All, Rate: b.Rate, By: l.behind(m.Calendar.At),
			})
		}
	}
	if cooled := m.cool(l, p, held, cause); cooled || len(burning) > 0 {
		m.burns(p, l, burning, cause)
	}
}

// cool says which rules do not hold any more, and whether there is one.
func (m *Mind) cool(l *ledger, p holdfast.Promise, held map[string]bool, cause event.ID) bool {
	cooled := false
	for _, name := range slices.Sorted(maps.Keys(l.Burning)) {
		if !held[name] {
			m.say(cause, event.Cooled{Promise: p.Name, Rule: name, After: max(0, m.now.Boot-l.Burning[name])})
			delete(l.Burning, name)
			cooled = true
		}
	}
	return cooled
}

// hear leaves out of the rules that hold those that do by what is over. Something new
// is told with all of them.
func (l *ledger) hear(burning []promise.Burning, p holdfast.Promise, now time.Time) []promise.Burning {
	maps.DeleteFunc(l.Echoes, func(_ string, until time.Time) bool { return !now.Before(until) })
	echoes := func(b promise.Burning) bool { return !l.Echoes[b.Rule.Name].IsZero() }
	if !slices.ContainsFunc(burning, func(b promise.Burning) bool { return !echoes(b) }) {
		burning = nil
		l.rest(now)
	}
	if len(burning) > 0 && l.over(burning, p, now) {
		for _, b := range burning {
			l.echo(b.Rule, now)
		}
		l.rest(now)
		burning = nil
	}
	l.Quick = quicker(l.Quick, burning)
	return burning
}

// echo has a rule not heard that holds by what is over now.
func (l *ledger) echo(r promise.Rule, now time.Time) {
	if l.Echoes == nil {
		l.Echoes = map[string]time.Time{}
	}
	l.Echoes[r.Name] = now.Add(r.Short)
}

// rest ends what a budget burned by. The rules slower than the quickest one that held
// are echoes even if they do not hold yet: where little is asked from now on, they may
// come to hold by it.
func (l *ledger) rest(now time.Time) {
	slower := false
	for _, r := range promise.Rules() {
		if slower {
			l.echo(r, now)
		}
		slower = slower || r.Name == l.Quick
	}
	l.Quick = ""
}

// over tells whether what a budget burned by is: users are whole again, or, where
// nobody asks, or little is left of it, nothing holds any more but what would have
// been no more than a ticket.
func (l *ledger) over(burning []promise.Burning, p holdfast.Promise, now time.Time) bool {
	if l.Quick == "" {
		return false
	}
	quick := ruleNamed(l.Quick)
	slower := !slices.ContainsFunc(burning, func(b promise.Burning) bool {
		return b.Rule.Urgency == holdfast.Page || b.Rule.Name == quick.Name
	})
	return slower || l.Book.Well(p, quick, now)
}

// quicker is the quickest rule of those that hold and the one that was it so far.
func quicker(than string, burning []promise.Burning) string {
	if len(burning) == 0 {
		return ""
	}
	for _, r := range promise.Rules() {
		if r.Name == than || slices.ContainsFunc(burning, func(b promise.Burning) bool { return b.Rule.Name == r.Name }) {
			return r.Name
		}
	}
	return ""
}

func ruleNamed(name string) promise.Rule {
	for _, r := range promise.Rules() {
		if r.Name == name {
			return r
		}
	}
	return promise.Rule{}
}
