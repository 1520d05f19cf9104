package prove

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"holdfast"
	"holdfast/fault/proxy"
	"holdfast/load"
	"holdfast/topology"
)

const (
	// severRefuses is how long an edge that is lost refuses before it is silent.
	severRefuses = 1500 * time.Millisecond
	// delay is what a slow replica takes longer.
	delay = time.Second
)

// A path is the way to one replica on which the fault proxy stands.
type path struct {
	id    holdfast.ReplicaID
	front string // where the proxy listens for it
}

// A detour is the fault proxy of a copy and the paths to those that are struck.
type detour struct {
	proxy      proxy.Identity
	paths      []path
	successors []successor // of those on them, once their edge is lost
}

// detourTo asks the copy's fault proxy which process it is, and on which ways it
// stands to a victim.
func (c *private) detourTo(ctx context.Context, victim holdfast.ReplicaID) (detour, error) {
	state, err := c.proxy.State(ctx)
	if err != nil {
		return detour{}, err
	}
	to := detour{proxy: state.Identity}
	for _, p := range state.Paths {
		l, ok := c.chronicle.life(p.ID.Name())
		if ok && l.started.ID == p.ID && (p.ID == victim || victim.Ordinal == 0 && p.ID.Service == victim.Service) {
			to.paths = append(to.paths, path{id: p.ID, front: p.Front})
		}
	}
	if len(to.paths) == 0 {
		return to, fmt.Errorf("the fault proxy stands on no way to %s", victim)
	}
	return to, nil
}

// errProxyLost says that every path of a copy was down for a reason that is not
// the fault.
const errProxyLost = holdfast.Refusal("the fault proxy died in the middle of the drill, and with it every path to every replica")

// sameProxy insists that the proxy is the process that it was.
func (d *drilling) sameProxy(ctx context.Context) error {
	state, err := d.copy.proxy.State(ctx)
	switch {
	case errors.Is(err, proxy.ErrNoProxy):
		return errProxyLost
	case err != nil:
		return fmt.Errorf("the fault proxy does not answer: %w", err)
	case state.Identity != d.detour.proxy:
		return errProxyLost
	default:
		return nil
	}
}

// observe has the load look at the victim itself: at its process, and on its
// paths where the fault is there.
func (d *drilling) observe(plan *load.Plan) {
	if d.victim.Pid != 0 {
		plan.Watch = []load.Watch{{Pid: d.victim.Pid, Ticks: d.victim.Ticks}}
	}
	if d.victim.Flood != nil {
		plan.Probes = append(plan.Probes, d.atTheDoor())
	}
	if d.victim.Proxy == "" {
		return
	}
	for _, p := range d.asksThemselves() {
		plan.Probes = append(plan.Probes, d.probeOf(p.id, p.front))
	}
}

// methodOf is where users' calls of the struck service go, as far as a route says;
// empty where none does, or it answers no calls.
func (d *drilling) methodOf() string {
	if d.service.Protocol != holdfast.GRPC {
		return ""
	}
	for _, route := range topology.Routes(d.o.System) {
		if route.Service == d.service.Name && route.Path != "" {
			return route.Path
		}
	}
	return ""
}

// probeOf asks a struck replica itself.
func (d *drilling) probeOf(id holdfast.ReplicaID, front string) load.Probe {
	every := cmp.Or(witnesses()[d.fault.Name()].every, probeEvery)
	path := cmp.Or(d.methodOf(), "/")
	return load.Probe{Name: id.String(), Address: front, Path: path, Protocol: d.service.Protocol, Every: every, Timeout: probePatience}
}
