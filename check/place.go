package check

import (
	"cmp"

	"holdfast/diagnostic"
)

// A placing says where a path of keys stands, or the part of it that is written.
type placing func(path ...string) (at diagnostic.Place, whole bool)

// Problems are findings where the file has them.
func Problems(findings []Finding, file string, place func(path ...string) (at diagnostic.Place, whole bool)) []diagnostic.Problem {
	meanings := Codes()
	var all []diagnostic.Problem
	for _, f := range findings {
		at := placing(place).of(f)
		p := diagnostic.Problem{
			Code: f.Code, Severity: cmp.Or(f.Severity, diagnostic.SeverityOf(f.Code, meanings)), Of: f.Of, File: file, Place: at,
			Message: f.Message, Label: f.Label, Note: f.Note, Help: f.Help,
		}
		for _, also := range f.Also {
			if at, _ := place(also.At...); at != p.Place {
				p.Also = append(p.Also, diagnostic.Mark{Place: at, Label: also.Label})
			}
		}
		all = append(all, p)
	}
	diagnostic.Sort(all)
	return all
}

// of is the place of a finding.
func (place placing) of(f Finding) diagnostic.Place {
	at, whole := place(f.At...)
	for _, path := range f.Or {
		if whole {
			break
		}
		if other, written := place(path...); written {
			at, whole = other, true
		}
	}
	return at
}
