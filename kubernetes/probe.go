package kubernetes

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"holdfast/diagnostic"
)

func probeRules() []rule {
	return []rule{
		{Meaning: failure(AsksNoPort, "a probe asks a port that the container does not name"), find: asksNoPort},
		{Meaning: warning(AsksADependency, "a liveness probe asks something else than the container"), find: asksADependency},
		{Meaning: warning(KilledAtStart, "a liveness probe ends a container that is slow to start"), find: killedAtStart},
		{Meaning: warning(KilledByOne, "one failed check restarts a container"), find: killedByOne},
		{Meaning: warning(NotAsked, "nobody asks pods behind a Service whether they are ready"), find: notAsked, together: "%s behind a Service have no readiness probe"},
		{Meaning: warning(SameQuestion, "liveness asks the same as readiness, and is no more patient"), find: sameQuestion, together: "the liveness probes of %s ask the same as readiness, and are no more patient"},
		{Meaning: warning(AsksTooLong, "a probe waits for its answer longer than until the next one"), find: asksTooLong},
		{Meaning: warning(KilledWhileWaits, "a preStop hook takes all the time that a pod has to end"), find: killedWhileWaits},
		{Meaning: warning(KilledAtOnce, "pods are killed without time to end"), find: killedAtOnce},
	}
}

// eachContainer asks a question of every container of what is judged, until one
// of the workload's has the problem: it is told once.
func (c *cluster) eachContainer(ask func(*workload, container) (diagnostic.Problem, bool)) []finding {
	return c.each(func(w *workload) (finding, bool) {
		for _, one := range w.pod.containers {
			if p, found := ask(w, one); found {
				return finding{Problem: p, object: &w.object}, true
			}
		}
		return finding{}, false
	})
}

// in names a container where the name of the workload does not say it.
func (c container) in(w *workload) string {
	if len(w.pod.containers) == 1 {
		return w.title
	}
	return "container " + diagnostic.Tick(c.name) + " of " + w.title
}

func notAsked(c *cluster) []finding {
	return c.each(func(w *workload) (finding, bool) {
		if len(w.services) == 0 || w.pod.spec.at("readinessGates").written || len(w.pod.containers) == 0 {
			return finding{}, false
		}
		if slices.ContainsFunc(w.pod.containers, func(one container) bool { return one.readiness.written }) {
			return finding{}, false
		}
		first := w.pod.containers[0]
		return w.finding(first.at("name").or(w.nameAt), diagnostic.Problem{
			Message: fmt.Sprintf("%s is behind Service %s and has no readiness probe", w.title, diagnostic.Tick(w.services[0].name)),
			Label:   "no `readinessProbe`",
			Note:    "a pod counts as ready as soon as its process runs. A rollout sends users to pods that are still starting and goes on to the next, until a release that never answers has replaced all that did; a hang is never seen",
			Help:    w.readinessHelp(first),
		}), true
	})
}

// readinessHelp writes the probe that fits what liveness asks, or what the port
// is called and what runs there.
func (w *workload) readinessHelp(c container) string {
	return "write `readinessProbe: {" + c.readyBy() + ", periodSeconds: 5, timeoutSeconds: 2}` in the container; `httpGet`, `grpc`, `tcpSocket` or `exec`, whichever only a program that can work answers well. Try it first: a pod that does not answer it gets no requests"
}

func (c container) readyBy() string {
	if alive := c.liveness; alive.how == "tcpSocket" || alive.how == "grpc" {
		return alive.how + ": {port: " + alive.at(alive.how, "port").text() + "}"
	}
	if asked := c.liveness.at("httpGet"); asked.written {
		return fmt.Sprintf("httpGet: {path: %s, port: %s%s}", cmp.Or(asked.at("path").text(), "/"), asked.at("port").text(), schemeIf(asked.at("scheme").text() == "HTTPS"))
	}
	if len(c.ports) == 0 {
		return "httpGet: {path: /, port: PORT}"
	}
	switch first := c.ports[0]; {
	case c.store() != "":
		return fmt.Sprintf("tcpSocket: {port: %d}", first.number)
	case strings.Contains(first.name, "grpc"):
		return fmt.Sprintf("grpc: {port: %d}", first.number)
	default:
		return fmt.Sprintf("httpGet: {path: /, port: %d%s}", first.number, schemeIf(first.name == "https" || first.number == 443 || first.number == 8443))
	}
}

