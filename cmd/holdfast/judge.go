package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"holdfast"
	"holdfast/api"
	"holdfast/event"
	"holdfast/journal/view"
	"holdfast/proof"
)

// What people say of incidents is judged before it becomes an entry: the journal
// keeps it for ever, and who said it is the one who can put it right.

const (
	// maxName and maxLine bound who says something, and what, in one line.
	maxName, maxLine = 100, 1000
	// longestOverride and longestMaintenance: what is for longer belongs into the file,
	// where others read it.
	longestOverride    = 366 * 24 * time.Hour
	longestMaintenance = 7 * 24 * time.Hour
	// longestWaiver is that of an acceptance.
	longestWaiver = 366 * 24 * time.Hour
	// maxActions bounds what is promised after one incident.
	maxActions = 100
)

// saidByPeople tells whether an input is one of those.
func saidByPeople(in event.Body) bool {
	switch in.(type) {
	case event.Acknowledged, event.Noted, event.Amended, event.Promised, event.Closed, event.Overridden, event.MaintenanceBegan, event.MaintenanceEnded:
		return true
	}
	return false
}

// recordedWithin is how long the record of what was said is waited for: where the
// disk is full, what was said holds all the same.
const recordedWithin = 5 * time.Second

// sayForGood tells the mind, and returns when it is recorded and in every view.
func (a *agent) sayForGood(ctx context.Context, in event.Body) error {
	a.mu.Lock()
	after := a.status.Seq
	a.mu.Unlock()
	if err := a.tell(ctx, in); err != nil {
		return err
	}
	waiting, cancel := context.WithTimeout(ctx, recordedWithin)
	defer cancel()
	done := errors.New("done")
	text := event.Text(in)
	err := a.journal.Follow(waiting, after, func(entries []event.Entry) error {
		if slices.ContainsFunc(entries, func(e event.Entry) bool { return e.Body.Kind() == in.Kind() && event.Text(e.Body) == text }) {
			return done
		}
		return nil
	})
	if errors.Is(err, done) || ctx.Err() == nil {
		return nil
	}
	return ctx.Err()
}

// judge refuses what cannot be meant.
func (a *agent) judge(in event.Body) error {
	verdicts, _, _ := proof.Read(string(a.state)) // none that can be read is none
	now := time.Now()
	a.mu.Lock()
	defer a.mu.Unlock()
	j := judgement{now: now, system: &a.declared, incidents: &a.incidents, duty: a.duty.At(now), verdicts: proof.Newest(verdicts, a.declared.Modes)}
	if problem := j.of(in); problem != nil {
		return problem
	}
	return nil
}

// A judgement is what is known when somebody says something.
type judgement struct {
	now       time.Time
	system    *holdfast.System
	incidents *view.Incidents
	duty      view.Duty
	verdicts  map[holdfast.ModeName]proof.Kept
}

func (j judgement) of(in event.Body) *api.Problem {
	switch in := in.(type) {
	case event.Acknowledged:
		return first(j.open(in.Incident), line("--by", in.By, maxName), line("how", in.Via, maxName))
	case event.Noted:
		return first(j.known(in.Incident), line("--by", in.By, maxName), line("the note", in.Text, event.MaxNote))
	case event.Amended:
		return first(j.known(in.Incident), line("--by", in.By, maxName), line("--why", in.Why, maxLine), j.moment(in))
	case event.Promised:
		return first(j.known(in.Incident), line("--by", in.By, maxName), line("what is to be done", in.What, maxLine), line("--owner", in.Owner, maxName), j.action(in))
	case event.Closed:
		return first(j.over(in.Incident), line("--by", in.By, maxName), j.learnt(in))
	case event.Overridden:
		return first(line("--by", in.By, maxName), j.override(in))
	case event.MaintenanceBegan:
		return first(line("--by", in.By, maxName), line("--why", in.Why, maxLine), j.maintenance(in))
	case event.MaintenanceEnded:
		if len(j.duty.Maintenance) == 0 {
			return &api.Problem{Message: "nothing is being maintained", Hint: "holdfast oncall shows what is"}
		}
		return line("--by", in.By, maxName)
	}
	return nil
}

// first is the first problem there is.
func first(problems ...*api.Problem) *api.Problem {
	for _, p := range problems {
		if p != nil {
			return p
		}
	}
	return nil
}

