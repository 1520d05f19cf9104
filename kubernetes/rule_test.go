package kubernetes_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"holdfast/diagnostic"
	"holdfast/kubernetes"
	"holdfast/source"
)

func review(text string) diagnostic.Review {
	return kubernetes.Review(source.File{Name: "objects.yaml", Text: []byte(text)})
}

// join puts objects one after the other.
func join(objects ...string) string { return strings.Join(objects, "---\n") }

// A deployment of the name web, as it would be without anything wrong. What it is
// given replaces that.
type deployment struct {
	kind, replicas, spec, pod, container, image, probes, resources string
}

func (d deployment) String() string {
	or := func(text, otherwise string) string {
		if text == "" {
			return otherwise
		}
		return strings.TrimPrefix(text, "none")
	}
	return "apiVersion: apps/v1\nkind: " + or(d.kind, "Deployment") + "\nmetadata:\n  name: web\nspec:\n" +
		or(d.replicas, "  replicas: 2\n") + "  selector: {matchLabels: {app: web}}\n" + d.spec +
		"  template:\n    metadata: {labels: {app: web}}\n    spec:\n" +
		or(d.pod, "      topologySpreadConstraints: [{maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: DoNotSchedule, labelSelector: {matchLabels: {app: web}}}]\n") +
		"      containers:\n      - name: web\n" + or(d.image, "        image: shop/web:1.4\n") +
		or(d.container, "        ports: [{name: http, containerPort: 8080}]\n") +
		or(d.probes, "        readinessProbe: {httpGet: {path: /ready, port: http}}\n        livenessProbe: {httpGet: {path: /live, port: http}}\n") +
		or(d.resources, "        resources: {requests: {cpu: 100m, memory: 64Mi}, limits: {memory: 64Mi}}\n")
}

// others are what a web of several replicas has around it.
const others = `apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{name: http, port: 80, targetPort: http}]}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web}
spec: {maxUnavailable: 1, selector: {matchLabels: {app: web}}}
`

const service = `apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{name: http, port: 80, targetPort: http}]}
`

func scaler(rest string) string {
	return "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: web}\nspec:\n  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}\n" + rest
}

func budget(name, rest string) string {
	return "apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata:\n  name: " + name + "\nspec:\n  selector: {matchLabels: {app: web}}\n" + rest
}

func web(d deployment) string { return join(others, d.String()) }

// A ruleCase is a text that has a problem, in the line that ends with "# here",
// and one that is nearly the same and has it not.
type ruleCase struct {
	code        diagnostic.Code
	what        string
	wrong, near string
}

func TestRules(t *testing.T) {
	cases := slices.Concat(replicaCases(), evictionCases(), rolloutCases(), probeCases(), storageCases(), routingCases(), unitCases())
	for _, c := range cases {
		t.Run(string(c.code)+" "+c.what, func(t *testing.T) {
			here := lineOf(c.wrong, "# here")
			found := false
			for _, p := range review(c.wrong).Problems {
				found = found || p.Code == c.code && p.Line == here
			}
			if !found {
				t.Errorf("not found in line %d:\n%s", here, shown(c.wrong))
			}
			for _, p := range review(c.near).Problems {
				if p.Code == c.code || p.Code < kubernetes.NoObject {
					t.Errorf("found where it is not:\n%s", shown(c.near))
				}
			}
		})
	}
	for _, m := range kubernetes.Codes() {
		if m.Code != kubernetes.BadAcceptance && !slices.ContainsFunc(cases, func(c ruleCase) bool { return c.code == m.Code }) {
			t.Errorf("%s (%s) has no case", m.Code, m.Title)
		}
	}
}

func lineOf(text, mark string) int {
	before, _, found := strings.Cut(text, mark)
	if !found {
		return 0
	}
	return strings.Count(before, "\n") + 1
}

