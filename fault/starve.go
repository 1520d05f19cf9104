package fault

import (
	"context"
	"errors"
	"fmt"
	"time"

	"holdfast"
	"holdfast/internal/cgroup"
	"holdfast/internal/proc"
)

// Starve lets the victim's process group have a quarter of the processor time that
// it has been using: what a neighbour that takes the rest, or a limit that was set
// too low, does to it.
//
// A share of what it used, and not of a processor, because three parts in a hundred
// of one are plenty for a service that is asked little and nothing for one that is
// asked much.
type Starve struct{}

const (
	starvedTo = 0.25
	// measuredFor is how long it is looked how much the victim uses: at the default
	// rate of load some fifteen requests to it.
	measuredFor = 300 * time.Millisecond
	// usualPeriod is the kernel's own. A longer one is taken where a quarter of what
	// was used in it would be less than the kernel lets a group have.
	usualPeriod   = 100_000 // µs
	longestPeriod = 1_000_000
	leastQuota    = 1_000
)

func (Starve) part() part { return part{fault: "starve", controller: cgroup.CPU} }

// Name is "starve".
func (Starve) Name() holdfast.FaultName { return "starve" }

// Inject returns when every process of the group is in the control group.
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
	quota, period := slice(used)
	dir, err := s.part().split(victim, "", func(dir string, version int) error { return cgroup.Slice(dir, version, quota, period) })
	if err == nil {
		err = s.part().gather(dir, victim)
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

// slice is the quota of a period that starves what used a share of a processor.
func slice(used float64) (quota, period int) {
	share := starvedTo * used
	period = usualPeriod
	if quota = int(share * usualPeriod); quota >= leastQuota {
		return quota, period
	}
	if share > 0 {
		period = int(min(leastQuota/share, longestPeriod))
	} else {
		period = longestPeriod
	}
	return leastQuota, max(period, usualPeriod)
}

// Undo moves everything in the group back and removes it.
func (s Starve) Undo(ctx context.Context, victim holdfast.Victim) error {
	if err := s.part().rejoin(ctx, victim); err != nil {
		return fmt.Errorf("undo starve of %s (pid %d): %w", victim.ID, victim.Pid, err)
	}
	return nil
}

// Left implements lasting.
func (s Starve) Left(victim holdfast.Victim) []string { return s.part().left(victim) }
