package kubernetes

import (
	"fmt"

	"holdfast/diagnostic"
)

func spreadRules() []rule {
	return []rule{
		{Meaning: warning(SpreadsNot, "a spread constraint does not count the pods that it is written for"), find: spreadsNot},
		{Meaning: warning(NotSpread, "nothing keeps replicas from standing on one node"), find: notSpread, together: "nothing keeps the replicas of %s from standing on one node"},
	}
}

// A spread is how a pod says that its replicas are to stand apart.
type spread string

const (
	nowhere spread = "nowhere" // not at all
	wished  spread = "wished"  // where the scheduler can: ScheduleAnyway, preferred
	forced  spread = "forced"  // or they do not start
)

// spread is the strongest that a pod says. Affinity counts only to pods like its
// own.
func (p pod) spread() spread {
	said := nowhere
	for _, t := range p.spec.at("topologySpreadConstraints").list() {
		if t.at("whenUnsatisfiable").text() != "ScheduleAnyway" {
			return forced
		}
		said = wished
	}
	apart := p.spec.at("affinity", "podAntiAffinity")
	for _, term := range apart.at("requiredDuringSchedulingIgnoredDuringExecution").list() {
		if selectorOf(term.at("labelSelector")).chooses(p.labels) {
			return forced
		}
	}
	for _, term := range apart.at("preferredDuringSchedulingIgnoredDuringExecution").list() {
		if selectorOf(term.at("podAffinityTerm", "labelSelector")).chooses(p.labels) {
			said = wished
		}
	}
	return said
}

func notSpread(c *cluster) []finding {
	return c.each(func(w *workload) (finding, bool) {
		if !w.counted() || w.least() < 2 || !w.called() || w.hostPort().written || w.pod.spread() != nowhere {
			return finding{}, false
		}
		if c.strayAffinity(w).written {
			return finding{}, false
		}
		return w.finding(w.nameAt, diagnostic.Problem{
			Message: fmt.Sprintf("nothing keeps the %d replicas of %s from standing on one node", w.least(), w.title),
			Label:   "no `topologySpreadConstraints`, no `podAntiAffinity`",
			Note:    "the scheduler spreads pods of one Service as it sees fit, and gives that up when room is short; after a drain or the loss of a node they come together. How many nodes and zones there are is not in the file",
			Help:    w.spreadHelp(),
		}), true
	})
}

func (w *workload) spreadHelp() string {
	return fmt.Sprintf("write below the `spec:` of the pod `topologySpreadConstraints: [{maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: DoNotSchedule, labelSelector: %s}]`", w.selectorYAML())
}

func spreadsNot(c *cluster) []finding {
	return c.each(func(w *workload) (finding, bool) {
		if stray := w.strayConstraint(); stray.written {
			return w.finding(stray.At, diagnostic.Problem{
				Message: fmt.Sprintf("a spread constraint of %s does not count its own pods", w.title),
				Label:   "chooses no pod of this template",
				Note:    "what it does not count it does not spread: the constraint has no effect, and all replicas may stand on one node",
				Help:    "write `labelSelector: " + w.selectorYAML() + "`",
			}), true
		}
		stray := c.strayAffinity(w)
		if !stray.written || !w.counted() || w.least() < 2 || w.pod.spread() == forced {
			return finding{}, false
		}
		return w.finding(stray.At, diagnostic.Problem{
			Message: fmt.Sprintf("the podAntiAffinity of %s keeps apart from no pod of this file, its own neither", w.title),
			Label:   "no pod has these labels",
			Note:    fmt.Sprintf("if it was to keep its %d replicas apart, it does not: all of them may stand on one node. If pods with these labels are in another file, it keeps apart from those only", w.least()),
			Help:    "write `labelSelector: " + w.selectorYAML() + "`",
		}), true
	})
}

// strayConstraint is where a spread constraint chooses other pods than those of
// its own template.
func (w *workload) strayConstraint() field {
	for _, t := range w.pod.spec.at("topologySpreadConstraints").list() {
		label := t.at("labelSelector")
		if s := selectorOf(label); !label.written || s.known && !s.chooses(w.pod.labels) {
			return pointed(label, t)
		}
	}
	return field{}
}

// strayAffinity is where a podAntiAffinity chooses no pods of a file that would
// have them. In what a cluster prints they may be of a kind that nobody asked for.
func (c *cluster) strayAffinity(w *workload) field {
	if w.live || c.custom {
		return field{}
	}
	for _, term := range w.pod.apart() {
		label := term.at("labelSelector")
		s := selectorOf(label)
		if !s.known || term.at("namespaces").written || term.at("namespaceSelector").written {
			continue
		}
		if chosen, _ := c.shelves.chosen(s, &w.object); len(chosen) == 0 {
			return pointed(label, term)
		}
	}
	return field{}
}

// pointed is a field that is pointed at by its key where it has one.
func pointed(f, otherwise field) field {
	if !f.written {
		return otherwise
	}
	f.At = f.Key
	return f
}

// apart are the terms of a pod's podAntiAffinity, of both strengths.
func (p pod) apart() []field {
	affinity := p.spec.at("affinity", "podAntiAffinity")
	all := affinity.at("requiredDuringSchedulingIgnoredDuringExecution").list()
	for _, weighted := range affinity.at("preferredDuringSchedulingIgnoredDuringExecution").list() {
		all = append(all, weighted.at("podAffinityTerm"))
	}
	return all
}
