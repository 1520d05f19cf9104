package prove

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"holdfast"
	"holdfast/event"
	"holdfast/fault"
	"holdfast/internal/proc"
	"holdfast/load"
	"holdfast/report"
	"holdfast/warden"
)

const (
	// lookLive is how often what a hook broke is looked at. Every look reads all
	// the load has said.
	lookLive = 100 * time.Millisecond
	// askItself is how often each struck replica is asked by no way but its own,
	// by a load of its own: the witness.
	askItself = 10.0
	// itsAnswer is how long the witness waits for an answer: longer than a stop
	// that nobody would call one.
	itsAnswer = time.Second
	// hookSeen is how soon the witness must have seen what a hook did: a question
	// each tenth of a second, an answer's time, and a second for a command whose
	// effect is not there at once.
	hookSeen = 100*time.Millisecond + itsAnswer + time.Second
	// brokenAtLeast is how long it stays broken at least, and no longer when all
	// goes well.
	brokenAtLeast = 3 * time.Second
	// bearable is how long something stays broken for no other reason than that
	// too few have asked.
	bearable = 15 * time.Second
)

// longestHold is the longest that it stays broken by us: until the bounds are
// over in which somebody should have noticed and mitigated it, and, where a
// remedy of ours should end it, restored it; and until enough was asked to say
// anything, of which half goes to the struck service itself, unless that takes
// longer than anybody should bear for it.
func longestHold(mode holdfast.FailureMode, rate float64) time.Duration {
	b := mode.Bounds
	if slices.Contains(mode.Remedies, holdfast.RemedyRestart) {
		return max(b.Restore+watchBeyond, brokenAtLeast)
	}
	asked := min(time.Duration(2*minReached/rate*float64(time.Second)), bearable)
	return max(b.Detect, b.Mitigate, brokenAtLeast, asked) + time.Second
}

// A hooking is one drill by a hook under way.
type hooking struct {
	*proving
	mode     holdfast.FailureMode
	by       holdfast.Drill // of the mode, the one under way
	service  holdfast.Service
	victim   holdfast.Victim
	asked    asking
	targets  []target
	users    *load.Generator // what users see
	witness  *load.Generator // what the struck replicas say when they are asked themselves; nil: nobody asks
	entry    warden.EntryID  // 0: nothing is broken
	before   warden.Snapshot
	injected time.Duration
	undone   time.Duration
	unmended bool // the mend itself failed
	stalled  time.Duration
	over     time.Duration // the load was ended
	keeping  *keeping      // nil: it strikes a private copy, and nobody is hurt
	began    time.Duration // the load; known at its end
	seen     time.Duration // when the witness was seen to have seen it
	hearing  *hearing
}

// drillByHook exercises one failure mode by the file's own commands: a clean
// second, or nothing is broken; the break; what users and the witness see; the
// mend, in any case; what users see until the service is whole; the verdict.
func (p *proving) drillByHook(ctx context.Context, mode holdfast.FailureMode, by holdfast.Drill) (report.Drill, error) {
	h := &hooking{proving: p, mode: mode, by: by}
	defer h.stop()
	if err := h.prepare(ctx); err != nil {
		return report.Drill{}, err
	}
	if err := h.pause(ctx, h.users, clean); err != nil {
		return report.Drill{}, err
	}
	if why := h.sick(); why != "" {
		return undecided(mode, by, "nothing was broken, because without any fault "+why), nil
	}
	var err error
	if h.keeping, err = h.begin(); err != nil {
		return report.Drill{}, err
	}
	defer h.settle()
	p.o.Say(fmt.Sprintf("%s  hook on %s: %s", mode.Name, h.victim.ID.Name(), h.victim.Hook.Break))
	if err := h.breakIt(ctx); err != nil && h.ended == "" {
		return h.spoiled(ctx, err)
	}
	if err := h.watch(ctx, func() bool { return h.mustEnd() || h.seenEnough() }); err != nil {
		return h.brokenOff(ctx, err)
	}
	if p.ended != "" {
		p.o.Say(fmt.Sprintf("%s  a guard ends it: %s", mode.Name, p.ended))
	}
	if err := h.mend(ctx); err != nil {
		return h.leftBroken(err)
	}
	if err := h.watch(ctx, h.wholeAgain); err != nil {
		return report.Drill{}, err
	}
	return h.conclude(ctx, proc.Now())
}

