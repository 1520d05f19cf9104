package report

import (
	"strings"

	"holdfast"
	"holdfast/diagnostic"
)

// A Where is where a file says the thing that a mode strikes. File is empty where
// that is not known.
type Where func(holdfast.ModeName) (file string, at diagnostic.Place)

// GitHub shows a run as GitHub's workflow commands, which it puts beside the lines
// of a pull request: an error for what fails or broke, a warning for what got
// worse or decided nothing. Under them is the text, for the log of the step.
func GitHub(run Run, where Where) string {
	var out strings.Builder
	said := map[holdfast.ModeName]bool{}
	annotate := func(severity diagnostic.Severity, mode holdfast.ModeName, text string) {
		file, at := where(mode)
		said[mode] = true
		out.WriteString(diagnostic.Annotation(severity, file, at, string(mode), text))
	}
	if run.Against != nil {
		for _, d := range run.Against.Deltas {
			switch {
			case d.Broken:
				annotate(diagnostic.Error, d.Mode, noted(run.Against, d))
			case d.What == Worse:
				annotate(diagnostic.Warning, d.Mode, noted(run.Against, d))
			}
		}
	}
	for _, d := range run.Drills {
		switch {
		case said[d.Mode]:
		case d.Verdict == holdfast.Fail:
			annotate(diagnostic.Error, d.Mode, plain(d.Reason)+"\nowner: "+orNobody(d.Owner))
		case d.Verdict == holdfast.Invalid || d.Verdict == holdfast.Aborted:
			annotate(diagnostic.Warning, d.Mode, string(d.Verdict)+": "+plain(d.Reason))
		}
	}
	for line := range strings.Lines(Text(run, false)) {
		out.WriteString(diagnostic.NoCommand(line))
	}
	return out.String()
}

// noted is a delta with all that belongs to it.
func noted(a *Against, d Delta) string {
	lines := []string{a.Headline(d)}
	for _, line := range d.lines() {
		lines = append(lines, plain(line))
	}
	return strings.Join(lines, "\n")
}
