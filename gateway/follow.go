package gateway

import (
	"context"
	"fmt"
	"time"

	"holdfast"
)

// followQueue is how far a follower may lag. A system of 100 replicas that all
// change their standing twice fits.
const followQueue = 256

// What Follow ends with, beside its context's error.
const (
	// ErrOverflow: the follower was too slow and has missed verdicts. Following
	// anew begins with those that hold.
	ErrOverflow = holdfast.Refusal("the follower lags too far behind")
	// ErrEnded: the gateway's Run ended.
	ErrEnded = holdfast.Refusal("the gateway ended")
)

// A follower is somebody to whom verdicts are told. Traffic never waits for it.
type follower struct {
	queue chan holdfast.Observation // closed when dropped
	why   error                     // of the drop; read after queue is closed
}

// Follow hands over the verdicts that hold, Admitted for the admitted and
// Ejected for others that were judged, then each change as it comes. A follower
// that lags more than 256 observations behind is dropped with ErrOverflow.
func (g *Gateway) Follow(ctx context.Context, emit func(holdfast.Observation)) error {
	f, standing := g.subscribe()
	defer g.unsubscribe(f)
	for _, o := range standing {
		emit(o)
	}
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case o, more := <-f.queue:
			if !more {
				return f.why
			}
			emit(o)
		}
	}
}

// subscribe takes the verdicts that hold and the place for those to come in one
// step, so that none falls between.
func (g *Gateway) subscribe() (*follower, []holdfast.Observation) {
	g.mu.Lock()
	defer g.mu.Unlock()
	f := &follower{queue: make(chan holdfast.Observation, followQueue)}
	g.followers[f] = struct{}{}
	var standing []holdfast.Observation
	if g.held == nil {
		return f, nil
	}
	for _, routed := range g.held.table.Services {
		s := g.services[routed.Name]
		for _, e := range s.endpoints {
			if o := e.verdict(g.name, s); o != nil {
				standing = append(standing, o)
			}
		}
		if s.overloaded() {
			standing = append(standing, g.overloaded(s))
		}
	}
	for _, d := range g.drains {
		if d.told {
			standing = append(standing, d.verdict(g.name))
		}
	}
	return f, standing
}

func (g *Gateway) unsubscribe(f *follower) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.followers, f)
}

// announce tells every follower, and drops those that lag. The caller holds mu.
func (g *Gateway) announce(o holdfast.Observation) {
	g.log.say("%s", spoken(o))
	g.note()
	for f := range g.followers {
		select {
		case f.queue <- o:
		default:
			g.drop(f, ErrOverflow)
		}
	}
}

func (g *Gateway) drop(f *follower, why error) {
	f.why = why
	close(f.queue)
	delete(g.followers, f)
}

func spoken(o holdfast.Observation) string {
	switch o := o.(type) {
	case holdfast.Admitted:
		return "admitted " + o.ID.String() + ": " + o.Detail
	case holdfast.Ejected:
		if o.Kept {
			return "kept " + o.ID.String() + ", the last: " + o.Detail
		}
		return "ejected " + o.ID.String() + ": " + o.Detail
	case holdfast.Drained:
		return fmt.Sprintf("drained %s after %s; %d cut off", o.ID, o.Lasted.Round(time.Millisecond), o.Cut)
	case holdfast.Overloaded:
		return fmt.Sprintf("overloaded %s: %d requests refused in %s, up to %s; it is given %d at once", o.Service, o.Shed, o.After.Round(time.Millisecond), o.Highest, o.Limit)
	case holdfast.Relieved:
		return fmt.Sprintf("relieved %s: %d requests were refused in %s", o.Service, o.Shed, o.Lasted.Round(time.Millisecond))
	default:
		return o.Kind()
	}
}
