package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"holdfast"
	"holdfast/compare"
	"holdfast/mode"
	"holdfast/report"
	"holdfast/runs"
)

// A failOn is what of a comparison ends with exit 1.
type failOn string

const (
	failOnFail   failOn = "fail"   // whatever fails in this run, as without a comparison
	failOnBroken failOn = "broken" // a bound that broke since
	failOnWorse  failOn = "worse"  // anything that got worse since
)

func failOns() []string {
	return []string{string(failOnFail), string(failOnBroken), string(failOnWorse)}
}

const failOnHelp = "what of it is exit 1: fail (whatever fails now, compared or not), broken (only a bound\nthat is broken now and was not seen broken before), worse (anything that got worse)"

// An earlier is the run that another one is compared with.
type earlier struct {
	name string // as a person says it
	run  report.Run
}

// earlierRun finds what --against names.
func earlierRun(state stateDir, name string) (*earlier, error) {
	if name == "" {
		return nil, nil
	}
	run, err := findRun(state, name)
	if err != nil {
		return nil, err
	}
	return &earlier{name: spoken(name), run: run}, nil
}

// spoken is a path as people say it: "main" for ../main.json.
func spoken(name string) string {
	short := name[strings.LastIndexByte(name, '/')+1:]
	if short = strings.TrimSuffix(short, ".json"); short != "" {
		return short
	}
	return name
}

// findRun reads a run, and says what to do where there is none or it cannot be
// read.
func findRun(state stateDir, name string) (report.Run, error) {
	run, err := runs.Find(string(state), name)
	switch {
	case err == nil:
		return run, nil
	case errors.Is(err, runs.ErrNewer):
		return run, exit(exitUsage, fmt.Errorf("%w\n  next: use that version of holdfast, or another run: holdfast runs", err))
	case errors.Is(err, runs.ErrNone):
		return run, exit(exitUsage, fmt.Errorf("%w\n  next: holdfast runs lists what is kept; holdfast prove makes one; a document of prove --json is named by its path", err))
	default:
		return run, exit(exitUsage, fmt.Errorf("%w\n  next: name another run (holdfast runs lists those that are kept), or make it anew: holdfast prove --json", err))
	}
}

// comparable is an earlier run without what this one was not asked to drill and
// still could: nobody took that away. What the file has no more stays.
func (e earlier) comparable(system *holdfast.System, asked []holdfast.FailureMode) report.Run {
	named := func(name holdfast.ModeName, modes []holdfast.FailureMode) (holdfast.FailureMode, bool) {
		i := slices.IndexFunc(modes, func(m holdfast.FailureMode) bool { return m.Name == name })
		if i < 0 {
			return holdfast.FailureMode{}, false
		}
		return modes[i], true
	}
	run := e.run
	run.Drills = slices.DeleteFunc(slices.Clone(run.Drills), func(d report.Drill) bool {
		if m, is := named(d.Mode, asked); is {
			return !slices.ContainsFunc(m.Drills, func(by holdfast.Drill) bool { return by.Fault == d.Fault || d.Fault == "" })
		}
		_, declared := named(d.Mode, slices.Concat(system.Modes, mode.OfHoldfast(system)))
		return declared
	})
	return run
}

// against says what changed since.
func (e earlier) against(before, run report.Run) *report.Against {
	return compare.Runs(e.name, before, run)
}

// judged is the exit code of a run that was compared.
func (f failOn) judged(ctx context.Context, run report.Run) error {
	if f == failOnFail || run.Against == nil || run.Verdict == holdfast.Aborted {
		return verdictError(ctx, run)
	}
	failed := func(d report.Drill) bool { return d.Verdict == holdfast.Fail }
	if f.finds(run.Against) || run.Verdict == holdfast.Fail && !slices.ContainsFunc(run.Drills, failed) {
		return exit(exitFound, nil) // the second is a fault that could not be mended
	}
	rest := run
	rest.Drills = slices.Clone(run.Drills)
	for i, drill := range rest.Drills {
		if failed(drill) {
			rest.Drills[i].Verdict = holdfast.Pass // as it was before, by its bounds
		}
	}
	verdicts := rest.Verdicts()
	if run.Reason != "" {
		verdicts = append(verdicts, holdfast.Invalid)
	}
	rest.Verdict = report.Worst(verdicts)
	return verdictError(ctx, rest)
}

// compared is the exit code of a comparison of two runs that are over.
func (f failOn) compared(run report.Run) error {
	if f.finds(run.Against) || f == failOnFail && run.Verdict == holdfast.Fail {
		return exit(exitFound, nil)
	}
	return nil
}

// finds tells whether a comparison shows what is looked for.
func (f failOn) finds(a *report.Against) bool {
	return slices.ContainsFunc(a.Deltas, func(d report.Delta) bool {
		return f != failOnFail && d.Broken || f == failOnWorse && d.What == report.Worse
	})
}

// failOnCalled reads --fail-on.
func failOnCalled(name string) (failOn, error) {
	if !slices.Contains(failOns(), name) {
		return "", exit(exitUsage, fmt.Errorf("--fail-on %s: there is no such word\n  next: %s", name, choice("--fail-on", failOns())))
	}
	return failOn(name), nil
}