// schemeIf is what a probe over TLS has to say; without it, it asks in the clear.
func schemeIf(tls bool) string {
	if tls {
		return ", scheme: HTTPS"
	}
	return ""
}

// sameQuestion leaves out the TCP connect: it reaches nothing but the process, so
// the same answer for both does no harm.
func sameQuestion(c *cluster) []finding {
	return c.eachContainer(func(w *workload, one container) (diagnostic.Problem, bool) {
		alive, ready := one.liveness, one.readiness
		if alive.how == "" || alive.how == "tcpSocket" || alive.how != ready.how || alive.question(one) != ready.question(one) {
			return diagnostic.Problem{}, false
		}
		if alive.patience*alive.period > ready.patience*ready.period {
			return diagnostic.Problem{}, false
		}
		return diagnostic.Problem{
			Place:   alive.Key,
			Message: fmt.Sprintf("the liveness probe of %s asks the same as its readiness probe, and is no more patient", one.in(w)),
			Label:   fmt.Sprintf("restarts after %d failures in a row, %d s apart", alive.patience, alive.period), Also: []diagnostic.Mark{{Place: ready.Key, Label: "takes it out of its Services for the same answer"}},
			Note: "a pod that is only busy, or waits for something slow, is restarted instead of being left alone until it is well; if all of them wait for the same thing, all are restarted at once. Whether this answer depends on anything else is not in the file",
			Help: "let liveness ask what answers as long as the process can go on at all, or give it `failureThreshold: 10`",
		}, true
	})
}

func asksTooLong(c *cluster) []finding {
	return c.eachContainer(func(w *workload, one container) (diagnostic.Problem, bool) {
		for _, p := range one.probes() {
			if p.timeout <= p.period {
				continue
			}
			return diagnostic.Problem{
				Place:   p.at("timeoutSeconds").At,
				Message: fmt.Sprintf("a probe of %s waits %d s for its answer and is to ask every %d s", one.in(w), p.timeout, p.period),
				Label:   "longer than `periodSeconds`", Also: []diagnostic.Mark{{Place: p.at("periodSeconds").keyOr(p.Key), Label: fmt.Sprintf("every %d s", p.period)}},
				Note: fmt.Sprintf("the next one waits for the last one, so a container that hangs is noticed after %d failures of %d s: %d s, and not %d s", p.patience, p.timeout, p.patience*p.timeout, p.patience*p.period),
				Help: "write a `timeoutSeconds` that is no longer than `periodSeconds`",
			}, true
		}
		return diagnostic.Problem{}, false
	})
}

// slowStarters are programs that are known to take half a minute and more to
// answer for the first time.
func slowStarters() []string {
	return []string{"elasticsearch", "opensearch", "cassandra", "keycloak", "sonarqube", "jenkins", "nexus3", "gitlab-ce", "gitlab-ee", "kafka", "cp-kafka"}
}

func killedAtStart(c *cluster) []finding {
	return c.eachContainer(func(w *workload, one container) (diagnostic.Problem, bool) {
		p := one.liveness
		after := p.delay + max(p.patience-1, 0)*p.period
		need := 6 // seconds; on a busy node few programs are sure to be faster
		if slices.Contains(slowStarters(), imageOf(one).program) {
			need = 30
		}
		if p.how == "" || one.startup.how != "" || after >= need {
			return diagnostic.Problem{}, false
		}
		return diagnostic.Problem{
			Place:   p.Key,
			Message: fmt.Sprintf("%s is restarted when it does not answer within %d s of its start", one.in(w), after),
			Label:   fmt.Sprintf("%d failures, %d s apart, from second %d", p.patience, p.period, p.delay),
			Note:    "on a node that is busy, as after the loss of another, starting takes longer: the container is killed before it is up, again and again, and the load of it all keeps the rest from starting",
			Help:    "write a `startupProbe` that asks the same, with `periodSeconds: 5` and `failureThreshold: 30`: liveness waits for it",
		}, true
	})
}

func killedByOne(c *cluster) []finding {
	return c.eachContainer(func(w *workload, one container) (diagnostic.Problem, bool) {
		p := one.liveness
		if p.how == "" || p.patience > 1 || !p.at("failureThreshold").written {
			return diagnostic.Problem{}, false
		}
		return diagnostic.Problem{
			Place:   p.at("failureThreshold").At,
			Message: fmt.Sprintf("one failed check restarts %s", one.in(w)),
			Label:   "one is enough",
			Note:    fmt.Sprintf("one answer that takes over %d s, a pause of the garbage collector or a packet lost, and a container that works is killed", p.timeout),
			Help:    "write `failureThreshold: 3`",
		}, true
	})
}

