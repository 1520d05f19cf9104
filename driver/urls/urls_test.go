package urls

import (
	"strings"
	"testing"

	"holdfast"
	"holdfast/driver/drivertest"
)

func replica(ordinal int, incarnation holdfast.Incarnation) holdfast.DesiredReplica {
	return holdfast.DesiredReplica{
		ID: holdfast.ReplicaID{Service: "payments", Ordinal: ordinal, Incarnation: incarnation},
		Service: holdfast.Service{
			Name: "payments", Manage: holdfast.Observe, Replicas: 3,
			URLs: []string{"http://127.0.0.1:8081", "https://pay.example/base", "http://[::1]/", "tcp://cache.example:6379"},
		},
	}
}

func TestTheContract(t *testing.T) {
	drivertest.Run(t, func(t *testing.T) drivertest.Harness {
		return drivertest.Harness{
			Driver:  func(*testing.T) holdfast.Driver { return New() },
			Replica: replica,
		}
	})
}

func TestAddresses(t *testing.T) {
	for n, want := range map[int]string{1: "127.0.0.1:8081", 2: "pay.example:443", 3: "[::1]:80", 4: "cache.example:6379"} {
		if got, err := addressOf(replica(n, 1)); got != want || err != nil {
			t.Errorf("replica %d is at %q (%v), want %q", n, got, err, want)
		}
	}
}

func TestWhatCannotBeReachedIsRefusedWhole(t *testing.T) {
	for name, text := range map[string]string{
		"no host":      "http://",
		"no port":      "tcp://host",
		"other scheme": "ftp://host/",
		"no url":       "://x",
		"with secret":  "http://user:hunter22@ho st/",
	} {
		bad := replica(1, 1)
		bad.Service.URLs = []string{text}
		d := New()
		err := d.Apply(t.Context(), holdfast.Desired{Replicas: []holdfast.DesiredReplica{replica(2, 1), bad}})
		if err == nil {
			t.Errorf("%s: taken over", name)
			continue
		}
		if strings.Contains(err.Error(), "hunter22") {
			t.Errorf("%s: the error gives the password away: %v", name, err)
		}
		if len(d.wanted()) > 0 {
			t.Errorf("%s: refused and taken over all the same", name)
		}
	}
}

func TestServicesWithoutURLsArePassedOver(t *testing.T) {
	d := New()
	other := holdfast.DesiredReplica{
		ID:      holdfast.ReplicaID{Service: "catalog", Ordinal: 1, Incarnation: 1},
		Service: holdfast.Service{Name: "catalog", Command: "./catalog"},
	}
	if err := d.Apply(t.Context(), holdfast.Desired{Replicas: []holdfast.DesiredReplica{other}}); err != nil || len(d.wanted()) > 0 {
		t.Errorf("took over %v (%v)", d.wanted(), err)
	}
}
