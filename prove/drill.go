package prove

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"holdfast"
	"holdfast/event"
	"holdfast/fault"
	"holdfast/internal/proc"
	"holdfast/load"
	"holdfast/report"
	"holdfast/topology"
	"holdfast/warden"
)

const (
	// clean is how long the load runs before the fault: what is broken already
	// is seen in it.
	clean = time.Second
	// watchAtLeast is how long a fault is watched even when all is well at
	// once: at the default rate some 500 requests, half of them sent to the struck
	// service itself, of which none hurt shows that fewer than one in 100 would be.
	watchAtLeast = 2500 * time.Millisecond
	// watchBeyond is how long after its bound a restoration is waited for, so
	// that the report can say how long it does take.
	watchBeyond = 15 * time.Second
	// holdBeyond is the same for a fault that only we can end: how long after the
	// bounds it is left in place for somebody to notice and mitigate it.
	holdBeyond = time.Second
	// renewEvery is how often a leased fault is renewed, well within the second
	// that its contract asks for.
	renewEvery = 400 * time.Millisecond
)

// A drilling is one drill under way.
type drilling struct {
	*proving
	mode      holdfast.FailureMode
	by        holdfast.Drill // of the mode, the one under way
	service   holdfast.Service
	victim    holdfast.Victim
	fault     holdfast.Fault
	byUndo    bool
	loss      *loss
	asked     asking
	stakes    map[string]stake
	detour    detour // to the victim, through the fault proxy
	generator *load.Generator
	entries   int // of the journal, before
	entry     warden.EntryID
	before    warden.Snapshot
	injected  time.Duration
	blows     []blow // of a storm, after the first
	renewed   time.Duration
	undone    time.Duration
	unseen    bool          // its witness did not come in time; what comes later is none
	broken    string        // why nothing that was measured can be used; empty: it can
	stalled   time.Duration // the longest that watching waited for a processor
	hearing   *hearing
	traffic   []counted
	witnessed time.Duration // when the witness was seen to have seen it
}

// drill exercises one failure mode: a clean second, the fault, its witness,
// what users saw until the system was whole, the undo, the residue, the
// verdict. Where only we can end the fault the undo comes in the middle.
func (p *proving) drill(ctx context.Context, mode holdfast.FailureMode, by holdfast.Drill) (report.Drill, error) {
	d, err := p.prepare(ctx, mode, by)
	if unfit, ok := errors.AsType[errUnfit](err); ok {
		return skipped(mode, by, unfit.Error()), nil
	}
	if err != nil {
		return report.Drill{}, err
	}
	defer func() { // whoever needs its record has stopped it before
		d.generator.Stop(atOnce())
		d.endWatches(atOnce())
	}()
	d.count(ctx)
	if err := d.pause(ctx, d.generator, p.ramp()+clean); err != nil {
		return report.Drill{}, err
	}
	if fell := d.copy.chronicle.fell(d.o.System, d.entries); fell != "" {
		return d.sick(fell), nil
	}
	d.count(ctx)
	p.o.Say(d.announcement())
	if err := d.inject(ctx); errors.Is(err, fault.ErrVictimGone) && ctx.Err() == nil {
		return d.sick("its victim ended: " + err.Error()), d.copy.warden.Undone(ctx, d.entry)
	} else if err != nil {
		return report.Drill{}, err
	}
	if d.fault.Name() == storms {
		if err := d.strikeAgain(ctx); err != nil {
			return report.Drill{}, err
		}
	}
	if d.byUndo {
		if err := d.watch(ctx, d.seenEnough); err != nil {
			return report.Drill{}, err
		}
		d.count(ctx)
		if err := d.takeAway(ctx); err != nil {
			return d.stuck(ctx, err)
		}
	}
	if err := d.watch(ctx, d.wholeAgain); err != nil {
		return report.Drill{}, err
	}
	ended := proc.Now()
	if !d.byUndo {
		d.count(ctx)
	}
	if err := d.undo(ctx); err != nil {
		return d.stuck(ctx, err)
	}
	return d.conclude(ctx, ended)
}

