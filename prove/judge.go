package prove

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
	"time"

	"holdfast"
	"holdfast/event"
	"holdfast/load"
	"holdfast/report"
)

const (
	// minReached is how many requests must have been meant for the target
	// during the fault. Fewer show nothing: 0 of 200 hurt says no more than
	// "below 1.5 %".
	minReached = 200
	// wholeFor is how long users must be whole before they count as whole.
	wholeFor = time.Second
	// evidenceLines bounds what is quoted under a verdict: one mended crash, with
	// a line to spare.
	evidenceLines = 8
)

// facts are all that a verdict rests on. Instants are by the boot clock.
type facts struct {
	mode     holdfast.FailureMode
	by       holdfast.Drill   // of the mode, the one that was made
	service  holdfast.Service // the struck one
	victim   holdfast.Victim
	injected time.Duration
	last     time.Duration // the last blow, where it was struck more than once; 0 or injected: it was not
	byUndo   bool          // only we could end the fault
	undone   time.Duration // and this is when we did; 0: we did not come to it
	ended    time.Duration // when measuring ended
	loss     *loss         // of an edge, or of what users come for; nil when one replica was struck
	entries  []event.Entry // of the copy's journal, in order
	results  []load.Result // of requests that must feel no more than the bound on impact
	reached  int           // of those sent to the target itself, during the fault
	// unreached are edges that lead to it and that no request took meanwhile.
	unreached []string
	witness   string        // what somebody else saw of the fault; empty: nothing
	already   string        // what would show it and was there before it, if anything was
	lagP99    time.Duration // of the generator
	stalled   time.Duration // the longest that an idle process of ours waited for a processor during the fault
	capped    int           // arrivals the generator could not send
	broken    string        // why the measurement itself cannot be used; empty: it can
	residue   []string      // what the drill left behind
	writes    writes        // what became of what the load wrote
	diagnose  string        // of a replica that did not get ready; empty: all did
	surroundings
}

// judge makes the verdict. It is pure.
func judge(f facts) report.Drill {
	drill, story := f.measured(), tell(f)
	drill.Detect, drill.Eject = f.since(story.detected), f.since(story.ejected)
	drill.Mitigate, drill.Restore, drill.From = recovery(f, story)
	if drill.Contained = f.contained(); drill.Contained != nil && drill.Sent == 0 {
		drill.Impact = 0 // everything there is needs the edge
	}
	drill.Remedies = append(drill.Remedies, story.remedies...)
	drill.Withheld = append(drill.Withheld, story.withheld...)
	drill.Escalated = story.escalated
	drill.Account = f.account(drill, f.explained(f.steps(story, drill), drill), f.deed())
	drill.Verdict, drill.Reason = verdict(f, story, drill)
	if drill.Verdict == holdfast.Fail {
		drill.Evidence, drill.Help = story.lines(evidenceLines), f.help(story, drill)
	}
	return drill
}

// measured is a drill with what the load saw of it, which is counted alike
// whatever broke it.
func (f facts) measured() report.Drill {
	drill := blank(f.mode, f.by)
	drill.Strikes, drill.Witness = strikes(f), f.witness
	judged := f.judged()
	hurt := load.Impact(judged)
	drill.Sent, drill.Failed, drill.Late, drill.Impact, drill.Below = hurt.Sent, hurt.Failed, hurt.Late, hurt.Share(), hurt.Below()
	drill.Degraded = degraded(judged)
	return drill
}

// judged are the requests that impact is judged by.
func (f facts) judged() []load.Result {
	return load.During(f.results, int64(f.injected), int64(f.ended))
}

// strikes is what was struck, as people call it: a replica, an edge, or a service.
func strikes(f facts) holdfast.ReplicaName {
	if f.mode.Strikes.TakesAll() {
		return holdfast.ReplicaName(f.mode.Strikes.String())
	}
	return f.victim.ID.Name()
}

// recovery is when users were whole and when the system was, and what the second
// is counted from.
//
// Where a remedy can end the fault both count from the injection, the system's
// from the last one where there were several. Where only we can, users have to be
// whole while the fault still lasts, and the system after we took it away; and
// whoever needs a lost edge that nothing covers cannot be whole before either.
func recovery(f facts, s story) (mitigate, restore *report.Millis, from string) {
	switch {
	case !f.byUndo:
		whole, ok := load.Whole(f.results, int64(f.injected), wholeFor)
		if !ok {
			return nil, nil, fromInjection
		}
		if s.restored != 0 {
			restore = since(f.struckLast(), max(s.restored, time.Duration(whole)))
		}
		return since(f.injected, time.Duration(whole)), restore, fromInjection
	case f.undone == 0:
		return nil, nil, fromUndo
	}
	after, wholeAfter := load.Whole(f.concerned(), int64(f.undone), wholeFor)
	if back, ok := s.backAfter(f, f.undone); ok && wholeAfter {
		restore = since(f.undone, max(back, time.Duration(after)))
	}
	if f.loss != nil && f.loss.fatal {
		if wholeAfter {
			mitigate = since(f.undone, time.Duration(after))
		}
		return mitigate, restore, fromUndo
	}
	if whole, ok := load.Whole(f.whileTrue(f.results), int64(f.injected), wholeFor); ok {
		mitigate = since(f.injected, time.Duration(whole))
	}
	return mitigate, restore, fromUndo
}

