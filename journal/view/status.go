package view

import (
	"fmt"
	"slices"
	"time"

	"holdfast"
	"holdfast/event"
	"holdfast/topology"
)

// Status is what is true now, as far as the journal says. It is plain data: it
// may be written down, read back and folded on, which is how it outlives the
// entries that history lets go of. The zero value knows nothing. It is not safe
// for concurrent use.
type Status struct {
	System    holdfast.SystemName `json:"system"`
	Asof      event.At            `json:"as_of"` // of the last entry
	Seq       uint64              `json:"seq"`   // of the last entry
	Serving   bool                `json:"serving"`
	Stopping  bool                `json:"stopping,omitempty"` // a person asked for the end
	Stopped   bool                `json:"stopped,omitempty"`  // and nothing runs any more
	Services  []ServiceStatus     `json:"services"`           // in the order of the file
	Failures  []Failure           `json:"failures"`           // open ones, oldest first
	Incidents []OpenIncident      `json:"incidents"`          // oldest first
	Pauses    []Pause             `json:"pauses"`
	Arms      []Arm               `json:"arms"`              // of modes with a remedy that ends living processes, as they were first said
	Unwoken   string              `json:"unwoken,omitempty"` // why whoever should be woken may not be, as the last audit found
}

// An Arm says whether a failure mode's remedies may end a living process, and
// why, or why not: then they are in shadow.
type Arm struct {
	Mode  holdfast.ModeName `json:"mode"`
	Armed bool              `json:"armed"`
	Why   string            `json:"why"`
}

// ServiceStatus is one service. Required says that the system does not serve
// without it: it is published, or reached from one that is through required
// edges. When nothing is published, every service is.
type ServiceStatus struct {
	Name      holdfast.ServiceName   `json:"name"`
	Owner     holdfast.OwnerName     `json:"owner,omitempty"`
	Required  bool                   `json:"required"`
	Admitted  int                    `json:"admitted"` // replicas that get requests
	Declared  int                    `json:"declared"`
	Minimum   int                    `json:"minimum"`
	Needs     []holdfast.ServiceName `json:"needs,omitempty"`     // over required edges
	Unchecked bool                   `json:"unchecked,omitempty"` // it listens nowhere: running counts as admitted
	Watched   bool                   `json:"watched,omitempty"`   // no gateway is in its path, so nobody admits it and it holds nobody up
	Once      bool                   `json:"once,omitempty"`      // it runs to its end: completed counts as admitted
	Replicas  []ReplicaStatus        `json:"replicas"`
}

// A State is where a replica is, seen from outside.
type State string

const (
	Awaited    State = "awaited"     // declared, and not seen yet
	Running    State = "running"     // its process lives; no gateway uses it
	Admitted   State = "admitted"    // at least one gateway uses it
	Exited     State = "exited"      // its process ended
	NotStarted State = "not started" // it could not even be started
	Completed  State = "completed"   // it ran once, to its end, and well
)

// ReplicaStatus is one copy of a service.
type ReplicaStatus struct {
	ID         holdfast.ReplicaID     `json:"id"` // incarnation 0 before the first start
	State      State                  `json:"state"`
	Since      event.At               `json:"since"`
	Reason     string                 `json:"reason,omitempty"` // the last thing said about it
	Address    string                 `json:"address,omitempty"`
	Pid        int                    `json:"pid,omitempty"`
	AdmittedBy []holdfast.GatewayName `json:"admitted_by,omitempty"`
	Lacks      string                 `json:"lacks,omitempty"`    // which of its limits do not hold, and why
	Outdated   bool                   `json:"outdated,omitempty"` // the file says something else by now
}

