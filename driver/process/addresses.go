package process

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"

	"holdfast"
)

// Addresses are chosen from ports below the kernel's ephemeral range (from
// 32768 on Linux, from 49152 elsewhere), so that no outgoing connection can
// take one while its replica is between two incarnations.
const (
	firstPort = 20000
	ports     = 10000
)

// addresses keeps one address per replica: the same for every incarnation, so
// that what a gateway has on its disk stays true when we are dead. An address
// is given up only when a stranger sits on it, and never passes to another
// replica, to whom an old routing table would then send the wrong requests.
//
// Safe for concurrent use.
type addresses struct {
	path  string
	host  string
	start int // where the search begins: differs between state directories, so that two systems rarely meet

	mu sync.Mutex
	of map[holdfast.ReplicaName]string
}

func openAddresses(state, host string) (*addresses, error) {
	spread := fnv.New32a()
	spread.Write([]byte(state))
	a := &addresses{
		path:  filepath.Join(state, "addresses.json"),
		host:  host,
		start: int(spread.Sum32() % ports),
		of:    map[holdfast.ReplicaName]string{},
	}
	text, err := os.ReadFile(a.path)
	if errors.Is(err, fs.ErrNotExist) {
		return a, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the replicas' addresses: %w", err)
	}
	if err := json.Unmarshal(text, &a.of); err != nil {
		return nil, fmt.Errorf("read the replicas' addresses: %s: %w: remove it while nothing runs; addresses are then chosen anew", a.path, err)
	}
	return a, nil
}

// get is the address of a replica, or "" while it has none.
func (a *addresses) get(name holdfast.ReplicaName) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.of[name]
}

// claim gives the address at which the next incarnation of a replica listens,
// and has written it down. It is free at this moment; who takes it before the
// process does makes that process fail, and the next claim avoids it.
func (a *addresses) claim(name holdfast.ReplicaName) (string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	kept := a.of[name]
	if host, _, err := net.SplitHostPort(kept); err == nil && host == a.host && free(kept) == nil {
		return kept, nil
	}
	chosen, err := a.choose()
	if err != nil {
		return "", err
	}
	a.of[name] = chosen
	if err := a.save(); err != nil {
		if a.of[name] = kept; kept == "" {
			delete(a.of, name)
		}
		return "", err
	}
	return chosen, nil
}

// choose finds an address that is nobody's, ours or a stranger's.
func (a *addresses) choose() (string, error) {
	taken := slices.Collect(maps.Values(a.of))
	last := error(errTaken)
	for i := range ports {
		address := net.JoinHostPort(a.host, strconv.Itoa(firstPort+(a.start+i)%ports))
		if slices.Contains(taken, address) {
			continue
		}
		if last = free(address); last == nil {
			return address, nil
		}
		if !errors.Is(last, errTaken) {
			break // the host itself cannot be listened on; 9,999 more tries say the same
		}
	}
	return "", fmt.Errorf("no free address on %s from port %d to %d (%s holds those given away): %w", a.host, firstPort, firstPort+ports-1, a.path, last)
}

// save replaces the file at once or not at all. It is not synced: addresses
// matter while processes live, and a power failure ends those.
func (a *addresses) save() error {
	text, err := json.MarshalIndent(a.of, "", "  ")
	if err != nil {
		return fmt.Errorf("keep the replicas' addresses: %w", err)
	}
	next := a.path + ".next"
	if err := os.WriteFile(next, append(text, '\n'), 0o600); err != nil {
		return fmt.Errorf("keep the replicas' addresses: %w", err)
	}
	if err := os.Rename(next, a.path); err != nil {
		return fmt.Errorf("keep the replicas' addresses: %w", err)
	}
	return nil
}
