package prove

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"holdfast"
	"holdfast/event"
	"holdfast/load"
	"holdfast/report"
)

// hookFacts are the facts of a drill by a hook. They are judged apart, because
// nothing but a command broke it, somebody else may mend it before we do, and
// what is struck may run elsewhere.
type hookFacts struct{ facts }

// A telling is what the copy's journal says of what a hook broke. Instants are 0
// where nothing of the kind was said.
type telling struct {
	ejected, detected, back time.Duration
	out                     map[holdfast.ReplicaName]holdfast.Ejected // that look bad at the end, used or not
	remedies, withheld      []string
	escalated               bool
	entries                 []event.Entry
}

// whole says that every replica that looked bad is trusted again.
func (t telling) whole() bool { return len(t.out) == 0 }

func (f hookFacts) tell() telling {
	t := telling{out: map[holdfast.ReplicaName]holdfast.Ejected{}}
	for _, entry := range f.entries {
		if entry.At.Boot >= f.injected && f.tells(entry.Body) {
			t.note(entry)
			t.entries = append(t.entries, entry)
		}
	}
	return t
}

// tells tells whether what the journal says is a part of the story: all that
// became of the service, since nobody knows what else a command strikes.
func (f hookFacts) tells(body event.Body) bool {
	switch b := body.(type) {
	case holdfast.Ejected:
		return b.ID.Service == f.service.Name
	case holdfast.Exited:
		return b.ID.Service == f.service.Name
	case event.Escalated:
		return f.about(b.Mode, b.ID)
	case holdfast.Started, holdfast.NotStarted:
		return false
	default:
		return f.facts.tells(body)
	}
}

// note takes over what a part of the story says.
func (t *telling) note(entry event.Entry) {
	at := entry.At.Boot
	switch b := entry.Body.(type) {
	case holdfast.Ejected:
		t.out[b.ID.Name()] = b
		if !b.Kept {
			first(&t.ejected, at)
		}
	case holdfast.Exited:
		t.out[b.ID.Name()] = ended(b)
	case holdfast.Admitted:
		delete(t.out, b.ID.Name())
		t.back = at
	case event.Detected:
		first(&t.detected, at)
	case event.Decided:
		if b.Do != event.ActCapture { // evidence mends nothing
			t.remedies = append(t.remedies, string(b.Do))
		}
	case event.Withheld:
		t.withheld = append(t.withheld, string(b.Guardrail))
	case event.Escalated:
		t.escalated = true
	}
}

// lines are the story as evidence.
func (t telling) lines(f hookFacts, limit int) []string {
	hook := f.by.Hook
	return timeline(t.entries, f.injected, f.undone, "break: "+hook.Break, "mend: "+hook.Mend, limit)
}

// sawItself is what the struck replicas themselves showed, asked by nobody's way
// but their own: no answer, a bad one, or one much later than before.
func sawItself(asked []load.Result, injected time.Duration) string {
	usual := time.Duration(0)
	for _, r := range asked {
		if r.Ended < int64(injected) && !r.Failed {
			usual = max(usual, r.Took())
		}
	}
	slow := max(100*time.Millisecond, 4*usual)
	for _, r := range asked {
		if r.Intended < int64(injected) {
			continue
		}
		after := event.Short(time.Duration(r.Ended) - injected)
		switch {
		case r.Error != "":
			return fmt.Sprintf("%s, asked itself: %s after %s, seen by load", r.Target, r.Error, after)
		case r.Failed:
			return fmt.Sprintf("%s, asked itself: status %d after %s, seen by load", r.Target, r.Status, after)
		case r.Took() > slow:
			return fmt.Sprintf("%s, asked itself: an answer in %s where %s was usual, seen by load", r.Target, event.Short(r.Took()), event.Short(usual))
		}
	}
	return ""
}

// judge makes the verdict. It is pure.
func (f hookFacts) judge() report.Drill {
	drill, told := f.measured(), f.tell()
	drill.Detect, drill.Eject = f.since(told.detected), f.since(told.ejected)
	drill.Mitigate = f.mitigated()
	drill.Restore, drill.From = f.restored(told)
	drill.Remedies = append(drill.Remedies, told.remedies...)
	drill.Withheld = append(drill.Withheld, told.withheld...)
	drill.Escalated = told.escalated
	drill.Account = f.account(drill, f.explained(f.steps(told, drill), drill), deed{broke: "break: " + f.by.Hook.Break, mended: "mend: " + f.by.Hook.Mend})
	drill.Verdict, drill.Reason = f.verdict(told, drill)
	if drill.Verdict == holdfast.Fail {
		drill.Evidence, drill.Help = told.lines(f, evidenceLines), f.help(drill)
	}
	return drill
}

// endedBy is the verdict of a drill that a guard may have ended. That it is ABORTED
// says that everything was put back, so what is left, or did not come back, is
// still a FAIL.
func (f hookFacts) endedBy(guard string) report.Drill {
	drill := f.judge()
	if guard == "" {
		return drill
	}
	drill.Verdict, drill.Reason = holdfast.Aborted, guard
	if missing := said(leftBehind(f.facts), f.neverBack(drill)); len(missing) > 0 {
		drill.Verdict, drill.Reason = holdfast.Fail, guard+"; "+strings.Join(missing, "; ")
	}
	return drill
}

func (f hookFacts) neverBack(d report.Drill) string {
	if d.Restore != nil {
		return ""
	}
	return f.overRestore(f.tell(), d)
}

