// Package report shows what a proof found, and what changed since an earlier one:
// as text for a terminal, as one JSON document, as Markdown and annotations for a
// pull request, as JUnit's XML and as a page. It computes nothing that is not in
// the result.
package report

import (
	"time"

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
	ID      RunID               `json:"id,omitempty"`     // what it is kept under; empty where it is not
	At      time.Time           `json:"at,omitzero"`      // when it began
	Took    Millis              `json:"took_ms,omitempty"`
	Digest  holdfast.Digest     `json:"digest,omitempty"`  // of the file's text
	Against *Against            `json:"against,omitempty"` // where it was compared with an earlier one
	// OutsideHours says that somebody asked for live drills although the file's
	// hours for them were over.
	OutsideHours bool `json:"outside_hours,omitempty"`
}

// Verdicts are those of its drills.
func (r Run) Verdicts() []holdfast.Verdict {
	var all []holdfast.Verdict
	for _, drill := range r.Drills {
		all = append(all, drill.Verdict)
	}
	return all
}

// RunID names a kept run: the instant it began and four random letters, so that
// names sort by time: "20261127T013210-kqzv".
type RunID string

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
	Fault     holdfast.FaultName   `json:"fault,omitempty"` // what broke it
	Account
}

// An Account is what happened in a drill, beyond its figures.
type Account struct {
	Live     bool      `json:"live,omitempty"`     // it struck what runs in earnest
	Cost     Millis    `json:"cost_ms,omitempty"`  // what making it took, from its first request until all was put back
	Evidence []string  `json:"evidence,omitempty"` // the lines of the timeline that the reason rests on
	Marks    Marks     `json:"marks,omitzero"`
	Steps    []Step    `json:"steps,omitempty"`      // what the way to a whole system was spent on, in order
	First    *Hurt     `json:"first_hurt,omitempty"` // the first request that was hurt
	Tolls    []Toll    `json:"tolls,omitempty"`      // of the requests that were hurt, by what was asked, the most first
	Instead  []Instead `json:"instead,omitempty"`    // what was answered in the place of what was lost
	Waited   *Waited   `json:"waited,omitempty"`     // of requests that waited for a replica; nil: none did
	Help     []string  `json:"help,omitempty"`       // what would have helped, the best first
	Buckets  []Bucket  `json:"buckets,omitempty"`    // what users saw, in order; of those judged
	Walks    *Walks    `json:"walks,omitempty"`      // of a drill that follows users, one at a time, and has no load
	Timeline []Moment  `json:"timeline,omitempty"`   // the whole of it, causes before what they caused
}

// Instead is one kind of answer that was given in the place of a lost service's.
type Instead struct {
	How     string `json:"how"` // "stale", "fallback", or the name of the service that was asked
	Answers int    `json:"answers"`
	Oldest  Millis `json:"oldest_ms,omitempty"` // of copies, to a second
}

// Waited are requests that waited because there was no replica to send them to, as
// the gateway counted them; the times are of all that was asked straight of the
// service meanwhile, as the client saw them.
type Waited struct {
	Requests int    `json:"requests"`
	P99      Millis `json:"p99_ms"`
	Longest  Millis `json:"longest_ms"`
}

// Walks are what a drill saw that followed users from one replica to another, with
// a restart in between. Its Restore is the slowest of the restarts.
type Walks struct {
	Sessions int `json:"sessions"`
	Answers  int `json:"answers"` // compared with those of one replica
	Restarts int `json:"restarts"`
	Differ   int `json:"differ"`
}

// Marks are the instants of a drill, in milliseconds from the injection; nil is
// never.
type Marks struct {
	Began     *Millis `json:"began_ms,omitempty"` // the load; before 0
	Witnessed *Millis `json:"witnessed_ms,omitempty"`
	Detected  *Millis `json:"detected_ms,omitempty"`
	Mitigated *Millis `json:"mitigated_ms,omitempty"`
	Undone    *Millis `json:"undone_ms,omitempty"` // where we took the fault away
	Restored  *Millis `json:"restored_ms,omitempty"`
	Ended     *Millis `json:"ended_ms,omitempty"` // the watching
}

// A Step is one stretch of the way from the fault to a whole system. The steps of
// a drill that was restored add up to its time to restore.
type Step struct {
	Name StepName `json:"name"`
	What string   `json:"what"` // as a person says it: "from the start of cart-1#2 to its first good answer"
	Took Millis   `json:"took_ms"`
	Log  string   `json:"log,omitempty"` // of the longest step, the line that the replica printed beside its longest silence
}

// A StepName tells one stretch from another across runs.
type StepName string

// The steps, in the order in which they can follow each other.
const (
	StepNotice StepName = "notice" // until it was detected
	StepDecide StepName = "decide" // until a remedy was decided, back-off and guardrails included
	StepEnd    StepName = "end"    // until the old process was gone, where a remedy ended it
	StepStart  StepName = "start"  // until the new one was started
	StepReady  StepName = "ready"  // until its first good answer
	StepSettle StepName = "settle" // until users were whole, or every other replica was in use too
	StepReturn StepName = "return" // from our undo until it was in use again
)

// A Hurt is one request that failed or was late, as its user saw it.
type Hurt struct {
	At     Millis `json:"at_ms"` // when it was due, from the injection
	Method string `json:"method"`
	Route  string `json:"route"` // "storefront:8080/cart", "storefront/cart"
	Status int    `json:"status,omitempty"`
	Error  string `json:"error,omitempty"`
	Body   string `json:"body,omitempty"` // its beginning
	Took   Millis `json:"took_ms"`
}

// A Bucket is a tenth of a second of requests, by the instant they were due.
type Bucket struct {
	At       Millis `json:"at_ms"` // its beginning, from the injection
	Good     int    `json:"good,omitempty"`
	Degraded int    `json:"degraded,omitempty"`
	Failed   int    `json:"failed,omitempty"`
	Late     int    `json:"late,omitempty"`
	P50      Millis `json:"p50_ms,omitempty"`
	Max      Millis `json:"max_ms,omitempty"`
}

// A Moment is one line of a drill's timeline.
type Moment struct {
	At    Millis `json:"at_ms"` // from the injection
	Text  string `json:"text"`
	Cause int    `json:"cause,omitempty"` // the moment that caused it, counted from 1; 0: none of these
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