func shown(text string) string {
	var b strings.Builder
	for _, p := range review(text).Problems {
		fmt.Fprintf(&b, "%s %d:%d %s\n", p.Code, p.Line, p.Column, p.Message)
	}
	return b.String() + text
}

// TestNothingIsWrongWithWhatIsRight: the text from which the cases are made has no
// problem of its own.
func TestNothingIsWrongWithWhatIsRight(t *testing.T) {
	if problems := review(web(deployment{})).Problems; len(problems) > 0 {
		t.Errorf("found:\n%s", shown(web(deployment{})))
	}
}

func replicaCases() []ruleCase {
	published := strings.Replace(service, "spec: {", "spec: {type: LoadBalancer, ", 1)
	ingress := "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: shop}\nspec: {rules: [{http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}}]}\n"
	one := deployment{replicas: "  replicas: 1 # here\n"}.String()
	unwritten := strings.Replace(deployment{replicas: "none"}.String(), "name: web\n", "name: web # here\n", 1)
	second := strings.ReplaceAll(deployment{replicas: "  replicas: 1\n"}.String(), "name: web\n", "name: web-canary\n")
	database := deployment{replicas: "  replicas: 1 # here\n", image: "        image: postgres:16\n"}.String()
	keda := "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: web}\nspec: {scaleTargetRef: {name: web}}\n"
	cpu := "  minReplicas: 2\n  maxReplicas: 5\n  metrics:\n  - type: Resource\n    resource: {name: cpu, target: {type: Utilization, averageUtilization: 80}} # here\n"
	withoutCPU := deployment{replicas: "none", resources: "        resources: {requests: {memory: 64Mi}, limits: {memory: 64Mi}}\n"}.String()
	return []ruleCase{
		{code: kubernetes.NoObject, what: "an empty list", wrong: "apiVersion: v1 # here\nkind: List\nitems: []\n", near: "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Secret, metadata: {name: x}}\n"},
		{code: kubernetes.NoObject, what: "something else", wrong: "hello # here\n", near: service},
		{code: kubernetes.PublishedAlone, what: "load balancer", wrong: join(published, one), near: join(published, deployment{}.String())},
		{code: kubernetes.PublishedAlone, what: "ingress, replicas not written", wrong: join(service, ingress, unwritten), near: join(service, ingress, one, second)},
		{code: kubernetes.PublishedAlone, what: "a switch", wrong: join(published, one), near: join(published, deployment{replicas: "  replicas: 0\n"}.String())},
		{code: kubernetes.Alone, what: "inside", wrong: join(service, one), near: one},
		{code: kubernetes.Alone, what: "scaled by KEDA", wrong: join(service, one), near: join(service, one, keda)},
		{code: kubernetes.Alone, what: "another Deployment behind the same Service", wrong: join(service, one), near: join(service, one, second)},
		{code: kubernetes.OneCopy, what: "database", wrong: join(service, database), near: join(service, one)},
		{code: kubernetes.OneCopy, what: "StatefulSet", wrong: join(service, deployment{kind: "StatefulSet", replicas: "  replicas: 1 # here\n"}.String()), near: join(service, deployment{kind: "StatefulSet"}.String())},
		{code: kubernetes.ScalesToOne, what: "written", wrong: join(service, deployment{replicas: "none"}.String(), scaler("  minReplicas: 1 # here\n  maxReplicas: 5\n")), near: join(service, deployment{replicas: "none"}.String(), scaler("  minReplicas: 2\n  maxReplicas: 5\n"))},
		{code: kubernetes.NeverScales, what: "2 and 2", wrong: join(service, scaler("  minReplicas: 2\n  maxReplicas: 2 # here\n")), near: join(service, scaler("  minReplicas: 2\n  maxReplicas: 3\n"))},
		{code: kubernetes.ReplicasTwice, what: "manifest", wrong: join(deployment{replicas: "  replicas: 3 # here\n"}.String(), scaler("  minReplicas: 2\n  maxReplicas: 9\n")), near: join(asPrinted(deployment{}.String(), ""), scaler("  minReplicas: 2\n  maxReplicas: 9\n"))},
		{code: kubernetes.ReplicasTwice, what: "printed by a server", wrong: join(asPrinted(deployment{replicas: "  replicas: 3 # here\n"}.String(), `{"spec":{"replicas":2}}`), scaler("  minReplicas: 2\n  maxReplicas: 9\n")), near: join(asPrinted(deployment{}.String(), `{"spec":{}}`), scaler("  minReplicas: 2\n  maxReplicas: 9\n"))},
		{code: kubernetes.NothingToMeasure, what: "cpu", wrong: join(withoutCPU, scaler(cpu)), near: join(deployment{replicas: "none"}.String(), scaler(cpu))},
		{code: kubernetes.NothingToMeasure, what: "filled in by the namespace", wrong: join(withoutCPU, scaler(cpu)), near: join(withoutCPU, scaler(cpu), "apiVersion: v1\nkind: LimitRange\nmetadata: {name: all}\nspec: {limits: [{type: Container, defaultRequest: {cpu: 100m}}]}\n")},
	}
}

