package gateway

import (
	"bufio"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"holdfast"
)

func TestAListenerWithoutARoute(t *testing.T) {
	r := newRig(t, tableOf(1, newReplica(t, 1, named("1"))))
	socket := socketFor(t, "cart:80")
	r.gateway.Sockets([]Socket{socket})
	got, err := r.do("GET", socket.Listener.Address, "/", nil)
	if err != nil || got.status != 503 || got.header.Get("Holdfast-Error") != "no-table" || !strings.HasPrefix(got.body, "cart:80: ") {
		t.Errorf("%v %+v", err, got)
	}
	if _, err := net.Dial("tcp", r.published); err == nil {
		t.Error("a socket that is no longer named is still served")
	}
}

// The same socket handed over again, as another descriptor, is served on
// without a break.
func TestASocketThatStandsIsKept(t *testing.T) {
	r := newRig(t, tableOf(1, newReplica(t, 1, named("1"))))
	r.untilAdmitted(1)
	c, in := r.raw()
	ask := func() {
		t.Helper()
		io.WriteString(c, "GET / HTTP/1.1\r\nHost: shop\r\n\r\n")
		if line, err := in.ReadString('\n'); !strings.HasPrefix(line, "HTTP/1.1 200") {
			t.Fatalf("%q %v", line, err)
		}
		in.Discard(in.Buffered())
	}
	ask()
	r.gateway.mu.Lock()
	standing := r.gateway.doors["catalog:80"]
	r.gateway.mu.Unlock()
	file, err := standing.Listener.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	again, err := net.FileListener(file)
	file.Close()
	if err != nil {
		t.Fatal(err)
	}
	r.gateway.Sockets([]Socket{{Listener: standing.listener, Socket: again}})
	ask()
	if got := r.get("/"); got.body != "1" {
		t.Errorf("%+v", got)
	}
	if again.Close() == nil {
		t.Error("the second descriptor was left open")
	}
}

func TestMoreThanTheServiceMayHaveInFlightIsRefused(t *testing.T) {
	release := make(chan struct{})
	r := newRig(t, tableOf(1, newReplica(t, 1, wait(release, named("1")))))
	r.untilAdmitted(1)
	r.gateway.limit = 1 // before the first request; a socket hands it over
	done := make(chan told, 1)
	go func() {
		got, _ := r.do("GET", r.published, "/", nil)
		done <- got
	}()
	r.until("one is in flight", func(s holdfast.GatewayState) bool { return s.Endpoints[0].InFlight == 1 })
	got := r.get("/")
	if got.status != 503 || got.header.Get("Retry-After") == "" || got.header.Get("Holdfast-Error") != "overload" {
		t.Errorf("%+v", got)
	}
	close(release)
	if got := <-done; got.status != 200 {
		t.Errorf("%+v", got)
	}
}

// Ending lets what is in flight finish.
func TestEndingDrains(t *testing.T) {
	release := make(chan struct{})
	r := newRig(t, tableOf(1, newReplica(t, 1, wait(release, named("1")))))
	r.untilAdmitted(1)
	done := make(chan told, 1)
	go func() {
		got, _ := r.do("GET", r.published, "/", nil)
		done <- got
	}()
	r.until("one is in flight", func(s holdfast.GatewayState) bool { return s.Endpoints[0].InFlight == 1 })
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		r.end()
	}()
	for { // until nothing is accepted any more
		c, err := net.Dial("tcp", r.published)
		if err != nil {
			break
		}
		c.Close()
	}
	close(release)
	if got := <-done; got.body != "1" {
		t.Errorf("%+v", got)
	}
	select {
	case <-ended:
	case <-time.After(patience):
		t.Error("not ended")
	}
}

// echoAt is a TCP service: it says its name, repeats what it hears until it
// hears the end, and says goodbye.
func echoAt(t *testing.T, name string) (address string, kill func()) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				io.WriteString(c, name+"\n")
				io.Copy(c, c)
				io.WriteString(c, "bye\n")
			}()
		}
	}()
	kill = func() {
		l.Close()
		<-done
	}
	t.Cleanup(kill)
	return l.Addr().String(), kill
}

func TestATCPServiceIsCarriedAndConnectsMove(t *testing.T) {
	one, killOne := echoAt(t, "1")
	two, _ := echoAt(t, "2")
	table := tableOf(1)
	table.Services[0].Protocol = holdfast.TCP
	table.Services[0].Healthcheck.Interval = time.Hour
	for i, address := range []string{one, two} {
		table.Services[0].Endpoints = append(table.Services[0].Endpoints, holdfast.Endpoint{
			ID:      holdfast.ReplicaID{Service: "catalog", Ordinal: i + 1, Incarnation: 1},
			Address: address,
		})
	}
	r := newRig(t, table)
	r.untilAdmitted(2)
	c, in := r.raw()
	in.ReadString('\n')
	io.WriteString(c, "hello\n")
	c.(*net.TCPConn).CloseWrite()
	if rest, err := io.ReadAll(in); string(rest) != "hello\nbye\n" || err != nil {
		t.Errorf("after the half-close: %q %v", rest, err)
	}
	killOne()
	for range 10 {
		c, err := net.Dial("tcp", r.published)
		if err != nil {
			t.Fatal(err)
		}
		c.SetDeadline(time.Now().Add(patience))
		if line, err := bufio.NewReader(c).ReadString('\n'); line != "2\n" {
			t.Errorf("%q %v", line, err)
		}
		c.Close()
	}
	r.untilAdmitted(1)
}

func TestATargetThatIsNoPathIsRefused(t *testing.T) {
	r := newRig(t, tableOf(1, newReplica(t, 1, named("1"))))
	r.untilAdmitted(1)
	for target, want := range map[string]string{
		"/":                    "200",
		"http://elsewhere/":    "200", // as to a proxy: the host is a header, and the path is asked for
		"http://elsewhere?q=1": "200",
		"x:@elsewhere/":        "400",
		"x:elsewhere":          "400",
		"*":                    "400",
	} {
		c, in := r.raw()
		io.WriteString(c, "GET "+target+" HTTP/1.1\r\nHost: shop\r\n\r\n")
		if line, err := in.ReadString('\n'); !strings.HasPrefix(line, "HTTP/1.1 "+want) {
			t.Errorf("GET %s: %q %v, want %s", target, line, err, want)
		}
	}
	if state, _ := r.gateway.State(t.Context()); state.Endpoints[0].Tries != 3 {
		t.Errorf("the replica was asked %d times, want 3", state.Endpoints[0].Tries)
	}
}
