package holdfast

import "time"

// How soon a failure is noticed, and when a remedy is due: numbers of those who
// notice and decide, by which a file is also judged before anything runs.
const (
	// Recheck is the time from a missed health check to the next.
	Recheck = 100 * time.Millisecond
	// ChecksAtOnce is how many health checks of one replica are under way at most.
	ChecksAtOnce = 3
	// ConnectTime bounds a connect to a replica, which is on this host or on its
	// network: an honest one takes no time.
	ConnectTime = 250 * time.Millisecond
	// Confirmation is how long a sign that needs a second witness may stand alone
	// before the same observer, still seeing it, counts as that witness. Half a
	// second: the gateway re-checks a suspect every Recheck, so about five checks
	// in a row have failed by then, and a starved machine was seen to delay one by
	// up to 230 ms, never twice in a row.
	Confirmation = 500 * time.Millisecond
	// Settling is how long a replica of which no byte came is out before the next
	// remedy is due: as long again as it takes to be sure of the silence.
	Settling = 2 * time.Second
)
