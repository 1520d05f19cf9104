// Package gateway is the data plane: it carries all traffic, published and
// between services, judges replicas by itself, and serves on when nobody talks
// to it.
//
// A request goes down one line, a file each: route, admission, pick, try, race,
// second, retry, respond, fallback. In front stands net/http; behind stands our
// own HTTP/1.1 client, because what makes a retry safe (was a byte written, was
// one read, was the connection a used one) cannot be had through http.Transport.
package gateway

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"holdfast"
	"holdfast/detect"
	"holdfast/internal/proc"
)

// Bounds of a gateway's life.
const (
	drainTime     = 5 * time.Second // for what is in flight when Run ends
	maxInFlight   = 10_000          // requests and streams of one service; more is refused, not queued
	maxRemembered = 4096            // exits of replicas no table has named yet
)

// Options are what a gateway is made of.
type Options struct {
	Name holdfast.GatewayName
	Dir  string // holds table.json, the last good routing table; created with mode 0700
	// Log takes what a person should see, at most 50 lines a second; nil is
	// nowhere. It is written to while verdicts wait: a file, not a pipe that may
	// stall.
	Log     io.Writer
	Version string // told to who asks for metrics
}

// A Gateway carries the traffic of one system. Its methods may be called
// concurrently.
type Gateway struct {
	identity
	log    *logbook
	limit  int64 // maxInFlight
	places int   // of each door

	routing atomic.Pointer[routing] // what requests read; replaced whole
	flights *flights
	free    freeList
	replays replays
	bounds  bounds
	factor  atomic.Int64  // by our own health, from 1 to 8: how much longer others are waited for; 0 before the first pulse
	alarms  chan struct{} // a score of errors alarms; holds one
	copies  copies

	stragglers stragglers
	departure  departure
	noted      chan struct{}   // asks for the memory to be written; holds one
	reshaped   chan struct{}   // asks to look at what drains; holds one
	presence   *presence       // from Run's begin to its end
	back       *http.Transport // dials trunks; keeps none

	securing sync.Mutex // one reader of certificates at a time
	applying sync.Mutex // one Apply at a time, its disk write included

	mu sync.Mutex // guards what follows, and every verdict
	guarded
}

// An identity is which gateway it is, and of what.
type identity struct {
	name  holdfast.GatewayName
	build string
	began time.Time
	dir   string
}

// What is guarded is touched by whoever holds Gateway.mu.
type guarded struct {
	held      *heldTable // nil until there is one
	services  map[holdfast.ServiceName]*service
	drains    drains
	exited    map[holdfast.ReplicaName]holdfast.Incarnation
	followers map[*follower]struct{}
	doors     map[holdfast.ListenerName]*door
	tallies   map[tallied]*tally
	health    detect.Health
	work      *work // not nil while Run runs
}

// New makes a gateway and loads the last good table from Dir, if there is one.
// A table that cannot be read is set aside and said in the log: a gateway that
// does not start helps nobody.
func New(o Options) (*Gateway, error) {
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("gateway %s: %w", o.Name, err)
	}
	g := &Gateway{
		identity:  identity{name: o.Name, build: o.Version, began: time.Now(), dir: o.Dir},
		log:       newLogbook(o.Log),
		limit:     maxInFlight,
		places:    places(),
		flights:   newFlights(),
		alarms:    make(chan struct{}, 1),
		departure: departure{begun: make(chan struct{})},
		noted:     make(chan struct{}, 1),
		reshaped:  make(chan struct{}, 1),
		back:      newBack(),
		guarded: guarded{
			services:  map[holdfast.ServiceName]*service{},
			exited:    map[holdfast.ReplicaName]holdfast.Incarnation{},
			followers: map[*follower]struct{}{},
			doors:     map[holdfast.ListenerName]*door{},
			tallies:   map[tallied]*tally{},
		},
	}
	g.bounds.pace = usualPace()
	g.routing.Store(&routing{})
	g.restore()
	g.recall()
	return g, nil
}

// work is what goes on while Run runs: everything it starts, it waits for.
type work struct {
	ctx   context.Context
	group sync.WaitGroup
}

// Run checks replicas and serves the sockets until ctx ends, then stops
// accepting and gives what is in flight 5 s; after Leave it gives it more. It
// returns nil after everything it started has ended. It runs once.
func (g *Gateway) Run(ctx context.Context) error {
	working, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	w := &work{ctx: working}
	g.begin(w)
	var doors []*door
	select {
	case <-ctx.Done():
	case <-g.departure.begun:
		doors = g.depart()
		g.linger(ctx, doors)
	}
	g.drain(append(doors, g.end()...))
	stop()
	w.group.Wait()
	g.presence.leave()
	return nil
}

