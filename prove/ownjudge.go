package prove

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"holdfast"
	"holdfast/event"
	"holdfast/keeper"
	"holdfast/load"
	"holdfast/report"
)

// ownFacts are the facts of a drill of Holdfast itself. Nothing in the journal
// says that one of its processes failed, since who writes it may be the one: what
// the keeper did, and what became of everybody else, is all there is to judge by.
type ownFacts struct {
	facts
	renewed  time.Duration                 // when the keeper started the next one; 0: never
	answered time.Duration                 // when that did its work
	lives    map[holdfast.ReplicaName]life // before
	after    map[holdfast.ReplicaName]life
	previous uint64 // the journal's last entry before

	roles, rolesAfter map[keeper.RoleName]int // pids, before and after
}

// judge makes the verdict. It is pure.
func (f ownFacts) judge() report.Drill {
	drill := f.measured()
	drill.Detect, drill.From = f.since(f.renewed), fromInjection
	whole, ok := load.Whole(f.results, int64(f.injected), wholeFor)
	if ok {
		drill.Mitigate = since(f.injected, time.Duration(whole))
	}
	if ok && f.answered != 0 {
		drill.Restore = since(f.injected, max(f.answered, time.Duration(whole)))
	}
	if f.renewed != 0 {
		drill.Remedies = append(drill.Remedies, string(f.mode.Remedies[0]))
	}
	drill.Account = f.account(drill, f.steps(drill), f.deed())
	drill.Verdict, drill.Reason = f.verdict(drill)
	if drill.Verdict == holdfast.Fail {
		drill.Evidence = timeline(f.told(), f.injected, 0, "fault injected", "", evidenceLines)
	}
	return drill
}

// told are the entries of the timeline. That the fault was made is written down
// once there is somebody to write, and is the first line already.
func (f ownFacts) told() []event.Entry {
	return slices.DeleteFunc(slices.Clone(f.entries), func(e event.Entry) bool {
		switch e.Body.(type) {
		case event.FaultInjected, event.FaultRemoved:
			return true
		default:
			return false
		}
	})
}

// steps cut the way to a whole system where something was seen to have come
// further.
func (f ownFacts) steps(d report.Drill) []report.Step {
	role := f.mode.Strikes.Role
	cuts := []cut{
		{name: report.StepNotice, what: fmt.Sprintf("until the next %s was started", role), at: f.renewed},
		{name: report.StepReady, what: "from there until it did its work", at: f.answered},
	}
	if d.Restore == nil {
		return lay(f.injected, f.ended, cuts, cut{name: report.StepSettle, what: "since then, in which not all was whole"})
	}
	return lay(f.injected, f.injected+timeOf(*d.Restore), cuts, cut{name: report.StepSettle, what: "from there until users were whole"})
}

// verdict weighs what was measured: what cannot be believed is INVALID, before
// any bound is looked at.
func (f ownFacts) verdict(d report.Drill) (holdfast.Verdict, string) {
	if why := invalid(f.facts); why != "" {
		return undecidable(f.facts, why)
	}
	harm := strings.Join(said(f.touched(), f.refused(), f.torn()), "; ")
	reasons := said(leftBehind(f.facts), harm, f.overNotice(d), f.overReturn(d), overMitigate(f.facts, d), overImpact(f.facts, d), overWrites(f.facts))
	return f.weigh(d, harm, reasons)
}

// touched says which replicas and which other processes of Holdfast were ended or
// started although nobody struck them.
func (f ownFacts) touched() string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(f.lives)) {
		was, is := f.lives[name].started, f.after[name].started
		if was.ID != is.ID || was.Pid != is.Pid {
			names = append(names, fmt.Sprintf("%s (pid %d) became %s (pid %d)", was.ID, was.Pid, is.ID, is.Pid))
		}
	}
	for _, entry := range f.entries {
		if b, ok := entry.Body.(holdfast.Exited); ok && f.lives[b.ID.Name()].started.ID == b.ID {
			names = append(names, fmt.Sprintf("%s ended: %s", b.ID, b.Status))
		}
	}
	for _, role := range slices.Sorted(maps.Keys(f.roles)) {
		if was, is := f.roles[role], f.rolesAfter[role]; was != is && !f.mayEnd(role) {
			names = append(names, fmt.Sprintf("the %s (pid %d) became pid %d", role, was, is))
		}
	}
	if len(names) == 0 {
		return ""
	}
	return "others were touched, which nobody struck: " + strings.Join(names, ", ")
}

// mayEnd says which roles may be other processes after the drill: the struck one,
// and with the keeper the agent, which the next one starts anew.
func (f ownFacts) mayEnd(role keeper.RoleName) bool {
	return string(role) == string(f.mode.Strikes.Role) || role == keeper.Agent && f.mode.Strikes.Role == holdfast.RoleKeeper
}

// refused says that somebody was turned away at the door, which is the keeper's
// to hold open whoever dies behind it.
func (f ownFacts) refused() string {
	n := 0
	for _, r := range load.During(f.results, int64(f.injected), int64(f.ended)) {
		if strings.Contains(r.Error, "connection refused") && r.Status == 0 {
			n++
		}
	}
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("%d connections were refused, although the keeper holds the listening sockets", n)
}

// torn says that the journal does not go on where it ended.
func (f ownFacts) torn() string {
	last := f.previous
	for _, entry := range f.entries {
		if last != 0 && entry.ID.Seq != last+1 {
			return fmt.Sprintf("the journal goes on at %d after %d", entry.ID.Seq, last)
		}
		last = entry.ID.Seq
	}
	return ""
}

func (f ownFacts) overNotice(d report.Drill) string {
	if d.Detect == nil {
		return fmt.Sprintf("the next %s was never started", f.mode.Strikes.Role)
	}
	return overDetect(d)
}

func (f ownFacts) overReturn(d report.Drill) string {
	switch {
	case d.Restore == nil && d.Detect == nil:
		return "" // overNotice says why
	case d.Restore == nil && f.answered == 0:
		return fmt.Sprintf("the next %s did not do its work %s after the fault", f.mode.Strikes.Role, event.Short(f.ended-f.injected))
	case d.Restore != nil && *d.Restore > d.Bounds.Restore:
		return fmt.Sprintf("it was whole again only after %s", report.Short(*d.Restore))
	default:
		return ""
	}
}
