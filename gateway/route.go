package gateway

import (
	"net/http"

	"holdfast"
)

// A routing is the table as requests read it. It is never changed, only
// replaced.
type routing struct {
	system  holdfast.SystemName
	routes  map[holdfast.ListenerName]*route
	secured map[holdfast.ListenerName]*secured // those that speak TLS
}

// A route is what a listener's requests are for.
type route struct {
	entry    holdfast.RouteEntry
	service  *service
	protocol holdfast.Protocol
}

// route finds what a listener's requests are for, or nil.
func (g *Gateway) route(name holdfast.ListenerName) *route {
	return g.routing.Load().routes[name]
}

// serve takes a request down the line.
func (x *exchange) serve(r *route, listener holdfast.ListenerName) {
	if r == nil || r.protocol == holdfast.TCP {
		x.complain(http.StatusServiceUnavailable, "no-route", "%s: the routing table has no route for this listener", listener)
		return
	}
	if x.r.Method == http.MethodConnect {
		x.complain(http.StatusMethodNotAllowed, "no-tunnels", "%s: this is no forward proxy", r.service.name)
		return
	}
	if !ordinary(x.r) {
		x.complain(http.StatusBadRequest, "bad-target", "%s: the request's target is neither a path nor the URL of one", r.service.name)
		return
	}
	x.service, x.entry = r.service, r.entry
	if !x.service.enter(x.gateway.limit) {
		x.w.Header().Set("Retry-After", "1")
		x.complain(http.StatusServiceUnavailable, "overload", "%s: %d requests are in flight already", x.service.name, x.gateway.limit)
		return
	}
	defer x.service.leave()
	x.body.replays = &x.gateway.replays
	x.prepare()
	defer x.body.end()
	x.run()
}

// ordinary says whether a request asks for a path, or for "*" with OPTIONS.
// net/http also lets "x:@elsewhere" through, of which "@elsewhere" would be left
// for the replica: one that puts its own address in front of what it is asked
// for then asks a stranger.
func ordinary(r *http.Request) bool {
	return r.URL.Opaque == "" && (r.RequestURI != "*" || r.Method == http.MethodOptions)
}
