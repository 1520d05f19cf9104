package gateway

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"holdfast"
)

// draining is a table in which one replica is about to be ended, and others are
// in use.
func draining(revision uint64, by time.Duration, leaving *replica, others ...*replica) holdfast.RoutingTable {
	table := tableOf(revision, others...)
	table.Services[0].Draining = []holdfast.Draining{{Endpoint: leaving.endpoint(), By: int64(now() + by)}}
	return table
}

// halfway answers with a half, and with the other one when it is released.
func halfway(release chan struct{}) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/long" {
			return
		}
		io.WriteString(w, "half ")
		http.NewResponseController(w).Flush()
		<-release
		io.WriteString(w, "whole")
	})
}

// drained follows a gateway and hands over what it says has drained.
func drained(t *testing.T, g *Gateway) <-chan holdfast.Drained {
	t.Helper()
	told := make(chan holdfast.Drained, 8)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		g.Follow(ctx, func(o holdfast.Observation) {
			if d, is := o.(holdfast.Drained); is {
				told <- d
			}
		})
	}()
	t.Cleanup(func() { stop(); <-done })
	return told
}

func next(t *testing.T, told <-chan holdfast.Drained) holdfast.Drained {
	t.Helper()
	select {
	case d := <-told:
		return d
	case <-time.After(patience):
		t.Fatal("nobody says that it has drained")
		return holdfast.Drained{}
	}
}

func none(t *testing.T, told <-chan holdfast.Drained, why string) {
	t.Helper()
	select {
	case d := <-told:
		t.Fatalf("%+v, although %s", d, why)
	case <-time.After(10 * drainEvery):
	}
}

func (r *rig) apply(table holdfast.RoutingTable) {
	r.t.Helper()
	if err := r.gateway.Apply(r.t.Context(), table); err != nil {
		r.t.Fatal(err)
	}
}

// half is an answer of which a half has come.
func (r *rig) half(do func(*http.Request) (*http.Response, error)) *http.Response {
	r.t.Helper()
	request, err := http.NewRequest("GET", "http://"+r.published+"/long", nil)
	if err != nil {
		r.t.Fatal(err)
	}
	answer, err := do(request)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { answer.Body.Close() })
	if _, err := io.ReadFull(answer.Body, make([]byte, len("half "))); err != nil {
		r.t.Fatal(err)
	}
	return answer
}

// One with nothing in flight is not waited for, whoever asks when; who follows
// later hears it, too, and so does who asks for one that was never known here.
func TestAnIdleReplicaHasDrainedAtOnce(t *testing.T) {
	one, other := newReplica(t, 1, named("1")), newReplica(t, 2, named("2"))
	r := newRig(t, tableOf(1, one, other))
	r.untilAdmitted(2)
	told := drained(t, r.gateway)
	r.apply(draining(2, time.Hour, one, other))
	if d := next(t, told); d.ID != one.id || d.Cut != 0 || d.Gateway != "gw" {
		t.Errorf("%+v", d)
	}
	none(t, told, "it was said already")
	if d := next(t, drained(t, r.gateway)); d.ID != one.id {
		t.Errorf("who follows later hears %+v", d)
	}
	unknown := newReplicaAt(t, holdfast.ReplicaID{Service: "catalog", Ordinal: 7, Incarnation: 3}, "127.0.0.1:0", named("7"))
	r.apply(draining(3, time.Hour, unknown, other))
	if d := next(t, told); d.ID != unknown.id {
		t.Errorf("%+v", d)
	}
}

// What a replica has when it is to be ended goes on to its end, over both
// protocols to replicas, and only then is it said that it is empty. What comes
// meanwhile is the others'.
func TestADownloadIsWaitedFor(t *testing.T) {
	for _, protocol := range []holdfast.Protocol{holdfast.HTTP, holdfast.H2C} {
		t.Run(string(protocol), func(t *testing.T) {
			begin := newReplica
			if protocol == holdfast.H2C {
				begin = newH2C
			}
			release := make(chan struct{})
			one, other := begin(t, 1, halfway(release)), begin(t, 2, named("2"))
			table := tableOf(1, one)
			table.Services[0].Protocol = protocol
			r := newRig(t, table)
			r.untilAdmitted(1)
			told := drained(t, r.gateway)
			answer := r.half(r.client.Do)
			table = draining(2, time.Hour, one, other)
			table.Services[0].Protocol = protocol
			r.apply(table)
			none(t, told, "half of an answer is still to come")
			for range 20 {
				if got := r.get("/"); got.body != "2" {
					t.Fatalf("%q of a replica that is to be ended", got.body)
				}
			}
			close(release)
			if rest, err := io.ReadAll(answer.Body); string(rest) != "whole" || err != nil {
				t.Errorf("%q, %v", rest, err)
			}
			if d := next(t, told); d.Cut != 0 {
				t.Errorf("%+v", d)
			}
			if protocol == holdfast.H2C {
				until(t, r.gateway, "its connection is closed", func(holdfast.GatewayState) bool { return one.open() == 0 })
			}
		})
	}
}

