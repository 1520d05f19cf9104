package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"holdfast"
	"holdfast/api"
	"holdfast/event"
	"holdfast/journal/view"
)

// listedIncidents is what incidents --json prints.
type listedIncidents struct {
	Version   int                 `json:"version"`
	System    holdfast.SystemName `json:"system"`
	Incidents []view.Incident     `json:"incidents"` // the oldest first, without their stories
}

// shownIncident is what incidents show --json prints.
type shownIncident struct {
	Version  int           `json:"version"`
	Incident view.Incident `json:"incident"`
}

func incidentsCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "incidents", Args: cobra.NoArgs, Short: "when people were needed, and what became of it",
		Long: "Lists the incidents that are remembered, the latest first: what was bad, for how\nlong, and who has it. What was contained within its bounds is none.",
	}
	flag := stateFlag(c)
	asJSON := jsonFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		return withIncidents(c, *flag, "", func(found *view.Incidents) error {
			if *asJSON {
				all := append([]view.Incident{}, found.All...)
				return json.NewEncoder(c.OutOrStdout()).Encode(listedIncidents{Version: api.Version, System: found.System, Incidents: all})
			}
			fmt.Fprint(c.OutOrStdout(), found.List())
			return nil
		})
	}
	c.AddCommand(showIncidentCommand())
	return c
}

func showIncidentCommand() *cobra.Command {
	c := &cobra.Command{Use: "show ID", Args: oneIncident, Short: "one of them, whole: its times, who was told, and its story", Example: "  holdfast incidents show 20261127-1"}
	flag := stateFlag(c)
	asJSON := jsonFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		return withIncident(c, *flag, args[0], func(found *view.Incidents, id holdfast.IncidentID) error {
			if *asJSON {
				return json.NewEncoder(c.OutOrStdout()).Encode(shownIncident{Version: api.Version, Incident: *found.Find(id)})
			}
			text, _ := found.Show(id)
			fmt.Fprint(c.OutOrStdout(), text)
			return nil
		})
	}
	return c
}

func postmortemCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "postmortem ID", Args: oneIncident, Short: "an incident as Markdown: facts filled in, questions left to people",
		Example: "  holdfast postmortem 20261127-1 > 20261127-1.md",
	}
	flag := stateFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		return withIncident(c, *flag, args[0], func(found *view.Incidents, id holdfast.IncidentID) error {
			text, _ := found.Postmortem(id)
			fmt.Fprint(c.OutOrStdout(), text)
			return nil
		})
	}
	return c
}

func oneIncident(c *cobra.Command, args []string) error {
	if len(args) != 1 {
		return exit(exitUsage, fmt.Errorf("%s is of one incident\n  next: name it, such as 20261127-1; holdfast incidents lists them", c.Name()))
	}
	return nil
}

// withIncident is withIncidents for one that exists.
func withIncident(c *cobra.Command, flag, id string, show func(*view.Incidents, holdfast.IncidentID) error) error {
	name := holdfast.IncidentID(id)
	return withIncidents(c, flag, name, func(found *view.Incidents) error {
		if found.Find(name) == nil {
			return refused(api.NoIncident(name))
		}
		return show(found, name)
	})
}

// withIncidents asks the agent, or, where nothing runs any more, reads what the
// system left.
func withIncidents(c *cobra.Command, flag string, id holdfast.IncidentID, show func(*view.Incidents) error) error {
	return call(c.Context(), flag, func(ctx context.Context, client *api.Client) error {
		found, err := client.Incidents(ctx, id)
		if state, over := leftBy(flag, err); over {
			state.notice(c.ErrOrStderr())
			found, err = state.leftIncidents()
		}
		if err != nil {
			return err
		}
		return show(found)
	})
}

func ackCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "ack [ID]", Args: cobra.MaximumNArgs(1), Short: "say that you have an incident, so that the others may sleep",
		Long: "Says that you have an incident: the only one that is open, unless you name one. The\nothers are told, and it is paged anew if it is still bad after 30 minutes.",
	}
	flag := stateFlag(c)
	by := byFlag(c)
	asJSON := jsonFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		return call(c.Context(), *flag, func(ctx context.Context, client *api.Client) error {
			id := holdfast.IncidentID(argument(args, 0))
			found, err := client.Incidents(ctx, id)
			if id == "" && err == nil {
				id, err = onlyOpen(found)
			}
			if id == "" {
				return err
			}
			in := event.Acknowledged{Incident: id, By: *by, Via: "command line"}
			if err := say(ctx, client, c.OutOrStdout(), *asJSON, in, taken(found, in)); err != nil {
				return err
			}
			stranger(ctx, client, c.ErrOrStderr(), in.By)
			return nil
		})
	}
	return c
}

// taken says who has an incident now, and from whom they took it on.
func taken(found *view.Incidents, in event.Acknowledged) string {
	had := ""
	if found != nil {
		if i := found.Find(in.Incident); i != nil && i.By != "" && i.By != in.By {
			had = fmt.Sprintf(" (%s had it, and is not told)", i.By)
		}
	}
	return fmt.Sprintf("%s has %s%s: the others may sleep", in.By, in.Incident, had)
}

// stranger warns who speaks under a name that nobody of the file has: the others are
// told that, say, root has it, and ana that she need do nothing.
func stranger(ctx context.Context, client *api.Client, out io.Writer, by string) {
	duty, err := client.Duty(ctx)
	if err != nil || len(duty.OnCall.People) == 0 || slices.ContainsFunc(duty.OnCall.People, func(p holdfast.Person) bool { return string(p.Name) == by }) {
		return
	}
	var people []holdfast.PersonName
	for _, p := range duty.OnCall.People {
		people = append(people, p.Name)
	}
	fmt.Fprintf(out, "holdfast: the file has nobody called %q: the others are told that name\n  next: --by %s, if you are one of %s\n", by, people[0], event.Few(people))
}

// onlyOpen is the one incident that is open, or the one of them that nobody has.
func onlyOpen(found *view.Incidents) (holdfast.IncidentID, error) {
	open := slices.DeleteFunc(slices.Clone(found.All), func(i view.Incident) bool { return !i.Resolved.IsZero() })
	free := slices.DeleteFunc(slices.Clone(open), func(i view.Incident) bool { return i.By != "" })
	switch {
	case len(open) == 1:
		return open[0].ID, nil
	case len(free) == 1:
		return free[0].ID, nil
	case len(open) == 0:
		return "", exit(exitUsage, errors.New("no incident is open: there is nothing to acknowledge\n  next: holdfast incidents lists those that were"))
	}
	var names []string
	for _, i := range open {
		names = append(names, string(i.ID))
	}
	return "", exit(exitUsage, fmt.Errorf("%d incidents are open: %s\n  next: name one; holdfast incidents says what they are", len(open), event.Few(names)))
}

// byFlag adds --by.
func byFlag(c *cobra.Command) *string {
	return c.Flags().String("by", who(), "who says so, as the file's people are called")
}

// say tells the agent, and says what holds now.
func say(ctx context.Context, client *api.Client, out io.Writer, asJSON bool, in event.Body, done string) error {
	if err := client.Say(ctx, in); err != nil {
		return err
	}
	if asJSON {
		return json.NewEncoder(out).Encode(saidDocument{Version: api.Version, Kind: in.Kind(), Said: in})
	}
	fmt.Fprintln(out, done)
	return nil
}

// saidDocument is what --json prints of what was said.
type saidDocument struct {
	Version int        `json:"version"`
	Kind    string     `json:"kind"`
	Said    event.Body `json:"said"`
}

// oneLine is a text as it was typed, on one line.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
