// Package hog takes the memory of a control group until the kernel kills somebody
// in it.
//
// A hog is a process of its own. What it takes is gone with it, and it ends by itself
// within moments, whether the kernel has killed or not. The kernel kills it too, after
// whom it likes better, where we may not ask to be spared.
package hog

import (
	"context"
	"fmt"

	"holdfast"
	"holdfast/internal/proc"
	"holdfast/internal/role"
)

// Verb is the program's command that becomes a hog.
const Verb = "hog"

// spared is the oom_score_adj of what the kernel never kills for its memory.
const spared = "-1000"

// errNotKilled says that it was in vain.
const errNotKilled = holdfast.Refusal("its memory was taken and the kernel did not kill it")

// Start starts a hog in a control group that holds the process pid, and returns when
// the hog has seen the kernel kill, or with what it said or failed to say: the group's
// own count tells whether it did. When ctx ends before, so does the hog.
func Start(ctx context.Context, dir string, pid int, ticks uint64) error {
	keep, _, marked := proc.MarkOf(pid)
	if !marked {
		keep = Verb // of no copy; it is found by its name all the same
	}
	return role.Role{Verb: Verb, Mark: keep + "/" + name(pid, ticks), Order: dir}.Start(ctx)
}

// End ends the hog that is there for a process, if there is one.
func End(ctx context.Context, pid int, ticks uint64) error { return role.End(ctx, name(pid, ticks)) }

// name is the second half of a hog's mark.
func name(pid int, ticks uint64) string { return fmt.Sprintf("%s-%d-%d", Verb, pid, ticks) }
