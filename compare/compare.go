// Package compare says how a system's behaviour changed from one run to another:
// worse, better, new, gone, the same, or not comparable, and which of it is more
// than noise.
//
// A figure moves from run to run although nothing changed, so what counts is
// decided by these rules, which docs/diff.md says at length:
//
//   - A bound that every earlier drill kept and a drill now breaks counts, always:
//     the file itself calls it too much. So does a drill that fails by anything
//     else, where the earlier ones passed.
//   - With four drills or more on both sides the ranks decide: Mann and Whitney's
//     exact test, one-sided, at 2 %, and the middle has to move by a least effect.
//     It is 2 % because four against four cannot show less than 1.4 %.
//   - With fewer the middle has to move far, which is more than the same system was
//     ever seen to move by itself on a busy machine, and no drill of one side may
//     lie among those of the other.
//   - Requests that were hurt are counted together: Fisher's exact test at 0.1 % and
//     a least effect; with enough drills the ranks of their shares decide, because
//     what one fault hurts it hurts together.
//
// What is INVALID, SKIP or ABORTED says nothing of a mode and is never the same as
// anything.
package compare

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"holdfast"
	"holdfast/report"
)

// Runs says what changed from one run to another. Name is what a person called
// the earlier one.
func Runs(name string, before, after report.Run) *report.Against {
	a := &report.Against{
		Name: name, ID: before.ID, At: before.At, Verdict: before.Verdict,
		Deltas: []report.Delta{}, Cautions: cautions(before, after),
	}
	earlier, now := sides(before), sides(after)
	for _, id := range both(earlier, now) {
		a.Deltas = append(a.Deltas, delta(id, earlier[id], now[id], before, after))
	}
	slices.SortStableFunc(a.Deltas, func(x, y report.Delta) int { return cmp.Compare(rank(x), rank(y)) })
	return a
}

// An identity tells the drills that can be compared: how a thing fails and by
// which fault. What strikes in earnest is another thing than what strikes a copy.
type identity struct {
	mode  holdfast.ModeName
	fault holdfast.FaultName
	live  bool
}

// A side is the drills of one mode in one run.
type side struct {
	all     []report.Drill
	counted []report.Drill // those that decided something
}

func sides(run report.Run) map[identity]side {
	all := map[identity]side{}
	for _, drill := range run.Drills {
		id := identity{mode: drill.Mode, fault: drill.Fault, live: drill.Live}
		s := all[id]
		s.all = append(s.all, drill)
		if drill.Verdict == holdfast.Pass || drill.Verdict == holdfast.Fail {
			s.counted = append(s.counted, drill)
		}
		all[id] = s
	}
	return all
}

// skipped tells whether no drill was made at all.
func (s side) skipped() bool {
	return !slices.ContainsFunc(s.all, func(d report.Drill) bool { return d.Verdict != holdfast.Skip })
}

// both are the identities of either run, by name.
func both(earlier, now map[identity]side) []identity {
	all := map[identity]bool{}
	for _, some := range []map[identity]side{earlier, now} {
		for id := range some {
			all[id] = true
		}
	}
	return slices.SortedFunc(maps.Keys(all), func(x, y identity) int {
		return cmp.Or(cmp.Compare(x.mode, y.mode), cmp.Compare(x.fault, y.fault))
	})
}

// rank sorts by what matters: what broke, what got worse, what nobody knows.
func rank(d report.Delta) int {
	order := []report.What{report.Worse, report.Appeared, report.Unknown, report.Better, report.Vanished, report.Same}
	at := slices.Index(order, d.What) + 1
	if d.Broken {
		return at - len(order)
	}
	return at
}

// delta compares what one mode showed.
func delta(id identity, earlier, now side, before, after report.Run) report.Delta {
	d := report.Delta{Mode: id.mode, Fault: id.fault, Before: earlier.shown(), After: now.shown()}
	d.Owner = owner(earlier, now)
	switch {
	case len(now.all) == 0:
		d.What, d.Why = absent(report.Vanished, after, "this run")
		return d
	case len(earlier.all) == 0 && now.skipped():
		d.What, d.Why = report.Unknown, "it was drilled neither before nor now" // it is as new as it was
		return d
	case len(earlier.all) == 0:
		d.What, d.Why = absent(report.Appeared, before, "the earlier run")
		d.Broken = now.fails() > 0
		d.Users = users(earlier, now)
		return d
	case len(earlier.counted) == 0 || len(now.counted) == 0:
		d.What, d.Why = report.Unknown, undecided(earlier, now)
		d.Broken = now.fails() > 0
		return d
	}
	d.Shifts, d.Notes = shifts(earlier, now), notes(earlier, now)
	d.Broken = slices.ContainsFunc(d.Shifts, func(s report.Shift) bool { return s.Broken })
	d.What = whatOf(d.Shifts)
	if d.What == report.Worse {
		printed := ""
		if d.Because, printed = because(earlier, now, d.Shifts); printed != "" {
			d.Notes = append(d.Notes, "it printed meanwhile: "+printed)
		}
		d.Users, d.Notes = users(earlier, now), append(d.Notes, help(now)...)
	}
	return d
}

// absent says what it means that a mode was not drilled: that it is gone, or that
// its run did not come to it.
func absent(otherwise report.What, run report.Run, called string) (report.What, string) {
	if run.Reason == "" && run.Verdict != holdfast.Aborted {
		return otherwise, ""
	}
	return report.Unknown, called + " ended before its turn" // why stands once above all, as a caution
}

func undecided(earlier, now side) string {
	for _, of := range []struct {
		side side
		when string
	}{{side: now, when: "now"}, {side: earlier, when: "in the earlier run"}} {
		if len(of.side.counted) == 0 {
			last := of.side.all[len(of.side.all)-1]
			return fmt.Sprintf("%s %s: %s", last.Verdict, of.when, last.Reason)
		}
	}
	return ""
}

func whatOf(shifts []report.Shift) report.What {
	what := report.Same
	for _, shift := range shifts {
		if shift.Worse {
			return report.Worse
		}
		what = report.Better
	}
	return what
}

func (s side) shown() *report.Side {
	if len(s.all) == 0 {
		return nil
	}
	var verdicts []holdfast.Verdict
	for _, drill := range s.all {
		verdicts = append(verdicts, drill.Verdict)
	}
	return &report.Side{Drills: len(s.all), Counted: len(s.counted), Verdict: report.Worst(verdicts)}
}

func (s side) fails() int {
	n := 0
	for _, drill := range s.counted {
		if drill.Verdict == holdfast.Fail {
			n++
		}
	}
	return n
}

// owner is who answers for it now, or did.
func owner(earlier, now side) holdfast.OwnerName {
	last := slices.Concat(earlier.all, now.all)
	return last[len(last)-1].Owner
}