// asPrinted is an object as a server prints it, with what was applied.
func asPrinted(object, applied string) string {
	note := ""
	if applied != "" {
		note = "  annotations:\n    kubectl.kubernetes.io/last-applied-configuration: |\n      " + applied + "\n"
	}
	return strings.Replace(object, "metadata:\n", "metadata:\n"+note+"  uid: 4ff2ba1e-2d0b-4a37-9d2f-000000000001\n", 1)
}

func evictionCases() []ruleCase {
	five := join(service, deployment{replicas: "none"}.String(), scaler("  minReplicas: 2\n  maxReplicas: 5\n"))
	other := strings.ReplaceAll(strings.ReplaceAll(deployment{replicas: "  replicas: 6\n"}.String(), "name: web\n", "name: api\n"), "{app: web}", "{app: web, tier: api}")
	return []ruleCase{
		{code: kubernetes.NeverEvicted, what: "maxUnavailable 0", wrong: join(deployment{}.String(), budget("web", "  maxUnavailable: 0 # here\n")), near: join(deployment{}.String(), budget("web", "  maxUnavailable: 1\n"))},
		{code: kubernetes.NeverEvicted, what: "minAvailable of all", wrong: join(deployment{}.String(), budget("web", "  minAvailable: 2 # here\n")), near: join(deployment{}.String(), budget("web", "  minAvailable: 1\n"))},
		{code: kubernetes.NeverEvicted, what: "a share that is all", wrong: join(deployment{}.String(), budget("web", "  minAvailable: 51% # here\n")), near: join(deployment{}.String(), budget("web", "  minAvailable: 50%\n"))},
		{code: kubernetes.NeverEvicted, what: "one replica", wrong: join(deployment{replicas: "none"}.String(), budget("web", "  minAvailable: 1 # here\n")), near: join(deployment{replicas: "none"}.String(), budget("web", "  maxUnavailable: 1\n"))},
		{code: kubernetes.NeverEvicted, what: "more pods than the file has", wrong: join(deployment{}.String(), budget("web", "  minAvailable: 2 # here\n")), near: join(deployment{}.String(), budget("web", "  minAvailable: 2\nstatus: {expectedPods: 5}\n"))},
		{code: kubernetes.SeldomEvicted, what: "at the least", wrong: join(five, budget("web", "  minAvailable: 2 # here\n")), near: join(five, budget("web", "  minAvailable: 1\n"))},
		{code: kubernetes.AlwaysEvicted, what: "all", wrong: join(deployment{}.String(), budget("web", "  maxUnavailable: 2 # here\n")), near: join(deployment{replicas: "none"}.String(), budget("web", "  maxUnavailable: 1\n"))},
		{code: kubernetes.AlwaysEvicted, what: "no pod is to stay", wrong: join(deployment{}.String(), budget("web", "  minAvailable: 0 # here\n")), near: join(deployment{}.String(), budget("web", "  minAvailable: 30%\n"))},
		{code: kubernetes.BudgetOfNothing, what: "another label", wrong: join(deployment{}.String(), strings.Replace(budget("web", "  maxUnavailable: 1\n"), "{matchLabels: {app: web}}", "{matchLabels: {app: wev}} # here", 1)), near: join(deployment{}.String(), strings.Replace(budget("web", "  maxUnavailable: 1\n"), "{matchLabels: {app: web}}", "{matchExpressions: [{key: app, operator: In, values: [web, api]}]}", 1))},
		{code: kubernetes.BudgetOfNothing, what: "pods of an operator", wrong: join(deployment{}.String(), strings.Replace(budget("web", "  maxUnavailable: 1\n"), "{matchLabels: {app: web}}", "{matchLabels: {app: db}} # here", 1)), near: join(deployment{}.String(), "apiVersion: acid.zalan.do/v1\nkind: postgresql\nmetadata: {name: db}\nspec: {}\n", strings.Replace(budget("web", "  maxUnavailable: 1\n"), "{app: web}", "{app: db}", 1))},
		{code: kubernetes.TwoBudgets, what: "two", wrong: join(deployment{}.String(), budget("web", "  maxUnavailable: 1\n"), budget("all # here", "  maxUnavailable: 1\n")), near: join(deployment{}.String(), budget("web", "  maxUnavailable: 1\n"), strings.Replace(budget("all", "  maxUnavailable: 1\n"), "{app: web}", "{app: api}", 1))},
		{code: kubernetes.BudgetOfMany, what: "a share of both", wrong: join(deployment{}.String(), other, budget("web", "  maxUnavailable: 25% # here\n")), near: join(deployment{}.String(), other, budget("web", "  maxUnavailable: 1\n"))},
		{code: kubernetes.NoBudget, what: "two replicas", wrong: join(service, strings.Replace(deployment{}.String(), "name: web\n", "name: web # here\n", 1)), near: web(deployment{})},
		{code: kubernetes.NoBudget, what: "nobody may have asked for them", wrong: join(service, strings.Replace(deployment{}.String(), "name: web\n", "name: web # here\n", 1)), near: join(asPrinted(strings.Replace(service, "metadata: {name: web}", "metadata:\n  name: web", 1), ""), asPrinted(deployment{}.String(), ""))},
	}
}

