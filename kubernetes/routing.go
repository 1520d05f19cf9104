package kubernetes

import (
	"fmt"
	"slices"
	"strings"

	"holdfast/diagnostic"
)

func routingRules() []rule {
	return []rule{
		{Meaning: failure(FindsNoPort, "a Service leads to a port that its pods do not name"), find: findsNoPort},
		{Meaning: failure(LeadsToNoPort, "a route leads to a port that its Service does not have"), find: leadsToNoPort},
		{Meaning: warning(FindsNoPod, "a Service finds no pods"), find: findsNoPod},
		{Meaning: warning(OtherPort, "a Service leads to a port that its pods do not declare"), find: otherPort},
	}
}

// findsNoPort leaves out headless Services, which lead nowhere, and pods that
// somebody adds containers to.
func findsNoPort(c *cluster) []finding {
	return c.eachPort(func(s *service, p servicePort, w *workload) (diagnostic.Problem, bool) {
		if isNumber(p.targetOf()) || w.pod.isInjected() {
			return diagnostic.Problem{}, false
		}
		for _, one := range w.pod.containers {
			if slices.ContainsFunc(one.ports, func(has port) bool { return has.name == p.targetOf() }) {
				return diagnostic.Problem{}, false
			}
		}
		return diagnostic.Problem{
			Place:   p.target.At,
			Message: fmt.Sprintf("Service %s leads to port %s, and the pods of %s have no port of that name", diagnostic.Tick(s.name), diagnostic.Tick(p.targetOf()), w.title),
			Label:   "no container names this port", Also: []diagnostic.Mark{{Place: w.nameAt, Label: "whose pods it finds"}},
			Note: "nobody answers there: every connection to this port of the Service is refused",
			Help: portHelp(p.targetOf(), w.pod.containers...),
		}, true
	})
}

// otherPort asks only pods that declare ports: what they declare is not all that
// they listen on, but what they leave out while they declare others is mostly a
// mistake.
func otherPort(c *cluster) []finding {
	return c.eachPort(func(s *service, p servicePort, w *workload) (diagnostic.Problem, bool) {
		if !isNumber(p.targetOf()) || p.udp || w.pod.isInjected() {
			return diagnostic.Problem{}, false
		}
		var declared []string
		for _, one := range w.pod.containers {
			if len(one.ports) == 0 {
				return diagnostic.Problem{}, false // it may be this one that listens
			}
			for _, has := range one.ports {
				declared = append(declared, fmt.Sprint(has.number))
			}
		}
		if len(declared) == 0 || slices.Contains(declared, p.targetOf()) {
			return diagnostic.Problem{}, false
		}
		return diagnostic.Problem{
			Place:   p.target.or(p.at("port").or(s.nameAt)),
			Message: fmt.Sprintf("Service %s leads to port %s, and the pods of %s declare %s", diagnostic.Tick(s.name), p.targetOf(), w.title, strings.Join(declared, ", ")),
			Label:   "not one of these", Also: []diagnostic.Mark{{Place: w.nameAt, Label: "whose pods it finds"}},
			Note: "unless the program listens there without saying so, every connection to this port of the Service is refused",
			Help: fmt.Sprintf("write `targetPort: %s`, or declare the port in the container", declared[0]),
		}, true
	})
}

// eachPort asks a question of every port of a Service and each workload behind
// it, until one of them has the problem.
func (c *cluster) eachPort(ask func(*service, servicePort, *workload) (diagnostic.Problem, bool)) []finding {
	var all []finding
	for _, s := range c.services {
		if s.headless || s.hidden {
			continue
		}
		if p, found := s.askPorts(ask); found {
			all = append(all, finding{Problem: p, object: &s.object})
		}
	}
	return all
}

func (s *service) askPorts(ask func(*service, servicePort, *workload) (diagnostic.Problem, bool)) (diagnostic.Problem, bool) {
	for _, p := range s.ports {
		for _, w := range s.workloads {
			if found, is := ask(s, p, w); is {
				return found, true
			}
		}
	}
	return diagnostic.Problem{}, false
}

// isInjected says that something adds containers to the pods: a service mesh.
func (p pod) isInjected() bool {
	for _, marks := range []map[string]string{p.labels, p.notes} {
		for key, value := range marks {
			if strings.HasSuffix(key, "/inject") && value != "false" && value != "disabled" {
				return true
			}
		}
	}
	return false
}

func leadsToNoPort(c *cluster) []finding {
	byName := map[string][]*service{}
	for _, s := range c.services {
		byName[s.name] = append(byName[s.name], s)
	}
	var all []finding
	for _, o := range c.routes {
		for _, b := range backends(o) {
			if p, found := b.missing(o, byName[b.service.text()]); found {
				all = append(all, finding{Problem: p, object: o})
				break
			}
		}
	}
	return all
}

// missing says that the Service of a backend is in the file and that its port is
// not in the Service.
func (b backend) missing(o *object, services []*service) (diagnostic.Problem, bool) {
	if !b.port.written {
		return diagnostic.Problem{}, false
	}
	for _, s := range services {
		if !s.near(o) || s.has(b.port.text()) || s.reach == "ExternalName" || len(s.ports) == 0 {
			continue
		}
		var has []string
		for _, p := range s.ports {
			has = append(has, strings.TrimPrefix(p.name+" "+p.number, " "))
		}
		return diagnostic.Problem{
			Place:   b.port.At,
			Message: fmt.Sprintf("%s leads to port %s of Service %s, which has no such port", o.title, diagnostic.Tick(b.port.text()), diagnostic.Tick(s.name)),
			Label:   "not a port of the Service", Also: []diagnostic.Mark{{Place: s.nameAt, Label: "its ports: " + diagnostic.Series(has, mostNamed)}},
			Note: "whoever comes by this route is told 503, whatever the pods do",
			Help: "write a `port` of the Service: not the port of its pods, which is its `targetPort`",
		}, true
	}
	return diagnostic.Problem{}, false
}

// findsNoPod speaks of manifests only. What a cluster prints has the kinds that
// somebody asked for, and the pods may be of another.
func findsNoPod(c *cluster) []finding {
	var all []finding
	for _, s := range c.services {
		if !s.findsNone() || s.live || !c.wouldHave(&s.object) {
			continue
		}
		all = append(all, finding{object: &s.object, Problem: diagnostic.Problem{
			Place:   s.at("spec", "selector").keyOr(s.nameAt),
			Message: fmt.Sprintf("Service %s finds the pods of no workload of this file", diagnostic.Tick(s.name)),
			Label:   "no pod has these labels",
			Note:    "nobody answers there: every connection to it is refused. If its pods are in another file, read both together",
			Help:    "copy `spec.template.metadata.labels` of the workload" + c.nearestLabels(s.selector, &s.object),
		}})
	}
	return all
}

func (s *service) findsNone() bool {
	return s.selector.known && len(s.workloads) == 0 && !s.hidden && s.reach != "ExternalName"
}
