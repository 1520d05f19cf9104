package view

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"holdfast"
	"holdfast/event"
)

// Show is an incident for who wants to know all of it: what it was, when, who was told,
// and every entry that tells of it, each with its cause. False: it is not remembered.
func (s *Incidents) Show(id holdfast.IncidentID) (string, bool) {
	i := s.Find(id)
	if i == nil {
		return "", false
	}
	var out strings.Builder
	fmt.Fprintf(&out, "%s %s\n", i.news(), i.title(s.System))
	fmt.Fprintf(&out, "%s. %s: %s.\n\n", i.state(), i.Severity, severe(i.Severity))
	for _, text := range []string{
		section("WHAT USERS SAW", append([]string{i.users()}, i.burning(maxParts)...)...),
		section("WHAT FAILED", i.fails(maxParts)...),
		section("TRIED", i.allTried()...),
		section("WITHHELD", i.withheld(maxParts)...),
		section("LAST DRILL", i.lead().drilled(i.Opened)),
		section("CHANGED BEFORE", i.changed(maxChanges)...),
	} {
		fmt.Fprintln(&out, text+"\n")
	}
	fmt.Fprintf(&out, "WHEN (UTC)\n%s\nTOLD\n%s\nTIMELINE (UTC)\n%s", i.moments(), i.toldText(), i.timeline())
	if proposal := s.propose(i); proposal != "" {
		fmt.Fprintf(&out, "\nNO DECLARED MODE ANSWERED FOR THIS\n%s", proposal)
	}
	return event.Plain(trimLines(out.String())), true
}

func (i *Incident) news() Mark {
	if i.Resolved.IsZero() {
		return Bad
	}
	return Good
}

// title is an incident in one line, by its name.
func (i *Incident) title(system holdfast.SystemName) string {
	return fmt.Sprintf("%s: %s %s: %s", i.ID, strings.TrimSpace(i.drillWord()+" "+string(i.Severity)), system, i.what())
}

// state is where an incident stands, in a few words.
func (i *Incident) state() string {
	switch {
	case i.Closed != nil:
		return "Closed by " + i.Closed.By + i.lasted()
	case !i.Resolved.IsZero():
		return "Over" + i.lasted() + "; to be learnt from, and closed"
	case i.By != "":
		return "Open, and " + i.By + " has it"
	case i.Under != "":
		return "Open; " + string(i.Under) + " pages for it"
	default:
		return "Open, and nobody has it"
	}
}

func (i *Incident) lasted() string {
	if i.Resolved.IsZero() {
		return ""
	}
	text := " after " + event.Short(i.Resolved.Sub(i.Opened))
	if i.Reopened > 0 {
		text += fmt.Sprintf(", having come back %d times", i.Reopened)
	}
	return text
}

// allTried is what was tried for each part.
func (i *Incident) allTried() []string {
	var lines []string
	for _, p := range i.Parts {
		for _, line := range p.tried(maxTries) {
			if len(i.Parts) > 1 {
				line = p.name() + ": " + line
			}
			lines = append(lines, line)
		}
	}
	return lines
}

// allMoments are the times that are told of an incident, in their order.
func allMoments() []event.Moment {
	return []event.Moment{event.MomentImpact, event.MomentDetected, event.MomentPaged, event.MomentAcknowledged, event.MomentMitigated, event.MomentRestored}
}

// At is when a moment of an incident was: as people amended it, or as the data say.
func (i *Incident) At(m event.Moment) time.Time {
	for _, a := range slices.Backward(i.Amended) {
		if a.Moment == m {
			return a.To
		}
	}
	return i.Moments[m]
}

// delivered is when the first message was taken over by a provider.
func (i *Incident) delivered() time.Time {
	var first time.Time
	for _, t := range i.Told {
		if t.Purpose == holdfast.Trigger && !t.Delivered.IsZero() && (first.IsZero() || t.Delivered.Before(first)) {
			first = t.Delivered
		}
	}
	return first
}

