package topology

import (
	"holdfast"
)

// Kin tells which services fail with which, of needs that weigh, and is built to be
// asked often.
type Kin struct {
	needs, callers map[holdfast.ServiceName][]holdfast.ServiceName
}

// KinOf is that of a system.
func KinOf(system *holdfast.System) Kin {
	k := Kin{needs: map[holdfast.ServiceName][]holdfast.ServiceName{}, callers: map[holdfast.ServiceName][]holdfast.ServiceName{}}
	for _, service := range system.Services {
		for _, d := range service.DependsOn {
			if Weighs(d) {
				k.needs[service.Name] = append(k.needs[service.Name], d.On)
				k.callers[d.On] = append(k.callers[d.On], service.Name)
			}
		}
	}
	return k
}

// Causes are the services with which one fails, directly or through others, itself
// not among them.
func (k Kin) Causes(service holdfast.ServiceName) map[holdfast.ServiceName]bool {
	return others(service, k.needs)
}

// Fails are the services that fail with one, directly or through others, itself not
// among them.
func (k Kin) Fails(service holdfast.ServiceName) map[holdfast.ServiceName]bool {
	return others(service, k.callers)
}

func others(service holdfast.ServiceName, next map[holdfast.ServiceName][]holdfast.ServiceName) map[holdfast.ServiceName]bool {
	found := closure(service, next)
	delete(found, service)
	return found
}