func asksNoPort(c *cluster) []finding {
	return c.eachContainer(func(w *workload, one container) (diagnostic.Problem, bool) {
		for _, p := range one.probes() {
			port := p.at(p.how, "port")
			if p.how == "exec" || !port.written || isNumber(port.text()) || one.numberOf(port.text()) != port.text() {
				continue
			}
			return diagnostic.Problem{
				Place:   port.At,
				Message: fmt.Sprintf("a probe asks port %s, and %s has no port of that name", diagnostic.Tick(port.text()), one.in(w)),
				Label:   "no port has this name",
				Note:    "the probe fails every time: a pod is never ready for it, or is restarted for ever",
				Help:    portHelp(port.text(), one),
			}, true
		}
		return diagnostic.Problem{}, false
	})
}

func isNumber(text string) bool { return text != "" && strings.Trim(text, "0123456789") == "" }

func portHelp(name string, among ...container) string {
	var names []string
	for _, c := range among {
		for _, p := range c.ports {
			if p.name != "" {
				names = append(names, p.name)
			}
		}
	}
	if near := diagnostic.Nearest(name, names); near != "" {
		return diagnostic.DidYouMean("", near, "")
	}
	if len(names) > 0 {
		return "the names are " + diagnostic.Ticks(names) + "; or write the number of the port"
	}
	return "write the number of the port, or give the container's port this `name`"
}

func killedWhileWaits(c *cluster) []finding {
	return c.eachContainer(func(w *workload, one container) (diagnostic.Problem, bool) {
		waits, at := one.waits()
		if waits == 0 || waits < w.pod.grace() {
			return diagnostic.Problem{}, false
		}
		return diagnostic.Problem{
			Place:   at.At,
			Message: fmt.Sprintf("%s waits %d s before it is told to end, and is killed after %d s", one.in(w), waits, w.pod.grace()),
			Label:   "the whole time it has", Also: w.graceMark(),
			Note: "the time runs from the beginning of `preStop`. The program is killed in the middle of its requests and is never told to end, at every rollout and every drain",
			Help: fmt.Sprintf("write `terminationGracePeriodSeconds: %d` below the `spec:` of the pod", waits+30),
		}, true
	})
}

func (w *workload) graceMark() []diagnostic.Mark {
	if at := w.pod.spec.at("terminationGracePeriodSeconds"); at.written {
		return []diagnostic.Mark{{Place: at.At, Label: "killed after this"}}
	}
	return nil
}

// waits is how long the preStop hook of a container certainly takes: as far as it
// says `sleep` and nothing that could go wrong before.
func (c container) waits() (int, field) {
	hook := c.at("lifecycle", "preStop")
	if seconds := hook.at("sleep", "seconds"); seconds.written {
		return seconds.number(0), seconds
	}
	command := hook.at("exec", "command")
	words := strings.Fields(strings.Join(command.texts(), " "))
	for i, word := range words {
		if name := word[strings.LastIndexByte(word, '/')+1:]; name == "sleep" && i+1 < len(words) {
			return seconds(words[i+1]), command
		}
	}
	return 0, field{}
}

func seconds(text string) int {
	n := 0
	_, err := fmt.Sscanf(strings.TrimRight(text, ";s"), "%d", &n)
	if err != nil {
		return 0
	}
	return n
}

func killedAtOnce(c *cluster) []finding {
	return c.each(func(w *workload) (finding, bool) {
		at := w.pod.spec.at("terminationGracePeriodSeconds")
		if !at.written || at.text() != "0" || len(w.services) == 0 && w.kind != "StatefulSet" {
			return finding{}, false
		}
		return w.finding(at.At, diagnostic.Problem{
			Message: fmt.Sprintf("pods of %s are killed without time to end", w.title),
			Label:   "no time at all",
			Note:    "every rollout and every drain breaks off what is being answered. Of a StatefulSet it is worse: the name of the pod is given away at once, and on a node that cannot be reached the old one may still run beside the new",
			Help:    "remove the line; 30 s are the default",
		}), true
	})
}