func rolloutCases() []ruleCase {
	claim := "      volumes: [{name: data, persistentVolumeClaim: {claimName: data}}] # here\n"
	own := func(mode string) string {
		return "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: data}\nspec: {accessModes: [" + mode + "]}\n"
	}
	one := "  replicas: 1\n"
	return []ruleCase{
		{code: kubernetes.RecreatesAll, what: "behind a Service", wrong: web(deployment{spec: "  strategy:\n    type: Recreate # here\n"}), near: web(deployment{spec: "  strategy: {type: RollingUpdate}\n"})},
		{code: kubernetes.RecreatesAll, what: "with a volume", wrong: web(deployment{spec: "  strategy:\n    type: Recreate # here\n"}), near: join(others, deployment{replicas: one, spec: "  strategy: {type: Recreate}\n", pod: claim}.String())},
		{code: kubernetes.RollsOverAll, what: "all in percent", wrong: web(deployment{spec: "  strategy:\n    rollingUpdate:\n      maxUnavailable: 100% # here\n"}), near: web(deployment{spec: "  strategy: {rollingUpdate: {maxUnavailable: 99%}}\n"})},
		{code: kubernetes.RollsOverAll, what: "the only one", wrong: join(service, deployment{replicas: one, spec: "  strategy:\n    rollingUpdate:\n      maxUnavailable: 1 # here\n"}.String()), near: web(deployment{spec: "  strategy: {rollingUpdate: {maxUnavailable: 1}}\n"})},
		{code: kubernetes.DiskHeld, what: "ReadWriteOnce", wrong: join(own("ReadWriteOnce"), deployment{replicas: one, pod: claim}.String()), near: join(own("ReadWriteMany"), deployment{replicas: one, pod: claim}.String())},
		{code: kubernetes.DiskHeld, what: "recreated", wrong: join(own("ReadWriteOnce"), deployment{replicas: one, pod: claim}.String()), near: join(own("ReadWriteOnce"), deployment{replicas: one, pod: claim, spec: "  strategy: {type: Recreate}\n"}.String())},
		{code: kubernetes.DiskHeld, what: "the old one ends first", wrong: join(own("ReadWriteOnce"), deployment{replicas: one, pod: claim}.String()), near: join(own("ReadWriteOnce"), deployment{replicas: one, pod: claim, spec: "  strategy: {rollingUpdate: {maxSurge: 0, maxUnavailable: 1}}\n"}.String())},
		{code: kubernetes.DiskHeld, what: "what it may be mounted as is not known", wrong: join(own("ReadWriteOnce"), deployment{replicas: one, pod: claim}.String()), near: deployment{replicas: one, pod: claim}.String()},
		{code: kubernetes.PortHeld, what: "hostPort", wrong: web(deployment{container: "        ports: [{name: http, containerPort: 8080, hostPort: 80}] # here\n"}), near: web(deployment{container: "        ports: [{name: http, containerPort: 8080, hostPort: 80}]\n", spec: "  strategy: {rollingUpdate: {maxUnavailable: 1, maxSurge: 0}}\n"})},
		{code: kubernetes.SharedDisk, what: "two replicas", wrong: web(deployment{pod: claim}) + "---\n" + own("ReadWriteOnce"), near: web(deployment{pod: claim}) + "---\n" + own("ReadWriteMany")},
		{code: kubernetes.SharedDisk, what: "a database", wrong: web(deployment{pod: claim, image: "        image: mysql:8\n"}), near: web(deployment{pod: claim})},
	}
}

