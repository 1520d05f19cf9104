package main

import (
	"slices"
	"strings"
	"testing"

	"holdfast"
	"holdfast/mode"
)

func drillsOf(modes []holdfast.FailureMode) []string {
	var names []string
	for _, m := range modes {
		for _, d := range m.Drills {
			names = append(names, string(m.Kind)+" by "+string(d.Fault))
		}
	}
	return names
}

func TestWhatModesAreDrilledBy(t *testing.T) {
	service := holdfast.Service{Name: "catalog", Manage: holdfast.Full, Protocol: holdfast.HTTP}
	hooked := mode.Hang().Of(service)
	hooked.Drills = []holdfast.Drill{{Fault: holdfast.FaultHook, Hook: &holdfast.Hook{Break: "a", Mend: "b"}}}
	modes := []holdfast.FailureMode{mode.Errors().Of(service), mode.Slow().Of(service), hooked}
	for what, c := range map[string]struct {
		faults faults
		holds  []string
		lacks  []string
		err    string
	}{
		"by what the file says": {faults{}, []string{"errors by fail", "slow by delay", "hang by hook"}, []string{"errors by reset"}, ""},
		"by every fault":        {faults{every: true}, []string{"errors by fail", "errors by halve", "errors by reset", "slow by delay", "hang by hook"}, []string{"hang by stop"}, ""},
		"by one":                {faults{only: "reset"}, []string{"errors by reset"}, []string{"errors by fail", "slow by delay", "hang by hook"}, ""},
		"by one of no mode":     {faults{only: "kill"}, nil, nil, "makes none of these modes true"},
		"by one of nobody":      {faults{only: "boredom"}, nil, nil, "there is no such fault\n  next: one of "},
	} {
		drilled, err := c.faults.of(modes)
		got := drillsOf(drilled)
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s: %v", what, err)
			}
			continue
		}
		for _, want := range c.holds {
			if !slices.Contains(got, want) {
				t.Errorf("%s: %q lack %q", what, got, want)
			}
		}
		for _, not := range c.lacks {
			if slices.Contains(got, not) {
				t.Errorf("%s: %q have %q", what, got, not)
			}
		}
	}
	if len(modes[0].Drills) != 1 {
		t.Errorf("the file's own modes were changed: %+v", modes[0].Drills)
	}
}