// line judges a line of text that is kept for ever and shown on terminals.
func line(what, text string, most int) *api.Problem {
	switch {
	case strings.TrimSpace(text) == "":
		return &api.Problem{Code: api.Misused, Message: what + " is missing", Hint: "say it: it is what others will read"}
	case len(text) > most:
		return &api.Problem{Code: api.Misused, Message: fmt.Sprintf("%s is longer than %d bytes", what, most), Hint: "say it shorter, and where more can be read"}
	case strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }):
		return &api.Problem{Code: api.Misused, Message: what + " is not one line of plain text", Hint: "leave out what cannot be seen"}
	}
	return nil
}

func (j judgement) known(id holdfast.IncidentID) *api.Problem {
	if j.incidents.Find(id) == nil {
		return api.NoIncident(id)
	}
	return nil
}

func (j judgement) open(id holdfast.IncidentID) *api.Problem {
	found := j.incidents.Find(id)
	switch {
	case found == nil:
		return api.NoIncident(id)
	case !found.Resolved.IsZero():
		return &api.Problem{Message: fmt.Sprintf("%s is over since %s: there is nothing to acknowledge", id, shown(found.Resolved)), Hint: "holdfast incidents lists what is open"}
	}
	return nil
}

func (j judgement) over(id holdfast.IncidentID) *api.Problem {
	found := j.incidents.Find(id)
	switch {
	case found == nil:
		return api.NoIncident(id)
	case found.Resolved.IsZero():
		return &api.Problem{Message: fmt.Sprintf("%s is still open", id), Hint: "it is over when what is bad is mended; then it can be closed"}
	case found.Closed != nil:
		return &api.Problem{Message: fmt.Sprintf("%s was closed by %s", id, found.Closed.By), Hint: "holdfast incidents show " + string(id)}
	}
	return nil
}

// moment: what people know better lies between the journal's first day and now.
func (j judgement) moment(in event.Amended) *api.Problem {
	moments := []event.Moment{event.MomentImpact, event.MomentDetected, event.MomentPaged, event.MomentAcknowledged, event.MomentMitigated, event.MomentRestored}
	switch {
	case !slices.Contains(moments, in.Moment):
		return &api.Problem{Code: api.Unknown, Message: fmt.Sprintf("there is no moment %q", in.Moment), Hint: "it is one of " + event.Few(moments)}
	case in.To.After(j.now):
		return &api.Problem{Code: api.Misused, Message: shown(in.To) + " lies ahead", Hint: "write when it was, with its date"}
	case in.To.Before(j.now.AddDate(-1, 0, 0)):
		return &api.Problem{Code: api.Misused, Message: shown(in.To) + " is more than a year ago", Hint: "write when it was, with its date"}
	}
	return j.order(in)
}

// order: users are whole again after they were hurt, and not before.
func (j judgement) order(in event.Amended) *api.Problem {
	found := j.incidents.Find(in.Incident)
	if found == nil {
		return nil
	}
	began := found.At(event.MomentImpact)
	for _, whole := range []event.Moment{event.MomentMitigated, event.MomentRestored} {
		ended := found.At(whole)
		switch {
		case in.Moment == whole && in.To.Before(began):
			return &api.Problem{Message: fmt.Sprintf("%s is before its impact began, at %s", shown(in.To), shown(began)), Hint: "if it began earlier, amend impact first"}
		case in.Moment == event.MomentImpact && !ended.IsZero() && in.To.After(ended):
			return &api.Problem{Message: fmt.Sprintf("%s is after it was %s, at %s", shown(in.To), whole, shown(ended)), Hint: "if that was later, amend " + string(whole) + " first"}
		}
	}
	return nil
}

func (j judgement) action(in event.Promised) *api.Problem {
	has := 0
	if found := j.incidents.Find(in.Incident); found != nil {
		has = len(found.Actions)
	}
	switch {
	case in.Number < 1 || in.Number > has+1:
		return &api.Problem{Code: api.Unknown, Message: fmt.Sprintf("%s has no action %d", in.Incident, in.Number), Hint: "holdfast incidents show " + string(in.Incident) + " lists them"}
	case in.Number > maxActions:
		return &api.Problem{Message: fmt.Sprintf("%s has %d actions", in.Incident, has), Hint: "what is promised so often is done by nobody: make a project of it"}
	case in.Due.IsZero():
		return &api.Problem{Code: api.Misused, Message: "--due is missing", Hint: "write until when it will be done: --due 2027-01-31"}
	}
	return nil
}

