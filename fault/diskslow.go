package fault

import (
	"time"

	"holdfast"
	"holdfast/fault/tracer"
)

// DiskSlow has whatever the victim writes to a file below its data directory, or
// waits to be on the disk there, take a second longer: as Delay, and for the same
// reason. Only the thread that asks waits.
func DiskSlow() holdfast.Leased { return traced{kind: tracer.DiskSlow, data: true, delay: time.Second} }
