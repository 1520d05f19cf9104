package kubernetes

import (
	"cmp"
	"slices"
)

// A selector chooses pods by their labels.
type selector struct {
	equal       map[string]string
	expressions []expression
	known       bool // false where something of it cannot be read; it chooses nothing then. Empty, it chooses all
}

type expression struct {
	key, operator string
	values        []string
}

// selectorOf reads a label selector, as policies and constraints have it.
func selectorOf(f field) selector {
	s := selector{equal: f.at("matchLabels").pairs(), known: f.written}
	for _, e := range f.at("matchExpressions").list() {
		one := expression{key: e.at("key").text(), operator: e.at("operator").text(), values: e.at("values").texts()}
		s.expressions = append(s.expressions, one)
		s.known = s.known && slices.Contains([]string{"In", "NotIn", "Exists", "DoesNotExist"}, one.operator)
	}
	return s
}

// mapSelector is that of a Service: labels and nothing else, and none at all is
// no selector.
func mapSelector(f field) selector {
	equal := f.pairs()
	return selector{equal: equal, known: len(equal) > 0}
}

func (s selector) chooses(labels map[string]string) bool {
	if !s.known {
		return false
	}
	for key, value := range s.equal {
		if had, there := labels[key]; !there || had != value {
			return false
		}
	}
	return !slices.ContainsFunc(s.expressions, func(e expression) bool { return !e.holds(labels) })
}

func (e expression) holds(labels map[string]string) bool {
	value, there := labels[e.key]
	switch e.operator {
	case "In":
		return there && slices.Contains(e.values, value)
	case "NotIn":
		return !there || !slices.Contains(e.values, value)
	case "Exists":
		return there
	default: // DoesNotExist
		return !there
	}
}

// maxChosen bounds what one selector chooses: a service of over a hundred
// workloads says nothing about any of them.
const maxChosen = 100

// shelves keep workloads by each of their pods' labels, so that a selector looks
// only at those that have the rarest of its own.
type shelves map[string][]*workload

func shelve(all []*workload) shelves {
	s := shelves{"": all}
	for _, w := range all {
		for key, value := range w.pod.labels {
			s[key+"="+value] = append(s[key+"="+value], w)
		}
	}
	return s
}

// chosen are the workloads of a namespace whose pods a selector chooses, and
// whether it chooses more than are listed.
func (s shelves) chosen(by selector, o *object) (found []*workload, more bool) {
	if !by.known {
		return nil, false
	}
	for _, w := range s.candidates(by) {
		if !o.near(&w.object) || !by.chooses(w.pod.labels) {
			continue
		}
		if len(found) == maxChosen {
			return found, true
		}
		found = append(found, w)
	}
	return found, false
}

func (s shelves) candidates(by selector) []*workload {
	if len(by.equal) == 0 {
		return s[""]
	}
	var all [][]*workload
	for key, value := range by.equal {
		all = append(all, s[key+"="+value])
	}
	return slices.MinFunc(all, func(a, b []*workload) int { return cmp.Compare(len(a), len(b)) })
}
