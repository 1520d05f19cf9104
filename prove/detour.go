package prove

import (
	"context"
	"time"

	"holdfast"
	"holdfast/load"
)

const (
	// severRefuses is how long an edge that is lost refuses before it is silent.
	severRefuses = 1500 * time.Millisecond
	// delay is what a slow replica takes longer.
	delay = time.Second
)

// observe has the load look at the victim itself.
func (d *drilling) observe(plan *load.Plan) {
	if d.victim.Pid != 0 {
		plan.Watch = []load.Watch{{Pid: d.victim.Pid, Ticks: d.victim.Ticks}}
	}
}

// A path is the way to one replica on which the fault proxy stands.
type path struct {
	id    holdfast.ReplicaID
	front string // where the proxy listens for it
}

// A glimpse is what became of one request that the load sent on a path itself.
type glimpse struct {
	id      holdfast.ReplicaID
	at      time.Duration
	took    time.Duration // to the first byte
	status  int           // 0 where no answer came
	refused bool
	silent  bool // neither accepted nor refused, or accepted and not answered
}

// No fault proxy stands in the path yet: nothing on it can be seen, and a drill
// of what happens there is INVALID for want of a witness.

func (d *drilling) sameProxy(context.Context) error { return nil }
func (d *drilling) sawStop() string                 { return "" }
func (d *drilling) probed() []glimpse               { return nil }
