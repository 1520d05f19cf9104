package gateway

import (
	"context"
	"slices"
	"time"

	"holdfast"
)

// drainEvery is how often it is looked whether what drains is empty. Whoever waits
// for that has a process to end, which takes longer.
const drainEvery = 5 * time.Millisecond

const errRetired = holdfast.Refusal("its replica is about to be ended")

// A drain is the end of an incarnation as this gateway sees it: it gets nothing
// more, and what it has goes on.
//
//	a table has it draining ──nothing in flight, here and at gateways beside us──▶ told
//	        └───────── its time is over ──▶ cut off ────────────────────────────────▲
type drain struct {
	holdfast.Draining
	endpoint *endpoint     // nil: it was never known here, or by a gateway before this one
	began    time.Duration // CLOCK_BOOTTIME
	lasted   time.Duration // until told
	cut      int
	isCut    bool
	told     bool
}

// drains are those of the table in force, in its order.
type drains []*drain

// drainsOf takes over what a table has draining: whoever drains already goes on,
// whoever is among the endpoints now is about to be retired. The caller holds mu.
func (g *Gateway) drainsOf(table holdfast.RoutingTable) drains {
	var next drains
	for _, routed := range table.Services {
		for _, wanted := range routed.Draining {
			d := &drain{began: now(), endpoint: g.endpointOf(wanted.Endpoint)}
			if i := slices.IndexFunc(g.drains, func(d *drain) bool { return d.Endpoint == wanted.Endpoint }); i >= 0 {
				d = g.drains[i]
			}
			d.Draining = wanted
			next = append(next, d)
		}
	}
	return next
}

// endpointOf finds an endpoint that requests may go to, or nil. The caller holds
// mu.
func (g *Gateway) endpointOf(wanted holdfast.Endpoint) *endpoint {
	s := g.services[wanted.ID.Service]
	if s == nil {
		return nil
	}
	i := slices.IndexFunc(s.endpoints, func(e *endpoint) bool { return e.Endpoint == wanted })
	if i < 0 {
		return nil
	}
	return s.endpoints[i]
}

// keepDraining looks at what drains until ctx ends, and tells when it is empty.
func (g *Gateway) keepDraining(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-g.reshaped:
		case <-timer.C:
		}
		if g.watchDrains() {
			timer.Reset(drainEvery)
		}
	}
}

// watchDrains cuts off what is over its time, tells of what is empty, and says
// whether there is any left to look at. What the gateways beside us know is on
// disk, and not looked up while verdicts wait.
func (g *Gateway) watchDrains() (more bool) {
	own, empty, more := g.lookAtDrains(now())
	g.presence.show(own)
	if !empty {
		return more
	}
	beside := g.presence.beside()
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.held.table.Revision != own.Revision {
		return true // they were asked about another table
	}
	more = false
	for _, d := range g.drains {
		if d.isEmpty() && !d.told && !slices.ContainsFunc(beside, func(o shown) bool { return o.mayUse(d.ID, own.Revision) }) {
			d.told, d.lasted = true, now()-d.began
			g.announce(d.verdict(g.name))
		}
		more = more || !d.told
	}
	return more
}

// lookAtDrains is what there is to show to the gateways beside us, whether
// something is empty of which nobody was told, and whether anything is left.
func (g *Gateway) lookAtDrains(at time.Duration) (own shown, empty, more bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.held != nil {
		own.Revision = g.held.table.Revision
	}
	for _, d := range g.drains {
		if at >= time.Duration(d.By) {
			g.cutOff(d)
		}
		if !d.isEmpty() {
			own.Busy = append(own.Busy, d.ID)
		}
		empty = empty || d.isEmpty() && !d.told
		more = more || !d.told
	}
	return own, empty, more
}

// isDraining says whether a replica that is about to be ended has something in
// flight.
func (g *Gateway) isDraining() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.ContainsFunc(g.drains, func(d *drain) bool { return !d.told })
}

// isEmpty says whether nothing is in flight that anybody waits for. Who lingers
// after a lost race is counted after all are: in between nothing new begins. What
// was cut off may still be on its way to a client that is slow to take it.
func (d *drain) isEmpty() bool {
	if d.endpoint == nil || d.isCut {
		return true
	}
	all := d.endpoint.inFlight.Load()
	return all <= d.endpoint.lingering.Load()
}

// cutOff ends what has not ended in time. What can be asked elsewhere is; the rest
// is counted.
func (g *Gateway) cutOff(d *drain) {
	if d.isCut || d.isEmpty() {
		return
	}
	e := d.endpoint
	d.isCut = true
	all := int(e.inFlight.Load())
	d.cut = max(0, all-int(e.lingering.Load())-e.waits.giveUp())
	e.pool.cut()
	e.service.cut.Add(uint64(d.cut))
}

func (d *drain) verdict(by holdfast.GatewayName) holdfast.Drained {
	return holdfast.Drained{Gateway: by, ID: d.ID, Lasted: d.lasted, Cut: d.cut}
}
