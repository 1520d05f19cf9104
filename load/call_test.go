package load

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"holdfast"
)

// serveSecond serves HTTP/2 and nothing else.
func serveSecond(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.Config.Protocols = &http.Protocols{}
	server.Config.Protocols.SetUnencryptedHTTP2(true)
	server.Start()
	t.Cleanup(server.Close)
	return server.URL
}

// ended is a call that ends with a status, in its head or behind a message.
func ended(status, message string, early bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/grpc" || r.Header.Get("Te") != "trailers" || len(body) != 5 {
			status, message = "3", "no call"
		}
		w.Header().Set("Content-Type", "application/grpc")
		prefix := ""
		if !early {
			w.Write(make([]byte, 5))
			prefix = http.TrailerPrefix
		}
		if status != "" {
			w.Header().Set(prefix+"Grpc-Status", status)
			w.Header().Set(prefix+"Grpc-Message", message)
		}
		w.(http.Flusher).Flush()
	}
}

func TestTheOutcomeOfACallIsItsStatus(t *testing.T) {
	for _, c := range []struct {
		name    string
		handler http.HandlerFunc
		call    string
		err     string
	}{
		{name: "well", handler: ended("0", "", false), call: "OK"},
		{name: "no health service", handler: ended("12", "unknown service", true), call: "UNIMPLEMENTED"},
		{name: "not now", handler: ended("8", "", true), call: "RESOURCE_EXHAUSTED"},
		{name: "a failure at once", handler: ended("14", "catalog: no replica is left to ask, 100%25", true), call: "UNAVAILABLE", err: "UNAVAILABLE catalog: no replica is left to ask, 100%"},
		{name: "a failure at the end", handler: ended("13", "", false), call: "INTERNAL", err: "INTERNAL"},
		{name: "none", handler: ended("", "", false), call: noStatus, err: noStatus},
		{name: "no number", handler: ended("OK", "", false), call: noStatus, err: noStatus},
		{name: "no gRPC", handler: func(w http.ResponseWriter, r *http.Request) { http.Error(w, "no", http.StatusBadGateway) }},
		{name: "half", handler: func(w http.ResponseWriter, r *http.Request) {
			w.Write(make([]byte, 5))
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}, err: "body: stream error"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := newRoute(Target{Name: "catalog", URL: serveSecond(t, c.handler) + "/", Protocol: holdfast.GRPC})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(r.close)
			got := r.ask(t.Context(), r.get, manner{}, time.Now().Add(20*time.Second))
			if got.call != c.call || !strings.HasPrefix(errorText(got.err), c.err) || (c.err == "") != (got.err == nil) || got.protocol != "h2" {
				t.Errorf("%q, %v over %q; want %q, %q", got.call, got.err, got.protocol, c.call, c.err)
			}
		})
	}
}

// A call goes where the route's path leads.
func TestACallIsBelowItsRoute(t *testing.T) {
	for path, want := range map[string]string{
		"": healthCall, "/": healthCall, "/grpc.health.v1.Health": healthCall, healthCall: healthCall,
		"/shop.Catalog": "/shop.Catalog/Check", "/shop.Catalog/": "/shop.Catalog/Check", "/shop.Catalog/Page": "/shop.Catalog/Page",
	} {
		r, err := newRoute(Target{Name: "catalog", URL: "http://127.0.0.1:1" + path, Protocol: holdfast.GRPC})
		if err != nil || r.get.at.Path != want {
			t.Errorf("%q leads to %q, %v, want %q", path, r.get.at.Path, err, want)
		}
	}
}

// A load of calls counts as failed what ended so, and says so in the words of
// gRPC.
func TestALoadOfCallsFailsByStatus(t *testing.T) {
	t.Parallel()
	p := plan("")
	p.Targets = []Target{{Name: "catalog:50051", URL: serveSecond(t, ended("14", "no replica", true)), Protocol: holdfast.GRPC, Weight: 1}}
	p.For = time.Second
	g := start(t, p)
	until(t, "some calls", func() bool { return len(g.Snapshot()) > 5 })
	for _, result := range stop(t, g).Results {
		if !result.Call || !result.Failed || result.Error != "UNAVAILABLE no replica" || result.Asked() != "a call of catalog:50051" {
			t.Fatalf("%+v", result)
		}
	}
}

func TestProbesOverHTTP2SayHowAVictimAnswers(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "ok") })
	for _, c := range []struct {
		name     string
		handler  http.HandlerFunc
		protocol holdfast.Protocol
		wrong    string
		failed   Failure
	}{
		{name: "a page", handler: func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "ok") }, protocol: holdfast.H2C},
		{name: "a failed page", handler: func(w http.ResponseWriter, r *http.Request) { http.Error(w, "no", 503) }, protocol: holdfast.H2C, wrong: "status 503"},
		{name: "a call", handler: ended("0", "", false), protocol: holdfast.GRPC},
		{name: "a failed call", handler: ended("13", "", true), protocol: holdfast.GRPC, wrong: "INTERNAL"},
		{name: "nothing", handler: func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, protocol: holdfast.GRPC, failed: NoAnswer},
		{name: "half", handler: func(w http.ResponseWriter, r *http.Request) {
			w.Write(make([]byte, 5))
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}, protocol: holdfast.GRPC, failed: CutShort},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := probed(url, strings.TrimPrefix(serveSecond(t, c.handler), "http://"), "/")
			p.Probes[0].Protocol = c.protocol
			g := start(t, p)
			until(t, "both ways have asked", func() bool { return len(outcomes(g, false)) > 2 && len(outcomes(g, true)) > 2 })
			for _, outcome := range stop(t, g).Probed {
				if outcome.Wrong() != c.wrong || outcome.Failed != c.failed || outcome.Took <= 0 {
					t.Errorf("%+v; want %q %q", outcome, c.wrong, c.failed)
				}
			}
		})
	}
}

// Who refuses, and who is silent, is told apart over HTTP/2 as over HTTP/1.1.
func TestAProbeOverHTTP2IsRefused(t *testing.T) {
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	r, err := newRoute(Target{Name: "x", URL: gone.URL, Protocol: holdfast.GRPC})
	if err != nil {
		t.Fatal(err)
	}
	_, err = (&probing{Probe: Probe{Path: "/"}, route: r}).stream(t.Context(), time.Now().Add(20*time.Second))
	if !errors.Is(err, errConnect) || failure(err) != Refused {
		t.Errorf("%v is %q", err, failure(err))
	}
}
