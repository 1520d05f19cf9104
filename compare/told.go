package compare

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"holdfast"
	"holdfast/report"
)

// because names the step that grew most, where it is the most of what a worse
// time grew by, and what was printed in it.
func because(earlier, now side, shifts []report.Shift) (step, printed string) {
	grown := growth(shifts)
	if grown == 0 {
		return "", ""
	}
	if grew, ok := slowestStep(earlier, now); ok && grew.by >= grown/2 {
		return grew.text(), grew.step.Log
	}
	return byFigures(shifts), ""
}

// growth is by how much the time grew that grew most; infinite for one that is
// never reached any more.
func growth(shifts []report.Shift) report.Millis {
	most := report.Millis(0)
	for _, s := range shifts {
		switch {
		case !s.Worse || s.Before.Took == nil:
		case s.After.Took == nil && s.After.Text == "never":
			return 0 // nothing of what it was spent on came to an end
		case s.After.Took != nil:
			most = max(most, *s.After.Took-*s.Before.Took)
		}
	}
	return most
}

// A growing step is one on both sides.
type growing struct {
	step     report.Step // as it is now
	was, by  report.Millis
	happened bool // before, too
}

func (g growing) text() string {
	text := fmt.Sprintf("%s now takes %s", g.step.Name.Words(), report.Short(g.step.Took))
	if g.happened {
		return text + fmt.Sprintf(" (was %s)", report.Short(g.was))
	}
	return text + ", which was no part of it"
}

// slowestStep is the step that grew most from the drill in the middle of one side
// to that of the other.
func slowestStep(earlier, now side) (growing, bool) {
	was, are := steps(typical(earlier)), typical(now).Steps
	var most growing
	for name, step := range steps(report.Drill{Account: report.Account{Steps: are}}) {
		before, happened := was[name]
		g := growing{step: step, was: before.Took, by: step.Took - before.Took, happened: happened}
		if g.by > most.by || g.by == most.by && g.by > 0 && name < most.step.Name {
			most = g
		}
	}
	return most, most.by > 0
}

// steps adds up the steps of one name: a restart that took three attempts has
// three starts.
func steps(d report.Drill) map[report.StepName]report.Step {
	all := map[report.StepName]report.Step{}
	for _, step := range d.Steps {
		if sum, twice := all[step.Name]; twice {
			step.Took += sum.Took
			step.Log = cmp.Or(step.Log, sum.Log)
		}
		all[step.Name] = step
	}
	return all
}

// typical is the drill whose time to restore is in the middle.
func typical(s side) report.Drill {
	sorted := slices.SortedStableFunc(slices.Values(s.counted), func(x, y report.Drill) int {
		return cmp.Compare(orNever(x.Restore), orNever(y.Restore))
	})
	return sorted[(len(sorted)-1)/2]
}

func orNever(m *report.Millis) float64 {
	if m == nil {
		return math.Inf(1)
	}
	return float64(*m)
}

// byFigures is what the figures say of why, where no steps are told: noticing is
// a part of everything that follows.
func byFigures(shifts []report.Shift) string {
	detect := slices.IndexFunc(shifts, func(s report.Shift) bool { return s.Figure == report.FigureDetect && s.Worse })
	if detect < 0 || len(shifts) == 1 {
		return ""
	}
	return fmt.Sprintf("%s now takes %s (was %s)", report.StepNotice.Words(), shifts[detect].After.Text, shifts[detect].Before.Text)
}

// routesTold bounds how many things that were asked for are named: the rest is
// counted.
const routesTold = 3

// users says who is hurt now, if more are than before.
func users(earlier, now side) string {
	is := now.hurt()
	if is.hurt == 0 || is.share() <= earlier.hurt().share() {
		return ""
	}
	text := fmt.Sprintf("%d requests were hurt", is.hurt)
	if tolls := tolls(now); len(tolls) > 0 {
		text = spelled(tolls)
	}
	if first := firstHurt(now); first != "" {
		text += "; the first: " + first
	}
	return text
}

// tolls adds up those of all drills, the most hurt first.
func tolls(s side) []report.Toll {
	var all []report.Toll
	for _, drill := range s.counted {
		for _, toll := range drill.Tolls {
			at := slices.IndexFunc(all, func(t report.Toll) bool { return t.Method == toll.Method && t.Route == toll.Route })
			if at < 0 {
				all = append(all, toll)
				continue
			}
			all[at].Failed += toll.Failed
			all[at].Late += toll.Late
		}
	}
	slices.SortStableFunc(all, func(x, y report.Toll) int { return cmp.Compare(y.Hurt(), x.Hurt()) })
	return all
}

// spelled is "61 POST storefront/cart failed, 3 GET storefront:8080 were late".
func spelled(tolls []report.Toll) string {
	var parts []string
	left := 0
	for _, t := range tolls {
		if len(parts) >= routesTold {
			left += t.Hurt()
			continue
		}
		if t.Failed > 0 {
			parts = append(parts, fmt.Sprintf("%d %s %s failed", t.Failed, t.Method, t.Route))
		}
		if t.Late > 0 {
			parts = append(parts, fmt.Sprintf("%d %s %s late", t.Late, t.Method, t.Route))
		}
	}
	if left > 0 {
		parts = append(parts, fmt.Sprintf("%d others hurt", left))
	}
	return strings.Join(parts, ", ")
}

// firstHurt is the first request that was hurt, as its user saw it.
func firstHurt(s side) string {
	for _, drill := range s.counted {
		if first := drill.First; first != nil {
			return first.String()
		}
	}
	return ""
}

// help is what would have helped first, where a drill that fails says so.
func help(now side) []string {
	for _, drill := range now.counted {
		if drill.Verdict == holdfast.Fail && len(drill.Help) > 0 {
			return []string{"helps: " + drill.Help[0]}
		}
	}
	return nil
}
