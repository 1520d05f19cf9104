package prove

import (
	"context"
	"fmt"
	"slices"

	"holdfast"
	"holdfast/load"
)

// A successor took the place of a replica whose edge is lost. Losing an edge
// strikes all that is started of the service meanwhile, and a replica that is
// refused may be restarted before the edge falls silent: the only one of its
// service is. What a load asks is settled at its start, so that a successor has
// one of its own.
type successor struct {
	id   holdfast.ReplicaID
	asks *load.Generator
}

// follow has the successors of those that are struck asked, too, until the fault
// was seen.
func (d *drilling) follow(ctx context.Context) {
	if d.loss == nil || d.o.Blind || d.undone != 0 || d.witnessed != 0 || d.broken != "" {
		return
	}
	for _, p := range d.asksThemselves() {
		if l, ok := d.copy.chronicle.life(p.id.Name()); !ok || l.started.ID == p.id || d.follows(l.started.ID) {
			continue
		}
		if err := d.askNext(ctx, p); err != nil && ctx.Err() == nil {
			d.broken = fmt.Sprintf("who took the place of %s could not be asked: %v", p.id, err)
		}
	}
}

// asksThemselves are the paths on which the load asks.
func (d *drilling) asksThemselves() []path {
	return d.detour.paths[:min(len(d.detour.paths), mostProbed)]
}

func (d *drilling) follows(id holdfast.ReplicaID) bool {
	return len(d.detour.successors) >= mostProbed || slices.ContainsFunc(d.detour.successors, func(s successor) bool { return s.id == id })
}

// askNext starts to ask who is in the place of a path's replica now, if there is a
// way to it already, in the name of the one before.
func (d *drilling) askNext(ctx context.Context, p path) error {
	now, err := d.copy.detourTo(ctx, d.victim.ID)
	if err != nil {
		return nil // none yet: it is looked for again
	}
	at := slices.IndexFunc(now.paths, func(n path) bool { return n.id.Name() == p.id.Name() && n.id != p.id })
	if at < 0 {
		return nil
	}
	plan := d.watchOf(holdfast.Victim{})
	plan.Watch, plan.Probes = nil, []load.Probe{d.probeOf(p.id, now.paths[at].front)}
	asks, err := d.copy.generator(ctx, plan)
	if err != nil {
		return err
	}
	d.detour.successors = append(d.detour.successors, successor{id: now.paths[at].id, asks: asks})
	return nil
}

// probed is what came of all questions to those that are struck, and after them
// of those to their successors.
func (d *drilling) probed() []load.Probed {
	all := d.generator.Probed()
	for _, s := range d.detour.successors {
		all = append(all, s.asks.Probed()...)
	}
	return all
}
