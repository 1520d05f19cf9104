package gateway

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"holdfast"
)

// covered is a rig whose edge has a fallback. Checks come so rarely that only
// requests notice anything.
func covered(t *testing.T, f holdfast.Fallback, handlers ...http.Handler) ([]*replica, *rig) {
	t.Helper()
	var all []*replica
	for i, h := range handlers {
		all = append(all, newReplica(t, i+1, h))
	}
	table := tableOf(1, all...)
	table.Services[0].Healthcheck.Interval = time.Hour
	table.Routes[1].Fallback = &f
	r := newRig(t, table)
	r.untilAdmitted(len(handlers))
	return all, r
}

// bad answers a status to all but health checks.
func bad(status int) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if q.UserAgent() != "holdfast-check" {
			w.WriteHeader(status)
		}
	})
}

// Whatever happens to all replicas, the edge's caller gets the fallback, in time
// and marked; a published route without one gets an honest error.
func TestACoveredEdgeIsAnsweredWhateverIsLost(t *testing.T) {
	const body = `{"items":[]}`
	for name, lose := range map[string]func([]*replica, *rig){
		"refused": func(all []*replica, _ *rig) { all[0].kill(); all[1].kill() },
		"hanging": func(all []*replica, _ *rig) { all[0].stop(); all[1].stop() },
		"failing": func(all []*replica, _ *rig) { all[0].failing.Store(100); all[1].failing.Store(100) },
		"ended": func(all []*replica, r *rig) {
			all[0].kill()
			all[1].kill()
			r.gateway.Exited(all[0].exited())
			r.gateway.Exited(all[1].exited())
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			all, r := covered(t, holdfast.Fallback{Body: body}, named("1"), named("2"))
			if got, err := r.do("GET", r.edge, "/", nil); err != nil || got.header.Get("Holdfast-Degraded") != "" {
				t.Fatalf("%v %+v", err, got)
			}
			lose(all, r)
			for method, want := range map[string]string{"GET": body, "HEAD": "", "POST": body} {
				began := time.Now()
				got, err := r.do(method, r.edge, "/", nil)
				took := time.Since(began)
				if err != nil || got.status != 200 || got.body != want || got.header.Get("Holdfast-Degraded") != "fallback" || got.header.Get("Content-Type") != "application/json" {
					t.Errorf("%s: %v %+v", method, err, got)
				}
				if took > time.Second {
					t.Errorf("%s: answered after %s, beyond the edge's timeout", method, took)
				}
			}
			state, _ := r.gateway.State(t.Context())
			if route := state.Routes[1]; route.Degraded != 3 || route.Failed != 0 {
				t.Errorf("counted %+v", route)
			}
			all[0].resume()
			all[1].resume()
			if name == "hanging" {
				return // a published route has no timeout
			}
			if got := r.get("/"); got.status < 500 || got.header.Get("Holdfast-Degraded") != "" {
				t.Errorf("published: %+v", got)
			}
		})
	}
}

func TestAFallbackFileIsReadWhenItIsNeeded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "items.json")
	_, r := covered(t, holdfast.Fallback{File: path}, bad(503))
	ask := func() told {
		got, err := r.do("GET", r.edge, "/", nil)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if got := ask(); got.status != 503 {
		t.Errorf("without the file: %+v", got)
	}
	for _, text := range []string{"[]", `["new"]`, ""} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := ask(); got.status != 200 || got.body != text || got.header.Get("Content-Type") != "application/json" {
			t.Errorf("%q: %+v", text, got)
		}
	}
	if err := os.Truncate(path, MaxFallback+1); err != nil {
		t.Fatal(err)
	}
	if got := ask(); got.status != 503 {
		t.Errorf("a file that is too long: %d", got.status)
	}
	os.Remove(path)
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := ask(); got.status != 503 {
		t.Errorf("a pipe: %+v", got)
	}
}

