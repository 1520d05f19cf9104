package prove

import (
	"fmt"
	"time"

	"holdfast"
	"holdfast/event"
)

// Not all of users' requests can be seen from here, so nothing is counted in
// them: what a drill spends is time. Its own load is a sample of what users meet
// while it lasts, so a request of it that is hurt stands for as long as passes
// until the next one: at 100/s, 200 of them are 2 s in which everything failed, or
// 4 s in which every other request did. A promise of 99.9 % allows 40 m of that in
// 28 days.

// budgetShare is what live drills may spend of what a promise allows where the
// file does not say: a fifth, so that four fifths are left for what nobody has
// planned.
const budgetShare holdfast.Share = 0.2

// A purse is what live drills may spend of a promise, and have.
type purse struct {
	promise holdfast.Promise
	share   holdfast.Share
	spent   time.Duration // by live drills in the promise's window until now
}

// owed says that there is a promise at all. Without one there is nothing to
// spend, and no drill is kept from it.
func (p purse) owed() bool { return p.promise.Target > 0 }

// allowed is for how long everything may fail in the promise's window.
func (p purse) allowed() time.Duration {
	return time.Duration((1 - float64(p.promise.Target)) * float64(p.promise.Window)).Round(time.Millisecond)
}

// ours is what live drills may spend of it, together.
func (p purse) ours() time.Duration {
	return time.Duration(float64(p.share) * float64(p.allowed())).Round(time.Millisecond)
}

// room is what is left of that.
func (p purse) room() time.Duration { return p.ours() - p.spent }

// String is how the purse stands.
func (p purse) String() string {
	return fmt.Sprintf("live drills may spend %s of the %s that the promise of %s allows in %.0f days: %s, of which %s are spent (prove.budget)",
		p.share, event.Short(p.allowed()), p.promise.Target, p.promise.Window.Hours()/24, event.Short(p.ours()), event.Short(p.spent))
}

// refuses says why a drill does not begin that would spend so much.
func (p purse) refuses(foreseen time.Duration) string {
	if !p.owed() || foreseen <= p.room() {
		return ""
	}
	return fmt.Sprintf("it would spend about %s, and %s", event.Short(foreseen), p)
}

// outage is for how long everything failed, as far as so many requests hurt show.
func outage(hurt int, rate float64) time.Duration {
	if rate <= 0 {
		return 0
	}
	return time.Duration(float64(hurt) / rate * float64(time.Second))
}

// foresee is what a drill of a mode will spend: what the last one did, if there
// was one lately, or else all that its bound on impact allows while it is broken.
func foresee(mode holdfast.FailureMode, rate float64, before []spending) time.Duration {
	for i := len(before) - 1; i >= 0; i-- {
		if before[i].Mode == mode.Name && before[i].Ended {
			return before[i].Spent
		}
	}
	return time.Duration(float64(mode.Bounds.Impact) * float64(longestHold(mode, rate)))
}

// strictest is the promise that allows least of those that a service's failure
// can break; none: the zero value.
func strictest(system *holdfast.System, service holdfast.ServiceName) holdfast.Promise {
	var least holdfast.Promise
	for _, p := range system.Owed() {
		if bears(system, p, service) && p.Target > least.Target {
			least = p
		}
	}
	return least
}

// bears tells whether a promise rests on a service.
func bears(system *holdfast.System, p holdfast.Promise, service holdfast.ServiceName) bool {
	switch {
	case p.Journey != "":
		for _, session := range system.Sessions {
			if session.Name != p.Journey {
				continue
			}
			for _, asked := range session.Asks() {
				if needs(system, asked, service) {
					return true
				}
			}
		}
		return false
	case p.Service != "":
		return needs(system, p.Service, service)
	default:
		return true
	}
}
