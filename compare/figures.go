package compare

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"holdfast"
	"holdfast/report"
)

// A figure is one thing that is measured of a drill, in a unit in which more is
// worse, and how much of it is noise.
type figure struct {
	name  report.Figure
	of    func(report.Drill) (float64, bool)      // false: it is not measured of such a drill
	bound func(report.Drill) float64              // beyond it is broken
	said  func(side) report.Read                  // of several drills
	noise func(report.Drill) noise                // what moves by itself
	far   func(earlier, now side, n noise) string // with few drills, why it is no noise; "": it is
}

func figures() []figure {
	return []figure{
		timed(report.FigureDetect, func(d report.Drill) *report.Millis { return d.Detect }, func(d report.Drill) report.Millis { return d.Bounds.Detect }),
		timed(report.FigureMitigate, func(d report.Drill) *report.Millis { return d.Mitigate }, func(d report.Drill) report.Millis { return d.Bounds.Mitigate }),
		timed(report.FigureRestore, func(d report.Drill) *report.Millis { return d.Restore }, func(d report.Drill) report.Millis { return d.Bounds.Restore }),
		hurt(),
		slowest(),
		calls(),
	}
}

// timed is a time that a drill has, or that was never reached, which is later
// than any other.
func timed(name report.Figure, of func(report.Drill) *report.Millis, bound func(report.Drill) report.Millis) figure {
	f := figure{
		name: name,
		of: func(d report.Drill) (float64, bool) {
			if at := of(d); at != nil {
				return float64(*at), true
			}
			return math.Inf(1), true
		},
		bound: func(d report.Drill) float64 { return float64(bound(d)) },
		noise: func(d report.Drill) noise { return noiseOf(name, d) },
	}
	f.said = f.saidAsTime
	f.far = f.farApart
	return f
}

// slowest is how long those waited who could not be served.
func slowest() figure {
	f := figure{
		name: report.FigureSlowest,
		of: func(d report.Drill) (float64, bool) {
			if d.Contained == nil {
				return 0, false
			}
			return float64(d.Contained.Slowest), true
		},
		bound: func(d report.Drill) float64 { return float64(d.Contained.Allowed) },
		noise: func(d report.Drill) noise { return noiseOf(report.FigureSlowest, d) },
	}
	f.said = f.saidAsTime
	f.far = f.farApart
	return f
}

// hurt is the share of requests that failed or were late.
func hurt() figure {
	f := figure{
		name:  report.FigureHurt,
		of:    func(d report.Drill) (float64, bool) { return float64(d.Impact), true },
		bound: func(d report.Drill) float64 { return float64(d.Bounds.Impact) },
		noise: func(d report.Drill) noise { return noiseOf(report.FigureHurt, d) },
		far:   moreHurt,
	}
	f.said = func(s side) report.Read {
		c := s.hurt()
		return report.Read{Text: fmt.Sprintf("%d of %d", c.hurt, c.of), Hurt: c.hurt, Of: c.of, Bound: sign(c.share(), f.bound(s.last())) + s.last().Bounds.Impact.String()}
	}
	return f
}

// calls is whether a person was called. It is no matter of more or less: all of
// the one side's drills called nobody, and all of the other's somebody.
func calls() figure {
	return figure{
		name: report.FigureCalls,
		of: func(d report.Drill) (float64, bool) {
			if d.Escalated {
				return 1, true
			}
			return 0, true
		},
		bound: func(report.Drill) float64 { return math.Inf(1) },
		noise: func(report.Drill) noise { return noise{far: step{by: 1}, least: step{by: 1}} },
		said: func(s side) report.Read {
			if s.last().Escalated {
				return report.Read{Text: "a person is called"}
			}
			return report.Read{Text: "nobody is called"}
		},
		far: func(earlier, now side, _ noise) string { return "in every drill" },
	}
}

// shifts are the figures of a mode that moved, in the order of a drill.
func shifts(earlier, now side) []report.Shift {
	var moved []report.Shift
	for _, f := range figures() {
		if shift, did := f.shift(earlier, now); did {
			moved = append(moved, shift)
		}
	}
	if failing := now.fails() > 0; failing && earlier.fails() == 0 && !slices.ContainsFunc(moved, func(s report.Shift) bool { return s.Broken }) {
		moved = append(moved, fails(now))
	} else if !failing && earlier.fails() == len(earlier.counted) && !slices.ContainsFunc(moved, func(s report.Shift) bool { return !s.Worse }) {
		moved = append(moved, passes(earlier))
	}
	return moved
}

// shift says whether a figure moved, which way and how that is known.
func (f figure) shift(earlier, now side) (report.Shift, bool) {
	was, are := f.values(earlier), f.values(now)
	if len(was) == 0 || len(are) == 0 {
		return report.Shift{}, false
	}
	shift := report.Shift{Figure: f.name, Before: f.said(earlier), After: f.said(now)}
	if kept, broken := !f.breaks(earlier), f.breaks(now); kept && broken {
		shift.Worse, shift.Broken = true, true
		shift.Sure = "its bound is broken" + inSome(f, now)
		return shift, true
	}
	if shift.Sure = f.moved(earlier, now, was, are); shift.Sure != "" {
		shift.Worse = true
		return shift, true
	}
	shift.Sure = f.moved(now, earlier, are, was)
	return shift, shift.Sure != ""
}

