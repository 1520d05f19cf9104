package gateway

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"holdfast"
)

// newNarrowRig is a rig whose doors have room for so many connections.
func newNarrowRig(t *testing.T, places int, table holdfast.RoutingTable) *rig {
	t.Helper()
	g := newGateway(t, t.TempDir())
	g.places = places
	if err := g.Apply(t.Context(), table); err != nil {
		t.Fatal(err)
	}
	published, edge := socketFor(t, "catalog:80"), socketFor(t, "storefront/catalog")
	g.Sockets([]Socket{published, edge})
	r := &rig{t: t, gateway: g, published: published.Listener.Address, edge: edge.Listener.Address, client: client(t)}
	r.end = run(t, g)
	return r
}

// begun is a connection on which a request was begun and never ends.
func (r *rig) begun() net.Conn {
	r.t.Helper()
	c, err := net.Dial("tcp", r.published)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { c.Close() })
	io.WriteString(c, "GET / HTTP/1.1\r\nHost: shop\r\nX-Slow: ")
	return c
}

// untilTaken waits until so many places of the published door are taken.
func (r *rig) untilTaken(n int) {
	r.t.Helper()
	r.gateway.mu.Lock()
	room := r.gateway.doors["catalog:80"].room
	r.gateway.mu.Unlock()
	r.until(fmt.Sprintf("%d places are taken", n), func(holdfast.GatewayState) bool { return len(room) >= n })
}

func TestAFullDoorLeavesTheOthersOpenAndServesWhoWaitedOnceThereIsRoom(t *testing.T) {
	r := newNarrowRig(t, 3, tableOf(1, newReplica(t, 1, named("1"))))
	r.untilAdmitted(1)
	slow := []net.Conn{r.begun(), r.begun(), r.begun()}
	r.untilTaken(3)
	waiting := make(chan told, 1)
	go func() {
		got, _ := r.do("GET", r.published, "/", nil)
		waiting <- got
	}()
	if got, err := r.do("GET", r.edge, "/", nil); err != nil || got.status != http.StatusOK {
		t.Errorf("through another door: %v %+v", err, got)
	}
	select {
	case got := <-waiting:
		t.Fatalf("a fourth connection was served by a door for three: %+v", got)
	default:
	}
	slow[1].Close()
	select {
	case got := <-waiting:
		if got.status != http.StatusOK {
			t.Errorf("%+v", got)
		}
	case <-time.After(patience):
		t.Error("there was room, and who waited was not served")
	}
}

func TestIdleConnectionsMakeRoom(t *testing.T) {
	r := newNarrowRig(t, 2, tableOf(1, newReplica(t, 1, named("1"))))
	r.untilAdmitted(1)
	for range 6 {
		c, in := r.raw()
		io.WriteString(c, "GET / HTTP/1.1\r\nHost: shop\r\n\r\n")
		c.SetReadDeadline(time.Now().Add(patience))
		if line, err := in.ReadString('\n'); err != nil || !strings.HasPrefix(line, "HTTP/1.1 200") {
			t.Fatalf("%q %v", line, err)
		}
	}
}

func TestAStreamKeepsItsPlaceUntilItEnds(t *testing.T) {
	r := newNarrowRig(t, 2, tableOf(1, newReplica(t, 1, http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if q.Header.Get("Upgrade") == "" {
			return
		}
		c, _, _ := http.NewResponseController(w).Hijack()
		defer c.Close()
		io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
		io.Copy(io.Discard, c)
	}))))
	r.untilAdmitted(1)
	for range 4 { // a place that is not given back, or given back twice, shows by then
		c, in := r.raw()
		io.WriteString(c, "GET / HTTP/1.1\r\nHost: shop\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
		if response, err := http.ReadResponse(bufio.NewReader(in), nil); err != nil || response.StatusCode != http.StatusSwitchingProtocols {
			t.Fatalf("%v %+v", err, response)
		}
		r.untilTaken(2) // the stream's, and that of whom the door waits for
		c.Close()
	}
	if got := r.get("/"); got.status != http.StatusOK {
		t.Errorf("%+v", got)
	}
}
