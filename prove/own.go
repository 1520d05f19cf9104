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
	"holdfast/internal/proc"
	"holdfast/keeper"
	"holdfast/load"
	"holdfast/report"
	"holdfast/warden"
)

// recordWithin is how long an agent that was itself the victim may take to answer
// before what was done to it can be recorded.
const recordWithin = 10 * time.Second

// An ordeal is the drill of a process of Holdfast itself under way. What is asked
// of it is little and the same for all: that users, replicas and the journal do
// not notice, but within the mode's bounds.
type ordeal struct {
	*proving
	mode      holdfast.FailureMode
	by        holdfast.Drill
	fault     holdfast.Fault
	keeper    *keeper.Client
	victim    holdfast.Victim
	lives     map[holdfast.ReplicaName]life // as they were before
	roles     map[keeper.RoleName]int       // pids, before
	entries   int                           // of the journal, before
	asked     asking
	generator *load.Generator
	entry     warden.EntryID
	before    warden.Snapshot
	injected  time.Duration
	stalled   time.Duration
	witnessed time.Duration
	answered  time.Duration // when the next one did its work; 0: never
}

// drillOwn exercises a failure mode of Holdfast itself.
func (p *proving) drillOwn(ctx context.Context, mode holdfast.FailureMode, by holdfast.Drill) (report.Drill, error) {
	found, err := p.fault(mode, by)
	if err != nil {
		return report.Drill{}, err
	}
	o := &ordeal{proving: p, mode: mode, by: by, fault: found, lives: p.copy.chronicle.newest(), entries: len(p.copy.chronicle.all())}
	defer o.stop()
	if err := o.prepare(ctx); err != nil {
		return report.Drill{}, err
	}
	if err := o.pause(ctx, o.generator, o.ramp()+clean); err != nil {
		return report.Drill{}, err
	}
	p.o.Say(fmt.Sprintf("%s  %s on the %s, pid %d", mode.Name, found.Name(), mode.Strikes.Role, o.victim.Pid))
	if err := o.inject(ctx); err != nil {
		return report.Drill{}, fmt.Errorf("%s: %w", mode.Name, err)
	}
	stalled, err := o.lookOn(ctx, o.generator, look, func() bool { return o.over(ctx) })
	if o.stalled = stalled; err != nil {
		return report.Drill{}, err
	}
	ended := proc.Now()
	if err := o.undo(ctx); err != nil {
		return report.Drill{}, err
	}
	return o.conclude(ctx, ended)
}

// prepare finds the process, and starts the load that will witness what becomes
// of it.
func (o *ordeal) prepare(ctx context.Context) (err error) {
	if o.keeper, err = keeper.Dial(ctx, filepath.Join(o.copy.dir, keeper.SocketName), "prove", 0); err != nil {
		return err
	}
	if o.roles, err = o.pids(ctx); err != nil {
		return err
	}
	now, err := o.role(ctx)
	if err != nil {
		return err
	}
	ticks, err := proc.Ticks(now.Pid)
	if err != nil {
		return fmt.Errorf("the %s (pid %d): %w", o.mode.Strikes.Role, now.Pid, err)
	}
	o.victim = holdfast.Victim{
		ID:  holdfast.ReplicaID{Service: holdfast.ServiceName(o.mode.Strikes.Role), Ordinal: 1, Incarnation: holdfast.Incarnation(now.Restarts + 1)},
		Pid: now.Pid, Ticks: ticks,
	}
	if o.asked, err = o.copy.asking(ctx, o.struck(), sessionsOf(o.o.System, o.mode)); err != nil {
		return err
	}
	if o.before, err = warden.TakeSnapshot(o.copy.ledger, o.copy.chronicle.knows, stillThere); err != nil {
		return err
	}
	plan := o.plan(o.asked, "", longest)
	if !o.o.Blind {
		plan.Watch = []load.Watch{{Pid: o.victim.Pid, Ticks: o.victim.Ticks}}
	}
	o.generator, err = o.copy.generator(ctx, plan)
	return err
}

