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

	"holdfast/api"
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

// stopSystem asks the agent to stop everything in order and waits until the
// keeper has ended. Without an agent, or when the person at the terminal asks
// again, the keeper ends everything by itself. Without a keeper, one is started
// to adopt what runs and end it.
func stopSystem(ctx context.Context, state stateDir, client *api.Client, by string) error {
	dial, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	k, err := keeper.Dial(dial, state.keeperSocket(), "command", 0)
	if err != nil {
		if _, statErr := os.Stat(state.path("keep")); statErr != nil {
			return state.unreachable(err)
		}
		return endOrphans(ctx, state)
	}
	defer k.Close()
	if err := askToStop(ctx, client, by); err == nil {
		select {
		case <-k.Lost():
			return nil
		case <-ctx.Done():
		}
	}
	hurry, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	if err := k.End(hurry); err != nil && !errors.Is(err, keeper.ErrLost) {
		return fmt.Errorf("end everything: %w", err)
	}
	return nil
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
	u := &up{state: state}
	if err := u.replaceStuckKeeper(ctx); err != nil {
		return err
	}
	ended, err := u.startKeeper()
	if err != nil {
		return err
	}
	deadline, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		k, err := keeper.Dial(deadline, state.keeperSocket(), "command", 0)
		if err == nil {
			defer k.Close()
			if err := k.End(deadline); err != nil && !errors.Is(err, keeper.ErrLost) {
				return err
			}
			return nil
		}
		select {
		case <-deadline.Done():
			return err
		case err := <-ended:
			return fmt.Errorf("the keeper that was to end everything ended itself: %v\n%s", err, lastLines(state.log("keeper")))
		case <-time.After(20 * time.Millisecond):
		}
	}
}
