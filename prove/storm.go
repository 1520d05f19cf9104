package prove

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"holdfast"
	"holdfast/internal/proc"
	"holdfast/load"
)

// stormBlows is how often a storm strikes: once more than the first failure,
// which is mended at once, and the second, which shows that one is waited for.
// The fourth time out within two minutes is a matter for people, and what a
// system does then is not what this mode promises.
const stormBlows = 3

// storms is the fault that strikes again and again.
const storms holdfast.FaultName = "storm"

// A blow is one strike of a storm after the first, with the load that watches for
// the end of the process it strikes: what a load watches is settled at its start.
type blow struct {
	victim holdfast.Victim
	at     time.Duration
	watch  *load.Generator // nil: nobody watches
}

// strikeAgain goes on with a storm: the victim's next incarnation is struck as
// soon as it is ready, until it was often enough or none gets ready any more.
func (d *drilling) strikeAgain(ctx context.Context) error {
	for len(d.blows) < stormBlows-1 {
		if err := d.watch(ctx, d.readyOrLost); err != nil {
			return err
		}
		if !d.ready() || d.witness() == "" {
			return nil // what is watched from here on says why
		}
		if err := d.undo(ctx); err != nil { // of the blow before: its victim is gone
			return err
		}
		if err := d.strikeNext(ctx); err != nil {
			return err
		}
	}
	return nil
}

// ready tells whether the place of the last that was struck is taken by one that
// is in use.
func (d *drilling) ready() bool {
	l, ok := d.copy.chronicle.life(d.victim.ID.Name())
	return ok && l.admitted && l.started.ID != d.struckLast().ID
}

func (d *drilling) readyOrLost() bool {
	return d.ready() && d.witness() != "" || proc.Now()-d.lastBlow() >= d.giveUpAfter()
}

// strikeNext is one more blow.
func (d *drilling) strikeNext(ctx context.Context) (err error) {
	var next blow
	if next.victim, err = d.copy.chronicle.victim(d.victim.ID.Name()); err != nil {
		return err
	}
	if !d.o.Blind {
		if next.watch, err = d.copy.generator(ctx, d.watchOf(next.victim)); err != nil {
			return err
		}
	}
	d.blows = append(d.blows, next)
	d.o.Say(fmt.Sprintf("%s  %s again on %s, pid %d", d.mode.Name, d.fault.Name(), next.victim.ID.Name(), next.victim.Pid))
	last := &d.blows[len(d.blows)-1]
	if d.entry, last.at, err = d.strike(ctx, d.mode.Name, d.fault, next.victim); err != nil {
		return fmt.Errorf("%s: %w", d.mode.Name, err)
	}
	return nil
}

// watchOf is a load that is there to watch one process, and asks next to nothing.
func (d *drilling) watchOf(victim holdfast.Victim) load.Plan {
	plan := d.plan(asking{targets: d.asked.targets[:1]}, "", longest)
	plan.Arrivals, plan.Ramp = holdfast.Constant, 0
	plan.Rate, plan.Watch = 1, []load.Watch{{Pid: victim.Pid, Ticks: victim.Ticks}}
	return plan
}

// struckLast is whom the last blow struck.
func (d *drilling) struckLast() holdfast.Victim {
	if len(d.blows) == 0 {
		return d.victim
	}
	return d.blows[len(d.blows)-1].victim
}

// lastBlow is when it was.
func (d *drilling) lastBlow() time.Duration {
	if len(d.blows) == 0 {
		return d.injected
	}
	return d.blows[len(d.blows)-1].at
}

// sawStorm is the witness of a storm: the end of every process that was struck.
func (d *drilling) sawStorm() string {
	first := d.sawExit()
	if first == "" || len(d.blows) == 0 {
		return first
	}
	pids := []string{fmt.Sprint(d.victim.Pid)}
	for _, b := range d.blows {
		if b.watch == nil || !slices.ContainsFunc(b.watch.Exits(), func(e load.Exit) bool { return e.Pid == b.victim.Pid && e.Seen >= int64(b.at) }) {
			return ""
		}
		pids = append(pids, fmt.Sprint(b.victim.Pid))
	}
	return fmt.Sprintf("exits of pids %s seen by load", strings.Join(pids, ", "))
}

// endWatches ends the loads that watched.
func (d *drilling) endWatches(ctx context.Context) {
	for _, b := range d.blows {
		if b.watch != nil {
			b.watch.Stop(ctx)
		}
	}
	for _, s := range d.detour.successors {
		s.asks.Stop(ctx)
	}
}
