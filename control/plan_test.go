package control

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast"
	"holdfast/event"
)

// TestPlansAreData keeps the plan free of anything a hand could not be sent.
func TestPlansAreData(t *testing.T) {
	stage := &stage{mind: New("a"), boot: "boot-1"}
	stage.play(t, "declare storefront*2 needs catalog; catalog*2")
	stage.play(t, "settle")
	plan := stage.mind.Plan()
	if len(plan.Desired.Replicas) != 4 || len(plan.Table.Routes) != 1 {
		t.Fatalf("plan %+v", plan)
	}
	if _, err := json.Marshal(plan); err != nil {
		t.Fatal(err)
	}
}

// A gateway refuses to lose the last replica of a service that the file still
// names: what crashed stays listed until the next incarnation takes its place.
func TestACrashedReplicaStaysListedUntilItIsReplaced(t *testing.T) {
	stage := &stage{mind: New("a"), boot: "boot-1"}
	stage.play(t, "declare cart*1")
	stage.play(t, "settle")
	stage.play(t, "at 10s exited cart-1#1 1")
	if got := stage.mind.Plan().Table.Services[0].Endpoints; len(got) != 1 || got[0].ID.Incarnation != 1 {
		t.Fatalf("endpoints %v", got)
	}
	stage.play(t, "started cart-1#2 127.0.0.1:20001")
	if got := stage.mind.Plan().Table.Services[0].Endpoints; len(got) != 1 || got[0].ID.Incarnation != 2 {
		t.Fatalf("endpoints %v", got)
	}
}

func TestAServiceTheFileDroppedIsEmptiedByItsWord(t *testing.T) {
	stage := &stage{mind: New("a"), boot: "boot-1"}
	for _, line := range []string{"declare catalog*2; ads*1", "settle", "declare catalog*2"} {
		stage.play(t, line)
	}
	services := stage.mind.Plan().Table.Services
	if len(services) != 2 || services[1].Name != "ads" || !services[1].Emptied || len(stage.mind.Plan().Desired.Replicas) != 3 {
		t.Fatalf("services %+v", services)
	}
	if d := services[1].Draining; len(services[1].Endpoints) != 0 || len(d) != 1 || d[0].Address != "127.0.0.1:20001" || d[0].By != int64(10*time.Second) {
		t.Fatalf("it leaves, and gateways are told %+v", services[1])
	}
	stage.play(t, "at 1s drained ads-1#1")
	if left := stage.mind.Plan().Desired.Replicas; len(left) != 2 {
		t.Fatalf("after it has answered what it had, desired are %+v", left)
	}
	stage.play(t, "declare catalog*2; ads*1")
	if services := stage.mind.Plan().Table.Services; len(services) != 2 || services[1].Emptied {
		t.Fatalf("named again: %+v", services)
	}
}

func TestPlansGrowLaterEvenWhenTheirMemoryIsLost(t *testing.T) {
	old := New("a")
	old.Step(event.At{BootID: "b"}, event.Woken{Epoch: 3})
	old.Step(event.At{BootID: "b"}, event.Declared{System: holdfast.System{Name: "shop"}})
	forgetful := New("a")
	forgetful.Step(event.At{BootID: "b"}, event.Woken{Epoch: 4})
	if forgetful.Revision() <= old.Revision() {
		t.Fatalf("revision %d after %d", forgetful.Revision(), old.Revision())
	}
}

// What the file takes away stays, with the way to it, as long as somebody runs
// who was started with it.
func TestANeedTakenAwayStaysUntilItsCallersAreReplaced(t *testing.T) {
	stage := &stage{mind: New("a"), boot: "boot-1"}
	stage.play(t, "declare web*2 needs ads; ads*1")
	stage.play(t, "settle")
	for _, c := range []struct {
		line         string
		runs, routed bool
	}{
		{line: "at 10s declare web*2", runs: true, routed: true},
		{line: "at 11s drained web-1#1", runs: true, routed: true},
		{line: "settle", runs: true, routed: true},
		{line: "at 12s drained web-2#1", runs: true},
		{line: "settle", runs: true}, // the last one was started anew
		{line: "at 13s drained ads-1#1"},
	} {
		stage.play(t, c.line)
		plan := stage.mind.Plan()
		runs := slices.ContainsFunc(plan.Desired.Replicas, func(r holdfast.DesiredReplica) bool { return r.ID.Service == "ads" })
		serves := slices.ContainsFunc(plan.Table.Services, func(s holdfast.RoutedService) bool { return s.Name == "ads" && len(s.Endpoints) == 1 })
		edge := slices.ContainsFunc(plan.Table.Routes, func(e holdfast.RouteEntry) bool { return e.Listener == "web/ads" })
		if runs != c.runs || serves != c.routed || edge != c.routed {
			t.Errorf("%s: ads runs %v, serves %v, is routed %v; want %v and %v", c.line, runs, serves, edge, c.runs, c.routed)
		}
	}
}

func TestADrainingReplicaIsNotListedUnlessItIsNeeded(t *testing.T) {
	stage := &stage{mind: New("a"), boot: "boot-1"}
	for _, c := range []struct {
		line string
		want string
		ends string // draining, and until when
	}{
		{line: "declare catalog*2"},
		{line: "settle", want: "catalog-1#1 catalog-2#1"},
		{line: "at 10s declare catalog*2 as v2", want: "catalog-2#1", ends: "catalog-1#1 20s"},
		{line: "at 10.5s exited catalog-2#1 SIGKILL", want: "catalog-1#1 catalog-2#1"},
		{line: "admitted catalog-1#1", want: "catalog-1#1 catalog-2#1"},
		{line: "started catalog-2#3 127.0.0.1:20002", want: "catalog-1#1 catalog-2#3"},
		{line: "admitted catalog-2#3", want: "catalog-2#3", ends: "catalog-1#1 20.5s"},
		{line: "at 12s drained catalog-1#1", want: "catalog-2#3"},
		{line: "started catalog-1#2 127.0.0.1:20001", want: "catalog-1#2 catalog-2#3"},
	} {
		stage.play(t, c.line)
		var listed []string
		for _, e := range stage.mind.Plan().Table.Services[0].Endpoints {
			listed = append(listed, e.ID.String())
		}
		if got := strings.Join(listed, " "); got != c.want {
			t.Errorf("%s: listed are %q, want %q", c.line, got, c.want)
		}
		ends := ""
		for _, d := range stage.mind.Plan().Table.Services[0].Draining {
			ends += d.ID.String() + " " + time.Duration(d.By).String()
		}
		if ends != c.ends {
			t.Errorf("%s: draining are %q, want %q", c.line, ends, c.ends)
		}
	}
}
