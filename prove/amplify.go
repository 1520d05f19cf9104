package prove

import (
	"context"
	"fmt"
	"strings"
	"time"

	"holdfast"
	"holdfast/api"
	"holdfast/load"
	"holdfast/topology"
)

// A caller that asks again and again makes a small failure a large one. What it
// asks is counted where it arrives, at the gateway's listener of the edge, before
// the gateway itself tries anything a second time.
const (
	// amplifies is how many times as often as before the fault a caller may ask per
	// request it is asked itself. Who tries once more doubles that, and a gateway
	// allows no more than RetryShare: twice and some noise are still a habit.
	amplifies = 2.5
	// amplifiedEach is how often it may ask for each request at least: a caller that
	// keeps good answers asks for every request while there are none, and that is
	// no retry.
	amplifiedEach = 1.5
	// amplifiedSays is how many requests say anything, before and after: how often each
	// is asked again hardly varies while all is well.
	amplifiedSays = 15
)

// A counted is how many requests had arrived at every listener by an instant, and
// how many of them had waited.
// Nothing arrived where nobody could be asked.
type counted struct {
	at       time.Duration
	requests map[string]int               // by the route's name
	parked   map[holdfast.ServiceName]int // of those to a service, how many waited for a replica of it
}

// count asks the copy's gateways how many requests arrived. Whoever does not
// answer leaves nothing to judge by.
func (c *private) count(ctx context.Context, at time.Duration) counted {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	status, err := c.client.Status(ctx)
	if err != nil {
		return counted{}
	}
	return countedIn(status, at)
}

func countedIn(status api.Status, at time.Duration) counted {
	n := counted{at: at, requests: map[string]int{}, parked: map[holdfast.ServiceName]int{}}
	for _, gateway := range status.Gateways {
		for _, route := range gateway.Routes {
			n.requests[route.Name()] += int(route.Requests)
			n.parked[route.Service] += int(route.Parked)
		}
	}
	return n
}

// An amplifier is a caller that asked far more often while its dependency was
// struck.
type amplifier struct {
	edge          holdfast.Target
	before, after float64 // requests to the edge for each that the caller was asked
}

// times is how many times as many they were.
func (s amplifier) times() float64 { return s.after / s.before }

// amplified finds the worst of the callers of the struck service that multiplied what
// they were asked; nil where none did, or nothing is known.
func (f facts) amplified() *amplifier {
	if f.system == nil || len(f.traffic) != 3 {
		return nil
	}
	var worst *amplifier
	for _, edge := range f.edges() {
		before, well := f.asksEach(edge, f.traffic[0], f.traffic[1])
		after, struck := f.asksEach(edge, f.traffic[1], f.traffic[2])
		one := amplifier{edge: edge, before: before, after: after}
		if well && struck && after >= amplifiedEach && one.times() >= amplifies && (worst == nil || one.times() > worst.times()) {
			worst = &one
		}
	}
	return worst
}

// edges lead to the struck service, in the order of the file; of a lost one only
// itself.
func (f facts) edges() []holdfast.Target {
	if f.system == nil {
		return nil
	}
	var all []holdfast.Target
	for _, caller := range f.system.Services {
		edge := holdfast.Target{Service: f.service.Name, Caller: caller.Name}
		for _, d := range caller.DependsOn {
			if d.On == edge.Service && !d.Completed && (f.loss == nil || f.loss.edge == edge) {
				all = append(all, edge)
			}
		}
	}
	return all
}

// asksEach is how often a caller asked over an edge for each request that it was
// asked itself, between two counts; what the load asked there is not the
// caller's. Too few say nothing.
func (f facts) asksEach(edge holdfast.Target, from, to counted) (each float64, known bool) {
	if from.requests == nil || to.requests == nil {
		return 0, false
	}
	name := edge.String()
	asks := to.requests[name] - from.requests[name] - f.sentByLoad(name, from.at, to.at)
	got := 0
	for _, route := range topology.Routes(f.system) {
		if route.Service == edge.Caller {
			got += to.requests[route.Name()] - from.requests[route.Name()] - f.askedAside(route, from.at, to.at)
		}
	}
	if asks < amplifiedSays || got < amplifiedSays {
		return 0, false
	}
	return float64(asks) / float64(got), true
}

// sentByLoad counts the load's own requests to a listener between two instants.
func (f facts) sentByLoad(name string, from, to time.Duration) int {
	n := 0
	results := f.results
	if f.loss != nil {
		results = f.loss.itself
	}
	for _, r := range results {
		if r.Target == name && sentWithin(r, from, to) {
			n++
		}
	}
	return n
}

// askedAside counts the load's requests by a route for a page that needs nobody
// else.
func (f facts) askedAside(route holdfast.RouteEntry, from, to time.Duration) int {
	n := 0
	whole := strings.TrimSuffix(route.Name(), route.Path)
	for _, r := range f.results {
		if r.Target != route.Name() && strings.HasPrefix(r.Target, whole+"/") && holdfast.Below(strings.TrimPrefix(r.Target, whole), route.Path) && sentWithin(r, from, to) {
			n++
		}
	}
	return n
}

func sentWithin(r load.Result, from, to time.Duration) bool {
	return r.Sent >= int64(from) && r.Sent < int64(to)
}

// overAsked says who made the failure larger than it was.
func overAsked(f facts) string {
	s := f.amplified()
	if s == nil {
		return ""
	}
	return fmt.Sprintf("%s made it worse: it asked %s %.1f times for each request it got itself, %.1f times as often as before the fault",
		s.edge.Caller, s.edge.Service, s.after, s.times())
}
