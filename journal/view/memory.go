package view

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"holdfast"
	"holdfast/event"
	"holdfast/mode"
)

const (
	// maxRecent bounds the entries from which the beginning of an incident is told: a
	// storm of a hundred replicas says about six of each.
	maxRecent = 600
	// maxFailing bounds the failures that are followed at a time.
	maxFailing = 2000
	// maxChanges bounds the changes that are remembered, and changedLately is how long
	// before an incident one is told of with it: a shift, because what was changed by
	// day fails at the first full hour of the evening.
	maxChanges    = 50
	changedLately = 8 * time.Hour
	// maxAlive bounds the replicas of which it is known whether they are in use.
	maxAlive = 20000
)

// A memory is what has to be known before an incident opens so that it can be told.
// The file is kept whole: what is not in force any more was in force then.
type memory struct {
	Seq     uint64                             `json:"seq,omitempty"`  // of the last entry
	From    uint64                             `json:"from,omitempty"` // of the first
	First   time.Time                          `json:"first,omitzero"` // the wall clock, at that one
	File    holdfast.System                    `json:"file,omitzero"`
	Version string                             `json:"version,omitempty"`
	Drills  map[holdfast.ModeName]event.Proved `json:"drills,omitempty"`
	Bases   []event.Basis                      `json:"bases,omitempty"` // what a drill would rest on now
	Failing []failing                          `json:"failing,omitempty"`
	Owing   map[holdfast.PromiseName]Part      `json:"owing,omitempty"`  // promises that burn
	Stopped event.ID                           `json:"stopped,omitzero"` // the last time that everything was
	Changes []Row                              `json:"changes,omitempty"`
	Recent  []event.Entry                      `json:"recent,omitempty"`
	Alive   map[holdfast.ReplicaName]alive     `json:"alive,omitempty"`
	Lives   holdfast.Lives                     `json:"lives,omitempty"`
	Counts  []Count                            `json:"counts,omitempty"` // of the last minutes
}

func (m *memory) seen(e event.Entry) {
	m.Seq = e.ID.Seq
	if m.From == 0 {
		m.From, m.First = m.Seq, e.At.Wall
	}
	m.mend()
}

// mend makes the maps that a stored memory left out because they were empty.
func (m *memory) mend() {
	if m.Drills == nil {
		m.Drills = map[holdfast.ModeName]event.Proved{}
	}
	if m.Owing == nil {
		m.Owing = map[holdfast.PromiseName]Part{}
	}
	if m.Alive == nil {
		m.Alive = map[holdfast.ReplicaName]alive{}
	}
	if m.Lives == nil {
		m.Lives = holdfast.Lives{}
	}
}

// follow takes in what has to be known of what fails, and what changed.
func (m *memory) follow(e event.Entry, others func(func(holdfast.ModeName, holdfast.ReplicaID) bool, func(*Course))) {
	m.change(e)
	switch b := e.Body.(type) {
	case event.Declared:
		m.File = b.System
	case event.Proved:
		m.Drills[b.Mode] = b
	case event.Inspected:
		m.Bases = b.Bases
	case event.Burned:
		p := m.Owing[b.Promise]
		p.burn(e.At.Wall, b)
		m.Owing[b.Promise] = p
	case event.Cooled:
		p := m.Owing[b.Promise]
		if p.cool(e.At.Wall, b); len(p.Rules) > 0 {
			m.Owing[b.Promise] = p
		} else {
			delete(m.Owing, b.Promise)
		}
	case event.Stopped:
		m.Stopped = e.ID
	case event.Detected:
		m.fails(e.At.Wall, b)
	}
	m.live(e.Body)
	is, turn := turnOf(e)
	if is == nil {
		return
	}
	for i := range m.Failing {
		if f := &m.Failing[i]; is(f.Mode, f.ID) {
			turn(&f.Course)
		}
	}
	others(is, turn)
}

// An alive is a replica that was started and has not ended.
type alive struct {
	Pid  int  `json:"pid,omitempty"`
	Used bool `json:"used,omitempty"` // by a gateway
	Kept bool `json:"kept,omitempty"` // although it is bad
}

// live follows which replicas are there, and in use.
func (m *memory) live(body event.Body) {
	id, concerns := event.Concerns(body)
	if !concerns || id.Ordinal == 0 {
		return
	}
	now, known := m.Alive[id.Name()]
	switch b := body.(type) {
	case holdfast.Started:
		now.Pid = b.Pid
	case holdfast.Admitted:
		now.Used, now.Kept = true, false
	case holdfast.Ejected:
		now.Used, now.Kept = b.Kept, b.Kept
	case holdfast.Exited:
		delete(m.Alive, id.Name())
		return
	default:
		return
	}
	if known || len(m.Alive) < maxAlive {
		m.Alive[id.Name()] = now
	}
}

// inUse says how many replicas of some services are in use, "" where nothing is known
// of them.
func (m *memory) inUse(services []holdfast.ServiceName) string {
	var words []string
	for _, name := range services {
		service, ok := m.File.Service(name)
		if !ok || service.Once || service.Manage == holdfast.Observe || service.Healthcheck.Disabled {
			continue
		}
		words = append(words, m.used(service))
	}
	if len(words) == 0 {
		return ""
	}
	return "Replicas in use now: " + event.Few(words) + "."
}

// used says how many replicas of one service are, and which of them only because there
// is no better one.
func (m *memory) used(service holdfast.Service) string {
	used, kept := 0, 0
	for n := 1; n <= service.Replicas; n++ {
		one := m.Alive[holdfast.ReplicaID{Service: service.Name, Ordinal: n}.Name()]
		if one.Used {
			used++
		}
		if one.Kept {
			kept++
		}
	}
	text := fmt.Sprintf("%d of %d of %s", used, service.Replicas, service.Name)
	if kept > 0 {
		text += fmt.Sprintf(" (%d bad, and kept for want of better ones)", kept)
	}
	return text
}

// fails begins to follow a failure, and forgets what has been over for a while.
func (m *memory) fails(at time.Time, b event.Detected) {
	m.Failing = slices.DeleteFunc(m.Failing, func(f failing) bool {
		return !f.Course.Restored.IsZero() && at.Sub(f.Course.Restored) > remembers
	})
	known := slices.ContainsFunc(m.Failing, func(f failing) bool { return in(b.Mode, b.ID)(f.Mode, f.ID) })
	if known {
		return
	}
	f := failing{Mode: b.Mode, ID: b.ID}
	for _, before := range slices.Backward(m.Recent) {
		if out, ok := before.Body.(holdfast.Ejected); ok && out.ID == b.ID && at.Sub(before.At.Wall) <= b.After+time.Second {
			f.Course.Out = &Out{At: before.At.Wall, Gateway: out.Gateway, Left: out.Remaining, Kept: out.Kept}
			break
		}
	}
	m.Failing = last(append(m.Failing, f), maxFailing)
}

// part is something that is bad, with what is known of it.
func (m *memory) part(b event.Joined) Part {
	p := Part{Service: b.Service, Mode: b.Mode, ID: b.ID, Promise: b.Promise, Owner: b.Owner, Why: b.Why}
	if i := slices.IndexFunc(m.Failing, func(f failing) bool { return b.Mode != "" && in(b.Mode, b.ID)(f.Mode, f.ID) }); i >= 0 {
		p.Course = m.Failing[i].Course.copy()
	}
	if proved, ok := m.Drills[b.Mode]; ok && b.Mode != "" {
		p.Drilled = &proved
		p.Stale = slices.ContainsFunc(m.Bases, func(now event.Basis) bool { return now.Mode == b.Mode && now.On != proved.On })
	}
	p.Facts = m.facts(b.Mode)
	for _, promise := range m.File.Owed() {
		if promise.Name == b.Promise && p.promised() {
			owing := m.Owing[b.Promise]
			p.Target, p.Burned, p.BurnedAt, p.Rules = promise.Target, owing.Burned, owing.BurnedAt, owing.Rules
		}
	}
	return p
}

// facts are what the file in force says of a failure mode.
func (m *memory) facts(name holdfast.ModeName) Facts {
	declared, ok := m.File.Mode(name)
	kind, _ := mode.Find(declared.Kind)
	if !ok {
		own := mode.OfHoldfast(&m.File)
		i := slices.IndexFunc(own, func(f holdfast.FailureMode) bool { return f.Name == name })
		if i < 0 {
			return Facts{}
		}
		declared = own[i]
		kind, _ = mode.FindOwn(declared.Kind)
	}
	return Facts{Kind: declared.Kind, Title: kind.Title, Remedies: declared.Remedies, Runbook: declared.Runbook, Bounds: declared.Bounds}
}

// change remembers what was changed on purpose.
func (m *memory) change(e event.Entry) {
	text := ""
	switch b := e.Body.(type) {
	case event.Declared:
		text = differs(m.File, b.System)
	case event.Outdated:
		text = "started anew for that, one by one: " + event.Few(b.IDs)
	case event.Woken:
		if m.Version != "" && m.Version != b.Version {
			text = fmt.Sprintf("holdfast %s took the place of %s", b.Version, m.Version)
		}
		m.Version = b.Version
	case event.Paused, event.Resumed, event.MaintenanceBegan, event.MaintenanceEnded:
		text = event.Text(e.Body)
	}
	if text != "" {
		m.Changes = last(append(m.Changes, Row{ID: e.ID, Wall: e.At.Wall, Mark: Neutral, Kind: e.Body.Kind(), Text: text, Notable: true}), maxChanges)
	}
}

// differs says what another file changes, service by service; "" for the first one.
func differs(before, after holdfast.System) string {
	if before.Name == "" {
		return ""
	}
	var words []string
	for _, service := range after.Services {
		old, was := before.Service(service.Name)
		switch {
		case !was:
			words = append(words, string(service.Name)+" is new")
		case !reflect.DeepEqual(old, service):
			words = append(words, string(service.Name)+" is changed")
		}
	}
	for _, service := range before.Services {
		if _, is := after.Service(service.Name); !is {
			words = append(words, string(service.Name)+" is gone")
		}
	}
	if len(words) == 0 {
		words = append(words, "no service is changed")
	}
	return "another file was put in force: " + event.Few(words)
}

// lately are the changes of the hours before an incident.
func (m *memory) lately(at time.Time) []Row {
	return slices.DeleteFunc(slices.Clone(m.Changes), func(r Row) bool { return at.Sub(r.Wall) > changedLately })
}

// named joins names for a sentence.
func named[T ~string](all []T) string {
	var words []string
	for _, one := range all {
		words = append(words, string(one))
	}
	return strings.Join(words, ", ")
}
