package tracer

import (
	"context"
	"errors"
	"syscall"

	"holdfast/internal/proc"
	"holdfast/internal/role"
)

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
	return role.End(ctx, name(kind, pid, ticks))
}
