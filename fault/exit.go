package fault

import (
	"context"
	"fmt"

	"holdfast"
	"holdfast/fault/tracer"
)

// exitCode is what Exit ends a process with: neither 1, by which programs say that
// something went wrong, nor any that a shell or the kernel gives.
const exitCode = 3

// Exit has the victim's main process exit with a code, as if by its own doing: a
// tracer points one of its threads at exit_group. Nothing that a program does last
// is done: no handler runs, no buffer is written out.
//
// Like Kill it strikes the process itself and not its group.
type Exit struct{}

// Name is "exit".
func (Exit) Name() holdfast.FaultName { return holdfast.FaultName(tracer.Exit) }

// Inject returns when the process has ended with the code.
func (e Exit) Inject(ctx context.Context, victim holdfast.Victim) error {
	err := ctx.Err()
	if err == nil && (victim.Pid <= 1 || !alive(victim)) {
		err = ErrVictimGone
	}
	if err == nil {
		err = tracer.Start(ctx, tracer.Job{Kind: tracer.Exit, Pid: victim.Pid, Ticks: victim.Ticks, Code: exitCode})
	}
	if err != nil {
		return fmt.Errorf("%s %s (pid %d): %w", e.Name(), victim.ID, victim.Pid, err)
	}
	return nil
}

// Undo ends a tracer that is still about it. An exit that was made is not taken
// back.
func (e Exit) Undo(ctx context.Context, victim holdfast.Victim) error {
	if err := tracer.End(ctx, tracer.Exit, victim.Pid, victim.Ticks); err != nil {
		return fmt.Errorf("undo %s of %s (pid %d): %w", e.Name(), victim.ID, victim.Pid, err)
	}
	return nil
}
