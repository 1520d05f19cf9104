// Package mode is the catalogue of the ways in which things fail: one file per
// kind of failure, each saying how it is noticed, what mends it, which fault
// makes it true on purpose, and within which bounds all of this has to happen.
//
// Adding a kind of failure means one file here, and beside it its evidence in
// detect, its remedy in decide, its fault in fault, its play in
// control/testdata and its page in docs/modes. A test walks the catalogue and
// fails when one of them is missing.
package mode

import "holdfast"

// A Mode is a kind of failure before it is bound to a target.
type Mode struct {
	Kind     holdfast.Kind
	Title    string // "a replica's process ends", for pages and explanations
	Evidence []holdfast.Evidence
	Remedies []holdfast.Remedy
	Fault    holdfast.FaultName
	Bounds   holdfast.Bounds
	// Fits says whether a service can fail in this way and be drilled for it.
	Fits func(holdfast.Service) bool
}

// Catalogue lists every kind of failure, in the order in which they are shown.
func Catalogue() []Mode {
	return []Mode{Crash()}
}

// Find looks a kind up.
func Find(kind holdfast.Kind) (Mode, bool) {
	for _, m := range Catalogue() {
		if m.Kind == kind {
			return m, true
		}
	}
	return Mode{}, false
}

// Of is the failure mode of one service by the catalogue's defaults, before the
// file overrides anything.
func (m Mode) Of(service holdfast.Service) holdfast.FailureMode {
	target := holdfast.Target{Service: service.Name}
	return holdfast.FailureMode{
		Name:       holdfast.NameOf(target, m.Kind),
		Strikes:    target,
		Kind:       m.Kind,
		Owner:      service.Owner,
		DetectedBy: m.Evidence,
		Remedies:   m.Remedies,
		Drills:     []holdfast.Drill{{Fault: m.Fault}},
		Bounds:     m.Bounds,
	}
}