// role is what is known of the process now: the keeper says it, and of the keeper
// the warden.
func (o *ordeal) role(ctx context.Context) (keeper.RoleState, error) {
	if o.mode.Strikes.Role == holdfast.RoleKeeper {
		now, since := o.copy.warden.Keeper()
		return keeper.RoleState{Pid: now.Pid, Since: int64(since)}, nil
	}
	roles, err := o.keeper.Roles(ctx)
	if err != nil {
		return keeper.RoleState{}, err
	}
	for _, r := range roles {
		if string(r.Name) == string(o.mode.Strikes.Role) {
			return r, nil
		}
	}
	return keeper.RoleState{}, fmt.Errorf("the private copy has no %s", o.mode.Strikes.Role)
}

// pids are the processes that have a role now, by name. Where the keeper is not
// the one that was dialled, the next is.
func (o *ordeal) pids(ctx context.Context) (map[keeper.RoleName]int, error) {
	roles, err := o.keeper.Roles(ctx)
	if errors.Is(err, keeper.ErrLost) {
		o.keeper.Close()
		if o.keeper, err = keeper.Dial(ctx, filepath.Join(o.copy.dir, keeper.SocketName), "prove", 0); err != nil {
			return nil, err
		}
		roles, err = o.keeper.Roles(ctx)
	}
	pids := map[keeper.RoleName]int{}
	for _, r := range roles {
		pids[r.Name] = r.Pid
	}
	return pids, err
}

// stop ends what the drill started for itself.
func (o *ordeal) stop() {
	if o.generator != nil {
		o.generator.Stop(atOnce())
	}
	if o.keeper != nil {
		o.keeper.Close()
	}
}

// inject strikes. That it was done is recorded later: who records it may be the
// victim.
func (o *ordeal) inject(ctx context.Context) (err error) {
	if o.entry, err = o.arm(ctx, o.fault, o.victim); err != nil {
		return err
	}
	if o.mode.Strikes.Role == holdfast.RoleKeeper {
		if err := o.copy.warden.Expect(ctx); err != nil {
			return err
		}
	}
	o.injected = proc.Now()
	if err := o.fault.Inject(ctx, o.victim); err != nil {
		return err
	}
	return o.copy.warden.Injected(ctx, o.entry)
}

// over tells whether everything is as it was for long enough, or will not be.
func (o *ordeal) over(ctx context.Context) bool {
	passed := proc.Now() - o.injected
	if o.answered == 0 {
		o.answered = o.answers(ctx)
	}
	if o.witnessed == 0 && o.witness() != "" {
		o.witnessed = proc.Now()
	}
	switch {
	case passed >= witnessSoon && o.witness() == "", passed >= o.mode.Bounds.Restore+watchBeyond:
		return true
	default:
		return passed >= watchAtLeast && o.answered != 0 && o.reached() >= minReached && o.usersWhole()
	}
}

// answers is when another process had taken the victim's place and did its work,
// 0 while none does: an agent goes on with the journal, and we have read it; a
// gateway has every replica in use that the one before had; a keeper has an agent
// that goes on with the journal, which it had to start anew.
func (o *ordeal) answers(ctx context.Context) time.Duration {
	now, err := o.role(ctx)
	if err != nil || now.Pid == 0 || now.Pid == o.victim.Pid {
		return 0
	}
	since := o.copy.chronicle.all()[o.entries:]
	switch {
	case o.mode.Strikes.Role == holdfast.RoleGateway:
		return usedAgain(since, o.lives, time.Duration(now.Since))
	case wokenUp(since):
		return proc.Now()
	default:
		return 0
	}
}

// wokenUp tells whether the journal has gone on under another agent.
func wokenUp(entries []event.Entry) bool {
	return slices.ContainsFunc(entries, func(e event.Entry) bool {
		_, ok := e.Body.(event.Woken)
		return ok
	})
}

// usedAgain is when the last of those that were in use was in use again by a
// gateway that was started at an instant, 0 while one is not.
func usedAgain(entries []event.Entry, lives map[holdfast.ReplicaName]life, from time.Duration) time.Duration {
	missing := map[holdfast.ReplicaID]bool{}
	for _, l := range lives {
		if l.admitted {
			missing[l.started.ID] = true
		}
	}
	last := from
	for _, entry := range entries {
		if b, ok := entry.Body.(holdfast.Admitted); ok && missing[b.ID] && entry.At.Boot >= from {
			delete(missing, b.ID)
			last = entry.At.Boot
		}
	}
	if len(missing) > 0 {
		return 0
	}
	return last
}

