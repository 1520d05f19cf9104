package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"holdfast"
	"holdfast/api"
	"holdfast/internal/files"
	"holdfast/internal/proc"
	"holdfast/keeper"
)

func downCommand() *cobra.Command {
	c := &cobra.Command{Use: "down", Args: cobra.NoArgs, Short: "stop everything, in order"}
	flag := stateFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		state, err := stateOf(*flag, ".")
		if err != nil {
			return exit(exitCouldNot, err)
		}
		client := api.NewClient(state.apiSocket())
		defer client.Close()
		if err := stopSystem(c.Context(), state, client, who()); err != nil {
			return failed(c.Context(), err)
		}
		fmt.Fprintln(c.OutOrStdout(), "stopped: nothing of it runs any more")
		return nil
	}
	return c
}

// signalAgain is a context that ends with the next Ctrl-C: a person who asks
// twice does not want to wait.
func signalAgain(ctx context.Context) (context.Context, context.CancelFunc) {
	return signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
}

// stopSystem asks the agent to stop everything in order and waits until nothing
// of it runs, the keeper included. Without an agent the keeper ends everything
// by itself, with each replica's grace; when the person at the terminal asks
// again, with hardly any. Without a keeper, or with one that is stuck, another is
// started to adopt what runs and end it.
func stopSystem(ctx context.Context, state stateDir, client *api.Client, by string) error {
	asked := context.WithoutCancel(ctx) // who asks twice at once wants the end no less
	dial, cancel := context.WithTimeout(asked, 2*time.Second)
	defer cancel()
	k, err := state.dialKeeper(dial)
	if err != nil {
		if _, statErr := os.Stat(state.path(proc.KeepFile)); statErr != nil {
			return state.unreachable(err)
		}
		return endOrphans(ctx, state)
	}
	defer k.Close()
	left := leaving(asked, state)
	defer left()
	answering, stop := whileAnswering(ctx, state)
	defer stop()
	if askToStop(answering, client, by) == nil {
		select {
		case <-k.Lost():
			return nil
		case <-answering.Done():
		}
	}
	if err := endThrough(answering, k); !errors.Is(err, errStuck) {
		return err
	}
	return endOrphans(ctx, state)
}

// errStuck says that the keeper was stopped, or hangs, while it was needed.
const errStuck = holdfast.Refusal("the keeper no longer answers")

// whileAnswering is a context that ends with errStuck as its cause when the
// keeper no longer answers within two seconds. stop waits until nobody looks
// any more.
func whileAnswering(ctx context.Context, state stateDir) (answering context.Context, stop func()) {
	answering, cancel := context.WithCancelCause(ctx)
	over := make(chan struct{})
	go func() {
		defer close(over)
		for answering.Err() == nil {
			probe, done := context.WithTimeout(answering, 2*time.Second)
			client, err := state.dialKeeper(probe)
			switch {
			case err == nil:
				client.Close()
			case errors.Is(probe.Err(), context.DeadlineExceeded):
				cancel(errStuck)
			}
			<-probe.Done() // a look every two seconds
			done()
		}
	}()
	return answering, func() {
		cancel(nil)
		<-over
	}
}

// endThrough has the keeper end everything, and hurry when ctx ends.
func endThrough(ctx context.Context, k *keeper.Client) error {
	if ctx.Err() == nil {
		if err := k.End(ctx); ctx.Err() == nil {
			return ended(err)
		}
	}
	if errors.Is(context.Cause(ctx), errStuck) {
		return errStuck
	}
	hurry, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	return ended(k.Hurry(hurry))
}

// ended is the error of an ending: a keeper that is lost has ended.
func ended(err error) error {
	if err == nil || errors.Is(err, keeper.ErrLost) {
		return nil
	}
	return fmt.Errorf("end everything: %w", err)
}

// leaving takes hold of the keeper's process and returns what waits, shortly,
// for its end: it answers just before that, and nothing of it is to be left.
func leaving(ctx context.Context, state stateDir) (left func()) {
	pid, err := peer(ctx, state.keeperSocket())
	if err != nil {
		return func() {}
	}
	ticks, err := proc.Ticks(pid)
	if err != nil {
		return func() {}
	}
	handle, err := proc.Open(pid, ticks)
	if err != nil {
		return func() {}
	}
	return func() {
		defer handle.Close()
		shortly, cancel := context.WithTimeout(ctx, 2*time.Second)
		defer cancel()
		_ = handle.Wait(shortly)
	}
}

// askToStop asks the agent, which may be on its way back.
func askToStop(ctx context.Context, client *api.Client, by string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	for {
		err := client.Stop(ctx, by)
		if err == nil || ctx.Err() != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// endOrphans ends what a dead keeper left running: a new one adopts it first,
// so that everything is ended in the one way there is.
func endOrphans(ctx context.Context, state stateDir) error {
	if err := state.owned(); err != nil {
		return err
	}
	asked := context.WithoutCancel(ctx)
	u := &up{state: state}
	if err := u.replaceStuckKeeper(asked); err != nil {
		return err
	}
	over, err := u.startKeeper()
	if err != nil {
		return err
	}
	deadline, cancel := context.WithTimeout(asked, time.Minute)
	defer cancel()
	for {
		k, err := state.dialKeeper(deadline)
		if err == nil {
			defer k.Close()
			left := leaving(asked, state)
			defer left()
			return endThrough(ctx, k)
		}
		select {
		case <-deadline.Done():
			return fmt.Errorf("the keeper that is to end everything does not answer: %w", err)
		case <-over.ended:
			return fmt.Errorf("the keeper that was to end everything ended itself: %v\n%s", over.err, files.Quote(state.log("keeper")))
		case <-time.After(20 * time.Millisecond):
		}
	}
}
