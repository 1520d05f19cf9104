package gateway

import (
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"holdfast"
)

// An account is what is told of a request when it is over.
type account struct {
	marks  marks
	began  time.Time
	status int  // of the answer; 0 while there is none
	failed bool // the client got no good answer
}

func newAccount(r *http.Request) account {
	return account{marks: marksOf(r.Header), began: time.Now()}
}

// answers notes that the head of an answer goes out to the client now.
func (x *exchange) answers(status int) {
	x.status = status
	x.tally.first.note(time.Since(x.began))
}

// classOf is the place of a status among its like. What a replica makes up above
// the fifth is a failure like any other there.
func classOf(status int) int { return min(status/100, holdfast.StatusClasses-1) }

// answered are the answers by the class of their status.
func (t *tally) answered() (all [holdfast.StatusClasses]uint64) {
	for class := range t.answers {
		all[class] = t.answers[class].Load()
	}
	return all
}

// A spread is a holdfast.Histogram that all requests of a route share, without
// a lock. It only grows.
type spread struct {
	counts [len(holdfast.Histogram{}.Counts)]atomic.Uint64
	sum    atomic.Int64 // nanoseconds
}

func (h *spread) note(took time.Duration) {
	bounds := holdfast.WaitBounds()
	place, _ := slices.BinarySearch(bounds[:], took)
	h.counts[place].Add(1)
	h.sum.Add(int64(took))
}

func (h *spread) state() holdfast.Histogram {
	state := holdfast.Histogram{Sum: time.Duration(h.sum.Load())}
	for i := range h.counts {
		state.Counts[i] = h.counts[i].Load()
	}
	return state
}

// triedBefore is what the incarnations before one were asked. What is in flight
// to the last of them still is left out: a count that is told must not fall.
func triedBefore(old []*endpoint, id holdfast.ReplicaID) (before holdfast.Tried) {
	for _, e := range old {
		if e.ID.Name() == id.Name() {
			before.Tries = max(before.Tries, e.earlier.Tries+e.tries.Load())
			before.Failures = max(before.Failures, e.earlier.Failures+e.failures.Load())
		}
	}
	return before
}

// apportion says how much of a service's recent tries each of its endpoints was
// given. The caller holds Gateway.mu.
func apportion(states []holdfast.EndpointState, endpoints []*endpoint) {
	recent, all := make([]int, len(endpoints)), 0
	for i, e := range endpoints {
		pace := e.last.Since(&e.older)
		recent[i] = pace.Answered.N() + pace.GivenUp.N()
		all += recent[i]
	}
	for i := range states {
		if all > 0 {
			states[i].Share = float64(recent[i]) / float64(all)
		}
	}
}

// enforce adds to the counts of routes what is done with their requests. The
// caller holds mu.
func (g *Gateway) enforce(states []holdfast.RouteState) {
	entries := make(map[tallied]holdfast.RouteEntry, len(g.held.table.Routes))
	for _, e := range g.held.table.Routes {
		entries[talliedOf(e)] = e
	}
	for i := range states {
		s := &states[i]
		if e, ok := entries[tallied{listener: s.Listener, host: s.Host, path: s.Path}]; ok {
			s.Service, s.Caller, s.InForce = e.Service, e.Caller, e.Treatment
			s.Protocol = g.services[e.Service].protocol
		}
	}
}
