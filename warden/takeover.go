package warden

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// takeOver does a dead warden's work.
func (w *Warden) takeOver(ctx context.Context, grace time.Duration, final bool) Forced {
	w.mu.Lock()
	entries := slices.Clone(w.entries)
	left := remains{keep: w.copy.Keep, keeper: w.keeper}
	why := fmt.Sprint(w.why)
	w.mu.Unlock()
	book, err := openLedger(w.ledger)
	if err != nil {
		return w.withoutLedger(ctx, entries, left, grace, err)
	}
	defer book.close()
	if book.settled() {
		return Forced{}
	}
	work := restoration{
		book:    book,
		faults:  w.faults,
		remains: left,
		grace:   grace,
		by:      byProve,
		why:     why,
		final:   func() bool { return final },
	}
	return work.perform(ctx, func() {})
}

// withoutLedger undoes from memory: somebody took the ledger away, or the disk
// is gone. What is broken is put back all the same, unrecorded and said so.
func (w *Warden) withoutLedger(ctx context.Context, entries []Entry, left remains, grace time.Duration, why error) Forced {
	forced := Forced{Left: []string{"not recorded as put back: " + why.Error()}}
	limited, cancel := context.WithTimeout(context.Background(), undoing(entries))
	defer cancel()
	for _, entry := range slices.Backward(entries) {
		if err := undoEntry(limited, w.faults, entry); err != nil {
			forced.Left = append(forced.Left, fmt.Sprintf("undo %s: %v", entry, err))
			continue
		}
		forced.Undone = append(forced.Undone, entry)
	}
	var survivors []string
	forced.Killed, survivors = left.end(ctx, grace)
	forced.Left = append(forced.Left, survivors...)
	return forced
}

// merge adds to what had to be forced, each thing once. What is left is what
// the latest says: it has looked at everything anew.
func (w *Warden) merge(more Forced) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, entry := range more.Undone {
		if !slices.ContainsFunc(w.forced.Undone, func(e Entry) bool { return e.ID == entry.ID }) {
			w.forced.Undone = append(w.forced.Undone, entry)
		}
	}
	w.forced.Killed = append(w.forced.Killed, more.Killed...)
	w.forced.Left = more.Left
}