// A Failure is an open one: detected, and not restored. What is being done is
// what was said last.
type Failure struct {
	Mode      holdfast.ModeName  `json:"mode"`
	ID        holdfast.ReplicaID `json:"id"` // the incarnation it was last seen in
	Since     event.At           `json:"since"`
	Detected  event.ID           `json:"detected,omitzero"`
	Detail    string             `json:"detail,omitempty"`
	Mitigated bool               `json:"mitigated"`
	Attempt   int                `json:"attempt,omitempty"`
	Of        int                `json:"of,omitempty"`
	Until     time.Time          `json:"until,omitzero"` // when the next attempt is due, while one is put off
	Withheld  holdfast.Guardrail `json:"withheld,omitempty"`
	Escalated holdfast.OwnerName `json:"escalated_to,omitempty"`
	Drill     bool               `json:"drill,omitempty"`    // a live drill was under way of it
	NeedsYou  bool               `json:"needs_a_person"`     // it was escalated, whether or not anybody owns it
	Doing     string             `json:"doing"`              // what is being done, in words
	Evidence  string             `json:"evidence,omitempty"` // the file that holds what was seen of it, in the state directory
}

// An OpenIncident is one that people are needed for, and who has it.
type OpenIncident struct {
	ID       holdfast.IncidentID `json:"id"`
	Severity holdfast.Severity   `json:"severity"`
	Urgency  holdfast.Urgency    `json:"urgency"`
	Owner    holdfast.OwnerName  `json:"owner,omitempty"`
	What     string              `json:"what"`
	More     int                 `json:"more,omitempty"` // things that are, or were, bad beside that
	Parts    []string            `json:"parts"`          // all of them, at most maxParts
	Since    event.At            `json:"since"`
	By       string              `json:"by,omitempty"`    // who has it
	Under    holdfast.IncidentID `json:"under,omitempty"` // the incident that pages for it
	Drill    bool                `json:"drill,omitempty"`
}

// A Pause is a person's wish that nothing be done; Service is empty for
// everything.
type Pause struct {
	Service holdfast.ServiceName `json:"service,omitempty"`
	By      string               `json:"by"`
	Since   event.At             `json:"since"`
}

// Add takes the next entry in. Entries are to come in order, each once: one
// that is already in is passed over.
func (s *Status) Add(e event.Entry) {
	if e.ID.Seq <= s.Seq {
		return
	}
	s.Seq = e.ID.Seq
	if s.Failures == nil || s.Pauses == nil || s.Arms == nil || s.Incidents == nil { // an API's readers are owed lists, not null
		s.Incidents = append([]OpenIncident{}, s.Incidents...)
		s.Failures, s.Pauses, s.Arms = append([]Failure{}, s.Failures...), append([]Pause{}, s.Pauses...), append([]Arm{}, s.Arms...)
	}
	if e.At.BootID != s.Asof.BootID {
		s.reboot(e.At)
	}
	s.Asof = e.At
	switch b := e.Body.(type) {
	case event.Declared:
		s.declare(b.System, e.At)
	case event.Paused:
		s.resume(b.Service)
		s.Pauses = append(s.Pauses, Pause{Service: b.Service, By: b.By, Since: e.At})
	case event.Resumed:
		s.resume(b.Service)
	case event.Armed:
		s.arm(Arm{Mode: b.Mode, Armed: true, Why: b.Why})
	case event.Disarmed:
		s.arm(Arm{Mode: b.Mode, Why: b.Why})
	case event.StopRequested:
		s.Stopping = true
		s.Failures = s.Failures[:0] // nobody wants them mended any more
	case event.Outdated:
		for _, id := range b.IDs {
			if r := s.find(id); r != nil && r.ID == id {
				r.Outdated = true
			}
		}
	case event.Stopped:
		s.Stopped = true
	case event.Audited:
		s.Unwoken = b.Why
	case holdfast.Started, holdfast.NotStarted, holdfast.Exited, holdfast.Ejected, holdfast.Admitted:
		s.observe(e.At, b)
	case event.Decided:
		if b.Do == event.ActDrain {
			s.drain(b.ID, e.At)
		}
		s.addFailure(e)
	default:
		s.addFailure(e)
		s.addIncident(e)
	}
	s.count()
}

