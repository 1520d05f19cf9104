package gateway

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"holdfast"
)

// routesFor are routes of one listener, each "host/path" of the given ones.
func routesFor(t testing.TB, written ...string) *routes {
	t.Helper()
	var all []*route
	for _, one := range written {
		host, path, _ := strings.Cut(one, "/")
		if path != "" {
			path = "/" + path
		}
		all = append(all, &route{entry: holdfast.RouteEntry{Host: host, Path: path}})
	}
	return newRoutes(all)
}

func TestTheMostExactHostThenTheLongestPathIsTheRoute(t *testing.T) {
	of := routesFor(t, "/", "/api", "/api/v2", "shop.example/", "shop.example/api", "*.shop.example/", "*.shop.example/api/v2")
	for asked, want := range map[string]string{
		"other.example/":             "",
		"other.example/api":          "/api",
		"other.example/api/":         "/api",
		"other.example/apis":         "",
		"other.example/api/v2/x":     "/api/v2",
		"other.example/api/v22":      "/api",
		"shop.example/":              "shop.example",
		"SHOP.example.:8080/api/v2":  "shop.example/api",
		"www.shop.example/api/v1":    "*.shop.example",
		"www.shop.example/api/v2/":   "*.shop.example/api/v2",
		"a.b.shop.example/api/v2":    "/api/v2",
		".shop.example/":             "",
		"shop.example.evil/api":      "/api",
		"xshop.example/":             "",
		"[::1]:8080/api":             "/api",
		"other.example/%61pi":        "/api",
		"other.example/api%2dx":      "",
		"other.example/%E2%82%AC/x":  "",
		"other.example/api/a%20b;v=": "/api",
	} {
		host, path, _ := strings.Cut(asked, "/")
		found, missed := of.match(requestFor(t, host, "/"+path))
		if missed != nil || found.entry.Host+found.entry.Path != want {
			t.Errorf("%s: %+v, %+v; want the route %q", asked, found, missed, want)
		}
	}
}

func requestFor(t testing.TB, host, target string) *http.Request {
	t.Helper()
	at, err := url.ParseRequestURI(target)
	if err != nil {
		t.Fatalf("%s: %v", target, err)
	}
	return &http.Request{Method: "GET", Host: host, URL: at, RequestURI: target}
}

func TestWhatMeetsNoRouteHasNone(t *testing.T) {
	of := routesFor(t, "shop.example/", "other.example/api")
	for _, asked := range []string{"x.example/", "other.example/", "other.example/apis", "/"} {
		host, path, _ := strings.Cut(asked, "/")
		found, missed := of.match(requestFor(t, host, "/"+path))
		if found != nil || missed == nil || missed.status != http.StatusNotFound || missed.code != "no-route" {
			t.Errorf("%s: %+v, %+v", asked, found, missed)
		}
	}
}

// What servers read in two ways is refused where the two lead to different
// routes, and only there.
func TestNoRequestSlipsPastALongerRule(t *testing.T) {
	of := routesFor(t, "/", "/admin", "/public")
	for _, target := range []string{
		"/public/../admin", "/public/%2e%2e/admin", "/public/..%2fadmin", "/public%2f..%2fadmin", "//admin", "/./admin", "/x/..;/admin",
		"/;a=b/admin", "/admin;x=y", "/%5cadmin", "/public/..%5cadmin", "/%2fadmin", "/%252e%252e/admin/%2561", "/public/%252e%252e/admin",
		"/%2561dmin", "/admin%00", "/%00/admin", "/public/.%2e/admin/x", "/admin%2fx", "/public/..", "/admin/../x", "/admin/%2e%2e%2fx",
		"/public/...;/../../admin",
	} {
		if found, missed := of.match(requestFor(t, "x", target)); missed == nil || missed.status != http.StatusBadRequest || missed.code != "ambiguous-path" {
			t.Errorf("%s leads to %+v, %+v", target, found, missed)
		}
	}
	for target, want := range map[string]string{
		"/public/a%2fb": "/public", "/public/./x": "/public", "/public/x/../y": "/public", "/public//x": "/public", "/x%2fy": "", "/public/a;b=c": "/public",
		"/%61dmin": "/admin", "/%61dmin/../admin": "/admin", "/x?next=/../admin": "", "/x%zz": "",
	} {
		at, err := url.ParseRequestURI(target)
		if err != nil {
			continue // net/http answers it with 400 itself
		}
		found, missed := of.match(&http.Request{Host: "x", URL: at})
		if missed != nil || found.entry.Path != want {
			t.Errorf("%s leads to %+v, %+v; want %q", target, found, missed, want)
		}
	}
}