// prepare chooses whom to strike, and starts the load and the witness.
func (h *hooking) prepare(ctx context.Context) error {
	h.service, _ = h.o.System.Service(h.mode.Strikes.Service)
	if err := h.choose(); err != nil {
		return err
	}
	all, err := h.copy.asking(ctx, h.struck(), sessionsOf(h.o.System, h.mode))
	if err != nil {
		return err
	}
	// What runs in earnest is asked no more than the drill needs.
	all.targets = slices.DeleteFunc(all.targets, func(t target) bool { return !needs(h.o.System, t.service, h.service.Name) })
	h.targets, h.asked = all.targets, all
	if h.before, err = warden.TakeSnapshot(h.copy.ledger, h.copy.chronicle.knows, stillThere); err != nil {
		return err
	}
	h.hearing = hear(h.copy.dir, h.service)
	if h.users, err = h.copy.generator(ctx, h.plan(all, h.service.Name, longest)); err != nil || h.o.Blind {
		return err
	}
	h.witness, err = h.copy.generator(ctx, h.asking())
	return err
}

// choose picks a replica, or all of them where the hook names none.
func (h *hooking) choose() error {
	hook := *h.by.Hook
	hook.Lock = filepath.Join(h.o.State, "hook.lock")
	h.victim = holdfast.Victim{ID: holdfast.ReplicaID{Service: h.service.Name}, Hook: &hook}
	if hook.Whole {
		return nil
	}
	name := holdfast.NameReplica(h.service.Name, h.rng.IntN(h.service.Replicas)+1)
	l, ok := h.copy.chronicle.life(name)
	if !ok {
		return fmt.Errorf("%s is not known to the private copy", name)
	}
	h.victim.ID, h.victim.Address, h.victim.Pid, h.victim.Ticks = l.started.ID, l.started.Address, l.started.Pid, l.started.Ticks
	return nil
}

// asking is the plan of the witness: the struck replicas, each by its own way.
func (h *hooking) asking() load.Plan {
	plan := h.plan(asking{}, "", longest)
	plan.Arrivals, plan.Ramp = holdfast.Constant, 0
	plan.Timeout, plan.Late, plan.Fresh, plan.Cap = itsAnswer, itsAnswer, 1, 100
	for ordinal := 1; ordinal <= h.service.Replicas; ordinal++ {
		l, ok := h.copy.chronicle.life(holdfast.NameReplica(h.service.Name, ordinal))
		if ok && (h.victim.ID.Ordinal == 0 || h.victim.ID.Ordinal == ordinal) {
			asked := itself(h.service, l.started.ID, l.started.Address)
			asked.Weight = 1
			plan.Targets = append(plan.Targets, asked)
		}
	}
	plan.Rate = askItself * float64(len(plan.Targets))
	if h.victim.Pid != 0 {
		plan.Watch = []load.Watch{{Pid: h.victim.Pid, Ticks: h.victim.Ticks}}
	}
	return plan
}

// stop ends both loads at once: whoever needs a record has stopped it before.
func (h *hooking) stop() {
	over, cancel := context.WithCancel(context.Background())
	cancel()
	for _, generator := range []*load.Generator{h.users, h.witness} {
		if generator != nil {
			generator.Stop(over)
		}
	}
}