// open counts the replica's connections.
func (r *replica) open() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.conns)
}

// When the time is over what is left is cut off and counted; what can be asked
// elsewhere is, and hurts nobody.
func TestWhatTakesTooLongIsCutOff(t *testing.T) {
	for _, protocol := range []holdfast.Protocol{holdfast.HTTP, holdfast.H2C} {
		t.Run(string(protocol), func(t *testing.T) {
			begin := newReplica
			if protocol == holdfast.H2C {
				begin = newH2C
			}
			release := make(chan struct{})
			defer close(release)
			hung := halfway(release)
			one := begin(t, 1, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/silent" {
					<-release
				}
				hung.ServeHTTP(w, r)
			}))
			other := begin(t, 2, named("2"))
			table := tableOf(1, one)
			table.Services[0].Protocol = protocol
			r := newRig(t, table)
			r.untilAdmitted(1)
			told := drained(t, r.gateway)
			answer := r.half(r.client.Do)
			silent := make(chan string, 1)
			go func() {
				got, err := r.do("GET", r.published, "/silent", nil)
				silent <- fmt.Sprint(got.body, err)
			}()
			r.until("both are on their way", func(s holdfast.GatewayState) bool { return s.Endpoints[0].InFlight == 2 })
			table = draining(2, 100*time.Millisecond, one, other)
			table.Services[0].Protocol = protocol
			r.apply(table)
			if d := next(t, told); d.ID != one.id || d.Cut != 1 || d.Lasted < 50*time.Millisecond {
				t.Errorf("%+v", d)
			}
			if rest, err := io.ReadAll(answer.Body); err == nil {
				t.Errorf("half an answer is taken for a whole: %q", rest)
			}
			if got := <-silent; got != "2<nil>" {
				t.Errorf("what can be asked elsewhere: %s", got)
			}
			r.until("it is counted", func(s holdfast.GatewayState) bool { return s.Services[0].Cut == 1 })
		})
	}
}

// A stream has no end: it is cut off when its replica has to end, and its client
// sees that at once.
func TestStreamsAreCutOff(t *testing.T) {
	one, other := newReplica(t, 1, http.HandlerFunc(echoUpgrade)), newReplica(t, 2, named("2"))
	r := newRig(t, tableOf(1, one))
	r.untilAdmitted(1)
	told := drained(t, r.gateway)
	conn, err := net.Dial("tcp", r.published)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: catalog\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nsaid")
	var seen strings.Builder
	buffer := make([]byte, 1)
	for !strings.HasSuffix(seen.String(), "said") {
		if _, err := conn.Read(buffer); err != nil {
			t.Fatalf("%v after %q", err, seen.String())
		}
		seen.Write(buffer)
	}
	r.apply(draining(2, 100*time.Millisecond, one, other))
	if d := next(t, told); d.Cut != 1 {
		t.Errorf("%+v", d)
	}
	if n, err := conn.Read(buffer); n != 0 || err == nil {
		t.Errorf("%d bytes, %v of a stream that was cut off", n, err)
	}
}

// echoUpgrade says back what it is told.
func echoUpgrade(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Upgrade") == "" {
		return
	}
	conn, in, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
	io.Copy(conn, in)
}

// While one gateway takes over from another, a replica has drained when neither
// has anything in flight there.
func TestTheGatewayBesideCounts(t *testing.T) {
	release := make(chan struct{})
	one, other := newReplica(t, 1, halfway(release)), newReplica(t, 2, named("2"))
	r := newRig(t, tableOf(1, one))
	r.untilAdmitted(1)
	r.half(r.client.Do)
	twin := r.twin()
	told := drained(t, twin)
	if err := twin.Apply(t.Context(), draining(2, time.Hour, one, other)); err != nil {
		t.Fatal(err)
	}
	r.until("the first one has the table", func(s holdfast.GatewayState) bool { return s.Revision == 2 })
	none(t, told, "the other gateway waits for half of an answer")
	close(release)
	next(t, told)
}

