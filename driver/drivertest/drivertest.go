// Package drivertest is the contract of the Driver port as a test: every driver
// runs it over a world of its own and has to pass.
package drivertest

import (
	"context"
	"errors"
	"slices"
	"testing"

	"holdfast"
)

// A Harness is one world and the way into it.
type Harness struct {
	// Driver makes a driver over this world, as an agent does that begins.
	// Several of one harness see the same world, one after the other.
	Driver func(t *testing.T) holdfast.Driver
	// Replica is the n-th replica, n from 1 to 3, in an incarnation, such that
	// the driver can make it run and it runs until it is ended.
	Replica func(ordinal int, incarnation holdfast.Incarnation) holdfast.DesiredReplica
	// Living lists what runs in this world, asked without the driver. Needed
	// when the driver says that it starts things.
	Living func(t *testing.T) []holdfast.ReplicaID
	// Kill ends what runs, behind the driver's back. Needed when the driver
	// says that it sees exits.
	Kill func(t *testing.T, started holdfast.Started)
}

// Run tests the whole contract. Each check gets a world of its own from build.
// What the driver says that it cannot do is skipped.
func Run(t *testing.T, build func(t *testing.T) Harness) {
	for _, c := range checks() {
		t.Run(c.name, func(t *testing.T) {
			h := build(t)
			can := h.Driver(t).Capabilities()
			if c.starts && !can.Starts {
				t.Skip("this driver starts nothing")
			}
			if c.exits && !can.SeesExits {
				t.Skip("this driver sees no exits")
			}
			c.check(t, h)
		})
	}
}

// A check is one promise of the port.
type check struct {
	name   string
	starts bool // of drivers that start things
	exits  bool // of drivers that see exits
	check  func(t *testing.T, h Harness)
}

func checks() []check {
	return []check{
		{name: "capabilities are honest", check: capabilitiesAreHonest},
		{name: "the same desire again changes nothing", check: sameDesireAgain},
		{name: "a stale incarnation is ignored", check: staleIsIgnored},
		{name: "run reports what it finds first", check: findsFirst},
		{name: "nothing is said after run has returned", check: silentAfterwards},
		{name: "a second run is refused or waits", check: oneRunAtATime},
		{name: "what is desired before run is made true", check: desiredBeforeRun},
		{name: "ending run ends nothing", starts: true, check: endingRunEndsNothing},
		{name: "nothing is ended before something was desired", starts: true, check: nothingSaidNothingEnded},
		{name: "what is no longer desired is ended", starts: true, exits: true, check: undesiredIsEnded},
		{name: "a higher incarnation replaces the living one", starts: true, exits: true, check: higherReplaces},
		{name: "an incarnation runs at most once", starts: true, exits: true, check: runsAtMostOnce},
		{name: "a stale incarnation is ignored by the next run too", starts: true, exits: true, check: staleAfterRestart},
		{name: "an exit nobody saw is reported", starts: true, exits: true, check: unseenExit},
		{name: "one failure does not hold up the others", starts: true, exits: true, check: failureStaysAlone},
	}
}

func capabilitiesAreHonest(t *testing.T, h Harness) {
	driver := h.Driver(t)
	can := driver.Capabilities()
	w := watch(t, driver)
	w.apply(h.Replica(1, 1))
	started := w.awaitStarted(h.Replica(1, 1).ID)
	if started.Address == "" {
		t.Error("started without an address: nobody can reach it")
	}
	if shows := started.Pid != 0; shows != can.ShowsPid {
		t.Errorf("pid %d, although ShowsPid is %v", started.Pid, can.ShowsPid)
	}
	type tails interface {
		Tail(replica holdfast.ReplicaName, lines int) ([]string, error)
	}
	tail, keeps := driver.(tails)
	if keeps != can.KeepsLogs {
		t.Fatalf("has Tail: %v, although KeepsLogs is %v", keeps, can.KeepsLogs)
	}
	if keeps {
		if _, err := tail.Tail(started.ID.Name(), 5); err != nil {
			t.Errorf("KeepsLogs, but: %v", err)
		}
	}
	if can.Starts {
		h.awaitLiving(t, started.ID)
	}
	if can.SeesExits {
		h.Kill(t, started)
		w.awaitExited(started.ID)
	}
}

func sameDesireAgain(t *testing.T, h Harness) {
	w := watch(t, h.Driver(t))
	for range 100 {
		w.apply(h.Replica(1, 1))
	}
	w.awaitStarted(h.Replica(1, 1).ID)
	for range 100 {
		w.apply(h.Replica(1, 1))
	}
	w.turn(h)
	if n := len(w.of(h.Replica(1, 1).ID)); n != 1 {
		t.Errorf("%d observations of a replica that was desired 200 times and runs, want one Started: %v", n, w.of(h.Replica(1, 1).ID))
	}
}

