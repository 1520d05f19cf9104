// Package tracer holds on to the processes of a replica by ptrace, for the faults
// that need more than a signal: a hold that the kernel itself ends, an exit with a
// code, a disk that is full or slow.
//
// A tracer is a process of its own. The kernel lets its victims go the moment it
// ends, however it ends, and every change it makes to one of them is made at once
// and leaves it as whole as the system call it comes back from: so SIGKILL is the
// undo, for whoever finds it, and it can die at any instant with nothing half done.
//
//	injector ──Start──▶ tracer ──ptrace──▶ every thread of the victim's group
//	         ──SIGUSR1─▶   │ ends by itself when it was not renewed for holdfast.Lease,
//	         ──SIGKILL─▶   ▼ or when nothing is left to hold
//
// It carries a mark that names its victim by pid and start time, by which anybody
// finds it; a debugger carries none, and a victim that one holds is refused.
package tracer

import (
	"context"
	"fmt"
	"time"

	"holdfast"
	"holdfast/internal/proc"
	"holdfast/internal/role"
)

// Verb is the program's command that becomes a tracer.
const Verb = "tracer"

// A Kind is what a tracer does to its victim.
type Kind string

// The kinds. All but Exit last until the tracer ends.
const (
	Hold     Kind = "hold"      // every thread stands still
	Exit     Kind = "exit"      // the main process exits with Code
	DiskFull Kind = "disk-full" // what it writes below Data fails: no space is left
	DiskSlow Kind = "disk-slow" // what it writes below Data, or waits to be on disk there, takes Delay longer
)

// A Job is what one tracer is for.
type Job struct {
	Kind  Kind          `json:"kind"`
	Pid   int           `json:"pid"`
	Ticks uint64        `json:"ticks"`
	Code  int           `json:"code,omitempty"`
	Data  string        `json:"data,omitempty"` // absolute, without symbolic links
	Delay time.Duration `json:"delay,omitempty"`
}

// What a tracer refuses with, having changed nothing.
const (
	ErrTraced    = holdfast.Refusal("another tracer holds it already, a debugger perhaps: end that first")
	ErrForbidden = holdfast.Refusal("this host does not let it be traced: it needs the same user or root, and kernel.yama.ptrace_scope 0 or root")
	ErrStuck     = holdfast.Refusal("its tracer is stopped")
	ErrNotTraced = holdfast.Refusal("no tracer of ours holds it")
)

const (
	// attachTime bounds how long it may take until a job is true. A thread that
	// waits for a disk stands still only when the disk has answered.
	attachTime = 2 * time.Second
	// letGoTime bounds how long the kernel may take to let everything go.
	letGoTime = 2 * time.Second
)

// Start starts a tracer, and returns when what it does is true of every thread of
// the victim's group, or an error, having changed nothing.
func Start(ctx context.Context, job Job) error {
	ctx, cancel := context.WithTimeout(ctx, 2*attachTime)
	defer cancel()
	keep, _, marked := proc.MarkOf(job.Pid)
	if !marked {
		keep = Verb // of no copy; it is found by its name all the same
	}
	err := role.Role{Verb: Verb, Mark: keep + "/" + name(job.Kind, job.Pid, job.Ticks), Order: job}.Start(ctx)
	for _, known := range []holdfast.Refusal{ErrTraced, ErrForbidden} {
		if err != nil && err.Error() == string(known) { // what it says is a text
			return known
		}
	}
	return err
}

// name is the second half of a tracer's mark.
func name(kind Kind, pid int, ticks uint64) string {
	return fmt.Sprintf("%s-%s-%d-%d", Verb, kind, pid, ticks)
}
