package spec

import (
	"strings"
	"time"

	"holdfast"
	"holdfast/diagnostic"
	"holdfast/source"
)

// A publishing is the gateway as far as it has been read, with the places that
// what relates it to services has to point at.
type publishing struct {
	holdfast.Publishing
	at      diagnostic.Place            // of its key; line 0 when it has none
	written map[string]diagnostic.Place // of its keys
	listens []diagnostic.Place          // of Listen, one by one
	metrics diagnostic.Place
	routes  []publishedAt // of Routes, one by one
}

// publishedAt is where a route is written.
type publishedAt struct {
	at, service, fallback diagnostic.Place
	written               map[string]diagnostic.Place
	vague                 bool // its host or path could not be read, so that it says nothing of others
}

// The bounds of what the gateway takes of a client. The least that a header may
// have is what browsers send; the most is what other proxies have been seen with.
const (
	leastHeader = 1 << 10
	mostHeader  = 64 << 10
	leastBody   = 1 << 10
	mostBody    = 1 << 40
)

// gateway reads what is published together.
func (r *reader) gateway(p *publishing) func(source.Value) {
	return func(v source.Value) {
		p.at = v.Key
		p.written = r.Keys(v, "the gateway", []source.Key{
			{Name: "listen", Read: func(v source.Value) { p.Listen, p.listens = listAt(r, v, "ports", "`listen: [\":8080\"]`", port) }},
			{Name: "tls", Read: r.certificates(&p.TLS)},
			{Name: "routes", Read: r.publishedRoutes(p)},
			{Name: "metrics", Read: func(v source.Value) { optional(r, &p.Metrics, port)(v); p.metrics = v.At }},
			{Name: "limits", Read: r.requestLimits(&p.Limits)},
		})
		if p.written != nil {
			r.reportHalfGateway(p, v)
		}
	}
}

// reportHalfGateway: routes without an address lead nobody anywhere, and an
// address without routes answers nobody.
func (r *reader) reportHalfGateway(p *publishing, v source.Value) {
	listens, routes := meant(p.written, "listen"), meant(p.written, "routes")
	problem := diagnostic.Problem{Code: missingKey}
	switch {
	case routes && !listens:
		problem.Message, problem.Help = "the gateway's routes are published nowhere", "write where: `listen: [\"8080\"]` for this machine only, `listen: [\":8080\"]` for others too"
	case listens && !routes:
		problem.Message, problem.Help = "the gateway listens, and has no routes", "write where requests go: `routes: [{path: /, service: web}]`"
	case meant(p.written, "tls") && !listens:
		problem.Message, problem.Help = "the gateway has certificates, and listens nowhere", "write `listen` and `routes`: `ports` of a service are spoken to in clear text"
	default:
		return
	}
	r.Report(v.Key, problem)
}

// certificates reads where certificates and their keys are. What is in them never
// becomes part of the system.
func (r *reader) certificates(into *[]holdfast.Certificate) func(source.Value) {
	return func(v source.Value) {
		const example = "`tls: [{certificate: shop.pem, key: shop.key}]`"
		items, _ := r.Items(v, "certificates", example)
		for _, item := range items {
			var one holdfast.Certificate
			written := r.Keys(item, "a certificate", []source.Key{
				{Name: "certificate", Read: scalar(r, &one.Chain, r.beside)},
				{Name: "key", Read: scalar(r, &one.Key, r.beside)},
			})
			for _, key := range []string{"certificate", "key"} {
				if written != nil && !meant(written, key) {
					r.Report(item.At, diagnostic.Problem{Code: missingKey, Message: item.Name + " has no " + diagnostic.Tick(key), Help: "name both files: " + example})
				}
			}
			if one.Chain != "" && one.Key != "" {
				*into = append(*into, one)
			}
		}
	}
}

func (r *reader) requestLimits(into *holdfast.RequestLimits) func(source.Value) {
	return func(v source.Value) {
		r.Keys(v, "the gateway's limits", []source.Key{
			{Name: "header", Read: scalar(r, &into.Header, sizeWithin(leastHeader, mostHeader))},
			{Name: "body", Read: scalar(r, &into.Body, sizeWithin(leastBody, mostBody))},
		})
	}
}

// sizeWithin accepts sizes between two others.
func sizeWithin(least, most int64) func(string) (int64, *complaint) {
	return func(text string) (int64, *complaint) {
		bytes, wrong := amount(text)
		if wrong == nil && (bytes < float64(least) || bytes > float64(most)) {
			return complain[int64](badSize, "write one from "+diagnostic.Tick(sizeText(least))+" to "+diagnostic.Tick(sizeText(most)), "%s cannot be a limit", diagnostic.Tick(text))
		}
		return int64(bytes), wrong
	}
}

func (r *reader) publishedRoutes(p *publishing) func(source.Value) {
	return func(v source.Value) {
		items, read := r.Items(v, "routes", "`routes: [{path: /, service: web}]`")
		if read && len(items) == 0 {
			r.Report(v.At, diagnostic.Problem{Code: source.EmptyValue, Message: "routes is empty", Help: "write where requests go: `routes: [{path: /, service: web}]`"})
		}
		if len(items) > holdfast.MaxRoutes {
			r.Report(v.At, diagnostic.Problem{Code: badNumber, Message: "there are more routes than a request is compared with", Help: "write at most 200: what is below a path needs no route of its own"})
			items = items[:holdfast.MaxRoutes]
		}
		for _, item := range items {
			r.publishedRoute(p, item)
		}
	}
}

