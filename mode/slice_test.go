package mode_test

import (
	"bytes"
	"testing"
	"time"

	"holdfast"
	"holdfast/mode"
)

func market() *holdfast.System {
	return &holdfast.System{
		Name: "market", Owner: "web", Guardrails: holdfast.Guardrails{MaxUnavailable: 1},
		Services: []holdfast.Service{
			{Name: "storefront", Command: "./storefront", Replicas: 2, DependsOn: []holdfast.Dependency{{On: "catalog", Required: true, Timeout: time.Second}}},
			{Name: "catalog", Command: "./catalog", Replicas: 2, Owner: "web"},
			{Name: "cart", Command: "./cart", Replicas: 2},
		},
		Sessions: []holdfast.Session{
			{Name: "browse", Steps: []holdfast.Step{{On: "storefront", Method: "GET", Path: "/"}}},
			{Name: "own", Steps: []holdfast.Step{{On: "cart", Method: "GET", Path: "/"}}},
		},
	}
}

// What a drill rests on changes its slice, and nothing else does: neither too
// little, which would leave a remedy armed that was never shown, nor too much,
// which would take proofs away for nothing.
func TestASliceIsWhatADrillRestsOn(t *testing.T) {
	crash := mode.Crash().Of(market().Services[1])
	loss := crash
	loss.Strikes.Caller = "storefront"
	for what, c := range map[string]struct {
		change        func(*holdfast.System, *holdfast.FailureMode)
		replica, edge bool
	}{
		"its own command":  {func(s *holdfast.System, _ *holdfast.FailureMode) { s.Services[1].Command += " -v" }, true, true},
		"its own number":   {func(s *holdfast.System, _ *holdfast.FailureMode) { s.Services[1].Replicas = 3 }, true, true},
		"its bounds":       {func(_ *holdfast.System, m *holdfast.FailureMode) { m.Bounds.Detect++ }, true, true},
		"its remedies":     {func(_ *holdfast.System, m *holdfast.FailureMode) { m.Remedies = nil }, true, true},
		"a guardrail":      {func(s *holdfast.System, _ *holdfast.FailureMode) { s.Guardrails.MaxUnavailable = 2 }, true, true},
		"how it is needed": {func(s *holdfast.System, _ *holdfast.FailureMode) { s.Services[0].DependsOn[0].Timeout = time.Minute }, true, true},
		"how often it is asked": {func(s *holdfast.System, _ *holdfast.FailureMode) {
			none := 0
			s.Services[0].DependsOn[0].Retries = &none
		}, true, true},
		"what may be repeated": {func(s *holdfast.System, _ *holdfast.FailureMode) {
			yes := true
			s.Services[0].DependsOn[0].Idempotent = &yes
		}, true, true},
		"who needs it":          {func(s *holdfast.System, _ *holdfast.FailureMode) { s.Services[2].DependsOn = s.Services[0].DependsOn }, true, true},
		"its caller's command":  {func(s *holdfast.System, _ *holdfast.FailureMode) { s.Services[0].Command += " -v" }, false, true},
		"another service":       {func(s *holdfast.System, _ *holdfast.FailureMode) { s.Services[2].Command += " -v" }, false, false},
		"whether it is armed":   {func(_ *holdfast.System, m *holdfast.FailureMode) { m.Armed = !m.Armed }, false, false},
		"who owns and is woken": {func(_ *holdfast.System, m *holdfast.FailureMode) { m.Owner, m.Escalation, m.Runbook = "a", "b", "c" }, false, false},
		"who owns the service":  {func(s *holdfast.System, _ *holdfast.FailureMode) { s.Services[1].Owner = "ops" }, false, false},
		"what it is built for": {func(s *holdfast.System, _ *holdfast.FailureMode) {
			s.Services[1].Design = holdfast.Design{Promise: 0.999, Shares: []holdfast.CauseName{"rack"}, State: &holdfast.State{}}
		}, false, false},
		"what of its caller needs it": {func(s *holdfast.System, _ *holdfast.FailureMode) { s.Services[0].DependsOn[0].For = []string{"/cart"} }, false, false},
		"what its users do":           {func(s *holdfast.System, _ *holdfast.FailureMode) { s.Sessions[0].Steps[0].Path = "/browse" }, true, true},
		"what the users of others do": {func(s *holdfast.System, _ *holdfast.FailureMode) { s.Sessions[1].Steps[0].Path = "/cart" }, false, false},
		"how drills ask":              {func(s *holdfast.System, _ *holdfast.FailureMode) { s.Load.Arrivals = holdfast.Poisson }, true, true},
		"what promises are made for": {func(s *holdfast.System, _ *holdfast.FailureMode) {
			s.Promises = []holdfast.Promise{{Journey: "browse"}}
		}, false, false},
		"what live drills may do":  {func(s *holdfast.System, _ *holdfast.FailureMode) { s.Prove.Budget = 0.2 }, false, false},
		"the promise and the rest": {func(s *holdfast.System, _ *holdfast.FailureMode) { s.Promise, s.Digest = &holdfast.Promise{}, "x" }, false, false},
	} {
		for of, m := range map[string]holdfast.FailureMode{"replica": crash, "edge": loss} {
			want := map[string]bool{"replica": c.replica, "edge": c.edge}[of]
			system := market()
			before := mode.Slice(system, m)
			c.change(system, &m)
			if got := !bytes.Equal(before, mode.Slice(system, m)); got != want {
				t.Errorf("%s changes the slice of the %s: %v, want %v", what, of, got, want)
			}
		}
	}
}

// A loss of what users come for rests on the routes that lead there, and on who is
// asked in its place; a loss of an edge on the latter.
func TestASliceOfALostServiceHasItsRoutes(t *testing.T) {
	system := market()
	system.Gateway.Routes = []holdfast.PublishedRoute{{Path: "/", Service: "catalog", Treatment: holdfast.Treatment{Fallback: &holdfast.Fallback{Service: "cart"}}}}
	loss := mode.Loss().OfPublished(system.Services[1])
	if loss.Name != "catalog.loss" || !loss.Strikes.Whole || loss.Owner != "web" || len(loss.Remedies) != 1 || loss.Remedies[0] != holdfast.RemedyFallback {
		t.Errorf("%+v", loss)
	}
	if got := mode.Involved(system, loss); len(got) != 2 || got[0] != "catalog" || got[1] != "cart" {
		t.Errorf("involved are %q", got)
	}
	before := mode.Slice(system, loss)
	system.Gateway.Routes[0].Timeout = time.Second
	if bytes.Equal(before, mode.Slice(system, loss)) {
		t.Error("its route says something else, and its proof still holds")
	}
	system.Services[0].DependsOn[0].Fallback = &holdfast.Fallback{Service: "cart"}
	edge := mode.Loss().OfEdge(system.Services[0], system.Services[0].DependsOn[0])
	if got := mode.Involved(system, edge); len(got) != 3 || got[2] != "cart" {
		t.Errorf("involved in the edge are %q", got)
	}
	fits := holdfast.Service{Name: "catalog", Manage: holdfast.Full, Protocol: holdfast.HTTP}
	if !mode.Loss().StrikesPublished(system.Gateway, fits) || mode.Loss().StrikesPublished(holdfast.Publishing{}, fits) || mode.Crash().StrikesPublished(system.Gateway, fits) {
		t.Error("it fits what it should not, or not what it should")
	}
	if fits.Manage = holdfast.Route; mode.Loss().StrikesPublished(system.Gateway, fits) {
		t.Error("it fits what runs elsewhere")
	}
}
