package process

import (
	"time"

	"holdfast"
)

// killAgain is how long a process may take to die of SIGKILL before it is sent
// once more. It matters only for what hangs in the kernel.
const killAgain = 5 * time.Second

// A replica is one replica as a Run knows it. Its life, incarnation by
// incarnation:
//
//	          start                exit                  gone
//	nothing ────────▶ living ─────────────▶ remains ────────────▶ over
//	   │                 │ no longer desired    ▲                  │
//	   │                 ▼                      │                  │
//	   │   stop signal, grace, SIGKILL ─────────┘                  │
//	   │                                                           │
//	   └─▶ over (it could not be started)       a higher incarnation is desired:
//	                                            from the beginning
//
// A stop once begun goes on to the end, even if the same incarnation is desired
// again: it was told to end, and no longer takes work or has lost half its
// state. Whoever wants it back desires the next incarnation.
type replica struct {
	name    holdfast.ReplicaName
	life    holdfast.Process     // the last incarnation seen; zero when none was
	tried   holdfast.Incarnation // the highest that was started, found, or could not be started
	service holdfast.Service     // as it was when life was desired; says how to end it
	told    struct{ started, exited bool }
	stop    *stop     // nil unless life is being ended
	busy    bool      // the keeper is being asked for something
	retry   time.Time // not to be started before: the keeper still holds something of it
}

// A stop is the end of a process that was begun, and when SIGKILL is due.
type stop struct{ due time.Time }

// A step is what is to be done about a replica next.
type step int

const (
	rest step = iota
	start
	signalStop
	signalKill
	endAtOnce // a stop that begins with SIGKILL: it does not listen any more
)

// next is the whole decision: what is to be done about a replica now, given
// what is desired of it (nil: nothing).
func (r *replica) next(want *holdfast.DesiredReplica, now time.Time) step {
	switch {
	case r.busy:
		return rest
	case r.lives() && r.stop != nil && !now.Before(r.stop.due):
		return signalKill
	case r.lives() && r.stop != nil:
		return rest
	case r.lives() && want != nil && want.Kill && want.ID.Incarnation > r.life.ID.Incarnation:
		return endAtOnce
	case r.lives() && (want == nil || want.ID.Incarnation > r.life.ID.Incarnation):
		return signalStop
	case r.lives() || r.remains():
		return rest
	case want != nil && want.ID.Incarnation > r.tried && !now.Before(r.retry):
		return start
	}
	return rest
}

func (r *replica) seen() bool    { return r.life.ID.Incarnation > 0 }
func (r *replica) lives() bool   { return r.seen() && r.life.Exit == nil && !r.life.Gone }
func (r *replica) remains() bool { return r.seen() && r.life.Exit != nil && !r.life.Gone }

// deadline is when next has to be asked again although nothing happened; zero
// when never.
func (r *replica) deadline() time.Time {
	switch {
	case r.busy:
		return time.Time{}
	case r.lives() && r.stop != nil:
		return r.stop.due
	default:
		return r.retry
	}
}

// remember keeps how to end what lives, for the time when it is no longer
// desired and nobody says. A process that was adopted and never desired is
// ended with SIGTERM and the usual grace.
func (r *replica) remember(want holdfast.DesiredReplica) {
	if r.service.Name == "" || want.ID.Incarnation == r.life.ID.Incarnation {
		r.service = want.Service
	}
}

// usualGrace is what a file that says nothing gives; Compose has the same.
const usualGrace = 10 * time.Second

func (r *replica) grace() time.Duration {
	if r.service.Name == "" {
		return usualGrace
	}
	return r.service.StopGrace
}

// learn takes in what the keeper says of this replica and reports whether it is
// news. The keeper's word and the answer to our own question may overtake each
// other, so a state never goes back: what has exited stays so.
func (r *replica) learn(p holdfast.Process) bool {
	switch {
	case p.ID.Incarnation < r.life.ID.Incarnation:
		return false
	case p.ID.Incarnation > r.life.ID.Incarnation:
		r.life, r.stop = p, nil
		r.told = struct{ started, exited bool }{}
	case p.Gone && !r.life.Gone, p.Exit != nil && r.life.Exit == nil:
		r.life = p
	default:
		return false
	}
	r.tried = max(r.tried, p.ID.Incarnation)
	r.retry = time.Time{}
	return true
}
