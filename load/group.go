package load

import (
	"context"
	"maps"
	"slices"
	"time"

	"holdfast/internal/cgroup"
	"holdfast/internal/proc"
)

// A Want is what the kernel counted in the control groups of a watched process since
// the generator began to watch it: how often it was out of processor time, and how
// often somebody was killed for its memory. What it counted in a group before it was
// watched there says nothing of now.
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

// A tally is one of the kernel's counters in the groups that a process was in.
type tally struct {
	controller cgroup.Controller
	read       func(dir string) int64
	base       map[string]int64 // of each group: what it counted before the process was watched in it
}

// look takes note of the group that the process is in now. One that it is put into
// while it is watched was made for it, and counts from nothing.
func (t *tally) look(host cgroup.Host, watch Watch) {
	dir, _, err := host.Of(t.controller, watch.Pid)
	// Of a process that is ending the kernel says that it is in none.
	if err != nil || !proc.Alive(watch.Pid, watch.Ticks) || proc.Dying(watch.Pid, watch.Ticks) {
		t.follow(watch)
		return
	}
	if _, known := t.base[dir]; !known {
		t.base[dir] = 0
		if len(t.base) == 1 {
			t.base[dir] = t.read(dir)
		}
	}
}

// follow takes note of a group that the process was put into and ended in between two
// looks. It may have been killed the moment it was there.
func (t *tally) follow(watch Watch) {
	for _, was := range slices.Collect(maps.Keys(t.base)) {
		for _, dir := range cgroup.PartsOf(was, watch.Pid, watch.Ticks) {
			if _, known := t.base[dir]; !known {
				t.base[dir] = 0
			}
		}
	}
}

func (t *tally) risen() (n int64) {
	for dir, before := range t.base {
		n += max(0, t.read(dir)-before)
	}
	return n
}

// countIn reports when a counter of a process's groups has risen, until ctx ends. It
// outlasts the process: why that ended is counted in the group it was in.
func (g *generation) countIn(ctx context.Context, watch Watch) {
	host := cgroup.On("/")
	throttled := &tally{controller: cgroup.CPU, read: cgroup.Throttled, base: map[string]int64{}}
	killed := &tally{controller: cgroup.Memory, read: cgroup.Killed, base: map[string]int64{}}
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