func probeCases() []ruleCase {
	probes := func(readiness, liveness string) deployment {
		return deployment{probes: "        readinessProbe: " + readiness + "\n        livenessProbe: " + liveness + " # here\n"}
	}
	ready := "{httpGet: {path: /ready, port: http}}"
	same := probes("{httpGet: {path: /health, port: 8080}}", "{httpGet: {path: /health, port: http}}")
	return []ruleCase{
		{code: kubernetes.NotAsked, what: "none", wrong: strings.Replace(web(deployment{probes: "none"}), "- name: web\n", "- name: web # here\n", 1), near: deployment{probes: "none"}.String()},
		{code: kubernetes.NotAsked, what: "a container beside it is asked", wrong: strings.Replace(web(deployment{probes: "none"}), "- name: web\n", "- name: web # here\n", 1), near: web(deployment{probes: "none", resources: "        resources: {requests: {memory: 1Mi}, limits: {memory: 1Mi}}\n      - name: proxy\n        image: proxy:1\n        readinessProbe: {tcpSocket: {port: 1}}\n"})},
		{code: kubernetes.SameQuestion, what: "one by name, one by number", wrong: web(same), near: web(probes("{httpGet: {path: /health, port: 8080}}", "{httpGet: {path: /health, port: http}, failureThreshold: 10}"))},
		{code: kubernetes.SameQuestion, what: "a connect reaches nothing else", wrong: web(same), near: web(probes("{tcpSocket: {port: 8080}}", "{tcpSocket: {port: 8080}}"))},
		{code: kubernetes.SameQuestion, what: "another path", wrong: web(same), near: web(deployment{})},
		{code: kubernetes.AsksADependency, what: "client", wrong: web(probes(ready, "{exec: {command: [sh, -c, \"pg_isready -h db -U shop\"]}}")), near: web(probes(ready, "{exec: {command: [pg_isready, -h, 127.0.0.1]}}"))},
		{code: kubernetes.AsksADependency, what: "its own address", wrong: web(probes(ready, "{exec: {command: [redis-cli, -h, cache, ping]}}")), near: web(probes(ready, "{exec: {command: [sh, -c, \"redis-cli -h $(hostname) ping\"]}}"))},
		{code: kubernetes.AsksADependency, what: "path", wrong: web(probes(ready, "{httpGet: {path: /health/db, port: http}}")), near: web(probes(ready, "{httpGet: {path: /health/dbus-proxy, port: http}}"))},
		{code: kubernetes.AsksADependency, what: "Spring Boot", wrong: web(probes(ready, "{httpGet: {path: /actuator/health, port: http}}")), near: web(probes(ready, "{httpGet: {path: /actuator/health/liveness, port: http}}"))},
		{code: kubernetes.AsksTooLong, what: "longer than the period", wrong: web(probes(ready, "{httpGet: {path: /live, port: http}, periodSeconds: 5, timeoutSeconds: 6}")), near: web(probes(ready, "{httpGet: {path: /live, port: http}, periodSeconds: 5, timeoutSeconds: 5}"))},
		{code: kubernetes.KilledAtStart, what: "three seconds", wrong: web(probes(ready, "{httpGet: {path: /live, port: http}, periodSeconds: 1}")), near: web(probes(ready, "{httpGet: {path: /live, port: http}, periodSeconds: 10}"))},
		{code: kubernetes.KilledAtStart, what: "a startup probe", wrong: web(probes(ready, "{httpGet: {path: /live, port: http}, periodSeconds: 1}")), near: web(probes(ready, "{httpGet: {path: /live, port: http}, periodSeconds: 1}\n        startupProbe: {httpGet: {path: /live, port: http}, failureThreshold: 30}"))},
		{code: kubernetes.KilledByOne, what: "one", wrong: web(probes(ready, "{httpGet: {path: /live, port: http}, failureThreshold: 1}")), near: web(probes("{httpGet: {path: /ready, port: http}, failureThreshold: 1}", "{httpGet: {path: /live, port: http}}"))},
		{code: kubernetes.AsksNoPort, what: "a name", wrong: web(probes(ready, "{httpGet: {path: /live, port: htpt}}")), near: web(probes(ready, "{httpGet: {path: /live, port: 9999}}"))},
		{code: kubernetes.KilledWhileWaits, what: "sleep", wrong: web(deployment{container: "        ports: [{name: http, containerPort: 8080}]\n        lifecycle: {preStop: {exec: {command: [sh, -c, \"sleep 30; nginx -s quit\"]}}} # here\n"}), near: web(deployment{container: "        ports: [{name: http, containerPort: 8080}]\n        lifecycle: {preStop: {exec: {command: [sh, -c, \"sleep 10\"]}}}\n"})},
		{code: kubernetes.KilledWhileWaits, what: "more time", wrong: web(deployment{container: "        ports: [{name: http, containerPort: 8080}]\n        lifecycle: {preStop: {sleep: {seconds: 40}}} # here\n"}), near: web(deployment{pod: "      terminationGracePeriodSeconds: 60\n", container: "        ports: [{name: http, containerPort: 8080}]\n        lifecycle: {preStop: {sleep: {seconds: 40}}}\n"})},
		{code: kubernetes.KilledAtOnce, what: "no time", wrong: web(deployment{pod: "      terminationGracePeriodSeconds: 0 # here\n"}), near: web(deployment{pod: "      terminationGracePeriodSeconds: 5\n"})},
	}
}

