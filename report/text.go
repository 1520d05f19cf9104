package report

import (
	"fmt"
	"math"
	"strings"
	"time"
	"unicode/utf8"

	"holdfast"
	"holdfast/diagnostic"
	"holdfast/event"
)

// Text is a run as a terminal shows it: a line about the control run, a line
// per drill with its figures against their bounds, a reason under everything
// that is not PASS, and its ending.
func Text(run Run, paint Paint) string {
	var out strings.Builder
	if run.Control.Sent > 0 {
		out.WriteString(ControlLine(run.Control))
	}
	width, called := 0, byFault(run.Drills)
	for _, drill := range run.Drills {
		width = max(width, len(called(drill)))
	}
	for _, drill := range run.Drills {
		drill.Mode = holdfast.ModeName(called(drill))
		out.WriteString(DrillLines(drill, width, paint))
	}
	return out.String() + Ending(run, paint)
}

// ControlLine tells of the load without fault.
func ControlLine(c Control) string {
	return fmt.Sprintf("control  %s requests at %.0f/s without a fault: %d failed, %d late, 99%% within %s\n",
		thousands(c.Sent), c.Rate, c.Failed, c.Late, Short(Millis(c.P99)))
}

// DrillLines is one drill: its figures, and unless it passed a reason, what would
// help, what the time went into, and the lines that the reason rests on. Width is
// that of the longest mode name.
func DrillLines(d Drill, width int, paint Paint) string {
	var out strings.Builder
	fmt.Fprintf(&out, "%s  %-*s  %s\n", paint.Verdict(d.Verdict), width, plain(string(d.Mode)), figures(d))
	if d.Verdict != holdfast.Pass {
		out.WriteString(wrap("         why: ", shown(d.Reason)))
		for _, line := range d.Help {
			out.WriteString(wrap("         helps: ", plain(line)))
		}
		out.WriteString(stepsLine(d))
		for _, line := range d.Evidence {
			fmt.Fprintf(&out, "         %s\n", plain(line))
		}
		if d.Owner != "" {
			fmt.Fprintf(&out, "         owner: %s\n", plain(string(d.Owner)))
		}
	}
	return out.String()
}

// stepsLine is what the time of a drill that failed went into, where that was more
// than one thing: "steps: notice 2.8ms, start 23ms, ready 362ms".
func stepsLine(d Drill) string {
	if d.Verdict != holdfast.Fail || len(d.Steps) < 2 {
		return ""
	}
	var words []string
	for _, step := range d.Steps {
		words = append(words, fmt.Sprintf("%s %s", plain(string(step.Name)), Short(step.Took)))
	}
	return wrap("         steps: ", strings.Join(words, ", "))
}

// shown is text of strangers in the lines that it has, without what moves a cursor or
// turns text around: a run may be a file that a colleague sent.
func shown(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = plain(line)
	}
	return strings.Join(lines, "\n")
}

// wide is how wide a line of prose is: what a person reads without losing the
// line, in a window that is not the whole screen.
const wide = 100

// wrap sets prose in lines that begin below one another, after a heading. What was
// set off in lines of its own stays so.
func wrap(heading, text string) string {
	var out strings.Builder
	first, rest, quoted := strings.Cut(text, "\n")
	line, indent := heading, strings.Repeat(" ", len(heading))
	for i, word := range strings.Fields(first) {
		switch {
		case i > 0 && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > wide:
			out.WriteString(line + "\n")
			line = indent + word
		case i > 0:
			line += " " + word
		default:
			line += word
		}
	}
	out.WriteString(line + "\n")
	if quoted {
		out.WriteString(rest + "\n")
	}
	return out.String()
}

// Ending counts verdicts, says why when no drill does, and what changed since the
// run that this one was compared with.
func Ending(run Run, paint Paint) string {
	text := fmt.Sprintf("%s  %s  (seed %d)\n", paint.Verdict(run.Verdict), CountedOf(run.Verdict, run.Verdicts()), run.Seed)
	if run.Reason != "" {
		text += "         why: " + shown(run.Reason) + "\n"
	}
	if run.Against != nil {
		text += AgainstText(run.Against, paint)
	}
	return text
}

// CountedOf is Counted of a run with a verdict of its own: where it was broken
// off, something may have been struck.
func CountedOf(run holdfast.Verdict, drills []holdfast.Verdict) string {
	if run == holdfast.Aborted && len(drills) == 0 {
		return "no drill came to its end"
	}
	return Counted(drills)
}

// Counted says how many there are of each verdict: "15 PASS, 1 FAIL".
func Counted(verdicts []holdfast.Verdict) string {
	counts := map[holdfast.Verdict]int{}
	for _, verdict := range verdicts {
		counts[verdict]++
	}
	var parts []string
	for _, verdict := range []holdfast.Verdict{holdfast.Pass, holdfast.Fail, holdfast.Invalid, holdfast.Aborted, holdfast.Skip} {
		if n := counts[verdict]; n > 0 {
			parts = append(parts, fmt.Sprintf("%s %s", thousands(n), verdict))
		}
	}
	if len(parts) == 0 {
		return "nothing was drilled"
	}
	return strings.Join(parts, ", ")
}

