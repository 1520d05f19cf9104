package ready

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"holdfast"
	"holdfast/mode"
	"holdfast/oncall"
)

// Facts are what is known beside the file.
type Facts struct {
	Now   time.Time
	Shown map[holdfast.ModeName]Shown // by kept verdicts
}

// A Report is a system's readiness.
type Report struct {
	System   holdfast.SystemName `json:"system"`
	At       time.Time           `json:"at"`
	Rung     Rung                `json:"rung"` // the lowest of the services'
	Services []Service           `json:"services"`
	Attested []Attested          `json:"attested"`
}

// A Service is one with the failure modes that its owner answers for: its own, and
// those of what it depends on.
type Service struct {
	Name  holdfast.ServiceName `json:"name"`
	Rung  Rung                 `json:"rung"` // the lowest of the modes'
	Modes []Mode               `json:"modes"`
}

// A Mode is a failure mode and where it stands.
type Mode struct {
	Name  holdfast.ModeName  `json:"name"`
	Rung  Rung               `json:"rung"`
	Lacks []Lack             `json:"lacks,omitempty"` // lowest first: also what is missing above the rung
	Owner holdfast.OwnerName `json:"owner,omitempty"`
	Told  string             `json:"told,omitempty"` // the policy by which, or whose people are told
	Shown Shown              `json:"shown"`

	declared holdfast.FailureMode
}

// An Attested is what somebody says is so, and whether they still do.
type Attested struct {
	holdfast.Attestation
	Expired bool `json:"expired"`
}

// Of is the readiness of a system.
func Of(system *holdfast.System, facts Facts) Report {
	l := looking{system: system, facts: facts, services: servicesOf(system), audiences: map[[2]string]told{}}
	report := Report{System: system.Name, At: facts.Now, Rung: Fresh, Attested: []Attested{}, Services: []Service{}}
	modes := map[holdfast.ServiceName][]Mode{}
	for _, m := range system.Modes {
		of := m.Strikes.Service
		if m.Strikes.IsEdge() {
			of = m.Strikes.Caller
		}
		modes[of] = append(modes[of], l.mode(m))
	}
	for _, s := range system.Services {
		if s.Once && len(modes[s.Name]) == 0 {
			continue // it runs to its end, and then cannot fail any more
		}
		one := Service{Name: s.Name, Modes: append([]Mode{}, modes[s.Name]...), Rung: Fresh}
		if len(one.Modes) == 0 {
			one.Rung = Undeclared
		}
		for _, m := range one.Modes {
			one.Rung = min(one.Rung, m.Rung)
		}
		report.Rung = min(report.Rung, one.Rung)
		report.Services = append(report.Services, one)
	}
	for _, a := range system.Attested {
		report.Attested = append(report.Attested, Attested{Attestation: a, Expired: facts.Now.UTC().Truncate(24 * time.Hour).After(a.Until)})
	}
	return report
}

// looking is a system while it is looked at.
type looking struct {
	system    *holdfast.System
	facts     Facts
	services  map[holdfast.ServiceName]holdfast.Service
	audiences map[[2]string]told // by policy and owner: many modes have the same
}

// servicesOf are a system's services by name: it may have thousands.
func servicesOf(system *holdfast.System) map[holdfast.ServiceName]holdfast.Service {
	all := map[holdfast.ServiceName]holdfast.Service{}
	for _, s := range system.Services {
		all[s.Name] = s
	}
	return all
}

// told is an audience, and what it lacks; nil is nothing.
type told struct {
	oncall.Audience
	lacks *Lack
}

func (l *looking) mode(m holdfast.FailureMode) Mode {
	audience := l.audience(m)
	one := Mode{Name: m.Name, Owner: m.Owner, Shown: l.facts.Shown[m.Name], declared: m}
	one.Shown.AtLeast = Shows(one.Shown.Passes, one.Shown.Runs)
	one.Told = string(audience.Policy)
	if one.Told == "" {
		one.Told = string(audience.Owner)
	}
	for _, lack := range []*Lack{unowned(m), unseen(m), l.unmended(m), audience.lacks, undrilled(m, one.Shown), stale(m, one.Shown)} {
		if lack != nil {
			one.Lacks = append(one.Lacks, *lack)
		}
	}
	one.Rung = stands(one.Lacks)
	return one
}

