package fault

import (
	"context"
	"errors"
	"fmt"
	"syscall"

	"holdfast"
	"holdfast/internal/proc"
)

// Kill ends the victim's process as the kernel does when it runs out of memory:
// SIGKILL, with no chance to say goodbye.
//
// Only the process itself is struck, not its group: that is what a crash is,
// and whether its remains are cleaned up is part of what a drill shows.
type Kill struct{}

// Name is "kill".
func (Kill) Name() holdfast.FaultName { return "kill" }

// Inject returns once the signal is sent, which is the instant of injection.
// The process is dead for all purposes but its parent's from then on.
func (Kill) Inject(ctx context.Context, victim holdfast.Victim) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("kill %s: %w", victim.ID, err)
	}
	if err := strike(victim, syscall.SIGKILL); err != nil {
		return fmt.Errorf("kill %s (pid %d): %w", victim.ID, victim.Pid, err)
	}
	return nil
}

// Undo has nothing to put back: no process comes back to life, and starting the
// next one is the keeper's work.
func (Kill) Undo(context.Context, holdfast.Victim) error { return nil }

// strike signals the victim and nobody else.
func strike(victim holdfast.Victim, signal syscall.Signal) error {
	err := proc.Signal(victim.Pid, victim.Ticks, signal)
	if errors.Is(err, proc.ErrGone) {
		return ErrVictimGone
	}
	return err
}

func alive(victim holdfast.Victim) bool { return proc.Alive(victim.Pid, victim.Ticks) }