// learnt: an incident is closed when what failed is declared and its drill passes,
// or when somebody answers for it that it is not, until a day.
func (j judgement) learnt(in event.Closed) *api.Problem {
	if in.Waiver != nil {
		return j.waiver(in)
	}
	if in.Mode == "" {
		return &api.Problem{Code: api.Misused, Message: "it is not said what was learnt", Hint: "--mode MODE that is drilled, or --waive REASON --owner OWNER --until DATE"}
	}
	if _, declared := j.system.Mode(in.Mode); !declared {
		return &api.Problem{Code: api.Unknown, Message: fmt.Sprintf("the file has no failure mode %q", in.Mode), Hint: "holdfast check --explain lists them; or waive it: --waive REASON --owner OWNER --until DATE"}
	}
	kept, drilled := j.verdicts[in.Mode]
	switch {
	case !drilled:
		return &api.Problem{Message: fmt.Sprintf("%s was never drilled to the end", in.Mode), Hint: "holdfast prove " + string(in.Mode)}
	case kept.Verdict != holdfast.Pass:
		return &api.Problem{Message: fmt.Sprintf("the last drill of %s was %s, at %s", in.Mode, kept.Verdict, shown(kept.At)), Hint: "mend it, then: holdfast prove " + string(in.Mode)}
	}
	return nil
}

func (j judgement) waiver(in event.Closed) *api.Problem {
	if in.Mode != "" {
		return &api.Problem{Code: api.Misused, Message: "it is either drilled or waived", Hint: "leave out --mode, or --waive"}
	}
	if p := first(line("--waive", in.Waiver.Reason, maxLine), line("--owner", string(in.Waiver.Owner), maxName)); p != nil {
		return p
	}
	switch left := in.Waiver.Until.Sub(j.now); {
	case in.Waiver.Until.IsZero():
		return &api.Problem{Code: api.Misused, Message: "--until is missing", Hint: "write the day on which it is looked at again: --until 2027-03-31"}
	case left <= 0:
		return &api.Problem{Code: api.Misused, Message: "--until is over already", Hint: "write the day on which it is looked at again"}
	case left > longestWaiver:
		return &api.Problem{Code: api.Misused, Message: "--until is more than a year ahead", Hint: "nobody who says so today will be asked then: write an earlier day"}
	}
	return nil
}

func (j judgement) override(in event.Overridden) *api.Problem {
	schedules, people := []holdfast.ScheduleName{}, []holdfast.PersonName{}
	for _, s := range j.system.OnCall.Schedules {
		schedules = append(schedules, s.Name)
	}
	for _, p := range j.system.OnCall.People {
		people = append(people, p.Name)
	}
	switch {
	case !slices.Contains(schedules, in.Schedule):
		return &api.Problem{Code: api.Unknown, Message: fmt.Sprintf("the file has no schedule %q", in.Schedule), Hint: "it has " + anyOf(schedules)}
	case !slices.Contains(people, in.Person):
		return &api.Problem{Code: api.Unknown, Message: fmt.Sprintf("the file has nobody called %q", in.Person), Hint: "it has " + anyOf(people)}
	case !in.From.Before(in.Until):
		return &api.Problem{Code: api.Misused, Message: "--until is not after --from", Hint: "write the begin and the end"}
	case !in.Until.After(j.now):
		return &api.Problem{Code: api.Misused, Message: "--until is over already", Hint: "write until when " + string(in.Person) + " is on call"}
	case in.Until.Sub(in.From) > longestOverride:
		return &api.Problem{Code: api.Misused, Message: "it is for more than a year", Hint: "change the rotation in the file"}
	}
	return nil
}

func (j judgement) maintenance(in event.MaintenanceBegan) *api.Problem {
	for _, name := range in.Services {
		if _, declared := j.system.Service(name); !declared {
			return &api.Problem{Code: api.Unknown, Message: fmt.Sprintf("the file has no service %q", name), Hint: "holdfast status lists them"}
		}
	}
	switch left := in.Until.Sub(j.now); {
	case left <= 0:
		return &api.Problem{Code: api.Misused, Message: "--until is over already", Hint: "write when it ends: --until 30m, --until 18:00"}
	case left > longestMaintenance:
		return &api.Problem{Code: api.Misused, Message: "--until is more than a week ahead", Hint: "nobody is woken meanwhile: write an earlier time, and again then if need be"}
	}
	return nil
}

// anyOf names what there is to choose from.
func anyOf[N ~string](names []N) string {
	if len(names) == 0 {
		return "none"
	}
	return event.Few(names)
}

// shown is an instant as a person reads it here.
func shown(t time.Time) string { return t.Local().Format("Mon 2006-01-02 15:04:05 MST") }
