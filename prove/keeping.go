package prove

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"holdfast/fault"
	"holdfast/internal/proc"
)

// A keeping is what keeps one live drill from hurting more than it may, and the
// account of what it took.
type keeping struct {
	guards []guard
	limit  limit
	purse  purse
	due    []int64 // of the load
	spent  []spending
}

// begin writes down what a live drill is about to spend. nil: it strikes nothing
// in earnest.
func (h *hooking) begin() (*keeping, error) {
	if !runsElsewhere(h.declared, h.mode) {
		return nil, nil
	}
	purse, before, err := purseOf(h.o, h.mode)
	if err != nil {
		return nil, err
	}
	k := &keeping{guards: guards(), limit: limitOf(h.o.System.Prove, h.mode, h.rate), purse: purse, due: h.users.Due()}
	if !purse.owed() {
		return k, nil
	}
	now := time.Now().UTC().Round(0)
	k.spent = append(before, spending{
		ID: fmt.Sprintf("%s %s", now.Format(time.RFC3339Nano), h.copy.keep), Mode: h.mode.Name, At: now,
		Spent: foresee(h.mode, h.rate, before), Rate: h.rate,
	})
	return k, keepSpent(h.o.State, k.spent)
}

// breakIt breaks what is to be broken. A break may take its time, and hurt long
// before it has ended well: guards are asked meanwhile, and end it.
func (h *hooking) breakIt(ctx context.Context) (err error) {
	ctx, end := context.WithCancel(ctx)
	tripped := make(chan string)
	go func() { tripped <- h.untilTripped(ctx, proc.Now(), end) }()
	h.entry, h.injected, err = h.strike(ctx, h.mode.Name, fault.Hook{}, h.victim)
	end()
	h.ended = <-tripped
	return err
}

// untilTripped asks the guards until ctx ends, or ends it.
func (h *hooking) untilTripped(ctx context.Context, began time.Duration, end func()) (why string) {
	tick := time.NewTicker(lookLive)
	defer tick.Stop()
	for h.keeping != nil {
		select {
		case <-ctx.Done():
			return ""
		case <-tick.C:
		}
		if why := tripped(h.keeping.guards, h.sight(began, proc.Now())); why != "" {
			end()
			return why
		}
	}
	return ""
}

// mustEnd asks the guards, once something is broken. What they say ends the run.
func (h *hooking) mustEnd() bool {
	if h.keeping == nil || h.ended != "" {
		return h.ended != ""
	}
	h.ended = tripped(h.keeping.guards, h.sight(h.injected, proc.Now()))
	return h.ended != ""
}

// sight is what guards look at now.
func (h *hooking) sight(injected, now time.Duration) sight {
	return sight{results: h.users.Snapshot(), due: h.keeping.due, rate: h.rate, injected: injected, now: now, limit: h.keeping.limit, purse: h.keeping.purse}
}

// settle writes down what the drill has spent, however it ended.
func (h *hooking) settle() {
	if h.keeping == nil || len(h.keeping.spent) == 0 {
		return
	}
	last := &h.keeping.spent[len(h.keeping.spent)-1]
	last.Ended, last.Spent = true, 0
	if h.injected != 0 {
		hurt := h.sight(h.injected, cmp.Or(h.over, proc.Now())).since(int64(h.injected)).Hurt()
		last.Hurt, last.Spent = hurt, outage(hurt, h.rate)
	}
	if err := keepSpent(h.o.State, h.keeping.spent); err != nil {
		h.o.Say(fmt.Sprintf("%s  what it spent is not written down, and counts as what was foreseen: %v", h.mode.Name, err))
	}
}
