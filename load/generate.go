package load

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"holdfast"
	"holdfast/internal/proc"
)

// Run is the whole of the generator's process: the first line of in is the
// plan, as JSON, and the rest is Generate's.
func Run(ctx context.Context, in io.Reader, out io.Writer) error {
	lines := bufio.NewReaderSize(in, maxPlan)
	text, err := lines.ReadSlice('\n')
	if err != nil {
		return fmt.Errorf("read the plan of the load: %w", err)
	}
	var plan Plan
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&plan); err != nil {
		return fmt.Errorf("read the plan of the load: %w", err)
	}
	return Generate(ctx, plan, lines, out)
}

// Generate carries out a plan and writes what happens to out, as lines of JSON
// that Start's Generator reads, each within 20 ms of its cause.
//
// Arrivals end after plan.For, or as soon as in ends or says "stop". What is
// under way then is waited for (plan.Timeout at most) and the ending written.
// Generate returns once in has ended or said "stop" too, so that its parent,
// not it, decides when it is gone. When ctx ends, everything under way is cut,
// no ending is written, and ctx's error is returned. An error of out ends the
// load in the same way. After an error, one read of in may be left behind; it
// ends with in.
func Generate(ctx context.Context, plan Plan, in io.Reader, out io.Writer) error {
	if err := plan.Check(); err != nil {
		return err
	}
	g := &generation{plan: plan, slots: make(chan struct{}, plan.Cap), over: make(chan struct{})}
	defer g.close()
	if err := g.ready(); err != nil {
		return err
	}
	ctx, cut := context.WithCancelCause(ctx)
	defer cut(nil)
	g.told = listen(in)
	written := make(chan struct{})
	finished := make(chan struct{})
	go func() {
		defer close(written)
		if err := g.sheet.write(out, finished); err != nil {
			cut(fmt.Errorf("report the load: %w", err))
		}
	}()
	g.work(ctx)
	close(finished)
	<-written
	if err := context.Cause(ctx); err != nil {
		return err
	}
	select {
	case <-g.told:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// A generation is one plan being carried out.
type generation struct {
	plan    Plan
	routes  []*route          // one per target, in the plan's order
	courses []*course         // one per session, in the plan's order
	origins map[string]*route // where the steps of sessions are asked, by scheme, host and port
	slots   chan struct{}     // one taken by every user whose request is under way
	told    <-chan struct{}   // closed when the parent says stop, or is gone
	over    chan struct{}     // closed when no arrival is to come
	sheet   sheet
	asks    []*route     // one per probe, in the plan's order
	probed  atomic.Int64 // outcomes of probes so far
	states  atomic.Int64 // changes of state seen so far
	wants   atomic.Int64 // rises of counters seen so far
}

// ready finds out what leads to everybody who is to be asked.
func (g *generation) ready() error {
	for _, target := range g.plan.Targets {
		route, err := newRoute(target)
		if err != nil {
			return fmt.Errorf("target %s: %w", target.Name, err)
		}
		g.routes = append(g.routes, route)
	}
	g.origins = map[string]*route{}
	for _, session := range g.plan.Sessions {
		course, err := newCourse(session, g.lead, os.LookupEnv)
		if err != nil {
			return err
		}
		g.courses = append(g.courses, course)
	}
	for _, probe := range g.plan.Probes {
		route, err := newRoute(Target{Name: probe.Name, URL: probe.url(), Protocol: probe.Protocol})
		if err != nil {
			return fmt.Errorf("probe %s: %w", probe.Name, err)
		}
		if probe.Priority != "" {
			route.get = (&request{method: http.MethodGet, at: route.get.at, header: []holdfast.Field{{Name: holdfast.PriorityField, Value: string(probe.Priority)}}}).spell()
		}
		g.asks = append(g.asks, route)
	}
	return nil
}

// lead leads the steps of all sessions that ask the same address along one
// route: they share its kept connections.
func (g *generation) lead(at *url.URL) *route {
	origin := at.Scheme + "://" + at.Host
	if g.origins[origin] == nil {
		g.origins[origin] = leadTo(at)
	}
	return g.origins[origin]
}

func (g *generation) close() {
	for _, route := range g.routes {
		route.close()
	}
	for _, route := range g.origins {
		route.close()
	}
}

// work witnesses, asks, and returns when every request has ended.
func (g *generation) work(ctx context.Context) {
	watching, enough := context.WithCancel(ctx)
	var witnesses, requests sync.WaitGroup
	for _, watch := range g.plan.Watch {
		g.witness(watching, &witnesses, watch)
	}
	for i, probe := range g.plan.Probes {
		g.probe(watching, &witnesses, probe, g.asks[i])
	}
	began := proc.Now()
	g.sheet.report(line{Began: int64(began)})
	for arrival := range g.plan.arrivals() {
		if !g.wait(ctx, began+arrival.at) {
			break
		}
		if arrival.whom < len(g.routes) {
			g.launch(ctx, &requests, arrival, began+arrival.at)
		} else {
			g.set(ctx, &requests, arrival, began)
		}
	}
	close(g.over)
	requests.Wait()
	enough()
	witnesses.Wait()
	if ctx.Err() == nil {
		g.sheet.end(proc.Now())
	}
}

// witness takes hold of a process, says whether it could, and reports when it
// stops, goes on and exits.
func (g *generation) witness(ctx context.Context, witnesses *sync.WaitGroup, watch Watch) {
	handle, err := proc.Open(watch.Pid, watch.Ticks)
	if err != nil {
		g.sheet.report(line{Watched: &Watched{Watch: watch, Error: err.Error()}})
		return
	}
	g.sheet.report(line{Watched: &Watched{Watch: watch}})
	living, ended := context.WithCancel(ctx)
	witnesses.Go(func() {
		defer handle.Close()
		defer ended() // from there on the pid may be a stranger's
		if handle.Wait(ctx) == nil {
			g.sheet.report(line{Exit: &Exit{Pid: watch.Pid, Seen: int64(proc.Now())}})
		}
	})
	witnesses.Go(func() { g.lookAt(living, watch.Pid) })
	witnesses.Go(func() { g.countIn(ctx, watch) })
}

// wait returns true at an instant, false when the load is to end before. A load
// that is behind does not wait, and does not skip: what was due is asked, late,
// and shows as lag.
func (g *generation) wait(ctx context.Context, until time.Duration) bool {
	select {
	case <-g.told:
		return false
	case <-ctx.Done():
		return false
	default:
	}
	ahead := until - proc.Now()
	if ahead <= 0 {
		return true
	}
	timer := time.NewTimer(ahead)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-g.told:
		return false
	case <-ctx.Done():
		return false
	}
}

// launch sends a request on its way without waiting for it, or fails it when
// too many are under way.
func (g *generation) launch(ctx context.Context, requests *sync.WaitGroup, a arrival, intended time.Duration) {
	route := g.routes[a.whom]
	result := Result{Target: g.plan.Targets[a.whom].Name, Bare: route.bare != nil, Call: route.get != nil && route.get.call, Fresh: a.how.fresh, Intended: int64(intended)}
	due := g.sheet.expect(result.Intended)
	if !g.enter() {
		g.refuse(due, result)
		return
	}
	requests.Go(func() {
		defer g.leave()
		if g.ask(ctx, route, a.how, &result); ctx.Err() == nil {
			g.sheet.settle(due, result)
		}
	})
}

// enter takes a place among those whose requests are under way, if there is one.
func (g *generation) enter() bool {
	select {
	case g.slots <- struct{}{}:
		return true
	default:
		return false
	}
}

func (g *generation) leave() { <-g.slots }

// refuse fails a request that was not sent because too many are under way.
func (g *generation) refuse(due *due, result Result) {
	now := int64(proc.Now())
	result.Sent, result.Ended, result.Failed, result.Error = now, now, true, notSent
	g.sheet.settle(due, result)
}

// ask sends the request of a result and fills in what came of it.
func (g *generation) ask(ctx context.Context, route *route, how manner, result *Result) {
	sent, deadline := g.deadline(result.Intended)
	got := route.ask(ctx, route.get, how, deadline)
	g.note(result, sent, got, got.err)
	result.Body = got.body
	result.Failed = result.Failed || got.status >= http.StatusInternalServerError
	result.Late = !result.Failed && result.Took() > g.plan.Late
}

// deadline is when the answer must have come to what was due at an instant.
func (g *generation) deadline(intended int64) (sent time.Duration, deadline time.Time) {
	sent = proc.Now()
	return sent, time.Now().Add(time.Duration(intended) + g.plan.Timeout - sent)
}

// note fills in what came of a request. It failed where there is an error.
func (g *generation) note(result *Result, sent time.Duration, got answer, err error) {
	result.Sent, result.Ended = int64(sent), int64(proc.Now())
	result.Status, result.Protocol = got.status, got.protocol
	result.Degraded, result.Instead, result.Sum = got.instead != "", got.instead, got.sum
	if err != nil {
		result.Failed, result.Error = true, printable(err.Error(), maxError+len("connect: "))
	}
}

// listen closes told when in ends or says "stop".
func listen(in io.Reader) (told <-chan struct{}) {
	stop := make(chan struct{})
	go func() {
		defer close(stop)
		lines := bufio.NewScanner(in)
		for lines.Scan() && lines.Text() != "stop" {
		}
	}()
	return stop
}

// write writes every 10 ms what was reported since, and the rest when all is
// finished.
func (s *sheet) write(out io.Writer, finished <-chan struct{}) error {
	tick := time.NewTicker(flush)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if err := s.flush(out); err != nil {
				return err
			}
		case <-finished:
			return s.flush(out)
		}
	}
}