// moved says how it is known that a figure is higher in the second side; "": it
// is not known.
func (f figure) moved(low, high side, lower, higher []float64) string {
	n := f.noise(high.last())
	if len(lower) < enough || len(higher) < enough {
		if !apart(lower, higher) || !n.far.taken(middle(lower), middle(higher)) {
			return ""
		}
		return f.far(low, high, n)
	}
	chance := risesByChance(lower, higher)
	if chance > byChance || !n.least.taken(middle(lower), middle(higher)) {
		return ""
	}
	return fmt.Sprintf("of %d and %d drills; by chance: %s", len(lower), len(higher), percent(chance))
}

const (
	// enough is how many drills on both sides the ranks need.
	enough = 4
	// byChance is how rarely chance alone may move the ranks so.
	byChance = 0.02
	// hurtByChance is the same for requests counted together. It is strict because
	// requests that one fault hurts are not hurt independently of each other.
	hurtByChance = 0.001
)

// apart tells whether all of one side lie above all of the other.
func apart(lower, higher []float64) bool { return slices.Max(lower) < slices.Min(higher) }

// farApart is the rule for times of few drills.
func (f figure) farApart(earlier, now side, n noise) string {
	return fmt.Sprintf("further than the same system moves by itself (%s)", n.far)
}

// moreHurt is the rule for requests of few drills.
func moreHurt(earlier, now side, _ noise) string {
	chance := growsByChance(earlier.hurt(), now.hurt())
	if chance > hurtByChance {
		return ""
	}
	return "by chance: " + percent(chance)
}

func (f figure) values(s side) []float64 {
	var all []float64
	for _, drill := range s.counted {
		if value, measured := f.of(drill); measured {
			all = append(all, value)
		}
	}
	return all
}

// breaks tells whether any drill of a side is beyond its own bound.
func (f figure) breaks(s side) bool { return f.broken(s) > 0 }

func (f figure) broken(s side) int {
	n := 0
	for _, drill := range s.counted {
		if value, measured := f.of(drill); measured && value > f.bound(drill) {
			n++
		}
	}
	return n
}

// inSome says in how many drills, where there are several.
func inSome(f figure, s side) string {
	if len(s.counted) == 1 {
		return ""
	}
	return fmt.Sprintf(" in %d of %d drills", f.broken(s), len(s.counted))
}

func (f figure) saidAsTime(s side) report.Read {
	values := f.values(s)
	at, bound := middle(values), f.bound(s.lastOf(f))
	read := report.Read{Text: "never", Bound: ">" + report.Short(report.Millis(bound))}
	if !math.IsInf(at, 1) {
		took := report.Millis(at)
		read = report.Read{Text: report.Short(took), Took: &took, Bound: sign(at, bound) + report.Short(report.Millis(bound))}
	}
	return read
}

func sign(value, bound float64) string {
	if value > bound {
		return ">"
	}
	return "≤"
}

// last is a side's last drill that decided something.
func (s side) last() report.Drill { return s.counted[len(s.counted)-1] }

// lastOf is the last of which a figure was measured.
func (s side) lastOf(f figure) report.Drill {
	for _, drill := range slices.Backward(s.counted) {
		if _, measured := f.of(drill); measured {
			return drill
		}
	}
	return s.last()
}

// hurt are the requests of all drills together.
func (s side) hurt() count {
	var c count
	for _, drill := range s.counted {
		c.hurt += drill.Failed + drill.Late
		c.of += drill.Sent
	}
	return c
}

// fails is the shift of a mode that fails by nothing that has a figure.
func fails(now side) report.Shift {
	first := now.counted[slices.IndexFunc(now.counted, func(d report.Drill) bool { return d.Verdict == holdfast.Fail })]
	return report.Shift{
		Figure: report.FigureVerdict, Worse: true, Broken: true,
		Before: report.Read{Text: string(holdfast.Pass)}, After: report.Read{Text: string(holdfast.Fail)},
		Sure: strings.TrimSpace(first.Reason),
	}
}

func passes(earlier side) report.Shift {
	return report.Shift{
		Figure: report.FigureVerdict,
		Before: report.Read{Text: string(holdfast.Fail)}, After: report.Read{Text: string(holdfast.Pass)},
		Sure: "it failed before: " + strings.TrimSpace(earlier.last().Reason),
	}
}

// percent has two digits that say something: "1.4%", "0.00012%".
func percent(chance float64) string {
	if chance < 1e-6 {
		return "less than 0.0001%" // how much less nobody can weigh
	}
	return fmt.Sprintf("%.2g%%", chance*100)
}
