package warden

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"holdfast"
	"holdfast/internal/proc"
)

// keptLedgers is how many settled ledgers Heal leaves in place. More tell
// nothing: what a run did its verdicts say.
const keptLedgers = 50

// A Healed is what Heal found and did.
type Healed struct {
	Undone  []Entry  `json:"undone,omitempty"`
	Killed  []string `json:"killed,omitempty"`
	Swept   []string `json:"swept,omitempty"`   // traces of runs whose ledgers are gone; who knows faults fills it in
	Living  []string `json:"living,omitempty"`  // ledgers of runs that go on, left alone
	Damaged []string `json:"damaged,omitempty"` // lines that cannot be read; what they said nobody undoes
	Left    []string `json:"left,omitempty"`    // what could not be put back, and why
}

// Clean says that nothing had to be done and nothing is in doubt.
func (h Healed) Clean() bool {
	return len(h.Undone)+len(h.Killed)+len(h.Swept)+len(h.Damaged)+len(h.Left) == 0
}

// Heal puts back what runs left behind whose prove and warden are dead: it
// undoes every entry not undone and ends every process of their copies. It
// needs nothing but the ledgers in a directory and a look at /proc, may be
// called at any time, any number of times and by several processes at once,
// and touches nothing of a run whose prove lives. A warden that outlived its
// prove is given the lease to finish, and then ended. An error means that
// something could not be put back; Left or Damaged say what.
func Heal(ctx context.Context, ledgers string, faults []holdfast.Fault) (Healed, error) {
	var healed Healed
	found, err := readAll(ledgers)
	if err != nil {
		return healed, fmt.Errorf("heal: %w", err)
	}
	h := healing{faults: faults, keeps: livingKeeps(found), healed: &healed}
	var settled []string
	for _, l := range found {
		if err := h.heal(ctx, l); err != nil {
			healed.Left = append(healed.Left, fmt.Sprintf("%s: %v", l.path, err))
		} else if l.account.over() {
			settled = append(settled, l.path)
		}
	}
	prune(settled)
	if len(healed.Left)+len(healed.Damaged) > 0 {
		err = fmt.Errorf("heal: not everything is put back: %q", slices.Concat(healed.Left, healed.Damaged))
	}
	return healed, err
}

// A found is a ledger in the directory, as it was when it was read.
type found struct {
	path    string
	account *account
}

// readAll reads the ledgers of a directory, the oldest first. A directory that
// does not exist holds none.
func readAll(dir string) ([]found, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var all []found
	for _, entry := range entries {
		if !strings.HasSuffix(entry.Name(), Suffix) {
			continue
		}
		path := filepath.Join(dir, entry.Name())
		read, err := readAccount(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue // another heal pruned it
		}
		if err != nil {
			return nil, err
		}
		all = append(all, found{path: path, account: read})
	}
	slices.SortStableFunc(all, func(a, b found) int { return a.account.began.Compare(b.account.began) })
	return all, nil
}

// over says that there is nothing to do for a run, now or later.
func (a *account) over() bool {
	return a.settled() || a.rebooted() && len(a.open()) == 0
}

// livingKeeps are the marks of copies that belong to runs that go on: a state
// directory may have been used before, by a run that has to be healed.
func livingKeeps(all []found) []string {
	var keeps []string
	for _, l := range all {
		if !l.account.over() && l.account.goesOn() {
			keeps = append(keeps, l.account.place.Keep)
		}
	}
	return keeps
}

// A healing is one call of Heal.
type healing struct {
	faults []holdfast.Fault
	keeps  []string
	healed *Healed
}

func (h *healing) heal(ctx context.Context, l found) error {
	h.healed.Damaged = append(h.healed.Damaged, l.account.damaged...)
	switch {
	case l.account.run == nil:
		return nil // torn before the first line was whole: nothing was ever armed
	case l.account.over():
		return nil
	case l.account.goesOn():
		h.healed.Living = append(h.healed.Living, l.path)
		return nil
	}
	if err := outlive(ctx, l.account); err != nil {
		return err
	}
	book, err := h.open(ctx, l)
	if err != nil {
		return err
	}
	defer book.close()
	*l.account = *h.putBack(ctx, book)
	return nil
}

// putBack reads the account afresh: the warden, or another heal, may have
// finished the work while we waited.
func (h *healing) putBack(ctx context.Context, book *ledger) *account {
	if book.over() {
		return book.account
	}
	left := remains{keep: book.place.Keep, keeper: book.keeper}
	if slices.Contains(h.keeps, left.keep) {
		left.keep = ""
	}
	if book.rebooted() {
		left.keeper = Identity{}
	}
	work := restoration{
		book:    book,
		faults:  h.faults,
		remains: left,
		grace:   lostGrace, // a copy whose warden was just killed is ending by its lifeline
		by:      byHeal,
		why:     "prove and its warden were dead",
		final:   func() bool { return true },
	}
	forced := work.perform(ctx, func() {})
	h.healed.Undone = append(h.healed.Undone, forced.Undone...)
	h.healed.Killed = append(h.healed.Killed, forced.Killed...)
	h.healed.Left = append(h.healed.Left, forced.Left...)
	return book.account
}

// outlive waits for a warden that lost its prove to finish, and ends one that
// does not, or cannot because it is stopped.
func outlive(ctx context.Context, a *account) error {
	if a.rebooted() {
		return nil
	}
	warden := a.run.Warden
	handle, err := proc.Open(warden.Pid, warden.Ticks)
	if errors.Is(err, proc.ErrGone) {
		return nil
	}
	if err != nil {
		return err
	}
	defer handle.Close()
	if state, err := proc.State(warden.Pid); err != nil || state != "T" {
		waiting, cancel := context.WithTimeout(ctx, puttingBack(lostGrace, a.open())+time.Second)
		defer cancel()
		if handle.Wait(waiting) == nil {
			return nil
		}
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("wait for its warden (pid %d): %w", warden.Pid, err)
	}
	kill(warden)
	ending, cancel := context.WithTimeout(ctx, killTime)
	defer cancel()
	if err := handle.Wait(ending); err != nil {
		return fmt.Errorf("end its warden (pid %d): %w", warden.Pid, err)
	}
	return nil
}

// open takes a ledger over, waiting for another heal that is at work on it.
func (h *healing) open(ctx context.Context, l found) (*ledger, error) {
	ctx, cancel := context.WithTimeout(ctx, puttingBack(lostGrace, l.account.open()))
	defer cancel()
	for {
		book, err := openLedger(l.path)
		if !errors.Is(err, errBusy) || ctx.Err() != nil {
			return book, err
		}
		pause(ctx, lookEvery)
	}
}

// prune removes the oldest settled ledgers beyond those kept.
func prune(settled []string) {
	for len(settled) > keptLedgers {
		os.Remove(settled[0])
		settled = settled[1:]
	}
}
