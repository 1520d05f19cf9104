// Package act carries out what was recorded: it applies the newest plan to the
// drivers and the gateways through their ports, and reports what became of
// remedies as observations. It never tells the mind that something succeeded by
// returning.
package act

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"holdfast"
	"holdfast/control"
	"holdfast/event"
)

// again is the pause before a gateway that could not be reached, or a driver
// that refused, is asked again. A gateway serves on meanwhile.
const again = 100 * time.Millisecond

// A Hand is a driver and the services it is for.
type Hand struct {
	Takes  func(holdfast.Service) bool
	Driver holdfast.Driver
}

// Options are what acting needs. All fields are needed.
type Options struct {
	Hands    []Hand
	Gateways []holdfast.Gateway
	Agree    holdfast.Agree
	// Address says where a listener is; false before it was opened.
	Address func(holdfast.ListenerName) (netip.AddrPort, bool)
	// Tell reports an outcome to the mind.
	Tell func(context.Context, event.Body) error
	// Capture keeps evidence of a replica and says where, and what matters. It
	// is called by one goroutine at a time.
	Capture func(context.Context, holdfast.ReplicaID) (path, summary string, err error)
	// Complain says what went wrong and is being tried again. It may be called
	// by several at once.
	Complain func(error)
}

// An Actor carries out plans. Carry may be called by one goroutine while Run
// runs in another.
type Actor struct {
	o     Options
	mu    sync.Mutex
	plan  *control.Plan
	begun []event.ID // remedies recorded with the plan or before it, not yet reported
	news  chan struct{}
	shots chan event.Entry // decisions to capture; what finds no room is complained of
}

// maxShots bounds the captures that wait. A zone of replicas that hang together
// hang for one reason, and the first ones show it.
const maxShots = 16

// New makes an actor; Run runs it.
func New(o Options) *Actor {
	return &Actor{o: o, news: make(chan struct{}, 1), shots: make(chan event.Entry, maxShots)}
}

// Carry takes over a recorded frame, and the plan if it changed. It does not
// wait: a plan that comes before the last was applied replaces it.
func (a *Actor) Carry(frame event.Frame, plan *control.Plan) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if plan != nil {
		a.plan = plan
	}
	for _, entry := range frame.Entries {
		decided, ok := entry.Body.(event.Decided)
		switch {
		case !ok || decided.Mode == "":
		case decided.Do == event.ActCapture:
			a.shoot(entry)
		default:
			a.begun = append(a.begun, entry.ID)
		}
	}
	select {
	case a.news <- struct{}{}:
	default:
	}
}

// Run applies plans until ctx ends, and returns its error; or ErrFenced when
// somebody else may act instead of us.
func (a *Actor) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var others sync.WaitGroup
	defer others.Wait()
	defer cancel()
	tables := make([]chan holdfast.RoutingTable, len(a.o.Gateways))
	for i, gateway := range a.o.Gateways {
		tables[i] = make(chan holdfast.RoutingTable, 1)
		others.Go(func() { a.route(ctx, gateway, tables[i]) })
	}
	others.Go(func() { a.captures(ctx) })
	complain := complaint{to: a.o.Complain}
	var refused *control.Plan // the newest plan, while a driver has not taken it over
	var retry <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-a.news:
		case <-retry:
		}
		plan, begun := a.take()
		if plan == nil {
			plan = refused
		}
		if plan == nil {
			continue
		}
		if !a.o.Agree.Held() {
			return ErrFenced
		}
		failed, err := a.apply(ctx, plan, begun, tables)
		if err != nil {
			return err
		}
		complain.of(failed)
		if refused, retry = nil, nil; failed != nil {
			refused, retry = plan, time.After(again)
		}
	}
}

// ErrFenced says that another agent holds the system.
const ErrFenced = holdfast.Refusal("another agent acts for this system now")