// mitigated is when users were whole: while it was broken, if they were to the
// mend's beginning; what a mend itself does to them is not the fault's.
func (f hookFacts) mitigated() *report.Millis {
	for _, results := range [][]load.Result{f.whileTrue(f.results), f.results} {
		if whole, ok := load.Whole(results, int64(f.injected), wholeFor); ok {
			return since(f.injected, time.Duration(whole))
		}
	}
	return nil
}

// restored is when every replica was trusted again and users were whole: counted
// from the break if somebody else mended it before we did, from the mend if only
// we could.
func (f hookFacts) restored(told telling) (*report.Millis, string) {
	from, word := f.undone, fromUndo
	if told.back != 0 && told.back < f.undone {
		from, word = f.injected, fromInjection
	}
	whole, ok := load.Whole(f.results, int64(from), wholeFor)
	if !ok || !told.whole() {
		return nil, word
	}
	return since(from, max(told.back, time.Duration(whole), from)), word
}

// steps cut the way to a whole service: somebody else's where it began with the
// break, ours where it began with the mend.
func (f hookFacts) steps(told telling, d report.Drill) []report.Step {
	from, to := f.injected, f.ended
	if d.From == fromUndo {
		from = f.undone
	}
	last := cut{name: report.StepSettle, what: "from there until users were whole"}
	switch {
	case from == 0:
		return nil // it could not be mended
	case d.Restore != nil:
		to = from + timeOf(*d.Restore)
	case told.whole():
		last.what = "in which users were not whole again"
	default:
		last = cut{name: report.StepReturn, what: fmt.Sprintf("in which %s was not trusted again", f.service.Name)}
	}
	cuts := []cut{{name: report.StepNotice, what: "until it was noticed", at: told.detected}}
	if told.whole() {
		cuts = append(cuts, cut{name: report.StepReturn, what: fmt.Sprintf("until every %s was trusted again", f.service.Name), at: told.back})
	}
	return lay(from, to, cuts, last)
}

// verdict weighs what was measured: what cannot be believed is INVALID, before
// any bound is looked at.
func (f hookFacts) verdict(told telling, d report.Drill) (holdfast.Verdict, string) {
	if why := f.invalid(); why != "" {
		return undecidable(f.facts, why)
	}
	reasons := said(leftBehind(f.facts), overDetect(d), f.overRestore(told, d), overMitigate(f.facts, d), f.overImpact(d), overWrites(f.facts))
	if len(reasons) == 0 && f.writes.unknown != "" {
		return holdfast.Invalid, f.writes.unknown
	}
	if len(reasons) == 0 {
		return holdfast.Pass, ""
	}
	return holdfast.Fail, strings.Join(reasons, "; ")
}

func (f hookFacts) invalid() string {
	unmeasured := unmeasured(f.facts)
	switch {
	case f.broken != "":
		return f.broken
	case f.witness == "":
		return fmt.Sprintf("nobody but the hook saw the fault: %s answered well, asked itself, after %q had ended well", f.victim.ID.Name(), f.by.Hook.Break)
	case unmeasured != "":
		return unmeasured
	case f.stalled > stallRuinous:
		return starved + fmt.Sprintf("an idle process waited %s for a processor meanwhile", event.Short(f.stalled))
	case f.reached < minReached:
		return fmt.Sprintf("only %d requests were meant for %s while it was broken, and %d are needed to say anything; next: a higher --rate", f.reached, f.service.Name, minReached)
	default:
		return ""
	}
}

func (f hookFacts) overRestore(told telling, d report.Drill) string {
	switch {
	case d.Restore != nil && *d.Restore > d.Bounds.Restore:
		return fmt.Sprintf("it was whole again only after %s", report.Short(*d.Restore)) + f.spent(d)
	case d.Restore != nil:
		return ""
	}
	reason := fmt.Sprintf("%s was not whole again %s after %q, which had ended well", f.service.Name, event.Short(f.ended-f.undone), f.by.Hook.Mend)
	for _, name := range slices.Sorted(maps.Keys(told.out)) {
		reason += fmt.Sprintf("; %s %s", name, by(told.out[name]))
	}
	return reason
}

// help says what would have helped: what a remedy did is nothing that a hook
// tells of.
func (f hookFacts) help(d report.Drill) []string {
	one := ""
	if f.victim.ID.Ordinal != 0 {
		one = f.helpReplicas(d) // else more of what is struck would be struck as well
	}
	return said(slices.Concat([]string{one, f.helpRoute(d)}, f.helpRetries(), []string{f.helpDetect(d)}, f.helpTimeouts(d))...)
}

// helpRoute: who goes straight to one of several is not sent to another.
func (f hookFacts) helpRoute(d report.Drill) string {
	if f.service.Manage != holdfast.Observe || f.service.Replicas == 1 || f.victim.ID.Ordinal == 0 || !usersHurt(d) {
		return ""
	}
	return fmt.Sprintf("`manage: route` and `ports` for %s: its others would be asked in its place", f.service.Name)
}

func (f hookFacts) overImpact(d report.Drill) string {
	if d.Impact <= d.Bounds.Impact {
		return ""
	}
	reason := fmt.Sprintf("%d of %d requests were hurt", d.Failed+d.Late, d.Sent)
	switch {
	case f.service.Replicas == 1:
		reason += fmt.Sprintf(", because there is one %s and nothing else to ask", f.service.Name)
	case f.victim.ID.Ordinal == 0:
		reason += fmt.Sprintf(", because the hook strikes all of %s", f.service.Name)
	case f.service.Manage == holdfast.Observe:
		reason += ", because nobody of ours stands in the way of its users"
	}
	return reason + f.firstHurt()
}
