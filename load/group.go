package load

import (
	"context"
	"slices"
	"time"

	"holdfast/internal/cgroup"
	"holdfast/internal/proc"
)

// A Want is what the kernel counted in the control groups that a process was put into
// while it was watched: how often it was out of processor time, and how often somebody
// was killed for its memory. The group that it was in before has bounds of its own, of
// which it may be in want whatever is done to it: what is counted there shows no fault.
type Want struct {
	Pid       int   `json:"pid"`
	Throttled int64 `json:"throttled,omitempty"`
	Killed    int64 `json:"killed,omitempty"`
	Seen      int64 `json:"seen"`
}

// Wants are those seen so far, each more than the one before it.
func (g *Generator) Wants() []Want {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.record.Wants)
}

// A tally is one of the kernel's counters in the groups that a process is put into.
type tally struct {
	controller cgroup.Controller
	read       func(dir string) int64
	home       string          // the group that the process was found in
	groups     map[string]bool // those that it was put into since, which count from nothing
}

func newTally(c cgroup.Controller, read func(dir string) int64) *tally {
	return &tally{controller: c, read: read, groups: map[string]bool{}}
}

// look takes note of the group that the process is in now.
func (t *tally) look(host cgroup.Host, watch Watch) {
	dir, _, err := host.Of(t.controller, watch.Pid)
	switch {
	// Of a process that is ending the kernel says that it is in none.
	case err != nil, !proc.Alive(watch.Pid, watch.Ticks), proc.Dying(watch.Pid, watch.Ticks):
		t.follow(watch)
	case t.home == "":
		t.home = dir
	case dir != t.home:
		t.groups[dir] = true
	}
}

// follow takes note of a group that the process was put into and ended in between two
// looks. It may have been killed the moment it was there.
func (t *tally) follow(watch Watch) {
	if t.home == "" {
		return
	}
	for _, dir := range cgroup.PartsOf(t.home, watch.Pid, watch.Ticks) {
		t.groups[dir] = true
	}
}

func (t *tally) risen() (n int64) {
	for dir := range t.groups {
		n += t.read(dir)
	}
	return n
}

// countIn reports when a counter of a process's groups has risen, until ctx ends. It
// outlasts the process: why that ended is counted in the group it was in.
func (g *generation) countIn(ctx context.Context, watch Watch) {
	host := cgroup.On("/")
	throttled, killed := newTally(cgroup.CPU, cgroup.Throttled), newTally(cgroup.Memory, cgroup.Killed)
	last := Want{Pid: watch.Pid}
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		throttled.look(host, watch)
		killed.look(host, watch)
		next := Want{Pid: watch.Pid, Throttled: throttled.risen(), Killed: killed.risen()}
		if next.Throttled > last.Throttled || next.Killed > last.Killed {
			last, next.Seen = next, int64(proc.Now())
			if g.wants.Add(1) <= maxStates {
				g.sheet.report(line{Want: &next})
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
