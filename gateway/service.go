package gateway

import (
	"cmp"
	"slices"
	"sync/atomic"
	"time"

	"holdfast"
	"holdfast/detect"
)

// A service is one service as requests find it. It stays the same object
// through every table that names it.
type service struct {
	name      holdfast.ServiceName
	inFlight  atomic.Int64
	lineup    atomic.Pointer[lineup]
	answered  atomic.Uint64   // tries whose outcome is known, of all replicas there ever were
	broken    atomic.Uint64   // of those, failures
	typical   atomic.Int64    // recent median time to the first byte, nanoseconds; 0 while unknown
	alarms    chan<- struct{} // asks for a review now
	parked    atomic.Int64    // requests that wait for a replica
	cut       atomic.Uint64   // requests and streams whose replica ended before they did
	latency   latency
	budget    budget
	admission admission

	// Guarded by Gateway.mu.
	protocol  holdfast.Protocol
	check     holdfast.Healthcheck // with no zero that means a default
	minimum   int
	endpoints []*endpoint // in the order of the table
	records   map[holdfast.ReplicaName]record
	weighed   detect.Outcomes // those the rates know of
	paced     []*endpoint     // whose pace was compared last
	turned    time.Duration   // CLOCK_BOOTTIME of when the recent pace last began
}

func newService(name holdfast.ServiceName, alarms chan<- struct{}) *service {
	return &service{name: name, alarms: alarms, records: map[holdfast.ReplicaName]record{}}
}

// A lineup is whom requests may go to, settled anew at each verdict.
type lineup struct {
	usable  []*endpoint // picked from
	standby []*endpoint // alive as far as we know, not trusted; better than no answer
	trusted bool        // somebody usable is admitted
	// While nobody is: since when, and what is closed when that has changed.
	lost   time.Duration // CLOCK_BOOTTIME
	opened chan struct{}
}

// An endpoint is one incarnation as the gateway sees it. A new incarnation is a
// new endpoint: it inherits neither connections nor reputation.
type endpoint struct {
	holdfast.Endpoint
	service     *service
	multiplexed bool // it is spoken to over HTTP/2
	pool        pool
	inFlight    atomic.Int64
	tries       atomic.Uint64
	failures    atomic.Uint64
	waits       waits
	asked       waits // health checks that are connected and wait for a byte
	reputation  reputation
	sideline    sideline
	earlier     holdfast.Tried // by incarnations before it
	heldUp      atomic.Int64   // exchanges with it that wait on our client: for the next piece of a body, or for room to write one
	heard       atomic.Int64   // CLOCK_BOOTTIME of the last byte of an answer that came from it, nanoseconds
	checkHeard  atomic.Int64   // and of the last sign of life that a check saw
	retired     chan struct{}  // closed when no table names it any more
	nudged      chan struct{}  // asks for a check now; holds one

	lessons    lessons
	admittedAt atomic.Int64 // CLOCK_BOOTTIME of the last admission, nanoseconds
	lingering  atomic.Int64 // tries that nobody waits for, but for how long they would have taken

	// Guarded by Gateway.mu.
	standing standing
	since    time.Duration // CLOCK_BOOTTIME of the last change of standing
	sign     holdfast.Sign // of the evidence that ejected it
	reason   string        // the evidence, as a person reads it
	evidence
}

// Evidence is what speaks for and against an endpoint. Guarded by Gateway.mu.
type evidence struct {
	checks    detect.Checks
	took      time.Duration // by the last check
	lateBy    time.Duration // what the last check took whose answer came too late
	quiet     detect.Quiet
	apart     time.Duration // CLOCK_BOOTTIME of when its failures began to stand out; 0 while they do not
	suspected time.Duration // CLOCK_BOOTTIME of when waiting requests last asked for checks
	held      time.Duration // CLOCK_BOOTTIME before which it is not admitted again
	before    record        // what was held against it before it last fell

	rate     detect.Rate
	counted  detect.Outcomes // those the rate knows of
	slowness detect.Slowness
	last     detect.Pace // at the last pulse
	old      detect.Pace // a while before that
	older    detect.Pace // and before that
}

func newEndpoint(s *service, wanted holdfast.Endpoint) *endpoint {
	return &endpoint{
		Endpoint:    wanted,
		service:     s,
		multiplexed: s.protocol == holdfast.H2C || s.protocol == holdfast.GRPC,
		retired:     make(chan struct{}),
		nudged:      make(chan struct{}, 1),
		since:       now(),
		reason:      "not checked yet",
	}
}

