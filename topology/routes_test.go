package topology

import (
	"slices"
	"testing"
	"time"

	"holdfast"
)

func market() *holdfast.System {
	return &holdfast.System{Services: []holdfast.Service{
		{Name: "storefront", Ports: []holdfast.Port{{Host: "127.0.0.1", Port: 8080}, {Host: "10.0.0.5", Port: 8080}, {Port: 9090}}, DependsOn: []holdfast.Dependency{
			{On: "catalog", Required: true, Timeout: time.Second}, {On: "ads", Timeout: time.Second}, {On: "psp", Required: true},
		}},
		{Name: "catalog", DependsOn: []holdfast.Dependency{{On: "store", Required: true}}},
		{Name: "store"}, {Name: "ads"},
		{Name: "psp", Manage: holdfast.Observe},
	}}
}

func TestEveryWayInHasAListenerOfItsOwn(t *testing.T) {
	var names []string
	for _, listener := range Listeners(market(), false) {
		names = append(names, string(listener.Name)+" at "+listener.Address)
	}
	want := []string{
		"storefront:8080 at 127.0.0.1:8080", "storefront:10.0.0.5:8080 at 10.0.0.5:8080", "storefront:9090 at :9090",
		"storefront/catalog at 127.0.0.1:0", "storefront/ads at 127.0.0.1:0", "catalog/store at 127.0.0.1:0",
	}
	if !slices.Equal(names, want) {
		t.Errorf("listeners\n%q, want\n%q", names, want)
	}
}

func TestAPrivateCopyStaysOnLoopback(t *testing.T) {
	for _, listener := range Listeners(market(), true) {
		if listener.Address != "127.0.0.1:0" {
			t.Errorf("%s listens on %s", listener.Name, listener.Address)
		}
	}
}

func TestTrafficToWhatIsOnlyObservedIsNotOurs(t *testing.T) {
	for _, route := range Routes(market()) {
		if route.Service == "psp" {
			t.Errorf("%s leads to psp", route.Listener)
		}
	}
}

func TestRequiredLeavesOutWhatIsOptional(t *testing.T) {
	if got := Required(market(), "storefront"); !slices.Equal(got, []holdfast.ServiceName{"catalog", "store", "psp"}) {
		t.Errorf("storefront requires %v", got)
	}
	if got := Required(market(), "store"); len(got) != 0 {
		t.Errorf("store requires %v", got)
	}
}

func TestWhatAnEdgeMayRepeatIsTheRoutes(t *testing.T) {
	system, none, yes := market(), 0, true
	system.Services[0].DependsOn[1].Repetition = holdfast.Repetition{Retries: &none, Idempotent: &yes}
	for _, route := range Routes(system) {
		if want := route.Listener == "storefront/ads"; (route.Retries == &none && route.Idempotent == &yes) != want {
			t.Errorf("%s: %+v", route.Listener, route.Repetition)
		}
	}
}

func TestAnEdgesFallbackIsTheRoutes(t *testing.T) {
	system := market()
	covered := &holdfast.Fallback{Body: "[]"}
	system.Services[0].DependsOn[1].Fallback = covered
	for _, route := range Routes(system) {
		if want := route.Listener == "storefront/ads"; (route.Fallback == covered) != want {
			t.Errorf("%s: %+v", route.Listener, route.Fallback)
		}
	}
}
