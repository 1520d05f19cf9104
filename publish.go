package holdfast

import (
	"slices"
	"strconv"
	"time"
)

// A Priority says whose requests are refused first when there are more than a
// service can answer.
type Priority string

// PriorityField is the header by which a caller says how important a request is.
const PriorityField = "Holdfast-Priority"

// From the last to be refused to the first. The names are those of the
// reference implementations (Google's criticality classes, with one less).
const (
	Critical   Priority = "critical"
	Normal     Priority = "default" // what nobody said anything of
	Sheddable  Priority = "sheddable"
	Background Priority = "background"
)

// Priorities are all of them, the last to be refused first.
func Priorities() []Priority { return []Priority{Critical, Normal, Sheddable, Background} }

// Publishing is how several services are published together: the top-level
// "gateway" of the file.
type Publishing struct {
	Listen  []Port           `json:"listen,omitempty"`
	TLS     []Certificate    `json:"tls,omitempty"` // none: clear text
	Routes  []PublishedRoute `json:"routes,omitempty"`
	Metrics *Port            `json:"metrics,omitempty"` // where Prometheus finds what the gateway counts; nil: nowhere
	Limits  RequestLimits    `json:"limits,omitzero"`
}

// GatewayListener names a socket that the gateway's routes are published at.
func GatewayListener(port Port) ListenerName { return ListenerOf("gateway", port) }

// ListenerOf names a published port of a service: by its number alone where it is
// this machine's or everybody's (one of them can be had), by its address
// otherwise.
func ListenerOf(service ServiceName, port Port) ListenerName {
	if port.Host != "" && port.Host != "127.0.0.1" {
		return ListenerName(string(service) + ":" + port.String())
	}
	return ListenerName(string(service) + ":" + strconv.Itoa(int(port.Port)))
}

// MetricsListener is the socket at which Prometheus asks for what is counted.
const MetricsListener ListenerName = "metrics"

// MaxRoutes bounds the gateway's routes: a request is compared with them one by
// one, and 200 take 3 µs, a tenth of what it costs otherwise.
const MaxRoutes = 200

// Publishes says whether users come to a service: at a port of its own, or by a
// route of the gateway.
func (s *System) Publishes(service Service) bool {
	return len(service.Ports) > 0 || slices.ContainsFunc(s.Gateway.Routes, func(r PublishedRoute) bool { return r.Service == service.Name })
}

// RoutesTo are the gateway's routes to a service.
func (p Publishing) RoutesTo(service ServiceName) []PublishedRoute {
	var all []PublishedRoute
	for _, route := range p.Routes {
		if route.Service == service {
			all = append(all, route)
		}
	}
	return all
}

// CoveredTo are those of them that something else is answered at when the service
// is lost.
func (p Publishing) CoveredTo(service ServiceName) []PublishedRoute {
	return slices.DeleteFunc(p.RoutesTo(service), func(r PublishedRoute) bool { return r.Fallback == nil })
}

// A Certificate is a chain and its key, in files that are read again when they
// change. Neither is ever part of a system that is written down.
type Certificate struct {
	Chain string `json:"certificate"` // absolute path of a PEM file
	Key   string `json:"key"`         // absolute path of a PEM file
}

// A PublishedRoute says which service answers the requests for a host and below
// a path.
type PublishedRoute struct {
	Host    string      `json:"host,omitempty"` // "shop.example"; "*.shop.example" is any one label before it; empty: any
	Path    string      `json:"path,omitempty"` // with all that begins with it, segment by segment; empty: any
	Service ServiceName `json:"service"`
	Treatment
}

// A Treatment is how the requests of a route are treated.
type Treatment struct {
	Timeout  time.Duration `json:"timeout,omitempty"`  // for the whole answer; 0 is none
	Priority Priority      `json:"priority,omitempty"` // empty is Normal
	Fallback *Fallback     `json:"fallback,omitempty"`
	Repetition
}

// RequestLimits bound what a client may send; zero is the gateway's own bound.
type RequestLimits struct {
	Header int64 `json:"header,omitempty"` // bytes of a request's head
	Body   int64 `json:"body,omitempty"`   // bytes of a request's body; 0 is none
}
