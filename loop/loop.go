// Package loop asks the mind, by the machine's clock, and sees to it that what
// the mind says is recorded before it is carried out.
package loop

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"holdfast/control"
	"holdfast/event"
	"holdfast/journal"
	"holdfast/oncall"
)

const (
	// inputs that may wait for the loop. Observations come in bursts (every
	// replica of a zone at once), decisions take microseconds.
	maxInputs = 1024
	// entries between snapshots: what an agent must replay when it wakes, some
	// tens of milliseconds.
	snapshotEvery = 2000
	// turn is how often the loop shows that it turns when nothing happens.
	turn = 500 * time.Millisecond
)

// A Log is where frames are recorded; *journal.Journal is one. Append does not
// wait for the disk; Committed hands the frames back in order once it has.
type Log interface {
	Append(event.Frame)
	Cut(snapshot []byte, lastSeq uint64)
	Committed() <-chan journal.Commit
}

// Options are what a loop is made of. All fields are needed.
type Options struct {
	Mind *control.Mind
	Log  Log
	Now  func() event.At
	// Said is called with each frame in the loop's own goroutine, before it is
	// recorded: for views that a snapshot has to agree with.
	Said func(event.Frame)
	// Snapshot wraps the mind's state with what else a snapshot is to hold. It
	// is called in the loop's own goroutine.
	Snapshot func(mind []byte) ([]byte, error)
	// Carry is called with each frame, in order, once it is durable or has been
	// given up because the disk is full. It must not wait for anything.
	Carry func(Carried)
	// Turn is called at least every half second, by the loop itself: a loop
	// that is stuck shows no turn.
	Turn func()
}

// Carried is a recorded frame, and what changed with it: the plan, and what people
// are owed.
type Carried struct {
	Frame    event.Frame
	Plan     *control.Plan
	Owed     *[]oncall.Owed
	Recorded bool
}

// changes are what a step changed, on their way through the log.
type changes struct {
	plan *control.Plan
	owed *[]oncall.Owed
}

// A Loop owns a mind.
type Loop struct {
	o        Options
	inputs   chan event.Body
	changes  chan changes // one per frame on its way through the log
	revision uint64
	since    int // entries since the last snapshot
}

// New makes a loop; Run runs it.
func New(o Options) *Loop {
	return &Loop{o: o, inputs: make(chan event.Body, maxInputs), changes: make(chan changes, maxInputs)}
}

// Tell hands an input over. It waits while the loop is behind, and returns
// ctx's error if that does not end. It may be called by many at once.
func (l *Loop) Tell(ctx context.Context, in event.Body) error {
	select {
	case l.inputs <- in:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Run takes inputs until ctx ends, then returns its error; or the reason why
// the log no longer works.
func (l *Loop) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	carried := make(chan error, 1)
	go func() {
		defer cancel()
		carried <- l.carry(ctx)
	}()
	err := l.ask(ctx)
	cancel()
	if broken := <-carried; broken != nil {
		return broken // it ended ask, whose own error says nothing
	}
	return err
}

// ask is the loop: the next input, or the next deadline, whichever comes first.
func (l *Loop) ask(ctx context.Context) error {
	ticker := time.NewTicker(turn)
	defer ticker.Stop()
	alarm := time.NewTimer(turn)
	defer alarm.Stop()
	if err := l.cut(); err != nil {
		return err
	}
	for {
		l.o.Turn()
		alarm.Reset(l.rest())
		var in event.Body
		select {
		case <-ctx.Done():
			return ctx.Err()
		case in = <-l.inputs:
		case <-alarm.C:
		case <-ticker.C:
		}
		if err := l.step(ctx, in); err != nil {
			return err
		}
	}
}

// rest is how long nothing falls due.
func (l *Loop) rest() time.Duration {
	due, ok := l.o.Mind.Wake()
	if !ok {
		return time.Hour
	}
	return max(0, due-l.o.Now().Boot)
}

// step asks the mind once and records what it says.
func (l *Loop) step(ctx context.Context, in event.Body) error {
	now := l.o.Now()
	entries := l.o.Mind.Step(now, in)
	if len(entries) == 0 {
		return nil
	}
	frame := event.Frame{At: now, Input: in != nil, Entries: entries}
	l.o.Said(frame)
	select {
	case l.changes <- changes{plan: l.changed(), owed: l.owed(entries)}:
	case <-ctx.Done():
		return ctx.Err()
	}
	l.o.Log.Append(frame)
	l.since += len(entries)
	if l.since >= snapshotEvery {
		return l.cut()
	}
	return nil
}

// changed is the plan if this step changed it. A mind that was never told of a
// file has none: that it wants nothing to run would end everything that runs,
// after no more than the loss of its memory.
func (l *Loop) changed() *control.Plan {
	if l.o.Mind.Revision() == l.revision || l.o.Mind.Declared().Name == "" {
		return nil
	}
	l.revision = l.o.Mind.Revision()
	plan := l.o.Mind.Plan()
	return &plan
}

// owed is what people are owed if this step may have changed it.
func (l *Loop) owed(entries []event.Entry) *[]oncall.Owed {
	if !slices.ContainsFunc(entries, func(e event.Entry) bool { return control.Tells(e.Body) }) {
		return nil
	}
	owed := l.o.Mind.Owed()
	return &owed
}

// cut writes the mind down, so that the journal before need not be replayed.
func (l *Loop) cut() error {
	mind, err := l.o.Mind.Snapshot()
	if err != nil {
		return fmt.Errorf("write the mind down: %w", err)
	}
	snapshot, err := l.o.Snapshot(mind)
	if err != nil {
		return fmt.Errorf("write the views down: %w", err)
	}
	l.o.Log.Cut(snapshot, l.o.Mind.Seq())
	l.since = 0
	return nil
}

// carry passes durable frames on, each with the plan that came with it.
func (l *Loop) carry(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case commit, ok := <-l.o.Log.Committed():
			switch {
			case !ok && ctx.Err() != nil:
				return nil // it ends with us
			case !ok:
				return errors.New("the journal has ended")
			}
			with := <-l.changes
			l.o.Carry(Carried{Frame: commit.Frame, Plan: with.plan, Owed: with.owed, Recorded: commit.Recorded})
		}
	}
}
