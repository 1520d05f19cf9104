package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"holdfast/diagnostic"
	"holdfast/report"
	"holdfast/runs"
)

func runsCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "runs", Args: cobra.NoArgs,
		Short: "list the proofs that are kept, show one, compare two",
		Long: "Every holdfast prove is kept in the state directory, the last 200. A run is named by\n" +
			"its name, the beginning of it, \"latest\", or the path of a document of prove --json.",
		Example: "  holdfast runs\n  holdfast runs show latest --format html --out report.html\n  holdfast runs compare main.json latest",
	}
	flag := stateFlag(c)
	asJSON := jsonFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		state, err := runsIn(*flag)
		if err != nil {
			return err
		}
		return listRuns(c.OutOrStdout(), c.ErrOrStderr(), state, *asJSON)
	}
	c.AddCommand(showRunCommand(), compareRunsCommand())
	return c
}

// runsIn is the state directory that runs are in: that of this folder, or the one
// that is named.
func runsIn(flag string) (stateDir, error) {
	state, err := stateOf(flag, ".")
	if err == nil {
		err = state.owned()
	}
	if err != nil {
		return state, exit(exitCouldNot, err)
	}
	return state, nil
}

// keptRuns is the document of runs --json.
type keptRuns struct {
	Version    int               `json:"version"`
	Runs       []runs.Summary    `json:"runs"`
	Unreadable []runs.Unreadable `json:"unreadable"`
}

func listRuns(out, notices io.Writer, state stateDir, asJSON bool) error {
	kept, unreadable, err := runs.List(string(state))
	if err != nil {
		return exit(exitCouldNot, fmt.Errorf("%w\n  next: name another state directory with --state", err))
	}
	for _, u := range unreadable {
		fmt.Fprintf(notices, "%s is left out: %s\n", u.File, u.Why)
	}
	if asJSON {
		return encoded(out, keptRuns{Runs: append([]runs.Summary{}, kept...), Unreadable: append([]runs.Unreadable{}, unreadable...)})
	}
	if len(kept) == 0 {
		fmt.Fprintf(notices, "no run is kept in %s\n  next: holdfast prove makes one\n", state)
		return nil
	}
	var text strings.Builder
	paint := report.Paint(isTerminal(out))
	for _, run := range kept {
		fmt.Fprintf(&text, "%s  %s  %s  %-24s  took %-7s %s\n", run.ID, run.At.UTC().Format("2 Jan 2006 15:04 UTC"), paint.Verdict(run.Verdict), report.CountedOf(run.Verdict, run.Drills), report.Short(run.Took), run.System)
	}
	_, err = io.WriteString(out, text.String())
	return failedToPrint(err)
}

func showRunCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "show [RUN]", Args: cobra.MaximumNArgs(1),
		Short: "show a kept run, the latest unless one is named",
	}
	flag := stateFlag(c)
	show := addShowFlags(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		shown, err := show.read(c)
		if err != nil {
			return err
		}
		state, err := runsIn(*flag)
		if err != nil {
			return err
		}
		name := runs.Latest
		if len(args) > 0 {
			name = args[0]
		}
		run, err := findRun(state, name)
		if err != nil {
			return err
		}
		return showRun(c, shown, run)
	}
	return c
}

// showRun shows a run that is over. Where the file in this folder is of the same
// system and text, what is said stands beside its lines.
func showRun(c *cobra.Command, shown showing, run report.Run) error {
	where := whereHere(run)
	if shown.isText() {
		_, err := io.WriteString(c.OutOrStdout(), report.Text(run, report.Paint(isTerminal(c.OutOrStdout()))))
		if err != nil {
			return failedToPrint(err)
		}
	} else if err := shown.format.write(c.OutOrStdout(), run, where); err != nil {
		return failedToPrint(err)
	}
	if err := shown.write(run, where); err != nil {
		return exit(exitCouldNot, err)
	}
	return nil
}

// whereHere looks into the file of this folder.
func whereHere(run report.Run) report.Where {
	file, err := readFile("")
	if err != nil {
		return nowhere
	}
	reading, _ := readSystem(file, environ())
	if reading.System == nil || reading.System.Digest != run.Digest {
		return nowhere
	}
	return whereIn(file.Name, reading.System, reading)
}

func compareRunsCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "compare BEFORE [AFTER]",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 1 || len(args) == 2 {
				return nil
			}
			return exit(exitUsage, fmt.Errorf("%s named: want the run before, and the one after it unless that is the latest\n  next: holdfast runs lists them; holdfast runs compare BEFORE [AFTER]", diagnostic.Count(len(args), "run")))
		},
		Short: "say what changed from one kept run to another, the latest unless one is named",
		Long: "Says what changed beyond noise, mode by mode: worse, better, new, gone, not comparable.\n" +
			"docs/diff.md says what counts. Exit 1 when a bound broke since.",
	}
	flag := stateFlag(c)
	show := addShowFlags(c)
	fails := c.Flags().String("fail-on", string(failOnBroken), failOnHelp)
	c.RunE = func(c *cobra.Command, args []string) error {
		shown, err := show.read(c)
		if err != nil {
			return err
		}
		judge, err := failOnCalled(*fails)
		if err != nil {
			return err
		}
		state, err := runsIn(*flag)
		if err != nil {
			return err
		}
		before, err := earlierRun(state, args[0])
		if err != nil {
			return err
		}
		run, err := findRun(state, slices.Concat(args, []string{runs.Latest})[1])
		if err != nil {
			return err
		}
		run.Against = before.against(before.run, run)
		if shown.isText() {
			_, err = io.WriteString(c.OutOrStdout(), report.AgainstText(run.Against, report.Paint(isTerminal(c.OutOrStdout()))))
			err = failedToPrint(err)
			if wrote := shown.write(run, nowhere); err == nil && wrote != nil {
				err = exit(exitCouldNot, wrote)
			}
		} else {
			err = showRun(c, shown, run)
		}
		if err != nil {
			return err
		}
		return judge.compared(run)
	}
	return c
}