func unowned(m holdfast.FailureMode) *Lack {
	if m.Owner != "" {
		return nil
	}
	return &Lack{Rung: Owned, Why: "nobody answers for it", Next: "write `owner: …` at the top of the file, in the service or in the failure mode"}
}

// unseen leaves out what nothing that runs can notice: its drill alone shows it, and
// that is a rung of its own.
func unseen(m holdfast.FailureMode) *Lack {
	if kind, known := mode.Find(m.Kind); len(m.DetectedBy) > 0 || known && len(kind.Evidence) == 0 {
		return nil
	}
	return &Lack{Rung: Detected, Why: "nothing notices it", Next: "let its traffic come through the gateway: `manage: route`"}
}

// unmended lets a person be the remedy where it is written down what they do.
func (l *looking) unmended(m holdfast.FailureMode) *Lack {
	s := l.services[m.Strikes.Service]
	can := slices.ContainsFunc(m.Remedies, func(r holdfast.Remedy) bool {
		return (r != holdfast.RemedyRestart || s.Manage == holdfast.Full) && (r != holdfast.RemedyEject || s.Manage != holdfast.Observe)
	})
	if can || m.Runbook != "" {
		return nil
	}
	return &Lack{Rung: Remediated, Why: "nothing mends it, and nobody wrote down what a person does", Next: "write `runbook: …` in the failure mode, or give it a remedy"}
}

func undrilled(m holdfast.FailureMode, s Shown) *Lack {
	switch s.Last {
	case holdfast.Pass:
		return nil
	case holdfast.Fail:
		return &Lack{Rung: Drilled, Why: "its last drill failed, on " + s.At.Format(time.DateOnly), Next: "holdfast prove " + string(m.Name) + " says why"}
	default:
		return &Lack{Rung: Drilled, Why: "it was never drilled", Next: "holdfast prove " + string(m.Name)}
	}
}

func stale(m holdfast.FailureMode, s Shown) *Lack {
	switch {
	case s.Last != holdfast.Pass:
		return &Lack{Rung: Fresh, Why: "there is no drill that passed", Next: "holdfast prove " + string(m.Name)}
	case s.Stale != "":
		return &Lack{Rung: Fresh, Why: s.Stale, Next: "holdfast prove " + string(m.Name)}
	}
	return nil
}

// audience is whom a mode reaches, looked into once for all that have the same.
func (l *looking) audience(m holdfast.FailureMode) told {
	key := [2]string{string(m.Escalation), string(m.Owner)}
	known, asked := l.audiences[key]
	if !asked {
		known.Audience = oncall.AudienceOf(l.system, m.Escalation, m.Owner, l.facts.Now)
		known.lacks = unreached(known.Audience)
		l.audiences[key] = known
	}
	return known
}

// unreached is what keeps an audience from being reached whatever is asleep or down:
// two people, through two providers, at all times. A pager of others counts for its
// people, whom the file does not know, and for one provider.
func unreached(a oncall.Audience) *Lack {
	of := string(a.Policy)
	if of == "" {
		of = string(a.Owner)
	}
	_, pager := a.Pager()
	lack := Lack{Rung: Escalatable}
	switch providers := a.Providers(); {
	case of == "":
		lack.Why, lack.Next = "there is nobody to tell", "write `owner: …`, who belongs to it in `owners`, and how they are reached in `people` and `channels`"
	case len(a.People) == 0 && !pager:
		lack.Why, lack.Next = "nobody of "+of+" can be told"+because(a.Silent), "write who belongs to it in `owners`, and how they are reached in `people` and `channels`"
	case len(a.People) == 1 && !pager:
		lack.Why, lack.Next = "one person is reached, "+string(a.People[0])+because(a.Silent), "name a second one who may be woken: `"+of+"` tells nobody else"
	case len(providers) < 2:
		lack.Why, lack.Next = "everybody is reached through one provider"+because(providers), "give people a second contact through another channel"
	case len(a.Gaps) > 0:
		gap := a.Gaps[0]
		lack.Why = fmt.Sprintf("by %s nobody is on call from %s until %s", gap.Schedule, gap.From.UTC().Format(minute), gap.Until.UTC().Format(minute))
		lack.Next = "let a rotation without `restrictions` come last in `" + string(gap.Schedule) + "`"
	default:
		return nil
	}
	return &lack
}

const minute = "2006-01-02 15:04Z"

func because(why []string) string {
	if len(why) == 0 {
		return ""
	}
	return ": " + strings.Join(why, ", ")
}
