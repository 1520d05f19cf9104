package kubernetes

import (
	"fmt"

	"holdfast/diagnostic"
)

func replicaRules() []rule {
	return []rule{
		{Meaning: warning(PublishedAlone, "one replica stands behind what users reach"), find: publishedAlone},
		{Meaning: warning(Alone, "one replica stands behind a Service"), find: alone, together: "%s stand behind a Service with one replica each"},
		{Meaning: warning(OneCopy, "there is one copy of a StatefulSet or of a data store"), find: oneCopy, together: "%s that keep data have one replica each"},
		{Meaning: warning(ScalesToOne, "an autoscaler may leave one replica"), find: scalesToOne, together: "autoscalers may leave %s one replica each"},
		{Meaning: warning(NeverScales, "an autoscaler has no room to scale"), find: neverScales},
		{Meaning: warning(ReplicasTwice, "an autoscaler and the manifest both set the number of replicas"), find: replicasTwice, together: "%s set `replicas` and have an autoscaler"},
		{Meaning: warning(NothingToMeasure, "an autoscaler measures a share of a request that is not made"), find: nothingToMeasure},
	}
}

func warning(code diagnostic.Code, title string) diagnostic.Meaning {
	return diagnostic.Meaning{Code: code, Severity: diagnostic.Warning, Title: title}
}

func failure(code diagnostic.Code, title string) diagnostic.Meaning {
	return diagnostic.Meaning{Code: code, Severity: diagnostic.Error, Title: title}
}

// each asks a question of every workload that is judged.
func (c *cluster) each(ask func(*workload) (finding, bool)) []finding {
	var all []finding
	for _, w := range c.workloads {
		if !w.serves() {
			continue
		}
		if f, found := ask(w); found {
			all = append(all, f)
		}
	}
	return all
}

// isAlone says that a workload is all there is behind one of its Services, that
// it has one replica, and that no other rule says so.
func isAlone(w *workload) bool {
	if !w.counted() || w.kind == "StatefulSet" || w.keepsData() || w.scaler != nil && w.scaler.most() > 1 {
		return false
	}
	return w.least() == 1 && w.aloneBehind() != nil
}

func (w *workload) aloneBehind() *service {
	var one *service
	for _, s := range w.services {
		if s.alone() && (one == nil || s.published() != "") {
			one = s
		}
	}
	return one
}

func publishedAlone(c *cluster) []finding {
	return c.each(func(w *workload) (finding, bool) {
		if !isAlone(w) || w.aloneBehind().published() == "" {
			return finding{}, false
		}
		s := w.aloneBehind()
		return w.finding(w.replicas.or(w.nameAt), diagnostic.Problem{
			Message: fmt.Sprintf("users reach %s through Service %s (%s), and it has one replica", w.title, diagnostic.Tick(s.name), s.published()),
			Label:   w.saysOne(), Also: []diagnostic.Mark{{Place: s.nameAt, Label: "the Service"}},
			Note: loneliness, Help: w.second(),
		}), true
	})
}

func alone(c *cluster) []finding {
	return c.each(func(w *workload) (finding, bool) {
		if !isAlone(w) || w.aloneBehind().published() != "" {
			return finding{}, false
		}
		return w.finding(w.replicas.or(w.nameAt), diagnostic.Problem{
			Message: fmt.Sprintf("%s has one replica, and Service %s leads to nobody else", w.title, diagnostic.Tick(w.aloneBehind().name)),
			Label:   w.saysOne(), Note: loneliness, Help: w.second(),
		}), true
	})
}

func (w *workload) saysOne() string {
	if w.replicas.written {
		return "one"
	}
	return "`replicas` is not written, which is one"
}

// loneliness is what becomes of a single replica of a Deployment.
const loneliness = "a crash, or a drain of its node, is an outage until a pod is ready again; the loss of its node is one of over five minutes, since Kubernetes waits that long before it gives the node up"

func (w *workload) second() string {
	if len(w.claims()) > 0 {
		return "write `replicas: 2` below `spec:`, where the program and its volume bear two of it (ReadWriteMany)"
	}
	return "write `replicas: 2` below `spec:`, where two of it can run side by side; the objects do not say whether they can"
}

func oneCopy(c *cluster) []finding {
	return c.each(func(w *workload) (finding, bool) {
		if !w.counted() || w.least() != 1 || w.scaler != nil || len(w.services) == 0 || w.kind != "StatefulSet" && !w.keepsData() {
			return finding{}, false
		}
		if w.aloneBehind() == nil {
			return finding{}, false
		}
		return w.finding(w.replicas.or(w.nameAt), diagnostic.Problem{
			Message: fmt.Sprintf("%s keeps data, and there is one replica of it", w.title), Label: w.saysOne(),
			Note: w.oneCopyNote(),
			Help: "use its own replication (an operator for it, or a managed one): a second replica alone is a second, empty store; or accept it: " + w.acceptance(OneCopy),
		}), true
	})
}

