package fault

import (
	"holdfast"
	"holdfast/fault/tracer"
)

// DiskFull fails whatever the victim writes to a file below its data directory: no
// space is left. Reading goes on, and so does what is written elsewhere: its log,
// its connections. What the tracer cannot see (fault/tracer says what) is not
// struck.
func DiskFull() holdfast.Leased { return traced{kind: tracer.DiskFull, data: true} }