// take is the plan that came since the last call, if one did, and the remedies
// that began with it.
func (a *Actor) take() (*control.Plan, []event.ID) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.plan == nil {
		return nil, nil
	}
	plan, begun := a.plan, a.begun
	a.plan, a.begun = nil, nil
	return plan, begun
}

// apply hands the plan to drivers and gateways, and says of each remedy that it
// began and whether it was taken over. Failed is why a driver did not take its
// part; err ends everything.
func (a *Actor) apply(ctx context.Context, plan *control.Plan, begun []event.ID, tables []chan holdfast.RoutingTable) (failed, err error) {
	for _, action := range begun {
		if err := a.o.Tell(ctx, event.Began{Action: action}); err != nil {
			return nil, err
		}
	}
	for _, table := range tables {
		newest(table, plan.Table)
	}
	failed = a.drive(ctx, plan.Desired)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	for _, action := range begun {
		var outcome event.Body = event.Done{Action: action}
		if failed != nil {
			outcome = event.Failed{Action: action, Reason: failed.Error()}
		}
		if err := a.o.Tell(ctx, outcome); err != nil {
			return nil, err
		}
	}
	return failed, nil
}

// newest leaves the newest table for a gateway that may be busy with an old one.
func newest(queue chan holdfast.RoutingTable, table holdfast.RoutingTable) {
	for {
		select {
		case queue <- table:
			return
		case <-queue:
		}
	}
}

// drive gives every driver its part of what should run, also when another
// driver refuses its own.
func (a *Actor) drive(ctx context.Context, desired holdfast.Desired) error {
	parts := make([]holdfast.Desired, len(a.o.Hands))
	for _, replica := range desired.Replicas {
		replica.Edges = a.edges(replica.Service)
		for i, hand := range a.o.Hands {
			if hand.Takes(replica.Service) {
				parts[i].Replicas = append(parts[i].Replicas, replica)
			}
		}
	}
	var refused error
	for i, hand := range a.o.Hands {
		if err := hand.Driver.Apply(ctx, parts[i]); err != nil {
			refused = errors.Join(refused, fmt.Errorf("hand over what should run: %w", err))
		}
	}
	return refused
}

// edges is where each dependency of a service answers.
func (a *Actor) edges(service holdfast.Service) map[holdfast.ServiceName]netip.AddrPort {
	edges := map[holdfast.ServiceName]netip.AddrPort{}
	for _, dependency := range service.DependsOn {
		edge := holdfast.Edge{From: service.Name, To: dependency.On}
		if address, ok := a.o.Address(holdfast.ListenerName(edge.String())); ok {
			edges[dependency.On] = address
		}
	}
	return edges
}

// route keeps one gateway at the newest table, for as long as we may act.
func (a *Actor) route(ctx context.Context, gateway holdfast.Gateway, tables <-chan holdfast.RoutingTable) {
	complain := complaint{to: a.o.Complain}
	var table holdfast.RoutingTable
	var retry <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case table = <-tables:
		case <-retry:
		}
		if !a.o.Agree.Held() {
			return // Run says so at the next plan
		}
		err := gateway.Apply(ctx, table)
		if ctx.Err() != nil {
			return
		}
		if retry = nil; err != nil {
			retry, err = time.After(again), fmt.Errorf("hand a routing table to a gateway: %w", err)
		}
		complain.of(err)
	}
}

// A complaint says what goes wrong once, however often it is tried, until it is
// something else or was well in between.
type complaint struct {
	to   func(error)
	said string
}

func (c *complaint) of(err error) {
	switch {
	case err == nil:
		c.said = ""
	case err.Error() != c.said:
		c.said = err.Error()
		c.to(err)
	}
}

// ParseAddress reads host:port as a listener's address.
func ParseAddress(address string) (netip.AddrPort, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return netip.AddrPort{}, err
	}
	if host == "" {
		host = "127.0.0.1"
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("port %q: %w", port, err)
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return netip.AddrPort{}, err
	}
	return netip.AddrPortFrom(ip, uint16(number)), nil
}
