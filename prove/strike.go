package prove

import (
	"context"
	"fmt"
	"path/filepath"

	"holdfast"
	"holdfast/fault/proxy"
)

// choose finds out whom the fault strikes: one replica, or everything that there
// is and will be of the service an edge leads to.
func (d *drilling) choose(ctx context.Context) error {
	d.victim = holdfast.Victim{ID: holdfast.ReplicaID{Service: d.service.Name}}
	if !d.mode.Strikes.IsEdge() {
		name := holdfast.NameReplica(d.service.Name, d.next(d.service))
		l, ok := d.copy.chronicle.life(name)
		if !ok || l.started.Pid == 0 {
			return fmt.Errorf("%s has no process that can be struck", name)
		}
		d.victim = holdfast.Victim{ID: l.started.ID, Address: l.started.Address, Pid: l.started.Pid, Ticks: l.started.Ticks}
	}
	if _, ok := d.fault.(holdfast.Leased); ok {
		d.victim.Proxy, d.victim.Spare = filepath.Join(d.copy.dir, proxy.SocketName), spare(d.service)
	}
	var err error
	d.detour, err = d.copy.detourTo(ctx, d.victim.ID)
	return err
}

// spare is the path a fault of answers leaves alone: the health check's, so that
// only traffic shows it, unless that is what the load asks for, too.
func spare(service holdfast.Service) string {
	if service.Healthcheck.Path == "/" {
		return ""
	}
	return service.Healthcheck.Path
}

// next is the replica of a service that is struck next: one after the other,
// from one that chance picks, so that no replica is struck so often that what
// guards against flapping has a say in what it should only watch.
func (p *proving) next(service holdfast.Service) int {
	last, struck := p.strikes[service.Name]
	if !struck {
		last = p.rng.IntN(service.Replicas)
	}
	p.strikes[service.Name] = last + 1
	return last%service.Replicas + 1
}