// sick is the end of a drill before its fault: what ends by itself now would be
// blamed on it, and its copy serves for no other drill.
func (d *drilling) sick(why string) report.Drill {
	d.copy.spoiled = true
	drill := undecided(d.mode, d.by, "nothing was broken, because without any fault "+why)
	drill.Strikes = strikes(facts{mode: d.mode, victim: d.victim})
	return drill
}

// stuck is the end of a drill whose fault could not be taken away. One that is
// leased lapses by itself, with the proxy or the tracer that does not answer: the
// drill decides nothing, and its copy is thrown away.
func (d *drilling) stuck(ctx context.Context, why error) (report.Drill, error) {
	if _, leased := d.fault.(holdfast.Leased); !leased || ctx.Err() != nil {
		return report.Drill{}, why
	}
	select {
	case <-d.copy.warden.Lost():
		return report.Drill{}, d.copy.lost()
	default:
	}
	d.copy.spoiled = true
	drill := undecided(d.mode, d.by, "the fault could not be taken away, and lapses by itself: "+why.Error())
	drill.Strikes, drill.Witness = strikes(facts{mode: d.mode, victim: d.victim}), d.witness()
	return drill, nil
}

// announcement says what is about to be broken.
func (d *drilling) announcement() string {
	text := fmt.Sprintf("%s  %s on %s", d.mode.Name, d.fault.Name(), d.victim.ID.Name())
	if d.victim.Pid != 0 {
		text += fmt.Sprintf(", pid %d", d.victim.Pid)
	}
	return text
}

// unshowable says why nobody could see a fault: what it strikes is not touched by
// the only call that is known of the service.
func (d *drilling) unshowable() string {
	onDisk := d.fault.Name() == fault.DiskFull().Name() || d.fault.Name() == fault.DiskSlow().Name()
	if !onDisk || d.service.Protocol != holdfast.GRPC || d.methodOf() != "" {
		return ""
	}
	return fmt.Sprintf("its health call keeps nothing on a disk, and no other is known; next: route its calls by their path, `gateway: {routes: [{path: /package.Service/Method, service: %s}]}`", d.service.Name)
}

// errUnfit says that a fault means nothing to the victim.
type errUnfit string

func (e errUnfit) Error() string { return string(e) }

// stillThere names what is left of a fault that was made, for the residue check.
func stillThere(entry warden.Entry) []string { return fault.Left(entry.Fault, entry.Victim) }

// prepare picks the victim and starts the load that will witness its end.
func (p *proving) prepare(ctx context.Context, mode holdfast.FailureMode, by holdfast.Drill) (*drilling, error) {
	d := &drilling{proving: p, mode: mode, by: by, byUndo: onlyWeEnd(mode, by), entries: len(p.copy.chronicle.all())}
	d.service, _ = p.o.System.Service(mode.Strikes.Service)
	var err error
	if d.fault, err = p.fault(mode, by); err != nil {
		return nil, err
	}
	if err := d.choose(ctx); err != nil {
		return nil, err
	}
	if why := cmp.Or(fault.Unfit(d.fault, d.victim), d.unshowable()); why != "" {
		return nil, errUnfit(fmt.Sprintf("%s cannot strike %s: %s", by.Fault, d.victim.ID.Name(), why))
	}
	if d.asked, err = p.copy.asking(ctx, p.struck(), sessionsOf(p.o.System, mode)); err != nil {
		return nil, err
	}
	if mode.Strikes.IsEdge() {
		caller, _ := p.o.System.Service(mode.Strikes.Caller)
		d.asked.targets = aside(d.asked.targets, caller)
	}
	d.stakes = stakes(p.o.System, d.asked.targets, mode)
	if d.before, err = warden.TakeSnapshot(p.copy.ledger, p.copy.chronicle.knows, stillThere); err != nil {
		return nil, err
	}
	plan := p.plan(d.asked, d.service.Name, longest)
	d.loss = d.lossOf(plan)
	if !p.o.Blind {
		d.observe(&plan)
	}
	d.hearing = hear(p.copy.dir, d.concerned()...)
	d.generator, err = p.copy.generator(ctx, plan)
	return d, err
}

