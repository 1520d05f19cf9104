// Package control composes the mind of Holdfast: it believes what package
// detect finds credible, does what package decide chooses, and knows the order
// in which things start, stop and are mended.
//
// The mind is pure. It has no clock, no goroutine and no file: time is an
// argument, what it wants done it returns, and the whole of its state can be
// written down and read back. Given the same inputs at the same instants it
// says the same, which is what replay checks.
package control

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"holdfast"
	"holdfast/event"
	"holdfast/oncall"
)

// A Mind decides for one system. It is not safe for concurrent use: one loop
// owns it.
type Mind struct {
	state
	at      index // of state.System
	due     deadlines
	touched []*replica    // in this step: their deadlines may have changed
	now     event.At      // of this step
	said    []event.Entry // in this step
}

// New is a mind that knows nothing yet and writes under a name.
func New(writer event.Writer) *Mind {
	m := &Mind{state: state{
		Writer:    writer,
		Replicas:  map[holdfast.ReplicaName]*replica{},
		Past:      map[holdfast.ReplicaName]holdfast.Incarnation{},
		Paused:    map[holdfast.ServiceName]bool{},
		Served:    map[holdfast.ServiceName]bool{},
		Losses:    map[holdfast.ModeName]*loss{},
		Overloads: map[holdfast.ModeName]*overload{},
		Ledgers:   map[holdfast.PromiseName]*ledger{},
		Lives:     holdfast.Lives{},
		Proofs:    map[holdfast.ModeName]proof{},
		Arms:      map[holdfast.ModeName]string{},
		Leaving:   map[holdfast.ReplicaName]*replica{},
	}}
	m.Desk.Know(&m.System)
	return m
}

// Owed is what people are to be told, in the order in which it is to be sent.
func (m *Mind) Owed() []oncall.Owed { return m.Desk.Owed() }

// Tells says whether an entry may change what people are owed.
func Tells(body event.Body) bool {
	switch body.(type) {
	case event.Declared, event.Woken, event.Paged, event.Superseded, event.Attempted, event.Delivered, event.Undelivered:
		return true
	}
	return false
}

// Restore is a mind as it was when Snapshot was taken.
func Restore(snapshot []byte) (*Mind, error) {
	mind := New("")
	if err := json.Unmarshal(snapshot, &mind.state); err != nil {
		return nil, fmt.Errorf("read the mind's snapshot: %w", err)
	}
	mind.at = indexOf(&mind.System)
	mind.Desk.Know(&mind.System)
	for _, replica := range mind.Replicas {
		mind.due.push(replica)
	}
	for _, replica := range mind.Leaving {
		mind.due.push(replica)
	}
	for _, loss := range mind.Losses {
		mind.due.push(loss)
	}
	for _, overload := range mind.Overloads {
		mind.due.push(overload)
	}
	return mind, nil
}

// Snapshot is all the mind knows, as bytes.
func (m *Mind) Snapshot() ([]byte, error) { return json.Marshal(m.state) }

// Seq is the sequence number of the last entry said.
func (m *Mind) Seq() uint64 { return m.state.Seq }

// Declared is the system in force.
func (m *Mind) Declared() holdfast.System { return m.System }

// Drilled tells whether a live drill is under way, as far as the mind was told.
func (m *Mind) Drilled() bool { return m.Drill != nil }

// Skip makes the next entry's number follow a later one than the last said:
// what another version recorded is not numbered twice.
func (m *Mind) Skip(seq uint64) { m.state.Seq = max(m.state.Seq, seq) }

// Step takes one input, or nil when only time passed, and returns the entries
// to be recorded: the input first, then what it caused, then what fell due. The
// cost is that of what changed, not of what is known.
func (m *Mind) Step(now event.At, in event.Body) []event.Entry {
	m.now, m.said, m.touched = now, nil, m.touched[:0]
	m.Calendar = m.Calendar.at(now)
	if in != nil {
		m.take(in)
	}
	for {
		what, ok := m.due.pop(now.Boot)
		if !ok {
			break
		}
		switch what := what.(type) {
		case *replica:
			m.expire(what)
		case *loss:
			m.expireLoss(what)
		case *overload:
			m.expireOverload(what)
		}
		m.due.push(what)
	}
	for _, replica := range m.touched {
		m.due.push(replica)
	}
	m.Desk.Expire(m.now, m.say)
	return m.said
}

// Wake is the instant, by the boot clock, at which Step is to be asked again
// although nothing happens; false is never.
func (m *Mind) Wake() (time.Duration, bool) {
	due, any := m.due.next()
	if desk, ok := m.Desk.Wake(); ok && (!any || desk < due) {
		return desk, true
	}
	return due, any
}

// say records an entry and returns its identity, to be a cause.
func (m *Mind) say(cause event.ID, body event.Body) event.ID {
	m.state.Seq++
	id := event.ID{Writer: m.Writer, Seq: m.state.Seq}
	m.said = append(m.said, event.Entry{ID: id, At: m.now, Cause: cause, Drill: m.drilled(body), Body: body})
	m.concludes(id, body)
	return id
}

// drilled tells whether what an entry says may be the doing of a live drill.
func (m *Mind) drilled(body event.Body) bool {
	if m.Drill == nil {
		return false
	}
	about, any := event.Concerns(body)
	switch body.(type) {
	case event.DrillBegan, event.DrillEnded:
		return true
	}
	return len(m.Drill.Services) == 0 || any && slices.Contains(m.Drill.Services, about.Service)
}

// find is the replica an observation speaks of, to be changed by this step; nil
// when the file does not name it. Its incarnation is remembered then: should the
// file name it again, the next one must be later.
func (m *Mind) find(id holdfast.ReplicaID) *replica {
	replica := m.Replicas[id.Name()]
	if replica == nil {
		m.Past[id.Name()] = max(m.Past[id.Name()], id.Incarnation)
		return nil
	}
	m.touched = append(m.touched, replica)
	return replica
}

// each visits the replicas of a service in order, to be changed by this step.
func (m *Mind) each(service holdfast.Service, visit func(*replica)) {
	m.peers(service, func(r *replica) {
		m.touched = append(m.touched, r)
		visit(r)
	})
}
