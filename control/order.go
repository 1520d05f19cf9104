package control

import (
	"slices"

	"holdfast"
	"holdfast/event"
	"holdfast/topology"
)

// startNext starts every idle replica whose service has all it requires: at
// least the minimum of each required dependency admitted.
func (m *Mind) startNext(cause event.ID) {
	if m.Idle == 0 || !m.Stopping.IsZero() {
		return
	}
	for _, layer := range topology.StartOrder(&m.System) {
		for _, name := range layer {
			service, _ := m.named(name)
			if !m.hasAllItRequires(service) {
				continue
			}
			m.each(service, func(r *replica) {
				if r.Phase == idle {
					m.start(r, cause)
				}
			})
		}
	}
}

func (m *Mind) hasAllItRequires(service holdfast.Service) bool {
	return !slices.ContainsFunc(service.DependsOn, func(d holdfast.Dependency) bool {
		return d.Required && !m.met(d)
	})
}

// admitted counts the replicas of a service that get requests.
func (m *Mind) admitted(service holdfast.Service) int {
	n := 0
	m.peers(service, func(r *replica) {
		if r.admitted() {
			n++
		}
	})
	return n
}

func (m *Mind) start(r *replica, cause event.ID) {
	m.want(r)
	r.Began = m.say(cause, event.Decided{Do: event.ActStart, Level: holdfast.Local, ID: r.id()})
}

// want makes the next incarnation of a replica the one that is to run.
func (m *Mind) want(r *replica) {
	r.Want++
	r.Kill = false
	r.withdraw()
	r.ReadyBy = m.now.Boot + m.service(r).Healthcheck.StartPeriod
	m.enter(r, starting)
}

func (m *Mind) takeStopRequested(in event.StopRequested) {
	m.Stopping = m.say(event.ID{}, in)
	for _, r := range m.Replicas {
		r.forget()
	}
	clear(m.Losses)
	clear(m.Overloads)
	clear(m.Leaving)
	m.stopNext()
}

// stopNext stops every service that nothing running depends on any more: the
// reverse of starting. When nothing is left it says so.
func (m *Mind) stopNext() {
	order := topology.StartOrder(&m.System)
	slices.Reverse(order)
	left := 0
	for _, layer := range order {
		for _, name := range layer {
			service, _ := m.named(name)
			if m.isNeeded(service.Name) {
				left++
				continue
			}
			left += m.stop(service)
		}
	}
	if left == 0 {
		m.say(m.Stopping, event.Stopped{})
	}
}

// isNeeded tells whether a service that depends on this one still runs.
func (m *Mind) isNeeded(name holdfast.ServiceName) bool {
	return slices.ContainsFunc(m.System.Services, func(s holdfast.Service) bool {
		return m.runs(s) && slices.ContainsFunc(s.DependsOn, func(d holdfast.Dependency) bool { return d.On == name })
	})
}

func (m *Mind) runs(service holdfast.Service) bool {
	some := false
	m.peers(service, func(r *replica) { some = some || r.Phase != idle })
	return some
}

// stop ends a service's replicas and returns how many are not idle yet. What is
// not ours to end, or ended by itself, is idle at once.
func (m *Mind) stop(service holdfast.Service) (left int) {
	m.each(service, func(r *replica) {
		switch {
		case r.Phase == idle:
			return
		case r.Phase == exited || r.Phase == completed || service.Manage != holdfast.Full:
			m.enter(r, idle)
			return
		case r.Phase != stopping:
			m.say(m.Stopping, event.Decided{Do: event.ActStop, Level: holdfast.Local, ID: r.id()})
			m.enter(r, stopping)
		}
		left++
	})
	return left
}