// concerned are the services whose logs may tell what became of the fault: the
// struck one, and of one that is lost those that need it.
func (d *drilling) concerned() []holdfast.Service {
	all := []holdfast.Service{d.service}
	if d.loss == nil {
		return all
	}
	for _, name := range d.loss.callers {
		if caller, ok := d.o.System.Service(name); ok {
			all = append(all, caller)
		}
	}
	return all
}

// onlyWeEnd tells whether nothing but our own undo ends a drill's fault: no
// process comes back to life, and no other fault is ended by any remedy but a
// new process in the old one's place.
func onlyWeEnd(mode holdfast.FailureMode, by holdfast.Drill) bool {
	return !fault.Describe(by.Fault).Ends && !slices.Contains(mode.Remedies, holdfast.RemedyRestart)
}

// lossOf is what the drill of a loss knows beforehand; nil where one replica is
// struck.
func (d *drilling) lossOf(plan load.Plan) *loss {
	l := &loss{edge: d.mode.Strikes, covers: covers(d.o.System, d.mode.Strikes), callers: topology.Dependents(d.o.System, d.service.Name)}
	switch {
	case d.mode.Strikes.Whole:
		l.covered = true
		for _, route := range d.o.System.Gateway.CoveredTo(d.service.Name) {
			l.timeout = max(l.timeout, route.Timeout)
		}
		return l
	case !d.mode.Strikes.IsEdge():
		return nil
	}
	dependency := dependencyOf(d.o.System, d.mode.Strikes)
	l.timeout, l.fatal, l.covered = dependency.Timeout, fatal(dependency), dependency.Fallback != nil
	owing, all := 0, 0
	for _, t := range plan.Targets {
		if all += t.Weight; d.stakes[t.Name] == owed {
			owing += t.Weight
		}
	}
	for _, session := range plan.Sessions {
		all += session.Weight
		for _, step := range session.Steps {
			if d.stakes[step.Name] == owed {
				owing += session.Weight
			}
		}
	}
	l.arriving = plan.Rate * float64(owing) / float64(all)
	return l
}

// inject strikes; a leased fault is renewed from then on.
func (d *drilling) inject(ctx context.Context) error {
	var err error
	if d.entry, d.injected, err = d.strike(ctx, d.mode.Name, d.fault, d.victim); err != nil {
		return fmt.Errorf("%s: %w", d.mode.Name, err)
	}
	d.renewed = d.injected
	return nil
}

// watch looks until it has seen what there is to see, or it will not come.
// A leased fault is kept in force meanwhile.
func (d *drilling) watch(ctx context.Context, enough func() bool) error {
	stalled, err := d.lookOn(ctx, d.generator, look, func() bool {
		d.renew(ctx)
		d.hearing.look()
		d.follow(ctx)
		d.note()
		d.unseen = d.unseen || d.unwitnessed()
		return d.broken != "" || d.unseen || enough()
	})
	d.stalled = max(d.stalled, stalled)
	return err
}

// count takes down how many requests had arrived everywhere by now.
func (d *drilling) count(ctx context.Context) {
	d.traffic = append(d.traffic, d.copy.count(ctx, proc.Now()))
}

// note takes down when the fault was witnessed: a look later at most.
func (d *drilling) note() {
	if d.witnessed == 0 && d.witness() != "" {
		d.witnessed = proc.Now()
	}
}

// unwitnessed says that nothing that follows could be believed: by now somebody
// else should have seen the fault.
func (d *drilling) unwitnessed() bool {
	return proc.Now()-d.lastBlow() >= witnessWithin(d.fault.Name()) && d.witness() == ""
}

