package main

import (
	"context"
	"fmt"

	"holdfast"
)

// neutered drills every fault that there is, with each made to do nothing.
func (s *site) neutered(ctx context.Context) ([]outcome, error) {
	dir, err := s.folder("neutered", correctFile)
	if err != nil {
		return nil, err
	}
	run, err := s.prove(ctx, dir, "--neuter", "--every-fault")
	if err != nil {
		return nil, err
	}
	var all []outcome
	for _, d := range run.Drills {
		o := outcome{
			name: string(d.Mode), what: string(d.Fault), want: holdfast.Invalid, got: d.Verdict,
			says: []string{"no witness"}, drill: d,
		}
		if d.Verdict == holdfast.Skip {
			o.want, o.says = holdfast.Skip, nil // it cannot be made here, and says so
		}
		fmt.Printf("%-28s %-12s %s  %s\n", o.name, o.what, o.got, d.Reason)
		all = append(all, o)
	}
	return all, nil
}
