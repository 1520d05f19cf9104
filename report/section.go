package report

import (
	"fmt"
	"strings"

	"holdfast"
)

// A row is a drill in the table of behaviours.
type row struct {
	ID, Name string
	Verdict  holdfast.Verdict
	Noticed  cell
	Users    cell
	System   cell
	Hurt     cell
	Told     *cell // how soon those were told who could not be served
	Owner    string
	When     string
	Reason   string
}

// A cell is a figure and its bound. The words say whether it was kept.
type cell struct {
	Text   string
	Bound  string
	Broken bool
}

// A section is a drill in full.
type section struct {
	Row      row
	Open     bool
	Gist     string
	Facts    []fact
	Axis     *axis
	Steps    []stepLine
	Whole    string // what the steps add up to
	First    *hurtLine
	Tolls    []string
	Help     [][]piece
	Hurt     []figureLine
	Evidence []string
	Timeline []momentLine
	LeftOut  string // of the timeline
}

// A figureLine is one figure of a drill against its bound.
type figureLine struct {
	Name string
	cell
	Note string
}

// A stepLine is one stretch of the way to a whole system; X and Wide are its
// place in the bar, in thousandths.
type stepLine struct {
	X, Wide int
	Name    string
	What    string
	Took    string
	Share   string
	Slowest bool
	Log     string
}

// A hurtLine is the first request that was hurt.
type hurtLine struct{ Asked, Got, When, Body string }

// A piece is a stretch of a sentence, or what is to be written into a file.
type piece struct {
	Text string
	Code bool
}

// pieces tell apart what stands between backquotes.
func pieces(text string) []piece {
	var out []piece
	for i, part := range strings.Split(text, "`") {
		if part != "" {
			out = append(out, piece{Text: part, Code: i%2 == 1})
		}
	}
	return out
}

// A momentLine is a line of the timeline, as deep below its causes as it is.
type momentLine struct {
	At   string
	Deep int
	Text string
}

func sectionOf(run Run, t trial, id string) section {
	d := t.Drill
	s := section{
		Row: rowOf(run, t, id), Open: d.Verdict == holdfast.Fail || d.Verdict == holdfast.Aborted,
		Gist: gist(d), Facts: aboutOf(d), Axis: axisOf(d), Hurt: figureLines(d),
	}
	s.Steps, s.Whole = stepLines(d)
	if d.From == "undo" {
		s.Whole += " from our undo"
	}
	var tolls []string
	for _, toll := range d.Tolls {
		tolls = append(tolls, fmt.Sprintf("%s %s: %s failed, %s late", toll.Method, toll.Route, thousands(toll.Failed), thousands(toll.Late)))
	}
	s.Tolls = few(tolls, mostHelp, mostMoment)
	if h := d.First; h != nil {
		s.First = &hurtLine{
			Asked: legible(h.Method+" "+h.Route, mostMoment), Got: legible(h.answer(), mostMoment) + " after " + Short(h.Took),
			When: Short(h.At) + " after the fault", Body: legible(h.Body, mostBody),
		}
	}
	s.Timeline, s.LeftOut = momentLines(d)
	for _, help := range few(d.Help, mostHelp, mostSaid) {
		s.Help = append(s.Help, pieces(help))
	}
	if len(d.Timeline) == 0 { // which has the lines of the evidence, too
		s.Evidence = few(d.Evidence, mostEvidence, mostMoment)
	}
	return s
}

