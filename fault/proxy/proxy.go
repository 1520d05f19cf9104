// Package proxy is the fault proxy: a process of its own that stands in the
// path from the gateway to each replica of a private copy, and breaks paths by
// rule.
//
// While no rule holds it is to be unnoticeable: bytes pass as they come, half
// closes and resets too, and a replica that refuses is refused by the front as
// well. What differs: the first connection after a replica began to refuse is
// accepted and reset at once, because the kernel answers before anybody can
// know; and one to a replica that is stopped is accepted even when the replica's
// backlog is full.
//
// Each incarnation has a front of its own, and keeps it for as long as the path
// is asked for, also when the proxy itself is started anew: the fronts are
// written down. Rules are not. A rule holds until it is cleared, or was not
// renewed for holdfast.Lease, or the proxy ends.
//
// The gateway does not know that the proxy exists, and the proxy knows nothing
// of verdicts: it is told addresses and rules over a socket, and says what it
// did.
package proxy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"holdfast"
	"holdfast/internal/files"
	"holdfast/internal/proc"
)

// SocketName is the control socket's name in a state directory.
const SocketName = "proxy.sock"

// What the proxy holds at most.
const (
	maxPaths       = 2000
	maxRules       = 100
	maxConnections = 10_000 // over all paths; what comes beyond is reset and counted
)

// What a proxy refuses with.
const (
	ErrNoPath     = holdfast.Refusal("no path of the fault proxy leads there")
	ErrNotInForce = holdfast.Refusal("no such rule is in force")
)

// Options are what a proxy is started with.
type Options struct {
	Record string    // absolute path of the file in which the fronts are kept
	Log    io.Writer // takes what a person may want to know; nil discards
}

// A proxy is what Run runs.
type proxy struct {
	options     Options
	identity    Identity
	running     context.Context // ends the connections
	work        sync.WaitGroup  // every goroutine of a path
	connections atomic.Int64
	news        chan struct{} // something has to be tended

	mu    sync.Mutex // guards what follows; taken before a path's
	paths map[holdfast.ReplicaID]*path
	rules map[ruleKey]*inForce
}

// An Identity tells one proxy process from the next.
type Identity struct {
	Pid   int    `json:"pid"`
	Ticks uint64 `json:"ticks"`
	Began int64  `json:"began"` // CLOCK_BOOTTIME, nanoseconds
}

// Run lays the paths that were written down, serves the control socket and
// carries traffic until ctx ends. When it returns nothing that it started is
// left. It closes control.
func Run(ctx context.Context, control net.Listener, o Options) error {
	return newProxy(o).run(ctx, control)
}

func newProxy(o Options) *proxy {
	if o.Log == nil {
		o.Log = io.Discard
	}
	p := &proxy{
		options:  o,
		identity: Identity{Pid: os.Getpid(), Began: int64(proc.Now())},
		news:     make(chan struct{}, 1),
		paths:    map[holdfast.ReplicaID]*path{},
		rules:    map[ruleKey]*inForce{},
	}
	if ticks, err := proc.Ticks(os.Getpid()); err == nil {
		p.identity.Ticks = ticks
	}
	return p
}

func (p *proxy) run(ctx context.Context, control net.Listener) error {
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	p.running = running
	p.recall()
	tending, enough := context.WithCancel(ctx)
	var tender sync.WaitGroup
	tender.Go(func() { p.tend(tending) })
	err := p.control(ctx, control) // no rule and no path comes after it
	enough()
	tender.Wait()
	stop()
	for _, path := range p.paths {
		path.close()
	}
	p.work.Wait()
	return err
}

// pause waits, and says whether the proxy still runs.
func (p *proxy) pause(length time.Duration) bool {
	timer := time.NewTimer(length)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-p.running.Done():
		return false
	}
}

func (p *proxy) wake() {
	select {
	case p.news <- struct{}{}:
	default:
	}
}

