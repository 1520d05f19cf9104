package kubernetes

import (
	"fmt"
	"maps"
	"slices"

	"holdfast/diagnostic"
)

func evictionRules() []rule {
	return []rule{
		{Meaning: failure(NeverEvicted, "a PodDisruptionBudget never allows an eviction"), find: neverEvicted},
		{Meaning: failure(TwoBudgets, "two PodDisruptionBudgets choose the same pods"), find: twoBudgets},
		{Meaning: warning(SeldomEvicted, "a PodDisruptionBudget allows no eviction while the autoscaler has few replicas"), find: seldomEvicted},
		{Meaning: warning(AlwaysEvicted, "a PodDisruptionBudget allows all pods to be evicted at once"), find: alwaysEvicted},
		{Meaning: warning(BudgetOfNothing, "a PodDisruptionBudget chooses no pods"), find: budgetOfNothing},
		{Meaning: warning(BudgetOfMany, "a PodDisruptionBudget for several workloads lets one of them go whole"), find: budgetOfMany},
		{Meaning: warning(NoBudget, "no PodDisruptionBudget covers several replicas"), find: noBudget, together: "no PodDisruptionBudget covers %s of several replicas"},
	}
}

// eachBudget asks a question of every budget that says how much it allows.
func (c *cluster) eachBudget(ask func(*budget) (diagnostic.Problem, bool)) []finding {
	var all []finding
	for _, b := range c.budgets {
		if p, found := ask(b); found {
			all = append(all, finding{object: &b.object, Problem: p})
		}
	}
	return all
}

func neverEvicted(c *cluster) []finding {
	return c.eachBudget(func(b *budget) (diagnostic.Problem, bool) {
		says := b.limit().amount()
		_, most, all := b.pods()
		if !says.known {
			return diagnostic.Problem{}, false
		}
		always := b.unavailable.written && says.n == 0 || !b.unavailable.written && says.percent && says.n >= 100
		if !always && (!all || b.allows(most) > 0) {
			return diagnostic.Problem{}, false
		}
		return diagnostic.Problem{
			Place:   b.limit().At,
			Message: fmt.Sprintf("PodDisruptionBudget %s never allows an eviction: `%s: %s`%s", diagnostic.Tick(b.name), b.word(), b.limit().text(), ofPods(most, all)),
			Label:   "nothing may ever go", Also: b.marks(),
			Note: "`kubectl drain`, and with it every upgrade of the nodes, waits for these pods until somebody deletes them by hand, which is the outage that this was to prevent",
			Help: b.openHelp(most, all),
		}, true
	})
}

func (b *budget) openHelp(pods int, known bool) string {
	if known && pods == 1 {
		return "give it a second replica; or write `maxUnavailable: 1`, which is a gap of one restart at a drain, and the least that one replica can have"
	}
	return "write `maxUnavailable: 1`"
}

func ofPods(n int, known bool) string {
	if !known {
		return ""
	}
	return " of " + diagnostic.Count(n, "replica")
}

func (b *budget) marks() []diagnostic.Mark {
	var all []diagnostic.Mark
	for _, w := range b.workloads[:min(len(b.workloads), 3)] {
		all = append(all, diagnostic.Mark{Place: w.replicas.or(w.nameAt), Label: w.title})
	}
	return all
}

func seldomEvicted(c *cluster) []finding {
	return c.eachBudget(func(b *budget) (diagnostic.Problem, bool) {
		least, most, all := b.pods()
		if !all || !b.limit().amount().known || b.allows(least) > 0 || b.allows(most) == 0 || least == 0 {
			return diagnostic.Problem{}, false
		}
		return diagnostic.Problem{
			Place:   b.limit().At,
			Message: fmt.Sprintf("PodDisruptionBudget %s allows no eviction while there are %s", diagnostic.Tick(b.name), diagnostic.Count(least, "replica")),
			Label:   "none may go then", Also: b.marks(),
			Note: fmt.Sprintf("the autoscaler may go down to %d. Then a drain of a node, and with it an upgrade, waits for these pods until more is asked of them", least),
			Help: "write `maxUnavailable: 1` instead: it moves with the number of replicas",
		}, true
	})
}

func alwaysEvicted(c *cluster) []finding {
	return c.eachBudget(func(b *budget) (diagnostic.Problem, bool) {
		says := b.limit().amount()
		least, _, all := b.pods()
		if !says.known {
			return diagnostic.Problem{}, false
		}
		none := !b.unavailable.written && says.n == 0 || b.unavailable.written && says.percent && says.n >= 100
		if least == 1 || !none && (!all || b.allows(least) < least) {
			return diagnostic.Problem{}, false
		}
		return diagnostic.Problem{
			Place:   b.limit().At,
			Message: fmt.Sprintf("PodDisruptionBudget %s allows all pods to be evicted at once: `%s: %s`%s", diagnostic.Tick(b.name), b.word(), b.limit().text(), ofPods(least, all)),
			Label:   "all may go", Also: b.marks(),
			Note: "it protects nothing: a drain of several nodes takes every replica before the first new one is ready, as if there were no budget",
			Help: "write `maxUnavailable: 1`",
		}, true
	})
}

