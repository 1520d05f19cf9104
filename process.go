package holdfast

import (
	"context"
	"time"
)

// A ProcessSpec is a process as the keeper is asked to start it. The keeper
// adds nothing but HOLDFAST_PROCESS to the environment, the mark by which it
// finds what belongs to it after everything else was lost.
type ProcessSpec struct {
	ID  ReplicaID `json:"id"`
	Run []string  `json:"run"` // argv; Run[0] is looked up in Path or relative to Dir
	Env []string  `json:"env"` // KEY=value, complete
	Dir string    `json:"dir"` // absolute
	Log string    `json:"log"` // absolute path of the file that takes stdout and stderr, appended to
	// StopSignal and StopGrace are used when the keeper itself must end
	// everything and there is nobody to ask.
	StopSignal string        `json:"stop_signal"`
	StopGrace  time.Duration `json:"stop_grace_period"`
	User       *ProcessUser  `json:"user,omitempty"`  // nil: the keeper's own
	Files      int           `json:"files,omitempty"` // that may be open at once; 0: as many as the keeper may have
	// Groups are directories of control groups that hold the process and all it
	// starts. They exist and are bounded already; the keeper ends whatever is
	// left in them after the process, and removes them.
	Groups []string `json:"groups,omitempty"`
}

// A ProcessUser is whom a process runs as.
type ProcessUser struct {
	Name   string `json:"name"` // only shown
	UID    int    `json:"uid"`
	GID    int    `json:"gid"`
	Groups []int  `json:"groups,omitempty"` // supplementary
}

// A Process is what the keeper knows of one it started or adopted.
type Process struct {
	ID      ReplicaID   `json:"id"`
	Pid     int         `json:"pid"`
	Ticks   uint64      `json:"ticks"`             // start time in clock ticks since boot; with Pid it is unique until reboot
	Began   int64       `json:"began"`             // CLOCK_BOOTTIME, nanoseconds
	Adopted bool        `json:"adopted,omitempty"` // started by a keeper before this one
	Exit    *ExitStatus `json:"exit,omitempty"`    // nil while it lives
	Ended   int64       `json:"ended,omitempty"`   // CLOCK_BOOTTIME, nanoseconds
	// Gone is set when nothing of it is left: its group, every process that
	// carries its mark and all that is in its control groups have been ended too.
	// Only then may the next incarnation start.
	Gone bool `json:"gone,omitempty"`
}

// A Keeper holds processes. It never decides: it starts what it is told, reaps
// what ends, and tells. It may die at any time; what it started runs on and is
// adopted by the next.
//
// Start is refused with ErrRunning while a process of the same replica is not
// gone, and with ErrPast for an incarnation lower than the last that ran;
// starting the same incarnation twice returns the first one's process.
// Signal goes to the whole process group, or with "SIGKILL" to everything that
// carries the mark or is in the control groups, and is refused with
// ErrNotRunning when the incarnation is not the living one. Forget drops the
// record of an incarnation that is gone. Follow calls emit with the state of
// every process known, then with each change, until ctx ends or the keeper is
// lost, in which case it returns an error. All methods may be called
// concurrently.
type Keeper interface {
	Start(ctx context.Context, spec ProcessSpec) (Process, error)
	Signal(ctx context.Context, id ReplicaID, signal string) error
	Forget(ctx context.Context, id ReplicaID) error
	Follow(ctx context.Context, emit func(Process)) error
}

// ErrRunning, ErrNotRunning and ErrPast are what a Keeper refuses with when it
// is the process that stands against it, and not who asks.
const (
	ErrRunning    = Refusal("a process of this replica still runs")
	ErrNotRunning = Refusal("this incarnation does not run")
	ErrPast       = Refusal("a later incarnation of this replica has run already")
)
