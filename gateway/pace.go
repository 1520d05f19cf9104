package gateway

import (
	"sync"
	"sync/atomic"
	"time"
)

// A pace is how slowly a client may send a body: what it is waited for in all is
// at most grace, and a second more for each rate bytes. Only the waiting for the
// client counts, not that for a replica which reads slowly.
//
// It holds for bodies that have announced their length. One that has not may be a
// stream with nothing to say for hours; it is held to its pace only while places
// are scarce, and not any more when its answer has begun.
type pace struct {
	grace time.Duration
	look  time.Duration // how often it is looked at
	rate  int64         // bytes a second
}

// usualPace is slower than any link in use and faster than whoever only wants to
// hold a place. Apache's default has the same rate and 20 s.
func usualPace() pace {
	return pace{grace: 30 * time.Second, look: 5 * time.Second, rate: 500}
}

// A pacer watches one body.
type pacer struct {
	got      atomic.Int64 // bytes
	waited   atomic.Int64 // nanoseconds, of the waits that have ended
	since    atomic.Int64 // CLOCK_BOOTTIME of the present wait; 0 when the client is not waited for
	slow     atomic.Bool  // the client was given up
	answered atomic.Bool

	mu    sync.Mutex // nothing is done to the client after end
	ended bool
	timer *time.Timer
}

// wait and come enclose a read from the client.
func (p *pacer) wait() { p.since.Store(int64(now())) }

func (p *pacer) come(n int) {
	p.waited.Add(int64(now()) - p.since.Swap(0))
	p.got.Add(int64(n))
}

// tooSlow says whether the client was waited for too long.
func (p *pacer) tooSlow(at time.Duration, want pace) bool {
	since := p.since.Load()
	if since == 0 {
		return false
	}
	waited := time.Duration(p.waited.Load() + int64(at) - since)
	return waited > want.grace+time.Duration(float64(p.got.Load())/float64(want.rate)*float64(time.Second))
}

// keepPace begins to watch the request's body.
func (x *exchange) keepPace() {
	p := &x.body.pacer
	p.mu.Lock()
	defer p.mu.Unlock()
	p.timer = time.AfterFunc(x.gateway.bounds.pace.look, x.lookAtPace)
}

func (x *exchange) lookAtPace() {
	p, want := &x.body.pacer, x.gateway.bounds.pace
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		return
	}
	matters := x.message.length > 0 || !p.answered.Load() && x.crowded()
	if matters && !x.body.ended.Load() && p.tooSlow(now(), want) {
		p.slow.Store(true)
		x.body.stall()
		return
	}
	p.timer.Reset(want.look)
}

// end ends the watch.
func (p *pacer) end() {
	if p.timer == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended = true
	p.timer.Stop()
}

// crowded says that places are scarce.
func (x *exchange) crowded() bool {
	return x.service.inFlight.Load() > x.gateway.limit*3/4
}
