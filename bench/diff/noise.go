package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"

	"holdfast"
	"holdfast/bench/rig"
	"holdfast/compare"
	"holdfast/report"
)

// three is the file of docs/proving.md.
const three = `name: three
owner: bench
services:
  storefront: {command: ./holdfast toy storefront, replicas: 2, ports: ["8080"], depends_on: [catalog, cart]}
  catalog: {command: ./holdfast toy catalog, replicas: 2}
  cart: {command: ./holdfast toy cart, replicas: 2}
`

// together is of how many runs the drills are taken together, as repeats of one.
const together = 5

func noiseOfRuns(ctx context.Context, n int) (bool, error) {
	built, err := rig.Build(ctx, three)
	if err != nil {
		return false, err
	}
	defer built.Remove()
	var runs []report.Run
	for i := range n {
		run, err := prove(ctx, built)
		if err != nil {
			return false, err
		}
		fmt.Printf("run %d: %s, without a fault 99%% within %s\n", i+1, report.Counted(run.Verdicts()), report.Short(report.Millis(run.Control.P99)))
		runs = append(runs, run)
	}
	return noise(runs), nil
}

func noiseOfFiles(dir string) (bool, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return false, err
	}
	var runs []report.Run
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return false, err
		}
		var run report.Run
		if err := json.Unmarshal(text, &run); err != nil {
			return false, fmt.Errorf("%s: %w", path, err)
		}
		runs = append(runs, run)
	}
	return noise(runs), nil
}

// noise compares every run with every other, both ways, then groups of them, and
// prints how far figures lay apart.
func noise(runs []report.Run) bool {
	spread(runs)
	alone, repeated := claims{}, claims{}
	for i, before := range runs {
		for j, after := range runs {
			if i != j {
				alone.add(before, after)
			}
		}
	}
	chance := rand.New(rand.NewPCG(8812, 0))
	for range draws {
		if deal := chance.Perm(len(runs)); len(runs) >= 2*together {
			repeated.add(merged(runs, deal[:together]), merged(runs, deal[together:2*together]))
		}
	}
	alone.print("one drill on each side")
	repeated.print(fmt.Sprintf("%d drills on each side", together))
	return alone.said+repeated.said == 0
}

// draws is how often runs are dealt to two sides.
const draws = 500

// claims are what is said to have changed between runs of one system. A verdict
// that differs is no claim of the comparison: the runs themselves say so.
type claims struct {
	comparisons, modes, said, verdicts int
	seen                               map[string]int
}

func (c *claims) add(before, after report.Run) {
	if c.seen == nil {
		c.seen = map[string]int{}
	}
	c.comparisons++
	for _, d := range compare.Runs("earlier", before, after).Deltas {
		switch c.modes++; {
		case d.What == report.Same || d.What == report.Unknown && !d.Broken:
		case d.Broken || failed(d):
			c.verdicts++
			c.seen[string(d.Mode)+" by its verdict"]++
		default:
			c.said++
			for _, s := range d.Shifts {
				c.seen[fmt.Sprintf("%s %s of %s", d.Mode, d.What, s.Figure)]++
			}
		}
	}
}

func (c *claims) print(title string) {
	fmt.Printf("%s: %d comparisons of %d modes: %d claims beyond a verdict, %d by a verdict that differs\n", title, c.comparisons, c.modes, c.said, c.verdicts)
	for _, what := range slices.Sorted(maps.Keys(c.seen)) {
		fmt.Printf("    %5d  %s\n", c.seen[what], what)
	}
}

// failed tells whether a drill failed on either side: the run itself says so.
func failed(d report.Delta) bool {
	of := func(s *report.Side) bool { return s != nil && s.Verdict == holdfast.Fail }
	return of(d.Before) || of(d.After)
}

// merged takes the drills of several runs for repeats of one.
func merged(runs []report.Run, which []int) report.Run {
	all := runs[which[0]]
	all.Drills = nil
	for _, i := range which {
		all.Drills = append(all.Drills, runs[i].Drills...)
	}
	return all
}

// spread prints how far the figures of one kind of mode lay apart.
func spread(runs []report.Run) {
	type row struct {
		kind   holdfast.Kind
		figure report.Figure
	}
	all := map[row][]float64{}
	add := func(d report.Drill, figure report.Figure, at *report.Millis) {
		if at != nil {
			all[row{kind: d.Kind, figure: figure}] = append(all[row{kind: d.Kind, figure: figure}], float64(*at))
		}
	}
	for _, run := range runs {
		for _, d := range run.Drills {
			if d.Verdict != holdfast.Pass && d.Verdict != holdfast.Fail {
				continue
			}
			add(d, report.FigureDetect, d.Detect)
			add(d, report.FigureMitigate, d.Mitigate)
			add(d, report.FigureRestore, d.Restore)
			if d.Contained != nil {
				add(d, report.FigureSlowest, &d.Contained.Slowest)
			}
		}
	}
	rows := slices.SortedFunc(maps.Keys(all), func(x, y row) int {
		return cmp.Or(cmp.Compare(x.kind, y.kind), cmp.Compare(x.figure, y.figure))
	})
	for _, r := range rows {
		values := slices.Sorted(slices.Values(all[r]))
		at := func(share float64) string {
			return report.Short(report.Millis(values[min(len(values)-1, int(share*float64(len(values))))]))
		}
		fmt.Printf("%-10s %-9s %4d drills  least %-7s median %-7s 95%% %-7s most %s\n", r.kind, r.figure, len(values), at(0), at(0.5), at(0.95), at(1))
	}
}
