// Package topology says who needs whom in a system: in which order it can
// start, whom a failure reaches, whether the needs run in a circle, and by which
// ways requests come in.
//
// Everything is in the order of the file where nothing else decides, so that
// the same file always gives the same answer.
package topology

import (
	"slices"

	"holdfast"
)

// StartOrder puts the services in layers: all dependencies of a service, the
// optional ones too, are in layers before its own, and every service is in the
// earliest layer it can be in. Within a layer the order is that of the file.
//
// Services that need each other in a circle, and those that need them, have no
// such order; they come together as the last layer. A system that was read from
// a file has none.
func StartOrder(system *holdfast.System) [][]holdfast.ServiceName {
	var layers [][]holdfast.ServiceName
	started := map[holdfast.ServiceName]bool{}
	left := names(system)
	needs := byCaller(system.Edges())
	for len(left) > 0 {
		ready, waiting := part(left, func(name holdfast.ServiceName) bool {
			return !slices.ContainsFunc(needs[name], func(on holdfast.ServiceName) bool { return !started[on] })
		})
		if len(ready) == 0 {
			return append(layers, waiting)
		}
		for _, name := range ready {
			started[name] = true
		}
		layers, left = append(layers, ready), waiting
	}
	return layers
}

// Cycle is one circle of needs as a closed path ("a", "b", "a": a needs b needs
// a), or nil when there is none. A service that needs itself is one: "a", "a".
func Cycle(edges []holdfast.Edge) []holdfast.ServiceName {
	walk := cycleWalk{needs: byCaller(edges), on: map[holdfast.ServiceName]bool{}, done: map[holdfast.ServiceName]bool{}}
	for _, edge := range edges {
		if cycle := walk.from(edge.From); cycle != nil {
			return cycle
		}
	}
	return nil
}

// Dependents are the services that need a service, directly or through others,
// in the order of the file. The service itself is not among them.
func Dependents(system *holdfast.System, service holdfast.ServiceName) []holdfast.ServiceName {
	callers := map[holdfast.ServiceName][]holdfast.ServiceName{}
	for _, edge := range system.Edges() {
		callers[edge.To] = append(callers[edge.To], edge.From)
	}
	found := closure(service, callers)
	return inFileOrder(system, func(name holdfast.ServiceName) bool { return found[name] && name != service })
}

// A cycleWalk goes down the needs depth first. path is where it stands, and on
// says the same for a look-up; what is done was left without a circle and is not
// entered again.
type cycleWalk struct {
	needs    map[holdfast.ServiceName][]holdfast.ServiceName
	on, done map[holdfast.ServiceName]bool
	path     []holdfast.ServiceName
}

func (w *cycleWalk) from(name holdfast.ServiceName) []holdfast.ServiceName {
	if w.done[name] {
		return nil
	}
	if w.on[name] {
		return append(slices.Clone(w.path[slices.Index(w.path, name):]), name)
	}
	w.on[name], w.path = true, append(w.path, name)
	for _, on := range w.needs[name] {
		if cycle := w.from(on); cycle != nil {
			return cycle
		}
	}
	w.path = w.path[:len(w.path)-1]
	w.on[name], w.done[name] = false, true
	return nil
}

// closure is everything that can be come to from a service.
func closure(from holdfast.ServiceName, next map[holdfast.ServiceName][]holdfast.ServiceName) map[holdfast.ServiceName]bool {
	found := map[holdfast.ServiceName]bool{}
	for queue := []holdfast.ServiceName{from}; len(queue) > 0; queue = queue[1:] {
		if name := queue[0]; !found[name] {
			found[name] = true
			queue = append(queue, next[name]...)
		}
	}
	return found
}

func byCaller(edges []holdfast.Edge) map[holdfast.ServiceName][]holdfast.ServiceName {
	needs := map[holdfast.ServiceName][]holdfast.ServiceName{}
	for _, edge := range edges {
		needs[edge.From] = append(needs[edge.From], edge.To)
	}
	return needs
}

func inFileOrder(system *holdfast.System, wanted func(holdfast.ServiceName) bool) []holdfast.ServiceName {
	kept, _ := part(names(system), wanted)
	return kept
}

func names(system *holdfast.System) []holdfast.ServiceName {
	var all []holdfast.ServiceName
	for _, service := range system.Services {
		all = append(all, service.Name)
	}
	return all
}

// part divides names into those that are and those that are not, keeping the
// order of both.
func part(all []holdfast.ServiceName, is func(holdfast.ServiceName) bool) (those, others []holdfast.ServiceName) {
	for _, name := range all {
		if is(name) {
			those = append(those, name)
		} else {
			others = append(others, name)
		}
	}
	return those, others
}
