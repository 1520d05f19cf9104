package main

import (
	"strings"
	"testing"
	"time"

	"holdfast"
	"holdfast/event"
	"holdfast/journal/view"
	"holdfast/proof"
)

// judging knows an incident that is open, one that is over and one that is closed, and
// of three modes one that passed its drill and one that failed it.
func judging() judgement {
	now := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	past := now.Add(-time.Hour)
	return judgement{
		now: now,
		system: &holdfast.System{
			Services: []holdfast.Service{{Name: "cart"}},
			Modes:    []holdfast.FailureMode{{Name: "cart.crash"}, {Name: "cart.hang"}, {Name: "cart.slow"}},
			OnCall:   holdfast.OnCall{People: []holdfast.Person{{Name: "ana"}}, Schedules: []holdfast.Schedule{{Name: "nights"}}},
		},
		incidents: &view.Incidents{All: []view.Incident{
			{ID: "open", Actions: []event.Promised{{Number: 1}}}, {ID: "over", Resolved: past, Moments: map[event.Moment]time.Time{event.MomentImpact: past.Add(-2 * time.Hour), event.MomentMitigated: past}}, {ID: "closed", Resolved: past, Closed: &event.Closed{By: "ben"}},
		}},
		verdicts: map[holdfast.ModeName]proof.Kept{"cart.crash": {Verdict: holdfast.Pass}, "cart.hang": {Verdict: holdfast.Fail, At: past}},
	}
}

// What cannot be meant is refused, and says why; what can is not.
func TestWhatPeopleCannotMeanIsRefused(t *testing.T) {
	j := judging()
	now := j.now
	later, past, far := now.Add(time.Hour), now.Add(-time.Hour), now.AddDate(2, 0, 0)
	waived := func(w event.Waiver) event.Closed {
		w.Owner, w.Reason = "web", "moving"
		return event.Closed{Incident: "over", By: "ana", Waiver: &w}
	}
	override := func(change func(*holdfast.Override)) event.Overridden {
		o := holdfast.Override{Schedule: "nights", Person: "ana", From: now, Until: later, By: "ben"}
		change(&o)
		return event.Overridden{Override: o}
	}
	promise := event.Promised{Incident: "open", Number: 2, What: "a disk", Owner: "ben", Due: later, By: "ana"}
	change := func(p event.Promised, change func(*event.Promised)) event.Promised { change(&p); return p }
	for want, ins := range map[string][]event.Body{
		"": {
			event.Acknowledged{Incident: "open", By: "ana", Via: "link"}, event.Noted{Incident: "closed", By: "ana", Text: "späte Einsicht"},
			event.Amended{Incident: "over", Moment: event.MomentImpact, To: past, By: "ana", Why: "mail"}, promise, change(promise, func(p *event.Promised) { p.Number = 1 }),
			event.Closed{Incident: "over", By: "ana", Mode: "cart.crash"}, waived(event.Waiver{Until: later}), override(func(*holdfast.Override) {}),
			event.MaintenanceBegan{Services: []holdfast.ServiceName{"cart"}, Until: later, By: "ana", Why: "disk"},
		},
		"there is no incident": {
			event.Acknowledged{Incident: "none", By: "ana", Via: "link"}, event.Noted{Incident: "none", By: "ana", Text: "x"}, event.Closed{Incident: "none", By: "ana", Mode: "cart.crash"},
			event.Promised{Incident: "none", Number: 1, What: "x", Owner: "ben", Due: later, By: "ana"}, event.Amended{Incident: "none", Moment: event.MomentImpact, To: past, By: "ana", Why: "mail"},
		},
		"nothing to acknowledge":        {event.Acknowledged{Incident: "over", By: "ana", Via: "link"}},
		"still open":                    {event.Closed{Incident: "open", By: "ana", Mode: "cart.crash"}},
		"was closed by ben":             {event.Closed{Incident: "closed", By: "ana", Mode: "cart.crash"}},
		"never drilled":                 {event.Closed{Incident: "over", By: "ana", Mode: "cart.slow"}},
		"the last drill of cart.hang":   {event.Closed{Incident: "over", By: "ana", Mode: "cart.hang"}},
		"no failure mode":               {event.Closed{Incident: "over", By: "ana", Mode: "cart.flood"}},
		"not said what was learnt":      {event.Closed{Incident: "over", By: "ana"}},
		"--until is missing":            {waived(event.Waiver{})},
		"--until is over already":       {waived(event.Waiver{Until: past}), override(func(o *holdfast.Override) { o.From, o.Until = past.Add(-time.Hour), past }), event.MaintenanceBegan{Until: past, By: "ana", Why: "disk"}},
		"more than a year":              {waived(event.Waiver{Until: far}), override(func(o *holdfast.Override) { o.Until = far })},
		"--by is missing":               {event.Acknowledged{Incident: "open", By: " ", Via: "link"}, event.MaintenanceBegan{Until: later, Why: "disk"}},
		"not one line of plain text":    {event.Noted{Incident: "open", By: "ana", Text: "a\x1b[2Jb"}, event.Acknowledged{Incident: "open", By: "ana\nben", Via: "link"}},
		"longer than":                   {event.Noted{Incident: "open", By: "ana", Text: strings.Repeat("x", event.MaxNote+1)}},
		"there is no moment":            {event.Amended{Incident: "over", Moment: "dinner", To: past, By: "ana", Why: "mail"}},
		"lies ahead":                    {event.Amended{Incident: "over", Moment: event.MomentImpact, To: later, By: "ana", Why: "mail"}},
		"before its impact began":       {event.Amended{Incident: "over", Moment: event.MomentRestored, To: past.Add(-3 * time.Hour), By: "ana", Why: "mail"}},
		"after it was mitigated":        {event.Amended{Incident: "over", Moment: event.MomentImpact, To: now, By: "ana", Why: "mail"}},
		"has no action":                 {change(promise, func(p *event.Promised) { p.Number = 3 }), change(promise, func(p *event.Promised) { p.Number = 0 })},
		"--due is missing":              {change(promise, func(p *event.Promised) { p.Due = time.Time{} })},
		"no schedule":                   {override(func(o *holdfast.Override) { o.Schedule = "days" })},
		"nobody called":                 {override(func(o *holdfast.Override) { o.Person = "eve" })},
		"not after --from":              {override(func(o *holdfast.Override) { o.From = later })},
		"no service":                    {event.MaintenanceBegan{Services: []holdfast.ServiceName{"till"}, Until: later, By: "ana", Why: "disk"}},
		"more than a week":              {event.MaintenanceBegan{Until: far, By: "ana", Why: "disk"}},
		"nothing is being maintained":   {event.MaintenanceEnded{By: "ana"}},
		"--why is missing":              {event.MaintenanceBegan{Until: later, By: "ana"}, event.Amended{Incident: "over", Moment: event.MomentImpact, To: past, By: "ana"}},
		"what is to be done is missing": {change(promise, func(p *event.Promised) { p.What = "" })},
	} {
		for _, in := range ins {
			problem := j.of(in)
			switch {
			case want == "" && problem != nil:
				t.Errorf("%s is refused: %v", event.Text(in), problem)
			case want != "" && (problem == nil || !strings.Contains(problem.Message, want) || problem.Hint == ""):
				t.Errorf("%s: %v, want %q and a next step", event.Text(in), problem, want)
			}
			if !saidByPeople(in) {
				t.Errorf("%s is not taken for what people say", in.Kind())
			}
		}
	}
}
