package observe

import (
	"context"
	"slices"
	"time"

	"holdfast"
)

const (
	// countEvery is how often a gateway is asked for what it has counted: four times
	// within the minute in which a total outage of a promise of 99.9 % is to be known.
	countEvery = 15 * time.Second
	// sayEvery is how long nothing is told where nothing was asked.
	sayEvery = time.Minute
)

// Counts tells what a gateway has counted of the published routes, until ctx ends.
// One that does not answer is asked again: what it counted meanwhile comes with its
// next answer. timed says whether it matters how long answers took.
func Counts(ctx context.Context, gateway holdfast.Gateway, timed func() bool, tell Tell) error {
	c := counts{told: map[string]uint64{}}
	ticker := time.NewTicker(countEvery)
	defer ticker.Stop()
	for {
		if state, err := gateway.State(ctx); err == nil {
			if counted, news := c.take(state, timed(), time.Now()); news {
				if err := tell(ctx, counted); err != nil {
					return err
				}
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}

// counts are what was told of a gateway: how many requests of each route.
type counts struct {
	began int64
	told  map[string]uint64
	said  time.Time
}

// take is what is to be told of a state, and whether anything is.
func (c *counts) take(state holdfast.GatewayState, timed bool, now time.Time) (holdfast.Counted, bool) {
	if state.Began != c.began {
		c.began = state.Began
		clear(c.told)
	}
	counted := holdfast.Counted{Gateway: state.Gateway, Began: state.Began}
	for _, r := range state.Routes {
		if r.Caller != "" || r.Service == "" || c.told[r.Name()] == r.Requests {
			continue
		}
		c.told[r.Name()] = r.Requests
		counted.Routes = append(counted.Routes, countOf(r, timed))
	}
	if state.Revision == 0 || len(counted.Routes) == 0 && now.Sub(c.said) < sayEvery {
		return counted, false
	}
	c.said = now
	return counted, true
}

func countOf(r holdfast.RouteState, timed bool) holdfast.RouteCount {
	count := holdfast.RouteCount{Route: r.Name(), Path: r.Path, Service: r.Service, Requests: r.Requests, Failed: r.Failed, Degraded: r.Degraded}
	for _, n := range r.Shed {
		count.Shed += n
	}
	if timed {
		count.Waits = slices.Clone(r.FirstByte.Counts[:])
	}
	return count
}
