// Package proof keeps verdicts, and says what each was made on.
//
// A remedy that would end a living process is armed by the drill that showed it
// to be right. What the drill showed holds for what was drilled: the mode's part
// of the file, the programs, and whatever else they read. A digest over these is
// the basis of a verdict, and a verdict counts while its basis is still the one
// in force and for 30 days at most, which the mind decides.
package proof

import (
	"time"

	"holdfast"
)

// A Kept is one drill's verdict as it is kept. Times that were never reached are
// nil.
type Kept struct {
	Mode     holdfast.ModeName `json:"mode"`
	Basis    holdfast.Digest   `json:"basis"`
	Verdict  holdfast.Verdict  `json:"verdict"`
	At       time.Time         `json:"at"` // when the drill ended, by the wall clock
	Detect   *time.Duration    `json:"detect"`
	Mitigate *time.Duration    `json:"mitigate"`
	Restore  *time.Duration    `json:"restore"`
	Sent     int               `json:"sent"` // requests that needed the target during the fault
	Hurt     int               `json:"hurt"` // of those, failed or late
	Witness  string            `json:"witness,omitempty"`
	Reason   string            `json:"reason,omitempty"` // unless it is PASS
}

// Says tells whether a verdict says anything about its mode. INVALID, ABORTED
// and SKIP do not, and take nothing back.
func (k Kept) Says() bool { return k.Verdict == holdfast.Pass || k.Verdict == holdfast.Fail }

// Newest is, of each mode, the last verdict that says something.
func Newest(kept []Kept) map[holdfast.ModeName]Kept {
	newest := map[holdfast.ModeName]Kept{}
	for _, k := range kept {
		if k.Says() {
			newest[k.Mode] = k
		}
	}
	return newest
}