// The last good answer to the same request, no older than allowed, and with its
// age.
func TestAStaleCopyIsAnswered(t *testing.T) {
	var n atomic.Int64
	all, r := covered(t, holdfast.Fallback{Stale: time.Minute, Body: `"none"`}, http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		w.Header().Set("Content-Type", "text/x-price")
		w.Header().Set("Age", "5")
		fmt.Fprintf(w, "%s %d", q.URL.Path, n.Add(1))
	}))
	var last told
	for _, path := range []string{"/a", "/a", "/b"} {
		got, err := r.do("GET", r.edge, path, nil)
		if err != nil || got.header.Get("Holdfast-Degraded") != "" {
			t.Fatalf("%v %+v", err, got)
		}
		if path == "/a" {
			last = got
		}
	}
	all[0].kill()
	c := &r.gateway.copies
	age := func(by time.Duration) {
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, kept := range c.byKey {
			kept.Value.(*copied).at -= by
		}
	}
	age(12 * time.Second)
	got, err := r.do("GET", r.edge, "/a", nil)
	if err != nil || got.status != 200 || got.body != last.body || got.header.Get("Content-Type") != "text/x-price" || got.header.Get("Holdfast-Degraded") != "stale 12s" || got.header.Get("Age") != "17" {
		t.Errorf("%v %+v, want %q", err, got, last.body)
	}
	if got, err := r.do("HEAD", r.edge, "/a", nil); err != nil || got.status != 200 || got.body != "" || got.header.Get("Content-Length") != fmt.Sprint(len(last.body)) {
		t.Errorf("HEAD: %v %+v", err, got)
	}
	for what, ask := range map[string]func() (told, error){
		"another path":   func() (told, error) { return r.do("GET", r.edge, "/c", nil) },
		"another method": func() (told, error) { return r.do("POST", r.edge, "/a", nil) },
		"somebody's own": func() (told, error) { return r.do("GET", r.edge, "/a", nil, "Authorization", "Bearer x") },
		"a part":         func() (told, error) { return r.do("GET", r.edge, "/a", nil, "Range", "bytes=0-1") },
	} {
		if got, err := ask(); err != nil || got.header.Get("Holdfast-Degraded") != "fallback" {
			t.Errorf("%s: %v %+v", what, err, got)
		}
	}
	age(time.Minute)
	if got, err := r.do("GET", r.edge, "/a", nil); err != nil || got.header.Get("Holdfast-Degraded") != "fallback" {
		t.Errorf("too old: %v %+v", err, got)
	}
}

func TestWhatIsNotForEverybodyIsNotKept(t *testing.T) {
	_, r := covered(t, holdfast.Fallback{Stale: time.Minute}, http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if name, value, ok := strings.Cut(q.Header.Get("X-Answer"), "="); ok {
			w.Header().Set(name, value)
		}
		if q.URL.Path == "/404" {
			w.WriteHeader(404)
		}
		size := 10
		if q.URL.Path == "/long" {
			size = maxCopy + 1
		}
		fmt.Fprint(w, strings.Repeat("x", size))
	}))
	for _, c := range []struct {
		path string
		set  []string
		kept bool
	}{
		{path: "/plain", kept: true},
		{path: "/public", set: []string{"X-Answer", "Cache-Control=public, max-age=0"}, kept: true},
		{path: "/vary", set: []string{"X-Answer", "Vary=Accept-Language"}, kept: true},
		{path: "/authorization", set: []string{"Authorization", "Bearer x"}},
		{path: "/cookie", set: []string{"Cookie", "a=b"}},
		{path: "/range", set: []string{"Range", "bytes=0-1"}},
		{path: "/asked", set: []string{"Cache-Control", "no-store"}},
		{path: "/set-cookie", set: []string{"X-Answer", "Set-Cookie=a=b"}},
		{path: "/no-store", set: []string{"X-Answer", "Cache-Control=max-age=5, No-Store"}},
		{path: "/private", set: []string{"X-Answer", `Cache-Control=private="x"`}},
		{path: "/vary-all", set: []string{"X-Answer", "Vary=*"}},
		{path: "/vary-much", set: []string{"X-Answer", "Vary=" + strings.Repeat("Accept, ", maxVary) + "Accept"}},
		{path: "/degraded", set: []string{"X-Answer", "Holdfast-Degraded=fallback"}},
		{path: "/asked-in-a-body"},
		{path: "/404"},
		{path: "/long"},
	} {
		var body io.Reader
		if c.path == "/asked-in-a-body" {
			body = strings.NewReader("mine")
		}
		if _, err := r.do("GET", r.edge, c.path, body, c.set...); err != nil {
			t.Fatal(err)
		}
		key := copyKey{listener: "storefront/catalog", service: "catalog", host: r.edge, target: c.path}
		if got := r.gateway.copies.find(key); (got != nil) != c.kept {
			t.Errorf("%s: kept %v", c.path, got != nil)
		} else if c.kept && got.weight() < copyWeighs+len(got.body)+fieldWeigh+len("Content-Length") {
			t.Errorf("%s: its head weighs nothing", c.path)
		}
	}
	if _, err := r.do("GET", r.published, "/published", nil); err != nil || len(r.gateway.copies.byKey) != 3 {
		t.Errorf("%v, %d are kept", err, len(r.gateway.copies.byKey))
	}
}

// A copy that depended on the request's language is not answered in another one.
func TestAStaleCopyIsOfTheSameVariant(t *testing.T) {
	all, r := covered(t, holdfast.Fallback{Stale: time.Minute}, http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		w.Header()["Content-Type"] = nil
		w.Header().Set("Vary", "Accept-Language")
		fmt.Fprint(w, q.Header.Get("Accept-Language"))
	}))
	if _, err := r.do("GET", r.edge, "/", nil, "Accept-Language", "de"); err != nil {
		t.Fatal(err)
	}
	all[0].kill()
	if got, err := r.do("GET", r.edge, "/", nil, "Accept-Language", "de"); err != nil || got.body != "de" || got.header["Content-Type"] != nil {
		t.Errorf("%v %+v", err, got)
	}
	if got, err := r.do("GET", r.edge, "/", nil, "Accept-Language", "en"); err != nil || got.status != 502 {
		t.Errorf("%v %+v", err, got)
	}
}