func rowOf(run Run, t trial, id string) row {
	d := t.Drill
	r := row{
		ID: id, Name: legible(t.Name, mostName), Verdict: d.Verdict, Owner: legible(string(d.Owner), mostName), When: "not recorded",
		Reason: legible(d.Reason, mostSaid), Noticed: unmeasured(), Users: unmeasured(), System: unmeasured(), Hurt: unmeasured(),
	}
	if !run.At.IsZero() {
		r.When = run.At.UTC().Format("2006-01-02 15:04")
	}
	if d.Verdict == holdfast.Skip {
		r.When = "never in this run"
		return r
	}
	switch {
	case d.Walks != nil: // nothing notices it, and nobody asks meanwhile
		r.Hurt = cell{Text: d.Walks.answers(), Broken: d.Walks.Differ > 0}
		if d.Restore != nil {
			r.System = timeCell(d.Restore, d.Bounds.Restore)
		}
	case d.measured():
		r.Noticed, r.Users, r.System = timeCell(d.Detect, d.Bounds.Detect), timeCell(d.Mitigate, d.Bounds.Mitigate), timeCell(d.Restore, d.Bounds.Restore)
		r.Hurt = hurtCell(d)
		if d.Contained != nil {
			told := timeCell(&d.Contained.Slowest, d.Contained.Allowed)
			r.Told = &told
		}
	}
	if d.Verdict == holdfast.Invalid { // its figures decide nothing
		r.Noticed.Broken, r.Users.Broken, r.System.Broken, r.Hurt.Broken = false, false, false, false
	}
	return r
}

func unmeasured() cell { return cell{Text: "–"} }

func timeCell(got *Millis, bound Millis) cell {
	switch {
	case got == nil:
		return cell{Text: "never", Bound: "not within " + Short(bound), Broken: true}
	case *got <= bound:
		return cell{Text: Short(*got), Bound: "≤ " + Short(bound)}
	default:
		return cell{Text: beside(*got, bound), Bound: "over " + Short(bound), Broken: true}
	}
}

func hurtCell(d Drill) cell {
	if d.Sent == 0 {
		return cell{Text: "nobody else asked"}
	}
	c := cell{Text: fmt.Sprintf("%s of %s", thousands(d.Failed+d.Late), thousands(d.Sent)), Bound: "≤ " + d.Bounds.Impact.String()}
	if d.Impact > d.Bounds.Impact {
		c.Bound, c.Broken = percent(d.Impact)+", over "+d.Bounds.Impact.String(), true
	}
	return c
}

// gist is a drill in a line, for who does not open it.
func gist(d Drill) string {
	if d.Walks != nil {
		return d.Walks.text()
	}
	if !d.measured() {
		return "not measured"
	}
	parts := []string{
		reachedIn("noticed", d.Detect, "never noticed"), reachedIn("users whole", d.Mitigate, "users never whole"), reachedIn("system whole", d.Restore, "system never whole"),
	}
	if d.Sent > 0 {
		parts = append(parts, hurtCell(d).Text+" hurt")
	}
	return strings.Join(parts, " · ")
}

func reachedIn(what string, at *Millis, never string) string {
	if at == nil {
		return never
	}
	return what + " in " + Short(*at)
}

// aboutOf says what was broken, who saw it and what was done.
func aboutOf(d Drill) []fact {
	broken := string(d.Strikes)
	if d.Fault != "" {
		broken = fmt.Sprintf("%s on %s", d.Fault, d.Strikes)
	}
	if d.Live {
		broken += " (live: what runs in earnest)"
	}
	seen := d.Witness
	if seen == "" {
		seen = "nobody but who broke it"
	}
	if d.Strikes == "" {
		broken, seen = "nothing", ""
	}
	done := strings.Join(d.Remedies, ", ")
	if done == "" && d.Strikes != "" {
		done = "none"
	}
	escalated := ""
	if d.Escalated {
		escalated = "a person was called"
	}
	var facts []fact
	for _, f := range []fact{
		{Name: "broken", Value: broken}, {Name: "seen by", Value: seen}, {Name: "remedies", Value: done},
		{Name: "withheld by", Value: strings.Join(d.Withheld, ", ")}, {Name: "escalated", Value: escalated}, {Name: "owner", Value: string(d.Owner)},
	} {
		if f.Value != "" {
			facts = append(facts, fact{Name: f.Name, Value: legible(f.Value, mostMoment)})
		}
	}
	return facts
}

