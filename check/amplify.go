package check

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"holdfast"
	"holdfast/diagnostic"
)

// askedAgain is what one level makes of the requests it passes on, at most.
const askedAgain = 1 + holdfast.RetryShare

// tooOften is the factor from which on it is said: a service that fails for the
// load it has does not come back under twice of it.
const tooOften = 2.0

// maxFloods are told, those first that are the largest.
const maxFloods = 10

// amplification finds services that get many times their requests when they fail:
// each level on the way asks again, and a second try of one is a request to the
// next. What the mending of another one touches is not told before that is done.
func amplification() rule {
	return rule{
		Meaning: diagnostic.Meaning{Code: "HF2202", Severity: diagnostic.Warning, Title: "a service that fails is asked many times as often"},
		find: func(c *judging) []Finding {
			f := newFloods(c)
			through := f.through()
			mended := map[holdfast.Edge]bool{}
			var all []Finding
			for _, way := range f.largest() {
				if len(all) == maxFloods || way.factor() < tooOften {
					break
				}
				if way.takes(mended) {
					continue
				}
				mends := way.mends(through)
				all = append(all, way.finding(mends, through[mends[0].To]-1))
				for _, edge := range mends {
					mended[edge] = true
				}
			}
			return all
		},
	}
}

// A flood is the way by which most requests come to a service that fails.
type flood struct {
	edge   holdfast.Edge // the last level; From is empty where users come in
	again  bool          // the last level asks again
	levels int           // that ask again
	length int           // levels, those included that do not
	on     *flood        // the way to the caller; nil where users come in, or the failure does not reach the caller's own
}

func (f *flood) factor() float64 { return math.Pow(askedAgain, float64(f.levels)) }

// takes says whether one of the edges is on the way.
func (f *flood) takes(edges map[holdfast.Edge]bool) bool {
	for level := f; level != nil; level = level.on {
		if edges[level.edge] {
			return true
		}
	}
	return false
}

// repeating are the edges of a way that ask again, the innermost first.
func (f *flood) repeating() []holdfast.Edge {
	var edges []holdfast.Edge
	for level := f; level != nil; level = level.on {
		if level.again && level.edge.From != "" {
			edges = append(edges, level.edge)
		}
	}
	return edges
}

// mends are as many edges of a way as must not ask again for it to be bearable:
// those that most floods go through, the innermost first.
func (f *flood) mends(through map[holdfast.ServiceName]int) []holdfast.Edge {
	bearable := int(math.Ceil(math.Log(tooOften)/math.Log(askedAgain))) - 1
	edges := f.repeating()
	slices.SortStableFunc(edges, func(a, b holdfast.Edge) int { return cmp.Compare(through[b.To], through[a.To]) })
	return edges[:f.levels-bearable]
}

// floods are those of a system.
type floods struct {
	*judging
	into map[holdfast.ServiceName][]caller
	ways map[holdfast.ServiceName]*flood
}

// A caller is who declares an edge.
type caller struct {
	edge holdfast.Edge
	holdfast.Dependency
}

func newFloods(c *judging) *floods {
	f := &floods{judging: c, into: map[holdfast.ServiceName][]caller{}, ways: map[holdfast.ServiceName]*flood{}}
	for _, s := range c.system.Services {
		for _, d := range s.DependsOn {
			if !d.Completed {
				f.into[d.On] = append(f.into[d.On], caller{edge: holdfast.Edge{From: s.Name, To: d.On}, Dependency: d})
			}
		}
	}
	return f
}

// to is the way to a service. It is known before its callers' are asked for, so
// that a circle of needs ends.
func (f *floods) to(name holdfast.ServiceName) *flood {
	if way, known := f.ways[name]; known {
		return way
	}
	s := f.services[name]
	way := &flood{edge: holdfast.Edge{To: name}}
	f.ways[name] = way
	if f.system.Publishes(s) {
		*way = longer(flood{edge: way.edge, again: elsewhere(s)})
	}
	for _, c := range f.into[name] {
		next := flood{edge: c.edge, again: elsewhere(s) && c.Repeats()}
		if c.Required && c.Fallback == nil {
			next.on = f.to(c.edge.From)
		}
		if next = longer(next); way.length == 0 || next.levels > way.levels {
			*way = next
		}
	}
	return way
}

// longer is a way with its last level counted.
func longer(way flood) flood {
	way.length = 1
	if way.again {
		way.levels = 1
	}
	if way.on != nil {
		way.levels, way.length = way.levels+way.on.levels, way.length+way.on.length
	}
	return way
}

// elsewhere says whether the gateway sees requests to a service, and has another
// replica to send them to.
func elsewhere(s holdfast.Service) bool {
	return s.Manage != holdfast.Observe && s.Protocol.Requests() && s.Replicas > 1
}

// largest are the ways to all services, the largest first, those that are as large
// in the order of the file.
func (f *floods) largest() []*flood {
	var ways []*flood
	for _, s := range f.system.Services {
		ways = append(ways, f.to(s.Name))
	}
	slices.SortStableFunc(ways, func(a, b *flood) int { return cmp.Compare(b.levels, a.levels) })
	return ways
}

// through counts the floods that go through each service, its own included. Who
// is further in is counted first.
func (f *floods) through() map[holdfast.ServiceName]int {
	ways := f.largest()
	slices.SortFunc(ways, func(a, b *flood) int { return cmp.Compare(b.length, a.length) })
	count := map[holdfast.ServiceName]int{}
	for _, way := range ways {
		count[way.edge.To] += one(way.factor() >= tooOften)
		if way.on != nil {
			count[way.edge.From] += count[way.edge.To]
		}
	}
	return count
}

func (f *flood) finding(mends []holdfast.Edge, others int) Finding {
	left := flood{levels: f.levels - len(mends)}
	var named []string
	for _, edge := range mends {
		named = append(named, edge.String())
	}
	found := Finding{
		Of: string(f.edge.To), At: edgeAt(mends[0], "retries"), Label: "asks again, as the levels around it do",
		Message: fmt.Sprintf("%s gets %s its requests when it fails: %d levels on the way ask again", diagnostic.Tick(string(f.edge.To)), times(f.factor()), f.levels),
		Note:    "each sends up to a fifth more than it gets: " + f.text(),
		Help:    fmt.Sprintf("ask again at fewer levels: `retries: 0` on %s leaves %s", several(named, mostNamed), times(left.factor())),
	}
	if others > 0 {
		found.Note += fmt.Sprintf("; the same holds for %d more services behind %s", others, mends[0].To)
	}
	for _, other := range mends[1:min(len(mends), 4)] {
		found.Also = append(found.Also, Point{At: edgeAt(other, "retries"), Label: "and this one"})
	}
	return found
}

// times is a factor as a person says it.
func times(factor float64) string {
	if factor > 1000 {
		return "over 1000 times"
	}
	return fmt.Sprintf("up to %.2f times", factor)
}

// text is a way with what each level makes of it, the middle of a long one left
// out.
func (f *flood) text() string {
	const most = 10
	var parts []string
	for level := f; level != nil; level = level.on {
		by := " ×1"
		if level.again {
			by = fmt.Sprintf(" ×%g", askedAgain)
		}
		parts = append(parts, string(level.edge.To)+by)
		if first := level.edge.From; level.on == nil {
			parts = append(parts, cmp.Or(string(first), "users"))
		}
	}
	slices.Reverse(parts)
	if left := len(parts) - most; left > 0 {
		parts = slices.Concat(parts[:most/2], []string{fmt.Sprintf("… %d more …", left)}, parts[len(parts)-most/2:])
	}
	return strings.Join(parts, " → ")
}
