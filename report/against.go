package report

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"holdfast"
)

// An Against is what changed in behaviour from an earlier run to this one.
// Package compare makes it; how it is shown stands here, and it is part of a
// run's document.
type Against struct {
	Name     string           `json:"name"` // of the earlier run, as a person asked for it: "main", "latest"
	ID       RunID            `json:"id,omitempty"`
	At       time.Time        `json:"at,omitzero"`
	Verdict  holdfast.Verdict `json:"verdict"`
	Deltas   []Delta          `json:"deltas"`             // of every mode of either run, those that matter most first
	Cautions []string         `json:"cautions,omitempty"` // what to know before believing them
}

// A Delta is what became of one failure mode, broken by one fault.
type Delta struct {
	Mode    holdfast.ModeName  `json:"mode"`
	Fault   holdfast.FaultName `json:"fault,omitempty"`
	Owner   holdfast.OwnerName `json:"owner,omitempty"`
	What    What               `json:"what"`
	Broken  bool               `json:"broken,omitempty"` // a bound is broken, and the earlier run does not show that it was
	Before  *Side              `json:"before,omitempty"` // nil: it was not drilled
	After   *Side              `json:"after,omitempty"`
	Shifts  []Shift            `json:"shifts,omitempty"`  // figures that moved beyond noise, in the order of a drill
	Because string             `json:"because,omitempty"` // the step that grew most: "getting ready now takes 11.8s (was 300ms)"
	Users   string             `json:"users,omitempty"`   // what they saw that they did not see before
	Why     string             `json:"why,omitempty"`     // it cannot be compared
	Notes   []string           `json:"notes,omitempty"`
}

// What says in a word how a mode behaves now.
type What string

// The words, those that matter most first.
const (
	Worse    What = "worse"
	Unknown  What = "not comparable"
	Better   What = "better"
	Appeared What = "new"
	Vanished What = "gone"
	Same     What = "same"
)

// A Side is a mode's drills in one run.
type Side struct {
	Drills  int              `json:"drills"`
	Counted int              `json:"counted"` // of those, the ones that decided something: PASS or FAIL
	Verdict holdfast.Verdict `json:"verdict"` // the worst
}

// A Figure is one thing that is measured of a drill.
type Figure string

// The figures, in the order of a drill. FigureVerdict stands for a drill that
// fails by none of the others, FigureCalls for whether a person was called.
const (
	FigureDetect   Figure = "detect"
	FigureMitigate Figure = "mitigate"
	FigureRestore  Figure = "restore"
	FigureHurt     Figure = "hurt"
	FigureSlowest  Figure = "slowest" // answer to those who could not be served
	FigureCalls    Figure = "calls"
	FigureVerdict  Figure = "verdict"
)

// A Shift is a figure that moved.
type Shift struct {
	Figure Figure `json:"figure"`
	Before Read   `json:"before"`
	After  Read   `json:"after"`
	Worse  bool   `json:"worse"`
	Broken bool   `json:"broken,omitempty"` // it is beyond its bound now, and was within in every earlier drill
	Sure   string `json:"sure"`             // why this is no noise
}

// A Read is a figure as it was read: of several drills the one in the middle.
// Took is nil for what was never reached, and for what is no time.
type Read struct {
	Text  string  `json:"text"` // as a person says it: "12.4s", "61 of 388", "never"
	Took  *Millis `json:"took_ms,omitempty"`
	Hurt  int     `json:"hurt,omitempty"` // of all drills together
	Of    int     `json:"of,omitempty"`
	Bound string  `json:"bound,omitempty"` // "≤15s", ">15s"
}

// A Toll is how many requests were hurt of those that asked for one thing.
type Toll struct {
	Method string `json:"method"`
	Route  string `json:"route"`
	Failed int    `json:"failed,omitempty"`
	Late   int    `json:"late,omitempty"`
}

// Hurt is how many they are.
func (t Toll) Hurt() int { return t.Failed + t.Late }

// Words are a step as a person says it, so that "… now takes 11.8s" can follow.
func (s StepName) Words() string {
	switch s {
	case StepNotice:
		return "noticing it"
	case StepDecide:
		return "deciding on a remedy"
	case StepEnd:
		return "ending the old process"
	case StepStart:
		return "starting a new process"
	case StepReady:
		return "getting ready"
	case StepSettle:
		return "the way until users were whole"
	case StepReturn:
		return "coming back into use"
	default:
		return string(s)
	}
}

// String is a request that was hurt in a line: what was asked, and what came.
func (h Hurt) String() string {
	text := h.Method + " " + h.Route
	if h.Status != 0 {
		text += fmt.Sprintf(" %d", h.Status)
	}
	if said := strings.TrimSpace(cmp.Or(h.Error, h.Body)); said != "" {
		text += " " + said
	}
	if h.Error == "" && (h.Status == 0 || h.Status < 500) {
		text += " after " + Short(h.Took)
	}
	return text
}
