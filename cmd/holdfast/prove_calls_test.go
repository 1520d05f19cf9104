package main

import (
	"slices"
	"strings"
	"testing"

	"holdfast"
	"holdfast/report"
)

// calls are two services of gRPC: calls of the one may be carried out twice, of the
// other nobody knows. What one call in fifty comes to is the machine's business
// here, whose tests run side by side.
const calls = `name: calls
owner: web
defaults: {bounds: {impact: 2%}}
gateway:
  listen: ["8080"]
  routes: [{path: /, service: catalog, idempotent: true}]
services:
  catalog:
    command: ./holdfast toy catalog --speaks grpc
    protocol: grpc
    replicas: 2
  cart:
    command: ./holdfast toy cart --speaks grpc
    protocol: grpc
    replicas: 2
    ports: ["8081"]
    bounds: {impact: 0%}
`

// A service of gRPC is drilled by calls: what fails is what their status says, a
// failing replica is seen on the way to it and found out by users' calls alone,
// its health being well; and whether calls may be carried out twice decides who is
// hurt.
func TestCallsProve(t *testing.T) {
	t.Parallel()
	h := newHouse(t, calls)
	var s said
	var run report.Run
	for range 4 {
		s = h.run("prove", "catalog.crash", "catalog.errors", "cart.errors", "--json")
		// A machine so busy that the warden's second is over decides nothing either.
		if run = s.document(); !noisy(run) && run.Verdict != holdfast.Aborted {
			break
		}
		t.Logf("once more: %s", s.stdout)
	}
	s.exits(exitFound)
	for _, want := range []struct {
		mode    holdfast.ModeName
		verdict holdfast.Verdict
		witness string
	}{
		{mode: "catalog.crash", verdict: holdfast.Pass, witness: "exit of pid "},
		{mode: "catalog.errors", verdict: holdfast.Pass, witness: "INTERNAL seen by load on the way to catalog-"},
		{mode: "cart.errors", verdict: holdfast.Fail, witness: "INTERNAL seen by load on the way to cart-"},
	} {
		i := slices.IndexFunc(run.Drills, func(d report.Drill) bool { return d.Mode == want.mode })
		if i < 0 {
			t.Fatalf("no drill of %s:\n%s", want.mode, s.stdout)
		}
		d := run.Drills[i]
		if d.Verdict != want.verdict || !strings.HasPrefix(d.Witness, want.witness) {
			t.Errorf("%s: %s (%s), seen: %q; want %+v\n%s", d.Mode, d.Verdict, d.Reason, d.Witness, want, s.stderr)
		}
		if d.Verdict == holdfast.Fail {
			helps := strings.Join(d.Help, "; ")
			if !strings.Contains(d.Reason, "a call of cart:8081 INTERNAL") || !strings.Contains(helps, "`idempotent: true`") {
				t.Errorf("why: %s; helps: %s", d.Reason, helps)
			}
		}
	}
}
