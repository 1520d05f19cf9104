// Package proc is what the kernel says of processes: who lives, since when, who
// carries our mark, and when one ends. Standard library only.
//
// A process is always named by its pid and its start time together: a pid alone
// may have been given to a stranger since it was written down.
package proc

import (
	"strings"
	"syscall"
)

// Mark is the variable in a process's environment by which we find what is
// ours: HOLDFAST_PROCESS=<keep>/<name>, where keep is unique to one state
// directory.
const Mark = "HOLDFAST_PROCESS"

// KeepFile is the file of a state directory that holds the first half of all
// its processes' marks.
const KeepFile = "keep"

// ErrGone says that there is no such process any more: it ended, or the pid is
// somebody else's now.
const ErrGone = refusal("no such process")

type refusal string

func (r refusal) Error() string { return string(r) }

// Baseline is the only part of a caller's environment that passes on without
// being named: what nearly every program needs to run at all.
func Baseline(environ []string) []string {
	var kept []string
	for _, pair := range environ {
		switch name, _, _ := strings.Cut(pair, "="); name {
		case "PATH", "HOME", "LANG", "TZ":
			kept = append(kept, pair)
		}
	}
	return kept
}

// Signal sends a signal to the process pid that began at ticks, and to no other
// that was given the pid since; ErrGone says that there is no such process. Pids
// below 1 name groups elsewhere, and no process here.
func Signal(pid int, ticks uint64, signal syscall.Signal) error {
	handle, err := Open(pid, ticks)
	if err != nil {
		return err
	}
	defer handle.Close()
	return handle.Signal(signal)
}
