package holdfast

import (
	"context"
	"net/netip"
)

// Desired is everything that should run, and nothing else: what a driver runs
// beyond it is to be stopped.
type Desired struct {
	Replicas []DesiredReplica `json:"replicas"`
}

// A DesiredReplica is one replica that should run, in which incarnation, and
// how.
//
// An incarnation runs at most once: when it has exited it stays exited, and the
// driver waits until a higher one is desired. A higher incarnation than the one
// running means: end that one, then start this one. A lower one is stale and is
// ignored. This is what makes Apply idempotent and keeps two minds, or one mind
// restarted, from starting a thing twice.
type DesiredReplica struct {
	ID      ReplicaID                      `json:"id"`
	Service Service                        `json:"service"`
	Edges   map[ServiceName]netip.AddrPort `json:"edges,omitempty"` // where each dependency answers
	// Kill is set when the incarnation before this one does not listen any more:
	// it is ended by SIGKILL at once.
	Kill bool `json:"kill,omitempty"`
}

// A Driver makes one kind of service (processes, urls, …) run as desired.
//
// Apply is level-triggered: it takes the whole of what is desired, replaces
// what was desired before, and returns once that is taken over, not once it is
// true. It may be called at any time, with the same value any number of times.
// It returns an error only when nothing was taken over.
//
// Run does the work until ctx ends, and hands every observation to emit, one at
// a time. It first reports what it finds (Started for the living, Exited for
// those that ended unseen). Ending Run stops and kills nothing. It returns
// ctx's error, or the reason why it can no longer work.
//
// Capabilities says what the driver can do, so that what it cannot is said
// before it is needed. Nothing above a driver assumes a pid, or that it chose
// the port.
type Driver interface {
	Apply(ctx context.Context, desired Desired) error
	Run(ctx context.Context, emit func(Observation)) error
	Capabilities() Capabilities
}

// Capabilities are what a driver can do with the replicas it is given.
type Capabilities struct {
	Starts    bool // it can start and stop them
	SeesExits bool // it learns of an exit from the kernel
	ShowsPid  bool // it knows a process id, so that faults can strike it
	KeepsLogs bool // it keeps what they print
}
