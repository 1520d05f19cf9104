package process

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"holdfast"
)

func TestAddressesStayAndDiffer(t *testing.T) {
	state := t.TempDir()
	a, err := openAddresses(state, "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	seen := sync.Map{}
	var claims sync.WaitGroup
	for n := range 50 {
		claims.Go(func() {
			name := holdfast.NameReplica("catalog", n+1)
			address, err := a.claim(life(n+1, 1), 0)
			if err != nil {
				t.Error(err)
			}
			if other, twice := seen.LoadOrStore(address, name); twice {
				t.Errorf("%s for %s and %s", address, name, other)
			}
		})
	}
	claims.Wait()
	again, err := openAddresses(state, "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	for n := range 50 {
		name := holdfast.NameReplica("catalog", n+1)
		_, text, _ := net.SplitHostPort(a.get(name))
		if port, err := strconv.Atoi(text); err != nil || port < firstPort || port >= firstPort+ports {
			t.Errorf("%s listens on %q, outside %d–%d", name, a.get(name), firstPort, firstPort+ports-1)
		}
		if kept, err := again.claim(life(n+1, 2), 0); err != nil || kept != a.get(name) {
			t.Errorf("%s was given %s, then %s (%v)", name, a.get(name), kept, err)
		}
	}
	if info, err := os.Stat(a.path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
}

func life(ordinal int, incarnation holdfast.Incarnation) holdfast.ReplicaID {
	return holdfast.ReplicaID{Service: "catalog", Ordinal: ordinal, Incarnation: incarnation}
}

func TestTwoSystemsBeginElsewhere(t *testing.T) {
	starts := map[int]bool{}
	for range 8 {
		a, err := openAddresses(t.TempDir(), "127.0.0.1")
		if err != nil {
			t.Fatal(err)
		}
		starts[a.start] = true
	}
	if len(starts) < 4 {
		t.Errorf("eight state directories begin at %v", starts)
	}
}

func TestAddressesThatCannotBeUsedSayWhatToDo(t *testing.T) {
	state := t.TempDir()
	os.WriteFile(filepath.Join(state, "addresses.json"), []byte("{half"), 0o600)
	if _, err := New(Options{Keeper: newKeeper(t), State: state}); err == nil || !strings.Contains(err.Error(), "remove it") {
		t.Errorf("%v", err)
	}
	elsewhere, err := openAddresses(t.TempDir(), "192.0.2.1")
	if err != nil {
		t.Fatal(err)
	}
	if address, err := elsewhere.claim(life(1, 1), 0); err == nil {
		t.Errorf("claimed %s, which is no address of this machine", address)
	}
	if _, err := New(Options{State: state}); err == nil {
		t.Error("a driver without a keeper was made")
	}
}
