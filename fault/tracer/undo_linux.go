package tracer

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"holdfast/internal/proc"
)

// An identity is one process and no other that is given its pid.
type identity struct {
	pid   int
	ticks uint64
}

// find lists the tracers of one kind that there are for a victim: one, but for
// accidents.
func find(kind Kind, pid int, ticks uint64) ([]identity, error) {
	pids, err := proc.All()
	if err != nil {
		return nil, err
	}
	var found []identity
	for _, candidate := range pids {
		began, err := proc.Ticks(candidate)
		if err != nil {
			continue
		}
		if _, as, ok := proc.MarkOf(candidate); ok && as == name(kind, pid, ticks) && proc.Alive(candidate, began) {
			found = append(found, identity{pid: candidate, ticks: began})
		}
	}
	return found, nil
}

// Renew lets a tracer go on for another holdfast.Lease. It is refused when there
// is none at work, or when it is stopped, and so no longer does what it is for.
func Renew(kind Kind, pid int, ticks uint64) error {
	by, err := proc.Tracer(pid)
	if err != nil || !proc.Alive(pid, ticks) {
		return errors.Join(ErrNotTraced, err)
	}
	began, err := proc.Ticks(by)
	if _, as, ok := proc.MarkOf(by); err != nil || !ok || as != name(kind, pid, ticks) {
		return ErrNotTraced
	}
	if state, err := proc.State(by); err != nil || state == "T" || state == "t" {
		return errors.Join(ErrStuck, err)
	}
	if err := proc.Signal(by, began, syscall.SIGUSR1); err != nil {
		return errors.Join(ErrNotTraced, err)
	}
	return nil
}

// End ends the tracers of one kind that a victim has, and returns when the kernel
// has let everything go that they held. It needs no answer of theirs: one that is
// stopped is ended like any other. Nobody else's tracer is touched.
func End(ctx context.Context, kind Kind, pid int, ticks uint64) error {
	ctx, cancel := context.WithTimeout(ctx, letGoTime)
	defer cancel()
	for {
		found, err := find(kind, pid, ticks)
		if err != nil || len(found) == 0 {
			return err
		}
		for _, one := range found {
			if err := end(ctx, one); err != nil {
				return fmt.Errorf("end the tracer (pid %d): %w", one.pid, err)
			}
		}
	}
}

func end(ctx context.Context, one identity) error {
	handle, err := proc.Open(one.pid, one.ticks)
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
	if err := handle.Wait(ctx); err != nil { // what it held is let go before its end is seen
		return err
	}
	return nil
}

// pause waits, or until ctx ends.
func pause(ctx context.Context, length time.Duration) {
	timer := time.NewTimer(length)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
