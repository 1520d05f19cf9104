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

// acceptance reads one line, or says what is wrong with it.
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
	case !isCode(a.Code):
		return a, diagnostic.Tick(code) + " is no code of a problem of Kubernetes objects"
	case a.Owner == "":
		return a, "nobody signs it"
	case a.Reason == "":
		return a, "it gives no reason"
	}
	return a, ""
}

// isCode leaves out the codes that cannot be accepted.
func isCode(code diagnostic.Code) bool {
	for _, m := range Codes() {
		if m.Code == code {
			return code != BadAcceptance
		}
	}
	return false
}

// An agreement is which acceptances hold, by code and object.
type agreement map[diagnostic.Code]map[string]time.Time

func agreed(all []diagnostic.Acceptance) agreement {
	a := agreement{}
	for _, one := range all {
		if a[one.Code] == nil {
			a[one.Code] = map[string]time.Time{}
		}
		if one.Until.After(a[one.Code][one.Of]) {
			a[one.Code][one.Of] = one.Until
		}
	}
	return a
}

// holds says that somebody has accepted a finding, and that the last day of it is
// not over.
func (a agreement) holds(f finding, today time.Time) bool {
	until, there := a[f.Code][f.Of]
	return there && today.Before(until.AddDate(0, 0, 1))
}