// drain has a replica that is about to be ended be one that nobody uses.
func (s *Status) drain(id holdfast.ReplicaID, at event.At) {
	if r := s.find(id); r != nil && r.ID == id && r.State == Admitted {
		r.AdmittedBy = nil
		r.enter(Running, at, "it is to be replaced: it gets nothing more, and goes on with what it has")
	}
}

// reboot forgets what belonged to the machine's last run: nothing of it is left.
func (s *Status) reboot(at event.At) {
	for i := range s.Services {
		for k := range s.Services[i].Replicas {
			r := &s.Services[i].Replicas[k]
			*r = ReplicaStatus{ID: r.ID, State: Awaited, Since: at, Reason: "the machine started anew"}
		}
	}
	s.Failures = s.Failures[:0]
}

// declare takes a file over: what it still declares keeps its state.
func (s *Status) declare(system holdfast.System, at event.At) {
	before := s.Services
	s.System, s.Services, s.Stopping, s.Stopped = system.Name, nil, false, false
	required := requiredOf(system)
	for _, service := range system.Services {
		status := ServiceStatus{
			Name:      service.Name,
			Owner:     service.Owner,
			Required:  required[service.Name],
			Declared:  service.Replicas,
			Minimum:   service.Minimum,
			Unchecked: service.Healthcheck.Disabled,
			Watched:   service.Manage == holdfast.Observe,
			Once:      service.Once,
		}
		for _, d := range service.DependsOn {
			if d.Required {
				status.Needs = append(status.Needs, d.On)
			}
		}
		for n := 1; n <= service.Replicas; n++ {
			status.Replicas = append(status.Replicas, keptReplica(before, holdfast.ReplicaID{Service: service.Name, Ordinal: n}, at))
		}
		s.Services = append(s.Services, status)
	}
	s.Failures = slices.DeleteFunc(s.Failures, func(f Failure) bool {
		_, stays := system.Mode(f.Mode) // what no mode answers for is tried again with every file
		return !stays || f.ID.Ordinal > 0 && s.find(f.ID) == nil
	})
	s.Arms = slices.DeleteFunc(s.Arms, func(a Arm) bool {
		_, stays := system.Mode(a.Mode)
		return !stays
	})
}

func (s *Status) arm(arm Arm) {
	i := slices.IndexFunc(s.Arms, func(a Arm) bool { return a.Mode == arm.Mode })
	if i < 0 {
		s.Arms = append(s.Arms, arm)
		return
	}
	s.Arms[i] = arm
}

func keptReplica(before []ServiceStatus, id holdfast.ReplicaID, at event.At) ReplicaStatus {
	for _, service := range before {
		for _, r := range service.Replicas {
			if r.ID.Name() == id.Name() {
				r.Outdated = false // what is said next holds
				return r
			}
		}
	}
	return ReplicaStatus{ID: id, State: Awaited, Since: at}
}

// requiredOf is every service without which the system does not serve.
func requiredOf(system holdfast.System) map[holdfast.ServiceName]bool {
	required := map[holdfast.ServiceName]bool{}
	published := func(service holdfast.Service) bool { return system.Publishes(service) }
	something := slices.ContainsFunc(system.Services, published)
	for _, service := range system.Services {
		if something && !published(service) {
			continue
		}
		required[service.Name] = true
		for _, needed := range topology.Required(&system, service.Name) {
			required[needed] = true
		}
	}
	return required
}

func (s *Status) find(id holdfast.ReplicaID) *ReplicaStatus {
	for i := range s.Services {
		if s.Services[i].Name != id.Service {
			continue
		}
		for k := range s.Services[i].Replicas {
			if s.Services[i].Replicas[k].ID.Ordinal == id.Ordinal {
				return &s.Services[i].Replicas[k]
			}
		}
	}
	return nil
}

func (s *Status) resume(service holdfast.ServiceName) {
	s.Pauses = slices.DeleteFunc(s.Pauses, func(p Pause) bool { return p.Service == service })
}