// Whatever a path is, it meets the same route in every reading that it is passed
// on with.
func FuzzAPathThatIsPassedOnMeetsOneRoute(f *testing.F) {
	for _, seed := range []string{"/", "/admin", "/public/..%2fadmin", "/%5c..;/admin", "/a//b/./c", "/%25%32%65"} {
		f.Add(seed)
	}
	of := routesFor(f, "/", "/admin", "/public", "/public/deep")
	f.Fuzz(func(t *testing.T, target string) {
		at, err := url.ParseRequestURI(target)
		if err != nil {
			return
		}
		found, missed := of.match(&http.Request{Host: "x", URL: at})
		if missed != nil {
			return
		}
		once, _ := url.PathUnescape(at.EscapedPath())
		if other, _ := of.find("x", lenientPath(once)); other != found {
			t.Errorf("%q is passed on to %q, and %q is another's", target, found.entry.Path, lenientPath(once))
		}
	})
}

// published is a rig whose published listener has routes to two services.
func publishedTwice(t *testing.T, front, back http.Handler) *rig {
	t.Helper()
	one := newReplica(t, 1, front)
	two := newReplicaAt(t, holdfast.ReplicaID{Service: "cart", Ordinal: 1, Incarnation: 1}, "127.0.0.1:0", back)
	table := tableOf(1, one)
	table.Routes[0] = holdfast.RouteEntry{Listener: "catalog:80", Service: "catalog", Host: "shop.example"}
	table.Routes = append(table.Routes, holdfast.RouteEntry{Listener: "catalog:80", Service: "cart", Host: "shop.example", Path: "/cart"})
	table.Services = append(table.Services, holdfast.RoutedService{Name: "cart", Protocol: holdfast.HTTP, Minimum: 1, Healthcheck: fast(), Endpoints: []holdfast.Endpoint{two.endpoint()}})
	r := newRig(t, table)
	r.untilAdmitted(2)
	return r
}

// ask sends a request as it is written and returns the answer.
func (r *rig) ask(host, target string) told {
	r.t.Helper()
	c, err := net.Dial("tcp", r.published)
	if err != nil {
		r.t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(patience))
	fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", target, host)
	response, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		r.t.Fatal(err)
	}
	defer response.Body.Close()
	text, _ := io.ReadAll(response.Body)
	return told{status: response.StatusCode, header: response.Header, body: string(text)}
}

func TestRequestsAreRoutedPassedOnUnchangedAndCountedByRoute(t *testing.T) {
	as := func(name string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, name+" "+r.Host+" "+r.RequestURI) })
	}
	r := publishedTwice(t, as("catalog"), as("cart"))
	for _, c := range []struct {
		host, target, want string
		status             int
	}{
		{host: "shop.example", target: "/x//y?q=%2e", want: "catalog shop.example /x//y?q=%2e", status: 200},
		{host: "SHOP.example:80", target: "/cart/%61/./b", want: "cart SHOP.example:80 /cart/%61/./b", status: 200},
		{host: "shop.example", target: "/carts", want: "catalog shop.example /carts", status: 200},
		{host: "other.example", target: "/cart", want: "no-route", status: 404},
		{host: "shop.example", target: "/x/../cart", want: "ambiguous-path", status: 400},
	} {
		got := r.ask(c.host, c.target)
		if got.status != c.status || got.status == 200 && got.body != c.want || got.status != 200 && got.header.Get("Holdfast-Error") != c.want {
			t.Errorf("%s%s: %d %v %s", c.host, c.target, got.status, got.header, got.body)
		}
	}
	state, _ := r.gateway.State(t.Context())
	counted := map[string]uint64{}
	for _, s := range state.Routes {
		counted[s.Name()] = s.Requests
	}
	for name, want := range map[string]uint64{"catalog:80 shop.example": 2, "catalog:80 shop.example/cart": 1, "catalog:80": 2} {
		if counted[name] != want {
			t.Errorf("%s has %d requests, want %d: %v", name, counted[name], want, counted)
		}
	}
}

