package gateway

import (
	"context"
	"fmt"
	"net/http"
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

// offer sends requests of a priority to the edge at a rate, whatever becomes of
// those before, until ctx ends.
func (r *rig) offer(ctx context.Context, group *sync.WaitGroup, p holdfast.Priority, every time.Duration, l *level) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		l.sent.Add(1)
		group.Go(func() {
			began := time.Now()
			got, err := r.do("GET", r.edge, "/", nil, priorityField, string(p))
			switch {
			case err == nil && got.status == 200:
				l.good.Add(1)
				l.mu.Lock()
				l.took = append(l.took, time.Since(began))
				l.mu.Unlock()
			case err == nil && got.status == 503 && got.header.Get("Holdfast-Error") == "shed" && got.header.Get("Retry-After") != "":
				l.shed.Add(1)
			default:
				l.wrong.Add(1)
			}
		})
	}
}

// Three times what the service can do, in three priorities: the critical half of
// its capacity is answered, the service stays busy, and what is answered is
// answered in time.
func TestOverloadIsShedFromBelow(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIP: it takes 8 s of a machine that has time")
	}
	const workers, takes = 10, 50 * time.Millisecond
	const capacity = float64(workers) / 0.050 // 200/s
	one := newReplica(t, 1, busied(workers, takes))
	r := newRig(t, tableOf(1, one))
	r.untilAdmitted(1)
	var group sync.WaitGroup
	follow, stop := context.WithCancel(t.Context())
	defer stop()
	heard := make(chan holdfast.Observation, 16)
	group.Go(func() {
		r.gateway.Follow(follow, func(o holdfast.Observation) {
			switch o.(type) {
			case holdfast.Overloaded, holdfast.Relieved:
				heard <- o
			}
		})
	})
	rate := func(share float64) time.Duration { return time.Duration(float64(time.Second) / (share * capacity)) }
	load := func(d time.Duration, shares map[holdfast.Priority]float64) map[holdfast.Priority]*level {
		ctx, end := context.WithTimeout(t.Context(), d)
		defer end()
		levels := map[holdfast.Priority]*level{}
		var sending, asking sync.WaitGroup
		for p, share := range shares {
			l := &level{}
			levels[p] = l
			sending.Go(func() { r.offer(ctx, &asking, p, rate(share), l) })
		}
		sending.Wait()
		asking.Wait()
		return levels
	}
	// Before: half of it, of which nothing is refused.
	calm := load(1500*time.Millisecond, map[holdfast.Priority]float64{holdfast.Normal: 0.5})[holdfast.Normal]
	if calm.shed.Load() > 0 {
		t.Errorf("%d of %d were shed with nothing to shed them for", calm.shed.Load(), calm.sent.Load())
	}
	if p99 := calm.p99(); p99 > 4*takes {
		t.Skipf("SKIP: with half the load the 99th percentile is %s on this machine, want %s", p99, 4*takes)
	}
	const lasts = 6
	levels := load(lasts*time.Second, map[holdfast.Priority]float64{holdfast.Critical: 0.5, holdfast.Normal: 1, holdfast.Sheddable: 1.5})
	var good, offered int64
	for _, p := range holdfast.Priorities()[:3] {
		l := levels[p]
		good += l.good.Load()
		offered += l.sent.Load()
		t.Logf("%-9s sent %d, answered %d (%.1f %%), shed %d, wrong %d, p99 of the answered %s", p, l.sent.Load(), l.good.Load(), 100*float64(l.good.Load())/float64(l.sent.Load()), l.shed.Load(), l.wrong.Load(), l.p99())
		if p99 := l.p99(); p99 > time.Second {
			t.Errorf("%s: the 99th percentile is %s, after the deadline", p, p99)
		}
	}
	t.Logf("offered %.0f/s, answered %.0f/s of %.0f/s", float64(offered)/lasts, float64(good)/lasts, capacity)
	if float64(offered) < 2.5*lasts*capacity {
		t.Skipf("SKIP: this machine offers only %.0f/s", float64(offered)/lasts)
	}
	c := levels[holdfast.Critical]
	if float64(c.good.Load()) < 0.99*float64(c.sent.Load()) {
		t.Errorf("of %d critical ones %d were answered", c.sent.Load(), c.good.Load())
	}
	if float64(good) < 0.9*lasts*capacity {
		t.Errorf("%d were answered, of a capacity of %.0f", good, lasts*capacity)
	}
	shedOf := func(p holdfast.Priority) float64 {
		return float64(levels[p].shed.Load()) / float64(levels[p].sent.Load())
	}
	if shedOf(holdfast.Sheddable) < shedOf(holdfast.Normal) {
		t.Errorf("of the sheddable %.2f are shed, of the default %.2f", shedOf(holdfast.Sheddable), shedOf(holdfast.Normal))
	}
	r.overloadWasTold(heard)
	stop()
	group.Wait()
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