// sick says what was wrong before anything was broken: then nothing is, since it
// could only be made worse, and what was seen would not be the fault's doing.
func (h *hooking) sick() string {
	if missing := h.copy.chronicle.missing(h.o.System); len(missing) > 0 {
		return fmt.Sprintf("%s is not whole", missing[0])
	}
	results := h.users.Snapshot()
	if len(results) == 0 {
		return fmt.Sprintf("nobody who needs %s was answered", h.service.Name)
	}
	if seen := load.Impact(results); seen.Hurt() > 0 {
		return fmt.Sprintf("%d of %d requests were hurt, the first: %s", seen.Hurt(), seen.Sent, firstHurt(results))
	}
	if h.witness == nil {
		return ""
	}
	for _, asked := range h.asking().Targets {
		if !slices.ContainsFunc(h.witness.Snapshot(), func(r load.Result) bool { return r.Target == asked.Name && !r.Hurt() }) {
			return fmt.Sprintf("%s does not answer when it is asked itself, at %s", asked.Name, asked.URL)
		}
	}
	return ""
}

// mend puts back what the hook broke, whatever else happened: the end of ctx
// does not keep it from being run to its end.
func (h *hooking) mend(ctx context.Context) error {
	if h.entry == 0 {
		return nil
	}
	ctx = context.WithoutCancel(ctx)
	h.o.Say(fmt.Sprintf("%s  mend of %s: %s", h.mode.Name, h.victim.ID.Name(), h.victim.Hook.Mend))
	h.undone = proc.Now()
	if err := (fault.Hook{}).Undo(ctx, h.victim); err != nil {
		h.unmended = true
		return err
	}
	if err := h.copy.warden.Undone(ctx, h.entry); err != nil {
		return err
	}
	h.entry = 0
	return h.copy.client.Removed(ctx, event.FaultRemoved{Mode: h.mode.Name, Fault: holdfast.FaultHook, ID: h.victim.ID})
}

// mendAfter mends because the drill cannot go on. Where the copy was lost the
// warden has begun to, and is waited for at the end.
func (h *hooking) mendAfter(ctx context.Context, why error) error {
	if errors.Is(why, ErrLost) {
		return why
	}
	if stoppedBy(ctx) != "" {
		h.copy.warden.Obey()
	}
	if err := h.mend(ctx); h.unmended {
		return fmt.Errorf("%w: %w", errUnmended, err)
	}
	return why
}

// brokenOff is the end of a drill that somebody ends from outside. What was
// measured until then is told.
func (h *hooking) brokenOff(ctx context.Context, why error) (report.Drill, error) {
	err := h.mendAfter(ctx, why)
	if ctx.Err() == nil || errors.Is(err, ErrLost) || errors.Is(err, errUnmended) {
		return report.Drill{}, err
	}
	drill := h.facts(proc.Now()).judge()
	drill.Verdict, drill.Reason = holdfast.Aborted, "interrupted, and mended"
	if by := stoppedBy(ctx); by != "" {
		drill.Reason = "stopped by " + by + ", and mended"
	}
	h.add(drill)
	return drill, err
}

// errUnmended says that what was broken in earnest is still broken.
const errUnmended = holdfast.Refusal("what was broken is LEFT BROKEN, because its mend failed")

// spoiled is the end of a drill whose break failed, perhaps midway.
func (h *hooking) spoiled(ctx context.Context, why error) (report.Drill, error) {
	if ctx.Err() != nil || h.entry == 0 {
		return h.brokenOff(ctx, why)
	}
	select {
	case <-h.copy.warden.Lost():
		return report.Drill{}, h.copy.lost()
	default:
	}
	if err := h.mend(ctx); err != nil {
		return h.leftBroken(fmt.Errorf("%w; %w", why, err))
	}
	drill := undecided(h.mode, h.by, "it could not be broken, and was mended: "+why.Error())
	drill.Strikes = h.victim.ID.Name()
	return drill, nil
}

// leftBroken is the end of a drill, and of the run, whose mend failed, or could
// not be recorded because the warden was lost. The warden tries again when the
// run ends, and heal after that.
func (h *hooking) leftBroken(why error) (report.Drill, error) {
	if !h.unmended {
		return report.Drill{}, why
	}
	drill := h.facts(proc.Now()).judge()
	drill.Verdict, drill.Reason = holdfast.Fail, fmt.Sprintf("%v; it is tried again now, and by holdfast heal: %v", errUnmended, why)
	h.add(drill)
	h.keep(context.Background(), h.mode, drill)
	return drill, fmt.Errorf("%w (%s); nothing more is drilled", errUnmended, h.mode.Name)
}

