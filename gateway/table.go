package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"

	"holdfast"
)

// A heldTable is the routing table in force.
type heldTable struct {
	table   holdfast.RoutingTable
	text    []byte // as it is written to disk
	unsaved string // why it is not on disk; empty when it is
}

// Apply replaces the routing table. What did not change keeps its health, its
// connections and its streams; what is no longer named finishes what it has and
// gets nothing more.
//
// It refuses an older revision (ErrStale), a table that empties a service
// nobody asked to empty (ErrEmpty; a service that is simply missing counts as
// emptied), and one that contradicts itself, and keeps what it held. When it
// returns nil the table is in force and on disk; if it could not be written, it
// is in force all the same, and log and State say so.
func (g *Gateway) Apply(_ context.Context, table holdfast.RoutingTable) error {
	next, err := newHeldTable(table)
	if err != nil {
		return fmt.Errorf("apply routing table %d: %w", table.Revision, err)
	}
	g.applying.Lock()
	defer g.applying.Unlock()
	if err := g.take(next); err != nil {
		return fmt.Errorf("apply routing table %d: %w", table.Revision, err)
	}
	g.save()
	return nil
}

// newHeldTable checks a table and makes a copy of its own.
func newHeldTable(table holdfast.RoutingTable) (*heldTable, error) {
	if err := validate(table); err != nil {
		return nil, err
	}
	text, err := json.Marshal(table)
	if err != nil {
		return nil, err
	}
	held := &heldTable{text: text, unsaved: "not written yet"}
	return held, json.Unmarshal(text, &held.table)
}

// take puts a table in force, or refuses it and changes nothing. The caller holds
// applying.
func (g *Gateway) take(next *heldTable) error {
	secured := g.secure(next.table) // before mu is taken: a disk that hangs must not hold verdicts
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.held != nil {
		if next.table.Revision == g.held.table.Revision {
			return sameAgain(g.held, next)
		}
		if next.table.Revision < g.held.table.Revision {
			return fmt.Errorf("%w: %d", holdfast.ErrStale, g.held.table.Revision)
		}
		if name, empties := emptied(g.held.table, next.table); empties {
			return fmt.Errorf("%w: %s", holdfast.ErrEmpty, name)
		}
	}
	g.held = next
	g.adopt(next.table, secured)
	return nil
}

// sameAgain accepts the same table twice and refuses two tables that claim the
// same revision: one of them is lost otherwise, and nobody would know which.
func sameAgain(held, next *heldTable) error {
	if !bytes.Equal(held.text, next.text) {
		return fmt.Errorf("revision %d is held with other content", held.table.Revision)
	}
	return nil
}

// emptied finds a service that would lose its last replica without the file's
// word.
func emptied(held, next holdfast.RoutingTable) (holdfast.ServiceName, bool) {
	for _, old := range held.Services {
		if len(old.Endpoints) == 0 {
			continue
		}
		i := slices.IndexFunc(next.Services, func(s holdfast.RoutedService) bool { return s.Name == old.Name })
		if i < 0 || len(next.Services[i].Endpoints) == 0 && !next.Services[i].Emptied {
			return old.Name, true
		}
	}
	return "", false
}

// adopt makes the services and routes those of a table. The caller holds mu.
func (g *Gateway) adopt(table holdfast.RoutingTable, secured map[holdfast.ListenerName]*secured) {
	g.drains = g.drainsOf(table)
	services := make(map[holdfast.ServiceName]*service, len(table.Services))
	for _, routed := range table.Services {
		s := g.services[routed.Name]
		if s == nil {
			s = newService(routed.Name, g.alarms)
			s.lineup.Store(&lineup{})
		}
		g.reshape(s, routed)
		services[s.name] = s
	}
	for name, s := range g.services {
		if services[name] == nil {
			g.reshape(s, holdfast.RoutedService{Name: name, Protocol: s.protocol})
		}
	}
	g.services = services
	g.bounds.limits.Store(&table.Limits)
	g.forget(table)
	g.routing.Store(g.newRouting(table, secured))
	select {
	case g.reshaped <- struct{}{}:
	default:
	}
}

// newRouting is a table as requests read it. The caller holds mu.
func (g *Gateway) newRouting(table holdfast.RoutingTable, secured map[holdfast.ListenerName]*secured) *routing {
	byListener := map[holdfast.ListenerName][]*route{}
	for _, entry := range table.Routes {
		s := g.services[entry.Service]
		r := &route{entry: entry, service: s, protocol: s.protocol, tally: g.tally(entry)}
		if f := entry.Fallback; f != nil {
			r.instead = g.services[f.Service]
		}
		byListener[entry.Listener] = append(byListener[entry.Listener], r)
	}
	next := &routing{system: table.System, routes: make(map[holdfast.ListenerName]*routes, len(byListener)), secured: secured}
	for name, all := range byListener {
		next.routes[name] = newRoutes(all)
	}
	return next
}

