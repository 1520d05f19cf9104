package compare

import (
	"fmt"

	"holdfast/report"
)

const (
	// slower is how much slower an answer without any fault may be before it is
	// said that the machine may be another: it doubles by itself when somebody
	// else computes beside it.
	slower = 3
	// slowerBy leaves out what nobody notices.
	slowerBy = 10 // milliseconds
	// rateApart is how different two rates may be and still be called one: a
	// control run halves it, or leaves it.
	rateApart = 0.05
)

// cautions are what a reader has to know before believing a comparison.
func cautions(before, after report.Run) []string {
	var all []string
	say := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	if before.System != after.System {
		say("the earlier run is of another system, %s", before.System)
	}
	if was, is := before.Control, after.Control; was.Sent > 0 && is.Sent > 0 {
		if apart := (is.Rate - was.Rate) / was.Rate; apart > rateApart || apart < -rateApart {
			say("the load was %.0f/s and is %.0f/s: counts of requests do not compare, and times with care", was.Rate, is.Rate)
		}
		if slow, fast := max(is.P99, was.P99), min(is.P99, was.P99); slow > fast*slower && slow-fast > slowerBy {
			say("without any fault 99%% of requests were answered within %s, and within %s now: another machine, or a busy one, moves times by itself", report.Short(report.Millis(was.P99)), report.Short(report.Millis(is.P99)))
		}
	}
	if before.Reason != "" {
		say("the earlier run did not come to its end: %s", before.Reason)
	}
	if after.Reason != "" {
		say("this run did not come to its end: %s", after.Reason)
	}
	return all
}

// notes say what else is different between two sides of one mode: bounds that
// the file changed, above all. A behaviour that only its bound made good is not
// better.
func notes(earlier, now side) []string {
	was, is := earlier.last().Bounds, now.last().Bounds
	var all []string
	for _, b := range []struct {
		name    report.Figure
		was, is report.Millis
	}{
		{name: report.FigureDetect, was: was.Detect, is: is.Detect},
		{name: report.FigureMitigate, was: was.Mitigate, is: is.Mitigate},
		{name: report.FigureRestore, was: was.Restore, is: is.Restore},
	} {
		if b.was != b.is {
			all = append(all, fmt.Sprintf("its bound on %s was %s and is %s", b.name, report.Short(b.was), report.Short(b.is)))
		}
	}
	if was.Impact != is.Impact {
		all = append(all, fmt.Sprintf("its bound on requests hurt was %s and is %s", was.Impact, is.Impact))
	}
	return all
}
