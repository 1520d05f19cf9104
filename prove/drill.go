package prove

import (
	"context"
	"fmt"
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
	// clean is how long the load runs before the fault: what is broken already
	// is seen in it.
	clean = time.Second
	// witnessWithin is how soon somebody else must have seen the fault.
	witnessWithin = 2 * time.Second
	// silent is how long a load that works may report nothing: what is asked is
	// answered or given up within its patience.
	silent = patience + 2*time.Second
	// watchAtLeast is how long a fault is watched even when all is well at
	// once: at the default rate some 600 requests, of which none hurt shows
	// that fewer than one in 200 would be.
	watchAtLeast = 3 * time.Second
	// watchBeyond is how long after its bound a restoration is waited for, so
	// that the report can say how long it does take.
	watchBeyond = 15 * time.Second
)

// A drilling is one drill under way.
type drilling struct {
	*proof
	mode      holdfast.FailureMode
	service   holdfast.Service
	victim    holdfast.Victim
	fault     holdfast.Fault
	targets   []target
	needing   map[string]bool
	generator *load.Generator
	entry     warden.EntryID
	before    warden.Snapshot
	injected  time.Duration
	stalled   time.Duration // the longest that watching waited for a processor
}

// drill exercises one failure mode: a clean second, the fault, its witness,
// what users saw until the system was whole, the undo, the residue, the
// verdict.
func (p *proof) drill(ctx context.Context, mode holdfast.FailureMode) (report.Drill, error) {
	d, err := p.prepare(ctx, mode)
	if err != nil {
		return report.Drill{}, err
	}
	over, cancel := context.WithCancel(context.Background())
	cancel()
	defer d.generator.Stop(over) // at once: whoever needs its record has stopped it before
	if err := d.pause(ctx, clean); err != nil {
		return report.Drill{}, err
	}
	p.o.Say(fmt.Sprintf("%s  %s on %s, pid %d", mode.Name, d.fault.Name(), d.victim.ID.Name(), d.victim.Pid))
	if err := d.inject(ctx); err != nil {
		return report.Drill{}, err
	}
	if err := d.watch(ctx); err != nil {
		return report.Drill{}, err
	}
	ended := proc.Now()
	if err := d.undo(ctx); err != nil {
		return report.Drill{}, err
	}
	return d.conclude(ctx, ended)
}

// prepare picks the victim and starts the load that will witness its end.
func (p *proof) prepare(ctx context.Context, mode holdfast.FailureMode) (*drilling, error) {
	d := &drilling{proof: p, mode: mode}
	d.service, _ = p.o.System.Service(mode.Strikes.Service)
	found, ok := fault.Find(mode.Drills[0].Fault)
	if !ok {
		return nil, fmt.Errorf("%s is drilled by %s, which does not exist", mode.Name, mode.Drills[0].Fault)
	}
	d.fault = found
	name := holdfast.NameReplica(d.service.Name, p.rng.IntN(d.service.Replicas)+1)
	l, ok := p.copy.chronicle.life(name)
	if !ok || l.started.Pid == 0 {
		return nil, fmt.Errorf("%s has no process that can be struck", name)
	}
	d.victim = holdfast.Victim{ID: l.started.ID, Address: l.started.Address, Pid: l.started.Pid, Ticks: l.started.Ticks}
	var err error
	if d.targets, err = p.copy.targets(ctx, p.struck()); err != nil {
		return nil, err
	}
	d.needing = needs(p.o.System, d.targets, d.service.Name)
	if d.before, err = warden.TakeSnapshot(p.copy.ledger, p.copy.chronicle.knows); err != nil {
		return nil, err
	}
	plan := p.plan(weigh(d.targets, d.service.Name), longest)
	if !p.o.Blind {
		plan.Watch = []load.Watch{{Pid: d.victim.Pid, Ticks: d.victim.Ticks}}
	}
	d.generator, err = p.copy.generator(ctx, plan)
	return d, err
}

// pause lets time pass, unless something ends the drill.
func (d *drilling) pause(ctx context.Context, length time.Duration) error {
	select {
	case <-time.After(length):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-d.copy.warden.Lost():
		return d.copy.lost()
	case <-d.generator.Done():
		return fmt.Errorf("the load ended in the middle of the drill")
	}
}

