package faulttest

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"holdfast"
	"holdfast/internal/proc"
)

// Stop is a fault for tests of what undoes faults: SIGSTOP, undone by SIGCONT.
// It changes the victim for as long as nobody undoes it, which is what makes a
// forgotten undo visible. It strikes the one process, not its group, and is in
// no catalogue.
type Stop struct{}

// Name is "stop".
func (Stop) Name() holdfast.FaultName { return "stop" }

// Inject returns when the kernel shows the victim stopped.
func (Stop) Inject(ctx context.Context, victim holdfast.Victim) error {
	if err := proc.Signal(victim.Pid, victim.Ticks, syscall.SIGSTOP); err != nil {
		return fmt.Errorf("stop %s (pid %d): %w", victim.ID, victim.Pid, err)
	}
	poll := time.NewTicker(time.Millisecond)
	defer poll.Stop()
	for !Stopped(victim) {
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), Stop{}.Undo(context.WithoutCancel(ctx), victim))
		case <-poll.C:
		}
	}
	return nil
}

// Undo lets the victim go on.
func (Stop) Undo(_ context.Context, victim holdfast.Victim) error {
	if err := proc.Signal(victim.Pid, victim.Ticks, syscall.SIGCONT); err != nil && !errors.Is(err, proc.ErrGone) {
		return fmt.Errorf("continue %s (pid %d): %w", victim.ID, victim.Pid, err)
	}
	return nil
}

// Stopped tells whether the victim lives and is stopped.
func Stopped(victim holdfast.Victim) bool {
	state, err := proc.State(victim.Pid)
	return err == nil && state == "T" && proc.Alive(victim.Pid, victim.Ticks)
}