func storageCases() []ruleCase {
	empty := func(path string) deployment {
		return deployment{image: "        image: shop/cache:1\n        volumeMounts: [{name: data, mountPath: " + path + "}]\n", pod: "      volumes:\n      - {name: data, emptyDir: {}} # here\n"}
	}
	redis := empty("/data")
	redis.image = strings.Replace(redis.image, "shop/cache:1", "redis:7-alpine", 1)
	stateful := func(image, replicas string) string {
		return deployment{kind: "StatefulSet", image: "        image: " + image + "\n", replicas: "  replicas: " + replicas + " # here\n", spec: "  serviceName: web\n  volumeClaimTemplates: [{metadata: {name: data}}]\n"}.String()
	}
	return []ruleCase{
		{code: kubernetes.NotKept, what: "nothing outlives the pod", wrong: deployment{image: "        image: docker.io/library/postgres:16 # here\n"}.String(), near: deployment{image: "        image: quay.io/prometheuscommunity/postgres-exporter:v1\n"}.String()},
		{code: kubernetes.NotKept, what: "a volume of the StatefulSet", wrong: deployment{image: "        image: postgres:16 # here\n"}.String(), near: stateful("postgres:16", "2")},
		{code: kubernetes.NotKept, what: "emptyDir where Redis keeps what it has", wrong: redis.String(), near: deployment{image: "        image: redis:7-alpine\n"}.String()},
		{code: kubernetes.NotKept, what: "an image of their own", wrong: empty("/var/lib/mysql").String(), near: empty("/data").String()},
		{code: kubernetes.TwoMembers, what: "etcd", wrong: stateful("quay.io/coreos/etcd:v3.5.9", "2"), near: stateful("quay.io/coreos/etcd:v3.5.9", "3")},
		{code: kubernetes.TwoMembers, what: "no quorum", wrong: stateful("zookeeper:3.9", "2"), near: stateful("shop/web:1", "2")},
	}
}

