// Package hog uses up what a control group may have of the machine: its memory, until
// the kernel kills somebody in it, or its processor time, period after period.
//
// A hog is a process of its own. What it takes is gone with it. Who takes memory ends
// by itself within moments, whether the kernel has killed or not, and is killed too,
// after whom the kernel likes better, where we may not ask to be spared. Who takes
// time goes on for as long as it is renewed, and then puts everybody in the group back
// where they came from before it ends.
package hog

import (
	"context"
	"fmt"
	"syscall"
	"time"

	"holdfast"
	"holdfast/internal/proc"
	"holdfast/internal/role"
)

// Verb is the program's command that becomes a hog.
const Verb = "hog"

// What a hog takes.
type What string

// Both of them.
const (
	Memory What = "memory"
	Time   What = "time"
)

// An order is what one hog is started with.
type order struct {
	Takes What   `json:"takes"`
	Dir   string `json:"dir"` // of the control group
}

// spared is the oom_score_adj of what the kernel never kills for its memory.
const spared = "-1000"

const (
	// startTime bounds how long it may take until a hog is at work, or the kernel has
	// killed.
	startTime = 4 * time.Second
	// endTime bounds how long one may take to end that has used up its time, which is
	// a period of its group at most.
	endTime = 3 * time.Second
)

// What a hog says, or is said of it.
const (
	errNotKilled = holdfast.Refusal("its memory was taken and the kernel did not kill it")
	ErrNone      = holdfast.Refusal("nobody takes it away")
	ErrStuck     = holdfast.Refusal("who takes it away is stopped")
)

// Start starts a hog in the control group of a victim. One that takes time is at work
// when this returns. One that takes memory has seen the kernel kill, or there is an
// error with what it said or failed to say, and the group's own count tells whether it
// did. When ctx ends before, so does the hog.
func Start(ctx context.Context, takes What, dir string, pid int, ticks uint64) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	keep, _, marked := proc.MarkOf(pid)
	if !marked {
		keep = Verb // of no copy; it is found by its name all the same
	}
	return role.Role{Verb: Verb, Mark: keep + "/" + name(takes, pid, ticks), Order: order{Takes: takes, Dir: dir}}.Start(ctx)
}

// Renew lets a hog go on for another holdfast.Lease.
func Renew(takes What, pid int, ticks uint64) error {
	found, err := role.Find(name(takes, pid, ticks))
	if err != nil {
		return err
	}
	for _, one := range found {
		if state, err := proc.State(one.Pid); err == nil && state == "T" {
			return ErrStuck
		}
		if proc.Signal(one.Pid, one.Ticks, syscall.SIGUSR1) == nil {
			return nil
		}
	}
	return ErrNone
}

// End ends the hog that is there for a victim, if there is one.
func End(ctx context.Context, takes What, pid int, ticks uint64) error {
	ctx, cancel := context.WithTimeout(ctx, endTime)
	defer cancel()
	return role.End(ctx, name(takes, pid, ticks))
}

// name is the second half of a hog's mark.
func name(takes What, pid int, ticks uint64) string {
	return fmt.Sprintf("%s-%s-%d-%d", Verb, takes, pid, ticks)
}
