package prove

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"holdfast"
	"holdfast/api"
	"holdfast/event"
)

// A chronicle is the copy's journal as it is being written, as far as prove has
// read it. It may be read while follow runs.
type chronicle struct {
	mu      sync.Mutex
	entries []event.Entry
	lives   map[holdfast.ReplicaName]life
	called  bool // a person was called for
}

// A life is the newest incarnation of a replica.
type life struct {
	started   holdfast.Started
	admitted  bool
	completed bool // it ended, and well
}

func newChronicle() *chronicle {
	return &chronicle{lives: map[holdfast.ReplicaName]life{}}
}

// follow reads entries until ctx ends. The agent may die and come back
// meanwhile; nothing is read twice.
func (c *chronicle) follow(ctx context.Context, client *api.Client) {
	for ctx.Err() == nil {
		_ = client.Entries(ctx, c.last(), true, c.take)
		select {
		case <-ctx.Done():
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (c *chronicle) last() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.entries) == 0 {
		return 0
	}
	return c.entries[len(c.entries)-1].ID.Seq
}

func (c *chronicle) take(entry event.Entry) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.entries = append(c.entries, entry)
	switch b := entry.Body.(type) {
	case holdfast.Started:
		c.begin(b)
	case holdfast.Admitted:
		c.mark(b.ID, true)
	case holdfast.Ejected:
		c.mark(b.ID, b.Kept)
	case holdfast.Exited:
		c.mark(b.ID, false)
		c.complete(b)
	case event.Escalated:
		c.called = true
	}
	return nil
}

// begin takes over a new life. An agent that woke up tells again of those that
// live, perhaps after the gateway told again that it uses them.
func (c *chronicle) begin(started holdfast.Started) {
	if l, ok := c.lives[started.ID.Name()]; !ok || l.started.ID.Incarnation < started.ID.Incarnation {
		c.lives[started.ID.Name()] = life{started: started}
	}
}

// complete remembers who ended well: of what runs once that is all there is to
// wait for.
func (c *chronicle) complete(exited holdfast.Exited) {
	if l := c.lives[exited.ID.Name()]; l.started.ID == exited.ID {
		l.completed = exited.Status == holdfast.ExitStatus{}
		c.lives[exited.ID.Name()] = l
	}
}

func (c *chronicle) mark(id holdfast.ReplicaID, admitted bool) {
	if l := c.lives[id.Name()]; l.started.ID == id {
		l.admitted = admitted
		c.lives[id.Name()] = l
	}
}

// all are the entries read so far; the slice is not changed later.
func (c *chronicle) all() []event.Entry {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clip(c.entries)
}

// life is the newest incarnation of a replica that was started.
func (c *chronicle) life(name holdfast.ReplicaName) (life, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	l, ok := c.lives[name]
	return l, ok
}

// victim is the process of a replica as a fault strikes it.
func (c *chronicle) victim(name holdfast.ReplicaName) (holdfast.Victim, error) {
	l, ok := c.life(name)
	if !ok || l.started.Pid == 0 {
		return holdfast.Victim{}, fmt.Errorf("%s has no process that can be struck", name)
	}
	return holdfast.Victim{ID: l.started.ID, Address: l.started.Address, Pid: l.started.Pid, Ticks: l.started.Ticks}, nil
}

// newest are the newest incarnations of all replicas.
func (c *chronicle) newest() map[holdfast.ReplicaName]life {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.lives)
}

// fell says who ended by itself after so many entries, if anybody did. What runs
// once, and ended well, did what it is there for.
func (c *chronicle) fell(system *holdfast.System, after int) string {
	for _, entry := range c.all()[after:] {
		b, ok := entry.Body.(holdfast.Exited)
		if service, _ := system.Service(b.ID.Service); !ok || service.Once && b.Status == (holdfast.ExitStatus{}) {
			continue
		}
		return fmt.Sprintf("%s ended by itself: %s", b.ID, b.Status)
	}
	return ""
}

// escalated tells whether a person was called for, ever.
func (c *chronicle) escalated() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.called
}

// missing are the replicas of a system that are not admitted, or, of what runs
// once, not completed.
func (c *chronicle) missing(system *holdfast.System) []holdfast.ReplicaName {
	var names []holdfast.ReplicaName
	for _, service := range system.Services {
		for ordinal := range service.Replicas {
			name := holdfast.NameReplica(service.Name, ordinal+1)
			if l, ok := c.life(name); !ok || !l.admitted && !(service.Once && l.completed) {
				names = append(names, name)
			}
		}
	}
	return names
}

// knows tells whether something of that mark should run: a living incarnation,
// or one of our own processes.
func (c *chronicle) knows(mark string) bool {
	id, err := holdfast.ParseReplicaID(mark)
	if err != nil {
		return true // agent, gateway, load
	}
	l, ok := c.life(id.Name())
	return ok && l.started.ID == id
}
