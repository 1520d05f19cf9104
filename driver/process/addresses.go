package process

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"holdfast"
	"holdfast/internal/files"
)

// Addresses are chosen from ports below the kernel's ephemeral range (from
// 32768 on Linux, from 49152 elsewhere), so that no outgoing connection can
// take one while its replica is between two incarnations.
const (
	firstPort = 20000
	ports     = 10000
)

// A place is what is kept of one replica: its address, and the highest
// incarnation that was ever to be started there.
type place struct {
	Address     string               `json:"address"`
	Incarnation holdfast.Incarnation `json:"incarnation"`
}

// addresses keeps one place per replica. Its address is the same for every
// incarnation, so that what a gateway has on its disk stays true when we are
// dead. It is given up only when a stranger sits on it, and never passes to
// another replica, to whom an old routing table would then send the wrong
// requests. The incarnation is kept because a Run may be asked for a stale one
// before the keeper has told it of the newer.
//
// Safe for concurrent use.
type addresses struct {
	path  string
	host  string
	start int // where the search begins: differs between state directories, so that two systems rarely meet

	mu    sync.Mutex
	of    map[holdfast.ReplicaName]place
	fixed map[int]bool // ports the file gives to somebody, taken already or not
}

// reserve keeps the ports that the file gives out from being chosen.
func (a *addresses) reserve(desired map[holdfast.ReplicaName]holdfast.DesiredReplica) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.fixed = map[int]bool{}
	for _, r := range desired {
		for _, port := range r.Service.Listen {
			a.fixed[int(port)] = true
		}
	}
}

func openAddresses(state, host string) (*addresses, error) {
	spread := fnv.New32a()
	spread.Write([]byte(state))
	a := &addresses{
		path:  filepath.Join(state, "addresses.json"),
		host:  host,
		start: int(spread.Sum32() % ports),
		of:    map[holdfast.ReplicaName]place{},
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
	return a.of[name].Address
}

// highest is the highest incarnation of a replica that was ever claimed for.
func (a *addresses) highest(name holdfast.ReplicaName) holdfast.Incarnation {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.of[name].Incarnation
}

// claim gives the address at which an incarnation listens, and has written it
// down: at the port that the file fixes, or, with 0, at any. It is free at this
// moment; who takes it before the process does makes that process fail, and the
// next claim avoids it.
func (a *addresses) claim(id holdfast.ReplicaID, fixed uint16) (string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	kept, known := a.of[id.Name()]
	next := place{Address: kept.Address, Incarnation: max(kept.Incarnation, id.Incarnation)}
	stays := known && a.usable(kept.Address)
	if fixed != 0 {
		next.Address = net.JoinHostPort(a.host, strconv.Itoa(int(fixed)))
		stays = next.Address == kept.Address
		if err := free(next.Address); err != nil {
			return "", fmt.Errorf("listen %d: %w", fixed, takenBy(err, fixed))
		}
	} else if !stays {
		var err error
		if next.Address, err = a.choose(); err != nil {
			return "", err
		}
	}
	a.of[id.Name()] = next
	err := a.save()
	if err == nil || stays {
		// A full disk must not keep what has an address from being started
		// again. All that is lost is a safeguard for the next Run.
		return next.Address, nil
	}
	if a.of[id.Name()] = kept; !known {
		delete(a.of, id.Name())
	}
	return "", err
}

// usable tells whether a kept address is one of ours still and nobody's else.
func (a *addresses) usable(address string) bool {
	host, _, err := net.SplitHostPort(address)
	return err == nil && host == a.host && free(address) == nil
}

// choose finds an address that is nobody's, ours or a stranger's.
func (a *addresses) choose() (string, error) {
	taken := make(map[string]bool, len(a.of))
	for _, p := range a.of {
		taken[p.Address] = true
	}
	last := error(errTaken)
	for i := range ports {
		port := firstPort + (a.start+i)%ports
		address := net.JoinHostPort(a.host, strconv.Itoa(port))
		if taken[address] || a.fixed[port] {
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

// save writes the addresses down. They matter while processes live, and a power
// failure ends those.
func (a *addresses) save() error {
	text, err := json.MarshalIndent(a.of, "", "  ")
	if err == nil {
		err = files.Replace(a.path, append(text, '\n'))
	}
	if err != nil {
		return fmt.Errorf("keep the replicas' addresses: %w", err)
	}
	return nil
}
