package main

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// How much garbage a gateway lets lie. What lives in one with few open connections are
// a few MiB: the collector, which begins when as much garbage lies there, would run
// dozens of times a second and cost more than all that judges replicas does.
const (
	litter      = 16 << 20 // bytes of it, or as much as lives, whichever is more
	mostLitter  = 400      // percent of what lives; more saves nothing any more
	leastLitter = 100      // percent, the runtime's own
	lookAtHeap  = 250 * time.Millisecond
)

// collect keeps the collector to that until ctx ends.
func collect(ctx context.Context) error {
	look := time.NewTicker(lookAtHeap)
	defer look.Stop()
	live, set := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}, leastLitter
	for {
		metrics.Read(live)
		if percent := litterFor(live[0].Value.Uint64()); percent > set+set/8 || percent < set-set/8 {
			debug.SetGCPercent(percent)
			set = percent
		}
		select {
		case <-ctx.Done():
			return nil
		case <-look.C:
		}
	}
}

// litterFor is the percentage at which litter bytes lie beside what lives.
func litterFor(live uint64) int {
	return int(min(max(100*litter/max(live, 1), leastLitter), mostLitter))
}
