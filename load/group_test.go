//go:build linux

package load

import (
	"context"
	"io"
	"net/http"
	"slices"
	"testing"
	"time"

	"holdfast"
	"holdfast/fault"
	"holdfast/fault/faulttest"
	"holdfast/internal/cgroup"
	"holdfast/internal/proc"
)

// What a process wants for is counted by the kernel in a group that it was put into
// after the load began, and is told by nobody who put it there.
func TestWantIsWitnessed(t *testing.T) {
	for _, c := range []struct {
		fault holdfast.Fault
		seen  func(Want) bool
	}{
		{fault.Starve{}, func(w Want) bool { return w.Throttled > 0 && w.Killed == 0 }},
		{fault.OOM{}, func(w Want) bool { return w.Killed > 0 }},
	} {
		t.Run(string(c.fault.Name()), func(t *testing.T) {
			if why, _ := fault.Possible(c.fault.Name()); why != "" {
				t.Skip(why)
			}
			victim := faulttest.Victim(t)
			p := plan(serve(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "ok") }))
			p.Rate, p.Watch = 10, []Watch{{Pid: victim.Pid, Ticks: victim.Ticks}}
			g := start(t, p)
			defer g.Stop(t.Context())
			if held := watched(g); len(held) != 1 || held[0].Error != "" {
				t.Fatalf("watched before the load: %+v", held)
			}
			if wants := g.Wants(); len(wants) != 0 {
				t.Errorf("before anything was done: %+v", wants)
			}
			began := proc.Now()
			t.Cleanup(func() { c.fault.Undo(context.Background(), victim) })
			if err := c.fault.Inject(t.Context(), victim); err != nil {
				t.Fatal(err)
			}
			faulttest.Eventually(t, "the want is seen", func() bool { return slices.ContainsFunc(g.Wants(), c.seen) })
			for _, w := range g.Wants() {
				if w.Pid != victim.Pid || w.Seen < int64(began) || w.Seen > int64(proc.Now()+time.Second) {
					t.Errorf("seen %+v, injected at %d", w, began)
				}
			}
			if err := c.fault.Undo(t.Context(), victim); err != nil {
				t.Error(err)
			}
		})
	}
}

// What a process wants for in the group that it was in before is its own affair: a
// service with a limit of its own is throttled whatever a drill does to it.
func TestWantInItsOwnGroupIsNoWitness(t *testing.T) {
	if why, _ := fault.Possible("starve"); why != "" {
		t.Skip(why)
	}
	victim := faulttest.Victim(t)
	counted := int64(0)
	always := func(string) int64 { counted++; return counted } // it is throttled all the time
	count := newTally(cgroup.CPU, always)
	host, watch := cgroup.On("/"), Watch{Pid: victim.Pid, Ticks: victim.Ticks}
	for range 3 {
		if count.look(host, watch); count.risen() != 0 {
			t.Fatal("what its own limit does to it is counted")
		}
	}
	t.Cleanup(func() { fault.Starve{}.Undo(context.Background(), victim) })
	if err := (fault.Starve{}).Inject(t.Context(), victim); err != nil {
		t.Fatal(err)
	}
	if count.look(host, watch); count.risen() == 0 {
		t.Error("what it wants for in the group that it was put into is not counted")
	}
}