func routingCases() []ruleCase {
	to := func(port string) string {
		return "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec:\n  selector: {app: web}\n  ports:\n  - port: 80\n" + port
	}
	ingress := func(port string) string {
		return "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: shop}\nspec:\n  rules:\n  - http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {" + port + "}}}}]} # here\n"
	}
	choosing := func(labels string) string {
		return "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec:\n  selector: " + labels + " # here\n  ports: [{port: 80}]\n"
	}
	meshed := strings.Replace(deployment{}.String(), "{labels: {app: web}}", "{labels: {app: web}, annotations: {linkerd.io/inject: enabled}}", 1)
	return []ruleCase{
		{code: kubernetes.FindsNoPort, what: "a name", wrong: join(to("    targetPort: htpp # here\n"), deployment{}.String()), near: join(to("    targetPort: http\n"), deployment{}.String())},
		{code: kubernetes.FindsNoPort, what: "a mesh adds containers", wrong: join(to("    targetPort: mesh # here\n"), deployment{}.String()), near: join(to("    targetPort: mesh\n"), meshed)},
		{code: kubernetes.FindsNoPort, what: "headless", wrong: join(to("    targetPort: htpp # here\n"), deployment{}.String()), near: join(strings.Replace(to("    targetPort: htpp\n"), "spec:\n", "spec:\n  clusterIP: None\n", 1), deployment{}.String())},
		{code: kubernetes.OtherPort, what: "80 for 8080", wrong: join(strings.Replace(to(""), "port: 80", "port: 80 # here", 1), deployment{}.String()), near: join(to("    targetPort: 8080\n"), deployment{}.String())},
		{code: kubernetes.OtherPort, what: "nothing declared", wrong: join(to("    targetPort: 9090 # here\n"), deployment{}.String()), near: join(to("    targetPort: 9090\n"), deployment{container: "none", probes: "none"}.String())},
		{code: kubernetes.LeadsToNoPort, what: "the port of the pods", wrong: join(service, ingress("number: 8080")), near: join(service, ingress("number: 80"), ingress("name: http"))},
		{code: kubernetes.LeadsToNoPort, what: "the Service is elsewhere", wrong: join(service, ingress("number: 8080")), near: ingress("number: 8080")},
		{code: kubernetes.FindsNoPod, what: "another label", wrong: join(choosing("{app: wbe}"), deployment{}.String()), near: join(choosing("{app: web}"), deployment{}.String())},
		{code: kubernetes.FindsNoPod, what: "nothing that would have them", wrong: join(choosing("{app: wbe}"), deployment{}.String()), near: choosing("{app: wbe}")},
		{code: kubernetes.FindsNoPod, what: "another namespace", wrong: join(strings.Replace(choosing("{app: web}"), "{name: web}", "{name: web, namespace: b}", 1), strings.Replace(deployment{}.String(), "name: web\n", "name: web\n  namespace: a\n", 1), strings.Replace(strings.ReplaceAll(deployment{}.String(), "app: web", "app: api"), "name: web\n", "name: api\n  namespace: b\n", 1)), near: join(choosing("{app: web}"), strings.Replace(deployment{}.String(), "name: web\n", "name: web\n  namespace: a\n", 1))},
	}
}

