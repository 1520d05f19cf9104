package act

import (
	"context"
	"fmt"

	"holdfast/event"
)

// shoot hands a decision to capture over, or complains that too many wait: the
// mind does not wait for evidence for ever.
func (a *Actor) shoot(entry event.Entry) {
	select {
	case a.shots <- entry:
	default:
		a.o.Complain(fmt.Errorf("no evidence of %s is kept: %d captures wait already", entry.Body.(event.Decided).ID, maxShots))
	}
}

// captures keeps evidence, one replica after the other, beside the plans: who
// looks at a stuck process must not hold up what others need.
func (a *Actor) captures(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case entry := <-a.shots:
			id := entry.Body.(event.Decided).ID
			path, summary, err := a.o.Capture(ctx, id)
			if err != nil {
				a.o.Complain(err)
				summary = err.Error()
			}
			if a.o.Tell(ctx, event.Captured{Action: entry.ID, ID: id, Path: path, Summary: summary}) != nil {
				return
			}
		}
	}
}
