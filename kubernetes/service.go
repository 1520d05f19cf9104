package kubernetes

import "strings"

// A service is a name for pods.
type service struct {
	object
	reach     string // ClusterIP, NodePort, LoadBalancer, ExternalName
	headless  bool
	selector  selector
	ports     []servicePort
	workloads []*workload // whose pods it finds, of kinds that are judged
	hidden    bool        // it finds pods of other kinds too, or more workloads than are listed
	routes    []string    // the Ingresses and routes that lead to it
}

type servicePort struct {
	field
	name   string
	number string
	target field
	udp    bool
}

func newService(o *object) *service {
	spec := o.at("spec")
	s := &service{object: *o, reach: spec.at("type").text(), headless: spec.at("clusterIP").text() == "None", selector: mapSelector(spec.at("selector"))}
	for _, p := range spec.at("ports").list() {
		s.ports = append(s.ports, servicePort{
			field: p, name: p.at("name").text(), number: p.at("port").text(), target: p.at("targetPort"),
			udp: p.at("protocol").text() == "UDP",
		})
	}
	return s
}

// published says how users outside the cluster reach it, or "".
func (s *service) published() string {
	switch {
	case s.reach == "LoadBalancer" || s.reach == "NodePort":
		return s.reach
	case len(s.at("spec", "externalIPs").list()) > 0:
		return "externalIPs"
	case len(s.routes) > 0:
		return s.routes[0]
	}
	return ""
}

// has says whether a route may name a port of it, by number or by name.
func (s *service) has(port string) bool {
	for _, p := range s.ports {
		if port == p.number || port == p.name {
			return true
		}
	}
	return false
}

// targetOf is the port of the pods behind a port: its own number where no other
// is written.
func (p servicePort) targetOf() string {
	if p.target.written {
		return p.target.text()
	}
	return p.number
}

// alone says that a Service has one pod, ever: nobody else answers in its place.
func (s *service) alone() bool {
	replicas := 0
	for _, w := range s.workloads {
		if !w.counted() {
			return false
		}
		replicas += w.least()
	}
	return replicas == 1 && !s.hidden
}

// A backend is a Service that a route leads to.
type backend struct {
	service, port field
}

// backends are those of an Ingress, of a route of the Gateway API, or of an
// OpenShift route.
func backends(o *object) []backend {
	switch {
	case o.kind == "Ingress":
		return ingressBackends(o)
	case strings.HasSuffix(o.kind, "Route") && o.group == "gateway.networking.k8s.io":
		return routeBackends(o)
	case o.kind == "Route" && o.group == "route.openshift.io":
		return []backend{{service: o.at("spec", "to", "name")}}
	}
	return nil
}

func ingressBackends(o *object) []backend {
	spec := o.at("spec")
	all := []backend{ingressBackend(spec.at("defaultBackend")), ingressBackend(spec.at("backend"))}
	for _, rule := range spec.at("rules").list() {
		for _, path := range rule.at("http", "paths").list() {
			all = append(all, ingressBackend(path.at("backend")))
		}
	}
	return all
}

// ingressBackend reads the form of today and that of before 2019, which is still
// in many files.
func ingressBackend(f field) backend {
	if old := f.at("serviceName"); old.written {
		return backend{service: old, port: f.at("servicePort")}
	}
	port := f.at("service", "port", "number")
	if !port.written {
		port = f.at("service", "port", "name")
	}
	return backend{service: f.at("service", "name"), port: port}
}

func routeBackends(o *object) []backend {
	var all []backend
	for _, rule := range o.at("spec", "rules").list() {
		for _, ref := range rule.at("backendRefs").list() {
			if kind := ref.at("kind").text(); (kind == "" || kind == "Service") && !ref.at("namespace").written {
				all = append(all, backend{service: ref.at("name"), port: ref.at("port")})
			}
		}
	}
	return all
}