// inject writes the fault down with its undo, makes it true, and says so. The
// instant is taken before the fault, so that every time counted from it is
// rather too long than too short.
func (d *drilling) inject(ctx context.Context) error {
	var err error
	if d.entry, err = d.copy.warden.Arm(ctx, warden.Entry{Fault: d.fault.Name(), Victim: d.victim}); err != nil {
		return err
	}
	d.injected = proc.Now()
	if err := d.fault.Inject(ctx, d.victim); err != nil {
		return fmt.Errorf("%s: %w", d.mode.Name, err)
	}
	if err := d.copy.warden.Injected(ctx, d.entry); err != nil {
		return err
	}
	return d.copy.client.Injected(ctx, event.FaultInjected{Mode: d.mode.Name, Fault: d.fault.Name(), ID: d.victim.ID})
}

// watch waits until everything there is to see was seen, or will not come.
func (d *drilling) watch(ctx context.Context) error {
	heard, when := 0, proc.Now()
	for {
		slept := proc.Now()
		if err := d.pause(ctx, look); err != nil {
			return err
		}
		d.stalled = max(d.stalled, proc.Now()-slept-look)
		if n := len(d.generator.Snapshot()); n != heard {
			heard, when = n, proc.Now()
		}
		passed := proc.Now() - d.injected
		switch {
		case proc.Now()-when > silent:
			return fmt.Errorf("the load reported nothing for %s, although every request ends within %s: it is stuck", silent, patience)
		case passed >= witnessWithin && d.witness() == "":
			return nil // nothing that follows could be believed
		case passed >= watchAtLeast && d.restored() && d.reached() >= minReached:
			return nil
		case passed >= d.giveUpAfter():
			return nil
		}
	}
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
// have been whole for a second.
func (d *drilling) restored() bool {
	l, ok := d.copy.chronicle.life(d.victim.ID.Name())
	if !ok || l.started.ID == d.victim.ID || len(d.copy.chronicle.missing(d.o.System)) > 0 {
		return false
	}
	_, whole := d.generator.Whole(int64(d.injected), wholeFor)
	return whole
}

// witness is what the load, which had no part in it, saw of the fault.
func (d *drilling) witness() string {
	exits := d.generator.Exits()
	if slices.ContainsFunc(exits, func(e load.Exit) bool { return e.Pid == d.victim.Pid && e.Seen >= int64(d.injected) }) {
		return fmt.Sprintf("exit of pid %d seen by load", d.victim.Pid)
	}
	return ""
}

// reached counts the requests of the fault's time that were sent to the struck
// service itself.
func (d *drilling) reached() int {
	n := 0
	for _, result := range d.generator.Snapshot() {
		if result.Intended >= int64(d.injected) && d.isDirect(result.Target) {
			n++
		}
	}
	return n
}

func (d *drilling) isDirect(name string) bool {
	return slices.ContainsFunc(d.targets, func(t target) bool { return t.name == name && t.service == d.service.Name })
}

// undo puts the fault back and records it once it is seen to be gone.
func (d *drilling) undo(ctx context.Context) error {
	if err := d.fault.Undo(ctx, d.victim); err != nil {
		return fmt.Errorf("undo %s on %s: %w", d.fault.Name(), d.victim.ID, err)
	}
	if err := d.copy.warden.Undone(ctx, d.entry); err != nil {
		return err
	}
	return d.copy.client.Removed(ctx, event.FaultRemoved{Mode: d.mode.Name, Fault: d.fault.Name(), ID: d.victim.ID})
}

// conclude ends the load, looks for what was left behind, and judges.
func (d *drilling) conclude(ctx context.Context, ended time.Duration) (report.Drill, error) {
	f := facts{
		mode: d.mode, service: d.service, victim: d.victim, injected: d.injected, ended: ended,
		witness: d.witness(), reached: d.reached(),
	}
	if missing := d.copy.chronicle.missing(d.o.System); len(missing) > 0 && f.witness != "" && len(d.mode.Remedies) > 0 {
		f.diagnose = d.copy.diagnose(ctx)
	}
	record, err := d.generator.Stop(ctx)
	if ctx.Err() != nil {
		return report.Drill{}, ctx.Err()
	}
	if err != nil {
		f.broken = err.Error()
	}
	f.lagP99, f.capped, f.stalled = record.LagP99, record.Capped, d.stalled
	for _, result := range record.Results {
		if d.needing[result.Target] {
			f.results = append(f.results, result)
		}
	}
	f.entries = d.copy.chronicle.all()
	after, err := warden.TakeSnapshot(d.copy.ledger, d.copy.chronicle.knows)
	if err != nil {
		return report.Drill{}, err
	}
	f.residue = warden.Residue(d.before, after)
	return judge(f), nil
}