// tend does what falls due: it lets rules turn and lapse, asks replicas that
// refused again, and forgets paths that nobody uses any more.
func (p *proxy) tend(ctx context.Context) {
	for {
		due := p.turn(time.Now())
		if p.look(ctx) {
			due = min(due, again)
		}
		timer := time.NewTimer(due)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-p.news:
			timer.Stop()
		case <-timer.C:
		}
	}
}

// idle is how long the tender sleeps when nothing is due.
const idle = time.Minute

// turn puts in force what holds at an instant, and says how long it does.
func (p *proxy) turn(now time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	for key, rule := range p.rules {
		if !now.Before(rule.until) {
			p.say("%s on %s lapsed: nobody renewed it", rule.Kind, rule.Scope)
			delete(p.rules, key)
		}
	}
	if err := p.apply(now); err != nil {
		p.say("%v", err)
	}
	due := idle
	for _, rule := range p.rules {
		due = min(due, rule.due(now).Sub(now))
	}
	for id, path := range p.paths {
		if path.gone() {
			path.close()
			delete(p.paths, id)
		}
	}
	return max(due, 0)
}

// apply gives every path its posture.
func (p *proxy) apply(now time.Time) error {
	var errs []error
	for _, path := range p.paths {
		errs = append(errs, path.take(compose(p.rules, path.ID, now)))
	}
	return errors.Join(errs...)
}

// look asks again what refused, and says whether some still does.
func (p *proxy) look(ctx context.Context) (again bool) {
	p.mu.Lock()
	paths := make([]*path, 0, len(p.paths))
	for _, path := range p.paths {
		if path.unwell() {
			paths = append(paths, path)
		}
	}
	p.mu.Unlock()
	for _, path := range paths {
		again = path.look(ctx) || again
	}
	return again
}

func (p *proxy) say(format string, args ...any) {
	fmt.Fprintf(p.options.Log, "proxy: "+format+"\n", args...)
}

// lay makes the paths there are not yet, and says where each begins.
func (p *proxy) lay(paths []Path) ([]Front, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fronts := make([]Front, 0, len(paths))
	changed := false
	for _, wanted := range paths {
		laid, ok := p.paths[wanted.ID]
		if ok && laid.Path != wanted {
			return nil, fmt.Errorf("path to %s leads to %s already, not to %s", wanted.ID, laid.Address, wanted.Address)
		}
		if !ok {
			var err error
			if laid, err = p.build(wanted, 0); err != nil {
				return nil, err
			}
			changed = true
		}
		if err := laid.retire(false); err != nil {
			return nil, err
		}
		fronts = append(fronts, Front{ID: wanted.ID, Address: laid.front})
	}
	if changed {
		p.remember()
	}
	return fronts, nil
}

// build makes a path whose front is on a port, any for 0.
func (p *proxy) build(wanted Path, port int) (*path, error) {
	if len(p.paths) >= maxPaths {
		return nil, fmt.Errorf("path to %s: there are %d already", wanted.ID, maxPaths)
	}
	if _, _, err := net.SplitHostPort(wanted.Address); err != nil || wanted.ID.Ordinal < 1 {
		return nil, fmt.Errorf("path to %s at %q: want an incarnation and host:port", wanted.ID, wanted.Address)
	}
	held, at, err := anchor(port)
	if err != nil {
		return nil, fmt.Errorf("path to %s: %w", wanted.ID, err)
	}
	made := &path{
		Path: wanted, front: net.JoinHostPort("127.0.0.1", strconv.Itoa(at)), port: at, anchor: held,
		proxy: p, leaving: true, conns: map[*conn]struct{}{},
	}
	made.posture.Store(&posture{over: make(chan struct{})})
	if err := made.take(compose(p.rules, wanted.ID, time.Now())); err != nil {
		made.close()
		return nil, fmt.Errorf("path to %s: %w", wanted.ID, err)
	}
	p.paths[wanted.ID] = made
	return made, nil
}

