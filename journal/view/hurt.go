package view

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"holdfast"
	"holdfast/event"
	"holdfast/topology"
)

const (
	// countedLately is how long counts are kept so that an incident can be told from
	// before it opened; maxCounts bounds them: a quarter of an hour of thirty routes.
	countedLately = 15 * time.Minute
	maxCounts     = 2000
	// countSpan is what one count covers, as observe asks for them.
	countSpan = 15 * time.Second
	// lastCount is how long after an incident a count may come that tells of its end.
	lastCount = countSpan + 2*time.Second
	// maxHurtRoutes bounds what is told route by route.
	maxHurtRoutes = 16
)

// A Count is what was asked by a route within some seconds, and answered.
type Count struct {
	At       time.Time            `json:"at,omitzero"`
	Service  holdfast.ServiceName `json:"service"`
	Path     string               `json:"path,omitempty"`
	Asked    uint64               `json:"asked"`
	Failed   uint64               `json:"failed,omitempty"`
	Degraded uint64               `json:"degraded,omitempty"`
	Shed     uint64               `json:"shed,omitempty"`
}

// Hurt is what users saw while an incident was open, of all routes that need what is
// bad in it.
type Hurt struct {
	Since  time.Time `json:"since,omitzero"`  // from when on it is counted
	Before Count     `json:"before,omitzero"` // what was asked in the minutes before, since Before.At
	First  time.Time `json:"first,omitzero"`  // when a request failed first, to within one count
	Last   Count     `json:"last,omitzero"`   // the latest counts that came together
	Routes []Count   `json:"routes,omitempty"`
}

// count books what was counted since a gateway was heard last.
func (s *Incidents) count(at time.Time, in holdfast.Counted) {
	fresh := s.Memory.fresh(at, in)
	m := &s.Memory
	m.Counts = slices.DeleteFunc(m.Counts, func(c Count) bool { return at.Sub(c.At) > countedLately })
	m.Counts = last(append(m.Counts, fresh...), maxCounts)
	for k := range s.All {
		i := &s.All[k]
		if !i.Resolved.IsZero() && at.Sub(i.Resolved) > lastCount {
			continue
		}
		i.Hurt.Last = Count{}
		before := i.Hurt.First
		i.Hurt.add(fresh, i.needing(&m.File))
		if first := i.Hurt.First; before.IsZero() && !first.IsZero() && !first.Before(i.Moments[event.MomentImpact]) {
			i.Moments[event.MomentImpact] = first
		}
	}
}

// fresh is what was counted since then, route by route. Of a gateway of which the
// beginning is missing the first count tells nothing yet.
func (m *memory) fresh(at time.Time, in holdfast.Counted) []Count {
	var all []Count
	for _, count := range in.Routes {
		r, known := m.Lives.Since(in.Gateway, in.Began, count)
		if r.Requests > 0 && (known || m.From <= 1 && !in.OlderThan(m.First)) {
			all = append(all, Count{At: at, Service: r.Service, Path: r.Path, Asked: r.Requests, Failed: r.Failed, Degraded: r.Degraded, Shed: r.Shed})
		}
	}
	return all
}

func (c Count) plus(o Count) Count {
	c.Asked += o.Asked
	c.Failed += o.Failed
	c.Degraded += o.Degraded
	c.Shed += o.Shed
	return c
}

// hurt is what users saw since something is bad, from the counts that are kept. Where
// nothing but a promise is bad, it is bad since the first count, of those that lead up
// to now without a pause, in which a request failed.
func (m *memory) hurt(i *Incident, since time.Time) Hurt {
	need := i.needing(&m.File)
	if i.lead().promised() {
		for _, c := range slices.Backward(m.Counts) {
			if c.Failed == 0 || !need(c) {
				continue
			}
			if since.Sub(c.At) > 4*countSpan {
				break
			}
			since = c.At.Add(-countSpan)
		}
	}
	h := Hurt{Since: since}
	var during []Count
	for _, c := range m.Counts {
		switch {
		case c.At.After(since):
			during = append(during, c)
		case need(c):
			at := h.Before.At
			if at.IsZero() {
				at = c.At.Add(-countSpan)
			}
			h.Before = h.Before.plus(c)
			h.Before.At = at
		}
	}
	h.add(during, need)
	return h
}

// add takes in counts of routes that need what is bad.
func (h *Hurt) add(counts []Count, need func(Count) bool) {
	for _, c := range counts {
		if !need(c) {
			continue
		}
		if c.Failed > 0 && h.First.IsZero() {
			h.First = c.At.Add(-countSpan)
			if h.First.Before(h.Since) {
				h.First = h.Since
			}
		}
		if !h.Last.At.Equal(c.At) {
			h.Last = Count{At: c.At}
		}
		h.Last = h.Last.plus(c)
		h.book(c)
	}
}

