package fault

import (
	"context"
	"errors"
	"fmt"
	"syscall"

	"holdfast"
	"holdfast/fault/flood"
)

// Flood asks a service for more than it can answer, through its own door: of the
// lowest priority, so that whoever sheds by priority sheds it first. A process of
// its own does it, which is bounded in rate, requests under way and time, and ends by
// itself when it was not renewed.
type Flood struct{}

// Name is "flood".
func (Flood) Name() holdfast.FaultName { return "flood" }

// Inject returns when the flood is at work.
func (Flood) Inject(ctx context.Context, victim holdfast.Victim) error {
	if victim.Flood == nil {
		return fmt.Errorf("flood %s: nothing says at which door, and how much", victim.ID)
	}
	err := ctx.Err()
	if err == nil {
		err = flood.Start(ctx, *victim.Flood)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("flood %s: %w", victim.ID, err), Flood{}.Undo(context.WithoutCancel(ctx), victim))
	}
	return nil
}

// Undo ends the flood.
func (Flood) Undo(ctx context.Context, victim holdfast.Victim) error {
	if victim.Flood == nil {
		return nil
	}
	if err := flood.End(ctx, *victim.Flood); err != nil {
		return fmt.Errorf("undo flood of %s: %w", victim.ID, err)
	}
	return nil
}

// Renew implements holdfast.Leased.
func (Flood) Renew(_ context.Context, victim holdfast.Victim) error {
	if victim.Flood == nil {
		return fmt.Errorf("renew flood of %s: %w", victim.ID, syscall.ESRCH)
	}
	if err := flood.Renew(*victim.Flood); err != nil {
		return fmt.Errorf("renew flood of %s: %w", victim.ID, err)
	}
	return nil
}