// keep takes out every path but those named. Their connections go on until they
// end by themselves, as those of a replica that is taken out of rotation do.
func (p *proxy) keep(ids []holdfast.ReplicaID) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	kept := map[holdfast.ReplicaID]bool{}
	for _, id := range ids {
		kept[id] = true
	}
	var errs []error
	for id, path := range p.paths {
		if !kept[id] {
			errs = append(errs, path.retire(true))
		}
	}
	p.remember()
	p.wake()
	return errors.Join(errs...)
}

// A written is a path as it is written down.
type written struct {
	Path
	Port int `json:"port"`
}

// remember writes the fronts down. A disk that does not take them costs a new
// start of the proxy its fronts, and nothing now.
func (p *proxy) remember() {
	all := []written{}
	for _, path := range p.paths {
		if !path.gone() {
			all = append(all, written{Path: path.Path, Port: path.port})
		}
	}
	text, err := json.Marshal(all)
	if err == nil {
		err = files.Replace(p.options.Record, text)
	}
	if err != nil {
		p.say("the fronts are not written down: %v", err)
	}
}

// recall lays the paths of the proxy before, at the same fronts: the gateway
// has their addresses.
func (p *proxy) recall() {
	text, err := os.ReadFile(p.options.Record)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	var all []written
	if err == nil {
		err = json.Unmarshal(text, &all)
	}
	if err != nil {
		p.say("the fronts of the last proxy are lost: %v", err)
		return
	}
	for _, w := range all {
		laid, err := p.build(w.Path, w.Port)
		if err == nil {
			err = laid.retire(false)
		}
		if err != nil {
			p.say("%v", err)
		}
	}
}

// set puts a rule in force, or renews it when it is the same. A rule that
// cannot be made true is taken back.
func (p *proxy) set(rule Rule) error {
	if err := rule.Check(); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	defer p.wake()
	now, key := time.Now(), ruleKey{scope: rule.Scope, kind: rule.Kind}
	if held := p.rules[key]; held != nil && held.Rule == rule && now.Before(held.until) {
		held.until = now.Add(holdfast.Lease)
		return nil
	}
	if !p.leads(rule.Scope) {
		return fmt.Errorf("%s on %s: %w", rule.Kind, rule.Scope, ErrNoPath)
	}
	if len(p.rules) >= maxRules {
		return fmt.Errorf("%s on %s: %d rules are in force", rule.Kind, rule.Scope, maxRules)
	}
	p.rules[key] = &inForce{Rule: rule, began: now, until: now.Add(holdfast.Lease)}
	if err := p.apply(now); err != nil {
		delete(p.rules, key)
		return errors.Join(fmt.Errorf("%s on %s: %w", rule.Kind, rule.Scope, err), p.apply(now))
	}
	return nil
}

// leads tells whether a path is in a scope.
func (p *proxy) leads(scope Scope) bool {
	for id, path := range p.paths {
		if covers(scope, id) && !path.retired() {
			return true
		}
	}
	return false
}

// renew lets a rule hold for another lease.
func (p *proxy) renew(key ruleKey) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	held, now := p.rules[key], time.Now()
	if held == nil || !now.Before(held.until) {
		return fmt.Errorf("renew %s on %s: %w", key.kind, key.scope, ErrNotInForce)
	}
	held.until = now.Add(holdfast.Lease)
	return nil
}

// clear ends a rule, in force or not.
func (p *proxy) clear(key ruleKey) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.rules, key)
	return p.apply(time.Now())
}

// state says everything.
func (p *proxy) state() State {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := State{Identity: p.identity, Paths: []PathState{}, Rules: []RuleState{}}
	for _, path := range p.paths {
		s.Paths = append(s.Paths, path.state())
	}
	for _, rule := range p.rules {
		s.Rules = append(s.Rules, RuleState{Rule: rule.Rule, Left: max(0, time.Until(rule.until)), Bitten: rule.bitten.Load()})
	}
	return s
}