func staleIsIgnored(t *testing.T, h Harness) {
	w := watch(t, h.Driver(t))
	w.apply(h.Replica(1, 5))
	w.awaitStarted(h.Replica(1, 5).ID)
	w.apply(h.Replica(1, 4))
	w.turn(h)
	if got := w.of(h.Replica(1, 4).ID); len(got) > 0 {
		t.Errorf("a stale incarnation was acted on: %v", got)
	}
	if got := w.of(h.Replica(1, 5).ID); len(got) != 1 {
		t.Errorf("the living incarnation was touched for a stale one: %v", got)
	}
}

func findsFirst(t *testing.T, h Harness) {
	first := watch(t, h.Driver(t))
	first.apply(h.Replica(1, 1), h.Replica(2, 1))
	before := first.awaitStarted(h.Replica(1, 1).ID)
	first.awaitStarted(h.Replica(2, 1).ID)
	first.end()

	second := watch(t, h.Driver(t))
	second.apply(h.Replica(1, 1), h.Replica(2, 1))
	found := second.awaitStarted(before.ID)
	second.awaitStarted(h.Replica(2, 1).ID)
	if !found.Adopted {
		t.Errorf("%v: what ran before is not reported as adopted", found)
	}
	if found.Pid != before.Pid || found.Ticks != before.Ticks || found.Address != before.Address {
		t.Errorf("found %+v, but it was started as %+v", found, before)
	}
	second.turn(h)
	if got := second.of(before.ID); len(got) != 1 {
		t.Errorf("found one replica and said %v", got)
	}
}

func silentAfterwards(t *testing.T, h Harness) {
	driver := h.Driver(t)
	w := watch(t, driver)
	w.apply(h.Replica(1, 1))
	w.end() // in the middle of whatever it does; the watcher fails the test if it hears of it
	if err := driver.Apply(t.Context(), holdfast.Desired{Replicas: []holdfast.DesiredReplica{h.Replica(1, 1), h.Replica(2, 1)}}); err != nil {
		t.Errorf("nothing can be desired while nobody runs: %v", err)
	}
	again := watch(t, driver)
	again.awaitStarted(h.Replica(2, 1).ID)
	again.awaitStarted(h.Replica(1, 1).ID)
}

func oneRunAtATime(t *testing.T, h Harness) {
	driver := h.Driver(t)
	w := watch(t, driver)
	w.apply(h.Replica(1, 1))
	w.awaitStarted(h.Replica(1, 1).ID)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := driver.Run(ctx, func(o holdfast.Observation) { t.Errorf("a second run said %v", o) })
	if err == nil {
		t.Error("a second run ended without a reason")
	}
	w.turn(h)
}

func desiredBeforeRun(t *testing.T, h Harness) {
	driver := h.Driver(t)
	if err := driver.Apply(t.Context(), holdfast.Desired{Replicas: []holdfast.DesiredReplica{h.Replica(1, 1)}}); err != nil {
		t.Fatal(err)
	}
	w := watch(t, driver)
	w.awaitStarted(h.Replica(1, 1).ID)
	if err := w.end(); !errors.Is(err, context.Canceled) {
		t.Errorf("run ended with %v, want its context's error", err)
	}
}

func endingRunEndsNothing(t *testing.T, h Harness) {
	w := watch(t, h.Driver(t))
	w.apply(h.Replica(1, 1))
	started := w.awaitStarted(h.Replica(1, 1).ID)
	w.end()
	if !slices.Contains(h.Living(t), started.ID) {
		t.Error("what ran was ended with the run")
	}
}

func nothingSaidNothingEnded(t *testing.T, h Harness) {
	first := watch(t, h.Driver(t))
	first.apply(h.Replica(1, 1))
	started := first.awaitStarted(h.Replica(1, 1).ID)
	first.end()
	second := watch(t, h.Driver(t))
	second.awaitStarted(started.ID)
	// Had it been asked to end, it would have ended by the time of these turns.
	second.apply(h.Replica(1, 1))
	second.turn(h)
	if got := second.of(started.ID); len(got) != 1 || !slices.Contains(h.Living(t), started.ID) {
		t.Errorf("a driver that was told nothing ended what it found: %v", got)
	}
}

