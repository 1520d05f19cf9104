// Package ready says how far a system is from being ready to fail: per failure mode
// a ladder, per service the lowest of its modes, and the lowest of all for the
// system. Nothing is ticked by hand. What people say is so is shown apart, until the
// day to which they say it.
//
//	declared ─ owned ─ detected ─ remediated ─ escalatable ─ drilled ─ fresh
//
// A mode stands on the highest rung below which none is missing: a drill that
// passed is worth less where nobody owns what it drilled.
package ready

import (
	"slices"

	"holdfast"
)

// A Rung is how far something has come; the zero value is nowhere.
type Rung int

// The rungs, lowest first.
const (
	Undeclared  Rung = iota // nothing is said of how it fails
	Declared                // the file has the mode
	Owned                   // somebody answers for it
	Detected                // something notices it
	Remediated              // something mends it, or a person knows how
	Escalatable             // two people are reached, through two providers, at all times
	Drilled                 // its last drill passed
	Fresh                   // on what there is now, and lately
)

func words() []string {
	return []string{"undeclared", "declared", "owned", "detected", "remediated", "escalatable", "drilled", "fresh"}
}

// Rungs are all there are to climb, lowest first.
func Rungs() []Rung {
	return []Rung{Declared, Owned, Detected, Remediated, Escalatable, Drilled, Fresh}
}

func (r Rung) String() string { return words()[r] }

// MarshalText writes the word of a rung.
func (r Rung) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (r *Rung) UnmarshalText(text []byte) error {
	one, known := RungOf(string(text))
	if !known {
		return holdfast.Refusal("there is no such rung")
	}
	*r = one
	return nil
}

// RungOf is the rung of a word.
func RungOf(word string) (Rung, bool) {
	i := slices.Index(words(), word)
	return Rung(max(i, 0)), i >= 0
}

// A Lack is a rung that is missing: why, and what to do about it.
type Lack struct {
	Rung Rung   `json:"rung"`
	Why  string `json:"why"`
	Next string `json:"next"`
}

// stands is the highest rung below which none is missing.
func stands(lacks []Lack) Rung {
	for _, r := range Rungs() {
		if slices.ContainsFunc(lacks, func(l Lack) bool { return l.Rung == r }) {
			return r - 1
		}
	}
	return Fresh
}