func TestCopiesAreBounded(t *testing.T) {
	var c copies
	for i := range 2000 {
		c.keep(&copied{key: copyKey{target: fmt.Sprint(i)}, body: make([]byte, maxCopy)})
		c.find(copyKey{target: "0"})
	}
	if c.weight > maxCopies || c.used.Len() != len(c.byKey) || c.used.Len() < 400 {
		t.Errorf("%d bytes in %d copies, %d in order", c.weight, len(c.byKey), c.used.Len())
	}
	if c.find(copyKey{target: "0"}) == nil || c.find(copyKey{target: "1"}) != nil || c.find(copyKey{target: "1999"}) == nil {
		t.Error("not the one that was longest not used went")
	}
	for range 5 {
		c.keep(&copied{key: copyKey{target: "0"}, body: make([]byte, 10)})
	}
	if weight := c.weight; weight > maxCopies {
		t.Errorf("%d bytes", weight)
	}
	heads := copied{head: maxHead, key: copyKey{target: strings.Repeat("x", 100)}, vary: []field{{name: "Accept", value: strings.Repeat("y", 1000)}}}
	if heads.weight() < maxHead+1100 {
		t.Errorf("a copy of %d bytes weighs %d", maxHead+1100, heads.weight())
	}
	var k copied
	for range 3 {
		k.add(make([]byte, maxCopy/2))
	}
	c.keep(&k)
	if !k.long || c.find(k.key) != nil {
		t.Error("a body that is too long was kept")
	}
}

// A required edge whose replicas are all silent: a crowd is refused at once, what
// waits ends within the edge's timeout, and another route is as fast as ever.
func TestALostEdgeIsContained(t *testing.T) {
	lost, fine := newReplica(t, 1, named("1")), newReplicaAt(t, holdfast.ReplicaID{Service: "cart", Ordinal: 1, Incarnation: 1}, "127.0.0.1:0", named("cart"))
	table := tableOf(1, lost)
	table.Routes = append(table.Routes, holdfast.RouteEntry{Listener: "storefront/cart", Service: "cart", Caller: "storefront", Treatment: holdfast.Treatment{Timeout: time.Second}})
	table.Services = append(table.Services, holdfast.RoutedService{Name: "cart", Protocol: holdfast.HTTP, Minimum: 1, Healthcheck: fast(), Endpoints: []holdfast.Endpoint{fine.endpoint()}})
	g := newGateway(t, t.TempDir())
	if err := g.Apply(t.Context(), table); err != nil {
		t.Fatal(err)
	}
	edge, cart := socketFor(t, "storefront/catalog"), socketFor(t, "storefront/cart")
	g.Sockets([]Socket{edge, cart})
	r := &rig{t: t, gateway: g, edge: edge.Listener.Address, client: client(t), end: run(t, g)}
	r.untilAdmitted(2)
	lost.stop()
	r.until("the last one is kept", func(s holdfast.GatewayState) bool { return !r.service().lineup.Load().trusted })
	const crowd = maxCrowd + 50
	var group sync.WaitGroup
	var refused, waited, wrong atomic.Int64
	for range crowd {
		group.Go(func() {
			began := time.Now()
			got, err := r.do("GET", r.edge, "/", nil)
			switch took := time.Since(began); {
			case err == nil && got.status == 503 && got.header.Get("Holdfast-Error") == "crowded" && got.header.Get("Retry-After") != "":
				refused.Add(1)
			case err == nil && got.status == 504 && took < 2*time.Second:
				waited.Add(1)
			default:
				wrong.Add(1)
				t.Logf("%v %+v after %s", err, got, took)
			}
		})
	}
	late := 0
	for range 20 {
		began := time.Now()
		if got, err := r.do("GET", cart.Listener.Address, "/", nil); err != nil || got.body != "cart" {
			t.Errorf("the other edge: %v %+v", err, got)
		}
		if time.Since(began) > lateAfter {
			late++
		}
	}
	if late > 2 { // one stall of this machine makes one late
		t.Errorf("the other edge was late %d times of 20", late)
	}
	group.Wait()
	if refused.Load() < crowd-maxCrowd || wrong.Load() > 0 {
		t.Errorf("of %d, %d were refused, %d waited, %d went wrong", crowd, refused.Load(), waited.Load(), wrong.Load())
	}
	lost.resume()
	r.until("it is admitted again", func(holdfast.GatewayState) bool { return r.service().lineup.Load().trusted })
	if got, err := r.do("GET", r.edge, "/", nil); err != nil || got.status != 200 {
		t.Errorf("afterwards: %v %+v", err, got)
	}
}
