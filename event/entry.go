// Package event is the closed set of what can be written down: every entry of
// the journal, with its identity, its time, its cause and its one textual form.
package event

import (
	"strconv"
	"time"
)

// A Writer names who appends: one journal segment has one writer.
type Writer string

// An ID names an entry for ever.
type ID struct {
	Writer Writer `json:"w"`
	Seq    uint64 `json:"s"` // from 1, without gaps within a writer
}

// IsZero says that there is no such entry: an entry nothing caused.
func (id ID) IsZero() bool { return id == ID{} }

// String is "agent:12", or "-" for no entry.
func (id ID) String() string {
	if id.IsZero() {
		return "-"
	}
	return string(id.Writer) + ":" + strconv.FormatUint(id.Seq, 10)
}

// At is an instant by both clocks. Boot counts from the machine's boot, sleep
// included, never jumps, and is what durations are taken from; Wall is for
// people. Boots of different machines or different BootIDs do not compare.
type At struct {
	Wall   time.Time     `json:"wall"`
	Boot   time.Duration `json:"boot"`
	BootID string        `json:"boot_id,omitempty"`
}

// Sub is the time from an earlier instant of the same boot to this one.
func (a At) Sub(earlier At) time.Duration { return a.Boot - earlier.Boot }

// A Body is what happened, as a struct named in the past tense. The set is
// closed (see kinds): an entry of an unknown kind cannot be read.
type Body interface{ Kind() string }

// An Entry is one thing that happened. Cause is the entry without which this
// one would not be; from chains of causes come the times of a failure and the
// story an incident tells.
type Entry struct {
	ID    ID
	At    At
	Cause ID
	Drill bool // a live drill was under way of what it is about
	Body  Body
}

// DrillWord is the first word of what a live drill makes somebody hear.
const DrillWord = "DRILL"

// Text is the entry's one textual form: that of its body, and in front of it, where
// somebody may be woken by it, that it is a drill.
func (e Entry) Text() string {
	if e.Drill {
		return DrillWord + " " + Text(e.Body)
	}
	return Text(e.Body)
}

// A Frame is the unit that is recorded: an input and everything it caused, in
// order. Entries[0] is the input, unless only time passed: then Input is false
// and all entries were caused by a deadline.
type Frame struct {
	At      At      `json:"at"`
	Input   bool    `json:"input"`
	Entries []Entry `json:"entries"`
}
