package main

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"holdfast"
	"holdfast/api"
	"holdfast/event"
	"holdfast/internal/golden"
	"holdfast/journal/view"
)

// An account of a service that has one of everything.
func told() api.Status {
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.Local)
	id := func(ordinal int) holdfast.ReplicaID {
		return holdfast.ReplicaID{Service: "catalog", Ordinal: ordinal, Incarnation: 2}
	}
	second := int64(time.Second)
	three := 3
	var waits holdfast.Histogram
	waits.Counts[3], waits.Counts[7] = 980, 20
	return api.Status{
		View: view.Status{
			Services: []view.ServiceStatus{
				{Name: "catalog", Owner: "shop", Admitted: 2, Declared: 5, Minimum: 1, Replicas: []view.ReplicaStatus{
					{ID: id(1), State: view.Admitted}, {ID: id(2), State: view.Running}, {ID: id(3), State: view.Admitted},
					{ID: id(4), State: view.Exited, Since: event.At{Wall: noon.Add(-time.Minute)}, Reason: "exited with status 1"},
					{ID: id(5), State: view.Running},
				}},
				{Name: "storefront", Replicas: []view.ReplicaStatus{{ID: holdfast.ReplicaID{Service: "storefront", Ordinal: 1}}}},
			},
			Failures: []view.Failure{
				{Mode: "catalog/error-rate", ID: id(2), Doing: "restarting it, attempt 1 of 3"},
				{Mode: "storefront/crash", ID: holdfast.ReplicaID{Service: "storefront", Ordinal: 1}},
			},
		},
		Gateways: []holdfast.GatewayState{{Gateway: "gateway-1",
			Endpoints: []holdfast.EndpointState{
				{ID: id(1), Admitted: true, Since: 100 * second, Reason: "answered 200 in 1.2ms", InFlight: 3, Share: 0.996, Typical: 12 * time.Millisecond, ErrorShare: 0.004, Tries: 12040, Failures: 3},
				{ID: id(2), Since: 7080 * second, HeldUntil: 7218 * second, Sign: holdfast.SignErrors, Reason: "5 of its last 5 requests failed, while 2 of 300 of the others' did", Tries: 40, Failures: 12, ErrorShare: 0.3},
				{ID: id(5), Since: 7199 * second, Reason: "GET /health: connection refused"},
				{ID: id(3), Admitted: true, Kept: true, Since: 7080 * second, Sign: holdfast.SignMissed, Reason: "GET /health: no answer in 300ms", Tries: 1, Failures: 1, ErrorShare: 1},
			},
			Routes: []holdfast.RouteState{
				{Listener: "gateway:8080", Host: "shop.example", Path: "/catalog", Service: "catalog", Protocol: holdfast.HTTP, Requests: 12},
				{Listener: "storefront/catalog", Service: "catalog", Caller: "storefront", Protocol: holdfast.HTTP, Requests: 1000, Failed: 3, Retried: 12, Hedged: 40, RefusedByBudget: 1, Degraded: 7, Stale: 5,
					Shed: map[holdfast.Priority]uint64{holdfast.Sheddable: 10, holdfast.Background: 4}, Queued: 20, Parked: 3, Broken: 2, FirstByte: waits,
					InForce: holdfast.Treatment{Timeout: time.Second, Priority: holdfast.Critical, Repetition: holdfast.Repetition{Retries: &three},
						Fallback: &holdfast.Fallback{Stale: time.Minute, Body: "[]"}}},
				{Listener: "catalog/db", Service: "db", Caller: "catalog", Protocol: holdfast.TCP, Requests: 1},
				{Listener: "storefront/cart", Service: "cart", Caller: "storefront"},
			},
		}},
	}
}

func TestAnAccountOfAService(t *testing.T) {
	alone, err := serviceAlone(told(), "catalog")
	if err != nil {
		t.Fatal(err)
	}
	for _, width := range []int{80, 120} {
		var out strings.Builder
		a := account{out: &out, width: width, status: alone, now: 7200 * time.Second, wall: time.Date(2026, 3, 1, 12, 0, 0, 0, time.Local)}
		a.print()
		for line := range strings.Lines(out.String()) {
			if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > width {
				t.Errorf("%d columns where there are %d: %s", n, width, line)
			}
		}
		golden.Compare(t, fmt.Sprintf("testdata/status/%d.txt", width), out.String())
	}
}

// What is said of one service, as text or JSON, is said of no other.
func TestAServiceAlone(t *testing.T) {
	whole := told()
	alone, err := serviceAlone(whole, "storefront")
	if err != nil {
		t.Fatal(err)
	}
	g := alone.Gateways[0]
	if len(alone.View.Services) != 1 || len(alone.View.Failures) != 1 || len(g.Endpoints) != 0 || len(g.Routes) != 2 {
		t.Errorf("%+v", alone)
	}
	if len(whole.View.Services) != 2 || len(whole.Gateways[0].Routes) != 4 || whole.View.Failures[0].ID.Service != "catalog" {
		t.Error("what it was taken from is another now")
	}
	var problem *api.Problem
	if _, err := serviceAlone(whole, "chat"); !errors.As(err, &problem) || problem.Code != api.Unknown {
		t.Errorf("a service that is none: %v", err)
	}
}
