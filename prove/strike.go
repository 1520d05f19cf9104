package prove

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"holdfast"
	"holdfast/event"
	"holdfast/fault/proxy"
	"holdfast/internal/proc"
	"holdfast/warden"
)

// strike writes a fault down with its undo, makes it true, and says so. at is
// taken before the fault, so that every time counted from it is rather too long
// than too short. Where there is an entry, an error may have come after the fault:
// it is to be undone.
func (p *proving) strike(ctx context.Context, mode holdfast.ModeName, fault holdfast.Fault, victim holdfast.Victim) (entry warden.EntryID, at time.Duration, err error) {
	if entry, err = p.arm(ctx, fault, victim); err != nil {
		return 0, 0, err
	}
	at = proc.Now()
	if err := fault.Inject(ctx, victim); err != nil {
		return entry, at, err
	}
	if err := p.copy.warden.Injected(ctx, entry); err != nil {
		return entry, at, err
	}
	return entry, at, p.copy.client.Injected(ctx, event.FaultInjected{Mode: mode, Fault: fault.Name(), ID: victim.ID})
}

// arm writes a fault down with its undo. What cannot be written down is not made:
// nobody could put it back.
func (p *proving) arm(ctx context.Context, fault holdfast.Fault, victim holdfast.Victim) (warden.EntryID, error) {
	entry, err := p.copy.warden.Arm(ctx, warden.Entry{Fault: fault.Name(), Victim: victim})
	if err != nil {
		return 0, fmt.Errorf("nothing was broken, because how to put it back could not be written down below %s: %w", filepath.Dir(p.copy.ledger), err)
	}
	return entry, nil
}

// choose finds out whom the fault strikes: one replica, or everything that there
// is and will be of a service.
func (d *drilling) choose(ctx context.Context) (err error) {
	d.victim = holdfast.Victim{ID: holdfast.ReplicaID{Service: d.service.Name}}
	if d.fault.Name() == floods {
		return d.chooseDoor(ctx)
	}
	if !d.mode.Strikes.TakesAll() {
		if d.victim, err = d.copy.chronicle.victim(holdfast.NameReplica(d.service.Name, d.next(d.service))); err != nil {
			return err
		}
		d.victim.Data, _ = proc.Variable(d.victim.Pid, "DATA_DIR")
	}
	if _, ok := d.fault.(holdfast.Leased); ok {
		d.victim.Proxy, d.victim.Spare = filepath.Join(d.copy.dir, proxy.SocketName), spare(d.service)
	}
	d.detour, err = d.copy.detourTo(ctx, d.victim.ID)
	return err
}

// spare is the path a fault of answers leaves alone: the health check's, so that
// only traffic shows it, unless that is what the load asks for, too. Of a gRPC service
// the load asks for the same, and is told apart there.
func spare(service holdfast.Service) string {
	if service.Protocol == holdfast.GRPC {
		return proxy.HealthCall
	}
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
