package gateway

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync/atomic"
	"time"
)

// LeaveTime is how long a gateway in whose place another one serves goes on with
// what it has: requests, streams, connections that lie idle. A minute, because
// most clients give an idle connection up before, and a longer stream has to be
// able to begin anew anyway.
const LeaveTime = time.Minute

// lookAgain is how often it looks whether there is anything left.
const lookAgain = 20 * time.Millisecond

// A departure is the way out of a gateway that another one takes over from.
//
//	serves ──Leave──▶ takes nothing new, and says so with every answer ──nothing left, or LeaveTime──▶ drains ──▶ ended
//
// A connection that lies idle is not closed: its client may have begun to write
// the next request, and would have to take the end for a failure. It is asked to
// go with the next answer.
type departure struct {
	begun chan struct{} // closed by Leave
	going atomic.Bool
}

// Leave has the gateway make room for another one that serves the same sockets:
// Run accepts nothing more, finishes what it has within LeaveTime, and returns.
// It keeps to itself from now on what it believes; it takes newer tables from
// the disk they share. Calling it again changes nothing.
func (g *Gateway) Leave() {
	if g.departure.going.CompareAndSwap(false, true) {
		close(g.departure.begun)
	}
}

// depart stops accepting and lets the followers go to the other one.
func (g *Gateway) depart() []*door {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.letGo()
}

// letGo drops every follower and takes the doors out. The caller holds mu.
func (g *Gateway) letGo() []*door {
	for f := range g.followers {
		g.drop(f, ErrEnded)
	}
	doors := make([]*door, 0, len(g.doors))
	for name, d := range g.doors {
		doors = append(doors, d)
		delete(g.doors, name)
	}
	return doors
}

// linger waits until the doors' connections have gone, for LeaveTime at most.
func (g *Gateway) linger(ctx context.Context, doors []*door) {
	bounded, cancel := context.WithTimeout(ctx, LeaveTime)
	defer cancel()
	for _, d := range doors {
		d.dismiss()
	}
	for _, d := range doors {
		d.empty(bounded, func() bool { return true })
	}
}

// dismiss accepts nothing more, and has each connection go with its next answer.
func (d *door) dismiss() {
	d.leaving.Store(true)
	d.Listener.Close()
}

// empty waits for the connections to go, until ctx ends and while it is worth it.
func (d *door) empty(ctx context.Context, while func() bool) {
	tick := time.NewTicker(lookAgain)
	defer tick.Stop()
	for len(d.room) > 0 && while() {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// shareEvery is how often the table on disk is looked at. While two gateways serve,
// a replica that leaves use is waited for at least as long: see presence.
const shareEvery = 250 * time.Millisecond

// share takes up newer tables from disk until ctx ends. Two gateways share the
// directory while one takes over from the other: whichever was given a table
// last, both come to hold it.
func (g *Gateway) share(ctx context.Context) {
	tick := time.NewTicker(shareEvery)
	defer tick.Stop()
	var seen fs.FileInfo
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		info, err := os.Stat(g.tablePath())
		if err != nil || seen != nil && os.SameFile(info, seen) && info.ModTime().Equal(seen.ModTime()) {
			continue
		}
		seen = info
		if err := g.takeShared(); err != nil {
			g.log.say("the routing table on disk is left alone: %v", err)
		}
	}
}

// takeShared puts the table on disk in force if it is newer than the one held.
func (g *Gateway) takeShared() error {
	next, err := readSealed(g.tablePath())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read it: %w", err)
	}
	g.applying.Lock()
	defer g.applying.Unlock()
	g.mu.Lock()
	known := g.held != nil && g.held.table.Revision >= next.table.Revision
	g.mu.Unlock()
	if known {
		return nil
	}
	return g.take(next)
}
