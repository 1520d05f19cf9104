// Package urls stands for services that already run elsewhere: it says where
// they are, and starts, ends and signals nothing.
//
// It proves that nothing above a driver needs a pid, an exit or a port of our
// choosing.
package urls

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"sync"

	"holdfast"
)

// A Driver reports each desired url once per incarnation and Run. It implements
// holdfast.Driver; services that have no urls are not its business and are
// passed over. All methods may be called concurrently, but only one Run at a
// time.
type Driver struct {
	changed chan struct{} // holds one: what is desired has changed since Run looked

	mu      sync.Mutex
	running bool
	desired []holdfast.Started
}

// New makes a driver that knows of no service yet.
func New() *Driver { return &Driver{changed: make(chan struct{}, 1)} }

// Capabilities says that this driver can do nothing but point.
func (d *Driver) Capabilities() holdfast.Capabilities { return holdfast.Capabilities{} }

// Apply takes over what should be there. It refuses, and takes nothing over,
// when a replica has no url, one that is not http, https or tcp, no host, or no
// port where the scheme means none, and when one replica is named twice.
func (d *Driver) Apply(_ context.Context, desired holdfast.Desired) error {
	next := make([]holdfast.Started, 0, len(desired.Replicas))
	named := map[holdfast.ReplicaName]bool{}
	for _, r := range desired.Replicas {
		if len(r.Service.URLs) == 0 {
			continue
		}
		address, err := addressOf(r)
		if err != nil {
			return fmt.Errorf("urls driver: %s: %w", r.ID, err)
		}
		if named[r.ID.Name()] {
			return fmt.Errorf("urls driver: %s is desired twice", r.ID.Name())
		}
		named[r.ID.Name()] = true
		// It ran before we came, whenever that was.
		next = append(next, holdfast.Started{ID: r.ID, Address: address, Adopted: true})
	}
	d.mu.Lock()
	d.desired = next
	d.mu.Unlock()
	select {
	case d.changed <- struct{}{}:
	default: // Run has not yet looked at the change before this one
	}
	return nil
}

// addressOf is host:port of the url that stands for a replica: the n-th for
// replica n.
func addressOf(r holdfast.DesiredReplica) (string, error) {
	n := r.ID.Ordinal
	if n < 1 || n > len(r.Service.URLs) {
		return "", fmt.Errorf("the service has %d urls", len(r.Service.URLs))
	}
	parsed, err := url.Parse(r.Service.URLs[n-1])
	if err != nil {
		// The error of package url quotes the url, which may hold a password.
		return "", errors.New("its url cannot be read")
	}
	port := parsed.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[parsed.Scheme]
	}
	switch {
	case parsed.Scheme != "http" && parsed.Scheme != "https" && parsed.Scheme != "tcp":
		return "", fmt.Errorf("%s is none of http, https and tcp", parsed.Scheme)
	case parsed.Hostname() == "":
		return "", errors.New("its url names no host")
	case port == "":
		return "", errors.New("its url names no port")
	}
	return net.JoinHostPort(parsed.Hostname(), port), nil
}

// Run reports what is desired until ctx ends, and returns ctx's error. A lower
// incarnation than one reported is stale and is passed over.
func (d *Driver) Run(ctx context.Context, emit func(holdfast.Observation)) error {
	if err := d.begin(); err != nil {
		return err
	}
	defer d.end()
	reported := map[holdfast.ReplicaName]holdfast.Incarnation{}
	for {
		wanted := d.wanted()
		for _, started := range wanted {
			if name := started.ID.Name(); started.ID.Incarnation > reported[name] {
				reported[name] = started.ID.Incarnation
				emit(started)
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-d.changed:
		}
	}
}

func (d *Driver) wanted() []holdfast.Started {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.desired)
}

func (d *Driver) begin() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.running {
		return errors.New("urls driver: it runs already")
	}
	d.running = true
	return nil
}

func (d *Driver) end() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.running = false
}
