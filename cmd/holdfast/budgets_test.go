package main

import (
	"strings"
	"testing"
	"time"

	"holdfast"
	"holdfast/api"
	"holdfast/control"
	"holdfast/event"
)

func TestBudgetsAreShownWithTheirArithmetic(t *testing.T) {
	const day = 24 * time.Hour
	var out strings.Builder
	printBudgets(&out, []api.Budget{
		{Target: 0.999, Window: 28 * day, Age: 28 * day, Requests: 1_000_000, Bad: 340, Allowed: 1000, Left: 0.66, Minutes: 0.66 * 40.32, By: map[string]uint64{"cart.crash": 300, "unknown": 40}},
		{Promise: "checkout", Target: 0.99, Window: 28 * day, Age: 2 * time.Hour, Requests: 100, Bad: 3, Allowed: 1, Left: -2, Minutes: -2 * 403.2, Burning: []string{"2% in 1h"}},
		{Promise: "search", Target: 0.99, Window: 28 * day, Quiet: true},
		{Promise: "fast", Target: 0.99, Window: 28 * day, Age: time.Minute, Requests: 40, Allowed: 0.4, Left: 1, Minutes: 403.2, By: map[string]uint64{"a": 1, "b": 2, "c": 3, "d": 4, "e": 5}},
	})
	want := `budget   99.9%: 66% left, 660 requests or 26m37s with nothing answered; 0.1% of 1000000 requests in 28d may be bad, which is 1000, and 340 were
         300 by cart.crash, 40 by unknown
budget   checkout 99%: OVERDRAWN by 2 requests, or 13h26m24s with nothing answered; 1% of 100 requests in 2h0m may be bad, which is 1, and 3 were
         BURNING, by 2% in 1h
budget   search 99%: no traffic
budget   fast 99%: 100% left, 0.4 requests or 6h43m12s with nothing answered; 1% of 40 requests in 1m may be bad, which is 0.4, and 0 were
         5 by e, 4 by d, 3 by c, 2 by b, and by 1 more
`
	if out.String() != want {
		t.Errorf("got\n%s, want\n%s", out.String(), want)
	}
}

// What the mind books is seen at once, and a promise that is made anew is, too.
func TestTheAgentLooksIntoTheBooks(t *testing.T) {
	a := &agent{mind: control.New(writer), heard: make(chan struct{})}
	began := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	hear := func(at time.Duration, in event.Body) []api.Budget {
		now := event.At{Wall: began.Add(at), Boot: at, BootID: "b"}
		a.said(event.Frame{At: now, Input: true, Entries: a.mind.Step(now, in)})
		return a.budgetsNow()
	}
	system := holdfast.System{
		Name: "shop", Promise: &holdfast.Promise{Target: 0.999, Window: 28 * 24 * time.Hour},
		Services: []holdfast.Service{{Name: "web", Command: "./web", Manage: holdfast.Full, Replicas: 1, Minimum: 1}},
	}
	if all := hear(0, event.Declared{System: system}); len(all) != 1 || !all[0].Quiet {
		t.Errorf("once it is declared: %+v", all)
	}
	counted := holdfast.Counted{Gateway: "g", Routes: []holdfast.RouteCount{{Route: "web:8080", Service: "web", Requests: 1000, Failed: 2}}}
	all := hear(time.Minute, counted)
	if len(all) != 1 || all[0].Requests != 1000 || all[0].Bad != 2 || all[0].Quiet || all[0].Left > -0.9 {
		t.Errorf("once it is counted: %+v", all)
	}
	system.Promises = []holdfast.Promise{{Name: "more", Target: 0.9, Window: 28 * 24 * time.Hour}}
	if all := hear(2*time.Minute, event.Declared{System: system}); len(all) != 2 || all[0].Bad != 2 || !all[1].Quiet {
		t.Errorf("with another promise: %+v", all)
	}
}
