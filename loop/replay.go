package loop

import (
	"bytes"
	"encoding/json"
	"fmt"

	"holdfast/control"
	"holdfast/event"
)

// Recall is the mind as the record left it: the last snapshot, and what happened
// after it played again. When another version of Holdfast recorded it, this one
// may come to other conclusions; then the first departure is returned beside
// the mind, which stands by its own.
func Recall(writer event.Writer, snapshot []byte, frames []event.Frame, last uint64) (*control.Mind, error) {
	replay := Replay{mind: control.New(writer)}
	if snapshot != nil {
		restored, err := control.Restore(snapshot)
		if err != nil {
			return nil, err
		}
		replay.mind = restored
	}
	var departure error
	for _, frame := range frames {
		if err := replay.Frame(frame); err != nil && departure == nil {
			departure = err
		}
	}
	replay.mind.Skip(last)
	return replay.mind, departure
}

// A Replay feeds recorded frames through a mind of its own and holds what it
// says against what was recorded. The zero Replay needs a snapshot before its
// first frame.
type Replay struct {
	Frames  int // replayed
	Entries int
	mind    *control.Mind
}

// Snapshot takes a recorded snapshot of a mind. The first one is where the
// replay begins; at later ones the replayed mind must stand where the recorded
// one stood.
func (r *Replay) Snapshot(mind []byte) error {
	if r.mind == nil {
		restored, err := control.Restore(mind)
		r.mind = restored
		return err
	}
	recorded, err := control.Restore(mind)
	if err != nil {
		return err
	}
	if recorded.Seq() != r.mind.Seq() {
		return fmt.Errorf("the recorded mind had said %d entries here, the replayed one %d", recorded.Seq(), r.mind.Seq())
	}
	return nil
}

// Frame replays one frame. It returns a Difference when the mind now says
// something else than it said then.
func (r *Replay) Frame(frame event.Frame) error {
	if r.mind == nil {
		return fmt.Errorf("a frame before any snapshot: nothing to replay it on")
	}
	var in event.Body
	if frame.Input {
		in = frame.Entries[0].Body
	}
	said := r.mind.Step(frame.At, in)
	r.Frames++
	r.Entries += len(said)
	for i := range max(len(said), len(frame.Entries)) {
		then, now := nth(frame.Entries, i), nth(said, i)
		if !bytes.Equal(then, now) {
			return Difference{Then: string(then), Now: string(now)}
		}
	}
	return nil
}

// A Difference is the first entry in which a replay departs from the record.
type Difference struct{ Then, Now string } // as stored; empty where there is none

func (d Difference) Error() string {
	return fmt.Sprintf("the replay departs from the record\n  then: %s\n  now:  %s", d.Then, d.Now)
}

// nth is an entry as it is stored, which is what a replay has to reproduce.
func nth(entries []event.Entry, i int) []byte {
	if i >= len(entries) {
		return nil
	}
	text, err := json.Marshal(entries[i])
	if err != nil {
		panic("loop: an entry that was read cannot be written: " + err.Error())
	}
	return text
}
