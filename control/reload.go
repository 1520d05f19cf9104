package control

import (
	"maps"
	"slices"
	"time"

	"holdfast"
	"holdfast/event"
	"holdfast/topology"
)

// A replica that is about to be ended keeps answering what it has, with nothing new
// coming, until every gateway that used it has told that this is over. What takes
// longer than its service's stop_grace_period the gateways cut off: that is how
// long the file lets go on what is under way when a replica has to end.
//
// drainLate is how much longer the mind waits for their word: a gateway that is
// killed meanwhile comes back within it, and of one that is lost for good nothing
// is in flight any more.
const drainLate = time.Second

// A roll is the replacement, one at a time, of the replicas whose definition the
// file has changed. The next one waits until the last is admitted; a replacement
// that does not get ready ends the roll, and the others run on as they were,
// restarts included, until the file is declared anew.
type roll struct {
	Left    int                  `json:"left,omitempty"`    // replicas not replaced yet
	Replica holdfast.ReplicaName `json:"replica,omitempty"` // that is being replaced
	Cause   event.ID             `json:"cause,omitzero"`    // of its replacement
	Stopped bool                 `json:"stopped,omitempty"`
}

// definition is what a replica is, or is to be, started with: the file's word,
// or, until it is its turn to be replaced, what the file said before.
func (m *Mind) definition(r *replica) holdfast.Service {
	if r.Old != nil {
		return *r.Old
	}
	return m.service(r)
}

// redeclare takes over what the file says now of a replica that it said
// something of before, and tells whether it is to be started anew.
func (m *Mind) redeclare(r *replica, before, now holdfast.Service) (outdated bool) {
	ranAs := before
	if r.Old != nil {
		ranAs = *r.Old
	}
	changed := ranAs.Replaces(now)
	ended := r.Phase == completed || r.Phase == exited
	if (ranAs.Once || now.Once) && ended && (changed || r.Phase == exited) {
		r.Phase = idle // startNext starts it
		return true
	}
	r.Old = nil
	if changed && r.Phase != idle {
		r.Old = &ranAs
	}
	return r.Old != nil
}

// beginRoll says and counts what is to be replaced, and begins. What is being
// replaced already goes on, unless the file has changed its mind.
func (m *Mind) beginRoll(outdated []holdfast.ReplicaID, cause event.ID) {
	if len(outdated) > 0 {
		cause = m.say(cause, event.Outdated{IDs: outdated})
	}
	next := roll{Replica: m.Roll.Replica, Cause: m.Roll.Cause}
	for _, r := range m.Replicas {
		if r.Old != nil {
			next.Left++
		}
	}
	if r := m.Replicas[next.Replica]; r == nil || r.Old != nil || r.admitted() || r.Phase == idle || r.Phase == exited {
		next.Replica = ""
	}
	m.Roll = next
	m.release(cause)
	m.startNext(cause)
	m.rollNext(cause)
}

// rollNext replaces the next replica, if it is time.
func (m *Mind) rollNext(cause event.ID) {
	if m.Roll.Left == 0 || m.Roll.Stopped || m.Roll.Replica != "" || !m.Stopping.IsZero() {
		return
	}
	if r := m.nextToReplace(); r != nil {
		m.replace(r, cause)
	}
}

// nextToReplace finds one that does not serve, so that a file that mends it does
// so at once; then one that does, while all others of its service do too.
func (m *Mind) nextToReplace() *replica {
	var serving *replica
	for _, layer := range topology.StartOrder(&m.System) {
		for _, name := range layer {
			service, _ := m.named(name)
			if !m.hasAllItRequires(service) {
				continue
			}
			whole := m.answering(service) == service.Replicas
			var broken *replica
			m.each(service, func(r *replica) {
				switch {
				case r.Old == nil || r.Old.Once && service.Once: // a run is not cut short
				case !r.admitted() && broken == nil:
					broken = r
				case r.admitted() && whole && serving == nil:
					serving = r
				}
			})
			if broken != nil {
				return broken
			}
		}
	}
	return serving
}

// replace begins with taking a replica out of use, where others answer.
func (m *Mind) replace(r *replica, cause event.ID) {
	m.Roll.Replica, m.Roll.Cause = r.id().Name(), cause
	if !r.admitted() || m.answering(m.service(r)) < 2 {
		m.renew(r)
		return
	}
	m.Roll.Cause = m.say(cause, event.Decided{Do: event.ActDrain, Level: holdfast.Local, ID: r.id()})
	used := r.Admitted
	r.withdraw()
	r.Failure = nil
	m.drain(r, used, m.service(r))
	m.enter(r, draining)
}

