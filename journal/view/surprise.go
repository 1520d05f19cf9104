package view

import (
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"holdfast"
	"holdfast/event"
)

// The surprise ledger is the honest score of what a file says of how things fail:
// which share of incidents it had declared before, and had seen drilled. What a live
// drill did is no surprise, and not counted. Of times it gives intervals and
// percentiles: they are skewed, and a mean of them says nothing.

// ledger is the ledger of all incidents that are remembered.
func (s *Incidents) ledger() string {
	var counted []*Incident
	for k := range s.All {
		if !s.All[k].Drill {
			counted = append(counted, &s.All[k])
		}
	}
	if len(counted) == 0 {
		return "SURPRISES\n  no incident yet that was not a drill\n"
	}
	var out strings.Builder
	fmt.Fprintf(&out, "SURPRISES (of %s, drills apart)\n", count(len(counted), "incident"))
	fmt.Fprintf(&out, "  declared before  %s\n", shareOf(counted, (*Incident).foreseen))
	fmt.Fprintf(&out, "  drilled before   %s\n", shareOf(counted, (*Incident).practised))
	if surprises := unforeseen(counted); surprises != "" {
		fmt.Fprintf(&out, "  not foreseen     %s\n", surprises)
	}
	fmt.Fprintln(&out, "\nHOW LONG")
	columns := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(columns, "  \tOF\tSHORTEST\tHALF WITHIN\t90% WITHIN\tLONGEST")
	for _, span := range spans() {
		fmt.Fprintf(columns, "  %s\t%s\n", span.name, spread(counted, span.of))
	}
	columns.Flush()
	return trimLines(out.String())
}

// foreseen tells whether the file had declared what failed.
func (i *Incident) foreseen() bool {
	return slices.ContainsFunc(i.Parts, func(p Part) bool { return p.Facts.Kind != "" })
}

// practised tells whether it had passed its drill before.
func (i *Incident) practised() bool {
	return slices.ContainsFunc(i.Parts, func(p Part) bool { return p.Drilled != nil && p.Drilled.Verdict == holdfast.Pass })
}

// shareOf says how many of how many, and never a percentage of a handful.
func shareOf(all []*Incident, is func(*Incident) bool) string {
	n := 0
	for _, i := range all {
		if is(i) {
			n++
		}
	}
	text := fmt.Sprintf("%d of %d", n, len(all))
	if len(all) >= 10 {
		text += fmt.Sprintf(" (%d%%)", 100*n/len(all))
	}
	return text
}

func unforeseen(all []*Incident) string {
	var names []holdfast.IncidentID
	for _, i := range slices.Backward(all) {
		if !i.foreseen() {
			names = append(names, i.ID)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return event.Few(names) + "; holdfast incidents show ID proposes what to declare"
}

// A span is a time between two moments of an incident.
type span struct {
	name string
	of   func(*Incident) (time.Duration, bool)
}

func spans() []span {
	from := func(m event.Moment) func(*Incident) (time.Duration, bool) {
		return func(i *Incident) (time.Duration, bool) { return i.between(event.MomentImpact, m) }
	}
	return []span{
		{name: "impact to detected", of: from(event.MomentDetected)},
		{name: "paged to acknowledged", of: func(i *Incident) (time.Duration, bool) { return i.between(event.MomentPaged, event.MomentAcknowledged) }},
		{name: "impact to mitigated", of: from(event.MomentMitigated)},
		{name: "impact to restored", of: from(event.MomentRestored)},
	}
}

// between is the time between two moments, where both are known and in that order.
func (i *Incident) between(a, b event.Moment) (time.Duration, bool) {
	from, to := i.At(a), i.At(b)
	if from.IsZero() || to.IsZero() || to.Before(from) {
		return 0, false
	}
	return to.Sub(from), true
}

// spread is how many such times there are, and how they are spread. Percentiles are
// times that were measured, the next larger one where none is exactly there.
func spread(all []*Incident, of func(*Incident) (time.Duration, bool)) string {
	var times []time.Duration
	for _, i := range all {
		if d, ok := of(i); ok {
			times = append(times, d)
		}
	}
	if len(times) == 0 {
		return "0\t-\t-\t-\t-"
	}
	slices.Sort(times)
	at := func(percent int) string { return event.Short(times[(len(times)*percent+99)/100-1]) }
	return fmt.Sprintf("%d\t%s\t%s\t%s\t%s", len(times), event.Short(times[0]), at(50), at(90), event.Short(times[len(times)-1]))
}
