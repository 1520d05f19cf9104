package kubernetes

import (
	"strings"
	"time"

	"holdfast/diagnostic"
	"holdfast/source"
)

// acceptKey is the annotation in which somebody accepts problems of an object,
// one per line: HF3203 until 2027-03-31 by web: one replica is enough for it.
const acceptKey = "holdfast/accept"

// acceptances are those of all objects. What cannot be read is a problem: nobody
// is to believe that something is accepted when it is not.
func (c *cluster) acceptances(d *source.Document) []diagnostic.Acceptance {
	var all []diagnostic.Acceptance
	for _, o := range c.objects {
		note := o.at("metadata", "annotations", acceptKey)
		if !note.written {
			continue
		}
		for line := range strings.Lines(note.text()) {
			line = strings.TrimSpace(line)
			if line == "" {
				continue
			}
			a, wrong := acceptance(line)
			if wrong != "" {
				d.Report(note.At, diagnostic.Problem{Code: BadAcceptance, Of: o.of(), Message: "this accepts nothing: " + wrong, Label: diagnostic.Shown(line), Help: "write `HF3203 until 2027-03-31 by OWNER: REASON`, one per line"})
				continue
			}
			a.Of, a.File, a.Place = o.of(), d.File.Name, note.At
			all = append(all, a)
		}
	}
	return all
}

// acceptance reads one line, or says what is wrong with its form. Whether there is
// such a code, and whether the day is not over, is for diagnostic.Accept to say.
func acceptance(line string) (diagnostic.Acceptance, string) {
	code, rest, coded := strings.Cut(line, " until ")
	day, rest, dated := strings.Cut(rest, " by ")
	owner, reason, signed := strings.Cut(rest, ":")
	if !coded || !dated || !signed {
		return diagnostic.Acceptance{}, "it is not of the form `CODE until DAY by OWNER: REASON`"
	}
	a := diagnostic.Acceptance{Code: diagnostic.Code(strings.TrimSpace(code)), Owner: strings.TrimSpace(owner), Reason: strings.TrimSpace(reason)}
	until, err := time.Parse(time.DateOnly, strings.TrimSpace(day))
	a.Until = until
	switch {
	case err != nil:
		return a, diagnostic.Tick(day) + " is no day"
	case a.Owner == "":
		return a, "nobody signs it"
	case a.Reason == "":
		return a, "it gives no reason"
	}
	return a, ""
}

// An agreement is what acceptances there are, whether they still hold or not.
type agreement map[subject]bool

// A subject is what a problem and its acceptance have in common.
type subject struct {
	code diagnostic.Code
	of   string
}

func agreed(all []diagnostic.Acceptance) agreement {
	a := agreement{}
	for _, one := range all {
		a[subject{code: one.Code, of: one.Of}] = true
	}
	return a
}

func (a agreement) has(f finding) bool { return a[subject{code: f.Code, of: f.Of}] }
