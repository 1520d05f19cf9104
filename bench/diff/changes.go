package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"holdfast"
	"holdfast/bench/rig"
	"holdfast/examples/shop"
	"holdfast/report"
)

// A change is what somebody does to the shop, and what its behaviour becomes.
type change struct {
	what    string
	out, in string // of the file
	mode    holdfast.ModeName
	figure  report.Figure
	broken  bool // a bound is, by it
}

const fallback = "recommendations:\n        required: false\n        fallback: {json: []}\n"

func changes() []change {
	return []change{
		{
			what: "a start that takes 12 s", mode: "catalog.crash", figure: report.FigureRestore,
			out: "toy catalog --start-delay 300ms", in: "toy catalog --start-delay 12s",
		},
		{
			what: "a retry that is dropped", mode: "payments.errors", figure: report.FigureHurt, broken: true,
			out: "depends_on: [payments]", in: "depends_on: {payments: {retries: 0}}",
		},
		{
			what: "a fallback that is removed", mode: "storefront/recommendations.loss", figure: report.FigureHurt, broken: true,
			out: fallback, in: "recommendations: {required: false}\n",
		},
	}
}

// drilled are the modes of the changes, and ten that none of them touches. Others
// it does touch (catalog.hang starts catalog as well) would be rightly named too.
func drilled() []string {
	return []string{
		"catalog.crash", "payments.errors", "storefront/recommendations.loss",
		"storefront.crash", "storefront.hang", "storefront.slow", "catalog.errors", "cart.crash", "cart.hang", "cart.errors",
		"recommendations.crash", "recommendations.slow", "storefront/catalog.loss",
	}
}

// flapping is the fault by which a retry that is missing shows every time: a
// replica that fails for good is ejected after five errors, of which users may see
// none or all, and one that flaps is met again and again.
const flapping = "toy payments --start-delay 300ms\n    failure_modes: {errors: {faults: [flap], bounds: {impact: 0.02%}}}\n"

// files are the shop, mended as its README says, and the shop with every change.
func files() (before, after string, err error) {
	before = strings.Replace(shop.File, "recommendations: {required: false}\n", fallback, 1)
	before = strings.Replace(before, "toy payments --start-delay 300ms\n", flapping, 1)
	after = before
	for _, c := range changes() {
		if !strings.Contains(after, c.out) {
			return "", "", fmt.Errorf("the shop has no %q to be changed", c.out)
		}
		after = strings.Replace(after, c.out, c.in, 1)
	}
	return before, after, nil
}

// compareChanges proves the shop and the changed shop, round after round.
func compareChanges(ctx context.Context, rounds int) (good bool, err error) {
	before, after, err := files()
	if err != nil {
		return false, err
	}
	built, err := rig.Build(ctx, before)
	if err != nil {
		return false, err
	}
	defer built.Remove()
	named, others := 0, 0
	for round := range rounds {
		if err := rewrite(built, before); err != nil {
			return false, err
		}
		base, err := prepared(ctx, built, func(run report.Run) bool { return run.Verdict == holdfast.Pass }, drilled()...)
		if err != nil {
			return false, err
		}
		if err := rewrite(built, after); err != nil {
			return false, err
		}
		run, err := prepared(ctx, built, decided, append(drilled(), "--against", string(base.ID))...)
		if err != nil {
			return false, err
		}
		if run.Against == nil {
			return false, errors.New("the run holds no comparison")
		}
		fmt.Printf("round %d: without the changes %s, with them %s\n", round+1, report.Counted(base.Verdicts()), report.Counted(run.Verdicts()))
		n, other := told(run.Against)
		named, others = named+n, others+other
	}
	all := rounds * len(changes())
	fmt.Printf("named    %d of %d changes\nbesides  %d\n", named, all, others)
	return named == all && others == 0, nil
}

// attempts bounds how often a run is made again.
const attempts = 4

// prepared proves until a run is one that can be compared, and says each time that
// it was not. What a comparison says is never a reason: a base that fails by
// itself, and a drill that decided nothing, are.
func prepared(ctx context.Context, built *rig.Rig, good func(report.Run) bool, args ...string) (report.Run, error) {
	for range attempts {
		run, err := prove(ctx, built, args...)
		if err != nil || good(run) {
			return run, err
		}
		fmt.Printf("  once more: %s %s\n", report.Counted(run.Verdicts()), run.Reason)
	}
	return report.Run{}, fmt.Errorf("%d runs could not be used: this machine is too busy", attempts)
}

// decided tells whether every drill of a run came to PASS or FAIL.
func decided(run report.Run) bool {
	return len(run.Drills) > 0 && !slices.ContainsFunc(run.Drills, func(d report.Drill) bool {
		return d.Verdict != holdfast.Pass && d.Verdict != holdfast.Fail
	})
}

// told prints a comparison, and counts the changes that it names and whatever else
// it says got better or worse. What decided nothing is printed, and no claim.
func told(a *report.Against) (named, others int) {
	for _, d := range a.Deltas {
		if d.What == report.Same {
			continue
		}
		c, ours := changeOf(d)
		switch {
		case ours:
			named++
			fmt.Printf("  named    %s: %s\n", c.what, a.Headline(d))
		case d.What == report.Unknown && !d.Broken:
			fmt.Printf("  unknown  %s: %s\n", d.Mode, d.Why)
		default:
			others++
			fmt.Printf("  BESIDES  %s: %s\n", d.What, a.Headline(d))
		}
	}
	return named, others
}

// changeOf is the change that a delta is rightly of.
func changeOf(d report.Delta) (change, bool) {
	for _, c := range changes() {
		if c.mode != d.Mode || d.What != report.Worse || d.Broken != c.broken {
			continue
		}
		for _, s := range d.Shifts {
			if s.Figure == c.figure && s.Worse {
				return c, true
			}
		}
	}
	return change{}, false
}
