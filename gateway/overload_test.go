package gateway

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sort"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"holdfast"
)

// busied answers from so many workers, each of which takes so long, and from
// nothing else: what comes beside waits in turn. Checks are answered at once.
func busied(workers int, takes time.Duration) http.Handler {
	places := make(chan struct{}, workers)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.UserAgent() == "holdfast-check" {
			return
		}
		places <- struct{}{}
		defer func() { <-places }()
		select {
		case <-time.After(takes):
		case <-r.Context().Done():
		}
	})
}

// A level is what the requests of one priority came to.
type level struct {
	sent, good, shed, wrong atomic.Int64
	mu                      sync.Mutex
	took                    []time.Duration
}

func (l *level) p99() time.Duration {
	if len(l.took) == 0 {
		return 0
	}
	sort.Slice(l.took, func(i, k int) bool { return l.took[i] < l.took[k] })
	return l.took[len(l.took)*99/100]
}

// offer sends requests of a priority to the edge, whatever becomes of those
// before, until ctx ends, and counts those that begin after a while.
func (r *rig) offer(ctx context.Context, asking *sync.WaitGroup, p holdfast.Priority, every, unseen time.Duration, l *level) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for first := time.Now(); ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		into := l
		if time.Since(first) < unseen {
			into = &level{}
		}
		into.sent.Add(1)
		asking.Go(func() { r.askOnce(p, into) })
	}
}

func (r *rig) askOnce(p holdfast.Priority, l *level) {
	began := time.Now()
	got, err := r.do("GET", r.edge, "/", nil, priorityField, string(p))
	switch {
	case err == nil && got.status == 200:
		l.good.Add(1)
		l.mu.Lock()
		defer l.mu.Unlock()
		l.took = append(l.took, time.Since(began))
	case err == nil && got.status == 503 && got.header.Get("Holdfast-Error") == "shed" && got.header.Get("Retry-After") != "":
		l.shed.Add(1)
	default:
		l.wrong.Add(1)
	}
}

// What is overloaded answers 200 requests a second: ten workers of 50 ms.
const (
	workers  = 10
	takes    = 50 * time.Millisecond
	capacity = 200.0
)