// retire lets what is in flight finish and takes no more.
func (e *endpoint) retire() {
	close(e.retired)
	e.pool.close()
}

func (e *endpoint) isRetired() bool {
	select {
	case <-e.retired:
		return true
	default:
		return false
	}
}

// nudge asks for a check now. It never waits.
func (e *endpoint) nudge() {
	select {
	case e.nudged <- struct{}{}:
	default:
	}
}

// withDefaults fills what a table left open. The interval is every peer's
// smallest sensible one; 300 ms is three times what a starved machine delayed
// an honest answer by; two misses, because one is a lost packet.
func withDefaults(check holdfast.Healthcheck) holdfast.Healthcheck {
	check.Interval = cmp.Or(max(check.Interval, 0), time.Second)
	check.Timeout = cmp.Or(max(check.Timeout, 0), 300*time.Millisecond)
	check.Retries = cmp.Or(max(check.Retries, 0), 2)
	return check
}

// A tally counts what the callers of one route saw.
type tally struct {
	requests atomic.Uint64
	failed   atomic.Uint64
	retried  atomic.Uint64
	hedged   atomic.Uint64
	degraded atomic.Uint64
	unpaid   atomic.Uint64
	shed     [ranks]atomic.Uint64
	queued   atomic.Uint64
	parked   atomic.Uint64
	stale    atomic.Uint64
	broken   atomic.Uint64
	breaker  breaker
	waiting  atomic.Int64 // requests that have no answer yet
	answers  [holdfast.StatusClasses]atomic.Uint64
	first    spread
}

func (t *tally) state(of tallied) holdfast.RouteState {
	var shed map[holdfast.Priority]uint64
	for r := critical; r < rank(ranks); r++ {
		if n := t.shed[r].Load(); n > 0 {
			if shed == nil {
				shed = map[holdfast.Priority]uint64{}
			}
			shed[r.priority()] = n
		}
	}
	return holdfast.RouteState{
		Listener:        of.listener,
		Host:            of.host,
		Path:            of.path,
		Shed:            shed,
		Queued:          t.queued.Load(),
		Parked:          t.parked.Load(),
		Stale:           t.stale.Load(),
		Broken:          t.broken.Load(),
		Requests:        t.requests.Load(),
		Failed:          t.failed.Load(),
		Retried:         t.retried.Load(),
		Hedged:          t.hedged.Load(),
		Degraded:        t.degraded.Load(),
		RefusedByBudget: t.unpaid.Load(),
		Answers:         t.answered(),
		FirstByte:       t.first.state(),
	}
}

// Tallied is whose counters they are: a route's, or, with neither host nor path,
// also those of what meets no route of a listener.
type tallied struct {
	listener   holdfast.ListenerName
	host, path string
}

func talliedOf(e holdfast.RouteEntry) tallied {
	return tallied{listener: e.Listener, host: e.Host, path: e.Path}
}

// tally finds the counters of a route. The caller holds mu.
func (g *Gateway) tally(e holdfast.RouteEntry) *tally {
	t := g.tallies[talliedOf(e)]
	if t == nil {
		t = &tally{}
		g.tallies[talliedOf(e)] = t
	}
	return t
}

// forget drops the counters of routes that are in no table any more, so that a
// gateway whose file changes for years holds no more of them than its table has.
// Those of a listener stay: its door counts there. The caller holds mu.
func (g *Gateway) forget(table holdfast.RoutingTable) {
	named := make(map[tallied]bool, len(table.Routes))
	for _, entry := range table.Routes {
		named[talliedOf(entry)] = true
	}
	for of := range g.tallies {
		if !named[of] && (of.host != "" || of.path != "") {
			delete(g.tallies, of)
		}
	}
}

// routeStates are the counters of all routes in the order of the table, and
// those of what met none. The caller holds mu.
func (g *Gateway) routeStates() []holdfast.RouteState {
	var states []holdfast.RouteState
	for _, entry := range g.held.table.Routes {
		states = append(states, g.tally(entry).state(talliedOf(entry)))
	}
	for name := range g.doors {
		of := tallied{listener: name}
		listed := slices.ContainsFunc(states, func(s holdfast.RouteState) bool { return s.Listener == name && s.Host == "" && s.Path == "" })
		if t := g.tallies[of]; t != nil && t.requests.Load() > 0 && !listed {
			states = append(states, t.state(of))
		}
	}
	return states
}
