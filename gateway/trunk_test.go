package gateway

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"holdfast"
)

// newH2C is a replica that speaks HTTP/2 without TLS and nothing else.
func newH2C(t testing.TB, ordinal int, handler http.Handler) *replica {
	t.Helper()
	id := holdfast.ReplicaID{Service: "catalog", Ordinal: ordinal, Incarnation: 1}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &replica{t: t, id: id, address: l.Addr().String(), conns: map[net.Conn]http.ConnState{}}
	r.listener = l.(*net.TCPListener)
	p := &http.Protocols{}
	p.SetUnencryptedHTTP2(true)
	r.server = &http.Server{Handler: r.faulty(handler), ConnState: r.track, Protocols: p}
	go r.server.Serve(gated{Listener: l, gate: &r.gate})
	t.Cleanup(r.kill)
	return r
}

func h2cTable(protocol holdfast.Protocol, replicas ...*replica) holdfast.RoutingTable {
	table := tableOf(1, replicas...)
	table.Services[0].Protocol = protocol
	return table
}

// whole answers with what it was asked.
func whole(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	w.Header().Set("Trailer", "Sum")
	w.Header().Set("Asked", r.Method+" "+r.RequestURI+" of "+r.Host+" by "+r.Proto)
	w.Write(body)
	w.Header().Set("Sum", r.Trailer.Get("Sent"))
}

func TestAReplicaOverHTTP2(t *testing.T) {
	r := newRig(t, h2cTable(holdfast.H2C, newH2C(t, 1, http.HandlerFunc(whole))))
	r.untilAdmitted(1)
	for _, f := range []front{newFront(t, "", "http", 1), newFront(t, "", "http", 2)} {
		for _, target := range []string{"/", "/a%2Fb?c=%20d&e", "//elsewhere/x", "/?"} {
			request := f.request(t, r, "POST", io.MultiReader(strings.NewReader("abc")))
			request.URL.Opaque = target
			if strings.HasPrefix(target, "//") {
				request.URL.Opaque, request.URL.Path = "", target
			}
			request.Trailer = http.Header{"Sent": {"three"}}
			response := f.do(t, request)
			body, err := io.ReadAll(response.Body)
			if want := "POST " + target + " of " + r.published + " by HTTP/2.0"; response.Header.Get("Asked") != want {
				t.Errorf("asked %q, want %q", response.Header.Get("Asked"), want)
			}
			if string(body) != "abc" || err != nil || response.Trailer.Get("Sum") != "three" {
				t.Errorf("%q, %v, trailer %v", body, err, response.Trailer)
			}
		}
		f.client.CloseIdleConnections()
	}
}

// Many requests at once take few connections.
func TestATrunkCarriesManyAtOnce(t *testing.T) {
	const many = 100
	var group sync.WaitGroup
	group.Add(many)
	together := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.UserAgent() != "holdfast-check" {
			group.Done()
			group.Wait()
		}
		io.WriteString(w, "whole")
	})
	back := newH2C(t, 1, together)
	r := newRig(t, h2cTable(holdfast.H2C, back))
	r.untilAdmitted(1)
	answers := make(chan string, many)
	for range many {
		go func() {
			got, err := r.do("POST", r.published, "/", nil)
			answers <- fmt.Sprint(got.body, err)
		}()
	}
	for range many {
		if got := <-answers; got != "whole<nil>" {
			t.Fatal(got)
		}
	}
	r.gateway.mu.Lock()
	s := &r.gateway.services["catalog"].endpoints[0].pool.trunks
	r.gateway.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.open) != (many+trunkStreams-1)/trunkStreams {
		t.Errorf("%d connections for %d requests", len(s.open), many)
	}
}

