package gateway

import (
	"net"
	"net/http"
	"slices"
	"strings"

	"holdfast"
)

// A routing is the table as requests read it. It is never changed, only
// replaced.
type routing struct {
	system  holdfast.SystemName
	routes  map[holdfast.ListenerName]*routes
	secured map[holdfast.ListenerName]*secured // those that speak TLS
}

// Routes are those of one listener.
type routes struct {
	all []*route // the first one that a request meets is its route
	// byPath is set when paths decide, and byName when hosts do.
	byPath, byName bool
}

// A route is what a listener's requests are for.
type route struct {
	entry    holdfast.RouteEntry
	service  *service
	instead  *service // of the fallback; nil where no service is asked in the other's place
	protocol holdfast.Protocol
	tally    *tally
}

// newRoutes puts a listener's routes in order.
func newRoutes(all []*route) *routes {
	slices.SortFunc(all, func(a, b *route) int { return a.entry.Compare(b.entry) })
	r := &routes{all: all}
	for _, one := range all {
		r.byPath = r.byPath || one.entry.Path != ""
		r.byName = r.byName || one.entry.Host != ""
	}
	return r
}

// route finds what a listener's connections are for, or nil: what is no HTTP has
// one route.
func (g *Gateway) route(name holdfast.ListenerName) *route {
	if of := g.routing.Load().routes[name]; of != nil {
		return of.all[0]
	}
	return nil
}

// A miss is why a request has no route.
type miss struct {
	status     int
	code, text string
}

// match finds what a request at a listener is for, or why it is for nothing.
func (g *Gateway) match(name holdfast.ListenerName, r *http.Request) (*route, *miss) {
	of := g.routing.Load().routes[name]
	if of == nil {
		return nil, &miss{status: http.StatusServiceUnavailable, code: "no-table", text: "the routing table has no route for this listener"}
	}
	return of.match(r)
}

// match compares a request with the routes. Where paths decide, one that servers
// read in different ways must lead to the same route in all of them: it is passed
// on as it came, and whoever stands behind must not see another path in it than
// we did.
func (of *routes) match(r *http.Request) (*route, *miss) {
	host, path := "", ""
	if of.byName {
		host = hostOf(r.Host)
	}
	if !of.byPath {
		return of.find(host, path)
	}
	path = r.URL.EscapedPath()
	if plainPath(path) {
		return of.find(host, path)
	}
	if strings.Contains(r.URL.Path, "\x00") {
		return nil, &miss{status: http.StatusBadRequest, code: "ambiguous-path", text: "its path holds a NUL, at which some servers stop reading"}
	}
	found, missed := of.find(host, exactPath(path))
	if other, _ := of.find(host, lenientPath(path)); other != found {
		return nil, &miss{status: http.StatusBadRequest, code: "ambiguous-path", text: "servers read this path in different ways, which lead to different routes; send it without escaped slashes, dot segments and the like"}
	}
	return found, missed
}

func (of *routes) find(host, path string) (*route, *miss) {
	for _, one := range of.all {
		if one.entry.Meets(host, path) {
			return one, nil
		}
	}
	return nil, &miss{status: http.StatusNotFound, code: "no-route", text: "no route is for this host and path"}
}

// hostOf is a host as routes name it: lower case, without a port or the dot of
// the root.
func hostOf(host string) string {
	if bare, _, err := net.SplitHostPort(host); err == nil {
		host = bare
	}
	return strings.TrimSuffix(strings.ToLower(host), ".")
}

// plainPath says that every server reads a path in the same way, which nearly all
// paths are.
func plainPath(path string) bool {
	return !strings.ContainsAny(path, "%;\\") && !strings.Contains(path, "//") && !strings.Contains(path, "/.")
}

// exactPath is a path as the standard has it (RFC 3986, 6.2.2): what is escaped is
// the same as what is not, but an escaped slash separates nothing.
func exactPath(path string) string {
	return unescape(path, '/')
}

// lenientPath is a path as the most lenient of servers read it: unescaped until
// nothing is left to, a backslash taken for a slash, parameters and empty
// segments left out, dot segments followed.
func lenientPath(path string) string {
	for range maxEscapes {
		path = unescape(path, 0)
	}
	var kept []string
	for segment := range strings.SplitSeq(strings.ReplaceAll(path, "\\", "/"), "/") {
		segment, _, _ = strings.Cut(segment, ";")
		switch segment {
		case "", ".":
		case "..":
			kept = kept[:max(0, len(kept)-1)]
		default:
			kept = append(kept, segment)
		}
	}
	return "/" + strings.Join(kept, "/")
}

// maxEscapes is how often a path is unescaped: twice is a known mistake of
// servers behind servers, and once more costs nothing.
const maxEscapes = 3

// unescape replaces %XX, but for one character. A broken escape stays as it is.
func unescape(path string, but byte) string {
	if !strings.Contains(path, "%") {
		return path
	}
	plain := make([]byte, 0, len(path))
	for i := 0; i < len(path); i++ {
		c := path[i]
		if c == '%' && i+2 < len(path) && hexadecimal(path[i+1]) >= 0 && hexadecimal(path[i+2]) >= 0 {
			if c = byte(hexadecimal(path[i+1])<<4 | hexadecimal(path[i+2])); c == but {
				plain = append(plain, path[i:i+3]...)
			} else {
				plain = append(plain, c)
			}
			i += 2
			continue
		}
		plain = append(plain, c)
	}
	return string(plain)
}

func hexadecimal(c byte) int { return strings.IndexByte("0123456789abcdef", c|0x20) }

// serve takes a request down the line.
func (x *exchange) serve(r *route, missed *miss, listener holdfast.ListenerName) {
	if missed != nil {
		x.complain(missed.status, missed.code, "%s: %s", listener, missed.text)
		return
	}
	if r.protocol == holdfast.TCP {
		x.complain(http.StatusServiceUnavailable, "no-route", "%s: what is behind this listener speaks no HTTP", listener)
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
	x.service, x.instead, x.entry = r.service, r.instead, r.entry
	x.rank = rankFor(x.r, &x.entry)
	if !shorten(x.r, &x.entry) {
		x.complain(http.StatusGatewayTimeout, string(late), "%s: the caller's time was over before the request came", x.service.name)
		return
	}
	if !x.service.enter(x.gateway.limit) {
		x.w.Header().Set("Retry-After", "1")
		x.complain(http.StatusServiceUnavailable, "overload", "%s: %d requests are in flight already", x.service.name, x.gateway.limit)
		return
	}
	defer x.service.leave()
	if !x.admitted() {
		x.shed()
		return
	}
	defer x.service.admission.leave(&x.slot, unknownEnd)
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