// drain waits for the gateways that use a replica, as long as its service says.
func (m *Mind) drain(r *replica, used map[holdfast.GatewayName]bool, service holdfast.Service) {
	r.Users, r.DrainBy = used, m.now.Boot+service.StopGrace+drainLate
}

// takeDrained goes on when the last gateway has told that nobody is hurt by it.
func (m *Mind) takeDrained(in holdfast.Drained) {
	name := in.ID.Name()
	r := m.Replicas[name]
	if left := m.Leaving[name]; left != nil {
		r = left
	}
	if r == nil || r.id() != in.ID || r.DrainBy == 0 {
		m.say(event.ID{}, in)
		return
	}
	said := m.say(m.drainedSince(r), in)
	if delete(r.Users, in.Gateway); len(r.Users) == 0 {
		m.touched = append(m.touched, r)
		m.drained(r, said)
	}
}

// renew wants the next incarnation, by what the file says now: an open failure
// of the last one is given another chance.
func (m *Mind) renew(r *replica) {
	m.freshen(r)
	r.Attempts, r.Streak, r.Downs = nil, 0, nil
	if f := r.Failure; f != nil {
		f.acquit()
	}
	m.want(r)
	r.Began = m.say(m.Roll.Cause, event.Decided{Do: event.ActReplace, Level: holdfast.Local, ID: r.id()})
}

// freshen forgets what the file said before.
func (m *Mind) freshen(r *replica) {
	if r.Old != nil {
		r.Old = nil
		m.Roll.Left--
		m.release(m.Roll.Cause)
	}
	r.undrain()
}

// undrain takes a replica back into use that was about to be replaced, when the
// last of those that answered in its place goes. It is its turn again when that
// one is back.
func (m *Mind) undrain(service holdfast.Service) {
	r := m.Replicas[m.Roll.Replica]
	if r == nil || r.Service != service.Name || r.Phase != draining || m.answering(service) > 0 {
		return
	}
	m.Roll.Replica = ""
	r.undrain()
	m.enter(r, running)
}

// drainedSince is the decision to take a replica out of use.
func (m *Mind) drainedSince(r *replica) event.ID {
	if r.Phase == draining {
		return m.Roll.Cause
	}
	return r.Began
}

// drained ends what was taken out of use.
func (m *Mind) drained(r *replica, cause event.ID) {
	r.undrain()
	switch r.Phase {
	case draining:
		r.Endpoint = holdfast.Endpoint{} // others are listed: nobody is to ask here until the next one is there
		m.Roll.Cause = cause
		m.renew(r)
	case leaving:
		if m.hasLeft(r) {
			m.say(cause, event.Decided{Do: event.ActStop, Level: holdfast.Local, ID: r.id()})
		}
	}
}

// hasLeft forgets a replica that the file no longer names, if it is not forgotten
// yet.
func (m *Mind) hasLeft(r *replica) bool {
	name := r.id().Name()
	if m.Leaving[name] != r {
		return false
	}
	delete(m.Leaving, name)
	m.state.Revision++
	return true
}

// rolled follows a replica being admitted.
func (m *Mind) rolled(r *replica, cause event.ID) {
	if m.Roll.Replica == r.id().Name() {
		m.Roll.Replica = ""
	}
	m.rollNext(cause)
}

// rolledBadly ends the roll when it was this replacement that did not get ready.
func (m *Mind) rolledBadly(r *replica, cause event.ID, detail string) {
	if m.Roll.Replica != r.id().Name() {
		return
	}
	m.Roll.Replica, m.Roll.Stopped = "", true
	why := "it does not get ready since the file was changed: " + detail
	if m.Roll.Left > 0 {
		why += "; the others run on as they were"
	}
	m.callFor(r, cause, why)
}