func undesiredIsEnded(t *testing.T, h Harness) {
	w := watch(t, h.Driver(t))
	w.apply(h.Replica(1, 1), h.Replica(2, 1))
	started := w.awaitStarted(h.Replica(1, 1).ID)
	w.awaitStarted(h.Replica(2, 1).ID)
	w.apply(h.Replica(2, 1))
	w.awaitExited(started.ID)
	h.awaitNotLiving(t, started.ID)
	if !slices.Contains(h.Living(t), h.Replica(2, 1).ID) {
		t.Error("what is still desired was ended too")
	}
}

func higherReplaces(t *testing.T, h Harness) {
	w := watch(t, h.Driver(t))
	for i := range holdfast.Incarnation(3) {
		w.apply(h.Replica(1, i+1))
		w.awaitStarted(h.Replica(1, i+1).ID)
	}
	exited := w.index(func(o holdfast.Observation) bool {
		e, ok := o.(holdfast.Exited)
		return ok && e.ID == h.Replica(1, 1).ID
	})
	started := w.index(func(o holdfast.Observation) bool {
		s, ok := o.(holdfast.Started)
		return ok && s.ID == h.Replica(1, 2).ID
	})
	if exited < 0 || started < exited {
		t.Errorf("the next incarnation started before the old one had ended: %v", w.all())
	}
	if living := h.Living(t); !slices.Equal(living, []holdfast.ReplicaID{h.Replica(1, 3).ID}) {
		t.Errorf("%v live, want the last incarnation alone", living)
	}
}

func runsAtMostOnce(t *testing.T, h Harness) {
	driver := h.Driver(t)
	w := watch(t, driver)
	w.apply(h.Replica(1, 1))
	started := w.awaitStarted(h.Replica(1, 1).ID)
	h.Kill(t, started)
	w.awaitExited(started.ID)
	for range 10 {
		w.apply(h.Replica(1, 1))
	}
	w.turn(h)
	w.apply() // and desired once more after it was not
	w.apply(h.Replica(1, 1))
	w.turn(h)
	w.end()

	second := watch(t, h.Driver(t))
	second.apply(h.Replica(1, 1))
	second.awaitExited(started.ID)
	second.turn(h)
	if slices.Contains(h.Living(t), started.ID) {
		t.Error("an incarnation that had exited runs again")
	}
	second.apply(h.Replica(1, 2))
	second.awaitStarted(h.Replica(1, 2).ID)
}

// A driver that begins may be asked for a stale incarnation before it has
// learned of the newer one.
func staleAfterRestart(t *testing.T, h Harness) {
	first := watch(t, h.Driver(t))
	first.apply(h.Replica(1, 1))
	first.awaitStarted(h.Replica(1, 1).ID)
	first.apply(h.Replica(1, 2))
	first.awaitStarted(h.Replica(1, 2).ID)
	first.apply()
	first.awaitExited(h.Replica(1, 2).ID)
	first.end()

	driver := h.Driver(t)
	stale := holdfast.Desired{Replicas: []holdfast.DesiredReplica{h.Replica(1, 1)}}
	if err := driver.Apply(t.Context(), stale); err != nil {
		t.Fatal(err)
	}
	second := watch(t, driver)
	second.last = stale.Replicas
	second.turn(h)
	for _, o := range second.of(h.Replica(1, 1).ID) {
		if o.Kind() == (holdfast.Started{}).Kind() {
			t.Errorf("a stale incarnation was started after a newer one had run: %v", o)
		}
	}
}

func unseenExit(t *testing.T, h Harness) {
	first := watch(t, h.Driver(t))
	first.apply(h.Replica(1, 1))
	started := first.awaitStarted(h.Replica(1, 1).ID)
	first.end()
	h.Kill(t, started)
	h.awaitNotLiving(t, started.ID)
	second := watch(t, h.Driver(t))
	second.awaitExited(started.ID)
	if got := second.of(started.ID); len(got) != 1 {
		t.Errorf("found one that had ended and said %v", got)
	}
}

func failureStaysAlone(t *testing.T, h Harness) {
	w := watch(t, h.Driver(t))
	broken := h.Replica(1, 1)
	broken.Service.Command = "./no-such-program"
	w.apply(broken, h.Replica(2, 1))
	w.awaitStarted(h.Replica(2, 1).ID)
	o := w.await("NotStarted of the broken replica", func(o holdfast.Observation) bool {
		n, ok := o.(holdfast.NotStarted)
		return ok && n.ID == broken.ID
	})
	if o.(holdfast.NotStarted).Reason == "" {
		t.Error("not started, and no reason given")
	}
	for range 10 {
		w.apply(broken, h.Replica(2, 1))
	}
	w.turn(h)
	if got := w.of(broken.ID); len(got) != 1 {
		t.Errorf("the driver tried again by itself: %v", got)
	}
}
