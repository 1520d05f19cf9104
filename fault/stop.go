package fault

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"holdfast"
	"holdfast/internal/proc"
)

// Stop holds the victim as it stands: SIGSTOP, undone by SIGCONT. It lives, its
// connections stay open and the kernel goes on accepting new ones for it, and
// nothing is answered.
//
// The whole process group is stopped, because a shell in front of the service
// would otherwise be the only one to stand still. What left the group runs on.
type Stop struct{}

// What Stop refuses with, having changed nothing.
const (
	errNoGroup = holdfast.Refusal("it does not lead a process group of its own: others would be stopped with it")
	errRuns    = holdfast.Refusal("it was told to stop and did not")
)

// stopTime bounds how long stopping may take. Signals of a process that waits
// for a disk wait with it.
const stopTime = 2 * time.Second

// Name is "stop".
func (Stop) Name() holdfast.FaultName { return "stop" }

// Inject returns when the kernel shows every process of the group stopped.
func (s Stop) Inject(ctx context.Context, victim holdfast.Victim) error {
	if err := s.inject(ctx, victim); err != nil {
		return fmt.Errorf("stop %s (pid %d): %w", victim.ID, victim.Pid, err)
	}
	return nil
}

func (s Stop) inject(ctx context.Context, victim holdfast.Victim) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	handle, err := proc.Open(victim.Pid, victim.Ticks)
	if errors.Is(err, proc.ErrGone) {
		return ErrVictimGone
	}
	if err != nil {
		return err
	}
	defer handle.Close()
	if !leads(victim.Pid) {
		return errNoGroup
	}
	// The pid stays the victim's while its handle shows it alive: looked at
	// before and after, it was nobody else's in between.
	err = syscall.Kill(-victim.Pid, syscall.SIGSTOP)
	if !proc.Alive(victim.Pid, victim.Ticks) {
		return errors.Join(ErrVictimGone, s.Undo(context.WithoutCancel(ctx), victim))
	}
	if err == nil {
		err = standsStill(ctx, victim.Pid)
	}
	if err != nil {
		return errors.Join(err, s.Undo(context.WithoutCancel(ctx), victim))
	}
	return nil
}

// leads tells whether a process leads a group of its own.
func leads(pid int) bool {
	group, err := syscall.Getpgid(pid)
	return err == nil && group == pid
}

// standsStill waits until every process of a group is stopped.
func standsStill(ctx context.Context, group int) error {
	ctx, cancel := context.WithTimeoutCause(ctx, stopTime, errRuns)
	defer cancel()
	poll := time.NewTicker(time.Millisecond)
	defer poll.Stop()
	for {
		members, err := proc.All()
		if err != nil {
			return err
		}
		running := 0
		for _, pid := range members {
			if of, err := syscall.Getpgid(pid); err != nil || of != group {
				continue
			}
			if state, err := proc.State(pid); err == nil && (state == "R" || state == "S" || state == "D") {
				running++
			}
		}
		if running == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-poll.C:
		}
	}
}

// Undo lets the group go on. Where the victim itself has ended, what is left of
// its group goes on: the kernel gives the number of a group that has members to
// nobody else.
func (Stop) Undo(_ context.Context, victim holdfast.Victim) error {
	if victim.Pid <= 1 {
		return nil // no process; -1 and 0 would name groups of others
	}
	ticks, err := proc.Ticks(victim.Pid)
	if err == nil && ticks != victim.Ticks {
		return nil // a stranger's now
	}
	if err != nil && !errors.Is(err, proc.ErrGone) {
		return fmt.Errorf("continue %s (pid %d): %w", victim.ID, victim.Pid, err)
	}
	if err := syscall.Kill(-victim.Pid, syscall.SIGCONT); err != nil && err != syscall.ESRCH {
		return fmt.Errorf("continue %s (pid %d): %w", victim.ID, victim.Pid, err)
	}
	return nil
}
