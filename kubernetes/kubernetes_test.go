package kubernetes_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"holdfast/diagnostic"
	"holdfast/kubernetes"
	"holdfast/source"
)

// asList are objects as kubectl prints several: one document.
func asList(objects ...string) string {
	var b strings.Builder
	b.WriteString("apiVersion: v1\nitems:\n")
	for _, object := range objects {
		for i, line := range strings.Split(strings.TrimSuffix(object, "\n"), "\n") {
			if i == 0 {
				b.WriteString("- " + line + "\n")
			} else {
				b.WriteString("  " + line + "\n")
			}
		}
	}
	return b.String() + "kind: List\nmetadata:\n  resourceVersion: \"\"\n"
}

func found(text string) []string {
	var all []string
	for _, p := range review(text).Problems {
		all = append(all, fmt.Sprintf("%s:%d", p.Code, p.Line))
	}
	return all
}

func codes(text string) []diagnostic.Code {
	var all []diagnostic.Code
	for _, p := range review(text).Problems {
		all = append(all, p.Code)
	}
	return all
}

func TestAListIsItsItems(t *testing.T) {
	one := deployment{replicas: "  replicas: 1\n"}.String()
	apart, list := review(join(service, one)), review(asList(service, one))
	if len(apart.Problems) != 1 || len(list.Problems) != 1 {
		t.Fatalf("%v apart, %v in a list", apart.Problems, list.Problems)
	}
	if got, want := list.Problems[0].Message, apart.Problems[0].Message; got != want {
		t.Errorf("in a list %q, apart %q", got, want)
	}
	if line := list.Problems[0].Line; line != 12 {
		t.Errorf("found in line %d of\n%s", line, asList(service, one))
	}
	typed := strings.Replace(asList(strings.Replace(one, "kind: Deployment\n", "", 1)), "kind: List", "kind: DeploymentList", 1)
	if got := review(typed).Summary[0]; !strings.HasPrefix(got, "1 workload (1 Deployment)") {
		t.Errorf("of a list of one kind it says %q", got)
	}
}

// TestJSONIsReadToo: kubectl prints it, indented or not.
func TestJSONIsReadToo(t *testing.T) {
	const object = `{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": {"type": "NodePort", "selector": {"app": "web"}, "ports": [{"port": 80}]}}`
	const pods = `{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "web"}}, "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web", "image": "shop/web:1"}]}}}}`
	text := `{"apiVersion": "v1", "kind": "List", "items": [` + object + ", " + pods + "]}"
	indented := "{\n    \"apiVersion\": \"v1\",\n    \"items\": [\n        " + object + ",\n        " + pods + "\n    ],\n    \"kind\": \"List\"\n}\n"
	for _, text := range []string{text, indented} {
		if !slices.Contains(codes(text), kubernetes.PublishedAlone) || !kubernetes.Recognizes([]byte(text)) {
			t.Errorf("found %v, recognized: %v", found(text), kubernetes.Recognizes([]byte(text)))
		}
	}
}

func TestObjectsAreRecognized(t *testing.T) {
	for text, want := range map[string]bool{
		deployment{}.String():                                 true,
		"# about\n---\nkind: Service\napiVersion: v1\n":       true,
		"name: shop\nservices:\n  web: {command: web}\n":      false,
		"services:\n  web:\n    kind: x\n    apiVersion: y\n": false,
		"kind: x\n": false,
		"":          false,
	} {
		if got := kubernetes.Recognizes([]byte(text)); got != want {
			t.Errorf("%v of\n%s", got, text)
		}
	}
}

// TestWhatMostLackIsToldOnce, and what somebody has accepted is told for itself.
func TestWhatMostLackIsToldOnce(t *testing.T) {
	var objects []string
	for _, name := range []string{"a", "b", "c", "d"} {
		objects = append(objects, strings.ReplaceAll(deployment{image: "        image: shop/web\n"}.String(), "  name: web\n", "  name: "+name+"\n"))
	}
	problems := review(join(objects...)).Problems
	if len(problems) != 1 || !strings.HasSuffix(problems[0].Message, ": a, b, c and d") || problems[0].Of != "" || len(problems[0].Also) != 3 {
		t.Fatalf("%+v", problems)
	}
	objects[1] = strings.Replace(objects[1], "metadata:\n", "metadata:\n  annotations:\n    holdfast/accept: \"HF3250 until 2026-01-31 by web: it is built here\"\n", 1)
	r := review(join(objects...))
	if len(r.Problems) != 2 || r.Problems[1].Of != "deployment/b" || !strings.HasSuffix(r.Problems[0].Message, ": a, c and d") {
		t.Errorf("%+v", r.Problems)
	}
	judged := diagnostic.Accept(r, time.Date(2026, 1, 31, 23, 0, 0, 0, time.UTC), kubernetes.Codes())
	if len(judged.Problems) != 1 || len(judged.Accepted) != 1 {
		t.Errorf("on its last day: %+v", judged)
	}
}

