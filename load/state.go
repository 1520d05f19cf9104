package load

import (
	"context"
	"time"

	"holdfast/internal/proc"
)

const (
	// lookEvery is how often a watched process's state is looked at: a stop is
	// seen at most so much later than it was.
	lookEvery = 20 * time.Millisecond
	maxStates = 1000 // changes of one load that are kept; more tell nothing
)

// A StateChange is a watched process that was stopped, or goes on, as the
// generator saw it in /proc.
type StateChange struct {
	Pid   int    `json:"pid"`
	State string `json:"state"` // the kernel's letter: T stopped, t traced, any other is going on
	Seen  int64  `json:"seen"`
}

// Stopped tells whether the process stood still.
func (c StateChange) Stopped() bool { return c.State == "T" || c.State == "t" }

// lookAt reports when a process stops and when it goes on, until ctx ends.
func (g *generation) lookAt(ctx context.Context, pid int) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	last := StateChange{Pid: pid}
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		state, err := proc.State(pid)
		next := StateChange{Pid: pid, State: state, Seen: int64(proc.Now())}
		if err != nil || ctx.Err() != nil || next.Stopped() == last.Stopped() {
			continue
		}
		last = next
		if g.states.Add(1) <= maxStates {
			g.sheet.report(line{State: &next})
		}
	}
}
