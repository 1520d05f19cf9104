package fault

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"holdfast"
	"holdfast/internal/cgroup"
	"holdfast/internal/proc"
)

// A part is a control group that a victim's process group is put into for as long
// as a fault of its bounds lasts. It is known by a name made of the victim's, so
// that whoever undoes needs nothing else, and touches no group but that.
type part struct {
	fault      holdfast.FaultName
	controller cgroup.Controller
}

const (
	// rejoinTime bounds how long what began meanwhile is put back, too, and the
	// kernel is waited for to let go of a group whose last process has ended.
	rejoinTime  = 2 * time.Second
	rejoinEvery = 5 * time.Millisecond
	// gatherTries bounds how often a process group is looked through for what it
	// began behind our back. Each look takes a few milliseconds.
	gatherTries = 20
)

// errGrows refuses a victim that cannot be had whole.
const errGrows = holdfast.Refusal("it begins processes faster than they can be put into a control group")

func (p part) name(victim holdfast.Victim) string {
	return cgroup.PartName(string(p.fault), victim.Pid, victim.Ticks)
}

// split makes the group, under a name that notes something, and bounds it before
// anybody is in it.
func (p part) split(victim holdfast.Victim, note string, bound func(dir string, version int) error) (dir string, err error) {
	name := p.name(victim)
	if note != "" {
		name = cgroup.Noting(name, note)
	}
	dir, version, err := cgroup.On("/").Split(p.controller, victim.Pid, name)
	if err != nil {
		return "", err
	}
	return dir, bound(dir, version)
}

// gather moves the victim's process group in, until nothing of it is outside.
func (p part) gather(dir string, victim holdfast.Victim) error {
	for range gatherTries {
		group, err := proc.Group(victim.Pid)
		if err != nil {
			return err
		}
		inside := cgroup.Members([]string{dir})
		outside := slices.DeleteFunc(group, func(pid int) bool { return slices.Contains(inside, pid) || ended(pid) })
		if !alive(victim) {
			return ErrVictimGone
		}
		if len(outside) == 0 {
			return nil
		}
		if err := cgroup.Move(dir, outside); err != nil {
			return err
		}
	}
	return errGrows
}

func ended(pid int) bool {
	state, err := proc.State(pid)
	return err != nil || state == "Z" || state == "X"
}

// rejoin puts everything in the group back where it came from and removes it.
// There may be none.
func (p part) rejoin(ctx context.Context, victim holdfast.Victim) error {
	ctx, cancel := context.WithTimeout(ctx, rejoinTime)
	defer cancel()
	tick := time.NewTicker(rejoinEvery)
	defer tick.Stop()
	for {
		gone, err := p.rejoinOnce(victim)
		if gone {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(err, fmt.Errorf("the control group %s is still there: %w", p.name(victim), ctx.Err()))
		case <-tick.C:
		}
	}
}

func (p part) rejoinOnce(victim holdfast.Victim) (gone bool, err error) {
	gone = true
	for _, dir := range p.groups(victim) {
		removed, failed := cgroup.Rejoin(dir)
		gone, err = gone && removed && failed == nil, errors.Join(err, failed)
	}
	return gone, err
}

// groups are those there are for a victim: one, but for accidents.
func (p part) groups(victim holdfast.Victim) []string {
	return cgroup.On("/").Named(p.controller, p.name(victim))
}

// left names the groups that are still there.
func (p part) left(victim holdfast.Victim) []string {
	var left []string
	for _, dir := range p.groups(victim) {
		left = append(left, "the control group "+dir)
	}
	return left
}
