// Package prove breaks what a file declares can break, in a private copy of the
// system and under load, and says by numbers whether it held.
//
// What is judged does not judge itself: the copy is a process tree of its own,
// load and its clock are another, the warden that puts everything back is a
// third, and every fault needs a witness that is neither its injector nor the
// gateway. What cannot be believed is INVALID, never a pass.
package prove

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"holdfast"
	"holdfast/event"
	"holdfast/fault"
	"holdfast/internal/proc"
	"holdfast/proof"
	"holdfast/report"
	"holdfast/source"
)

// Options are what is to be proved, and how.
type Options struct {
	File    source.File
	System  *holdfast.System       // of that file
	Modes   []holdfast.FailureMode // to be drilled, in this order
	State   string                 // the state directory; the copies live below it
	Program string                 // absolute path of this binary
	Environ []string               // the caller's environment; the copy gets next to nothing of it
	Rate    float64                // requests per second; the control run may lower it
	Repeat  int                    // how often each mode is drilled; at least 1
	Seed    uint64                 // of the load and of the choice of replicas
	Keep    bool                   // keep the copy's journal and logs
	Blind   bool                   // leave the witness out: the drill of the drill
	Neuter  bool                   // let faults do nothing: the same
	Live    bool                   // touch what runs elsewhere, where the file allows it
	// OutsideHours drills what runs elsewhere although the file's hours are over.
	OutsideHours bool
	By           string // who runs it: said to whoever meets a live run
	// Paused says who has paused a service, if somebody has; nil: nobody.
	Paused  func(holdfast.ServiceName) (by string, paused bool)
	Say     func(string)       // progress: one line per change of state
	Drilled func(report.Drill) // called with each drill as it ends
	// Unless says why a drill is not made after all, asked when its turn comes; ""
	// makes it. nil makes all.
	Unless func(holdfast.FailureMode, holdfast.Drill) string

	standIn bool // the copy's channels are stand-ins
}

func (o Options) self() []string { return []string{o.Program} }

// Run proves. The report is complete as far as it goes even when an error says
// that it did not go to the end; everything that was started is ended by then.
func Run(ctx context.Context, o Options) (report.Run, error) {
	declared := o.System
	if !o.Live {
		o.System = onlyPrivate(o.System)
	}
	p := &proving{
		o:        o,
		declared: declared,
		rng:      rand.New(rand.NewPCG(o.Seed, 0)),
		strikes:  map[holdfast.ServiceName]int{},
		run:      report.Run{System: o.System.Name, Seed: o.Seed, Drills: []report.Drill{}, OutsideHours: o.OutsideHours},
	}
	if o.Live {
		p.o.Say = func(line string) { o.Say(event.DrillWord + "  " + line) }
		var done func()
		ctx, done = untilStopped(ctx, o.State)
		defer done()
	}
	err := p.prove(ctx)
	if ended := p.endCopy(); ended != nil && (err == nil || !strings.Contains(err.Error(), ended.Error())) {
		err = errors.Join(err, ended)
	}
	p.sum(ctx, err)
	return p.run, err
}

// A proving is a run under way.
type proving struct {
	o Options
	// declared is the system as the file has it; that of the options allows to
	// touch only what this run may.
	declared *holdfast.System
	rng      *rand.Rand
	run      report.Run
	copy     *private // nil between copies
	rate     float64  // that the copy was seen to bear
	bases    *proof.Bases
	on       map[holdfast.ModeName]proof.Basis // what the copy's verdicts are made on
	// strikes counts, of each service, on from a replica that chance picked.
	strikes map[holdfast.ServiceName]int
	ended   string // why a guard ended the run; empty: none has
}

func (p *proving) prove(ctx context.Context) error {
	if p.o.Live {
		release, err := lockLive(p.o)
		if err != nil {
			return err
		}
		defer release()
	}
	if err := unset(p.sessions(), p.o.Environ); err != nil && !p.o.Live {
		return err
	}
	for _, mode := range inTurn(p.o.Modes) {
		for _, by := range mode.Drills {
			if err := p.exercise(ctx, mode, by); err != nil {
				return err
			}
		}
	}
	return nil
}