func (h *Hurt) book(c Count) {
	c.At = time.Time{}
	k := slices.IndexFunc(h.Routes, func(o Count) bool { return o.Service == c.Service && o.Path == c.Path })
	switch {
	case k >= 0:
		h.Routes[k] = h.Routes[k].plus(c)
	case len(h.Routes) < maxHurtRoutes:
		h.Routes = append(h.Routes, c)
	default: // the last one stands for all that have no row of their own
		h.Routes[maxHurtRoutes-1] = h.Routes[maxHurtRoutes-1].plus(c)
	}
}

// all is what users saw by all routes together.
func (h Hurt) all() Count {
	var sum Count
	for _, c := range h.Routes {
		sum = sum.plus(c)
	}
	return sum
}

// needing tells of counts whether what is asked there needs what is bad.
func (i *Incident) needing(file *holdfast.System) func(Count) bool {
	fails := map[holdfast.ServiceName]bool{}
	everything := false
	kin := topology.KinOf(file)
	for _, p := range i.Parts {
		service := p.Service
		if edge, ok := file.Mode(p.Mode); ok && edge.Strikes.Caller != "" {
			service = edge.Strikes.Caller // its callers see it, whatever stands in
		}
		everything = everything || service == ""
		fails[service] = true
		for other := range kin.Fails(service) {
			fails[other] = true
		}
	}
	return func(c Count) bool { return everything || fails[c.Service] }
}

// users is what users see, or saw, in one sentence with numbers.
func (i *Incident) users() string {
	h := i.Hurt
	if !i.Resolved.IsZero() {
		h.Last = Count{}
		if h.all().Asked == 0 {
			return fmt.Sprintf("No request was counted from %s to %s.", clock(h.Since), clock(i.Resolved))
		}
	}
	return h.sentence()
}

func (h Hurt) sentence() string {
	sum := h.all()
	switch {
	case sum.Asked == 0:
		return fmt.Sprintf("Of what is asked since %s no count has come yet (one comes every %s)%s.", clock(h.Since), event.Short(countSpan), h.before())
	case sum.Failed == 0:
		return fmt.Sprintf("No request failed: %d were answered since %s%s.", sum.Asked, clock(h.Since), degraded(sum))
	}
	text := fmt.Sprintf("%d of %d requests failed since %s (%s)%s", sum.Failed, sum.Asked, clock(cmp.Or(h.First, h.Since)), percent(sum.Failed, sum.Asked), degraded(sum))
	if l := h.Last; l.Asked > 0 && l.Asked < sum.Asked {
		text += fmt.Sprintf("; %d of the last %d", l.Failed, l.Asked)
	}
	if where := h.where(); where != "" {
		text += "; " + where
	}
	return text + "."
}

// before is what comes as a rule by the routes that need what is bad.
func (h Hurt) before() string {
	b := h.Before
	over := h.Since.Sub(b.At)
	if b.Asked == 0 || over < time.Second {
		return "; nothing was asked before"
	}
	rate := fmt.Sprintf("%.1f", float64(b.Asked)/over.Seconds())
	if whole := b.Asked / uint64(over.Seconds()); whole >= 10 {
		rate = fmt.Sprint(whole)
	}
	return fmt.Sprintf("; in the %s before, %s requests a second needed it, and %d of %d failed", ago(over), rate, b.Failed, b.Asked)
}

// where says which routes it is, the worst first.
func (h Hurt) where() string {
	hit := slices.DeleteFunc(slices.Clone(h.Routes), func(c Count) bool { return c.Failed == 0 })
	slices.SortStableFunc(hit, func(a, b Count) int { return cmp.Compare(b.Failed, a.Failed) })
	var words []string
	for _, c := range hit[:min(3, len(hit))] {
		words = append(words, fmt.Sprintf("%d at %s", c.Failed, string(c.Service)+c.Path))
	}
	if len(hit) == 1 {
		return "all at " + string(hit[0].Service) + hit[0].Path
	}
	if len(hit) > 3 {
		words = append(words, fmt.Sprintf("and at %d more routes", len(hit)-3))
	}
	return strings.Join(words, ", ")
}

func degraded(c Count) string {
	if c.Degraded == 0 {
		return ""
	}
	return fmt.Sprintf(", %d of them by what stands in", c.Degraded)
}

// percent is a share that is never rounded to nothing or to all.
func percent(n, of uint64) string {
	if of == 0 {
		return "-"
	}
	share := 100 * float64(n) / float64(of)
	switch {
	case n == of:
		return "100%"
	case share < 0.1:
		return "less than 0.1%"
	case share > 99.9:
		return "more than 99.9%"
	case share < 10:
		return fmt.Sprintf("%.1f%%", share)
	default:
		return fmt.Sprintf("%.0f%%", share)
	}
}

// clock is an instant as people read it in the night, in UTC, which is said once
// where it is first read.
func clock(at time.Time) string { return at.UTC().Format(time.TimeOnly) }