// seenEnough tells, of a fault that only we can end, whether it was there long
// enough: it was noticed and users are whole in spite of it, or that took longer
// than it may.
func (d *drilling) seenEnough() bool {
	passed := proc.Now() - d.injected
	if passed >= max(d.mode.Bounds.Detect, d.mode.Bounds.Mitigate, d.atLeast())+holdBeyond {
		return true
	}
	if passed < d.atLeast() || !d.enough() || d.witness() == "" {
		return false
	}
	noticed := tell(facts{mode: d.mode, by: d.by, service: d.service, victim: d.victim, injected: d.injected, loss: d.loss, entries: d.copy.chronicle.all()}).detected != 0
	return noticed && (d.hopeless() || d.usersWhole(d.injected))
}

// atLeast is how long a fault is watched at least. One that comes and goes has to
// come round. A lost edge is silent only after it was refused for a while, and
// what is asked then may take as long as its timeout to be answered.
func (d *drilling) atLeast() time.Duration {
	if d.loss == nil {
		return max(watchAtLeast, witnesses()[d.fault.Name()].watch)
	}
	return max(watchAtLeast, severRefuses+min(d.loss.timeout, longestTimeout)+onTheWay)
}

// longestTimeout is the longest timeout of an edge whose use is waited for.
const longestTimeout = 20 * time.Second

// hopeless tells whether users cannot be whole before the fault is taken away.
func (d *drilling) hopeless() bool { return d.loss != nil && d.loss.fatal }

// usersWhole tells whether all those who can be, have been whole for a second,
// and have been since they last were not.
func (d *drilling) usersWhole(from time.Duration) bool {
	_, whole := d.generator.WholeOf(func(r load.Result) bool { return d.stakes[r.Target] != none }, int64(from), wholeFor)
	return whole
}

// wholeAgain tells whether the system was whole again for long enough, or will
// not be.
func (d *drilling) wholeAgain() bool {
	now := proc.Now()
	if d.byUndo {
		return d.restored() || now-d.undone >= d.mode.Bounds.Restore+watchBeyond
	}
	passed := now - d.lastBlow()
	return passed >= watchAtLeast && d.restored() && d.enough() || passed >= d.giveUpAfter()
}

// giveUpAfter is when a restoration is not waited for any longer. When no
// remedy is declared there is nothing to wait for beyond the bound.
func (d *drilling) giveUpAfter() time.Duration {
	if len(d.mode.Remedies) == 0 {
		return d.mode.Bounds.Restore
	}
	return d.mode.Bounds.Restore + watchBeyond
}

// restored tells whether every declared replica is admitted again, and users
// have been whole for a second since.
func (d *drilling) restored() bool {
	if len(d.copy.chronicle.missing(d.o.System)) > 0 {
		return false
	}
	if d.byUndo {
		return d.usersWhole(d.undone)
	}
	return d.replaced() && d.usersWhole(d.lastBlow())
}

// replaced tells whether another incarnation has taken the victim's place.
func (d *drilling) replaced() bool {
	l, ok := d.copy.chronicle.life(d.victim.ID.Name())
	return ok && l.started.ID != d.struckLast().ID
}

// enough tells whether as many requests came to the struck service as it takes to
// say anything, and by every edge that leads to it.
func (d *drilling) enough() bool { return d.reached() >= minReached && len(d.unreached()) == 0 }

// unreached are the ways to the struck service by which no request came while the
// fault lasted: of one that users come for its covered routes, and else its edges.
func (d *drilling) unreached() []string {
	until := proc.Now()
	if d.undone != 0 {
		until = d.undone
	}
	if d.mode.Strikes.Whole {
		return notTaken(slices.Sorted(maps.Keys(d.loss.covers)), d.generator.Snapshot(), d.injected, until)
	}
	return unreached(d.o.System, d.asked.targets, d.service.Name, d.generator.Snapshot(), d.injected, until)
}

// reached counts the requests of the fault's time that were sent to the struck
// service itself.
func (d *drilling) reached() int {
	return meant(d.generator.Snapshot(), d.asked.targets, d.service.Name, d.injected, proc.Now())
}