// figureLines are the figures of a drill against their bounds.
func figureLines(d Drill) []figureLine {
	if !d.measured() {
		return nil
	}
	from := ""
	if d.From == "undo" {
		from = "from our undo: only we could end the fault"
	}
	lines := []figureLine{
		{Name: "noticed in", cell: timeCell(d.Detect, d.Bounds.Detect)},
		{Name: "users whole in", cell: timeCell(d.Mitigate, d.Bounds.Mitigate)},
		{Name: "system whole in", cell: timeCell(d.Restore, d.Bounds.Restore), Note: from},
	}
	sure := ""
	if d.Sent > 0 {
		sure = fmt.Sprintf("%s failed, %s late; 95%% sure: below %s", thousands(d.Failed), thousands(d.Late), percent(d.Below))
	}
	if d.Degraded > 0 {
		sure += fmt.Sprintf("; %s answered by a fallback", thousands(d.Degraded)) + inPlace(d.Instead)
	}
	sure += waited(d)
	lines = append(lines, figureLine{Name: "requests hurt", cell: hurtCell(d), Note: sure})
	if c := d.Contained; c != nil {
		slowest, waiting := timeCell(&c.Slowest, c.Allowed), cell{Text: thousands(c.UnderWay), Bound: "≤ " + thousands(c.Bound)}
		if c.UnderWay > c.Bound {
			waiting.Bound, waiting.Broken = "over "+thousands(c.Bound), true
		}
		lines = append(lines,
			figureLine{Name: "told so in", cell: slowest, Note: fmt.Sprintf("the slowest of %s that needed it, of which %s failed", thousands(c.Sent), thousands(c.Failed))},
			figureLine{Name: "waiting at once", cell: waiting})
	}
	return lines
}

// stepLines are the way to a whole system, and what it took.
func stepLines(d Drill) ([]stepLine, string) {
	total, slowest := Millis(0), 0
	for i, s := range d.Steps {
		total += max(0, s.Took)
		if s.Took > d.Steps[slowest].Took {
			slowest = i
		}
	}
	var lines []stepLine
	passed := Millis(0)
	for i, s := range d.Steps[:min(len(d.Steps), mostSteps)] {
		line := stepLine{
			Name: legible(string(s.Name), mostName), What: legible(s.What, mostMoment), Took: Short(s.Took), Log: legible(s.Log, mostMoment),
			Slowest: i == slowest && len(d.Steps) > 1,
		}
		if total > 0 {
			line.X = int(1000 * passed / total)
			line.Wide = max(2, int(1000*(passed+max(0, s.Took))/total)-line.X)
			line.Share = fmt.Sprintf("%.0f%%", float64(max(0, s.Took)/total)*100)
		}
		passed += max(0, s.Took)
		lines = append(lines, line)
	}
	return lines, Short(total)
}

// momentLines are the timeline: how it began and how it ended, and a word about
// what is left out between where it is too long.
func momentLines(d Drill) ([]momentLine, string) {
	most := mostMoments
	if d.Verdict == holdfast.Pass {
		most /= 2
	}
	deep := depths(d.Timeline)
	over := max(0, len(d.Timeline)-most)
	var lines []momentLine
	for i, m := range d.Timeline {
		if over > 0 && i >= most/2 && i < most/2+over {
			if i == most/2 {
				lines = append(lines, momentLine{Text: fmt.Sprintf("… %s more …", thousands(over))})
			}
			continue
		}
		lines = append(lines, momentLine{At: Short(m.At), Deep: deep[i], Text: legible(m.Text, mostMoment)})
	}
	if over == 0 {
		return lines, ""
	}
	return lines, fmt.Sprintf("%s of %s lines are left out.", thousands(over), thousands(len(d.Timeline)))
}

// depths are how far each moment is below what began it all, within reason.
// Causes stand before what they caused; one that does not is no cause.
func depths(all []Moment) []int {
	deep := make([]int, len(all))
	for i, m := range all {
		if m.Cause > 0 && m.Cause <= i {
			deep[i] = min(deep[m.Cause-1]+1, deepest)
		}
	}
	return deep
}
