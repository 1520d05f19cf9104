package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"holdfast"
	"holdfast/api"
	"holdfast/event"
	"holdfast/internal/files"
	"holdfast/internal/proc"
	"holdfast/journal/view"
	"holdfast/keeper"
)

func downCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "down", Args: cobra.NoArgs, Short: "stop everything, in order",
		Long: "Stops everything, in order. Where people were called it waits, ten seconds at most,\nuntil they have been told that it is over; what was not sent goes out at the next up.\nCtrl-C ends everything at once.",
	}
	flag := stateFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		state, err := stateOf(*flag, ".")
		if err != nil {
			return exit(exitCouldNot, err)
		}
		client := api.NewClient(state.apiSocket())
		defer client.Close()
		if err := stopSystem(c.Context(), state, client, who(), c.OutOrStdout()); err != nil {
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
// started to adopt what runs and end it. What people were not told is said.
func stopSystem(ctx context.Context, state stateDir, client *api.Client, by string, out io.Writer) error {
	owes := mayOwe(ctx, client)
	err := endSystem(ctx, state, client, by, out)
	if err == nil && owes {
		fmt.Fprint(out, state.unsent())
	}
	return err
}

func endSystem(ctx context.Context, state stateDir, client *api.Client, by string, out io.Writer) error {
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
	if askToStop(answering, client, by) == nil && awaitEnd(answering, k, client, out) {
		return nil
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

// The end is looked at once a second, and given up after three looks beyond its time:
// an agent that is killed when all has stopped is followed by one that waits for a file.
const endLook, endLooks = time.Second, 3

// awaitEnd waits for the end of the keeper, and says once what it is still waited for.
// It returns false when it is not waited for any longer.
func awaitEnd(ctx context.Context, k *keeper.Client, client *api.Client, out io.Writer) (ended bool) {
	look := time.NewTicker(endLook)
	defer look.Stop()
	said, looks := false, 0
	for {
		select {
		case <-k.Lost():
			return true
		case <-ctx.Done():
			return false
		case <-look.C:
		}
		unsent, stopped := stillSending(ctx, client)
		if unsent > 0 && !said {
			said = true
			fmt.Fprintf(out, "%s still being sent, and waited for %s at most; Ctrl-C ends everything at once\n", areMessages(unsent), event.Short(farewell))
		}
		if stopped {
			looks++
		}
		if looks > endLooks && unsent == 0 || looks > endLooks+int(farewell/endLook) {
			return false
		}
	}
}

// stillSending is how many messages are owed, and whether nothing else is to be done.
func stillSending(ctx context.Context, client *api.Client) (unsent int, stopped bool) {
	if found, err := answer(ctx, incidentsOf(client)); err == nil {
		unsent = len(found.Unsent())
	}
	status, err := answer(ctx, client.Status)
	return unsent, err == nil && status.View.Stopped
}

func incidentsOf(client *api.Client) func(context.Context) (*view.Incidents, error) {
	return func(ctx context.Context) (*view.Incidents, error) { return client.Incidents(ctx, "") }
}

func areMessages(n int) string {
	if n == 1 {
		return "1 message is"
	}
	return fmt.Sprintf("%d messages are", n)
}

// mayOwe tells whether people may be owed a message when all has ended: something is
// open, or on its way, or nobody says that it is not.
func mayOwe(ctx context.Context, client *api.Client) bool {
	found, err := answer(ctx, incidentsOf(client))
	return err != nil || len(found.Unsent()) > 0 || slices.ContainsFunc(found.All, func(i view.Incident) bool { return i.Resolved.IsZero() })
}

// unsent says what people are owed still, now that nobody sends it.
func (s stateDir) unsent() string {
	found, err := s.leftIncidents()
	if err != nil {
		return "" // a journal that cannot be read is the next up's to complain of
	}
	var text strings.Builder
	for _, t := range found.Unsent() {
		fmt.Fprintf(&text, "not sent: %s", t)
		if t.Why != "" {
			fmt.Fprintf(&text, " (%s)", t.Why)
		}
		text.WriteByte('\n')
	}
	if text.Len() > 0 {
		text.WriteString("  next: it is in the journal, and goes out at the next holdfast up\n")
	}
	return text.String()
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
