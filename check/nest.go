package check

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"holdfast"
	"holdfast/diagnostic"
)

// nesting finds time-outs that do not nest: a caller that gives up before the
// service it asks has given up what that waits for. Where both are the standard
// one nobody has chosen them, and nothing is said.
func nesting() rule {
	return rule{
		Meaning: diagnostic.Meaning{Code: "HF2201", Severity: diagnostic.Warning, Title: "a caller gives up before the service it asks does"},
		find: func(c *judging) []Finding {
			outer := map[holdfast.ServiceName][]caller{}
			for _, s := range c.system.Services {
				for _, d := range s.DependsOn {
					if d.Required && d.Fallback == nil && c.timed(d) {
						outer[d.On] = append(outer[d.On], caller{edge: holdfast.Edge{From: s.Name, To: d.On}, Dependency: d})
					}
				}
			}
			var all []Finding
			for _, s := range c.system.Services {
				all = append(all, c.nest(s, outer[s.Name])...)
			}
			return all
		},
	}
}

// timed says whether the gateway holds an edge to its time-out: only requests
// that it sees.
func (c *judging) timed(d holdfast.Dependency) bool {
	on := c.services[d.On]
	return !d.Completed && on.Manage != holdfast.Observe && on.Protocol.Requests()
}

// A clash is two time-outs of a service that do not nest: what its caller waits
// for it, and what it waits for another.
type clash struct{ outer, inner caller }

// nest looks at one service: who asks it, and whom it asks. Of two time-outs that
// clash the one is to blame that clashes more, of those somebody wrote.
func (c *judging) nest(s holdfast.Service, outer []caller) []Finding {
	var clashes []clash
	count := map[holdfast.Edge]int{}
	for _, d := range s.DependsOn {
		inner := caller{edge: holdfast.Edge{From: s.Name, To: d.On}, Dependency: d}
		for _, o := range outer {
			standard := o.Timeout == holdfast.StandardTimeout && d.Timeout == holdfast.StandardTimeout
			if c.timed(d) && !standard && d.Wait() >= o.Timeout {
				clashes = append(clashes, clash{outer: o, inner: inner})
				count[o.edge]++
				count[inner.edge]++
			}
		}
	}
	var blamed []holdfast.Edge
	of := map[holdfast.Edge][]clash{}
	for _, one := range clashes {
		edge := one.inner.edge
		if one.inner.Timeout == holdfast.StandardTimeout || one.outer.Timeout != holdfast.StandardTimeout && count[one.outer.edge] > count[edge] {
			edge = one.outer.edge
		}
		if of[edge] = append(of[edge], one); len(of[edge]) == 1 {
			blamed = append(blamed, edge)
		}
	}
	var all []Finding
	for _, edge := range blamed {
		all = append(all, clashing(edge, of[edge]))
	}
	return all
}

// clashing is a finding about one time-out and those it clashes with, the worst
// of which is told.
func clashing(edge holdfast.Edge, clashes []clash) Finding {
	worst := slices.MinFunc(clashes, func(a, b clash) int {
		return cmp.Compare(a.outer.Timeout-a.inner.Wait(), b.outer.Timeout-b.inner.Wait())
	})
	outer, inner := worst.outer, worst.inner
	caller, asked, awaited := outer.edge.From, inner.edge.From, inner.edge.To
	f := Finding{
		Of: edge.String(), At: edgeAt(edge, "timeout"), Label: "too short for what it has to wait for",
		Message: fmt.Sprintf("%s waits %s for %s, which waits up to %s for %s",
			diagnostic.Tick(string(caller)), diagnostic.Span(outer.Timeout), diagnostic.Tick(string(asked)), diagnostic.Span(inner.Wait()), diagnostic.Tick(string(awaited))),
		Note: fmt.Sprintf("when %s is slow, %s has given up before %s can answer that; %s works on for nobody, and looks like the one that fails", awaited, caller, asked, asked),
		Help: fmt.Sprintf("give `%s` more than %s, as in `timeout: %s`, or `%s` less than %s", outer.edge, diagnostic.Span(inner.Wait()), diagnostic.Span(inner.Wait()*5/4), inner.edge, diagnostic.Span(outer.Timeout)),
	}
	if !inner.Required || inner.Fallback != nil {
		f.Note = fmt.Sprintf("%s can do without %s, but when %s is slow %s has given up before it does; %s looks like the one that fails", asked, awaited, awaited, caller, asked)
	}
	if edge == inner.edge {
		f.Label = "too long for who waits for it"
		f.Help = fmt.Sprintf("give `%s` less than %s, as in `timeout: %s`, or `%s` more than %s", inner.edge, diagnostic.Span(outer.Timeout), diagnostic.Span(within(outer.Timeout)), outer.edge, diagnostic.Span(inner.Wait()))
	}
	for _, one := range clashes[:min(len(clashes), 3)] {
		if edge == inner.edge {
			f.Also = append(f.Also, Point{At: edgeAt(one.outer.edge, "timeout"), Label: "gives up after " + diagnostic.Span(one.outer.Timeout)})
		} else {
			f.Also = append(f.Also, Point{At: edgeAt(one.inner.edge, "timeout"), Label: "waits up to " + diagnostic.Span(one.inner.Wait())})
		}
	}
	return f
}

// within is a time-out that leaves a fifth of another for the answer.
func within(outer time.Duration) time.Duration {
	return max(time.Millisecond, (outer * 4 / 5).Truncate(time.Millisecond))
}