func TestAnotherServiceAnswersInAServicesPlace(t *testing.T) {
	var mains, others atomic.Int32
	main := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.UserAgent() != "holdfast-check" {
			mains.Add(1)
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
	})
	other := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.UserAgent() == "holdfast-check" {
			return
		}
		others.Add(1)
		body, _ := io.ReadAll(r.Body)
		if r.URL.Path == "/bad" {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		w.WriteHeader(http.StatusAccepted)
		io.WriteString(w, "other "+r.RequestURI+" "+string(body))
	})
	one := newReplica(t, 1, main)
	two := newReplicaAt(t, holdfast.ReplicaID{Service: "cart", Ordinal: 1, Incarnation: 1}, "127.0.0.1:0", other)
	table := tableOf(1, one)
	table.Routes[1].Fallback = &holdfast.Fallback{Service: "cart"}
	table.Services = append(table.Services, holdfast.RoutedService{Name: "cart", Protocol: holdfast.HTTP, Minimum: 1, Healthcheck: fast(), Endpoints: []holdfast.Endpoint{two.endpoint()}})
	r := newRig(t, table)
	r.untilAdmitted(2)

	got, err := r.do("GET", r.edge, "/items?n=1", nil)
	if err != nil || got.status != http.StatusAccepted || got.body != "other /items?n=1 " || got.header.Get(degraded) != "fallback cart" {
		t.Errorf("%+v, %v", got, err)
	}
	before := others.Load()
	if got, err = r.do("POST", r.edge, "/items", strings.NewReader("order")); err != nil || got.status != 500 || got.header.Get(degraded) != "" {
		t.Errorf("a POST that a replica may have carried out: %+v, %v", got, err)
	}
	if others.Load() != before {
		t.Error("it was carried out by another service a second time")
	}
	if got, err = r.do("POST", r.edge, "/items", strings.NewReader("order"), "Idempotency-Key", "7"); err != nil || got.body != "other /items order" {
		t.Errorf("a POST that may be carried out twice: %+v, %v", got, err)
	}
	if got, err = r.do("GET", r.edge, "/bad", nil); err != nil || got.status != 500 || others.Load() != before+2 {
		t.Errorf("where the other one fails, too: %+v, %v, asked %d times", got, err, others.Load()-before)
	}
	one.kill()
	r.gateway.Exited(one.exited())
	for _, of := range []string{"GET", "POST"} {
		if got, err = r.do(of, r.edge, "/gone", nil); err != nil || got.status != http.StatusAccepted || got.header.Get(degraded) != "fallback cart" {
			t.Errorf("%s while nobody is left: %+v, %v", of, got, err)
		}
	}
	before = others.Load()
	if got, err = r.do("POST", r.edge, "/bad", strings.NewReader("order")); err != nil || got.status != http.StatusBadGateway || others.Load() != before+1 {
		t.Errorf("nobody is left, and the other one fails: %+v, %v", got, err)
	}
	two.kill()
	r.gateway.Exited(two.exited())
	if got, err = r.do("GET", r.edge, "/gone", nil); err != nil || got.status != http.StatusServiceUnavailable || got.header.Get(degraded) != "" || got.header.Get("Holdfast-Error") != "no-replica" {
		t.Errorf("nobody is left of either: %+v, %v", got, err)
	}
	state, _ := r.gateway.State(t.Context())
	if edge := state.Routes[1]; edge.Degraded != 4 {
		t.Errorf("%d answers are counted as degraded, want 4: %+v", edge.Degraded, edge)
	}
}

func TestAnotherServiceIsAskedWithinWhatIsLeft(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	one := newReplica(t, 1, wait(release, named("one")))
	two := newReplicaAt(t, holdfast.ReplicaID{Service: "cart", Ordinal: 1, Incarnation: 1}, "127.0.0.1:0", named("cart"))
	table := tableOf(1, one)
	table.Routes[1].Timeout, table.Routes[1].Fallback = 5*time.Second, &holdfast.Fallback{Service: "cart"}
	table.Services = append(table.Services, holdfast.RoutedService{Name: "cart", Protocol: holdfast.HTTP, Minimum: 1, Healthcheck: fast(), Endpoints: []holdfast.Endpoint{two.endpoint()}})
	r := newRig(t, table)
	r.untilAdmitted(2)
	began := time.Now()
	got, err := r.do("GET", r.edge, "/", nil)
	if took := time.Since(began); err != nil || got.body != "cart" || took > 5*time.Second {
		t.Errorf("after %s: %+v, %v", took, got, err)
	}
}

func BenchmarkMatch(b *testing.B) {
	var written []string
	for n := range 100 {
		written = append(written, fmt.Sprintf("shop.example/path/%d", n))
	}
	of := routesFor(b, written...)
	r := requestFor(b, "shop.example", "/path/0/x")
	for b.Loop() {
		if _, missed := of.match(r); missed != nil {
			b.Fatal(missed)
		}
	}
}