// A gateway that was killed has nothing in flight, whatever it last showed.
func TestAGatewayThatIsGoneIsNotWaitedFor(t *testing.T) {
	dir := t.TempDir()
	dead, err := appear(dir)
	if err != nil {
		t.Fatal(err)
	}
	id := holdfast.ReplicaID{Service: "catalog", Ordinal: 1, Incarnation: 1}
	dead.show(shown{Revision: 7, Busy: []holdfast.ReplicaID{id}})
	p, err := appear(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer p.leave()
	all := p.beside()
	if len(all) != 1 || !all[0].mayUse(id, 7) || all[0].mayUse(holdfast.ReplicaID{Service: "cart", Ordinal: 1, Incarnation: 1}, 7) {
		t.Errorf("shown is %+v", all)
	}
	if !all[0].mayUse(holdfast.ReplicaID{Service: "cart", Ordinal: 1, Incarnation: 1}, 8) {
		t.Error("one with an older table is taken for one that knows what drains")
	}
	dead.file.Close() // as the kernel does it
	if left := p.beside(); len(left) != 0 {
		t.Errorf("it is still waited for: %+v", left)
	}
	if dead.leave(); len(p.beside()) != 0 {
		t.Error("its file is still there")
	}
}

// A request that picked a replica just before it was taken out of use is sent
// elsewhere, and does not count against it.
func TestALatePickGoesElsewhere(t *testing.T) {
	one, other := newReplica(t, 1, named("1")), newReplica(t, 2, named("2"))
	r := newRig(t, tableOf(1, one))
	r.untilAdmitted(1)
	s := r.gateway.services["catalog"]
	before := s.lineup.Load()
	r.apply(draining(2, time.Hour, one, other))
	r.untilAdmitted(1)
	s.lineup.Store(before)
	got, err := r.do("POST", r.published, "/", strings.NewReader("abc"))
	if err != nil || got.status != http.StatusBadGateway {
		t.Errorf("%+v, %v: it was sent to a replica that may have ended", got, err)
	}
	s.lineup.Store(&lineup{usable: []*endpoint{before.usable[0], s.endpoints[0]}, trusted: true})
	for range 20 {
		if got := r.get("/"); got.body != "2" {
			t.Fatalf("%+v", got)
		}
	}
}

// A listener that is taken away while its replicas drain lets go of nobody before
// they do, and tells who speaks HTTP/2 that its connection ends, also one that asks
// nothing meanwhile.
func TestAListenerThatGoesAway(t *testing.T) {
	release := make(chan struct{})
	one := newReplica(t, 1, halfway(release))
	r := newRig(t, tableOf(1, one))
	r.untilAdmitted(1)
	answer := r.half(r.client.Do)
	said := goodbye(t, r.published)
	table := draining(2, time.Hour, one)
	table.Services[0].Emptied = true
	r.apply(table)
	r.gateway.mu.Lock()
	r.gateway.shut(r.gateway.doors["catalog:80"], 0)
	r.gateway.mu.Unlock()
	until(t, r.gateway, "nobody is accepted", func(holdfast.GatewayState) bool {
		c, err := net.Dial("tcp", r.published)
		if err == nil {
			c.Close()
		}
		return err != nil
	})
	select {
	case err := <-said:
		t.Errorf("a connection is ended while a replica drains: %v", err)
	default:
	}
	close(release)
	if rest, err := io.ReadAll(answer.Body); string(rest) != "whole" || err != nil {
		t.Errorf("%q, %v", rest, err)
	}
	if err := <-said; err != nil {
		t.Errorf("who asks nothing is not told to go: %v", err)
	}
}

// goodbye opens a connection over HTTP/2, asks nothing, and says whether it is told
// to go before it ends.
func goodbye(t *testing.T, address string) <-chan error {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(patience))
	io.WriteString(conn, http2.ClientPreface)
	frames := http2.NewFramer(conn, conn)
	frames.WriteSettings()
	said := make(chan error, 1)
	settled := make(chan struct{})
	go func() {
		for {
			frame, err := frames.ReadFrame()
			if err != nil {
				said <- err
				return
			}
			switch f := frame.(type) {
			case *http2.SettingsFrame:
				if f.IsAck() {
					close(settled)
				}
			case *http2.GoAwayFrame:
				said <- nil
				return
			}
		}
	}()
	<-settled
	return said
}

// A connection of a TCP service is a stream, too: it goes on while it may, is cut
// off after that, and the next one is another replica's.
func TestConnectionsAreCutOff(t *testing.T) {
	table := tableOf(1)
	s := &table.Services[0]
	s.Protocol = holdfast.TCP
	for i := range 2 {
		address, _ := echoAt(t, fmt.Sprint(i+1))
		s.Endpoints = append(s.Endpoints, holdfast.Endpoint{ID: holdfast.ReplicaID{Service: "catalog", Ordinal: i + 1, Incarnation: 1}, Address: address})
	}
	both := s.Endpoints
	s.Endpoints = both[:1]
	r := newRig(t, table)
	r.untilAdmitted(1)
	told := drained(t, r.gateway)
	_, in := r.raw()
	if line, err := in.ReadString('\n'); line != "1\n" {
		t.Fatalf("%q, %v", line, err)
	}
	table.Revision, s.Endpoints = 2, both[1:]
	s.Draining = []holdfast.Draining{{Endpoint: both[0], By: int64(now() + 200*time.Millisecond)}}
	r.apply(table)
	_, other := r.raw()
	if line, err := other.ReadString('\n'); line != "2\n" {
		t.Errorf("the next one: %q, %v", line, err)
	}
	if d := next(t, told); d.ID != both[0].ID || d.Cut != 1 {
		t.Errorf("%+v", d)
	}
	if _, err := in.ReadByte(); err == nil {
		t.Error("it is not cut off")
	}
}
