package gateway

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"testing"
	"time"

	"holdfast"
	"holdfast/detect"
)

// BenchmarkProxy is a small GET over one kept connection: client, gateway and
// replica share the processors, so the difference to BenchmarkDirect is what
// the gateway costs.
func BenchmarkProxy(b *testing.B) {
	r := newRig(b, tableOf(1, newReplica(b, 1, named("hello"))))
	r.untilAdmitted(1)
	benchmarkGet(b, r.published)
}

// BenchmarkProxyOfThree is the same with replicas to choose from, each of which
// may be asked while another is waited for.
func BenchmarkProxyOfThree(b *testing.B) {
	r := newRig(b, tableOf(1, newReplica(b, 1, named("hello")), newReplica(b, 2, named("hello")), newReplica(b, 3, named("hello"))))
	r.untilAdmitted(3)
	benchmarkGet(b, r.published)
}

func BenchmarkDirect(b *testing.B) { benchmarkGet(b, newReplica(b, 1, named("hello")).address) }

// BenchmarkReverseProxy is the standard library's proxy on the same path, which
// neither judges, retries nor counts.
func BenchmarkReverseProxy(b *testing.B) {
	to, err := url.Parse("http://" + newReplica(b, 1, named("hello")).address)
	if err != nil {
		b.Fatal(err)
	}
	transport := &http.Transport{}
	b.Cleanup(transport.CloseIdleConnections)
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) }, Transport: transport}
	benchmarkGet(b, newReplica(b, 2, proxy).address)
}

func benchmarkGet(b *testing.B, address string) {
	c, err := net.Dial("tcp", address)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	in := bufio.NewReader(c)
	request := []byte("GET /item/7 HTTP/1.1\r\nHost: shop\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Write(request); err != nil {
			b.Fatal(err)
		}
		response, err := http.ReadResponse(in, nil)
		if err != nil {
			b.Fatal(err)
		}
		io.Copy(io.Discard, response.Body)
	}
}

// BenchmarkAdmission is what a place costs where there are enough.
func BenchmarkAdmission(b *testing.B) {
	a := &admission{}
	x := &exchange{r: httptest.NewRequest("GET", "/", nil), place: place{rank: normal}}
	b.ReportAllocs()
	for b.Loop() {
		x.slot = slot{}
		a.admit(x)
		a.leave(&x.slot, goodEnd)
	}
}

// BenchmarkBeat is what ten pulses a second cost with ten services of ten
// replicas that all have traffic.
func BenchmarkBeat(b *testing.B) {
	g := newGateway(b, b.TempDir())
	table := holdfast.RoutingTable{Revision: 1, System: "shop"}
	for i := range 10 {
		name := holdfast.ServiceName(fmt.Sprintf("service%d", i))
		routed := holdfast.RoutedService{Name: name, Protocol: holdfast.HTTP, Minimum: 1}
		for j := range 10 {
			routed.Endpoints = append(routed.Endpoints, holdfast.Endpoint{ID: holdfast.ReplicaID{Service: name, Ordinal: j + 1, Incarnation: 1}, Address: "127.0.0.1:1"})
		}
		table.Services = append(table.Services, routed)
	}
	if err := g.Apply(b.Context(), table); err != nil {
		b.Fatal(err)
	}
	for _, s := range g.services {
		for _, e := range s.endpoints {
			g.judge(s, e, sighting{detail: "fine"})
		}
	}
	at := now()
	b.ReportAllocs()
	for b.Loop() {
		for _, s := range g.services {
			s.endpoints[0].learn(outcome{took: time.Millisecond}, now())
		}
		at += detect.Pulse
		g.beat(at)
	}
}

// BenchmarkLearn is what a try's end costs the request.
func BenchmarkLearn(b *testing.B) {
	s := newService("catalog", nil)
	e := newEndpoint(s, holdfast.Endpoint{})
	e.lessons.weigh(detect.Against(0))
	b.ReportAllocs()
	for b.Loop() {
		e.learn(outcome{took: 3 * time.Millisecond}, now())
	}
}