// count sums up what is admitted, and so whether the system serves.
func (s *Status) count() {
	s.Serving = len(s.Services) > 0
	for i := range s.Services {
		service := &s.Services[i]
		service.Admitted = 0
		for _, r := range service.Replicas {
			if service.uses(r) {
				service.Admitted++
			}
		}
		if service.short() {
			s.Serving = false
		}
	}
}

func (s *Status) runsOnce(name holdfast.ServiceName) bool {
	return slices.ContainsFunc(s.Services, func(service ServiceStatus) bool { return service.Name == name && service.Once })
}

// uses says that a replica of the service counts as admitted.
func (s *ServiceStatus) uses(r ReplicaStatus) bool {
	return r.State == Admitted || r.State == Completed || r.State == Running && s.Unchecked
}

// short says that the system does not serve because of this service.
func (s *ServiceStatus) short() bool {
	return s.Required && !s.Watched && s.Admitted < s.Minimum
}

// observe takes in what a hand saw of a replica. What is said about an
// incarnation that is no longer the latest is about the dead.
func (s *Status) observe(at event.At, body event.Body) {
	id, _ := event.Concerns(body)
	r := s.find(id)
	if r == nil || id.Incarnation < r.ID.Incarnation {
		return
	}
	if id.Incarnation > r.ID.Incarnation {
		*r = ReplicaStatus{ID: id, State: Awaited, Since: at}
	}
	switch b := body.(type) {
	case holdfast.Started:
		if r.State != Admitted { // a driver repeats what it finds
			r.enter(Running, at, "at "+b.Address)
		}
		r.Address, r.Pid = b.Address, b.Pid
		if b.Lacks != "" || !b.Adopted {
			r.Lacks = b.Lacks
		}
	case holdfast.NotStarted:
		r.end(NotStarted, at, b.Reason)
	case holdfast.Exited:
		state := Exited
		if b.Status == (holdfast.ExitStatus{}) && s.runsOnce(id.Service) {
			state = Completed
			s.closeFailure("", id)
		}
		r.end(state, at, fmt.Sprintf("%s after %s", b.Status, event.Short(b.Ran)))
	case holdfast.Ejected:
		r.eject(at, b)
	case holdfast.Admitted:
		r.admit(at, b)
		s.closeFailure("", id) // that no mode answers for is over with this
		s.mended(r.ID)
	}
}

// enter moves a replica to a state; since counts from the first time.
func (r *ReplicaStatus) enter(next State, at event.At, reason string) {
	if r.State != next {
		r.State, r.Since = next, at
	}
	r.Reason = reason
}

// over says that the incarnation ended: it runs at most once, so nothing that
// is said later about it can be news.
func (r *ReplicaStatus) over() bool {
	return r.State == Exited || r.State == NotStarted || r.State == Completed
}

func (r *ReplicaStatus) end(state State, at event.At, reason string) {
	r.AdmittedBy, r.Pid = nil, 0
	if r.over() && r.State != state {
		return
	}
	r.enter(state, at, reason)
}

func (r *ReplicaStatus) admit(at event.At, b holdfast.Admitted) {
	if r.over() {
		return
	}
	if !slices.Contains(r.AdmittedBy, b.Gateway) {
		r.AdmittedBy = append(r.AdmittedBy, b.Gateway)
	}
	reason := b.Detail
	if reason == "" {
		reason = "by " + string(b.Gateway)
	}
	r.enter(Admitted, at, reason)
}

func (r *ReplicaStatus) eject(at event.At, b holdfast.Ejected) {
	reason := string(b.Sign)
	if b.Detail != "" {
		reason += ": " + b.Detail
	}
	if b.Sign == holdfast.SignExit { // the kernel's word, by way of the gateway
		if !r.over() {
			r.end(Exited, at, reason)
		}
		return
	}
	if r.over() {
		return
	}
	if b.Kept {
		r.Reason = "kept although bad, " + reason
		return
	}
	r.AdmittedBy = slices.DeleteFunc(r.AdmittedBy, func(g holdfast.GatewayName) bool { return g == b.Gateway })
	if len(r.AdmittedBy) == 0 {
		r.enter(Running, at, "ejected, "+reason)
	}
}