// struckLast is when it was struck, or the last time it was: what a restoration
// counts from where a remedy ends the fault.
func (f facts) struckLast() time.Duration { return max(f.last, f.injected) }

// What a restoration is counted from.
const (
	fromInjection = "injection"
	fromUndo      = "undo"
)

// concerned are all requests that must be answered well once the fault is gone.
func (f facts) concerned() []load.Result {
	if f.loss == nil {
		return f.results
	}
	return slices.Concat(f.results, f.loss.owed)
}

// whileTrue leaves out what was due after we took the fault away.
func (f facts) whileTrue(results []load.Result) []load.Result {
	return slices.DeleteFunc(slices.Clone(results), func(r load.Result) bool { return r.Intended >= int64(f.undone) })
}

func degraded(results []load.Result) int {
	n := 0
	for _, result := range results {
		if result.Degraded {
			n++
		}
	}
	return n
}

// blank is a drill of which nothing is known but what the file says.
func blank(mode holdfast.FailureMode, by holdfast.Drill) report.Drill {
	return report.Drill{
		Mode: mode.Name, Kind: mode.Kind, Owner: mode.Owner, Fault: by.Fault,
		Bounds: report.Bounds{
			Detect: millis(mode.Bounds.Detect), Mitigate: millis(mode.Bounds.Mitigate),
			Restore: millis(mode.Bounds.Restore), Impact: mode.Bounds.Impact,
		},
		Remedies: []string{}, Withheld: []string{},
	}
}

// undecided is a drill that cannot be made.
func undecided(mode holdfast.FailureMode, by holdfast.Drill, why string) report.Drill {
	drill, nobody := blank(mode, by), load.Tally{}
	drill.Impact, drill.Below = nobody.Share(), nobody.Below()
	drill.Verdict, drill.Reason = holdfast.Invalid, why
	return drill
}

// verdict weighs what was measured: what cannot be believed is INVALID, before
// any bound is looked at.
func verdict(f facts, s story, d report.Drill) (holdfast.Verdict, string) {
	if why := invalid(f); why != "" {
		return undecidable(f, why)
	}
	harm := s.harm(f)
	reasons := said(leftBehind(f), harm, overDetect(d), overRestore(f, s, d), overMitigate(f, d), overContained(f, d), overFallback(f), overAsked(f), overImpact(f, d), overWrites(f))
	return f.weigh(d, harm, reasons)
}

// weigh makes a verdict of what was wrong, harm among it that no bound is about.
func (f facts) weigh(d report.Drill, harm string, reasons []string) (holdfast.Verdict, string) {
	switch why := strings.Join(reasons, "; "); {
	case why == "" && f.writes.unknown != "":
		return holdfast.Invalid, f.writes.unknown
	case why == "":
		return holdfast.Pass, ""
	case f.tooBusy(d, harm):
		return holdfast.Invalid, fmt.Sprintf("%san idle process waited %s for a processor meanwhile; on this machine %s", starved, event.Short(f.stalled), why)
	default:
		return holdfast.Fail, why
	}
}

// tooBusy tells whether what was wrong may be the doing of a machine that is busy
// with something else. What was left behind is there all the same, and a write
// that was acknowledged and lost, or carried out twice, is no matter of time.
func (f facts) tooBusy(d report.Drill, harm string) bool {
	if len(f.residue)+len(f.writes.wrong) > 0 {
		return false
	}
	return f.stalled > stallRuinous || f.stalled > stallAllowed && harm == "" && onlySlow(d)
}

// undecidable is the verdict on what cannot be believed. What was left behind is
// there, whatever was measured.
func undecidable(f facts, why string) (holdfast.Verdict, string) {
	if left := leftBehind(f); left != "" {
		return holdfast.Fail, left + "; beside that it shows nothing: " + why
	}
	return holdfast.Invalid, why
}

// said leaves out the reasons that there are none for.
func said(reasons ...string) []string {
	return slices.DeleteFunc(reasons, func(reason string) bool { return reason == "" })
}

