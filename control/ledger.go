package control

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"holdfast"
	"holdfast/event"
	"holdfast/promise"
	"holdfast/topology"
)

// A ledger is what users saw of one promise, and what was found to be behind what
// they saw of it that was bad.
type ledger struct {
	Book    promise.Book             `json:"book"`
	Burning map[string]time.Duration `json:"burning"`          // rules that hold, by since when; the boot clock
	Quick   string                   `json:"quick,omitempty"`  // the quickest that held since one does
	Echoes  map[string]time.Time     `json:"echoes,omitempty"` // rules that hold by what is over, until when they may
	Days    []day                    `json:"days,omitempty"`   // the latest last, those of the promise's window
}

// A day is how many requests were bad on it, by why.
type day struct {
	Day int64             `json:"day"` // since the epoch, UTC
	By  map[string]uint64 `json:"by"`  // at most maxCauses, and unnamed
}

// What bad requests are put down to where no failure mode is known that explains
// them.
const (
	byOverload = "overload"
	byDrill    = "drill"
	unnamed    = "unknown"
	maxCauses  = 32
)

// takeCounted books what users saw since the gateway was heard last, and says which
// budgets burn. A mind that lost its memory beside a living gateway books what is
// counted from then on: all that was bad in that gateway's life did not happen now.
func (m *Mind) takeCounted(in holdfast.Counted) {
	said := m.say(event.ID{}, in)
	var fresh []holdfast.RouteCount
	for _, count := range in.Routes {
		if since, all := m.Lives.Since(in.Gateway, in.Began, count); all || !in.OlderThan(m.Calendar.First) {
			fresh = append(fresh, since)
		}
	}
	for _, p := range m.System.Owed() {
		l := m.ledger(p)
		tally, shed := m.seen(p, fresh)
		l.Book.Add(m.Calendar.At, tally)
		m.attribute(l, p, tally.Bad, shed)
		m.weighBurning(l, p, said)
	}
}

// keepLedgers forgets the promises that are made no more.
func (m *Mind) keepLedgers() {
	owed := m.System.Owed()
	maps.DeleteFunc(m.Ledgers, func(name holdfast.PromiseName, _ *ledger) bool {
		return !slices.ContainsFunc(owed, func(p holdfast.Promise) bool { return p.Name == name })
	})
}

func (m *Mind) ledger(p holdfast.Promise) *ledger {
	l := m.Ledgers[p.Name]
	if l == nil {
		l = &ledger{Burning: map[string]time.Duration{}}
		m.Ledgers[p.Name] = l
	}
	return l
}

// seen is what users saw of a promise in some counts, and how much of what was bad
// is a refusal for want of capacity.
func (m *Mind) seen(p holdfast.Promise, counts []holdfast.RouteCount) (promise.Tally, uint64) {
	var all promise.Tally
	var shed uint64
	for _, c := range counts {
		if !m.covers(p, c) {
			continue
		}
		bad := c.Failed
		switch {
		case p.Within > 0:
			bad = late(p, c)
		case p.Whole:
			bad += c.Degraded
			fallthrough
		default:
			shed += min(c.Shed, c.Failed)
		}
		all.All += c.Requests
		all.Bad += min(bad, c.Requests)
	}
	return all, shed
}

// late are the requests that had no first byte in time.
func late(p holdfast.Promise, c holdfast.RouteCount) uint64 {
	soon := uint64(0)
	for i, bound := range holdfast.WaitBounds() {
		if bound <= p.Within && i < len(c.Waits) {
			soon += c.Waits[i]
		}
	}
	return c.Requests - min(soon, c.Requests)
}

// covers tells whether a route's requests are those that a promise is made for.
func (m *Mind) covers(p holdfast.Promise, c holdfast.RouteCount) bool {
	if p.Journey != "" {
		session, _ := m.System.Session(p.Journey)
		return slices.Contains(session.Asks(), c.Service)
	}
	within := p.Route == "" || p.Route == "/" || c.Path != "" && holdfast.Below(c.Path, p.Route)
	return within && (p.Service == "" || p.Service == c.Service)
}

// attribute puts bad requests down to what is known to fail just now: a drill, the
// want of capacity, a believed failure of what the promise rests on; or to nothing
// that is known.
func (m *Mind) attribute(l *ledger, p holdfast.Promise, bad, shed uint64) {
	if bad == 0 {
		return
	}
	shed = min(shed, bad)
	l.put(m.Calendar.At, p.Window, byOverload, shed)
	l.put(m.Calendar.At, p.Window, m.behind(p), bad-shed)
}

// behind is what fails of what a promise rests on: the failure that is known for
// longest.
func (m *Mind) behind(p holdfast.Promise) string {
	if m.Drill != nil {
		return byDrill
	}
	var worst *failure
	name := ""
	rests := m.rests(p)
	for _, service := range m.System.Services {
		if !rests(service.Name) {
			continue
		}
		m.peers(service, func(r *replica) {
			if f := r.Failure; f != nil && f.Believed && (worst == nil || f.Since < worst.Since) {
				worst, name = f, string(f.Mode)
			}
		})
	}
	for _, mode := range slices.Sorted(maps.Keys(m.Losses)) {
		if l := m.Losses[mode]; l.believed() && rests(l.Service) && (worst == nil || l.Since <= worst.Since) {
			return string(mode)
		}
	}
	return cmp.Or(name, unnamed)
}

// rests tells which services a promise rests on.
func (m *Mind) rests(p holdfast.Promise) func(holdfast.ServiceName) bool {
	if p.Service == "" {
		return func(holdfast.ServiceName) bool { return true }
	}
	all := append(topology.Required(&m.System, p.Service), p.Service)
	return func(name holdfast.ServiceName) bool { return slices.Contains(all, name) }
}

// put adds bad requests to what they are put down to, on their day.
func (l *ledger) put(at time.Time, window time.Duration, cause string, n uint64) {
	if n == 0 {
		return
	}
	today := at.Unix() / int64(24*60*60)
	if k := len(l.Days); k == 0 || l.Days[k-1].Day < today {
		l.Days = append(l.Days, day{Day: today, By: map[string]uint64{}})
	}
	for len(l.Days) > 0 && today-l.Days[0].Day > int64(window/(24*time.Hour)) {
		l.Days = l.Days[1:]
	}
	by := l.Days[len(l.Days)-1].By
	if _, known := by[cause]; !known && len(by) >= maxCauses {
		cause = unnamed
	}
	by[cause] += n
}

// causes are the bad requests of a promise's window, by what they are put down to.
func (l *ledger) causes() map[string]uint64 {
	all := map[string]uint64{}
	for _, d := range l.Days {
		for cause, n := range d.By {
			all[cause] += n
		}
	}
	return all
}

// behind says what most of today's bad requests are put down to.
func (l *ledger) behind(at time.Time) string {
	if len(l.Days) == 0 || l.Days[len(l.Days)-1].Day != at.Unix()/int64(24*60*60) {
		return ""
	}
	by := l.Days[len(l.Days)-1].By
	causes := slices.SortedFunc(maps.Keys(by), func(a, b string) int {
		return cmp.Or(cmp.Compare(by[b], by[a]), cmp.Compare(a, b))
	})
	var words []string
	for _, cause := range causes[:min(2, len(causes))] {
		words = append(words, fmt.Sprintf("%d by %s", by[cause], cause))
	}
	return strings.Join(words, ", ")
}