func (r *reader) publishedRoute(p *publishing, v source.Value) {
	const unread = "?"
	route := holdfast.PublishedRoute{Host: unread, Path: unread}
	where := publishedAt{at: v.At, service: v.At}
	var stale holdfast.Fallback
	keys := append([]source.Key{
		{Name: "host", Read: scalar(r, &route.Host, routeHost)},
		{Name: "path", Read: scalar(r, &route.Path, routePath)},
		{Name: "service", Read: func(v source.Value) {
			scalar(r, &route.Service, name[holdfast.ServiceName])(v)
			where.service = v.At
		}},
		{Name: "timeout", Read: scalar(r, &route.Timeout, duration)},
		{Name: "stale", Read: scalar(r, &stale.Stale, duration)},
		{Name: "fallback", Read: r.fallback(&route.Fallback, &where.fallback)},
	}, r.treatmentKeys(&route.Priority, &route.Repetition)...)
	written := r.Keys(v, "a route", keys)
	if where.written = written; written == nil {
		return
	}
	for key, text := range map[string]*string{"host": &route.Host, "path": &route.Path} {
		if _, said := written[key]; *text == unread {
			*text, where.vague = "", where.vague || said
		}
	}
	if !meant(written, "service") {
		r.Report(v.At, diagnostic.Problem{Code: missingKey, Message: v.Name + " leads nowhere", Help: "add who answers: `service: web`"})
		return
	}
	if at, said := written["stale"]; said {
		r.putStale(&route, stale.Stale, at)
	}
	p.Routes, p.routes = append(p.Routes, route), append(p.routes, where)
}

// putStale makes a fallback of the copies that a route may answer from.
func (r *reader) putStale(route *holdfast.PublishedRoute, most time.Duration, at diagnostic.Place) {
	switch {
	case route.Fallback == nil:
		route.Fallback = &holdfast.Fallback{Stale: most}
	case route.Fallback.Stale > 0:
		r.Report(at, diagnostic.Problem{Code: listedTwice, Message: "`stale` is said twice of a route", Label: "and once in `fallback`", Help: "remove one of them"})
	default:
		route.Fallback.Stale = most
	}
}

// treatmentKeys are those that edges and routes have in common.
func (r *reader) treatmentKeys(priority *holdfast.Priority, repetition *holdfast.Repetition) []source.Key {
	return []source.Key{
		{Name: "priority", Read: scalar(r, priority, oneOf(badWord, "a priority that exists", holdfast.Priorities()...))},
		{Name: "retries", Read: optional(r, &repetition.Retries, wholeNumber(0, holdfast.MaxRetries))},
		{Name: "idempotent", Read: optional(r, &repetition.Idempotent, truth)},
	}
}

// routeHost accepts "shop.example" and "*.shop.example".
func routeHost(text string) (string, *complaint) {
	const help = "write a name as in `shop.example`, or `*.shop.example` for each name of one label before it"
	host := strings.ToLower(text)
	name := strings.TrimPrefix(host, "*.")
	switch before, _, ported := strings.Cut(host, ":"); {
	case strings.Contains(host, "/"):
		return complain[string](badHost, "write the host alone; the path has a key of its own, `path`", "%s is more than a host", diagnostic.Tick(text))
	case ported:
		return complain[string](badHost, "write "+diagnostic.Tick(before)+": the port is where the gateway listens", "%s has a port", diagnostic.Tick(text))
	case host == "*":
		return complain[string](badHost, "remove it: a route without a host is for all", "%s is no name", diagnostic.Tick(text))
	case len(name) > 253 || strings.Trim(name, nameCharacters+"_.") != "":
		return complain[string](badHost, help, "%s is not a host", diagnostic.Tick(text))
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 || strings.HasPrefix(label, "-") || strings.HasSuffix(label, "-") {
			return complain[string](badHost, help, "%s is not a host", diagnostic.Tick(text))
		}
	}
	return host, nil
}

// routePath accepts what requests are below: "/api" is met by "/api/x" and not by
// "/apis". The path for everything is none.
func routePath(text string) (string, *complaint) {
	path, wrong := healthPath(text)
	short, wild := strings.CutSuffix(path, "/*")
	switch {
	case wrong != nil:
		return "", wrong
	case wild && !strings.Contains(short, "*"):
		return complain[string](badPath, "write "+diagnostic.Tick(short+"/")+": a route is for all that is below its path", "%s: `*` is not understood", diagnostic.Tick(text))
	case strings.ContainsAny(path, "%?;*\\"):
		return complain[string](badPath, "write a plain path as in `/api`, nothing escaped and without `?`, `;`, `*` and `\\`", "%s is not a path to route by", diagnostic.Tick(text))
	case strings.Contains(path, "//") || strings.Contains(path+"/", "/./") || strings.Contains(path+"/", "/../"):
		return complain[string](badPath, "write it without empty segments and dots, as in `/api`", "%s can be written in other ways", diagnostic.Tick(text))
	}
	return strings.TrimSuffix(path, "/"), nil
}
