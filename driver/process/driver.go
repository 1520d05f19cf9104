// Package process makes services run as processes of this machine: it works out
// command, environment and address of each replica, has a Keeper start and end
// them, and bounds what they print.
//
// The driver holds no process itself. It can die and come back at any time: what
// runs is learned from the keeper, what was promised (addresses, data, logs) is
// in the state directory.
package process

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"holdfast"
)

// Options are what a driver is made of.
type Options struct {
	// Keeper starts and ends the processes, and tells of their exits.
	Keeper holdfast.Keeper
	// State is the directory that holds addresses.json, data/<replica>/ and
	// log/<replica>.log. Drivers that follow one another over the same keeper
	// share it; two at a time must not.
	State string
	// Above are directories above State that are Holdfast's own and closed, too.
	// A user of the file's has to pass through them.
	Above []string
	// Environ is the caller's environment. Of it a process gets PATH, HOME,
	// LANG and TZ, and what its service names.
	Environ []string
	// Host is the address the replicas listen on; "127.0.0.1" when empty.
	Host string
}

// A Driver runs services that have a command. It implements holdfast.Driver;
// services without a command of their own (urls) are not its business and are
// passed over. All methods may be called concurrently, but only one Run at a
// time.
type Driver struct {
	keeper    holdfast.Keeper
	state     string
	above     []string
	caller    map[string]string
	addresses *addresses
	groups    *groups
	changed   chan struct{} // holds one: what is desired has changed since Run looked

	mu      sync.Mutex
	running bool
	applied bool // until then nothing is known of what should run, and nothing is ended
	desired map[holdfast.ReplicaName]holdfast.DesiredReplica
	fates   map[holdfast.ReplicaName]fate // what became of the last incarnation, for Diagnose
}

// New makes a driver over a state directory, which is created if need be. It
// starts nothing. It fails when the directory cannot be used or holds addresses
// that cannot be read.
func New(o Options) (*Driver, error) {
	if o.Keeper == nil || o.State == "" {
		return nil, errors.New("process driver: a keeper and a state directory are needed")
	}
	state, err := filepath.Abs(o.State)
	if err != nil {
		return nil, fmt.Errorf("process driver: %w", err)
	}
	host := o.Host
	if host == "" {
		host = "127.0.0.1"
	}
	d := &Driver{
		keeper:  o.Keeper,
		state:   state,
		above:   o.Above,
		caller:  byName(o.Environ),
		groups:  newGroups(state),
		changed: make(chan struct{}, 1),
		fates:   map[holdfast.ReplicaName]fate{},
	}
	if err := os.MkdirAll(d.logDir(), 0o700); err != nil {
		return nil, fmt.Errorf("process driver: %w", err)
	}
	if d.addresses, err = openAddresses(state, host); err != nil {
		return nil, fmt.Errorf("process driver: %w", err)
	}
	return d, nil
}

// Capabilities says that this driver can do everything there is.
func (d *Driver) Capabilities() holdfast.Capabilities {
	return holdfast.Capabilities{Starts: true, SeesExits: true, ShowsPid: true, KeepsLogs: true}
}

// Apply takes over what should run. It refuses, and takes nothing over, when
// one replica is named twice, has no incarnation, or has a name that could not
// be a file's.
func (d *Driver) Apply(_ context.Context, desired holdfast.Desired) error {
	next := make(map[holdfast.ReplicaName]holdfast.DesiredReplica, len(desired.Replicas))
	for _, r := range desired.Replicas {
		if len(r.Service.URLs) > 0 {
			continue
		}
		if err := acceptable(r.ID); err != nil {
			return fmt.Errorf("process driver: %w", err)
		}
		if _, twice := next[r.ID.Name()]; twice {
			return fmt.Errorf("process driver: %s is desired twice", r.ID.Name())
		}
		next[r.ID.Name()] = r
	}
	d.addresses.reserve(next)
	d.mu.Lock()
	d.desired, d.applied = next, true
	d.mu.Unlock()
	select {
	case d.changed <- struct{}{}:
	default: // Run has not yet looked at the change before this one
	}
	return nil
}

func acceptable(id holdfast.ReplicaID) error {
	if id.Service == "" || strings.ContainsAny(string(id.Service), "/\\\x00") {
		return fmt.Errorf("%q cannot name a service: its files could not be named after it", id.Service)
	}
	if id.Ordinal < 1 || id.Incarnation < 1 {
		return fmt.Errorf("%s: ordinals and incarnations count from 1", id)
	}
	return nil
}

// wanted is a copy of what is desired now, and whether that is known at all.
func (d *Driver) wanted() (desired map[holdfast.ReplicaName]holdfast.DesiredReplica, known bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return maps.Clone(d.desired), d.applied
}

// wants tells whether exactly this incarnation is desired at this moment.
func (d *Driver) wants(id holdfast.ReplicaID) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.desired[id.Name()].ID == id
}

// begin lets one Run in at a time.
func (d *Driver) begin() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.running {
		return errors.New("process driver: it runs already")
	}
	d.running = true
	return nil
}

func (d *Driver) end() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.running = false
}
