package control

import "holdfast"

// An index finds what the system in force declares, by name. It follows from the
// system and is not written down.
type index struct {
	services map[holdfast.ServiceName]int
	modes    map[holdfast.ModeName]int
	replicas map[holdfast.ServiceName][]int // failure modes that strike a replica of the service
	edges    map[holdfast.ServiceName][]int // failure modes that strike all of the service, for who depends on it or for its users
}

func indexOf(system *holdfast.System) index {
	at := index{
		services: map[holdfast.ServiceName]int{}, modes: map[holdfast.ModeName]int{},
		replicas: map[holdfast.ServiceName][]int{}, edges: map[holdfast.ServiceName][]int{},
	}
	for i, service := range system.Services {
		at.services[service.Name] = i
	}
	for i, mode := range system.Modes {
		at.modes[mode.Name] = i
		of := at.replicas
		if mode.Strikes.TakesAll() {
			of = at.edges
		}
		of[mode.Strikes.Service] = append(of[mode.Strikes.Service], i)
	}
	return at
}

// service is a replica's declaration.
func (m *Mind) service(r *replica) holdfast.Service {
	service, ok := m.named(r.Service)
	if !ok {
		panic("control: a replica of a service the system does not have: " + string(r.Service))
	}
	return service
}

func (m *Mind) named(name holdfast.ServiceName) (holdfast.Service, bool) {
	i, ok := m.at.services[name]
	if !ok {
		return holdfast.Service{}, false
	}
	return m.System.Services[i], true
}

func (m *Mind) mode(name holdfast.ModeName) (holdfast.FailureMode, bool) {
	i, ok := m.at.modes[name]
	if !ok {
		return holdfast.FailureMode{}, false
	}
	return m.System.Modes[i], true
}