func TestAcceptancesAreRead(t *testing.T) {
	accept := func(lines ...string) string {
		note := "metadata:\n  namespace: shop\n  annotations:\n    holdfast/accept: |\n      " + strings.Join(lines, "\n      ") + "\n"
		return join(service, strings.Replace(deployment{replicas: "  replicas: 1\n"}.String(), "metadata:\n", note, 1))
	}
	r := review(accept("HF3202 until 2027-03-31 by web team: one replica is enough: it is the batch UI", "", "HF3250 until 2027-01-01 by web: built here"))
	if len(r.Accepted) != 2 {
		t.Fatalf("%+v, %+v", r.Accepted, r.Problems)
	}
	first := r.Accepted[0]
	want := diagnostic.Acceptance{Code: "HF3202", Of: "shop/deployment/web", Owner: "web team", Reason: "one replica is enough: it is the batch UI", Until: time.Date(2027, 3, 31, 0, 0, 0, 0, time.UTC), File: "objects.yaml", Place: first.Place}
	if first != want || first.Place.Line < 11 || first.Place.Line > 13 {
		t.Errorf("%+v, want %+v", first, want)
	}
	for _, wrong := range []string{"HF3202", "HF3202 until tomorrow by web: x", "HF3202 until 2027-03-31 by web", "HF3202 until 2027-03-31 by : x", "HF3202 until 2027-03-31 by web:", "until 2027-03-31 by web: x"} {
		r := review(accept(wrong))
		if len(r.Accepted) != 0 || !slices.Contains(codes(accept(wrong)), kubernetes.BadAcceptance) {
			t.Errorf("%q is accepted: %+v", wrong, r.Accepted)
		}
	}
}

