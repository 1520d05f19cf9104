package holdfast

import (
	"fmt"
	"time"
)

// An Observation is a fact that a hand reports to the mind. It is not yet
// believed: what it means is for the mind to decide. Observations are values,
// are written to the journal as they came, and are told apart by their type;
// Kind is the name under which they are stored.
type Observation interface{ Kind() string }

// Started says that an incarnation runs and where it will listen. It says
// nothing about readiness. A driver repeats it for what it finds running when
// it is asked to follow.
type Started struct {
	ID      ReplicaID `json:"id"`
	Address string    `json:"address"`           // host:port
	Pid     int       `json:"pid,omitempty"`     // 0 where the driver knows none
	Ticks   uint64    `json:"ticks,omitempty"`   // start time of Pid, clock ticks since boot
	Adopted bool      `json:"adopted,omitempty"` // it ran before we came
	Lacks   string    `json:"lacks,omitempty"`   // which of its limits do not hold, and why
}

// NotStarted says that an incarnation could not be started at all: no such
// command, no address, no directory.
type NotStarted struct {
	ID     ReplicaID `json:"id"`
	Reason string    `json:"reason"`
}

// Exited is the kernel's word that an incarnation ended.
type Exited struct {
	ID     ReplicaID     `json:"id"`
	Status ExitStatus    `json:"status"`
	Ran    time.Duration `json:"ran"`
}

// Ejected says that a gateway sends no more requests to an incarnation, and
// why. It is said again when the evidence becomes another (missed checks, then
// silence). Remaining is how many replicas of the service it still uses.
type Ejected struct {
	Gateway   GatewayName `json:"gateway"`
	ID        ReplicaID   `json:"id"`
	Sign      Sign        `json:"sign"`
	Detail    string      `json:"detail"`
	Remaining int         `json:"remaining"`
	// Kept is set when the replica looks bad but is the last one, so that it is
	// used all the same.
	Kept bool `json:"kept,omitempty"`
}

// Admitted says that a gateway sends requests to an incarnation from now on.
type Admitted struct {
	Gateway GatewayName `json:"gateway"`
	ID      ReplicaID   `json:"id"`
	Detail  string      `json:"detail,omitempty"` // what convinced it: "GET /healthz 200 in 1.2ms"
}

// Overloaded says that a gateway refuses requests to a service because it is
// given more than it can answer, and has done so for a while. It is said once,
// and said again to who begins to follow meanwhile.
type Overloaded struct {
	Gateway GatewayName `json:"gateway"`
	Service ServiceName `json:"service"`
	// Highest is the highest priority of which anything was refused: with
	// Critical, more is refused than nobody minds.
	Highest Priority      `json:"highest"`
	Shed    uint64        `json:"shed"`  // requests refused since it began
	Limit   int           `json:"limit"` // how many it is given at once
	After   time.Duration `json:"after"` // how long it had gone on when this was said
	Detail  string        `json:"detail,omitempty"`
}

// Relieved says that an overload that was told is over: nothing has been refused
// for some seconds.
type Relieved struct {
	Gateway GatewayName   `json:"gateway"`
	Service ServiceName   `json:"service"`
	Shed    uint64        `json:"shed"`   // requests refused in all of it
	Lasted  time.Duration `json:"lasted"` // from the first of them to the last
}

// Counted says what a gateway has counted of the published routes. Its counts grow
// through one life of the gateway and begin at zero with the next: who takes them in
// reckons the difference, so that none is lost while nobody listens, and none counts
// twice. It is said again at least once a minute, with no routes where nothing was
// asked: nothing heard is not the same as nothing asked.
type Counted struct {
	Gateway GatewayName  `json:"gateway"`
	Began   int64        `json:"began"`            // as in GatewayState
	Routes  []RouteCount `json:"routes,omitempty"` // whose counts are others than those told last
}

// aStart is how much earlier than whoever listens to it a gateway may begin that is
// started with them.
const aStart = time.Minute

// OlderThan tells whether the gateway counted before there was anybody to hear it: the
// first that is heard of such a one is no news, but all its life. One that does not say
// when it began is not.
func (c Counted) OlderThan(listener time.Time) bool {
	return c.Began != 0 && c.Began < listener.Add(-aStart).UnixNano()
}

// A RouteCount is what was asked by one published route, and answered.
type RouteCount struct {
	Route    string      `json:"route"` // as RouteEntry.Name
	Path     string      `json:"path,omitempty"`
	Service  ServiceName `json:"service"`
	Requests uint64      `json:"n"`
	Failed   uint64      `json:"failed,omitempty"`   // status 500 or more, or no whole answer
	Degraded uint64      `json:"degraded,omitempty"` // of those that were answered
	Shed     uint64      `json:"shed,omitempty"`     // of the failed, refused because the service is given more than it can answer
	// Waits are set where a promise says how long an answer may take: how many were
	// there within each of WaitBounds, and beyond all of them.
	Waits []uint64 `json:"waits,omitempty"`
}

// Drained says that nothing of an incarnation that the table has draining is in
// flight any more, at this gateway or another one of the same directory: nobody is
// hurt when it ends. It is said once, and said again to who begins to follow.
type Drained struct {
	Gateway GatewayName   `json:"gateway"`
	ID      ReplicaID     `json:"id"`
	Lasted  time.Duration `json:"lasted"`        // since the gateway was told
	Cut     int           `json:"cut,omitempty"` // requests and streams that had not ended in time and were cut off
}

func (Started) Kind() string    { return "started" }
func (NotStarted) Kind() string { return "not-started" }
func (Exited) Kind() string     { return "exited" }
func (Ejected) Kind() string    { return "ejected" }
func (Admitted) Kind() string   { return "admitted" }
func (Overloaded) Kind() string { return "overloaded" }
func (Relieved) Kind() string   { return "relieved" }
func (Counted) Kind() string    { return "counted" }
func (Drained) Kind() string    { return "drained" }

// An ExitStatus is how a process ended. Exactly one of the three is meant:
// Unknown when it was not our child and the kernel does not tell, Signal when
// it is not empty, Code otherwise.
type ExitStatus struct {
	Code    int    `json:"code"`
	Signal  string `json:"signal,omitempty"` // "SIGKILL"
	Unknown bool   `json:"unknown,omitempty"`
	// Memory is set when it was the kernel that ended it, at its limit of memory:
	// who reads SIGKILL looks for a person or a remedy that sent it.
	Memory bool `json:"memory,omitempty"`
}

// String is "exit 1", "SIGKILL", "SIGKILL at its memory limit" or "exit unknown".
func (s ExitStatus) String() string {
	how := ""
	if s.Memory {
		how = " at its memory limit"
	}
	switch {
	case s.Unknown:
		return "exit unknown" + how
	case s.Signal != "":
		return s.Signal + how
	default:
		return fmt.Sprintf("exit %d", s.Code)
	}
}
