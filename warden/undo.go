package warden

import (
	"context"
	"fmt"
	"slices"
	"time"

	"holdfast"
	"holdfast/internal/proc"
)

// Forced is what had to be put back because those whose work it was had not.
// Its zero value says that everything was in order.
type Forced struct {
	Undone []Entry  `json:"undone,omitempty"` // faults nobody had said to be undone
	Killed []string `json:"killed,omitempty"` // processes of the copy that did not end by themselves
	Left   []string `json:"left,omitempty"`   // what could not be put back, and why
}

// A restoration puts a run's faults back and ends its copy. It is the same act
// whoever performs it: the warden that lost somebody, prove that lost its
// warden, heal that finds neither.
type restoration struct {
	book    *ledger
	faults  []holdfast.Fault
	remains remains
	grace   time.Duration
	by      author
	why     string
	final   func() bool // asked at the end; see line.Final
}

// perform undoes first, because a process that was stopped cannot end by
// itself, then ends the copy, then tries again what could not be undone while
// the copy was in the way. ctx shortens the grace and nothing else: what is
// broken is put back in any case, within what puttingBack says.
func (r restoration) perform(ctx context.Context, release func()) Forced {
	var forced Forced
	final := r.final()
	forced.Undone, _ = r.undo(final)
	release()
	forced.Killed, forced.Left = r.remains.end(ctx, r.grace)
	again, failed := r.undo(final)
	forced.Undone = append(forced.Undone, again...)
	for _, err := range failed {
		forced.Left = append(forced.Left, err.Error())
	}
	if len(forced.Left) > 0 {
		return forced // no last line: the next heal finds work to do
	}
	if err := r.book.write(line{State: isEnded, By: r.by, Why: r.why, Final: final, Forced: &forced}); err != nil {
		forced.Left = append(forced.Left, err.Error())
	}
	return forced
}

// undo puts back every open entry, the last one first, since faults may lie on
// top of each other. An entry that is undone but cannot be recorded as such
// stays open, and is undone once more by whoever comes next.
func (r restoration) undo(final bool) (undone []Entry, failed []error) {
	open := r.book.open()
	ctx, cancel := context.WithTimeout(context.Background(), undoing(open))
	defer cancel()
	for _, entry := range slices.Backward(open) {
		if !final && r.done(entry.ID) {
			continue
		}
		err := undoEntry(ctx, r.faults, entry)
		if err == nil {
			err = r.book.write(line{State: isUndone, ID: entry.ID, By: r.by, Final: final})
		}
		if err != nil {
			failed = append(failed, fmt.Errorf("undo %s: %w", entry, err))
			continue
		}
		undone = append(undone, entry)
	}
	return undone, failed
}

// done says that an entry was undone, if not for good.
func (r restoration) done(id EntryID) bool {
	return slices.ContainsFunc(r.book.entries, func(e accounted) bool { return e.ID == id && e.state == isUndone })
}

func undoEntry(ctx context.Context, faults []holdfast.Fault, entry Entry) error {
	f, ok := find(faults, entry.Fault)
	if !ok {
		return fmt.Errorf("no fault of the name %q is known", entry.Fault)
	}
	if entry.Victim.Hook == nil {
		return f.Undo(ctx, entry.Victim)
	}
	// What a mend starts is the service itself. It must not become a child of the
	// warden, who ends all that are left to it with the copy.
	return proc.WithoutOrphans(func() error { return f.Undo(ctx, entry.Victim) })
}

func find(faults []holdfast.Fault, name holdfast.FaultName) (holdfast.Fault, bool) {
	i := slices.IndexFunc(faults, func(f holdfast.Fault) bool { return f.Name() == name })
	if i < 0 {
		return nil, false
	}
	return faults[i], true
}
