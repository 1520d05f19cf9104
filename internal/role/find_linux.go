package role

import (
	"context"
	"errors"
	"fmt"
	"syscall"

	"holdfast/internal/proc"
)

// An Identity is one process, and no other that is given its pid.
type Identity struct {
	Pid   int
	Ticks uint64
}

// Find lists the living roles whose mark has a name, of whatever keep.
func Find(name string) ([]Identity, error) {
	pids, err := proc.All()
	if err != nil {
		return nil, err
	}
	var found []Identity
	for _, pid := range pids {
		ticks, err := proc.Ticks(pid)
		if err != nil {
			continue
		}
		if _, as, ok := proc.MarkOf(pid); ok && as == name && proc.Alive(pid, ticks) {
			found = append(found, Identity{Pid: pid, Ticks: ticks})
		}
	}
	return found, nil
}

// End kills the roles whose mark has a name, whatever state they are in, and returns
// when they have ended: what they held the kernel has let go by then.
func End(ctx context.Context, name string) error {
	for {
		found, err := Find(name)
		if err != nil || len(found) == 0 {
			return err
		}
		for _, one := range found {
			if err := one.end(ctx); err != nil {
				return fmt.Errorf("end %s (pid %d): %w", name, one.Pid, err)
			}
		}
	}
}

func (i Identity) end(ctx context.Context) error {
	handle, err := proc.Open(i.Pid, i.Ticks)
	if errors.Is(err, proc.ErrGone) {
		return nil
	}
	if err != nil {
		return err
	}
	defer handle.Close()
	if err := handle.Signal(syscall.SIGKILL); err != nil && !errors.Is(err, proc.ErrGone) {
		return err
	}
	return handle.Wait(ctx)
}