// A stream that a replica refused was not carried out: it is sent elsewhere,
// whatever its method is. One that was opened and then reset may have been.
func TestWhatAReplicaRefusedIsSentElsewhere(t *testing.T) {
	for _, c := range []struct {
		code   uint32
		status int
	}{{refusedStream, 200}, {2, 502}} {
		var refusals, done atomic.Int64
		bad := newResetting(t, c.code, &refusals)
		good := newH2C(t, 2, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == "POST" {
				done.Add(1)
			}
		}))
		table := h2cTable(holdfast.H2C, good)
		table.Services[0].Healthcheck.Disabled = true
		table.Services[0].Endpoints = append(table.Services[0].Endpoints, holdfast.Endpoint{ID: holdfast.ReplicaID{Service: "catalog", Ordinal: 1, Incarnation: 1}, Address: bad})
		r := newRig(t, table)
		for n := 0; n < 100 && refusals.Load() == 0; n++ {
			before := refusals.Load()
			got, err := r.do("POST", r.published, "/", strings.NewReader("abc"))
			want := 200
			if refusals.Load() > before {
				want = c.status
			}
			if err != nil || got.status != want {
				t.Errorf("code %d: %v, %v; want %d", c.code, got, err, want)
			}
		}
		if refusals.Load() == 0 {
			t.Error("the refusing replica was never asked")
		}
	}
}

// A request that a replica did not get to before it went away is sent elsewhere;
// one that was written to a replica that was killed is not.
func TestGoAway(t *testing.T) {
	conn := func() *http.ClientConn {
		address := newGoingAway(t)
		c, err := newBack().NewClientConn(t.Context(), "http", address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	request, _ := http.NewRequestWithContext(ctx, "POST", "http://shop/", nil)
	if _, err := conn.RoundTrip(request); err == nil || !untouched(err) {
		t.Errorf("went away before the request: %v", err)
	}
	if _, err := conn.RoundTrip(request); err == nil || !untouched(err) {
		t.Errorf("a connection that is over: %v", err)
	}
}

func TestAKilledReplicaOverHTTP2FailsNoGET(t *testing.T) {
	slow := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		<-time.After(2 * time.Millisecond)
		io.WriteString(w, "whole")
	})
	first, second := newH2C(t, 1, slow), newH2C(t, 2, slow)
	r := newRig(t, h2cTable(holdfast.H2C, first, second))
	r.untilAdmitted(2)
	const callers, each = 8, 50
	var group sync.WaitGroup
	for caller := range callers {
		group.Go(func() {
			for n := range each {
				if caller == 0 && n == each/3 {
					first.kill()
				}
				if got, err := r.do("GET", r.published, "/", nil); err != nil || got.body != "whole" {
					t.Errorf("%v, %v", got, err)
				}
			}
		})
	}
	group.Wait()
	r.until("the killed one is out", func(s holdfast.GatewayState) bool { return admittedIn(s) == 1 })
}

func TestARefusedConnectionOverHTTP2IsSeenAsOne(t *testing.T) {
	back := newH2C(t, 1, http.HandlerFunc(whole))
	r := newRig(t, h2cTable(holdfast.H2C, back))
	r.untilAdmitted(1)
	back.kill()
	r.until("it is out for a refusal", func(s holdfast.GatewayState) bool {
		return s.Endpoints[0].Sign == holdfast.SignRefused
	})
}

// A client that goes while its body waits for room at a replica that takes none
// leaves nothing behind: neither its request nor what carried the answer.
func TestAClientThatGoesBeforeAReplicaTakesItsBody(t *testing.T) {
	r := newRig(t, h2cTable(holdfast.H2C, newH2C(t, 1, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}))))
	r.untilAdmitted(1)
	f := newFront(t, "", "http", 2)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	response := f.do(t, f.request(t, r, "POST", endless{}).WithContext(ctx))
	e := r.endpointOf("catalog")
	still := 0 // looks in a row at which nothing was read from the client
	r.until("the body waits", func(holdfast.GatewayState) bool {
		if still++; e.heldUp.Load() > 0 {
			still = 0
		}
		return still == 50
	})
	cancel()
	response.Body.Close()
	r.until("the request is over", func(holdfast.GatewayState) bool { return e.inFlight.Load() == 0 && e.service.inFlight.Load() == 0 })
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }
