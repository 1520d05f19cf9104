package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"holdfast"
	"holdfast/detect"
	"holdfast/internal/files"
	"holdfast/internal/proc"
)

// Bounds of what a gateway remembers on disk.
const (
	// noteEvery bounds how often it is written when verdicts follow each other.
	noteEvery = 100 * time.Millisecond
	// noteAnyway is how often it is written when nothing happens: so it says when
	// its gateway last lived, and how the replicas have done of late.
	noteAnyway = 10 * time.Second
	// stale is how long after its gateway last lived a verdict is believed. Those
	// who were well and those who were not may have changed by then. An end is for
	// ever, but not whose it was: see recallFrom.
	stale = time.Minute
)

// A legacy is what a gateway believes, for the one that comes after it: killed,
// renewed, or of a newer version. Keys may be added, and none may be missed.
type legacy struct {
	Boot    string                                        `json:"boot"` // instants mean nothing in another
	At      time.Duration                                 `json:"at"`   // CLOCK_BOOTTIME of when it was written
	Facts   []fact                                        `json:"endpoints"`
	Records map[holdfast.ServiceName][]grudge             `json:"records"`
	Exited  map[holdfast.ReplicaName]holdfast.Incarnation `json:"exited"`
	Bears   map[holdfast.ServiceName]bearing              `json:"bears,omitempty"`
}

// A bearing is what a service was seen to bear: of its limit what is learned.
type bearing struct {
	Usual time.Duration `json:"usual"`
	Eased time.Duration `json:"eased"`
	Peak  float64       `json:"peak"`
	Most  int           `json:"most,omitempty"` // that it is given at once; 0: there is no limit
}

// A fact is what is believed of an endpoint.
type fact struct {
	holdfast.Endpoint
	Standing string        `json:"standing"`
	Since    time.Duration `json:"since"`
	Sign     holdfast.Sign `json:"sign,omitempty"`
	Reason   string        `json:"reason"`
	Held     time.Duration `json:"held,omitempty"`
	Admitted time.Duration `json:"admitted,omitempty"` // when it last was
	Heard    opinion       `json:"reputation"`
}

// An opinion is a reputation as it is written down.
type opinion struct {
	At      time.Duration `json:"at"`
	Peak    float64       `json:"peak"`
	Mean    float64       `json:"mean"`
	Failing float64       `json:"failing"`
}

// A grudge is a record as it is written down.
type grudge struct {
	Replica  holdfast.ReplicaName       `json:"replica"`
	Flapping detect.Flapping            `json:"flapping"`
	Holds    [holdKinds]detect.HoldDown `json:"holds"`
}

// standings are written by name: their numbers are nobody's business.
func standings() map[standing]string {
	return map[standing]string{admitted: "admitted", kept: "kept", ejected: "ejected", gone: "gone"}
}

func (g *Gateway) memoryPath() string { return filepath.Join(g.dir, "health.json") }

// keepMemory writes down what the gateway believes whenever that changes, until
// ctx ends or another one serves in its place: then what that one believes
// counts.
func (g *Gateway) keepMemory(ctx context.Context) {
	anyway := time.NewTicker(noteAnyway)
	defer anyway.Stop()
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-pause.C:
		}
		if g.departure.going.Load() {
			return
		}
		g.writeMemory()
		select {
		case <-ctx.Done():
			return
		case <-anyway.C:
		case <-g.noted:
		}
		pause.Reset(noteEvery)
	}
}

// note asks for the memory to be written. It never waits.
func (g *Gateway) note() {
	select {
	case g.noted <- struct{}{}:
	default:
	}
}

// writeMemory is not durable: what a power cut takes is of another boot.
func (g *Gateway) writeMemory() {
	text, err := json.Marshal(g.memorize())
	if err == nil {
		err = files.Replace(g.memoryPath(), text)
	}
	if err != nil {
		g.log.say("what is known of the replicas is not on disk, and the next gateway has to learn it: %v", err)
	}
}

func (g *Gateway) memorize() legacy {
	g.mu.Lock()
	defer g.mu.Unlock()
	m := legacy{Boot: proc.BootID(), At: now(), Records: map[holdfast.ServiceName][]grudge{}, Exited: map[holdfast.ReplicaName]holdfast.Incarnation{}, Bears: map[holdfast.ServiceName]bearing{}}
	for name, incarnation := range g.exited {
		m.Exited[name] = incarnation
	}
	for _, s := range g.services {
		for _, e := range s.endpoints {
			if e.standing != unknown {
				m.Facts = append(m.Facts, e.fact())
			}
		}
		if b := s.admission.bearing(); b.Usual > 0 {
			m.Bears[s.name] = b
		}
		for name, r := range s.records {
			m.Records[s.name] = append(m.Records[s.name], grudge{Replica: name, Flapping: r.flapping, Holds: r.holds})
		}
	}
	return m
}

func (e *endpoint) fact() fact {
	return fact{
		Endpoint: e.Endpoint,
		Standing: standings()[e.standing],
		Since:    e.since,
		Sign:     e.sign,
		Reason:   e.reason,
		Held:     e.held,
		Admitted: time.Duration(e.admittedAt.Load()),
		Heard:    e.reputation.opinion(),
	}
}

func (a *admission) bearing() bearing {
	a.mu.Lock()
	defer a.mu.Unlock()
	return bearing{Usual: a.limit.usual, Eased: a.limit.eased, Peak: a.limit.peak, Most: a.limit.most}
}

// recall begins with what the last gateway had learned: who is renewed in the middle
// of an overload goes on with its limit.
func (a *admission) recall(b bearing, at time.Duration) {
	if b.Usual <= 0 || b.Eased <= 0 || b.Peak <= 0 || b.Most < 0 {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.limit.usual, a.limit.eased, a.limit.peak = b.Usual, b.Eased, b.Peak
	a.limit.most, a.limit.changed = b.Most, at
}

func (r *reputation) opinion() opinion {
	r.mu.Lock()
	defer r.mu.Unlock()
	return opinion{At: r.at, Peak: r.peak, Mean: r.mean, Failing: r.failing}
}

// recall has a reputation begin where another one was.
func (r *reputation) recall(o opinion) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if o.At == 0 {
		return
	}
	r.at, r.peak, r.mean, r.failing = o.At, o.Peak, o.Mean, o.Failing
	r.typical.Store(int64(r.mean * float64(time.Second)))
	r.weigh()
}

// recall takes up what the last gateway believed, as far as it may still hold.
// What cannot be read is learned anew: checks begin at once.
func (g *Gateway) recall() {
	text, err := os.ReadFile(g.memoryPath())
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	var m legacy
	if err == nil {
		err = json.Unmarshal(text, &m)
	}
	if err != nil {
		g.log.say("what the last gateway knew of the replicas is lost: %v", err)
		return
	}
	if m.Boot != proc.BootID() || m.At > now() {
		return // by another clock: a boot, or a container with a time of its own
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.recallFrom(m, now())
}

// recallFrom is recall at an instant. Who had ended is out, and has the same way
// back as whoever is: an end that is read from disk is not the kernel's word. Of
// another life of the system, whose memory was lost while this one was kept, it is
// told of somebody else of the same name. The keeper soon says which. The caller
// holds mu.
func (g *Gateway) recallFrom(m legacy, at time.Duration) {
	for _, s := range g.services {
		for _, r := range m.Records[s.name] {
			if len(s.records) < maxRecords {
				s.records[r.Replica] = record{flapping: r.Flapping, holds: r.Holds}
			}
		}
		if at-m.At < stale {
			s.admission.recall(m.Bears[s.name], at)
		}
		for _, e := range s.endpoints {
			for _, f := range m.Facts {
				if f.Endpoint == e.Endpoint && (at-m.At < stale || f.Standing == standings()[gone]) {
					e.recall(f)
				}
			}
			if e.standing == gone || m.Exited[e.ID.Name()] == e.ID.Incarnation {
				e.standing, e.sign = ejected, holdfast.SignRefused
				e.reason = "its process had ended, as the gateway before this one knew"
			}
		}
		g.greet(s)
		g.settle(s)
	}
}

// recall takes a fact for one's own. What was admitted stays so until it shows
// otherwise, and is no newcomer that is to be spared; what was out has to pass
// the checks that any ejected one has to.
func (e *endpoint) recall(f fact) {
	for as, name := range standings() {
		if name == f.Standing {
			e.standing = as
		}
	}
	e.since, e.sign, e.reason, e.held = f.Since, f.Sign, bounded(f.Reason), f.Held
	e.admittedAt.Store(int64(f.Admitted))
	e.reputation.recall(f.Heard)
}
