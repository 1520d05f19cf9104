package spec

import (
	"fmt"

	"holdfast"
	"holdfast/diagnostic"
	"holdfast/topology"
)

// relateGateway checks what the gateway says of services.
func (r *reader) relateGateway(p *publishing, drafts []*draft, byName map[holdfast.ServiceName]*draft) {
	first := map[[2]string]diagnostic.Place{}
	for i, route := range p.Routes {
		at := p.routes[i]
		r.relateRouted(route.Service, at.service, drafts, byName)
		if at.vague {
			continue
		}
		key := [2]string{route.Host, route.Path}
		if before, twice := first[key]; twice {
			r.Report(at.at, diagnostic.Problem{
				Code: sameRoute, Message: "two routes are for the same requests", Label: "first " + before.String(),
				Help: "remove one of them, or give one another `host` or a longer `path`: the most exact host holds, then the longest path",
			})
			continue
		}
		first[key] = at.at
	}
}

// relateRouted: requests are routed to who answers them, and whose
// traffic is ours to carry.
func (r *reader) relateRouted(to holdfast.ServiceName, at diagnostic.Place, drafts []*draft, byName map[holdfast.ServiceName]*draft) {
	d, exists := byName[to]
	if !exists {
		if to != "" {
			r.Report(at, unknownAnswerer("service", to, drafts))
		}
		return
	}
	called := diagnostic.Tick(string(to))
	p := diagnostic.Problem{Code: unroutable, Message: "no request can be routed to " + called, Label: unanswering(d.service)}
	switch s := d.service; {
	case p.Label == "":
		return
	case s.Protocol == holdfast.TCP:
		p.Help = "publish it by itself, with `ports` of its own; or, if it speaks HTTP, say so: `protocol: http`"
	case s.Manage == holdfast.Observe:
		p.Help = "add `manage: route` to it, so that its traffic comes through holdfast"
	default:
		p.Help = "route to the service that answers, or remove the route"
	}
	r.Report(at, p)
}

// unanswering says why a service cannot be asked over HTTP by the gateway; empty
// when it can.
func unanswering(s holdfast.Service) string {
	switch {
	case s.Protocol == holdfast.TCP:
		return "it speaks TCP"
	case s.Once:
		return "it runs once, to its end"
	case s.Healthcheck.Disabled:
		return "it listens nowhere"
	case s.Manage == holdfast.Observe:
		return "it is only observed"
	}
	return ""
}

func unknownAnswerer(key string, to holdfast.ServiceName, drafts []*draft) diagnostic.Problem {
	return diagnostic.Problem{
		Code: unroutable, Message: key + ": no service is called " + diagnostic.Tick(string(to)),
		Help: diagnostic.DidYouMean("", diagnostic.Nearest(string(to), serviceNames(drafts)), "the services are "+diagnostic.Ticks(serviceNames(drafts))),
	}
}

// relateFallbacks checks the services that are asked in another's place.
func (r *reader) relateFallbacks(p *publishing, drafts []*draft, byName map[holdfast.ServiceName]*draft) {
	stand := standIns{reader: r, drafts: drafts, byName: byName, asks: map[holdfast.ServiceName][]holdfast.ServiceName{}, needs: map[holdfast.ServiceName][]holdfast.ServiceName{}}
	for _, d := range drafts {
		for _, n := range d.needs {
			stand.asks[d.service.Name] = append(stand.asks[d.service.Name], n.dependency.On)
			if topology.Weighs(n.dependency) {
				stand.needs[d.service.Name] = append(stand.needs[d.service.Name], n.dependency.On)
			}
		}
	}
	for _, d := range drafts {
		for _, n := range d.needs {
			if f := n.dependency.Fallback; f != nil && f.Service != "" {
				stand.relate(f.Service, n.dependency.On, d.service.Name, n.fallback)
			}
		}
	}
	for i, route := range p.Routes {
		if f := route.Fallback; f != nil && f.Service != "" {
			stand.relate(f.Service, route.Service, "", p.routes[i].fallback)
		}
	}
}

// standIns are what is asked in others' place.
type standIns struct {
	*reader
	drafts []*draft
	byName map[holdfast.ServiceName]*draft
	asks   map[holdfast.ServiceName][]holdfast.ServiceName // whom each service asks
	needs  map[holdfast.ServiceName][]holdfast.ServiceName // without whom it fails
}

