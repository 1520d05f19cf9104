package holdfast_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"holdfast"
)

func TestAReplicaIsReadAsItIsWritten(t *testing.T) {
	id := holdfast.ReplicaID{Service: "cart-store", Ordinal: 12, Incarnation: 4}
	if id.String() != "cart-store-12#4" || id.Name() != "cart-store-12" {
		t.Errorf("written as %s, named %s", id, id.Name())
	}
	if back, err := holdfast.ParseReplicaID(id.String()); err != nil || back != id {
		t.Errorf("read back as %v, %v", back, err)
	}
	for _, text := range []string{"", "gateway", "catalog-2", "catalog#1", "catalog-x#1", "catalog-0#1", "catalog-1#x", "-1#1"} {
		if got, err := holdfast.ParseReplicaID(text); err == nil {
			t.Errorf("%q was read as %v", text, got)
		}
	}
}

func TestReplicasAreSpreadOverZones(t *testing.T) {
	service := holdfast.Service{Zones: []holdfast.ZoneName{"a", "b"}}
	for ordinal, want := range map[int]holdfast.ZoneName{1: "a", 2: "b", 3: "a"} {
		if got := service.Zone(ordinal); got != want {
			t.Errorf("replica %d is in %q, want %q", ordinal, got, want)
		}
	}
	if got := (holdfast.Service{}).Zone(1); got != "" {
		t.Errorf("without zones a replica is in %q", got)
	}
}

func TestSharesAreWrittenShort(t *testing.T) {
	for share, want := range map[holdfast.Share]string{0.999: "99.9%", 0.001: "0.1%", 1: "100%", 0: "0%", 0.9995: "99.95%"} {
		if got := share.String(); got != want {
			t.Errorf("%v is written %s, want %s", float64(share), got, want)
		}
	}
}

func TestARefusalIsFoundBehindASocket(t *testing.T) {
	for _, err := range []error{holdfast.ErrStale, fmt.Errorf("apply table 3: %w", holdfast.ErrStale), errors.New("disk full")} {
		text, failed := json.Marshal(holdfast.RefusedBy(err))
		back := &holdfast.Refused{}
		if failed = errors.Join(failed, json.Unmarshal(text, back)); failed != nil {
			t.Fatal(failed)
		}
		if back.Error() != err.Error() || errors.Is(back, holdfast.ErrStale) != errors.Is(err, holdfast.ErrStale) {
			t.Errorf("%v came as %v, %s", err, back, text)
		}
	}
}
