package prove

import (
	"fmt"
	"time"

	"holdfast/report"
)

// A cut is where a step ends.
type cut struct {
	name report.StepName
	what string
	at   time.Duration // 0: it was never reached
}

// steps cut the way to a whole system where the journal says that it came a step
// further. Of a drill that was restored they add up to its time to restore; of
// one that was not, to the time it was watched, and the last one is where it
// stuck.
func (f facts) steps(s story, d report.Drill) []report.Step {
	if f.byUndo {
		return f.stepsBack(s, d)
	}
	to, done := f.ended, d.Restore != nil
	if done {
		to = f.struckLast() + timeOf(*d.Restore)
	}
	return lay(f.struckLast(), to, f.cuts(s), f.lastStep(s, d))
}

// stepsBack are the steps after our own undo, where nobody else could end it.
func (f facts) stepsBack(s story, d report.Drill) []report.Step {
	if f.undone == 0 {
		return nil
	}
	whom := "every replica of " + string(f.service.Name)
	used := "from taking the fault away until " + whom + " was in use again"
	if d.Restore == nil {
		if _, back := s.backAfter(f, f.undone); back {
			return lay(f.undone, f.ended, nil, cut{name: report.StepSettle, what: "since then, in which users were not whole again"})
		}
		return lay(f.undone, f.ended, nil, cut{name: report.StepReturn, what: "since then, in which " + whom + " was never in use at once"})
	}
	cuts := []cut{{name: report.StepReturn, what: used, at: s.back}}
	settled := cut{name: report.StepSettle, what: "from there until users were whole"}
	if s.back <= f.undone {
		settled.what = "until users were whole"
	}
	return lay(f.undone, f.undone+timeOf(*d.Restore), cuts, settled)
}

// timeOf is a measured time as a duration again.
func timeOf(m report.Millis) time.Duration {
	return time.Duration(float64(m) * float64(time.Millisecond))
}

// cuts are where the journal says that a replica that failed was brought back a
// step further.
func (f facts) cuts(s story) []cut {
	name := string(f.victim.ID.Name())
	decided := "from noticing it to the decision to restart " + name
	if n := len(s.remedies) - 1; n > 0 {
		decided = fmt.Sprintf("from noticing it to the last decision to restart %s, %s before in vain", name, times(n))
	}
	return []cut{
		{name: report.StepNotice, what: "until it was noticed", at: s.detected},
		{name: report.StepDecide, what: decided, at: s.decided},
		{name: report.StepEnd, what: "from deciding that until " + f.victim.ID.String() + " was gone", at: s.gone},
		{name: report.StepStart, what: "until " + s.last.String() + " was started", at: s.started},
		{name: report.StepReady, what: "from the start of " + s.last.String() + " to its first good answer", at: s.admitted},
	}
}

// lastStep is what the rest of the way was: of a drill that was restored until
// users, or the others, were whole too; else what it stuck in.
func (f facts) lastStep(s story, d report.Drill) cut {
	name := f.victim.ID.Name()
	switch {
	case d.Restore != nil && s.restored > s.admitted:
		return cut{name: report.StepSettle, what: "from there until every replica of " + string(f.service.Name) + " was in use"}
	case d.Restore != nil:
		return cut{name: report.StepSettle, what: "from there until users were whole"}
	case s.detected == 0:
		return cut{name: report.StepNotice, what: "in which nobody noticed it"}
	case s.decided == 0:
		return cut{name: report.StepDecide, what: fmt.Sprintf("in which nothing was done about %s", name)}
	case s.started < s.decided:
		return cut{name: report.StepStart, what: fmt.Sprintf("in which %s was not started", name)}
	case s.admitted < s.started:
		return cut{name: report.StepReady, what: fmt.Sprintf("in which %s, started again, gave no good answer", s.last)}
	default:
		return cut{name: report.StepSettle, what: "in which it was not whole all the same"}
	}
}

// tenth is what figures are rounded to.
const tenth = 100 * time.Microsecond

// lay cuts the way from one instant to another. A cut that was never reached, or
// lies before the one before it, is none; the rest of the way is the last step.
func lay(from, to time.Duration, cuts []cut, last cut) []report.Step {
	var steps []report.Step
	at := from
	until := func(c cut, end time.Duration) {
		if took := millis(end-from) - millis(at-from); took > 0 {
			steps = append(steps, report.Step{Name: c.name, What: c.what, Took: took})
		}
		at = max(at, end)
	}
	for _, c := range cuts {
		if c.at > at && c.at <= to+tenth {
			until(c, min(c.at, to)) // what a figure is rounded to may lie before what it was taken from
		}
	}
	until(last, to)
	return rounded(steps)
}

// rounded undoes what subtracting does to tenths.
func rounded(steps []report.Step) []report.Step {
	for i := range steps {
		steps[i].Took = millis(timeOf(steps[i].Took))
	}
	return steps
}

// explained gives the longest step of a drill what the replica printed in it.
func (f facts) explained(steps []report.Step, d report.Drill) []report.Step {
	if i := longestStep(steps); i >= 0 {
		steps[i].Log = f.quiet(steps, d).line
	}
	return steps
}

// quiet is the longest silence of the replica in the longest step; none where it
// printed nothing at all, or nothing of its own doing was waited for.
func (f facts) quiet(steps []report.Step, d report.Drill) silence {
	i := longestStep(steps)
	if i < 0 || !itsOwn(steps[i].Name) {
		return silence{}
	}
	from := f.injected
	if d.From == fromUndo {
		from = f.undone
	}
	for _, before := range steps[:i] {
		from += timeOf(before.Took)
	}
	return longestSilence(f.printedBy(f.victim.ID), from, from+timeOf(steps[i].Took))
}

// itsOwn tells a step in which the replica's own program is what takes the time.
func itsOwn(name report.StepName) bool {
	return name == report.StepEnd || name == report.StepReady || name == report.StepReturn
}

// longestStep is the place of the step that took most, -1 where there is none.
func longestStep(steps []report.Step) int {
	worst := -1
	for i, step := range steps {
		if worst < 0 || step.Took > steps[worst].Took {
			worst = i
		}
	}
	return worst
}

// spent says what most of the way to a whole system was spent on, and what was
// printed meanwhile.
func (f facts) spent(d report.Drill) string {
	i := longestStep(d.Steps)
	if i < 0 {
		return ""
	}
	text := fmt.Sprintf(": %s of it passed %s", report.Short(d.Steps[i].Took), d.Steps[i].What)
	return text + f.quiet(d.Steps, d).text()
}