// planLeaving adds what the file no longer names and what is still needed: those
// that answer what they have, and the edges that replicas were started with which
// have not been replaced yet.
func (m *Mind) planLeaving(plan *Plan) {
	held := map[holdfast.ServiceName]*holdfast.RoutedService{}
	for _, name := range slices.Sorted(maps.Keys(m.Leaving)) {
		r := m.Leaving[name]
		plan.Desired.Replicas = append(plan.Desired.Replicas, holdfast.DesiredReplica{ID: r.id(), Service: *r.Old})
		if r.DrainBy != 0 {
			continue
		}
		if _, named := m.named(r.Service); named {
			continue
		}
		if held[r.Service] == nil {
			held[r.Service] = &holdfast.RoutedService{
				Name: r.Service, Protocol: r.Old.Protocol, Minimum: r.Old.Minimum, Healthcheck: r.Old.Healthcheck,
			}
		}
		held[r.Service].Endpoints = append(held[r.Service].Endpoints, r.Endpoint)
	}
	for _, name := range m.Removed {
		routed := holdfast.RoutedService{Name: name, Protocol: holdfast.HTTP, Emptied: true}
		if held[name] != nil {
			routed = *held[name]
		}
		plan.Table.Services = append(plan.Table.Services, routed)
	}
	m.planDraining(plan)
	if m.Roll.Left == 0 {
		return
	}
	for _, service := range m.System.Services {
		m.peers(service, func(r *replica) { m.planOldEdges(plan, r, held) })
	}
}

// planDraining tells gateways of what they are to see the end of.
func (m *Mind) planDraining(plan *Plan) {
	for i := range plan.Table.Services {
		routed := &plan.Table.Services[i]
		if service, named := m.named(routed.Name); named {
			m.peers(service, func(r *replica) { routed.Draining = append(routed.Draining, r.drain()...) })
		}
	}
	for _, name := range slices.Sorted(maps.Keys(m.Leaving)) {
		r := m.Leaving[name]
		of := func(s holdfast.RoutedService) bool { return s.Name == r.Service }
		if i := slices.IndexFunc(plan.Table.Services, of); i >= 0 {
			plan.Table.Services[i].Draining = append(plan.Table.Services[i].Draining, r.drain()...)
		}
	}
}

// drain is the replica as gateways are told of it while it drains.
func (r *replica) drain() []holdfast.Draining {
	if r.DrainBy == 0 {
		return nil
	}
	return []holdfast.Draining{{Endpoint: r.Endpoint, By: int64(r.DrainBy - drainLate)}}
}

// planOldEdges keeps the routes that a replica was started with.
func (m *Mind) planOldEdges(plan *Plan, r *replica, held map[holdfast.ServiceName]*holdfast.RoutedService) {
	if r.Old == nil {
		return
	}
	for _, d := range r.Old.DependsOn {
		on, named := m.named(d.On)
		edge := holdfast.ListenerName(holdfast.Edge{From: r.Service, To: d.On}.String())
		routed := slices.ContainsFunc(plan.Table.Routes, func(e holdfast.RouteEntry) bool { return e.Listener == edge })
		if routed || d.Completed || on.Manage == holdfast.Observe || !named && held[d.On] == nil {
			continue
		}
		plan.Table.Routes = append(plan.Table.Routes, topology.Route(r.Service, d))
	}
}

// isHeld tells whether a replica that is still to be replaced was started with
// an edge to a service: what it needs does not leave before it.
func (m *Mind) isHeld(name holdfast.ServiceName) bool {
	for _, r := range m.Replicas {
		if r.Old != nil && slices.ContainsFunc(r.Old.DependsOn, func(d holdfast.Dependency) bool { return d.On == name }) {
			return true
		}
	}
	return false
}

// release lets go what nobody needs any more.
func (m *Mind) release(cause event.ID) {
	for _, name := range slices.Sorted(maps.Keys(m.Leaving)) {
		r := m.Leaving[name]
		if r.DrainBy == 0 && !m.isHeld(r.Service) {
			r.Began = m.say(cause, event.Decided{Do: event.ActDrain, Level: holdfast.Local, ID: r.id()})
			m.drain(r, r.Users, *r.Old)
			m.due.push(r)
			m.state.Revision++
		}
	}
}

// leave keeps a replica that the file no longer names until what it has is
// answered. before is what the file said of it.
func (m *Mind) leave(r *replica, before holdfast.Service) {
	name, serves, used := r.id().Name(), r.admitted() && before.Manage == holdfast.Full, r.Admitted
	if r.Phase == draining {
		serves, used = true, r.Users
	}
	r.forget() // nothing about it falls due any more
	if !serves {
		return
	}
	r.Users = used
	if r.Old == nil {
		r.Old = &before
	}
	r.Phase = leaving
	m.Leaving[name] = r
}
