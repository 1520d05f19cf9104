package holdfast

import "context"

// FaultName names a fault: "kill".
type FaultName string

// A Victim is the replica a fault strikes, with what the kernel knows it by.
type Victim struct {
	ID      ReplicaID `json:"id"`
	Address string    `json:"address"`
	Pid     int       `json:"pid"`   // 0 where the driver knows none
	Ticks   uint64    `json:"ticks"` // start time of Pid in clock ticks since boot; tells a reused pid
}

// A Fault is one way to break a victim on purpose.
//
// Inject makes the fault true and returns when it is: the return is the instant
// of injection. It returns an error, having changed nothing, when the victim is
// no longer the process it was or the host cannot do it. Undo puts everything
// back; it may be called any number of times, by any process, with the victim
// as it was written down before Inject, and a victim that is gone counts as
// undone. Neither signals a process whose start time differs from the victim's.
type Fault interface {
	Name() FaultName
	Inject(ctx context.Context, victim Victim) error
	Undo(ctx context.Context, victim Victim) error
}
