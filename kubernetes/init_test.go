package kubernetes_test

import (
	"slices"
	"strings"
	"testing"

	"holdfast"
	"holdfast/diagnostic"
	"holdfast/kubernetes"
	"holdfast/source"
	"holdfast/spec"
)

// begun is what Init makes of objects, understood. It must have no error.
func begun(t *testing.T, objects string) (*holdfast.System, string) {
	t.Helper()
	text, problems := kubernetes.Init(source.File{Name: "objects.yaml", Text: []byte(objects)})
	if text == "" {
		t.Fatalf("nothing was written: %+v", problems)
	}
	return readable(t, text), text
}

// readable is a file that Init has written, understood.
func readable(t *testing.T, text string) *holdfast.System {
	t.Helper()
	system, found := spec.Read(source.File{Name: "holdfast.yaml", Text: []byte(text), Dir: "/srv/shop"}, nil)
	for _, p := range found {
		if p.Severity == diagnostic.Error {
			t.Errorf("%s in line %d: %s", p.Code, p.Line, p.Message)
		}
	}
	if system == nil {
		t.Fatalf("it cannot be used:\n%s", text)
	}
	return system
}

func named(system *holdfast.System, name holdfast.ServiceName) holdfast.Service {
	i := slices.IndexFunc(system.Services, func(s holdfast.Service) bool { return s.Name == name })
	if i < 0 {
		return holdfast.Service{}
	}
	return system.Services[i]
}

const shop = `apiVersion: v1
kind: Service
metadata: {name: front, namespace: shop, annotations: {holdfast/owner: web-team}}
spec: {type: LoadBalancer, selector: {app: front}, ports: [{name: http, port: 80, targetPort: http}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: front, namespace: shop}
spec:
  replicas: 3
  selector: {matchLabels: {app: front}}
  template:
    metadata: {labels: {app: front}}
    spec:
      containers:
      - name: front
        image: shop/front:1
        ports: [{name: http, containerPort: 8080}]
        readinessProbe: {httpGet: {path: /ready, port: 8080}}
        env:
        - {name: DB_HOST, value: db.shop.svc.cluster.local}
        - {name: DB_USER, value: front}
        - {name: SELF, value: "http://front:80/"}
---
apiVersion: v1
kind: Service
metadata: {name: db, namespace: shop}
spec: {clusterIP: None, selector: {app: db}, ports: [{port: 5432}]}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db, namespace: shop}
spec:
  serviceName: db
  replicas: 2
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec: {containers: [{name: db, image: "postgres:16", env: [{name: FRONT_URL, value: "http://front/"}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: mail, namespace: shop}
spec: {type: ExternalName, externalName: mail.example, ports: [{port: 25}]}
`

func TestInitWritesWhatIsThere(t *testing.T) {
	system, text := begun(t, shop)
	front, db := named(system, "front"), named(system, "db")
	if want := []string{"http://front.shop.svc:80/ready"}; !slices.Equal(front.URLs, want) {
		t.Errorf("front is asked at %v, want %v", front.URLs, want)
	}
	if want := []string{"tcp://db-0.db.shop.svc:5432", "tcp://db-1.db.shop.svc:5432"}; !slices.Equal(db.URLs, want) {
		t.Errorf("db is asked at %v, want %v", db.URLs, want)
	}
	if system.Name != "shop" || front.Owner != "web-team" || len(system.Services) != 2 {
		t.Errorf("%s with %d services, front of %q", system.Name, len(system.Services), front.Owner)
	}
	if edges := system.Edges(); len(edges) != 1 {
		t.Errorf("front needs db, and not the other way round: %v", edges)
	}
	for _, want := range []string{
		"break: kubectl -n shop delete pod -l app=front --grace-period=1 --wait=false",
		"mend: kubectl -n shop rollout status deployment/front --timeout=25s",
		"depends_on: [db]   # guessed",
		"1 Service left out",
		"as its readiness probe asks; Kubernetes has 3 replicas behind it",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in it:\n%s", want, text)
		}
	}
}

// TestInitWritesNothingThatCouldDoHarm: what somebody put into an object becomes
// part of no command and of no other key.
func TestInitWritesNothingThatCouldDoHarm(t *testing.T) {
	for _, evil := range []string{"a; rm -rf /", "$(id)", "--all", "x\\nowner: y", "`id`", "a,b", "*", "null"} {
		objects := strings.ReplaceAll(shop, "app: front", `app: "`+evil+`"`)
		_, text := begun(t, objects)
		if strings.Contains(text, "rm -rf") || strings.Contains(text, "$(") || strings.Contains(text, "-l app=-") || strings.Contains(text, "delete pod -l app=front") {
			t.Errorf("%q is in it:\n%s", evil, text)
		}
		objects = strings.ReplaceAll(shop, "web-team", `"`+evil+`"`)
		if system, _ := begun(t, objects); named(system, "front").Owner != "" {
			t.Errorf("%q owns it", evil)
		}
	}
}

func TestInitOfNothing(t *testing.T) {
	for what, objects := range map[string]string{"no objects": "", "no Service": deployment{}.String(), "a Service without pods": service, "a port without a number": join(strings.Replace(service, "port: 80, ", "", 1), deployment{}.String())} {
		if text, _ := kubernetes.Init(source.File{Name: "objects.yaml", Text: []byte(objects)}); text != "" {
			t.Errorf("%s: wrote\n%s", what, text)
		}
	}
}

// TestNamesAreUnique: two Services of one name are in two namespaces.
func TestNamesAreUnique(t *testing.T) {
	other := strings.ReplaceAll(strings.ReplaceAll(shop, "namespace: shop", "namespace: test"), "shop.svc", "test.svc")
	system, _ := begun(t, join(shop, other))
	if system.Name != "cluster" || named(system, "front-test").Name == "" || len(system.Services) != 4 {
		t.Errorf("%s: %d services", system.Name, len(system.Services))
	}
}
