package fault_test

import (
	"slices"
	"testing"

	"holdfast/fault"
	"holdfast/mode"
)

// A fault that nobody described could be made and not be explained.
func TestEveryFaultIsDescribed(t *testing.T) {
	layers := []fault.Layer{fault.KernelLease, fault.KernelLifetime, fault.ByWarden, fault.BySweep}
	for _, f := range fault.All() {
		d := fault.Describe(f.Name())
		if d.Does == "" || d.Witness == "" || d.Undo == "" || !slices.Contains(layers, d.Layer) {
			t.Errorf("fault/describe.go does not say all of %q: %+v", f.Name(), d)
		}
	}
	if fault.Describe("wished") != (fault.Description{}) {
		t.Error("a fault that does not exist is described")
	}
}

// TestEveryFaultIsOfUse: each makes some mode true, by default or where it is
// asked for, or is the file's own.
func TestEveryFaultIsOfUse(t *testing.T) {
	for _, f := range fault.All() {
		of := func(m mode.Mode) bool { return slices.Contains(m.Faults(), f.Name()) }
		if f.Name() != "hook" && !slices.ContainsFunc(mode.Catalogue(), of) {
			t.Errorf("no mode of the catalogue is drilled by %q", f.Name())
		}
	}
}

func TestWhatCannotBeMadeSaysWhy(t *testing.T) {
	if why, next := fault.Possible("wished"); why == "" || next == "" {
		t.Errorf("a fault that does not exist is possible: %q, %q", why, next)
	}
	if why, next := fault.Possible("kill"); why != "" || next != "" {
		t.Errorf("kill is possible everywhere, and is said not to be: %q, %q", why, next)
	}
}
