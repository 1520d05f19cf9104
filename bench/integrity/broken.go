package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"holdfast"
	"holdfast/report"
)

// A system that is broken in one way, the drill that must find it, and what the
// reason of its FAIL must say.
type system struct {
	name  string
	what  string // what is wrong, for the page
	file  string
	drill string
	says  []string
}

// An outcome is what a drill said where one verdict alone is right.
type outcome struct {
	name, what string
	want, got  holdfast.Verdict
	says       []string // all of which its reason must hold
	drill      report.Drill
}

// wrong says what is not as it must be, if anything.
func (o outcome) wrong() string {
	if o.got != o.want {
		return fmt.Sprintf("%s, want %s: %s", o.got, o.want, o.drill.Reason)
	}
	for _, text := range o.says {
		if !strings.Contains(o.drill.Reason, text) {
			return fmt.Sprintf("%s for another reason: it does not say %q: %s", o.got, text, o.drill.Reason)
		}
	}
	return ""
}

// tries is how often a drill that decided nothing is made again: a busy machine
// is no finding.
const tries = 3

// broken proves each of the systems that are broken.
func (s *site) broken(ctx context.Context, a asked) ([]outcome, error) {
	var all []outcome
	for _, b := range systems() {
		if !a.asks("broken") && !a.asks(b.name) {
			continue
		}
		dir, err := s.folder("broken-"+strings.ReplaceAll(b.name, " ", "-"), b.file)
		if err != nil {
			return all, err
		}
		o := outcome{name: b.name, what: b.what, want: holdfast.Fail, says: b.says}
		for range tries {
			if err := s.decide(ctx, dir, b.drill, &o); err != nil {
				return all, err
			}
			if o.got != holdfast.Invalid {
				break
			}
		}
		fmt.Printf("%-28s %s  %s\n", b.name, o.got, o.drill.Reason)
		all = append(all, o)
	}
	return all, nil
}

// decide makes one drill and takes its verdict.
func (s *site) decide(ctx context.Context, dir, drill string, o *outcome, flags ...string) error {
	run, err := s.prove(ctx, dir, append(flags, drill)...)
	if err != nil {
		return err
	}
	o.got = run.Verdict
	o.drill = report.Drill{Reason: run.Reason}
	if i := slices.IndexFunc(run.Drills, func(d report.Drill) bool { return d.Verdict == run.Verdict }); i >= 0 {
		o.drill = run.Drills[i]
	}
	return nil
}
