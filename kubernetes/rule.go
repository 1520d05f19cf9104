package kubernetes

import (
	"fmt"
	"slices"
	"strings"

	"holdfast/diagnostic"
)

// A rule finds one kind of problem. In a file in which it finds many, they are
// told at once if there is a sentence for it: what most files lack would bury the
// rest otherwise.
type rule struct {
	diagnostic.Meaning
	find     func(*cluster) []finding
	together string // "%s have no readiness probe"; "" where each is told for itself
}

// rules are all there are, the gravest first: of a file with very many problems
// the last are not listed.
func rules() []rule {
	return slices.Concat(evictionRules(), routingRules(), probeRules(), replicaRules(), rolloutRules(), storageRules(), spreadRules(), podRules())
}

// A finding is a problem of one object.
type finding struct {
	diagnostic.Problem
	object *object
}

// mostNamed is how many names a line can bear.
const mostNamed = 12

// few is how many findings of a rule are told one by one.
const few = 2

// findings are those of all rules. What somebody has accepted, once or now, is
// always told for itself: an acceptance is of one object.
func (c *cluster) findings(accepted agreement) []finding {
	var all []finding
	for _, r := range rules() {
		found := r.find(c)
		for i := range found {
			found[i].Code, found[i].Of = r.Code, found[i].object.of()
		}
		if r.together != "" {
			found = r.told(found, accepted)
		}
		all = append(all, found...)
	}
	return all
}

// told tells many findings at once, and those that are accepted for themselves.
func (r rule) told(found []finding, accepted agreement) []finding {
	var apart, rest []finding
	for _, f := range found {
		if accepted.has(f) {
			apart = append(apart, f)
		} else {
			rest = append(rest, f)
		}
	}
	if len(rest) <= few {
		return found
	}
	return append(apart, r.fold(rest))
}

// fold is many findings as one: at the place of the first, with marks at the
// next. Whom it is about is in its message; it is of no single object.
func (r rule) fold(found []finding) finding {
	slices.SortStableFunc(found, func(a, b finding) int { return a.Line - b.Line })
	first := found[0]
	var names []string
	for _, f := range found {
		names = append(names, f.object.name)
	}
	first.Message = fmt.Sprintf(r.together, diagnostic.Count(len(found), "workload")) + ": " + diagnostic.Series(names, mostNamed)
	first.Of, first.Also = "", nil
	for _, f := range found[1:min(len(found), 4)] {
		first.Also = append(first.Also, diagnostic.Mark{Place: f.Place, Label: "and this one"})
	}
	return first
}

// finding makes one of a workload.
func (w *workload) finding(at diagnostic.Place, p diagnostic.Problem) finding {
	p.Place = at
	return finding{Problem: p, object: &w.object}
}

// selectorYAML is how to choose the pods of a workload, as one writes it.
func (w *workload) selectorYAML() string {
	labels := w.at("spec", "selector", "matchLabels")
	if !labels.written {
		labels = w.at("metadata", "labels")
	}
	var parts []string
	for _, e := range labels.entries() {
		parts = append(parts, diagnostic.Shown(e.Key)+": "+diagnostic.Shown(e.Value.String()))
	}
	return "{matchLabels: {" + strings.Join(parts, ", ") + "}}"
}