// figures are what was measured; where nothing was, there is no never.
func figures(d Drill) string {
	if d.Walks != nil {
		return walked(d)
	}
	if !d.measured() {
		return "not measured"
	}
	return figure("detect", d.Detect, d.Bounds.Detect) + "  " + figure("mitigate", d.Mitigate, d.Bounds.Mitigate) + "  " +
		figure("restore", d.Restore, d.Bounds.Restore) + "  " + hurt(d) + contained(d) + waited(d)
}

// answers are what became of them.
func (w Walks) answers() string {
	return fmt.Sprintf("%d of %d answers differ", w.Differ, w.Answers)
}

func (w Walks) text() string {
	return fmt.Sprintf("%s, in %s", w.answers(), diagnostic.Count(w.Restarts, "restart"))
}

// walked is what was seen of users who were followed.
func walked(d Drill) string {
	text := d.Walks.text()
	if d.Restore != nil {
		text = figure("restore", d.Restore, d.Bounds.Restore) + "  " + text
	}
	return text
}

// figure is a time against its bound: "restore 640ms ≤15s", "restore 20.1s
// >15s", "restore never".
func figure(name string, got *Millis, bound Millis) string {
	if got == nil {
		return pad(name + " never")
	}
	sign := "≤"
	if *got > bound {
		sign = ">"
	}
	return pad(fmt.Sprintf("%s %s %s%s", name, beside(*got, bound), sign, Short(bound)))
}

// beside is a time as it is told beside its bound: "1s >1s" would be a riddle.
func beside(got, bound Millis) string {
	if got > bound && Short(got) == Short(bound) {
		return fmt.Sprintf("%gms", float64(got))
	}
	return Short(got)
}

// inPlace tells what stood in for a lost service apart.
func inPlace(all []Instead) string {
	var parts []string
	for _, i := range all {
		switch i.How {
		case "stale":
			parts = append(parts, fmt.Sprintf("%s a copy at most %s old", thousands(i.Answers), Short(i.Oldest)))
		case "fallback":
			parts = append(parts, thousands(i.Answers)+" the declared body")
		default:
			parts = append(parts, thousands(i.Answers)+" an answer of "+i.How)
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return " (" + strings.Join(parts, ", ") + ")"
}

// waited says that an outage was bridged by waiting: whose requests waited was not
// hurt, and was not served as always either.
func waited(d Drill) string {
	if d.Waited == nil {
		return ""
	}
	return fmt.Sprintf("; %s waited for a replica, p99 %s, the longest %s", thousands(d.Waited.Requests), Short(d.Waited.P99), Short(d.Waited.Longest))
}

// pad keeps the columns of short and long figures in line.
func pad(text string) string {
	const column = 20 // "mitigate 12.4s ≤3m20s" is longer, and rare
	return text + strings.Repeat(" ", max(0, column-len([]rune(text))))
}

// hurt is what users saw, and what that shows: with few requests, none hurt
// does not show that none ever will be.
func hurt(d Drill) string {
	sign := "≤"
	if d.Impact > d.Bounds.Impact {
		sign = ">"
	}
	if d.Sent == 0 && d.Contained != nil {
		return "hurt nobody else, since nobody else asked"
	}
	seen := ""
	if d.Impact > 0 {
		seen = ", " + percent(d.Impact)
	}
	return fmt.Sprintf("hurt %s of %s%s %s%s (95%% sure: below %s)", thousands(d.Failed+d.Late), thousands(d.Sent), seen, sign, d.Bounds.Impact, percent(d.Below))
}

// contained is what those saw who could not be served.
func contained(d Drill) string {
	c := d.Contained
	switch {
	case d.Degraded > 0:
		return fmt.Sprintf("; %s by a fallback", thousands(d.Degraded)) + inPlace(d.Instead)
	case c == nil:
		return ""
	}
	sign := "≤"
	if c.Slowest > c.Allowed {
		sign = ">"
	}
	return fmt.Sprintf("; %s of %s that needed it failed, the slowest in %s %s%s", thousands(c.Failed), thousands(c.Sent), Short(c.Slowest), sign, Short(c.Allowed))
}

// percent has two digits, or one that is not 0 when that takes more: nothing is
// ever sure to be below 0.00%.
func percent(share holdfast.Share) string {
	if share > 0 && share < 0.0001 {
		return fmt.Sprintf("%.1g%%", float64(share)*100)
	}
	return fmt.Sprintf("%.2f%%", float64(share)*100)
}

// Short is a time as a person reads it.
func Short(m Millis) string {
	return event.Short(time.Duration(math.Round(float64(m) * float64(time.Millisecond))))
}

func thousands(n int) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%s,%03d", thousands(n/1000), n%1000)
}

// Paint colours verdicts, or does not. The words carry the meaning; colour only
// adds.
type Paint bool

// Verdict is a verdict in a column of its own.
func (p Paint) Verdict(verdict holdfast.Verdict) string {
	text := fmt.Sprintf("%-7s", verdict)
	if !p {
		return text
	}
	colour := map[holdfast.Verdict]string{holdfast.Pass: "32", holdfast.Fail: "31", holdfast.Invalid: "33", holdfast.Aborted: "33", holdfast.Skip: "2"}[verdict]
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}
