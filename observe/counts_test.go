package observe

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"holdfast"
)

// A counter is a gateway that is asked for its state only.
type counter struct {
	holdfast.Gateway
	mu    sync.Mutex
	state holdfast.GatewayState
	lost  bool
}

// put changes what it is.
func (c *counter) put(change func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change()
}

func (c *counter) State(context.Context) (holdfast.GatewayState, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lost {
		return holdfast.GatewayState{}, errors.New("it is gone")
	}
	state := c.state
	state.Routes = slices.Clone(c.state.Routes)
	return state, nil
}

func route(service holdfast.ServiceName, requests uint64) holdfast.RouteState {
	return holdfast.RouteState{Listener: holdfast.ListenerName(service) + ":80", Service: service, Requests: requests}
}

func TestOnlyWhatIsNewIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var e ear
		edge := route("cart", 7)
		edge.Caller = "web"
		g := &counter{state: holdfast.GatewayState{Gateway: "g", Began: 1, Revision: 1, Routes: []holdfast.RouteState{route("web", 5), edge, {Listener: "web:80", Requests: 3}}}}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- Counts(ctx, g, func() bool { return true }, e.tell) }()
		synctest.Wait()
		e.hears(t, "counted by g: 5 requests by 1 routes since it began, 0 failed")
		time.Sleep(countEvery)
		synctest.Wait()
		e.hears(t)
		time.Sleep(sayEvery)
		synctest.Wait()
		e.hears(t, "counted by g: 0 requests by 0 routes since it began, 0 failed")
		g.put(func() {
			g.lost = true
			g.state.Routes[0].Requests, g.state.Routes[0].Failed = 9, 2
		})
		time.Sleep(2 * countEvery)
		synctest.Wait()
		e.hears(t)
		g.put(func() { g.lost = false })
		time.Sleep(countEvery)
		synctest.Wait()
		e.hears(t, "counted by g: 9 requests by 1 routes since it began, 2 failed")
		g.put(func() { g.state.Began = 2 }) // another life, that came to the same number
		time.Sleep(countEvery)
		synctest.Wait()
		e.hears(t, "counted by g: 9 requests by 1 routes since it began, 2 failed")
		cancel()
		<-ended
	})
}
