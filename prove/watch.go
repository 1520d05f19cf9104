package prove

import (
	"context"
	"errors"
	"fmt"
	"time"

	"holdfast/internal/proc"
	"holdfast/load"
)

// silent is how long a load that works may report nothing: what is asked is
// answered or given up within its patience.
const silent = patience + 2*time.Second

// pause lets time pass, unless something ends the drill.
func (p *proving) pause(ctx context.Context, under *load.Generator, length time.Duration) error {
	select {
	case <-time.After(length):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-p.copy.warden.Lost():
		return p.copy.lost()
	case <-under.Done():
		return errors.New("the load ended in the middle of the drill")
	}
}

// lookOn looks now and then until it has seen enough, and says what was the
// longest that looking waited for a processor. A load that falls silent is an
// error: nothing that is looked at changes any more.
func (p *proving) lookOn(ctx context.Context, under *load.Generator, every time.Duration, enough func() bool) (stalled time.Duration, err error) {
	heard, when := 0, proc.Now()
	for {
		slept := proc.Now()
		if err := p.pause(ctx, under, every); err != nil {
			return stalled, err
		}
		stalled = max(stalled, proc.Now()-slept-every)
		if n := len(under.Snapshot()); n != heard {
			heard, when = n, proc.Now()
		}
		if enough() {
			return stalled, nil
		}
		if proc.Now()-when > silent {
			return stalled, fmt.Errorf("the load reported nothing for %s, although every request ends within %s: it is stuck", silent, patience)
		}
	}
}
