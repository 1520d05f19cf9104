// Package proof keeps verdicts, and says what each was made on.
//
// A remedy that would end a living process is armed by the drill that showed it
// to be right. What the drill showed holds for what was drilled: the mode's part
// of the file, the programs, and whatever else they read. A digest over these is
// the basis of a verdict, and a verdict counts while its basis is still the one
// in force and for 30 days at most, which the mind decides.
package proof

import (
	"slices"
	"time"

	"holdfast"
)

// A Kept is one drill's verdict as it is kept. Times that were never reached are
// nil.
type Kept struct {
	Mode     holdfast.ModeName  `json:"mode"`
	Fault    holdfast.FaultName `json:"fault,omitempty"` // what broke it
	Basis    holdfast.Digest    `json:"basis"`
	Verdict  holdfast.Verdict   `json:"verdict"`
	At       time.Time          `json:"at"` // when the drill ended, by the wall clock
	Detect   *time.Duration     `json:"detect"`
	Mitigate *time.Duration     `json:"mitigate"`
	Restore  *time.Duration     `json:"restore"`
	Sent     int                `json:"sent"` // requests that needed the target during the fault
	Hurt     int                `json:"hurt"` // of those, failed or late
	Witness  string             `json:"witness,omitempty"`
	Reason   string             `json:"reason,omitempty"` // unless it is PASS
}

// Says tells whether a verdict says anything about its mode. INVALID, ABORTED
// and SKIP do not, and take nothing back.
func (k Kept) Says() bool { return k.Verdict == holdfast.Pass || k.Verdict == holdfast.Fail }

// Newest is what the kept verdicts say of each mode together: every drill that the
// mode declares counts with its newest verdict that says something.
//
// One that failed stands until the same drill passes: no other's PASS hides it.
// That of a mode that passed is as old as the oldest of its drills', and there is
// none unless all of them passed on the same basis, and it is the newest: what was
// shown in part, or of several states of things, was not shown.
func Newest(kept []Kept, modes []holdfast.FailureMode) map[holdfast.ModeName]Kept {
	newest := map[holdfast.ModeName]Kept{}
	last := latest(kept)
	for _, mode := range modes {
		var said []Kept
		for i, drill := range mode.Drills {
			k, known := last[exercised{mode.Name, drill.Fault}]
			if !known && i == 0 {
				k, known = last[exercised{mode.Name, ""}] // kept when a mode had one drill
			}
			if known {
				said = append(said, k)
			}
		}
		if k, ok := together(said, len(mode.Drills)); ok {
			newest[mode.Name] = k
		}
	}
	return newest
}

// An exercised is a mode with the fault it was drilled by.
type exercised struct {
	mode  holdfast.ModeName
	fault holdfast.FaultName
}

// latest is the last verdict of each drill that says something.
func latest(kept []Kept) map[exercised]Kept {
	last := map[exercised]Kept{}
	for _, k := range kept {
		if k.Says() {
			last[exercised{k.Mode, k.Fault}] = k
		}
	}
	return last
}

// together is what the verdicts of a mode's drills, of which there should be so
// many, come to.
func together(said []Kept, drills int) (Kept, bool) {
	byAge := func(a, b Kept) int { return a.At.Compare(b.At) }
	failed := slices.DeleteFunc(slices.Clone(said), func(k Kept) bool { return k.Verdict == holdfast.Pass })
	switch {
	case len(failed) > 0:
		return slices.MaxFunc(failed, byAge), true
	case len(said) == 0 || len(said) < drills:
		return Kept{}, false
	}
	oldest := slices.MinFunc(said, byAge)
	other := func(k Kept) bool { return k.Basis != oldest.Basis }
	return oldest, !slices.ContainsFunc(said, other)
}
