package kubernetes

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"holdfast/diagnostic"
)

// mostLines bounds the published Services that are listed.
const mostLines = 20

// summary says what there is, and of what users reach, what takes it down.
func (c *cluster) summary() []string {
	lines := []string{c.counts()}
	published := 0
	for _, s := range c.services {
		if s.published() == "" {
			continue
		}
		if published++; published <= mostLines {
			lines = append(lines, fmt.Sprintf("%s (%s): %s", s.name, s.published(), s.stands()))
		}
	}
	if published > mostLines {
		lines = append(lines, fmt.Sprintf("and %d more that are published", published-mostLines))
	}
	return lines
}

func (c *cluster) counts() string {
	kinds, owned, published := map[string]int{}, 0, 0
	for _, w := range c.workloads {
		if !w.owned {
			kinds[w.kind]++
			owned += oneIf(w.owner() != "")
		}
	}
	for _, s := range c.services {
		published += oneIf(s.published() != "")
	}
	all := 0
	var parts []string
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		all += kinds[kind]
		parts = append(parts, diagnostic.Count(kinds[kind], kind))
	}
	text := diagnostic.Count(all, "workload")
	if len(parts) > 0 {
		text += " (" + strings.Join(parts, ", ") + ")"
	}
	return fmt.Sprintf("%s, %d with an owner; %s, %d published; %s, %s", text, owned, diagnostic.Count(len(c.services), "Service"), published, diagnostic.Count(len(c.budgets), "PodDisruptionBudget"), diagnostic.Count(len(c.scalers), "autoscaler"))
}

func oneIf(is bool) int {
	if is {
		return 1
	}
	return 0
}

// stands is how a published Service stands: its replicas now and at the least, and
// what alone takes it down.
func (s *service) stands() string {
	if len(s.workloads) == 0 {
		return "its pods are not in this file"
	}
	var parts []string
	now, least, counted := 0, 0, !s.hidden
	for _, w := range s.workloads {
		counted = counted && w.counted()
		now, least = now+w.now(), least+w.least()
		parts = append(parts, strings.ToLower(w.kind)+"/"+w.name)
	}
	text := diagnostic.Series(parts, mostNamed)
	if !counted {
		return text + ": how many replicas is not in this file"
	}
	text += ": " + diagnostic.Count(now, "replica")
	if least != now {
		text += fmt.Sprintf(", at least %d", least)
	}
	return text + s.ready() + "; " + s.falls(least)
}

// ready is what the server said of its pods, where it printed them.
func (s *service) ready() string {
	all := 0
	for _, w := range s.workloads {
		if !w.live {
			return ""
		}
		all += w.at("status", "readyReplicas").number(0)
	}
	return fmt.Sprintf(", %d ready", all)
}

// falls is what alone takes the Service down, the most frequent first.
func (s *service) falls(least int) string {
	if least == 0 {
		return "switched off"
	}
	if least == 1 {
		return "one pod takes it down, and so does its node"
	}
	by := []string{}
	if len(s.workloads) == 1 && !s.workloads[0].rolls() {
		by = append(by, "every rollout takes it down")
	}
	if slices.ContainsFunc(s.workloads, func(w *workload) bool { return w.pod.spread() != forced }) {
		by = append(by, "one node takes it down if all stand there")
	}
	return cmp.Or(strings.Join(by, ", "), "no one pod or node takes it down")
}

// unknown is what these objects do not say, so that nobody takes silence for
// praise.
func (c *cluster) unknown() []string {
	lines := []string{"how many nodes and zones there are, and where replicas stand"}
	if c.withoutBudgets() && len(c.workloads) > 0 {
		lines = append(lines, "PodDisruptionBudgets: there are none here. If they were left out, ask for them: kubectl get deploy,sts,svc,pdb,hpa -o yaml")
	}
	lines = append(lines, c.names("whether the program goes on answering for some seconds after SIGTERM, while callers learn that it goes: there is no preStop hook that waits", func(w *workload) bool {
		return len(w.services) > 0 && !w.hooked()
	})...)
	lines = append(lines, c.names("whether replicas stand apart: that is only asked for (ScheduleAnyway, preferred)", func(w *workload) bool {
		return w.counted() && w.least() > 1 && w.pod.spread() == wished
	})...)
	lines = append(lines, c.names("how many replicas there are: something else than an autoscaler of Kubernetes scales them", func(w *workload) bool { return w.elsewhere })...)
	if podless := c.podless(); len(podless) > 0 {
		lines = append(lines, "the pods of "+diagnostic.Count(len(podless), "Service")+": they belong to no workload that is here: "+diagnostic.Series(podless, mostNamed))
	}
	if len(c.unread) > 0 {
		lines = append(lines, "objects of kinds that are not looked at: "+c.unreadKinds())
	}
	return lines
}

// names are the workloads of which something is not known, as one line or none.
func (c *cluster) names(what string, is func(*workload) bool) []string {
	var all []string
	for _, w := range c.workloads {
		if w.serves() && is(w) {
			all = append(all, w.name)
		}
	}
	if len(all) == 0 {
		return nil
	}
	return []string{fmt.Sprintf("of %s %s (%s)", diagnostic.Count(len(all), "workload"), what, diagnostic.Series(all, mostNamed))}
}

func (w *workload) hooked() bool {
	return slices.ContainsFunc(w.pod.containers, func(one container) bool { return one.at("lifecycle", "preStop").written })
}

func (c *cluster) podless() []string {
	var all []string
	for _, s := range c.services {
		if s.findsNone() && (s.live || !c.wouldHave(&s.object)) {
			all = append(all, s.name)
		}
	}
	return all
}

// unreadKinds counts them, the most frequent first.
func (c *cluster) unreadKinds() string {
	kinds := slices.SortedFunc(maps.Keys(c.unread), func(a, b string) int {
		return cmp.Or(cmp.Compare(c.unread[b], c.unread[a]), cmp.Compare(a, b))
	})
	var parts []string
	for _, kind := range kinds {
		parts = append(parts, fmt.Sprintf("%s (%d)", diagnostic.Shown(kind), c.unread[kind]))
	}
	return diagnostic.Series(parts, mostNamed)
}