// overload offers shares of the capacity, one for each priority, and says whether the
// gateway was late itself meanwhile.
func (r *rig) overload(unseen, counted time.Duration, shares map[holdfast.Priority]float64) (levels map[holdfast.Priority]*level, late bool) {
	ctx, end := context.WithTimeout(r.t.Context(), unseen+counted)
	defer end()
	levels = map[holdfast.Priority]*level{}
	var sending, asking sync.WaitGroup
	for p, share := range shares {
		l := &level{}
		levels[p] = l
		sending.Go(func() {
			r.offer(ctx, &asking, p, time.Duration(float64(time.Second)/(share*capacity)), unseen, l)
		})
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for ctx.Err() == nil {
		<-tick.C
		late = late || r.gateway.factor.Load() > 1
	}
	sending.Wait()
	asking.Wait()
	return levels, late
}

// Three times what the service can do, in three priorities: once the limit is
// there, the critical half of its capacity is answered, the service stays busy,
// and what is answered is answered in time. It judges a machine that has time.
func TestOverloadIsShedFromBelow(t *testing.T) {
	r := newRig(t, tableOf(1, newReplica(t, 1, busied(workers, takes))))
	r.untilAdmitted(1)
	heard := make(chan holdfast.Observation, 16)
	var following sync.WaitGroup
	follow, stop := context.WithCancel(t.Context())
	defer following.Wait()
	defer stop()
	following.Go(func() {
		r.gateway.Follow(follow, func(o holdfast.Observation) {
			switch o.(type) {
			case holdfast.Overloaded, holdfast.Relieved:
				heard <- o
			}
		})
	})
	before, late := r.overload(0, time.Second, map[holdfast.Priority]float64{holdfast.Normal: 0.5})
	if p99 := before[holdfast.Normal].p99(); late || p99 > 4*takes {
		t.Skipf("this machine had no time: with half the load the 99th percentile is %s", p99)
	}
	if n := before[holdfast.Normal].shed.Load(); n > 0 {
		t.Errorf("%d were shed with half the load", n)
	}
	const counted = 3 * time.Second
	levels, late := r.overload(0, counted, map[holdfast.Priority]float64{holdfast.Critical: 0.5, holdfast.Normal: 1, holdfast.Sheddable: 1.5})
	offered := 0.0
	for p, l := range levels {
		offered += float64(l.sent.Load()) / counted.Seconds()
		t.Logf("%-9s sent %d, answered %d (%.1f %%), shed %d, wrong %d, p99 of the answered %s", p, l.sent.Load(), l.good.Load(), 100*float64(l.good.Load())/float64(l.sent.Load()), l.shed.Load(), l.wrong.Load(), l.p99())
	}
	if late || offered < 2.8*capacity {
		t.Skipf("this machine had no time: it offered %.0f/s of %.0f, and the gateway was late: %v", offered, 3*capacity, late)
	}
	judgeOverload(t, levels, counted)
	r.overloadWasTold(heard)
}

func judgeOverload(t *testing.T, levels map[holdfast.Priority]*level, counted time.Duration) {
	t.Helper()
	good := 0.0
	for p, l := range levels {
		good += float64(l.good.Load())
		if p99 := l.p99(); p99 > time.Second {
			t.Errorf("%s: the 99th percentile is %s, after the deadline", p, p99)
		}
	}
	if c := levels[holdfast.Critical]; float64(c.good.Load()) < 0.99*float64(c.sent.Load()) {
		t.Errorf("of %d critical ones %d were answered", c.sent.Load(), c.good.Load())
	}
	if good < 0.9*capacity*counted.Seconds() {
		t.Errorf("%.0f were answered, of a capacity of %.0f", good, capacity*counted.Seconds())
	}
}

// overloadWasTold waits for both words on an overload, and for the counts.
func (r *rig) overloadWasTold(heard <-chan holdfast.Observation) {
	r.t.Helper()
	for _, want := range []string{"overloaded", "relieved"} {
		select {
		case o := <-heard:
			if o.Kind() != want {
				r.t.Errorf("heard %+v, want that it is %s", o, want)
			}
			r.t.Logf("%s", fmt.Sprintf("%+v", o))
		case <-time.After(patience):
			r.t.Fatalf("waited %s to hear that it is %s", patience, want)
		}
	}
	state, _ := r.gateway.State(r.t.Context())
	if route := state.Routes[1]; route.Shed[holdfast.Sheddable] == 0 || route.Queued == 0 || route.Shed[holdfast.Critical] > route.Shed[holdfast.Sheddable] {
		r.t.Errorf("counted %+v", route)
	}
	if len(state.Services) != 1 || state.Services[0].Queued != 0 || state.Services[0].InFlight != 0 || state.Services[0].Overloaded != 0 {
		r.t.Errorf("afterwards: %+v", state.Services)
	}
}

// A drill that follows another at once is told of its own overload: that of the one
// before is over when the guards are reset, and does not go on as its.
func TestAnOverloadEndsWithTheGuards(t *testing.T) {
	r := newRig(t, tableOf(1, newReplica(t, 1, named("1"))))
	r.untilAdmitted(1)
	heard := r.hear()
	r.gateway.mu.Lock()
	a := &r.gateway.services["catalog"].admission
	r.gateway.mu.Unlock()
	a.mu.Lock()
	at := now()
	a.limit.most = 3
	a.refuse(background, 3, at-2*tellOverload)
	a.refuse(background, 3, at)
	a.mu.Unlock()
	tells := func(kind string) func(holdfast.GatewayState) bool {
		return func(holdfast.GatewayState) bool {
			heard.mu.Lock()
			defer heard.mu.Unlock()
			return slices.ContainsFunc(heard.all, func(s said) bool { return s.is.Kind() == kind })
		}
	}
	r.until("the overload is told", tells("overloaded"))
	r.gateway.ResetGuards()
	r.until("it is over", tells("relieved"))
	state, _ := r.gateway.State(t.Context())
	if s := state.Services[0]; s.Limit != 0 || s.Overloaded != 0 {
		t.Errorf("left over: %+v", s)
	}
}