// budgetOfNothing speaks of what can be known only: in a cluster, of what the
// controller has counted; of a manifest, where no kind is in the file that might
// make pods of its own.
func budgetOfNothing(c *cluster) []finding {
	return c.eachBudget(func(b *budget) (diagnostic.Problem, bool) {
		if len(b.workloads) > 0 || b.hidden || !b.selector.known || !c.wouldHave(&b.object) {
			return diagnostic.Problem{}, false
		}
		if expected := b.at("status", "expectedPods"); b.live && (!expected.written || expected.text() != "0") {
			return diagnostic.Problem{}, false
		}
		return diagnostic.Problem{
			Place:   b.selectorAt.keyOr(b.nameAt),
			Message: fmt.Sprintf("PodDisruptionBudget %s chooses the pods of no workload of this file", diagnostic.Tick(b.name)),
			Label:   "no pod has these labels",
			Note:    "a drain takes the pods that it was written for as if it did not exist. If their workload is in another file, read both together",
			Help:    "copy `spec.template.metadata.labels` of the workload" + c.nearestLabels(b.selector, &b.object),
		}, true
	})
}

// wouldHave says whether the pods that an object is for would be in the file:
// there are workloads of its namespace, and nothing that might make others.
func (c *cluster) wouldHave(o *object) bool {
	if c.custom {
		return false
	}
	for _, w := range c.workloads {
		if w.near(o) && w.serves() {
			return true
		}
	}
	return false
}

// mostCompared bounds the labels that one selector is compared with.
const mostCompared = 300

// nearestLabels are those of a workload that a selector almost chooses.
func (c *cluster) nearestLabels(s selector, o *object) string {
	for _, key := range slices.Sorted(maps.Keys(s.equal)) {
		if near := diagnostic.Nearest(s.equal[key], c.labelled(key, o)); near != "" {
			return ": did you mean " + diagnostic.Tick(key+": "+near) + "?"
		}
	}
	return ""
}

// labelled are the values that pods near an object have of a label.
func (c *cluster) labelled(key string, o *object) []string {
	var values []string
	for _, w := range c.workloads {
		if value, there := w.pod.labels[key]; there && w.near(o) {
			if values = append(values, value); len(values) == mostCompared {
				break
			}
		}
	}
	return values
}

func twoBudgets(c *cluster) []finding {
	return c.each(func(w *workload) (finding, bool) {
		if len(w.budgets) < 2 || w.budgets[0].namespace != w.budgets[1].namespace {
			return finding{}, false
		}
		first, second := w.budgets[0], w.budgets[1]
		f := w.finding(second.nameAt, diagnostic.Problem{
			Message: fmt.Sprintf("PodDisruptionBudgets %s and %s both choose the pods of %s", diagnostic.Tick(first.name), diagnostic.Tick(second.name), w.title),
			Label:   "the second", Also: []diagnostic.Mark{{Place: first.nameAt, Label: "the first"}, {Place: w.nameAt, Label: "whose pods they choose"}},
			Note: "Kubernetes refuses to evict a pod that has more than one: a drain of its node fails until one of them is deleted",
			Help: "remove one of them, or make their selectors choose different pods",
		})
		return f, true
	})
}

func budgetOfMany(c *cluster) []finding {
	return c.eachBudget(func(b *budget) (diagnostic.Problem, bool) {
		least, _, all := b.pods()
		if !all || len(b.workloads) < 2 || !b.limit().amount().known || b.allows(least) >= least {
			return diagnostic.Problem{}, false
		}
		for _, w := range b.workloads {
			if w.least() < 2 || b.allows(least) < w.least() {
				continue
			}
			return diagnostic.Problem{
				Place:   b.limit().At,
				Message: fmt.Sprintf("PodDisruptionBudget %s lets all replicas of %s go at once", diagnostic.Tick(b.name), w.title),
				Label:   fmt.Sprintf("%d of all %d pods may go", b.allows(least), least), Also: b.marks(),
				Note: fmt.Sprintf("it chooses the pods of %d workloads and counts them as one: %d may go, and %s has %d", len(b.workloads), b.allows(least), w.title, w.least()),
				Help: "write one PodDisruptionBudget for each workload, with `maxUnavailable: 1`",
			}, true
		}
		return diagnostic.Problem{}, false
	})
}

// noBudget asks for one where a drain could take what serves others. In what a
// cluster prints without a single budget nobody may have asked for them.
func noBudget(c *cluster) []finding {
	if c.withoutBudgets() {
		return nil
	}
	return c.each(func(w *workload) (finding, bool) {
		if !w.counted() || w.least() < 2 || !w.called() || len(w.budgets) > 0 {
			return finding{}, false
		}
		return w.finding(w.nameAt, diagnostic.Problem{
			Message: fmt.Sprintf("no PodDisruptionBudget covers %s, which has %d replicas", w.title, w.least()),
			Label:   "a drain may take all of them",
			Note:    "without one a drain evicts every pod of its node at once and waits for no new one: where replicas share a node, or two nodes are drained together, all of them go",
			Help:    fmt.Sprintf("add `{apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {name: %s}, spec: {maxUnavailable: 1, selector: %s}}`", w.name, w.selectorYAML()),
		}), true
	})
}

// withoutBudgets says that a cluster printed no budget at all.
func (c *cluster) withoutBudgets() bool { return c.live && len(c.budgets) == 0 }
