package fault

import (
	"context"
	"errors"
	"fmt"
	"time"

	"holdfast"
	"holdfast/fault/hog"
	"holdfast/internal/cgroup"
	"holdfast/internal/proc"
)

// Starve gives the victim's process group, of every second, the processor time that
// it has been using and not much more, and has a process of ours use that up with it:
// a limit that was set too low, or a neighbour that takes the rest. Most of every second
// nothing of it runs; what is asked then waits for the next.
//
// Without that neighbour it would depend on the load whether anybody sees it: the
// gateway sends less to who is slow, who then has enough for what is left.
type Starve struct{}

const (
	// starvePeriod is how long the pauses are: as Delay, and for the same reason.
	starvePeriod = 1_000_000 // µs
	// plenty is what the group gets beyond what it used: enough for requests that it
	// has been too slow for.
	plenty = 0.03 // of a processor
	// measuredFor is how long it is looked how much the victim uses: at the default
	// rate of load some fifteen requests to it.
	measuredFor = 300 * time.Millisecond
)

func (Starve) part() part { return part{fault: "starve", controller: cgroup.CPU} }

// Name is "starve".
func (Starve) Name() holdfast.FaultName { return "starve" }

// Inject returns when every process of the group is in the control group, and its
// neighbour too.
func (s Starve) Inject(ctx context.Context, victim holdfast.Victim) error {
	if err := s.inject(ctx, victim); err != nil {
		return fmt.Errorf("starve %s (pid %d): %w", victim.ID, victim.Pid, err)
	}
	return nil
}

func (s Starve) inject(ctx context.Context, victim holdfast.Victim) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := strikable(victim); err != nil {
		return err
	}
	used, err := usage(ctx, victim)
	if err != nil {
		return err
	}
	quota := int((used + plenty) * starvePeriod)
	dir, err := s.part().split(victim, "", func(dir string, version int) error { return cgroup.Slice(dir, version, quota, starvePeriod) })
	if err == nil {
		err = s.part().gather(dir, victim)
	}
	if err == nil {
		err = hog.Start(ctx, hog.Time, dir, victim.Pid, victim.Ticks)
	}
	if err != nil {
		return errors.Join(err, s.Undo(context.WithoutCancel(ctx), victim))
	}
	return nil
}

// usage is how much of a processor the victim's process group uses: 1 is all of one.
func usage(ctx context.Context, victim holdfast.Victim) (float64, error) {
	before, began := proc.Consumed(victim.Pid), proc.Now()
	select {
	case <-time.After(measuredFor):
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	if !alive(victim) {
		return 0, ErrVictimGone
	}
	return max(0, float64(proc.Consumed(victim.Pid)-before)/float64(proc.Now()-began)), nil
}

// Undo ends the neighbour, moves everything in the group back and removes it.
func (s Starve) Undo(ctx context.Context, victim holdfast.Victim) error {
	err := hog.End(ctx, hog.Time, victim.Pid, victim.Ticks)
	if err = errors.Join(err, s.part().rejoin(ctx, victim)); err != nil {
		return fmt.Errorf("undo starve of %s (pid %d): %w", victim.ID, victim.Pid, err)
	}
	return nil
}

// Renew implements holdfast.Leased: the neighbour undoes it when it was not renewed.
func (Starve) Renew(_ context.Context, victim holdfast.Victim) error {
	if err := hog.Renew(hog.Time, victim.Pid, victim.Ticks); err != nil {
		return fmt.Errorf("renew starve of %s (pid %d): %w", victim.ID, victim.Pid, err)
	}
	return nil
}

// Left implements lasting.
func (s Starve) Left(victim holdfast.Victim) []string { return s.part().left(victim) }