func unitCases() []ruleCase {
	constraint := func(selector string) deployment {
		return deployment{pod: "      topologySpreadConstraints:\n      - maxSkew: 1\n        topologyKey: kubernetes.io/hostname\n        whenUnsatisfiable: DoNotSchedule\n        labelSelector: " + selector + " # here\n"}
	}
	affinity := func(selector string) deployment {
		return deployment{pod: "      affinity:\n        podAntiAffinity:\n          requiredDuringSchedulingIgnoredDuringExecution:\n          - topologyKey: kubernetes.io/hostname\n            labelSelector: " + selector + " # here\n"}
	}
	pod := "apiVersion: v1\nkind: Pod # here\nmetadata: {name: web}\nspec: {containers: [{name: web, image: shop/web:1}]}\n"
	named := strings.Replace(web(deployment{pod: "none"}), "  name: web\n", "  name: web # here\n", 1)
	return []ruleCase{
		{code: kubernetes.NotSpread, what: "nothing", wrong: named, near: web(affinity("{matchLabels: {app: web}}"))},
		{code: kubernetes.NotSpread, what: "only asked for", wrong: named, near: web(deployment{pod: "      topologySpreadConstraints: [{maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: ScheduleAnyway, labelSelector: {matchLabels: {app: web}}}]\n"})},
		{code: kubernetes.SpreadsNot, what: "constraint", wrong: web(constraint("{matchLabels: {app: api}}")), near: web(constraint("{matchExpressions: [{key: app, operator: Exists}]}"))},
		{code: kubernetes.SpreadsNot, what: "affinity", wrong: web(affinity("{matchLabels: {name: web}}")), near: web(affinity("{matchLabels: {app: web}}"))},
		{code: kubernetes.Bare, what: "bare", wrong: pod, near: strings.Replace(pod, "spec: {", "spec: {restartPolicy: Never, ", 1)},
		{code: kubernetes.Bare, what: "of a ReplicaSet", wrong: pod, near: strings.Replace(pod, "{name: web}", "{name: web, ownerReferences: [{kind: ReplicaSet, name: web}]}", 1)},
		{code: kubernetes.AnyImage, what: "no tag", wrong: web(deployment{image: "        image: registry.shop:5000/web # here\n"}), near: web(deployment{image: "        image: registry.shop:5000/web:1.4\n"})},
		{code: kubernetes.AnyImage, what: "latest", wrong: web(deployment{image: "        image: shop/web:latest # here\n"}), near: web(deployment{image: "        image: shop/web@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n"})},
		{code: kubernetes.AnyMemory, what: "nothing", wrong: web(deployment{resources: "        resources: {requests: {cpu: 1}} # here\n"}), near: web(deployment{resources: "        resources: {limits: {memory: 64Mi}}\n"})},
		{code: kubernetes.AnyMemory, what: "no limit", wrong: web(deployment{resources: "        resources: {requests: {memory: 64Mi}} # here\n"}), near: web(deployment{})},
	}
}
