package holdfast

import (
	"context"
	"time"
)

// FaultName names a fault: "kill".
type FaultName string

// FaultHook is the fault that the file's own commands make.
const FaultHook FaultName = "hook"

// A Victim is what a fault strikes: a replica, with what the kernel knows it by,
// or, with Ordinal 0, every replica of a service that there is or will be.
type Victim struct {
	ID      ReplicaID `json:"id"`
	Address string    `json:"address"`
	Pid     int       `json:"pid"`   // 0 where the driver knows none
	Ticks   uint64    `json:"ticks"` // start time of Pid in clock ticks since boot; tells a reused pid
	// Proxy is the control socket of the fault proxy that stands in the path to
	// the victim; empty where there is none. Spare is a path whose requests the
	// proxy leaves alone where a fault concerns answers: the health check's.
	Proxy string `json:"proxy,omitempty"`
	Spare string `json:"spare,omitempty"`
	// Data is the data directory that the victim's process was started with, for
	// faults of its disk; empty where it has none.
	Data string `json:"data,omitempty"`
	Hook *Hook  `json:"hook,omitempty"` // of a fault that is the file's own commands
	// Flood is the load of a fault that is nothing but load.
	Flood *Flood `json:"flood,omitempty"`
}

// A Flood is more requests than a service can answer: GETs of a URL, so many a
// second, of one priority. Keep marks its process as one of a private copy's.
type Flood struct {
	URL      string   `json:"url"`
	Rate     float64  `json:"rate"`
	Priority Priority `json:"priority"`
	Keep     string   `json:"keep"`
}

// A Fault is one way to break a victim on purpose.
//
// Inject makes the fault true and returns when it is: the return is the instant
// of injection. It returns an error, having changed nothing, when the victim is
// no longer the process it was or the host cannot do it. FaultHook alone may
// have done half its work when it returns an error, and is to be undone all the
// same: what a command of the file did before it failed nobody knows. Undo puts
// everything back; it may be called any number of times, by any process, with
// the victim as it was written down before Inject, and a victim that is gone
// counts as undone. Neither signals a process whose start time differs from the
// victim's.
type Fault interface {
	Name() FaultName
	Inject(ctx context.Context, victim Victim) error
	Undo(ctx context.Context, victim Victim) error
}

// A Leased fault is withdrawn by whoever carries it out (the fault proxy, a
// tracer) when it was not renewed for Lease: an injector that is alive and stuck loses too.
// Renew is called at least every second by who injected, and is refused when the
// fault is not in force.
type Leased interface {
	Fault
	Renew(ctx context.Context, victim Victim) error
}

// Lease is how long a fault may outlive the last sign of life of its injector.
const Lease = 3 * time.Second