// inTurn has the modes first that follow users: the control run of all others
// fails in a copy that loses their sessions.
func inTurn(modes []holdfast.FailureMode) []holdfast.FailureMode {
	all := slices.Clone(modes)
	slices.SortStableFunc(all, func(a, b holdfast.FailureMode) int {
		switch {
		case bySession(a) == bySession(b):
			return 0
		case bySession(a):
			return -1
		}
		return 1
	})
	return all
}

// exercise makes one drill of a mode as often as asked for, unless it cannot be
// made here.
func (p *proving) exercise(ctx context.Context, mode holdfast.FailureMode, by holdfast.Drill) error {
	if p.ended != "" {
		p.add(skipped(mode, by, "a guard ended the run: "+p.ended))
		return nil
	}
	if why := p.impossible(mode, by); why != "" {
		p.add(skipped(mode, by, why))
		return nil
	}
	if why := unaskable(p.o.System, mode.Strikes); why != "" && !bySession(mode) {
		p.add(undecided(mode, by, why))
		return nil
	}
	if why := p.unless(mode, by); why != "" {
		p.add(skipped(mode, by, why))
		return nil
	}
	for range p.o.Repeat {
		why, err := Held(p.o, mode)
		if err != nil {
			return err
		}
		if why != "" {
			p.add(skipped(mode, by, why))
			return nil
		}
		drill, err := p.believed(ctx, mode, by)
		if err != nil {
			return p.cause(ctx, err)
		}
		p.keep(ctx, mode, drill)
		p.add(drill)
		if p.ended != "" {
			return nil
		}
	}
	return nil
}

func (p *proving) unless(mode holdfast.FailureMode, by holdfast.Drill) string {
	if p.o.Unless == nil {
		return ""
	}
	return p.o.Unless(mode, by)
}

// impossible says why a drill is not made: nobody said that it may touch what it
// would, or this host cannot make its fault.
func (p *proving) impossible(mode holdfast.FailureMode, by holdfast.Drill) string {
	if why := Untouchable(p.declared, p.o.Live, mode); why != "" {
		return why
	}
	if p.o.Live && by.Fault == floods {
		return "a flood is made in a private copy only: what else it would push aside nobody knows; next: holdfast prove " + string(mode.Name)
	}
	why, next := fault.Possible(by.Fault)
	if why == "" {
		return ""
	}
	return fmt.Sprintf("%s cannot be made on this host: %s; next: %s", by.Fault, why, next)
}

// believed drills once, and once more when all that was wrong is that the
// machine was too busy to measure.
func (p *proving) believed(ctx context.Context, mode holdfast.FailureMode, by holdfast.Drill) (report.Drill, error) {
	drill, err := p.once(ctx, mode, by)
	again := func(reason string) bool { return strings.HasPrefix(drill.Reason, reason) }
	if err != nil || drill.Verdict != holdfast.Invalid || !slices.ContainsFunc([]string{lagging, starved, shownBefore}, again) {
		return drill, err
	}
	p.o.Say(string(mode.Name) + "  once more: " + drill.Reason)
	return p.once(ctx, mode, by)
}

// cause is why a drill could not go on. When somebody of the copy was lost the
// rest of it is ended, and whatever of that we met first is not the cause.
func (p *proving) cause(ctx context.Context, err error) error {
	if p.copy == nil || p.copy.warden == nil || errors.Is(err, ErrLost) {
		return err
	}
	select {
	case <-p.copy.warden.Lost():
		return p.copy.lost()
	case <-ctx.Done():
	case <-time.After(lossKnown):
	}
	return err
}

// lossKnown is how soon after we meet what a loss has done we hear of the loss.
const lossKnown = time.Second

func (p *proving) add(drill report.Drill) {
	drill.Live = drill.Verdict != holdfast.Skip && slices.ContainsFunc(p.o.Modes, func(mode holdfast.FailureMode) bool {
		return mode.Name == drill.Mode && p.o.Live && runsElsewhere(p.declared, mode)
	})
	p.run.Drills = append(p.run.Drills, drill)
	p.o.Drilled(drill)
}