func (o *ordeal) usersWhole() bool {
	_, whole := o.generator.WholeOf(func(load.Result) bool { return true }, int64(o.injected), wholeFor)
	return whole
}

// reached counts the requests that were due since the fault: all of them go
// through Holdfast.
func (o *ordeal) reached() int {
	n := 0
	for _, r := range o.generator.Snapshot() {
		if r.Intended >= int64(o.injected) {
			n++
		}
	}
	return n
}

// witness is what the load saw of the process.
func (o *ordeal) witness() string {
	seen := &drilling{victim: o.victim, injected: o.injected, generator: o.generator}
	if saw := witnesses()[o.fault.Name()].saw; saw != nil {
		return saw(seen)
	}
	return ""
}

// undo puts the fault back and records all of it.
func (o *ordeal) undo(ctx context.Context) error {
	if err := o.fault.Undo(ctx, o.victim); err != nil {
		return fmt.Errorf("undo %s on %s: %w", o.fault.Name(), o.victim.ID, err)
	}
	if err := o.copy.warden.Undone(ctx, o.entry); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, recordWithin)
	defer cancel()
	made := event.FaultInjected{Mode: o.mode.Name, Fault: o.fault.Name(), ID: o.victim.ID}
	if err := o.copy.record(ctx, func() error { return o.copy.client.Injected(ctx, made) }); err != nil {
		return err
	}
	return o.copy.client.Removed(ctx, event.FaultRemoved(made))
}

// record says something to an agent that may be about to answer.
func (c *private) record(ctx context.Context, say func() error) error {
	for {
		err := say()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-c.warden.Lost():
			return c.lost()
		case <-time.After(look):
		}
	}
}

// conclude ends the load, looks for what was left behind and who was touched, and
// judges.
func (o *ordeal) conclude(ctx context.Context, ended time.Duration) (report.Drill, error) {
	now, err := o.role(ctx)
	if err != nil {
		return report.Drill{}, err
	}
	f := ownFacts{
		facts: facts{
			mode: o.mode, by: o.by, service: holdfast.Service{Name: "holdfast"}, victim: o.victim, injected: o.injected, ended: ended,
			witness: o.witness(), reached: o.reached(), stalled: o.stalled,
		},
		lives: o.lives, after: o.copy.chronicle.newest(), answered: o.answered, roles: o.roles,
	}
	if f.rolesAfter, err = o.pids(ctx); err != nil {
		f.broken = "the keeper does not answer: " + err.Error()
	}
	if now.Pid != 0 && now.Pid != o.victim.Pid {
		f.renewed = time.Duration(now.Since)
	}
	record, err := o.generator.Stop(ctx)
	if ctx.Err() != nil {
		return report.Drill{}, ctx.Err()
	}
	if err != nil {
		f.broken = err.Error()
	}
	f.results, f.lagP99, f.capped = record.Results, record.LagP99, record.Capped
	f.surroundings = surroundings{system: o.o.System, began: time.Duration(record.Began), witnessed: o.witnessed}
	f.writes = o.audit(ctx, o.asked, record.Results)
	f.entries = o.copy.chronicle.all()[o.entries:]
	f.previous = o.lastBefore()
	after, err := warden.TakeSnapshot(o.copy.ledger, o.copy.chronicle.knows, stillThere)
	if err != nil {
		return report.Drill{}, err
	}
	f.residue = warden.Residue(o.before, after)
	drill := f.judge()
	// What a keeper has adopted it hears less of than of what it started.
	o.copy.spoiled = o.copy.spoiled || cmp.Or(f.broken, f.touched()) != "" || o.mode.Strikes.Role == holdfast.RoleKeeper
	return drill, nil
}

// lastBefore is the number of the journal's last entry before the drill.
func (o *ordeal) lastBefore() uint64 {
	if o.entries == 0 {
		return 0
	}
	return o.copy.chronicle.all()[o.entries-1].ID.Seq
}