// TestWhatIsNotKnownIsSaid: nobody is to take silence for praise.
func TestWhatIsNotKnownIsSaid(t *testing.T) {
	asked := strings.Replace(deployment{pod: "      topologySpreadConstraints: [{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: ScheduleAnyway, labelSelector: {matchLabels: {app: web}}}]\n"}.String(), "metadata:\n", "metadata:\n  uid: a\n", 1)
	lonely := "apiVersion: v1\nkind: Service\nmetadata: {name: db, uid: b}\nspec: {selector: {app: db}, ports: [{port: 1}]}\n"
	said := strings.Join(review(join(asked, lonely, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, uid: c}\n")).Unknown, "\n")
	for _, want := range []string{"how many nodes", "PodDisruptionBudgets", "ScheduleAnyway", "db", "ConfigMap (1)"} {
		if !strings.Contains(said, want) {
			t.Errorf("%q is not said:\n%s", want, said)
		}
	}
}

func TestSummary(t *testing.T) {
	published := strings.Replace(others, "spec: {selector", "spec: {type: LoadBalancer, selector", 1)
	printed := strings.Replace(deployment{}.String(), "metadata:\n", "metadata:\n  uid: a\n  labels: {holdfast/owner: web-team}\n", 1) + "status: {readyReplicas: 1}\n"
	for _, c := range []struct{ what, text, want string }{
		{what: "several", text: join(published, printed), want: "web (LoadBalancer): deployment/web: 2 replicas, 1 ready; no one pod or node takes it down"},
		{what: "one", text: join(published, deployment{replicas: "  replicas: 1\n"}.String()), want: "web (LoadBalancer): deployment/web: 1 replica; one pod takes it down, and so does its node"},
		{what: "scaled", text: join(published, deployment{replicas: "none"}.String(), scaler("  minReplicas: 2\n  maxReplicas: 5\n")), want: "web (LoadBalancer): deployment/web: 2 replicas; no one pod or node takes it down"},
		{what: "elsewhere", text: published, want: "web (LoadBalancer): its pods are not in this file"},
		{what: "recreated", text: join(published, deployment{spec: "  strategy: {type: Recreate}\n", pod: "none"}.String()), want: "web (LoadBalancer): deployment/web: 2 replicas; every rollout takes it down, one node takes it down if all stand there"},
	} {
		if got := review(c.text).Summary; !slices.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", c.what, got, c.want)
		}
	}
	if got := review(join(published, printed)).Summary[0]; got != "1 workload (1 Deployment), 1 with an owner; 1 Service, 1 published; 1 PodDisruptionBudget, 0 autoscalers" {
		t.Errorf("it says %q", got)
	}
}

// TestWhatAServerFillsInIsNoProblem: what kubectl prints has every default.
func TestWhatAServerFillsInIsNoProblem(t *testing.T) {
	printed := func(object string) string {
		return strings.Replace(strings.Replace(object, "metadata: {", "metadata: {uid: a, ", 1), "metadata:\n", "metadata:\n  uid: a\n", 1)
	}
	filled := deployment{
		spec:   "  progressDeadlineSeconds: 600\n  revisionHistoryLimit: 10\n  strategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 25%, maxUnavailable: 25%}}\n",
		probes: "        imagePullPolicy: Always\n        readinessProbe: {failureThreshold: 3, httpGet: {path: /ready, port: http, scheme: HTTP}, periodSeconds: 10, successThreshold: 1, timeoutSeconds: 1}\n        livenessProbe: {failureThreshold: 3, httpGet: {path: /live, port: http, scheme: HTTP}, periodSeconds: 10, successThreshold: 1, timeoutSeconds: 1}\n",
	}.String()
	filled = strings.Replace(filled, "      containers:\n", "      restartPolicy: Always\n      terminationGracePeriodSeconds: 30\n      containers:\n", 1) + "status: {replicas: 2, readyReplicas: 2}\n"
	objects := strings.Split(others, "---\n")
	text := asList(printed(objects[0]), printed(objects[1])+"status: {expectedPods: 2, disruptionsAllowed: 1}\n", printed(filled), printed(scaler("  minReplicas: 2\n  maxReplicas: 9\n")))
	if problems := review(text).Problems; len(problems) > 0 {
		t.Errorf("found:\n%s", shown(text))
	}
}

func TestATemplateIsCalledOne(t *testing.T) {
	problems := review("apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: {{ include \"web\" . }}\n").Problems
	if len(problems) == 0 || !strings.Contains(problems[0].Help, "helm template") {
		t.Errorf("%+v", problems)
	}
}

// TestOnlineBoutique: what an operator would call true of a file that nobody here
// wrote, and nothing else.
func TestOnlineBoutique(t *testing.T) {
	folder := os.Getenv("HOLDFAST_MODELS")
	if folder == "" {
		t.Skip("HOLDFAST_MODELS is not set: no models to read")
	}
	text, err := os.ReadFile(filepath.Join(folder, "kubernetes", "online-boutique.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"HF3201:24",  // frontend, behind a load balancer, has one replica
		"HF3231:64",  // nine workloads ask the same for both probes
		"HF3202:152", // nine services inside have one replica
		"HF3203:375", // the cart's store has one copy
		"HF3270:423", // and keeps the carts in an emptyDir
	}
	if got := found(string(text)); !slices.Equal(got, want) {
		t.Errorf("found %v, want %v", got, want)
	}
	begun(t, string(text))
}

// TestThousandsOfObjectsAreReviewedInTime, and so are texts that are made to take
// long. A short run has a tenth of them, and less time.
func TestThousandsOfObjectsAreReviewedInTime(t *testing.T) {
	tenths, longest := 10, 45*time.Second
	if testing.Short() {
		tenths, longest = 1, 10*time.Second
	}
	of := tenths * 333 // a service, its workload and its budget
	var objects []string
	for i := range of {
		name := fmt.Sprintf("svc-%d", i)
		for _, object := range []string{service, deployment{}.String(), budget("web", "  maxUnavailable: 1\n")} {
			objects = append(objects, strings.NewReplacer("name: web\n", "name: "+name+"\n", "{name: web}", "{name: "+name+"}", "app: web", "app: "+name).Replace(object))
		}
	}
	alike := strings.Repeat(join(service, deployment{}.String(), budget("web", "  maxUnavailable: 1\n"))+"---\n", of)
	var lost []string
	for i := range tenths * 500 {
		lost = append(lost, strings.NewReplacer("{name: web}", fmt.Sprintf("{name: svc-%d}", i), "app: web", fmt.Sprintf("app: svc-%d", i)).Replace(service), strings.NewReplacer("  name: web\n", fmt.Sprintf("  name: other-%d\n", i), "app: web", fmt.Sprintf("app: other-%d", i)).Replace(deployment{}.String()))
	}
	bomb := "a: &a {kind: Pod, metadata: {name: x}, b: [1, 2, 3, 4, 5, 6, 7, 8, 9]}\n"
	for i := range 20 {
		bomb += fmt.Sprintf("a%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%s, ", before(i)), 9), ", "))
	}
	for _, c := range []struct {
		what, text string
		faultless  bool
	}{
		{what: "objects", text: join(objects...), faultless: true},
		{what: "that all choose each other", text: alike},
		{what: "that do not find each other", text: join(lost...)},
		{what: "an alias bomb", text: bomb + "kind: List\nitems: *a19\n"},
		{what: "deep nesting", text: "kind: Deployment\nmetadata: {name: x}\nspec:\n" + stairs(4_000)},
		{what: "a long text that thousands share", text: "kind: Pod\nmetadata: {name: x}\nspec:\n  x: &b \"" + strings.Repeat("x", tenths*400_000) + "\"\n  containers:\n" +
			strings.Repeat("  - {name: *b, image: *b, command: [*b], env: [{name: *b, value: *b}]}\n", tenths*500)},
		{what: "many owners", text: "kind: Pod\nmetadata:\n  name: x\n  annotations:\n    holdfast/accept: |\n" + strings.Repeat("      HF3250 until 2027-01-01 by a: b\n", tenths*20_000)},
	} {
		t.Run(c.what, func(t *testing.T) {
			began := time.Now()
			r := review(c.text)
			if took := time.Since(began); took > longest {
				t.Errorf("took %v", took)
			}
			if c.faultless && (len(r.Problems) > 0 || !strings.Contains(r.Summary[0], fmt.Sprint(of)+" workloads")) {
				t.Errorf("%v, %d problems", r.Summary, len(r.Problems))
			}
		})
	}
}

