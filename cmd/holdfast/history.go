package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"holdfast"
	"holdfast/api"
	"holdfast/diagnostic"
	"holdfast/event"
	"holdfast/internal/proc"
	"holdfast/journal"
	"holdfast/journal/view"
	"holdfast/loop"
	"holdfast/observe"
)

func eventsCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "events", Args: cobra.NoArgs, Short: "everything that happened, each with its cause",
		Long: "Prints everything that happened, each entry with its number and its cause's. How many\nrequests were counted, four times a minute, is in --json only: status has the sums.",
	}
	flag := stateFlag(c)
	follow := c.Flags().BoolP("follow", "f", false, "go on as things happen")
	after := c.Flags().Uint64("after", 0, "only entries after this number")
	asJSON := c.Flags().Bool("json", false, "print one JSON document per entry")
	c.RunE = func(c *cobra.Command, _ []string) error {
		var timeline view.Timeline
		out := json.NewEncoder(c.OutOrStdout())
		show := func(entry event.Entry) error {
			if *asJSON {
				return out.Encode(entry)
			}
			row := timeline.Add(entry)
			if _, routine := entry.Body.(holdfast.Counted); routine {
				return nil // four a minute: --json has them, and status what they come to
			}
			_, err := fmt.Fprintln(c.OutOrStdout(), row.Line(time.Local))
			return err
		}
		return call(c.Context(), *flag, func(ctx context.Context, client *api.Client) error {
			err := client.Entries(ctx, *after, *follow, show)
			if ctx.Err() != nil {
				return nil
			}
			if state, over := leftBy(*flag, err); over && !*follow {
				state.notice(c.ErrOrStderr())
				return state.leftEvents(*after, show)
			}
			return err
		})
	}
	return c
}

func logsCommand() *cobra.Command {
	c := &cobra.Command{Use: "logs REPLICA", Args: oneReplica, Short: "what a replica printed", Example: "  holdfast logs catalog-2 -f"}
	flag := stateFlag(c)
	follow := c.Flags().BoolP("follow", "f", false, "go on as it prints")
	lines := c.Flags().IntP("lines", "n", 20, "how many of its last lines")
	c.RunE = func(c *cobra.Command, args []string) error {
		if *lines < 0 {
			return exit(exitUsage, errors.New("--lines must not be negative"))
		}
		return call(c.Context(), *flag, func(ctx context.Context, client *api.Client) error {
			err := client.Logs(ctx, holdfast.ReplicaName(args[0]), *lines, *follow, c.OutOrStdout())
			if ctx.Err() != nil {
				return nil
			}
			if state, over := leftBy(*flag, err); over && !*follow {
				state.notice(c.ErrOrStderr())
				return state.leftLog(holdfast.ReplicaName(args[0]), *lines, c.OutOrStdout())
			}
			return err
		})
	}
	return c
}

func oneReplica(_ *cobra.Command, args []string) error {
	if len(args) != 1 {
		return exit(exitUsage, errors.New("logs are of one replica\n  next: name one, such as catalog-2; holdfast status SERVICE lists them"))
	}
	return nil
}

func pauseCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "pause [SERVICE]", Args: cobra.MaximumNArgs(1), Short: "forbid all remedies, or those of one service",
		Long: "Forbids remedies until holdfast resume. It is a file in the state directory, so\nit works while the agent is dead, and is found by the next one.",
	}
	flag := stateFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		service := holdfast.ServiceName(argument(args, 0))
		state, err := running(c.Context(), *flag, service)
		if err != nil {
			return err
		}
		if err := observe.Pause(state.pauses(), service, who()); err != nil {
			return exit(exitCouldNot, fmt.Errorf("pause: %w", err))
		}
		fmt.Fprintf(c.OutOrStdout(), "paused %s: no remedy is carried out until holdfast resume\n", everythingOr(service))
		return nil
	}
	return c
}

func resumeCommand() *cobra.Command {
	c := &cobra.Command{Use: "resume [SERVICE]", Args: cobra.MaximumNArgs(1), Short: "allow remedies again"}
	flag := stateFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		service := holdfast.ServiceName(argument(args, 0))
		state, err := running(c.Context(), *flag, service)
		if err != nil {
			return err
		}
		if err := observe.Resume(state.pauses(), service); err != nil {
			return exit(exitCouldNot, fmt.Errorf("resume: %w", err))
		}
		fmt.Fprintf(c.OutOrStdout(), "resumed %s\n", everythingOr(service))
		return nil
	}
	return c
}

// running is the state directory of a system that was started at least once.
// While its agent answers, a service it does not have is refused; otherwise what
// can be no service's name, because it would name a file elsewhere.
func running(ctx context.Context, flag string, service holdfast.ServiceName) (stateDir, error) {
	state, err := stateOf(flag, ".")
	if err != nil {
		return "", exit(exitCouldNot, err)
	}
	if _, err := os.Stat(state.path(proc.KeepFile)); err != nil {
		return "", exit(exitCouldNot, state.unreachable(err))
	}
	if err := state.owned(); err != nil {
		return "", exit(exitCouldNot, err)
	}
	client := api.NewClient(state.apiSocket())
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	status, err := client.Status(ctx)
	if service == "" {
		return state, nil
	}
	if err != nil && string(service) == filepath.Base(string(service)) && !strings.HasPrefix(string(service), ".") {
		return state, nil // nobody to ask, and a name that a service may have
	}
	for _, known := range status.View.Services {
		if known.Name == service {
			return state, nil
		}
	}
	return "", exit(exitUsage, fmt.Errorf("there is no service %q\n  next: holdfast status lists them", service))
}

func replayCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "replay [JOURNAL]", Args: cobra.MaximumNArgs(1), Short: "reproduce recorded decisions from recorded observations",
		Long: "Feeds what was observed through the same mind and holds what it decides now\nagainst what it decided then. JOURNAL is a journal's directory or one of its\nfiles; by default that of the state directory.",
	}
	flag := stateFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		path := argument(args, 0)
		if path == "" {
			state, err := stateOf(*flag, ".")
			if err != nil {
				return exit(exitCouldNot, err)
			}
			path = state.journal()
		}
		replay, err := replayed(path)
		var difference loop.Difference
		switch {
		case errors.As(err, &difference):
			return exit(exitFound, err)
		case err != nil:
			return exit(exitCouldNot, err)
		}
		fmt.Fprintf(c.OutOrStdout(), "the same decisions: %s, %s\n", diagnostic.Count(replay.Frames, "frame"), diagnostic.Count(replay.Entries, "entry"))
		return nil
	}
	return c
}

func replayed(path string) (loop.Replay, error) {
	var replay loop.Replay
	lines := journal.Load(path)
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return replay, fmt.Errorf("there is no journal at %s\n  next: name one, or run this in the folder of a system that was started", path)
	}
	if err == nil && info.IsDir() {
		lines = journal.Read(path)
	}
	for line, err := range lines {
		switch {
		case err != nil:
			return replay, err
		case line.Frame != nil:
			err = replay.Frame(*line.Frame)
		case line.Snapshot != nil:
			var kept memory
			if kept, err = readMemory(line.Snapshot); err == nil {
				err = replay.Snapshot(kept.Mind)
			}
		}
		if err != nil {
			return replay, fmt.Errorf("%s line %d: %w", line.File, line.Number, err)
		}
	}
	if replay.Frames == 0 {
		return replay, fmt.Errorf("%s holds nothing to replay", path)
	}
	return replay, nil
}
