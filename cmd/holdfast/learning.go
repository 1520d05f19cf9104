package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"holdfast"
	"holdfast/api"
	"holdfast/event"
)

// Commands by which people put down what they know of an incident and what is learnt
// from it.

func noteCommand() *cobra.Command {
	c := &cobra.Command{Use: "note ID TEXT", Args: cobra.ExactArgs(2), Short: "put down what others should know of an incident", Example: `  holdfast note 20261127-1 "the disk of cart-1 is full; moving its data"`}
	return saying(c, func(_ context.Context, _ *api.Client, args []string, by string) (event.Body, string, error) {
		id := holdfast.IncidentID(args[0])
		return event.Noted{Incident: id, By: by, Text: oneLine(args[1])}, "noted with " + string(id), nil
	})
}

func amendCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "amend ID MOMENT TIME", Args: cobra.ExactArgs(3), Short: "put a time of an incident right; what was measured is kept beside it",
		Long:    "Says that a moment of an incident was another one than was measured: impact, detected,\npaged, acknowledged, mitigated or restored. What was measured is kept beside it.",
		Example: `  holdfast amend 20261127-1 impact "2026-11-27 02:40" --why "the first user wrote then"`,
	}
	why := c.Flags().String("why", "", "how that is known")
	return saying(c, func(_ context.Context, _ *api.Client, args []string, by string) (event.Body, string, error) {
		at, err := readTime(args[2], time.Now())
		if err != nil {
			return nil, "", err
		}
		in := event.Amended{Incident: holdfast.IncidentID(args[0]), Moment: event.Moment(args[1]), To: at.UTC(), By: by, Why: oneLine(*why)}
		return in, fmt.Sprintf("%s of %s was at %s, by %s", in.Moment, in.Incident, shown(at), by), nil
	})
}

func actionCommand() *cobra.Command {
	c := &cobra.Command{
		Use: `action ID "WHAT"`, Args: cobra.RangeArgs(1, 2), Short: "promise what will be done so that it does not come again",
		Long:    "Promises what will be done after an incident, by whom and until when. With --number\nwhat was promised is changed, or is done: what is not said stays as it was.",
		Example: "  holdfast action 20261127-1 \"a second disk for cart\" --owner ben --due 2027-01-31\n  holdfast action 20261127-1 --number 1 --done",
	}
	owner := c.Flags().String("owner", "", "who will do it")
	due := c.Flags().String("due", "", "until which day (2027-01-31)")
	number := c.Flags().Int("number", 0, "which one is meant (default: a new one)")
	done := c.Flags().Bool("done", false, "it is done")
	return saying(c, func(ctx context.Context, client *api.Client, args []string, by string) (event.Body, string, error) {
		in, err := promised(ctx, client, holdfast.IncidentID(args[0]), *number)
		if err != nil {
			return nil, "", err
		}
		in.By = by
		if what := oneLine(argument(args, 1)); what != "" {
			in.What = what
		}
		if *owner != "" {
			in.Owner = *owner
		}
		if c.Flags().Changed("done") {
			in.Done = *done
		}
		if *due != "" {
			if in.Due, err = day(*due); err != nil {
				return nil, "", err
			}
		}
		return in, fmt.Sprintf("action %d of %s: %s, by %s until %s%s", in.Number, in.Incident, in.What, in.Owner, in.Due.Format(time.DateOnly), map[bool]string{true: ", done"}[in.Done]), nil
	})
}

// promised is the action of a number as it stands, or the next one.
func promised(ctx context.Context, client *api.Client, id holdfast.IncidentID, number int) (event.Promised, error) {
	found, err := client.Incidents(ctx, id)
	if err != nil {
		return event.Promised{}, err
	}
	actions := found.Find(id).Actions
	if number == 0 {
		return event.Promised{Incident: id, Number: len(actions) + 1}, nil
	}
	if i := slices.IndexFunc(actions, func(p event.Promised) bool { return p.Number == number }); i >= 0 {
		return actions[i], nil
	}
	return event.Promised{}, refused(&api.Problem{Code: api.Unknown, Message: fmt.Sprintf("%s has no action %d", id, number), Hint: "leave --number out for a new one"})
}

func closeCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "close ID", Args: oneIncident, Short: "say that an incident is learnt from: its mode is drilled, or waived",
		Long:    "Closes an incident that is over. It is learnt from when the failure mode that it was\nstands in the file and passed its drill, or when somebody answers for it, until a\nday, that it is not.",
		Example: "  holdfast close 20261127-1 --mode cart.crash\n  holdfast close 20261127-1 --waive \"the service is replaced in March\" --owner web --until 2027-03-31",
	}
	mode := c.Flags().String("mode", "", "the failure mode that it was")
	reason := c.Flags().String("waive", "", "why it stays undrilled")
	owner := c.Flags().String("owner", "", "who answers for that")
	until := c.Flags().String("until", "", "the day on which it is looked at again")
	return saying(c, func(_ context.Context, _ *api.Client, args []string, by string) (event.Body, string, error) {
		in := event.Closed{Incident: holdfast.IncidentID(args[0]), By: by, Mode: holdfast.ModeName(*mode)}
		if *reason == "" && *owner == "" && *until == "" {
			return in, fmt.Sprintf("%s is closed: %s is drilled", in.Incident, in.Mode), nil
		}
		in.Waiver = &event.Waiver{Owner: holdfast.OwnerName(*owner), Reason: oneLine(*reason)}
		if *until != "" {
			last, err := day(*until)
			if err != nil {
				return nil, "", err
			}
			in.Waiver.Until = last
		}
		return in, fmt.Sprintf("%s is closed: waived until %s, and %s answers for that: %s", in.Incident, in.Waiver.Until.Format(time.DateOnly), in.Waiver.Owner, in.Waiver.Reason), nil
	})
}

// saying makes a command of what a person says: composed from its arguments, told to
// the agent, and said back in words.
func saying(c *cobra.Command, compose func(context.Context, *api.Client, []string, string) (event.Body, string, error)) *cobra.Command {
	flag := stateFlag(c)
	by := byFlag(c)
	asJSON := jsonFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		return call(c.Context(), *flag, func(ctx context.Context, client *api.Client) error {
			in, done, err := compose(ctx, client, args, *by)
			if err != nil {
				return err
			}
			return say(ctx, client, c.OutOrStdout(), *asJSON, in, done)
		})
	}
	return c
}