// once makes one drill once, in a copy that is whole. A copy that the drill left
// otherwise serves for no other.
func (p *proving) once(ctx context.Context, mode holdfast.FailureMode, by holdfast.Drill) (report.Drill, error) {
	began := proc.Now()
	if mode.Strikes.Role == holdfast.RolePager { // in a copy of its own
		if p.bases == nil {
			p.inspect(ctx)
		}
		drill, err := p.drillPager(ctx, mode, by)
		drill.Cost = millis(proc.Now() - began)
		return drill, err
	}
	if err := p.needCopy(ctx, !bySession(mode)); err != nil {
		return report.Drill{}, err
	}
	began = proc.Now()
	drill, err := p.perform(ctx, mode, by)
	drill.Cost = millis(proc.Now() - began)
	if err != nil {
		return drill, err
	}
	if p.copy.spoiled || len(p.copy.chronicle.missing(p.o.System)) > 0 {
		return drill, p.endCopy()
	}
	return drill, p.copy.client.ResetGuards(ctx, "prove")
}

// perform breaks by the means that a drill names.
func (p *proving) perform(ctx context.Context, mode holdfast.FailureMode, by holdfast.Drill) (report.Drill, error) {
	switch {
	case by.Hook != nil:
		return p.drillByHook(ctx, mode, by)
	case mode.Strikes.Role != "":
		return p.drillOwn(ctx, mode, by)
	case bySession(mode):
		return p.wander(ctx, mode, by)
	default:
		return p.drill(ctx, mode, by)
	}
}

// needCopy starts a copy, unless one stands, and makes its control run, if that is
// needed and has not been made.
func (p *proving) needCopy(ctx context.Context, controlled bool) (err error) {
	if p.copy == nil {
		p.inspect(ctx)
		p.o.Say("starting a private copy of " + string(p.o.System.Name))
		if p.copy, err = startPrivate(ctx, p.o); err != nil {
			return err
		}
	}
	if !controlled || p.copy.controlled {
		return nil
	}
	p.copy.controlled = true
	return p.control(ctx)
}

func (p *proving) endCopy() error {
	if p.copy == nil {
		return nil
	}
	copy := p.copy
	p.copy = nil
	err := copy.end()
	if p.o.Keep {
		p.o.Say("kept: " + copy.dir)
		return err
	}
	return errors.Join(err, copy.remove())
}

// sum gives the run its verdict: that of its worst drill, unless it did not
// come to its end.
func (p *proving) sum(ctx context.Context, err error) {
	verdicts := p.run.Verdicts()
	p.run.Verdict = report.Worst(verdicts)
	if err == nil {
		return
	}
	p.run.Reason = err.Error()
	by := stoppedBy(ctx)
	p.run.Verdict = report.Worst(append(verdicts, holdfast.Invalid))
	switch {
	case errors.Is(err, errUnmended):
		p.run.Verdict = holdfast.Fail // nobody may take it for put back
		return
	case ctx.Err() != nil || errors.Is(err, ErrLost):
		p.run.Verdict = holdfast.Aborted
	}
	if errors.Is(err, context.Canceled) && !errors.Is(err, ErrLost) {
		p.run.Reason = "interrupted; what was broken on purpose is put back"
		if by != "" {
			p.run.Reason = "stopped by " + by + "; what was broken on purpose is put back"
		}
	}
}

// struck are the services that this run's drills strike, and those that call
// over an edge that is struck: their users have to be seen. Where Holdfast itself
// is struck it is everybody.
func (p *proving) struck() []holdfast.ServiceName {
	var names []holdfast.ServiceName
	for _, mode := range p.o.Modes {
		if mode.Strikes.Role != "" {
			for _, service := range p.o.System.Services {
				names = append(names, service.Name)
			}
			return names
		}
	}
	for _, mode := range p.o.Modes {
		for _, name := range []holdfast.ServiceName{mode.Strikes.Service, mode.Strikes.Caller} {
			if name != "" && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}
