package fault

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"holdfast"
	"holdfast/fault/hog"
	"holdfast/internal/cgroup"
)

// OOM has the kernel kill the victim for want of memory, as it does where a limit
// is too low or a leak has filled it: in a control group of its own, whose limit is
// what it uses and a little, a process of ours takes the rest. That the kernel chooses
// the victim's main process, and not ours or a child, is seen to by its oom_score_adj,
// which is put back should it live. The kernel writes a report into its log.
//
// Memory pressure that does not kill is not made here: without swap nothing but the
// cache of files can be taken back, which slows only what reads many.
type OOM struct{}

// spare is what is left between use and limit: enough that the hog itself, a process
// of a few megabytes, is not in need before the victim is.
const spare = 24 << 20

// The ends of the scale of oom_score_adj.
const (
	neverKilled = "-1000"
	killedFirst = "1000"
)

func scoreOf(victim holdfast.Victim) (string, error) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(victim.Pid) + "/oom_score_adj")
	return strings.TrimSpace(string(text)), err
}

// setScore writes to the victim and to no other that was given its pid.
func setScore(victim holdfast.Victim, score string) error {
	file, err := os.OpenFile("/proc/"+strconv.Itoa(victim.Pid)+"/oom_score_adj", os.O_WRONLY, 0)
	if !alive(victim) {
		return ErrVictimGone
	}
	if err != nil {
		return err
	}
	defer file.Close() // it is the process's it was opened of, whoever has the pid by now
	_, err = file.WriteString(score)
	return err
}

// errSpared refuses what the kernel would not choose.
const errSpared = holdfast.Refusal("the kernel may not kill it: its oom_score_adj is -1000")

func (OOM) part() part { return part{fault: "oom", controller: cgroup.Memory} }

// Name is "oom".
func (OOM) Name() holdfast.FaultName { return "oom" }

// Inject returns when the kernel has killed.
func (o OOM) Inject(ctx context.Context, victim holdfast.Victim) error {
	if err := o.inject(ctx, victim); err != nil {
		return fmt.Errorf("oom %s (pid %d): %w", victim.ID, victim.Pid, err)
	}
	return nil
}

func (o OOM) inject(ctx context.Context, victim holdfast.Victim) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := strikable(victim); err != nil {
		return err
	}
	was, err := scoreOf(victim)
	if err != nil {
		return err
	}
	if was == neverKilled {
		return errSpared
	}
	var version int
	dir, err := o.part().split(victim, was, func(_ string, v int) error { version = v; return nil })
	if err == nil {
		err = o.part().gather(dir, victim)
	}
	if err == nil {
		err = setScore(victim, killedFirst)
	}
	if err == nil {
		err = o.fill(ctx, victim, dir, version)
	}
	if err != nil {
		return errors.Join(err, o.Undo(context.WithoutCancel(ctx), victim))
	}
	// What was not killed of it is not to be killed any more.
	return cgroup.Bound(dir, cgroup.Memory, version, cgroup.Limits{})
}

// fill has a hog take what the group may still have.
func (o OOM) fill(ctx context.Context, victim holdfast.Victim, dir string, version int) error {
	used, err := cgroup.Used(dir)
	if err == nil {
		err = cgroup.Bound(dir, cgroup.Memory, version, cgroup.Limits{Memory: used + spare})
	}
	if err != nil {
		return err
	}
	err = hog.Start(ctx, hog.Memory, dir, victim.Pid, victim.Ticks)
	if cgroup.Killed(dir) > 0 {
		return nil // the hog may have been next, and have had no time for a word
	}
	return err
}

// Undo ends the hog, moves what lives of the victim back and removes the group.
func (o OOM) Undo(ctx context.Context, victim holdfast.Victim) error {
	err := hog.End(ctx, hog.Memory, victim.Pid, victim.Ticks)
	for _, dir := range o.part().groups(victim) {
		if failed := setScore(victim, cgroup.NoteOf(dir)); alive(victim) {
			err = errors.Join(err, failed)
		}
	}
	if err = errors.Join(err, o.part().rejoin(ctx, victim)); err != nil {
		return fmt.Errorf("undo oom of %s (pid %d): %w", victim.ID, victim.Pid, err)
	}
	return nil
}

// Left implements lasting.
func (o OOM) Left(victim holdfast.Victim) []string { return o.part().left(victim) }
