package kubernetes

import (
	"fmt"

	"holdfast/diagnostic"
)

func podRules() []rule {
	return []rule{
		{Meaning: warning(Bare, "a pod that nothing keeps"), find: bare, together: "%s are pods that nothing keeps"},
		{Meaning: warning(AnyImage, "an image may be another one at the next start"), find: anyImage, together: "%s run an image that may be another one at the next start"},
		{Meaning: warning(AnyMemory, "memory has no request or no limit"), find: anyMemory, together: "%s have no request or no limit for memory"},
	}
}

// bare leaves out pods that are meant to end, and those that belong to somebody.
func bare(c *cluster) []finding {
	var all []finding
	for _, w := range c.workloads {
		restarts := w.pod.spec.at("restartPolicy").text()
		_, mirror := w.notes["kubernetes.io/config.mirror"]
		_, hook := w.notes["helm.sh/hook"]
		if w.kind != "Pod" || w.owned || mirror || hook || restarts == "Never" || restarts == "OnFailure" {
			continue
		}
		all = append(all, w.finding(w.at("kind").or(w.nameAt), diagnostic.Problem{
			Message: fmt.Sprintf("nothing keeps %s", w.title), Label: "a bare pod",
			Note: "its containers are restarted on its node. When the node is drained or lost, the pod is gone, and nothing makes it again",
			Help: "put it into the template of a Deployment",
		}))
	}
	return all
}

func anyImage(c *cluster) []finding {
	return c.eachContainer(func(w *workload, one container) (diagnostic.Problem, bool) {
		i := imageOf(one)
		if !one.image.written || i.pinned || i.tag != "" && i.tag != "latest" {
			return diagnostic.Problem{}, false
		}
		return diagnostic.Problem{
			Place:   one.image.At,
			Message: fmt.Sprintf("%s runs whatever %s is at the next start", one.in(w), diagnostic.Tick(one.image.text())),
			Label:   tagLabel(i),
			Note:    "replicas that are restarted on another node, or added at a busy hour, may run another version than the rest, without a rollout and without a way back",
			Help:    "name a version, or a digest (`@sha256:…`)",
		}, true
	})
}

func tagLabel(i image) string {
	if i.tag == "" {
		return "no tag, which is `latest`"
	}
	return "`latest`"
}

// anyMemory asks nothing of processors: a limit there slows a program down, and
// does not keep others alive.
func anyMemory(c *cluster) []finding {
	return c.eachContainer(func(w *workload, one container) (diagnostic.Problem, bool) {
		switch {
		case c.fills(&w.object):
			return diagnostic.Problem{}, false
		case !one.asks("memory"):
			return diagnostic.Problem{
				Place:   one.at("resources").keyOr(one.at("name").or(one.At)),
				Message: fmt.Sprintf("%s requests no memory and has no limit", one.in(w)), Label: "no `requests`, no `limits` for memory",
				Note: "the scheduler does not know what it needs and may put it where there is none; when its node runs out, it is the first to be killed. A LimitRange of the namespace may fill this in; there is none in this file",
				Help: "write `resources: {requests: {memory: 128Mi}, limits: {memory: 128Mi}}` with what it uses at a busy hour",
			}, true
		case !one.limits("memory"):
			return diagnostic.Problem{
				Place:   one.at("resources").keyOr(one.at("name").or(one.At)),
				Message: fmt.Sprintf("%s has no limit for memory", one.in(w)), Label: "no `limits` for memory",
				Note: "a leak takes the memory of its node, and with it the pods of others; with a limit it would be restarted alone. A LimitRange of the namespace may fill this in; there is none in this file",
				Help: "write `resources: {limits: {memory: …}}` with what it may use at the most",
			}, true
		}
		return diagnostic.Problem{}, false
	})
}