// watch looks until it has seen what there is to see, or it will not come.
func (h *hooking) watch(ctx context.Context, enough func() bool) error {
	stalled, err := h.lookOn(ctx, h.users, lookLive, enough)
	h.stalled = max(h.stalled, stalled)
	return err
}

// seenEnough tells whether it was broken for long enough: it was noticed and
// users are whole in spite of it, or a remedy has ended it, or none of that
// comes. What runs in earnest is broken no longer than that.
func (h *hooking) seenEnough() bool {
	passed := proc.Now() - h.injected
	f := h.facts(proc.Now())
	if h.seen == 0 && f.witness != "" {
		h.seen = proc.Now()
	}
	switch {
	case passed >= hookSeen && f.witness == "", passed >= longestHold(h.mode, h.rate):
		return true
	case passed < brokenAtLeast || f.reached < minReached:
		return false
	case slices.Contains(h.mode.Remedies, holdfast.RemedyRestart):
		return f.tell().whole() && h.usersWhole(h.injected)
	default:
		return f.tell().detected != 0 && h.usersWhole(h.injected)
	}
}

// wholeAgain tells whether the service was whole again for long enough after the
// mend, or will not be.
func (h *hooking) wholeAgain() bool {
	now := proc.Now()
	f := h.facts(now)
	return f.tell().whole() && h.usersWhole(h.undone) || now-h.undone >= h.mode.Bounds.Restore+watchBeyond
}

// usersWhole tells whether everybody has been whole for a second, nobody who
// still waits for an answer left out.
func (h *hooking) usersWhole(from time.Duration) bool {
	_, whole := h.users.WholeOf(func(load.Result) bool { return true }, int64(from), wholeFor)
	return whole
}

// facts are what is known until now.
func (h *hooking) facts(now time.Duration) hookFacts {
	f := hookFacts{facts: facts{
		mode: h.mode, by: h.by, service: h.service, victim: h.victim, injected: h.injected, undone: h.undone, ended: now,
		entries: h.copy.chronicle.all(), stalled: h.stalled,
	}}
	f.results = h.users.Snapshot()
	f.reached = meant(f.results, h.targets, h.service.Name, h.injected, cmp.Or(h.undone, now))
	f.witness = h.saw()
	f.surroundings = surroundings{system: h.o.System, began: h.began, witnessed: h.seen, printed: h.hearing.all()}
	return f
}

// saw is what the witness saw: the end of a process of the copy, or what became
// of questions to the struck replicas themselves.
func (h *hooking) saw() string {
	if h.witness == nil {
		return ""
	}
	for _, exit := range h.witness.Exits() {
		if exit.Seen >= int64(h.injected) {
			return fmt.Sprintf("exit of pid %d seen by load", exit.Pid)
		}
	}
	return sawItself(h.witness.Snapshot(), h.injected)
}

// conclude ends the loads, looks for what was left behind, and judges.
func (h *hooking) conclude(ctx context.Context, ended time.Duration) (report.Drill, error) {
	h.over = proc.Now()
	record, err := h.users.Stop(ctx)
	if ctx.Err() != nil {
		return report.Drill{}, ctx.Err()
	}
	h.began = time.Duration(record.Began)
	f := h.facts(ended)
	if err != nil {
		f.broken = err.Error()
	}
	f.results, f.lagP99, f.capped = record.Results, record.LagP99, record.Capped
	f.writes = h.audit(ctx, h.asked, record.Results)
	after, err := warden.TakeSnapshot(h.copy.ledger, h.copy.chronicle.knows, stillThere)
	if err != nil {
		return report.Drill{}, err
	}
	f.residue = warden.Residue(h.before, after)
	return f.endedBy(h.ended), nil
}
