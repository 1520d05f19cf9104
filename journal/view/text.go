package view

import (
	"cmp"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"holdfast"
	"holdfast/event"
)

// Text is the status as a terminal shows it, in the clock of a place: whether
// the system serves, every service, then only what is not as it should be.
func (s *Status) Text(in *time.Location) string {
	var out strings.Builder
	fmt.Fprintln(&out, s.sentence())
	columns := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	if len(s.Services) > 0 {
		fmt.Fprintln(columns, "SERVICE\tADMITTED\tNEEDS\tOWNER")
	}
	for _, service := range s.Services {
		fmt.Fprintf(columns, "%s\t%d/%d\t%d\t%s\n", service.Name, service.Admitted, service.Declared, service.Minimum, cmp.Or(string(service.Owner), "-"))
	}
	columns.Flush()
	for _, service := range s.Services {
		for _, r := range service.Replicas {
			if !s.Stopped && !service.uses(r) {
				fmt.Fprintln(&out, r.text(s.badUnlessStopping(), in))
			}
		}
	}
	for _, f := range s.Failures {
		fmt.Fprintln(&out, f.text(in))
	}
	for _, i := range s.Incidents {
		fmt.Fprintln(&out, string(Bad)+" incident "+i.Line(in))
	}
	for _, p := range s.Pauses {
		fmt.Fprintf(&out, "%s remedies for %s are paused by %s since %s\n", Neutral, cmp.Or(string(p.Service), "everything"), p.By, p.Since.Wall.In(in).Format(time.TimeOnly))
	}
	return event.Plain(strings.TrimRight(trimLines(out.String()), "\n")) + "\n"
}

// sentence says the one thing that matters most.
func (s *Status) sentence() string {
	switch {
	case s.System == "":
		return "nothing is declared"
	case s.Stopped:
		return fmt.Sprintf("%s %s is stopped", Neutral, s.System)
	case s.Stopping:
		return fmt.Sprintf("%s %s is stopping", Neutral, s.System)
	case !s.Serving:
		return fmt.Sprintf("%s %s is not serving: waits for %s", Bad, s.System, strings.Join(s.missing(), ", "))
	case len(s.Failures) > 0:
		return fmt.Sprintf("%s %s is serving, with %s open", Bad, s.System, count(len(s.Failures), "failure"))
	default:
		return fmt.Sprintf("%s %s is serving", Good, s.System)
	}
}

// missing lists the services for which the system does not serve.
func (s *Status) missing() []string {
	var names []string
	for _, service := range s.Services {
		if service.short() {
			names = append(names, string(service.Name))
		}
	}
	return names
}

// text is an open failure as a line.
func (f Failure) text(in *time.Location) string {
	line := strings.Join(strings.Fields(fmt.Sprintf("%s %s %s %s since %s", Bad, f.drillWord(), f.ID, f.Mode, f.Since.Wall.In(in).Format(time.TimeOnly))), " ")
	if f.Detail != "" {
		line += " by " + f.Detail
	}
	if f.Mitigated {
		line += ", mitigated"
	}
	if f.NeedsYou && !strings.HasPrefix(f.Doing, "escalated") {
		line += ", escalated to " + cmp.Or(string(f.Escalated), "nobody")
	}
	if f.Doing != "" {
		line += "; " + f.Doing
	}
	return line
}

// Line is an open incident as a line: its name, how bad it is, what it is, who has it.
func (i OpenIncident) Line(in *time.Location) string {
	drill, who := "", "NOBODY HAS IT: holdfast ack "+string(i.ID)
	if i.Drill {
		drill = event.DrillWord
	}
	switch {
	case i.By != "":
		who = i.By + " has it"
	case i.Under != "":
		who = string(i.Under) + " pages for it"
	case i.Urgency == holdfast.Ticket:
		who = "a ticket for " + cmp.Or(string(i.Owner), "nobody")
	}
	more := ""
	if i.More > 0 {
		more = fmt.Sprintf(" and %d more", i.More)
	}
	return strings.Join(strings.Fields(fmt.Sprintf("%s %s %s since %s: %s%s; %s", drill, i.ID, i.Severity, i.Since.Wall.In(in).Format(time.TimeOnly), i.What, more, who)), " ")
}

// drillWord says of what a live drill may have done that it is one.
func (f Failure) drillWord() string {
	if !f.Drill {
		return ""
	}
	return event.DrillWord
}

// text is a replica that gets no requests as a line.
func (r ReplicaStatus) text(mark Mark, in *time.Location) string {
	who := r.ID.String()
	if r.ID.Incarnation == 0 {
		who = string(r.ID.Name())
	}
	line := fmt.Sprintf("%s %s %s since %s", mark, who, r.State, r.Since.Wall.In(in).Format(time.TimeOnly))
	if r.Reason != "" {
		line += ": " + r.Reason
	}
	return line
}

// badUnlessStopping is the mark of what does not run: that is bad, unless
// somebody asked for it.
func (s *Status) badUnlessStopping() Mark {
	if s.Stopping {
		return Neutral
	}
	return Bad
}

// trimLines takes the spaces away that columns leave at the ends of lines.
func trimLines(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = strings.TrimRight(line, " ")
	}
	return strings.Join(lines, "\n")
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
