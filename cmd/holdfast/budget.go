package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"holdfast"
	"holdfast/budget"
	"holdfast/check"
	"holdfast/proof"
	"holdfast/prove"
	"holdfast/report"
	"holdfast/runs"
)

// sinceFlags are --against, --fail-on and --budget.
type sinceFlags struct {
	against, failOn string
	budget          time.Duration
}

func addSinceFlags(c *cobra.Command) *sinceFlags {
	s := &sinceFlags{}
	c.Flags().StringVar(&s.against, "against", "", "compare with an earlier run: a file of prove --json, or a kept one (holdfast runs)")
	c.Flags().StringVar(&s.failOn, "fail-on", string(failOnFail), failOnHelp)
	c.Flags().DurationVar(&s.budget, "budget", 0, "drill only what fits into so much time, the riskiest and stalest first (5m)")
	return s
}

func (s sinceFlags) check(c *cobra.Command) error {
	if _, err := failOnCalled(s.failOn); err != nil {
		return err
	}
	switch {
	case c.Flags().Changed("against") && s.against == "":
		return exit(exitUsage, errors.New("--against names nothing\n  next: name a file or a run, or leave it out; is a variable of your shell unset?"))
	case c.Flags().Changed("fail-on") && s.against == "":
		return exit(exitUsage, errors.New("--fail-on judges a comparison, and there is none\n  next: add --against and an earlier run, or leave it out"))
	case c.Flags().Changed("budget") && s.budget < leastBudget:
		return exit(exitUsage, fmt.Errorf("--budget %s: the start of a copy and one drill take longer\n  next: write at least %s", s.budget, leastBudget))
	default:
		return nil
	}
}

// leastBudget is less than any copy with one drill needs.
const leastBudget = 10 * time.Second

// within puts modes into the order in which they are drilled within the budget,
// and says of each, when its turn comes, whether it fits.
func (p proving) within(ctx context.Context, o prove.Options, state stateDir) ([]holdfast.FailureMode, func(holdfast.FailureMode, holdfast.Drill) string) {
	purse, began := p.purse(ctx, o, state), time.Now()
	return budget.Order(o.System, o.Modes, purse.Past), func(mode holdfast.FailureMode, by holdfast.Drill) string {
		return purse.Refuses(time.Since(began), mode, by)
	}
}

// wouldFit is the same for a run that is not made: time passes as experience
// says.
func (p proving) wouldFit(ctx context.Context, o prove.Options, state stateDir) ([]holdfast.FailureMode, func(holdfast.FailureMode) string) {
	purse, spent := p.purse(ctx, o, state), time.Duration(0)
	return budget.Order(o.System, o.Modes, purse.Past), func(mode holdfast.FailureMode) string {
		for _, by := range mode.Drills {
			if why := purse.Refuses(spent, mode, by); why != "" {
				return why
			}
			spent = purse.After(spent, mode, by)
		}
		return ""
	}
}

func (p proving) purse(ctx context.Context, o prove.Options, state stateDir) *budget.Purse {
	earlier := earlierRuns(state, o.System.Name)
	return &budget.Purse{
		Limit: p.since.budget, Repeat: o.Repeat, Now: time.Now(),
		Costs: budget.Learn(earlier...), Past: p.past(ctx, o.System, state, earlier),
	}
}

// lookedBack is of how many runs costs are learned: a mode that is drilled by
// turns was so within these.
const lookedBack = 10

// earlierRuns are the last that are kept of a system, the newest last. What cannot
// be read teaches nothing.
func earlierRuns(state stateDir, system holdfast.SystemName) []report.Run {
	kept, _, err := runs.List(string(state))
	if err != nil {
		return nil
	}
	var all []report.Run
	for _, summary := range kept {
		if summary.System != system || len(all) == lookedBack {
			continue
		}
		if run, err := runs.Find(string(state), string(summary.ID)); err == nil {
			all = append(all, run)
		}
	}
	slices.Reverse(all)
	return all
}

// past is what is known of each mode: the verdicts that are kept, and where there
// is none, because nobody could say what it was made on, what runs showed.
func (p proving) past(ctx context.Context, system *holdfast.System, state stateDir, earlier []report.Run) map[holdfast.ModeName]budget.Past {
	past := map[holdfast.ModeName]budget.Past{}
	for _, run := range earlier {
		for _, drill := range run.Drills {
			if drill.Verdict == holdfast.Pass || drill.Verdict == holdfast.Fail {
				past[drill.Mode] = budget.Past{At: run.At, Verdict: drill.Verdict, Stale: true}
			}
		}
	}
	kept, _, err := proof.Read(string(state))
	if err != nil {
		return past
	}
	standing, err := proofsOf(ctx, system, state, time.Now())
	if err != nil {
		fmt.Fprintf(p.notices, "%v: every verdict counts as stale\n", err)
	}
	for name, k := range proof.Newest(kept, system.Modes) {
		past[name] = budget.Past{At: k.At, Verdict: k.Verdict, Stale: standing[name] != check.Proved}
	}
	return past
}