// renew keeps a leased fault in force. One that lapsed, or whose proxy does not
// answer, spoils the drill: nobody knows how long it was true.
func (d *drilling) renew(ctx context.Context) {
	leased, ok := d.fault.(holdfast.Leased)
	if !ok || d.undone != 0 || proc.Now()-d.renewed < renewEvery || d.victim.ID.Ordinal != 0 && d.replaced() || d.ended() {
		return
	}
	d.renewed = proc.Now()
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if err := leased.Renew(ctx, d.victim); err != nil && !d.ended() {
		d.broken = fmt.Sprintf("%s on %s did not stay in force: %v", d.fault.Name(), d.victim.ID, err)
	}
}

// ended tells whether the victim's process has: what was done to it is over.
func (d *drilling) ended() bool {
	return d.victim.Pid != 0 && !proc.Alive(d.victim.Pid, d.victim.Ticks)
}

// takeAway ends a fault that nobody else can. The instant is taken before it is
// gone, so that every time counted from it is rather too long than too short.
func (d *drilling) takeAway(ctx context.Context) error {
	d.undone = proc.Now()
	return d.undo(ctx)
}

// undo puts the fault back and records it once it is seen to be gone. It may be
// asked again.
func (d *drilling) undo(ctx context.Context) error {
	if d.entry == 0 {
		return nil
	}
	if err := d.fault.Undo(ctx, d.victim); err != nil {
		return fmt.Errorf("undo %s on %s: %w", d.fault.Name(), d.victim.ID, err)
	}
	if err := d.copy.warden.Undone(ctx, d.entry); err != nil {
		return err
	}
	d.entry = 0
	return d.copy.client.Removed(ctx, event.FaultRemoved{Mode: d.mode.Name, Fault: d.fault.Name(), ID: d.victim.ID})
}

// conclude ends the load, looks for what was left behind, and judges.
func (d *drilling) conclude(ctx context.Context, ended time.Duration) (report.Drill, error) {
	f := facts{
		mode: d.mode, by: d.by, service: d.service, victim: d.victim, injected: d.injected, last: d.lastBlow(), byUndo: d.byUndo, undone: d.undone, ended: ended,
		loss: d.loss, witness: d.witness(), reached: d.reached(), broken: d.broken,
		unreached: d.unreached(), already: beforehand(witnesses()[d.fault.Name()].shows, d.injected, d.detour.paths, d.generator.Probed()),
	}
	if missing := d.copy.chronicle.missing(d.o.System); len(missing) > 0 && f.witness != "" && len(d.mode.Remedies) > 0 {
		f.diagnose = d.copy.diagnose(ctx)
	}
	record, err := d.generator.Stop(ctx)
	if ctx.Err() != nil {
		return report.Drill{}, ctx.Err()
	}
	if err != nil {
		f.broken = cmp.Or(f.broken, err.Error())
	}
	f.lagP99, f.capped, f.stalled = record.LagP99, record.Capped, d.stalled
	f.surroundings = surroundings{system: d.o.System, began: time.Duration(record.Began), witnessed: d.witnessed, printed: d.hearing.all(), traffic: d.traffic}
	d.share(&f, record.Results)
	f.writes = d.audit(ctx, d.asked, record.Results)
	f.entries = d.copy.chronicle.all()
	if err := d.sameProxy(ctx); err != nil {
		f.broken, d.copy.spoiled = cmp.Or(f.broken, err.Error()), true
	}
	after, err := warden.TakeSnapshot(d.copy.ledger, d.copy.chronicle.knows, stillThere)
	if err != nil {
		return report.Drill{}, err
	}
	f.residue = warden.Residue(d.before, after)
	return judge(f), nil
}

// share gives every result its place among the facts.
func (d *drilling) share(f *facts, results []load.Result) {
	for _, result := range results {
		switch d.stakes[result.Target] {
		case feels:
			f.results = append(f.results, result)
		case owed:
			f.loss.owed = append(f.loss.owed, result)
		}
		if f.loss != nil && f.loss.straight(result.Target) {
			f.loss.itself = append(f.loss.itself, result)
		}
	}
}