func before(i int) string {
	if i == 0 {
		return ""
	}
	return fmt.Sprint(i - 1)
}

func stairs(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.Repeat(" ", i+2) + "template:\n")
	}
	return b.String()
}

// FuzzReview: whatever the text, every problem stands within it, has a meaning,
// and Init either writes a file that can be read or nothing.
func FuzzReview(f *testing.F) {
	for _, text := range []string{shop, web(deployment{}), asList(service, deployment{replicas: "  replicas: 1\n"}.String()), "kind: List\nitems: [1, {kind: x}, *a]\n", "{{ x }}"} {
		f.Add(text)
	}
	for _, c := range slices.Concat(replicaCases(), evictionCases(), rolloutCases(), probeCases(), storageCases(), routingCases(), unitCases()) {
		f.Add(c.wrong)
	}
	f.Fuzz(func(t *testing.T, text string) {
		file := source.File{Name: "objects.yaml", Text: []byte(text), Dir: "/srv/shop"}
		r := kubernetes.Review(file)
		lines := strings.Split(file.Plain(), "\n")
		for _, p := range r.Problems {
			if p.Line < 1 || p.Line > len(lines) || p.Column < 1 || p.Column > utf8.RuneCountInString(lines[p.Line-1])+1 || p.Message == "" {
				t.Errorf("%+v stands nowhere", p)
			}
		}
		if len(r.Problems) > 2*diagnostic.Most+1 {
			t.Errorf("%d problems", len(r.Problems))
		}
		if begun, _ := kubernetes.Init(file); begun != "" {
			readable(t, begun)
		}
	})
}

// What the help says is asked is what the container is asked already, in the way
// it answers.
func TestAReadinessProbeFitsItsContainer(t *testing.T) {
	for _, c := range []struct{ container, want string }{
		{container: "livenessProbe: {httpGet: {path: /up, port: 8443, scheme: HTTPS}}", want: "httpGet: {path: /up, port: 8443, scheme: HTTPS}"},
		{container: "livenessProbe: {httpGet: {port: http}}", want: "httpGet: {path: /, port: http}"},
		{container: "livenessProbe: {tcpSocket: {port: 7000}}", want: "tcpSocket: {port: 7000}"},
		{container: "livenessProbe: {grpc: {port: 7000}}", want: "grpc: {port: 7000}"},
		{container: "ports: [{containerPort: 8443}]", want: "httpGet: {path: /, port: 8443, scheme: HTTPS}"},
		{container: "ports: [{containerPort: 8080}]", want: "httpGet: {path: /, port: 8080}"},
		{container: "ports: [{name: grpc, containerPort: 9000}]", want: "grpc: {port: 9000}"},
		{container: "livenessProbe: {exec: {command: [up]}}", want: "httpGet: {path: /, port: PORT}"},
	} {
		text := "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  selector: {matchLabels: {app: web}}\n  template: {metadata: {labels: {app: web}}, spec: {containers: [{name: web, image: shop/web:1.4, " + c.container + "}]}}\n---\n{apiVersion: v1, kind: Service, metadata: {name: web}, spec: {selector: {app: web}, ports: [{port: 80}]}}\n"
		found := false
		for _, p := range review(text).Problems {
			if p.Code == kubernetes.NotAsked {
				found = true
				if want := "`readinessProbe: {" + c.want + ", "; !strings.Contains(p.Help, want) {
					t.Errorf("%s: %s, want %s", c.container, p.Help, want)
				}
			}
		}
		if !found {
			t.Errorf("%s is not found:\n%s", c.container, shown(text))
		}
	}
}
