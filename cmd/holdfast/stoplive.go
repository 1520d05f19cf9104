package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"syscall"
	"time"

	"holdfast"
	"holdfast/fault"
	"holdfast/internal/proc"
	"holdfast/observe"
	"holdfast/warden"
)

const (
	// stopLook is how often it is looked whether a run that was asked to end has.
	stopLook = 100 * time.Millisecond
	// wakesWithin is how long a prove that was stopped, and is let go on when all is
	// mended, has to say its verdict.
	wakesWithin = 10 * time.Second
)

// paused tells who has paused a service, or everything.
func (s stateDir) paused(name holdfast.ServiceName) (by string, paused bool) {
	pauses, err := observe.ReadPauses(s.pauses())
	if err != nil {
		return fmt.Sprintf("somebody, as far as can be told (%v)", err), true // nobody is drilled against a person's word
	}
	for _, scope := range []holdfast.ServiceName{"", name} {
		if by, paused := pauses[scope]; paused {
			return by, true
		}
	}
	return "", false
}

// stopLive ends the live run that is under way, whoever of it still answers, and
// says what was mended. It needs nothing but the state directory.
func stopLive(ctx context.Context, flag string, args []string, out io.Writer) error {
	if len(args) > 0 {
		return exit(exitUsage, errors.New("--stop ends the whole run, and takes no file and no mode\n  next: holdfast prove --stop"))
	}
	state, err := stateOf(flag, ".")
	if err != nil {
		return exit(exitCouldNot, err)
	}
	if err := state.owned(); err != nil {
		return exit(exitCouldNot, err)
	}
	live, err := warden.Underway(string(state))
	if errors.Is(err, warden.ErrNoRun) {
		fmt.Fprintf(out, "no live drill is under way in %s\n", state)
		return healAfter(ctx, state, nil, out)
	}
	if err != nil {
		return exit(exitCouldNot, err)
	}
	fmt.Fprintf(out, "DRILL  stopping the live run of %s by %s, begun %s (pid %d)\n", live.System, live.By, live.Began.Local().Format(time.DateTime), live.Prove.Pid)
	if err := warden.AskStop(string(state), live.Prove, who()); err != nil {
		fmt.Fprintf(out, "it cannot be asked, and is ended by force: %v\n", err)
		err = warden.End(ctx, live.Prove)
		return errors.Join(exit(exitCouldNot, err), healAfter(ctx, state, &live, out))
	}
	if err := awaitStop(ctx, state, live.Prove); err != nil {
		return failed(ctx, err)
	}
	fmt.Fprintf(out, "ended     prove (pid %d)\n", live.Prove.Pid)
	return healAfter(ctx, state, &live, out)
}

// awaitStop waits for the end of a prove that was asked for it. One that is
// stopped is let go on once its warden has mended everything; one that does not
// end, or whose warden cannot mend, is ended by force.
func awaitStop(ctx context.Context, state stateDir, prove warden.Identity) error {
	tick := time.NewTicker(stopLook)
	defer tick.Stop()
	asked, woken := time.Now(), time.Time{}
	limit := time.Duration(0)
	for prove.Alive() {
		standing, err := warden.Stand(state.ledgers(), prove)
		if err != nil {
			return err
		}
		limit = max(limit, standing.Within+wakesWithin)
		letter, err := proc.State(prove.Pid)
		asleep := err == nil && letter == "T"
		switch {
		case asleep && standing.Over:
			if woken = time.Now(); proc.Signal(prove.Pid, prove.Ticks, syscall.SIGCONT) != nil {
				return nil
			}
		case asleep && standing.Stuck, time.Since(asked) > limit, !woken.IsZero() && time.Since(woken) > wakesWithin:
			return warden.End(ctx, prove)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
	return nil
}

// healAfter mends what nobody else has, and says all that was.
func healAfter(ctx context.Context, state stateDir, live *warden.Live, out io.Writer) error {
	healed, err := warden.Heal(ctx, state.ledgers(), fault.All())
	if live != nil {
		standing, unread := warden.Stand(state.ledgers(), live.Prove)
		for _, entry := range standing.Undone {
			if !slices.ContainsFunc(healed.Undone, func(e warden.Entry) bool { return e.ID == entry.ID }) {
				fmt.Fprintln(out, "undone   ", entry)
			}
		}
		err = errors.Join(err, unread)
	}
	fmt.Fprint(out, healedText(healed))
	return failed(ctx, err)
}
