package ready

import (
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"holdfast"
)

// mostRows is how many services are shown on a terminal, the least ready first.
const mostRows = 20

// Text is a report for a terminal: what is missing first, and what to do about it.
func (r Report) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s is %s%s\n", r.System, r.Rung, r.missing())
	services := slices.Clone(r.Services)
	slices.SortStableFunc(services, func(a, b Service) int { return int(a.Rung - b.Rung) })
	var rows strings.Builder
	table := tabwriter.NewWriter(&rows, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "SERVICE\tSTANDS AT\tLACKS\tIN\tBECAUSE")
	for _, s := range services[:min(len(services), mostRows)] {
		fmt.Fprintln(table, s.row())
	}
	table.Flush()
	for line := range strings.Lines(rows.String()) {
		b.WriteString(strings.TrimRight(line, " \n") + "\n")
	}
	if more := len(services) - mostRows; more > 0 {
		fmt.Fprintf(&b, "… and %d more, which --format md lists\n", more)
	}
	if next := r.next(services); next != "" {
		fmt.Fprintf(&b, "next: %s\n", next)
	}
	fmt.Fprintf(&b, "drills: %s\n", r.drills())
	for _, a := range r.Attested {
		fmt.Fprintf(&b, "said: %s\n", a.text())
	}
	return b.String()
}

func (r Report) missing() string {
	if r.Rung == Fresh {
		return ": nothing is missing"
	}
	return ", and lacks what makes it " + (r.Rung + 1).String()
}

// row is a service in the table, with the lowest rung that it lacks.
func (s Service) row() string {
	if len(s.Modes) == 0 {
		return fmt.Sprintf("%s\t%s\t%s\t–\tthe file knows no way in which it fails", s.Name, s.Rung, Declared)
	}
	lacking, why := s.lacking()
	if len(lacking) == 0 {
		return fmt.Sprintf("%s\t%s\t–\t–\t", s.Name, s.Rung)
	}
	return fmt.Sprintf("%s\t%s\t%s\t%d of %d\t%s", s.Name, s.Rung, s.Rung+1, len(lacking), len(s.Modes), why)
}

// lacking are the modes without the lowest rung that the service lacks, and why
// that is so of the first; which one that is, unless it is so of all of them.
func (s Service) lacking() ([]Mode, string) {
	var all []Mode
	reasons := map[string]bool{}
	first := ""
	for _, m := range s.Modes {
		for _, l := range m.Lacks {
			if l.Rung == s.Rung+1 {
				if all, reasons[l.Why] = append(all, m), true; first == "" {
					first = l.Why
				}
			}
		}
	}
	if len(reasons) > 1 || len(all) > 0 && len(all) < len(s.Modes) {
		first = string(all[0].Name) + ": " + first
	}
	return all, first
}

// next is the step that brings the least ready service on.
func (r Report) next(services []Service) string {
	if len(services) == 0 || r.Rung == Fresh {
		return ""
	}
	lowest := services[0]
	lacking, _ := lowest.lacking()
	if len(lacking) == 0 {
		return "write in `" + string(lowest.Name) + "` what it is: `command`, or `failure_modes` with `break` and `mend`"
	}
	if lowest.Rung+1 >= Drilled && len(lacking) > 1 {
		return "holdfast prove"
	}
	for _, l := range lacking[0].Lacks {
		if l.Rung == lowest.Rung+1 {
			return l.Next
		}
	}
	return ""
}

// drills says how many failure modes passed, and how little the least drilled of
// them was.
func (r Report) drills() string {
	passed, all := 0, 0
	var least *Mode
	for _, s := range r.Services {
		for _, m := range s.Modes {
			all++
			if m.Shown.Last != holdfast.Pass {
				continue
			}
			if passed++; least == nil || m.Shown.AtLeast < least.Shown.AtLeast {
				least = &m
			}
		}
	}
	said := fmt.Sprintf("%d of %d failure modes passed their last one", passed, all)
	if least != nil {
		said += fmt.Sprintf("; the least drilled, %s, %s (95%% sure)", least.Name, least.Shown.text())
	}
	return said
}

func (a Attested) text() string {
	said := fmt.Sprintf("%q by %s, until %s", a.What, a.By, a.Until.Format(time.DateOnly))
	if a.Expired {
		return "EXPIRED " + said
	}
	return said
}
