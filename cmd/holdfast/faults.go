package main

import (
	"fmt"
	"slices"
	"strings"

	"holdfast"
	"holdfast/fault"
	"holdfast/mode"
	"holdfast/report"
)

// Faults are what modes are drilled by, where that is not what the file says.
type faults struct {
	every bool               // also by each variant that fits
	only  holdfast.FaultName // by this one and no other; empty: by the file's
}

// of gives each mode its drills. With one fault named, modes that it does not make
// true are left out, unless that is all of them.
func (f faults) of(modes []holdfast.FailureMode) ([]holdfast.FailureMode, error) {
	if f.only != "" {
		if f.every {
			return nil, fmt.Errorf("--every-fault and --fault %s contradict each other\n  next: leave one of them out", f.only)
		}
		if _, exists := fault.Find(f.only); !exists || f.only == holdfast.FaultHook {
			return nil, fmt.Errorf("--fault %s: there is no such fault\n  next: one of %s", f.only, listed(makers(modes)))
		}
	}
	var drilled []holdfast.FailureMode
	for _, m := range modes {
		if m.Drills = f.drills(m); len(m.Drills) > 0 {
			drilled = append(drilled, m)
		}
	}
	if len(drilled) == 0 {
		return nil, fmt.Errorf("--fault %s makes none of these modes true\n  next: one of %s", f.only, listed(makers(modes)))
	}
	return drilled, nil
}

// drills are those of one mode. What the file breaks by commands of its own no
// fault of ours is known to reach, so there a hook is never joined by another.
func (f faults) drills(m holdfast.FailureMode) []holdfast.Drill {
	drills := slices.Clone(m.Drills)
	if f.every || f.only != "" {
		for _, name := range variants(m) {
			if !slices.ContainsFunc(drills, func(d holdfast.Drill) bool { return d.Fault == name }) {
				drills = append(drills, holdfast.Drill{Fault: name})
			}
		}
	}
	if f.only != "" {
		drills = slices.DeleteFunc(drills, func(d holdfast.Drill) bool { return d.Fault != f.only })
	}
	return drills
}

// titled names the fault beside the mode where the mode is not drilled by its
// default alone. It is for people: what is kept names both anyway.
func titled(d report.Drill, modes []holdfast.FailureMode) report.Drill {
	i := slices.IndexFunc(modes, func(m holdfast.FailureMode) bool { return m.Name == d.Mode })
	if i >= 0 && (len(modes[i].Drills) > 1 || len(variants(modes[i])) > 0 && variants(modes[i])[0] != d.Fault) {
		d.Mode = holdfast.ModeName(fmt.Sprintf("%s by %s", d.Mode, d.Fault))
	}
	return d
}

// widest is the longest title of the drills of some modes.
func widest(modes []holdfast.FailureMode) int {
	width := 0
	for _, m := range modes {
		for _, by := range m.Drills {
			width = max(width, len(titled(report.Drill{Mode: m.Name, Fault: by.Fault}, modes).Mode))
		}
	}
	return width
}

// variants are all faults of the catalogue that make a mode true.
func variants(m holdfast.FailureMode) []holdfast.FaultName {
	if slices.ContainsFunc(m.Drills, func(d holdfast.Drill) bool { return d.Hook != nil }) {
		return nil
	}
	of, ok := mode.Find(m.Kind)
	if !ok {
		of, _ = mode.FindOwn(m.Kind)
	}
	return of.Faults()
}

// makers are the faults that make some modes true, in the order of package fault.
func makers(modes []holdfast.FailureMode) []holdfast.FaultName {
	var names []holdfast.FaultName
	for _, f := range fault.All() {
		makes := func(m holdfast.FailureMode) bool { return slices.Contains(variants(m), f.Name()) }
		if slices.ContainsFunc(modes, makes) {
			names = append(names, f.Name())
		}
	}
	return names
}

func listed(names []holdfast.FaultName) string {
	var all []string
	for _, name := range names {
		all = append(all, string(name))
	}
	return strings.Join(all, ", ")
}
