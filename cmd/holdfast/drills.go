package main

import (
	"context"
	"time"

	"holdfast/event"
	"holdfast/warden"
)

const (
	// drillLook is how often it is looked whether a live drill is under way here: a
	// run makes a copy and a control run before it breaks anything, which takes
	// seconds.
	drillLook = 200 * time.Millisecond
	// drillLingers is how much longer what happens is put down to a drill that has
	// ended: who mends it in a dead prove's stead takes up to 5 s, and a person may be
	// called only then.
	drillLingers = 10 * time.Second
)

// followDrills tells the mind of live drills of what it runs or watches, so that
// whoever is called during one is told so in the first word. known says that the
// mind believes one to be under way.
func followDrills(ctx context.Context, state stateDir, known bool, tell func(context.Context, event.Body) error) error {
	tick := time.NewTicker(drillLook)
	defer tick.Stop()
	seen := time.Now()
	var told warden.Identity
	for {
		live, err := warden.Underway(string(state))
		switch {
		case err == nil && live.Prove != told:
			known, told = true, live.Prove
			if err := tell(ctx, event.DrillBegan{Services: live.Services, By: live.By}); err != nil {
				return err
			}
			fallthrough
		case err == nil:
			seen = time.Now()
		case known && time.Since(seen) >= drillLingers:
			known = false
			if err := tell(ctx, event.DrillEnded{}); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}
