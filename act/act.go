// Package act carries out what was recorded: it applies the newest plan to the
// drivers and the gateways through their ports, and reports what became of
// remedies as observations. It never tells the mind that something succeeded by
// returning.
package act

import (
	"context"
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

// again is the pause before a gateway that could not be reached is asked again.
// It serves on meanwhile.
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
	// Complain says what went wrong and is being tried again.
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
}

// New makes an actor; Run runs it.
func New(o Options) *Actor { return &Actor{o: o, news: make(chan struct{}, 1)} }

// Carry takes over a recorded frame, and the plan if it changed. It does not
// wait: a plan that comes before the last was applied replaces it.
func (a *Actor) Carry(frame event.Frame, plan *control.Plan) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if plan != nil {
		a.plan = plan
	}
	for _, entry := range frame.Entries {
		if decided, ok := entry.Body.(event.Decided); ok && decided.Mode != "" {
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
	var hands sync.WaitGroup
	defer hands.Wait()
	tables := make([]chan holdfast.RoutingTable, len(a.o.Gateways))
	for i, gateway := range a.o.Gateways {
		tables[i] = make(chan holdfast.RoutingTable, 1)
		hands.Go(func() { a.route(ctx, gateway, tables[i]) })
	}
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-a.news:
		}
		plan, begun := a.take()
		if !a.o.Agree.Held() {
			return ErrFenced
		}
		if err := a.apply(ctx, plan, begun, tables); err != nil {
			return err
		}
	}
}

// ErrFenced says that another agent holds the system.
const ErrFenced = holdfast.Refusal("another agent acts for this system now")

func (a *Actor) take() (*control.Plan, []event.ID) {
	a.mu.Lock()
	defer a.mu.Unlock()
	plan, begun := a.plan, a.begun
	a.plan, a.begun = nil, nil
	return plan, begun
}

// apply hands the plan to drivers and gateways, and says of each remedy that it
// began and whether it was taken over.
func (a *Actor) apply(ctx context.Context, plan *control.Plan, begun []event.ID, tables []chan holdfast.RoutingTable) error {
	if plan == nil {
		return nil
	}
	for _, action := range begun {
		if err := a.o.Tell(ctx, event.Began{Action: action}); err != nil {
			return err
		}
	}
	for _, table := range tables {
		newest(table, plan.Table)
	}
	failed := a.drive(ctx, plan.Desired)
	for _, action := range begun {
		var outcome event.Body = event.Done{Action: action}
		if failed != nil {
			outcome = event.Failed{Action: action, Reason: failed.Error()}
		}
		if err := a.o.Tell(ctx, outcome); err != nil {
			return err
		}
	}
	return nil
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

// drive gives every driver its part of what should run.
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
	for i, hand := range a.o.Hands {
		if err := hand.Driver.Apply(ctx, parts[i]); err != nil {
			return fmt.Errorf("hand over what should run: %w", err)
		}
	}
	return nil
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

// route keeps one gateway at the newest table.
func (a *Actor) route(ctx context.Context, gateway holdfast.Gateway, tables <-chan holdfast.RoutingTable) {
	for {
		var table holdfast.RoutingTable
		select {
		case <-ctx.Done():
			return
		case table = <-tables:
		}
		said := ""
		for err := gateway.Apply(ctx, table); err != nil; err = gateway.Apply(ctx, table) {
			if ctx.Err() == nil && err.Error() != said {
				said = err.Error() // once, however often it is tried
				a.o.Complain(fmt.Errorf("hand routing table %d to a gateway: %w", table.Revision, err))
			}
			select {
			case <-ctx.Done():
				return
			case table = <-tables:
			case <-time.After(again):
			}
		}
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
