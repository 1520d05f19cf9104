// Package report shows what a proof found: as a table in a terminal and as one
// JSON document. It computes nothing that is not in the result.
package report

import (
	"holdfast"
)

// A Run is one proof: a control run and the drills after it. Its JSON form is
// the output of prove --json; version 0 means that keys may still be added or
// renamed.
type Run struct {
	Version int                 `json:"version"`
	System  holdfast.SystemName `json:"system"`
	Verdict holdfast.Verdict    `json:"verdict"`
	Seed    uint64              `json:"seed"`
	Control Control             `json:"control"`
	Drills  []Drill             `json:"drills"`
	Reason  string              `json:"reason,omitempty"` // why there is no better verdict, where no drill says it
}

// A Control is the same load without any fault.
type Control struct {
	Sent   int     `json:"sent"`
	Failed int     `json:"failed"`
	Late   int     `json:"late"`
	Rate   float64 `json:"rate"` // requests per second, lowered to what the copy bears
	P99    float64 `json:"p99_ms"`
}

// A Drill is one failure mode exercised once. A time that was never reached is
// nil.
type Drill struct {
	Mode      holdfast.ModeName    `json:"mode"`
	Kind      holdfast.Kind        `json:"kind"`
	Strikes   holdfast.ReplicaName `json:"strikes"`
	Owner     holdfast.OwnerName   `json:"owner"`
	Verdict   holdfast.Verdict     `json:"verdict"`
	Witness   string               `json:"witness"`
	Detect    *Millis              `json:"detect_ms"`
	Eject     *Millis              `json:"eject_ms"` // injection to the gateway's first ejection of the struck replica
	Mitigate  *Millis              `json:"mitigate_ms"`
	Restore   *Millis              `json:"restore_ms"`
	Bounds    Bounds               `json:"bounds"`
	Sent      int                  `json:"sent"` // requests that needed the target during the fault; see Contained
	Failed    int                  `json:"failed"`
	Late      int                  `json:"late"`
	Impact    holdfast.Share       `json:"impact"`
	Below     holdfast.Share       `json:"impact_below_95"`
	Remedies  []string             `json:"remedies"` // that were carried out
	Withheld  []string             `json:"withheld"` // guardrails that forbade one
	Escalated bool                 `json:"escalated"`
	Degraded  int                  `json:"degraded"`     // of those sent, answered by a fallback
	From      string               `json:"restore_from"` // what the time to restore counts from: "injection", or "undo" where only we could end the fault
	Contained *Contained           `json:"contained,omitempty"`
	Reason    string               `json:"reason"`
	Evidence  []string             `json:"evidence,omitempty"` // the lines of the timeline that the reason rests on
}

// Contained is what users saw who needed a dependency that was lost, which no
// fallback covers: they cannot be served, and are told so soon. Sent and what
// follows from it in the Drill are then the requests that did not need it.
type Contained struct {
	Sent     int    `json:"sent"`
	Failed   int    `json:"failed"`
	Slowest  Millis `json:"slowest_ms"`
	Allowed  Millis `json:"allowed_ms"` // the edge's timeout, and half a second for the way
	UnderWay int    `json:"under_way"`  // at most at once
	Bound    int    `json:"under_way_bound"`
}

// Millis is a time in milliseconds, to a tenth.
type Millis float64

// Bounds are a mode's bounds in the units of a Drill.
type Bounds struct {
	Detect   Millis         `json:"detect_ms"`
	Mitigate Millis         `json:"mitigate_ms"`
	Restore  Millis         `json:"restore_ms"`
	Impact   holdfast.Share `json:"impact"`
}

// Worst is the verdict of several: ABORTED, then FAIL, INVALID, SKIP, PASS. Of
// none it is SKIP: nothing was drilled.
func Worst(verdicts []holdfast.Verdict) holdfast.Verdict {
	if len(verdicts) == 0 {
		return holdfast.Skip
	}
	worst := holdfast.Pass
	for _, verdict := range verdicts {
		if gravity(verdict) > gravity(worst) {
			worst = verdict
		}
	}
	return worst
}

func gravity(verdict holdfast.Verdict) int {
	switch verdict {
	case holdfast.Aborted:
		return 4
	case holdfast.Fail:
		return 3
	case holdfast.Invalid:
		return 2
	case holdfast.Skip:
		return 1
	default:
		return 0
	}
}
