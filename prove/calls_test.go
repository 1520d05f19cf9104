package prove

import (
	"testing"
	"time"

	"holdfast"
	"holdfast/fault"
	"holdfast/load"
)

// spoken is a system of one service that speaks a protocol, and how it is routed.
func spoken(protocol holdfast.Protocol, path string) *holdfast.System {
	yes := true
	port := holdfast.Port{Host: "127.0.0.1", Port: 8080}
	return &holdfast.System{
		Name: "shop",
		Gateway: holdfast.Publishing{Listen: []holdfast.Port{port}, Routes: []holdfast.PublishedRoute{
			{Path: path, Service: "catalog", Treatment: holdfast.Treatment{Repetition: holdfast.Repetition{Idempotent: &yes}}},
		}},
		Services: []holdfast.Service{{Name: "catalog", Command: "./catalog", Manage: holdfast.Full, Protocol: protocol, Replicas: 2}},
	}
}

// Users of h2c come over HTTP/1.1, those of gRPC call; whoever asks a replica itself
// speaks what it speaks.
func TestWhatIsAskedInWhichLanguage(t *testing.T) {
	for protocol, want := range map[holdfast.Protocol][2]holdfast.Protocol{
		holdfast.HTTP: {"", holdfast.HTTP}, holdfast.H2C: {"", holdfast.H2C}, holdfast.GRPC: {holdfast.GRPC, holdfast.GRPC},
	} {
		system := spoken(protocol, "/shop.Catalog")
		if why := unaskable(system, holdfast.Target{Service: "catalog"}); why != "" {
			t.Errorf("%s cannot be asked: %s", protocol, why)
		}
		all := targets(system, nil, map[holdfast.ListenerName]string{"gateway:8080": "127.0.0.1:7000"})
		if len(all) != 1 {
			t.Fatalf("%s: %d targets, want one", protocol, len(all))
		}
		if got := all[0].asked(); got.Protocol != want[0] || got.URL != "http://127.0.0.1:7000/shop.Catalog" {
			t.Errorf("users of %s ask %s over %q, want %q", protocol, got.URL, got.Protocol, want[0])
		}
		if got := itself(system.Services[0], holdfast.ReplicaID{Service: "catalog", Ordinal: 1}, "127.0.0.1:7001"); got.Protocol != want[1] {
			t.Errorf("a replica of %s is asked over %q, want %q", protocol, got.Protocol, want[1])
		}
	}
}

// A probe of a gRPC service goes where its users' calls go, if a route says so: the
// health call alone shows no disk.
func TestAProbeAsksWhatUsersAsk(t *testing.T) {
	for _, c := range []struct {
		protocol   holdfast.Protocol
		path, want string
	}{
		{holdfast.GRPC, "/shop.Catalog/Page", "/shop.Catalog/Page"},
		{holdfast.GRPC, "", "/"},
		{holdfast.H2C, "/shop", "/"},
	} {
		system := spoken(c.protocol, c.path)
		d := &drilling{proving: &proving{o: Options{System: system}}, service: system.Services[0], fault: found(t, "disk-full")}
		if got := d.probeOf(holdfast.ReplicaID{}, "127.0.0.1:1"); got.Path != c.want || got.Protocol != c.protocol {
			t.Errorf("%+v: asked for %s over %s", c, got.Path, got.Protocol)
		}
		if seen := d.unshowable() == ""; seen != (c.protocol != holdfast.GRPC || c.path != "") {
			t.Errorf("%+v: %q", c, d.unshowable())
		}
	}
}

// What a call came to is said in the words of gRPC, not by the 200 that it came with.
func TestACallThatWasHurt(t *testing.T) {
	r := load.Result{Target: "storefront/catalog", Call: true, Protocol: "h2", Status: 200, Failed: true, Error: "UNAVAILABLE catalog-1 broke off"}
	if got := describe(r); got != "a call of storefront/catalog UNAVAILABLE catalog-1 broke off" {
		t.Error(got)
	}
	hurt := facts{injected: time.Second}.hurtOf(r)
	if hurt.Method != "call" || hurt.Route != "storefront/catalog" || hurt.Status != 0 || hurt.Error != r.Error {
		t.Errorf("%+v", hurt)
	}
}

func found(t *testing.T, name holdfast.FaultName) holdfast.Fault {
	t.Helper()
	f, ok := fault.Find(name)
	if !ok {
		t.Fatalf("no fault %s", name)
	}
	return f
}
