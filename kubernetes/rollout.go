package kubernetes

import (
	"fmt"

	"holdfast/diagnostic"
)

func rolloutRules() []rule {
	return []rule{
		{Meaning: warning(RecreatesAll, "every rollout stops all pods first"), find: recreatesAll, together: "%s behind a Service stop all their pods at every rollout"},
		{Meaning: warning(RollsOverAll, "a rollout may take all pods at once"), find: rollsOverAll},
		{Meaning: warning(DiskHeld, "a rollout starts a second pod on a volume that one pod may use"), find: diskHeld, together: "%s start a second pod at every rollout, on a volume that is for one"},
		{Meaning: warning(PortHeld, "a rollout needs a free node for each pod that it adds"), find: portHeld},
	}
}

// recreatesAll leaves out what has reason to: a volume or a port of the node that
// two pods cannot have at once, or data of its own.
func recreatesAll(c *cluster) []finding {
	return c.each(func(w *workload) (finding, bool) {
		if w.kind != "Deployment" || w.rolls() || len(w.claims()) > 0 || w.keepsData() || w.hostPort().written || len(w.services) == 0 {
			return finding{}, false
		}
		return w.finding(w.at("spec", "strategy", "type").At, diagnostic.Problem{
			Message: fmt.Sprintf("every rollout of %s stops all its pods before it starts new ones", w.title),
			Label:   "nobody answers in between",
			Note:    "users wait or see errors from the end of the last old pod until the first new one is ready; and if the new ones do not start, until somebody rolls back",
			Help:    "write `strategy: {type: RollingUpdate, rollingUpdate: {maxUnavailable: 0, maxSurge: 1}}`, unless two versions must not run side by side, which these objects do not say",
		}), true
	})
}

func rollsOverAll(c *cluster) []finding {
	return c.each(func(w *workload) (finding, bool) {
		says := w.at("spec", "strategy", "rollingUpdate", "maxUnavailable")
		if w.kind != "Deployment" || !w.counted() || !w.rolls() || !says.amount().known || len(w.services) == 0 {
			return finding{}, false
		}
		if w.least() < 1 || says.amount().down(w.least()) < w.least() {
			return finding{}, false
		}
		return w.finding(says.At, diagnostic.Problem{
			Message: fmt.Sprintf("a rollout of %s may take all its pods at once: `maxUnavailable: %s` of %s", w.title, says.text(), diagnostic.Count(w.least(), "replica")),
			Label:   "all of them",
			Note:    "the old pods end before one new one is ready, so every rollout is an outage, and a release that does not start is one that lasts",
			Help:    "write `maxUnavailable: 0` and `maxSurge: 1`",
		}), true
	})
}

// diskHeld speaks of volumes of which the file says that one node may mount
// them, and of those of a data store, of which one process may have the files.
func diskHeld(c *cluster) []finding {
	return c.each(func(w *workload) (finding, bool) {
		if w.kind != "Deployment" || !w.counted() || !w.rolls() || w.surge() == 0 || w.most() > 1 {
			return finding{}, false
		}
		for _, claim := range w.claims() {
			mode := c.mode(w, claim.text())
			if !onePod(mode) && !w.keepsData() {
				continue
			}
			return w.finding(claim.At, diagnostic.Problem{
				Message: fmt.Sprintf("a rollout of %s starts the new pod while the old one has the volume", w.title),
				Label:   modeLabel(mode),
				Note:    "on another node the new pod waits for the volume, the old one waits for the new one to be ready, and the rollout never ends; on the same node two processes write the same files",
				Help:    "write `strategy: {type: Recreate}`; a StatefulSet does the same by itself",
			}), true
		}
		return finding{}, false
	})
}

func onePod(mode string) bool { return mode == "ReadWriteOnce" || mode == "ReadWriteOncePod" }

func modeLabel(mode string) string {
	switch {
	case mode == "ReadWriteOnce":
		return "its claim is ReadWriteOnce: one node at a time"
	case mode == "ReadWriteOncePod":
		return "its claim is ReadWriteOncePod: one pod at a time"
	case mode != "":
		return "its claim is " + mode
	}
	return "the claim is not in this file; data of a store is for one process"
}

// hostPort is where pods take a port of their node, so that a node has room for
// one of them only.
func (w *workload) hostPort() field {
	shared := w.pod.spec.at("hostNetwork").text() == "true"
	for _, c := range w.pod.containers {
		for _, p := range c.ports {
			if p.host.written && p.host.text() != "0" {
				return p.host
			}
			if shared {
				return w.pod.spec.at("hostNetwork")
			}
		}
	}
	return field{}
}

func portHeld(c *cluster) []finding {
	return c.each(func(w *workload) (finding, bool) {
		at := w.hostPort()
		if w.kind != "Deployment" || !w.counted() || !at.written || !w.rolls() || w.gap() > 0 {
			return finding{}, false
		}
		return w.finding(at.At, diagnostic.Problem{
			Message: fmt.Sprintf("a rollout of %s needs a node that has none of its pods yet", w.title),
			Label:   "one pod per node", Also: []diagnostic.Mark{{Place: w.replicas.or(w.nameAt), Label: diagnostic.Count(w.now(), "replica")}},
			Note: fmt.Sprintf("a port of the node can be had once. No old pod may end before a new one is ready (of %s a quarter is none), so with no more nodes than replicas every rollout stands still. How many nodes there are is not in the file", diagnostic.Count(w.now(), "replica")),
			Help: "write `strategy: {rollingUpdate: {maxUnavailable: 1, maxSurge: 0}}`, or a DaemonSet, or publish it by a Service instead of a port of the node",
		}), true
	})
}
