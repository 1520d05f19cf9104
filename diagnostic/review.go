package diagnostic

import (
	"slices"
	"time"
)

// A Review is what a reader of a kind of file has to say of it.
type Review struct {
	Problems []Problem // in the order of the text
	Accepted []Acceptance
	Summary  []string // what there is, a line each: "4 services, 1 of them published"
	Unknown  []string // what cannot be known from such a file, a line each, so that nobody takes silence for praise
}

// Usable says that the file was understood, so that everything was looked for:
// what it does not say is missing is there. A file that is not understood has an
// error of reading.
func (r Review) Usable() bool {
	return !slices.ContainsFunc(r.Problems, func(p Problem) bool { return p.Severity == Error && p.Code.ofReading() })
}

// An Acceptance is a person's word that a problem may stay until a day: signed by
// its owner, with a reason, never for ever.
type Acceptance struct {
	Code   Code      `json:"code"`
	Of     string    `json:"of,omitempty"` // Problem.Of of what it accepts
	Owner  string    `json:"owner"`
	Reason string    `json:"reason"`
	Until  time.Time `json:"until"` // the last day on which it holds, UTC
	File   string    `json:"file"`
	Place  Place     `json:"place"` // of the acceptance itself
}