// reaches says whether one service comes to another.
func reaches(next map[holdfast.ServiceName][]holdfast.ServiceName, from, to holdfast.ServiceName) bool {
	met := map[holdfast.ServiceName]bool{from: true}
	for open := []holdfast.ServiceName{from}; len(open) > 0; open = open[1:] {
		for _, name := range next[open[0]] {
			if name == to {
				return true
			}
			if !met[name] {
				met[name] = true
				open = append(open, name)
			}
		}
	}
	return false
}

// relate checks that one service can answer in another's place: to whom that
// fails, so that the failure neither reaches the other nor comes back.
func (s standIns) relate(other, of, caller holdfast.ServiceName, at diagnostic.Place) {
	if s.Problems.Full() {
		return
	}
	d, exists := s.byName[other]
	if !exists {
		s.Report(at, unknownAnswerer("fallback", other, s.drafts))
		return
	}
	called := diagnostic.Tick(string(other))
	p := diagnostic.Problem{Code: badFallback, Help: "name another service that speaks HTTP, or answer by `json`, `file` or `stale`"}
	why := unanswering(d.service)
	if d.service.Protocol == holdfast.GRPC {
		why = "it answers calls of gRPC, and no requests"
	}
	switch {
	case other == of:
		p.Message, p.Label = called+" stands in for itself", "it is asked because it does not answer"
	case other == caller:
		p.Message, p.Label = called+" stands in for what it asks itself", "its own request comes back to it"
	case why != "":
		p.Message, p.Label = called+" cannot answer in the place of "+diagnostic.Tick(string(of)), why
	case reaches(s.needs, other, of):
		p.Message, p.Label = called+" stands in for what it needs itself", fmt.Sprintf("it requires %s, directly or through others", of)
	case caller != "" && reaches(s.asks, other, caller):
		p.Message, p.Label = "requests go in a circle: "+called+" depends on "+diagnostic.Tick(string(caller)), "which asks it in the place of "+string(of)
	default:
		return
	}
	s.Report(at, p)
}

// explainGateway says what follows from what is published together.
func (e *explanation) explainGateway(g holdfast.Publishing) {
	for _, port := range g.Listen {
		how, reach := "in clear text: HTTP/1.1 and HTTP/2", "from this machine only"
		if len(g.TLS) > 0 {
			how = "by TLS: " + diagnostic.Count(len(g.TLS), "certificate") + ", read again when they change"
		}
		if port.Host != "127.0.0.1" {
			reach = "from other machines too"
		}
		e.say("gateway.listen", portText(port), "all routes are published here, %s, %s", how, reach)
	}
	for _, route := range g.Routes {
		e.publishedRoute(route)
	}
	if g.Metrics != nil {
		e.say("gateway.metrics", portText(*g.Metrics), "what the gateway counts, for Prometheus at /metrics")
	}
	if len(g.Listen) == 0 {
		return
	}
	if g.Limits.Header == 0 {
		e.say("gateway.limits.header", sizeText(64<<10), "%s; a longer one gets 431", unless)
	}
	if g.Limits.Body == 0 {
		e.say("gateway.limits.body", "none", "%s", unless)
	}
}

func (e *explanation) publishedRoute(route holdfast.PublishedRoute) {
	at := "gateway.routes." + requestsText(route)
	e.say(at, string(route.Service), "a promise covers it; of the routes that a request meets, the one with the most exact host holds, then the one with the longest path")
	if route.Timeout == 0 {
		e.say(at+".timeout", "none", unless)
	}
	if route.Priority == "" {
		e.say(at+".priority", string(holdfast.Normal), unless)
	}
	if f := route.Fallback; f != nil {
		e.say(at+".fallback", fallbackText(f), "answered when no replica of %s does; marked Holdfast-Degraded", route.Service)
	}
	e.repeats(at, route.Service, route.Repetition)
}

// requestsText is what a route is for: "/api", "shop.example/api", "/".
func requestsText(route holdfast.PublishedRoute) string {
	if route.Host == "" && route.Path == "" {
		return "/"
	}
	return route.Host + route.Path
}