// reshape gives a service the endpoints a table wants, keeping those that
// stand. The caller holds mu.
func (g *Gateway) reshape(s *service, routed holdfast.RoutedService) {
	before := s.endpoints
	if s.protocol != routed.Protocol {
		before = nil
	}
	old := s.endpoints
	s.protocol, s.check, s.minimum = routed.Protocol, withDefaults(routed.Healthcheck), routed.Minimum
	s.endpoints = make([]*endpoint, 0, len(routed.Endpoints))
	for _, wanted := range routed.Endpoints {
		i := slices.IndexFunc(before, func(e *endpoint) bool { return e.Endpoint == wanted })
		if i >= 0 {
			s.endpoints = append(s.endpoints, before[i])
			continue
		}
		e := newEndpoint(s, wanted)
		e.earlier = triedBefore(old, wanted.ID)
		s.endpoints = append(s.endpoints, e)
		g.startWatch(s, e)
	}
	g.greet(s)
	g.settle(s)
	for _, e := range old { // of whom nobody is picked any more
		if !slices.Contains(s.endpoints, e) {
			e.retire()
		}
	}
}

// greet judges at once what needs no check: whoever is known to have ended, and
// whoever needs no check because the file says that running is enough. That a later
// incarnation has ended says nothing: where they begin anew it is the living one
// that is earlier, and who has ended answers no check.
func (g *Gateway) greet(s *service) {
	for _, e := range s.endpoints {
		last, ended := g.exited[e.ID.Name()]
		switch {
		case ended && last == e.ID.Incarnation:
			g.bury(s, e, "the process had ended before it was routed to")
		case s.check.Disabled && e.standing != admitted && e.standing != gone:
			g.admit(e, "running is enough: its health check is disabled")
		}
	}
}

// validate refuses a table that contradicts itself, with all there is to say.
func validate(table holdfast.RoutingTable) error {
	var wrong []error
	services := map[holdfast.ServiceName]holdfast.Protocol{}
	for _, s := range table.Services {
		if s.Name == "" || services[s.Name] != "" {
			wrong = append(wrong, fmt.Errorf("service %q: without a name, or there twice", s.Name))
		}
		services[s.Name] = s.Protocol
		wrong = append(wrong, validateService(s)...)
	}
	listeners, routes := map[holdfast.ListenerName]int{}, map[tallied]bool{}
	for _, entry := range table.Routes {
		switch {
		case entry.Listener == "" || routes[talliedOf(entry)]:
			wrong = append(wrong, fmt.Errorf("route %q: without a listener, or there twice", entry.Name()))
		default:
			wrong = append(wrong, validateRoute(entry, services)...)
		}
		routes[talliedOf(entry)] = true
		listeners[entry.Listener]++
	}
	for _, entry := range table.Routes {
		if services[entry.Service] == holdfast.TCP && listeners[entry.Listener] > 1 {
			wrong = append(wrong, fmt.Errorf("route %q: service %s speaks no HTTP, and shares its listener", entry.Name(), entry.Service))
		}
	}
	if table.Limits.Header < 0 || table.Limits.Body < 0 {
		wrong = append(wrong, fmt.Errorf("limits of %d and %d bytes", table.Limits.Header, table.Limits.Body))
	}
	return errors.Join(wrong...)
}

// validateRoute looks at one route; services says what each of them speaks.
func validateRoute(entry holdfast.RouteEntry, services map[holdfast.ServiceName]holdfast.Protocol) []error {
	var wrong []error
	complain := func(format string, args ...any) {
		wrong = append(wrong, fmt.Errorf("route %q: "+format, append([]any{entry.Name()}, args...)...))
	}
	protocol, known := services[entry.Service]
	switch {
	case !known:
		complain("no service %q in the table", entry.Service)
	case entry.Timeout < 0:
		complain("a timeout of %s", entry.Timeout)
	case entry.Retries != nil && (*entry.Retries < 0 || *entry.Retries > holdfast.MaxRetries):
		complain("%d second tries, want 0 to %d", *entry.Retries, holdfast.MaxRetries)
	case entry.Priority != "" && !slices.Contains(holdfast.Priorities(), entry.Priority):
		complain("priority %q, want one of %v", entry.Priority, holdfast.Priorities())
	case protocol == holdfast.TCP && (entry.Host != "" || entry.Path != ""):
		complain("service %s speaks no HTTP, which alone has hosts and paths", entry.Service)
	}
	if f := entry.Fallback; f != nil && f.Service != "" && (services[f.Service] != holdfast.HTTP || f.Service == entry.Service) {
		complain("its fallback asks %q, which is not another service that speaks HTTP", f.Service)
	}
	return wrong
}

func validateService(s holdfast.RoutedService) []error {
	var wrong []error
	if !slices.Contains(holdfast.Protocols(), s.Protocol) {
		wrong = append(wrong, fmt.Errorf("service %s: protocol %q", s.Name, s.Protocol))
	}
	ids := map[holdfast.ReplicaID]bool{}
	for _, e := range s.Listed() {
		if e.ID.Service != s.Name || e.ID.Ordinal < 1 || ids[e.ID] {
			wrong = append(wrong, fmt.Errorf("service %s: endpoint %s is not its own, or there twice", s.Name, e.ID))
		}
		ids[e.ID] = true
		if err := validateAddress(e.Address); err != nil {
			wrong = append(wrong, fmt.Errorf("endpoint %s: %w", e.ID, err))
		}
	}
	return wrong
}

func validateAddress(address string) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 || host == "" {
		return fmt.Errorf("address %q: want host:port", address)
	}
	return nil
}