// moments are those times, each with how long after the impact began it was, and what
// the data say where people amended it.
func (i *Incident) moments() string {
	var out strings.Builder
	impact := i.At(event.MomentImpact)
	line := func(what string, at time.Time) {
		if at.IsZero() {
			fmt.Fprintf(&out, "  %-13s -\n", what)
			return
		}
		fmt.Fprintf(&out, "  %-13s %s  %s", what, at.UTC().Format("2006-01-02 15:04:05.000"), after(at.Sub(impact)))
		for _, a := range i.Amended {
			if string(a.Moment) == what {
				fmt.Fprintf(&out, "; amended by %s: %s (the data say %s)", a.By, a.Why, said(i.Moments[a.Moment]))
			}
		}
		fmt.Fprintln(&out)
	}
	for _, m := range allMoments() {
		line(string(m), i.At(m))
		if m == event.MomentPaged {
			line("delivered", i.delivered())
		}
	}
	return out.String()
}

func said(at time.Time) string {
	if at.IsZero() {
		return "nothing"
	}
	return at.UTC().Format("15:04:05.000")
}

// after is a distance from when the impact began.
func after(d time.Duration) string {
	switch {
	case d == 0:
		return "+0s"
	case d < 0:
		return event.Short(-d) + " before"
	default:
		return "+" + event.Short(d)
	}
}

// toldText is who was told through what, and what came of it.
func (i *Incident) toldText() string {
	if len(i.Told) == 0 {
		return "  nobody\n"
	}
	var out strings.Builder
	columns := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	for _, t := range i.Told {
		fmt.Fprintf(columns, "  %s\t%s\t%s\tvia %s\t%s\n", clock(t.Owed), t.Purpose, cmp.Or(string(t.Person), "who listens"), t.Via, t.result())
	}
	columns.Flush()
	return trimLines(out.String())
}

func (t Told) result() string {
	failed := ""
	if t.Tries > 0 {
		failed = fmt.Sprintf("failed %d times, last: %s", t.Tries, t.Why)
	}
	switch {
	case !t.Delivered.IsZero():
		text := "delivered after " + event.Short(t.Delivered.Sub(t.Owed))
		if t.Receipt != "" {
			text += " (" + cut(t.Receipt, maxReceipt) + ")"
		}
		return strings.TrimSuffix(text+"; "+failed, "; ")
	case t.Void != "":
		return strings.TrimPrefix(failed+"; not sent: "+t.Void, "; ")
	case failed != "":
		return failed
	default:
		return "not handed over yet"
	}
}

// maxReceipt bounds what a provider calls a message.
const maxReceipt = 80

// timeline is every entry that tells of an incident, with its number and its cause's.
func (i *Incident) timeline() string {
	var out strings.Builder
	day := i.firstRow().UTC().Format(time.DateOnly)
	for k, row := range i.Story {
		if on := row.Wall.UTC().Format(time.DateOnly); on != day {
			day = on
			fmt.Fprintf(&out, "      %s\n", day)
		}
		if k == storyBegin && i.Left > 0 {
			fmt.Fprintf(&out, "      … %d entries left out …\n", i.Left)
		}
		fmt.Fprintln(&out, row.Line(time.UTC))
	}
	return out.String()
}

// List is every incident in a line, the latest first, and what is learnt from all of
// them together.
func (s *Incidents) List() string {
	if len(s.All) == 0 {
		return "no incident is remembered\n"
	}
	var out strings.Builder
	columns := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(columns, "\tINCIDENT\tSEVERITY\tOPENED (UTC)\tLASTED\tSTATE\tWHAT")
	for _, i := range slices.Backward(s.All) {
		fmt.Fprintf(columns, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", i.news(), i.ID, strings.TrimSpace(i.drillWord()+" "+string(i.Severity)),
			i.Opened.UTC().Format("2006-01-02 15:04:05"), i.lastedCell(), i.stateCell(), i.what())
	}
	columns.Flush()
	return event.Plain(trimLines(out.String()) + "\n" + s.ledger())
}

func (i *Incident) lastedCell() string {
	if i.Resolved.IsZero() {
		return "-"
	}
	return event.Short(i.Resolved.Sub(i.Opened))
}

func (i *Incident) stateCell() string {
	switch {
	case i.Closed != nil:
		return "closed"
	case !i.Resolved.IsZero():
		return "over, not closed"
	case i.By != "":
		return i.By + " has it"
	case i.Under != "":
		return "with " + string(i.Under)
	default:
		return "NOBODY HAS IT"
	}
}

// what is an incident in a few words.
func (i *Incident) what() string {
	text := i.lead().name()
	if n := len(i.Parts) + i.More; n > 1 {
		text += fmt.Sprintf(" and %d more", n-1)
	}
	return text
}