// onlySlow tells whether all that was wrong is that it took long: what a machine
// that is busy with something else does to any system. Unless it stands still it
// fails no requests, and leaves nothing undone.
func onlySlow(d report.Drill) bool {
	failed := load.Tally{Sent: d.Sent, Failed: d.Failed}
	return d.Detect != nil && d.Mitigate != nil && d.Restore != nil && failed.Share() <= d.Bounds.Impact
}

func invalid(f facts) string {
	unmeasured := unmeasured(f)
	switch {
	case f.broken != "":
		return f.broken
	case f.witness == "" && f.already != "":
		return shownBefore + f.already + ", so that nobody could tell whether it bit; next: let GET / of " + string(f.service.Name) + " be answered well and soon"
	case f.witness == "":
		return "nobody but the injector saw the fault: " + unseen(f)
	case unmeasured != "":
		return unmeasured
	case f.reached < minReached:
		return fmt.Sprintf("only %d requests were meant for %s during the fault, and %d are needed to say anything", f.reached, f.service.Name, minReached)
	case len(f.unreached) > 0:
		return fmt.Sprintf("no request went over %s during the fault, so that what its users saw is not known", strings.Join(f.unreached, ", "))
	default:
		return ""
	}
}

// unmeasured says why nothing can be measured by a load, if nothing can.
func unmeasured(f facts) string {
	allowed := max(50*time.Millisecond, f.mode.Bounds.Detect/10)
	portless := portless(f.results)
	switch {
	case portless > 0:
		return fmt.Sprintf("this machine had no port left from which %d of the load's requests could be sent; next: %s", portless, morePorts)
	case f.capped > 0:
		return fmt.Sprintf("the load could not send %d of its requests", f.capped)
	case f.lagP99 > allowed:
		return lagging + fmt.Sprintf("%s late at the 99th percentile, %s allowed", event.Short(f.lagP99), event.Short(allowed))
	default:
		return ""
	}
}

// portless counts the requests that never left for want of a port of our own: they
// say nothing of whom they were for.
func portless(results []load.Result) int {
	n := 0
	for _, r := range results {
		if r.Status == 0 && strings.Contains(r.Error, syscall.EADDRNOTAVAIL.Error()) {
			n++
		}
	}
	return n
}

// morePorts is what to do about it.
const morePorts = "a lower --rate, or a wider net.ipv4.ip_local_port_range"

// Beginnings of the reasons of drills that are worth one more try.
const (
	lagging = "the load generator itself was too slow to measure: "
	starved = "this machine was too busy to judge by: "
	// One late answer may have been the machine's.
	shownBefore = "what would show the fault was there before it: "
)

// stallAllowed is how long a process that only looks at the clock may wait for a
// processor. A request passes through five that do more.
const stallAllowed = 100 * time.Millisecond

// stallRuinous is a stall after which even failed requests say nothing: what
// waits half as long as a dependency's timeout for one processor fails by it on
// the way through several.
const stallRuinous = late / 2

func leftBehind(f facts) string {
	if len(f.residue) == 0 {
		return ""
	}
	return "the drill left something behind: " + strings.Join(f.residue, ", ")
}

func overDetect(d report.Drill) string {
	switch {
	case d.Detect == nil:
		return "it was never detected"
	case *d.Detect > d.Bounds.Detect:
		return fmt.Sprintf("noticing it took %s", report.Short(*d.Detect))
	default:
		return ""
	}
}

func overMitigate(f facts, d report.Drill) string {
	switch {
	case d.Mitigate == nil && f.byUndo && !(f.loss != nil && f.loss.fatal):
		return fmt.Sprintf("users were not whole again in the %s that the fault lasted", event.Short(f.undone-f.injected))
	case d.Mitigate == nil:
		return "users were not whole again while it was watched"
	case *d.Mitigate > d.Bounds.Mitigate:
		return fmt.Sprintf("users were whole only after %s", report.Short(*d.Mitigate))
	default:
		return ""
	}
}

func overRestore(f facts, s story, d report.Drill) string {
	if f.byUndo {
		return overReturn(f, s, d)
	}
	switch {
	case d.Restore == nil && s.restored != 0:
		return "" // it was; its users were not, which overMitigate says
	case d.Restore == nil:
		return fmt.Sprintf("%s was not whole again %s after the fault: %s", f.service.Name, event.Short(f.ended-f.injected), s.whyNot(f))
	case *d.Restore > d.Bounds.Restore:
		return fmt.Sprintf("it was whole again only after %s", report.Short(*d.Restore)) + f.spent(d)
	default:
		return ""
	}
}

