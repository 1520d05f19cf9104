package fault

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"

	"holdfast"
	"holdfast/fault/proxy"
	"holdfast/internal/proc"
)

// A packets fault drops packets of a victim's path: a rule of the kernel, in a
// table of our own, that asks a set in which the port stands for a lease at a
// time. When nobody renews it the kernel takes the port out of the set, and
// every packet passes, whoever is dead or stuck. What is left then is a table
// without effect, which Undo takes away.
//
// The port is the fault proxy's front of the victim: what comes later in the
// victim's place has another and is not struck. Only loopback is looked at, so
// that a stranger on another address who was given the port is none of ours.
type packets struct {
	name  holdfast.FaultName
	drops []drop
}

// A drop is which packets go missing.
type drop struct {
	way   direction
	oneIn uint32 // so many, by chance; 1: all of them
}

// A direction is where a packet goes, seen from the victim.
type direction uint8

const (
	toVictim direction = iota
	fromVictim
)

// A filter is a fault as the kernel is told of it.
type filter struct {
	table string
	ports []uint16
	drops []drop
	says  string // who made it, for people who list the rules and for Sweep
}

// tablePrefix begins the name of every table of ours.
const tablePrefix = "holdfast_"

// errNotInForce refuses to renew what lapsed or was never made.
const errNotInForce = holdfast.Refusal("the kernel has no such rule in force")

// Name implements holdfast.Fault.
func (f packets) Name() holdfast.FaultName { return f.name }

// Inject returns when the kernel drops.
func (f packets) Inject(ctx context.Context, victim holdfast.Victim) error {
	if err := f.inject(ctx, victim); err != nil {
		return fmt.Errorf("%s in the path to %s: %w", f.name, victim.ID, err)
	}
	return nil
}

func (f packets) inject(ctx context.Context, victim holdfast.Victim) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case victim.Proxy == "":
		return errNoDetour
	case victim.Pid != 0 && !proc.Alive(victim.Pid, victim.Ticks):
		return ErrVictimGone
	}
	ports, err := fronts(ctx, victim)
	if err != nil {
		return err
	}
	says, err := signed(victim)
	if err != nil {
		return err
	}
	table := f.table(victim)
	if err := lay(filter{table: table, ports: ports, drops: f.drops, says: says}); err != nil {
		// It may have been heard all the same: nothing is to be left of it.
		return errors.Join(err, remove(table))
	}
	return nil
}

// fronts are the ports at which the paths to a victim begin.
func fronts(ctx context.Context, victim holdfast.Victim) ([]uint16, error) {
	state, err := proxy.Dial(victim.Proxy).State(ctx)
	if err != nil {
		return nil, err
	}
	var ports []uint16
	for _, path := range state.Paths {
		if path.Leaving || path.ID != victim.ID && (victim.ID.Ordinal != 0 || path.ID.Service != victim.ID.Service) {
			continue
		}
		_, text, err := net.SplitHostPort(path.Front)
		port, wrong := strconv.ParseUint(text, 10, 16)
		if err = cmp.Or(err, wrong); err != nil {
			return nil, fmt.Errorf("the front of %s: %w", path.ID, err)
		}
		ports = append(ports, uint16(port))
	}
	if len(ports) == 0 {
		return nil, ErrVictimGone
	}
	return ports, nil
}

// Renew implements holdfast.Leased.
func (f packets) Renew(_ context.Context, victim holdfast.Victim) error {
	if err := extend(f.table(victim)); err != nil {
		return fmt.Errorf("renew %s in the path to %s: %w", f.name, victim.ID, err)
	}
	return nil
}

// Undo takes the table away, with all that is in it.
func (f packets) Undo(_ context.Context, victim holdfast.Victim) error {
	if victim.Proxy == "" {
		return nil // it could not be injected
	}
	if err := remove(f.table(victim)); err != nil {
		return fmt.Errorf("undo %s in the path to %s: %w", f.name, victim.ID, err)
	}
	return nil
}

// table is the name by which any process finds what was made of a victim: the
// run's, which no other run has, and the victim's.
func (f packets) table(victim holdfast.Victim) string {
	return tablesOf(victim.Proxy) + string(f.name) + "_" + digest(victim.ID.String())
}

// tablesOf begins the names of all tables of one run, which is known by the
// control socket of its fault proxy.
func tablesOf(socket string) string { return tablePrefix + digest(socket) + "_" }

// digest is enough of a sum to tell some dozens of names apart, and none of what
// is in them.
func digest(name string) string {
	sum := sha256.Sum256([]byte(name))
	return fmt.Sprintf("%x", sum[:6])
}

// An owner is the process that made a table and renews it, as the table says. A
// pid means something among those only who count pids alike.
type owner struct {
	pid   int
	ticks uint64
	among string // the pid namespace
}

const ownerForm = "holdfast drill of %s by pid %d ticks %d of %s"

// signed is what a table says of itself.
func signed(victim holdfast.Victim) (string, error) {
	self, err := ourselves()
	if err != nil {
		return "", err
	}
	return fmt.Sprintf(ownerForm, victim.ID, self.pid, self.ticks, self.among), nil
}

// readOwner understands what a table says of itself.
func readOwner(says string) (o owner, ok bool) {
	var victim string
	n, err := fmt.Sscanf(says, ownerForm, &victim, &o.pid, &o.ticks, &o.among)
	return o, err == nil && n == 4
}

// Left implements lasting: a table without effect that nobody took away.
func (f packets) Left(victim holdfast.Victim) []string {
	name := f.table(victim)
	if names, err := tables(name); err == nil && !slices.Contains(names, name) {
		return nil
	}
	return []string{"the packet filter's table " + name} // or nobody can tell
}

// Tables lists what packet faults made of a run, which is known by the control
// socket of its fault proxy, or left.
func Tables(socket string) ([]string, error) {
	names, err := tables(tablesOf(socket))
	if err != nil {
		return nil, fmt.Errorf("list the packet filter's tables: %w", err)
	}
	var left []string
	for _, name := range names {
		left = append(left, "the packet filter's table "+name)
	}
	return left, nil
}

// Sweep takes away tables of runs whose ledgers are gone, and says which. The
// kernel has withdrawn what was in them. It touches none whose maker lives, and
// none that it cannot tell that of: made by somebody who counts pids otherwise,
// in a container say, or not made by us.
func Sweep() (swept []string, err error) {
	names, err := tables(tablePrefix)
	if err != nil {
		return nil, fmt.Errorf("sweep the packet filter's tables: %w", err)
	}
	if len(names) == 0 {
		return nil, nil
	}
	self, err := ourselves()
	if err != nil {
		return nil, fmt.Errorf("sweep the packet filter's tables: %w", err)
	}
	var errs []error
	for _, name := range names {
		of, ok := readOwner(inscription(name))
		if !ok || of.among != self.among || proc.Alive(of.pid, of.ticks) {
			continue
		}
		if err := remove(name); err != nil {
			errs = append(errs, fmt.Errorf("sweep %s: %w", name, err))
			continue
		}
		swept = append(swept, "the packet filter's table "+name)
	}
	return swept, errors.Join(errs...)
}
