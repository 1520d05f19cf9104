package topology

import "holdfast"

// Weighs says that its caller fails with a dependency: it waits for its answers,
// and nothing stands in for them.
func Weighs(d holdfast.Dependency) bool { return d.Required && d.Fallback == nil && !d.Completed }

// Paths are the needs of a system by number, the place of a service in the file:
// of thousands of services, each path may be asked for.
type paths struct {
	services []holdfast.Service
	place    map[holdfast.ServiceName]int
	needs    [][]int // that weigh

	// asked and met mark the services of the walk number pass.
	asked, met []int
	pass       int
}

func pathsOf(system *holdfast.System) *paths {
	n := len(system.Services)
	p := &paths{services: system.Services, place: map[holdfast.ServiceName]int{}, needs: make([][]int, n), asked: make([]int, n), met: make([]int, n)}
	for i, s := range system.Services {
		p.place[s.Name] = i
	}
	for i := range system.Services {
		p.needs[i] = p.needed(i, "")
	}
	return p
}

// needed are the services that a route of one waits for, and fails with.
func (p *paths) needed(service int, route string) []int {
	var all []int
	for _, d := range p.services[service].DependsOn {
		if on, exists := p.place[d.On]; exists && Weighs(d) && d.Serves(route) {
			all = append(all, on)
		}
	}
	return all
}

// Path are the services that answering some ways takes, those first that are
// asked: what they require for their routes, and what that does, in the order of
// the file.
func (r *Risks) Path(ways ...Way) []holdfast.ServiceName {
	p := r.paths
	p.pass++
	var open []int
	path := []holdfast.ServiceName{}
	for _, w := range ways {
		i := p.place[w.Service]
		if p.asked[i] != p.pass {
			path = append(path, w.Service)
		}
		p.asked[i] = p.pass
		open = p.meet(open, p.needed(i, w.Route))
	}
	for len(open) > 0 {
		i := open[len(open)-1]
		open = p.meet(open[:len(open)-1], p.needs[i])
	}
	for i, s := range p.services {
		if p.met[i] == p.pass && p.asked[i] != p.pass {
			path = append(path, s.Name)
		}
	}
	return path
}

// meet opens the services that this walk has not met.
func (p *paths) meet(open, services []int) []int {
	for _, i := range services {
		if p.met[i] != p.pass {
			p.met[i] = p.pass
			open = append(open, i)
		}
	}
	return open
}