// begin starts the checks of every endpoint and the service of every socket.
func (g *Gateway) begin(w *work) {
	g.appear()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.work = w
	w.group.Go(func() { g.keepDraining(w.ctx) })
	w.group.Go(func() { g.pulse(w.ctx) })
	w.group.Go(func() { g.keepMemory(w.ctx) })
	w.group.Go(func() { g.share(w.ctx) })
	w.group.Go(func() { g.keepSecured(w.ctx) })
	for _, s := range g.services {
		for _, e := range s.endpoints {
			g.startWatch(s, e)
		}
	}
	for _, d := range g.doors {
		g.open(d)
	}
}

// appear has the gateways beside this one know of it before it serves.
func (g *Gateway) appear() {
	var err error
	if g.presence, err = appear(g.dir); err != nil {
		g.log.say("a gateway that serves beside this one does not see what it has in flight: %v", err)
	}
}

// end lets nothing new begin and lets the followers go.
func (g *Gateway) end() []*door {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.work = nil
	return g.letGo()
}

// drain stops accepting, waits for what is in flight, cuts off what takes too
// long, and closes what lies idle.
func (g *Gateway) drain(doors []*door) {
	bounded, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	var group sync.WaitGroup
	for _, d := range doors {
		group.Go(func() { d.close(bounded) })
	}
	g.flights.land(bounded)
	group.Wait()
	g.stragglers.end()
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, s := range g.services {
		for _, e := range s.endpoints {
			e.pool.close()
		}
	}
}

// Exited takes the keeper's word that a process ended: its incarnation is out
// at once, even as the last one. One that lives (Exit is nil) refutes what is known
// of it or of later ones: incarnations begin anew in a state directory that lost
// its memory.
func (g *Gateway) Exited(p holdfast.Process) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if p.Exit == nil {
		g.revive(p.ID)
		return
	}
	name := p.ID.Name()
	if _, known := g.exited[name]; known || len(g.exited) < maxRemembered {
		g.exited[name] = max(g.exited[name], p.ID.Incarnation)
	}
	s := g.services[p.ID.Service]
	if s == nil {
		return
	}
	for _, e := range s.endpoints {
		if e.ID == p.ID {
			g.bury(s, e, "the process ended: "+p.Exit.String())
			g.settle(s)
		}
	}
}

// revive forgets that a living incarnation had ended. What was buried for it is
// looked at as if it had just come. The caller holds mu.
func (g *Gateway) revive(id holdfast.ReplicaID) {
	if last, ended := g.exited[id.Name()]; ended && last >= id.Incarnation {
		delete(g.exited, id.Name())
		g.note()
	}
	s := g.services[id.Service]
	if s == nil {
		return
	}
	for i, e := range s.endpoints {
		if e.ID == id && e.standing == gone {
			g.log.say("%s lives, and had ended in an earlier life of this system", id)
			s.endpoints[i] = newEndpoint(s, e.Endpoint)
			e.retire()
			g.startWatch(s, s.endpoints[i])
			g.settle(s)
		}
	}
}

// State is what the gateway believes, in the order of the table.
func (g *Gateway) State(context.Context) (holdfast.GatewayState, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	state := holdfast.GatewayState{Gateway: g.name, Began: g.began.UnixNano()}
	if g.held == nil {
		return state, nil
	}
	state.Revision = g.held.table.Revision
	state.Unsaved = g.held.unsaved
	state.Patience = g.health.Factor()
	for _, routed := range g.held.table.Services {
		first := len(state.Endpoints)
		for _, e := range g.services[routed.Name].endpoints {
			state.Endpoints = append(state.Endpoints, e.state())
		}
		state.Services = append(state.Services, g.services[routed.Name].load())
		apportion(state.Endpoints[first:], g.services[routed.Name].endpoints)
	}
	state.Routes = g.routeStates()
	g.enforce(state.Routes)
	return state, nil
}

// state is an endpoint as a person asks for it. The caller holds Gateway.mu.
func (e *endpoint) state() holdfast.EndpointState {
	recent := e.last.Since(&e.older)
	state := holdfast.EndpointState{
		ID:         e.ID,
		Admitted:   e.standing == admitted || e.standing == kept,
		Kept:       e.standing == kept,
		Since:      int64(e.since),
		Sign:       e.sign,
		Reason:     e.reason,
		InFlight:   int(e.inFlight.Load()),
		Tries:      e.tries.Load(),
		Failures:   e.failures.Load(),
		ErrorShare: e.rate.Seen(),
		Typical:    recent.Answered.Median(),
		Check:      e.took,
		Before:     e.earlier,
	}
	if e.held > now() {
		state.HeldUntil = int64(e.held)
	}
	return state
}

// now is the clock that instants given to others are taken from.
func now() time.Duration { return proc.Now() }
