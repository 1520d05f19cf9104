package topology

import (
	"slices"
	"testing"
	"time"

	"holdfast"
	"holdfast/cutset"
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

func TestTheGatewaysRoutesAreWaysIntoWhatTheyLeadTo(t *testing.T) {
	system := market()
	system.Services[0].Ports = nil
	system.Gateway = holdfast.Publishing{
		Listen: []holdfast.Port{{Port: 80}, {Host: "127.0.0.1", Port: 8443}}, Metrics: &holdfast.Port{Host: "127.0.0.1", Port: 9000},
		TLS: []holdfast.Certificate{{Chain: "/c", Key: "/k"}},
		Routes: []holdfast.PublishedRoute{
			{Host: "shop.example", Service: "storefront", Treatment: holdfast.Treatment{Priority: holdfast.Critical}},
			{Path: "/api", Service: "catalog"},
		},
	}
	var names []string
	for _, route := range Routes(system) {
		if route.Caller == "" {
			names = append(names, route.Name()+" to "+string(route.Service)+" "+string(route.Priority))
		}
	}
	want := []string{
		"gateway:80 shop.example to storefront critical", "gateway:80/api to catalog ",
		"gateway:8443 shop.example to storefront critical", "gateway:8443/api to catalog ",
	}
	if !slices.Equal(names, want) {
		t.Errorf("routes\n%q, want\n%q", names, want)
	}
	at := map[holdfast.ListenerName]string{}
	for _, listener := range Listeners(system, false) {
		if at[listener.Name] != "" {
			t.Errorf("%s is listened at twice", listener.Name)
		}
		at[listener.Name] = listener.Address
	}
	if at["gateway:80"] != ":80" || at["gateway:8443"] != "127.0.0.1:8443" || at[holdfast.MetricsListener] != "127.0.0.1:9000" {
		t.Errorf("listeners %v", at)
	}
	if secured := Secured(system); len(secured["gateway:80"]) != 1 || len(secured) != 2 {
		t.Errorf("spoken to by TLS: %v", secured)
	}
	for _, listener := range Listeners(system, true) {
		if listener.Address != "127.0.0.1:0" {
			t.Errorf("a private copy listens on %s", listener.Address)
		}
	}
}

func TestAPromiseRestsOnWhatItsRoutesLeadTo(t *testing.T) {
	system := market()
	system.Services[0].Ports = nil
	system.Services[0].DependsOn[0].For = []string{"/browse"}
	system.Gateway = holdfast.Publishing{Listen: []holdfast.Port{{Port: 80}}, Routes: []holdfast.PublishedRoute{
		{Path: "/pay", Service: "storefront"}, {Path: "/api", Service: "ads"},
	}}
	for route, want := range map[string][]holdfast.ServiceName{
		"":          {"storefront", "ads", "psp"}, // nobody comes to storefront but to pay, which needs no catalog
		"/pay/card": {"storefront", "psp"},
		"/api":      {"ads"},
	} {
		risks := Analyse(system, cutset.Limits{})
		if got := risks.Path(risks.Ways(holdfast.Promise{Route: route})...); !slices.Equal(got, want) {
			t.Errorf("a promise of %q rests on %v, want %v", route, got, want)
		}
	}
}
