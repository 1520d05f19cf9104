package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"holdfast"
	"holdfast/api"
	"holdfast/event"
	"holdfast/journal/view"
	"holdfast/spec"
)

func reloadCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "reload [FILE]", Args: cobra.MaximumNArgs(1), Short: "put a changed file in force, replica by replica",
		Long: "Shows what the file changes, then puts it in force. Replicas that are started\n" +
			"with other things are replaced one at a time: the next one when the last is\n" +
			"admitted. What did not change is not touched, but for what was given up: that is\n" +
			"tried again. A file with an error is refused, and the old one stays in force.",
	}
	flag := stateFlag(c)
	dryRun := c.Flags().Bool("dry-run", false, "show the difference and change nothing")
	asJSON := jsonFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		file, err := readFile(argument(args, 0))
		if err != nil {
			return err
		}
		state, err := stateOf(*flag, file.Dir)
		if err != nil {
			return exit(exitCouldNot, err)
		}
		r := &reload{out: c.OutOrStdout(), json: *asJSON}
		return call(c.Context(), string(state), func(ctx context.Context, client *api.Client) error {
			r.client = client
			return r.run(ctx, api.File{Name: file.Name, Text: string(file.Text), Dir: file.Dir}, *dryRun)
		})
	}
	return c
}

// A reload is the command while it runs.
type reload struct {
	client  *api.Client
	out     io.Writer
	json    bool
	before  map[holdfast.ReplicaName]holdfast.Incarnation
	awaited map[holdfast.ReplicaName]bool // not yet as the file wants them
}

func (r *reload) run(ctx context.Context, file api.File, dryRun bool) error {
	status, err := r.client.Status(ctx)
	if err != nil {
		return err
	}
	if status.System == "" || status.View.Stopping || status.View.Stopped {
		return &api.Problem{Code: api.Unknown, Message: "no system runs here that could go on with another file", Hint: "holdfast up starts it"}
	}
	difference, err := r.client.Compare(ctx, file)
	if err != nil {
		return err
	}
	if err := r.show(difference, dryRun); err != nil || dryRun {
		return err
	}
	// The file is put in force although it says the same: what failed is tried
	// again with it.
	r.before, r.awaited = incarnations(status.View), givenUp(status.View)
	if err := r.client.Declare(ctx, file); err != nil {
		return err
	}
	return r.follow(ctx)
}

func (r *reload) show(d api.Difference, dryRun bool) error {
	if r.json {
		return json.NewEncoder(r.out).Encode(d)
	}
	if d.Warnings != "" {
		fmt.Fprintln(r.out, d.Warnings)
	}
	if len(d.Changes) == 0 {
		fmt.Fprintln(r.out, "nothing is changed: the file in force says the same")
	}
	for _, c := range d.Changes {
		fmt.Fprintln(r.out, changeText(c))
	}
	if dryRun {
		fmt.Fprintln(r.out, "nothing was done (--dry-run)")
	}
	return nil
}

// changeText is a change as a line: a sign as in a diff, what it is, and what
// comes of it.
func changeText(c api.Change) string {
	sign, says := "~", strings.Join(c.Keys, ", ")
	switch spec.What(c.What) {
	case spec.Added:
		sign, says = "+", c.What
	case spec.Removed:
		sign, says = "-", c.What
	}
	return fmt.Sprintf("%s %s: %s%s", sign, cmp.Or(string(c.Service), "the system"), says, comesOf(c))
}

func comesOf(c api.Change) string {
	switch {
	case c.Once:
		return "  (it runs again, once)"
	case c.Alone:
		return fmt.Sprintf("  (%s is replaced; it is the only one, so its requests fail meanwhile)", c.Replaced[0])
	case len(c.Replaced) > 0:
		return fmt.Sprintf("  (replaced one at a time: %s)", event.Few(c.Replaced))
	case spec.What(c.What) == spec.Changed:
		return "  (nothing is restarted)"
	case spec.What(c.What) == spec.Removed:
		return "  (answers what it has, then it is stopped)"
	default:
		return ""
	}
}