// overReturn is overRestore where only we could end the fault.
func overReturn(f facts, s story, d report.Drill) string {
	_, back := s.backAfter(f, f.undone)
	switch {
	case d.Restore == nil && back:
		return fmt.Sprintf("users were not whole again %s after the fault was taken away", event.Short(f.ended-f.undone))
	case d.Restore == nil:
		return fmt.Sprintf("%s was not whole again %s after the fault was taken away: %s", f.service.Name, event.Short(f.ended-f.undone), s.stillOut(f))
	case *d.Restore > d.Bounds.Restore:
		return fmt.Sprintf("it was whole again only %s after the fault was taken away", report.Short(*d.Restore)) + f.spent(d)
	default:
		return ""
	}
}

func overImpact(f facts, d report.Drill) string {
	if d.Impact <= d.Bounds.Impact {
		return ""
	}
	whose := ""
	if d.Contained != nil {
		whose = fmt.Sprintf(" that do not need %s", f.loss.edge)
	}
	reason := fmt.Sprintf("%d of %d requests%s were hurt", d.Failed+d.Late, d.Sent, whose)
	if d.Failed > 0 && d.Late > 0 {
		reason += fmt.Sprintf(" (%d failed, %d late)", d.Failed, d.Late)
	}
	return reason + f.because() + f.firstHurt()
}

// because says why users were hurt, where that is known.
func (f facts) because() string {
	t, edges := f.trusted(), f.unrepeated()
	switch {
	case f.loss != nil && !f.loss.covered && !f.loss.fatal:
		return fmt.Sprintf(", although the file says that %s can do without %s", f.loss.edge.Caller, f.loss.edge.Service)
	case f.loss != nil:
		return ""
	case t != nil:
		return fmt.Sprintf(", because %s was in use from %s on while %d of them were hurt", t.id, event.Short(t.since), t.hurt) + convinced(t.detail)
	case f.service.Replicas == 1:
		return fmt.Sprintf(", because %s has one replica and there was nothing to retry on", f.service.Name)
	case len(edges) > 0:
		return fmt.Sprintf(", because what fails on %s is not asked of another replica", edges[0])
	case f.callersOwn() != "":
		return fmt.Sprintf(", and nobody who asked %s itself: it is its callers that failed (%s)", f.service.Name, f.callersOwn())
	default:
		return ""
	}
}

// convinced is what a gateway trusted, in the words of its journal.
func convinced(detail string) string {
	if detail == "" {
		return ""
	}
	return fmt.Sprintf(" (its health check: %s)", detail)
}

// callersOwn says that requests to the struck service itself were all answered
// well, though enough were made over an edge; empty where that is not so.
func (f facts) callersOwn() string {
	asked, edges := 0, f.edges()
	for _, edge := range edges {
		if f.hurtAt(edge.String()) > 0 {
			return ""
		}
		for _, r := range load.During(f.results, int64(f.injected), int64(f.ended)) {
			if over(r, edge.String()) {
				asked++
			}
		}
	}
	if asked < minReached || f.hurtAtOwn() {
		return ""
	}
	return fmt.Sprintf("%d requests over %s were answered well", asked, event.Few(edges))
}

// hurtAtOwn tells whether somebody was hurt who asked the struck service where it
// is published.
func (f facts) hurtAtOwn() bool {
	return slices.ContainsFunc(f.results, func(r load.Result) bool {
		_, route := asked(r)
		at, _, _ := strings.Cut(route, ":")
		return r.Hurt() && r.Ended >= int64(f.injected) && at == string(f.service.Name)
	})
}

// firstHurt says who was hurt first of those whom the fault may have hurt, if
// anybody was.
func (f facts) firstHurt() string {
	for _, result := range f.results {
		if result.Hurt() && result.Ended >= int64(f.injected) {
			return "; the first: " + describe(result)
		}
	}
	return ""
}

// describe is one request that was hurt, as its user saw it.
func describe(r load.Result) string {
	text := r.Asked()
	if r.Status != 0 && !r.Call {
		text += fmt.Sprintf(" %d", r.Status)
	}
	for _, detail := range []string{r.Error, r.Body} {
		if detail = strings.TrimSpace(detail); detail != "" {
			text += " " + detail
			break
		}
	}
	if r.Late {
		text += " after " + event.Short(r.Took())
	}
	return text
}

// since is the time from the injection to an instant, nil for one that never
// came.
func (f facts) since(at time.Duration) *report.Millis {
	if at == 0 {
		return nil
	}
	return since(f.injected, at)
}

func since(from, to time.Duration) *report.Millis {
	m := millis(max(0, to-from))
	return &m
}

// millis rounds to a tenth of a millisecond.
func millis(d time.Duration) report.Millis {
	return report.Millis(float64(d.Round(100*time.Microsecond)) / float64(time.Millisecond))
}