func (w *workload) oneCopyNote() string {
	if w.kind == "StatefulSet" {
		return "a drain of its node is an outage until it runs elsewhere. On a node that is lost, Kubernetes does not start it again anywhere until somebody deletes the node or the pod: it might still be running"
	}
	return "a crash or a drain of its node is an outage of all that need it, until it runs again and has read its data"
}

// acceptance is the annotation that accepts a problem.
func (w *workload) acceptance(code diagnostic.Code) string {
	return fmt.Sprintf("`%s: \"%s until YYYY-MM-DD by OWNER: REASON\"` below `metadata.annotations`", acceptKey, code)
}

func scalesToOne(c *cluster) []finding {
	return c.each(func(w *workload) (finding, bool) {
		if w.scaler == nil || !w.counted() || w.scaler.least() != 1 || w.scaler.most() < 2 || w.aloneBehind() == nil {
			return finding{}, false
		}
		s := w.scaler
		return finding{object: &s.object, Problem: diagnostic.Problem{
			Place:   s.minimum.or(s.nameAt),
			Message: fmt.Sprintf("the autoscaler %s may leave %s one replica", diagnostic.Tick(s.name), w.title),
			Label:   oneLabel(s.minimum.written, "`minReplicas` is not written, which is one"),
			Also:    []diagnostic.Mark{{Place: w.nameAt, Label: "what it scales"}},
			Note:    "when little is asked of it, at night, it has one replica, and a crash or a drain of that node is an outage. An autoscaler mends no outage: it looks at load every 15 s, and a pod that is gone makes none",
			Help:    "write `minReplicas: 2`",
		}}, true
	})
}

func oneLabel(written bool, otherwise string) string {
	if written {
		return "one"
	}
	return otherwise
}

func (c *cluster) eachScaler(ask func(*scaler) (finding, bool)) []finding {
	var all []finding
	for _, s := range c.scalers {
		if s.kind != "HorizontalPodAutoscaler" {
			continue
		}
		if f, found := ask(s); found {
			f.object = &s.object
			all = append(all, f)
		}
	}
	return all
}

func neverScales(c *cluster) []finding {
	return c.eachScaler(func(s *scaler) (finding, bool) {
		if !s.maximum.written || s.maximum.number(0) < 1 || s.most() > s.least() {
			return finding{}, false
		}
		return finding{Problem: diagnostic.Problem{
			Place:   s.maximum.At,
			Message: fmt.Sprintf("the autoscaler %s has %d replicas at the least and %d at the most", diagnostic.Tick(s.name), s.least(), s.most()),
			Label:   "no more than the least",
			Note:    "it never adds a replica, however much is asked of them, and whoever reads it believes that it does",
			Help:    "raise `maxReplicas`, or remove the autoscaler and write `replicas:` in the workload",
		}}, true
	})
}

func replicasTwice(c *cluster) []finding {
	return c.each(func(w *workload) (finding, bool) {
		if w.scaler == nil || !w.setsReplicas() || !w.replicas.written {
			return finding{}, false
		}
		return w.finding(w.replicas.Key, diagnostic.Problem{
			Message: fmt.Sprintf("%s sets `replicas`, and the autoscaler %s does too", w.title, diagnostic.Tick(w.scaler.name)),
			Label:   "set back to this at every apply",
			Also:    []diagnostic.Mark{{Place: w.scaler.nameAt, Label: "the autoscaler"}},
			Note:    "every `kubectl apply` puts the number back to this one until the autoscaler notices: a deploy at a busy hour ends pods that are needed",
			Help:    "remove `replicas:` from the manifest; for objects that exist, first from what was applied (`kubectl apply edit-last-applied`), or one apply makes it 1",
		}), true
	})
}

func nothingToMeasure(c *cluster) []finding {
	return c.each(func(w *workload) (finding, bool) {
		if w.scaler == nil || c.fills(&w.object) {
			return finding{}, false
		}
		for _, share := range w.scaler.shares() {
			for _, one := range w.pod.containers {
				if share.container != "" && share.container != one.name || one.asks(share.resource) {
					continue
				}
				return finding{object: &w.scaler.object, Problem: diagnostic.Problem{
					Place:   share.At,
					Message: fmt.Sprintf("the autoscaler %s measures %s in percent of the request, and container %s of %s requests none", diagnostic.Tick(w.scaler.name), share.resource, diagnostic.Tick(one.name), w.title),
					Label:   "percent of what is not there", Also: []diagnostic.Mark{{Place: one.At, Label: "this container"}},
					Note: "it cannot tell how busy the pods are and leaves their number as it is. A LimitRange of the namespace may fill the request in; there is none in this file",
					Help: fmt.Sprintf("write `resources: {requests: {%s: …}}` in the container", share.resource),
				}}, true
			}
		}
		return finding{}, false
	})
}