func incarnations(v view.Status) map[holdfast.ReplicaName]holdfast.Incarnation {
	found := map[holdfast.ReplicaName]holdfast.Incarnation{}
	for _, service := range v.Services {
		for _, replica := range service.Replicas {
			found[replica.ID.Name()] = replica.ID.Incarnation
		}
	}
	return found
}

// givenUp are the replicas that have ended and are started again with the file,
// by the budget they have left or by the one they are given.
func givenUp(v view.Status) map[holdfast.ReplicaName]bool {
	found := map[holdfast.ReplicaName]bool{}
	for _, service := range v.Services {
		for _, replica := range service.Replicas {
			ended := replica.State == view.Exited || replica.State == view.NotStarted
			open := slices.ContainsFunc(v.Failures, func(f view.Failure) bool {
				return f.ID.Name() == replica.ID.Name() && (f.Withheld == "" || f.Withheld == holdfast.RailAttempts)
			})
			if ended && open {
				found[replica.ID.Name()] = true
			}
		}
	}
	return found
}

// errRollStopped says that a changed file does not work.
const errRollStopped = holdfast.Refusal("the changed file does not work")

// errAgainInVain says that what was given up failed once more.
const errAgainInVain = holdfast.Refusal("it was tried again in vain")

// follow says what is replaced until all is, or until a person is needed.
func (r *reload) follow(ctx context.Context) error {
	began := time.Now()
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for {
		if status, err := r.client.Status(ctx); err == nil {
			waiting := r.waitingFor(status.View)
			if len(waiting) == 0 {
				r.say("done after %s: %s is in force\n", event.Short(time.Since(began)), status.System)
				return nil
			}
			if err := r.failedFor(status.View, waiting); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			r.say("it goes on by itself: holdfast status, holdfast events\n")
			return ctx.Err()
		case <-ticker.C:
		}
	}
}

func (r *reload) say(format string, args ...any) {
	if !r.json {
		fmt.Fprintf(r.out, format, args...)
	}
}

// waitingFor are the replicas that are not yet as the file wants them; it tells
// of those that have just become so.
func (r *reload) waitingFor(v view.Status) []holdfast.ReplicaName {
	var waiting []holdfast.ReplicaName
	for _, service := range v.Services {
		for _, replica := range service.Replicas {
			name := replica.ID.Name()
			there := replica.State == view.Admitted || replica.State == view.Completed || replica.State == view.Running && (service.Unchecked || service.Watched)
			switch {
			case replica.Outdated, !there && (r.awaited[name] || r.before[name] == 0 || replica.ID.Incarnation > r.before[name]):
				waiting, r.awaited[name] = append(waiting, name), true
			case there && replica.ID.Incarnation > r.before[name]:
				r.before[name] = replica.ID.Incarnation
				r.say("%s %s %s: %s\n", view.Good, replica.ID, replica.State, replica.Reason)
			}
		}
	}
	return waiting
}

// failedFor ends the wait when a person is called for one of the replicas that
// are waited for.
func (r *reload) failedFor(v view.Status, waiting []holdfast.ReplicaName) error {
	for _, failure := range v.Failures {
		name := failure.ID.Name()
		again := failure.Withheld == holdfast.RailAttempts && failure.ID.Incarnation > r.before[name]
		switch {
		case !failure.NeedsYou || !slices.Contains(waiting, name):
		case again:
			return exit(exitFound, fmt.Errorf("%w: %s %s\n  next: see holdfast logs %s; mend it, and holdfast reload", errAgainInVain, name, failure.Doing, name))
		case failure.Mode == "":
			return exit(exitFound, fmt.Errorf("%w: %s %s\n  next: see holdfast logs %s; mend the file, or put the old one back, and holdfast reload",
				errRollStopped, name, failure.Doing, name))
		}
	}
	return nil
}
