package gateway

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"holdfast"
)

// twin begins a second gateway on the first one's disk and sockets.
func (r *rig) twin(sockets ...Socket) *Gateway {
	r.t.Helper()
	g := newGateway(r.t, r.gateway.dir)
	g.Sockets(sockets)
	run(r.t, g)
	return g
}

// again is a second descriptor of a listening socket.
func again(t *testing.T, s Socket) Socket {
	t.Helper()
	file, err := s.Socket.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	l, err := net.FileListener(file)
	if err != nil {
		t.Fatal(err)
	}
	return Socket{Listener: s.Listener, Socket: l}
}

// A client that keeps its connection is never cut off: the gateway that leaves
// answers once more, and asks it to go; the next connection is the other one's.
func TestAGatewayThatLeavesFailsNobody(t *testing.T) {
	replica := newReplica(t, 1, named("1"))
	g := newGateway(t, t.TempDir())
	if err := g.Apply(t.Context(), tableOf(1, replica)); err != nil {
		t.Fatal(err)
	}
	socket := socketFor(t, "catalog:80")
	second := again(t, socket)
	g.Sockets([]Socket{socket})
	ended := make(chan error, 1)
	go func() { ended <- g.Run(t.Context()) }()
	r := &rig{t: t, gateway: g, published: socket.Listener.Address, client: client(t)}
	r.untilAdmitted(1)
	conn, err := net.Dial("tcp", r.published)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	in := bufio.NewReader(conn)
	if closes := ask(t, conn, in); closes {
		t.Fatal("a gateway that stays asks its client to go")
	}

	twin := r.twin(second)
	g.Leave()
	select {
	case err := <-ended:
		t.Fatalf("it ended (%v) before its client", err)
	case <-time.After(3 * lookAgain):
	}
	if closes := ask(t, conn, in); !closes {
		t.Error("a gateway that leaves keeps its client")
	}
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(patience):
		t.Error("it does not end although nobody is left")
	}
	if answer, err := r.client.Get("http://" + r.published); err != nil || answer.StatusCode != http.StatusOK {
		t.Errorf("the other one: %v, %v", answer, err)
	} else {
		answer.Body.Close()
	}
	if state, _ := twin.State(t.Context()); state.Routes[0].Requests != 1 {
		t.Errorf("the other one counts %+v", state.Routes)
	}
}

// ask makes a request on a connection and says whether the answer ends it.
func ask(t *testing.T, conn net.Conn, in *bufio.Reader) (closes bool) {
	t.Helper()
	conn.SetDeadline(time.Now().Add(patience))
	fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: catalog\r\n\r\n")
	answer, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("%s, %v", answer.Status, err)
	}
	return answer.Close
}

// While one gateway takes over from another, a table given to either is in force
// in both.
func TestGatewaysOfOneDirectoryShareTheTable(t *testing.T) {
	r := newRig(t, tableOf(1, newReplica(t, 1, named("1"))))
	twin := r.twin()
	if err := twin.Apply(t.Context(), tableOf(2, newReplica(t, 1, named("1")))); err != nil {
		t.Fatal(err)
	}
	r.until("the other one's table holds", func(s holdfast.GatewayState) bool { return s.Revision == 2 })
}

func TestHealthOutlivesTheGateway(t *testing.T) {
	well, sick, over := newReplica(t, 1, named("1")), newReplica(t, 2, named("2")), newReplica(t, 3, named("3"))
	sick.kill()
	r := newRig(t, tableOf(1, well, sick, over))
	r.untilAdmitted(2)
	r.gateway.Exited(over.exited())
	refuse(r, sick)
	r.gateway.writeMemory()
	r.end()

	g := newGateway(t, r.gateway.dir) // it does not run: what it knows it was told
	state, _ := g.State(t.Context())
	for i, want := range []struct {
		admitted bool
		sign     holdfast.Sign
	}{{true, ""}, {false, holdfast.SignRefused}, {false, holdfast.SignRefused}} {
		if e := state.Endpoints[i]; e.Admitted != want.admitted || e.Sign != want.sign {
			t.Errorf("%s: admitted %v, %q (%s); want %v, %q", e.ID, e.Admitted, e.Sign, e.Reason, want.admitted, want.sign)
		}
	}
	s := g.services["catalog"]
	if line := s.lineup.Load(); !line.trusted || len(line.usable) != 1 || line.usable[0].ID != well.id {
		t.Errorf("it would send to %+v", line)
	}
	if s.records["catalog-2"].calm(now()) {
		t.Error("a fall is forgotten")
	}
}

// refuse ejects a replica that never was admitted as if it had been.
func refuse(r *rig, of *replica) {
	g := r.gateway
	g.mu.Lock()
	defer g.mu.Unlock()
	s := g.services["catalog"]
	for _, e := range s.endpoints {
		if e.ID == of.id {
			g.admit(e, "was well")
			g.doubt(s, e, holdfast.SignRefused, "refused")
		}
	}
	g.settle(s)
}

func TestWhatIsStaleIsNotBelieved(t *testing.T) {
	a, b := newReplica(t, 1, named("1")), newReplica(t, 2, named("2"))
	r := newRig(t, tableOf(1, a, b))
	r.untilAdmitted(2)
	r.gateway.Exited(b.exited())
	m := r.gateway.memorize()
	r.end()
	if err := os.Remove(r.gateway.memoryPath()); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		after time.Duration
		want  standing
	}{{stale - time.Second, admitted}, {stale + time.Second, unknown}} {
		g := newGateway(t, r.gateway.dir)
		g.mu.Lock()
		g.recallFrom(m, m.At+c.after)
		all := g.services["catalog"].endpoints
		if all[0].standing != c.want || all[1].standing != ejected {
			t.Errorf("after %s: %d and %d, want %d and that an end does not fade (%d)", c.after, all[0].standing, all[1].standing, c.want, ejected)
		}
		g.mu.Unlock()
	}
}

// What a service bears is not learned anew by a gateway that is renewed in the middle
// of an overload.
func TestWhatAServiceBearsOutlivesTheGateway(t *testing.T) {
	r := newRig(t, tableOf(1, newReplica(t, 1, named("1"))))
	r.untilAdmitted(1)
	r.end()
	r.gateway.mu.Lock()
	a := &r.gateway.services["catalog"].admission
	r.gateway.mu.Unlock()
	learned := bearing{Usual: 40 * time.Millisecond, Eased: 50 * time.Millisecond, Peak: 100, Most: 14}
	a.recall(learned, now())
	r.gateway.writeMemory()
	for bad := range 4 { // nothing of the kind is believed
		b := learned
		[]func(){func() { b.Usual = 0 }, func() { b.Eased = -1 }, func() { b.Peak = 0 }, func() { b.Most = -1 }}[bad]()
		a.recall(b, now())
	}
	if got := a.bearing(); got != learned {
		t.Errorf("it believed %+v", got)
	}
	next := newGateway(t, r.gateway.dir)
	if got := next.services["catalog"].admission.bearing(); got != learned {
		t.Errorf("the next gateway begins with %+v, want %+v", got, learned)
	}
	m := next.memorize()
	late := newGateway(t, t.TempDir())
	if err := late.Apply(t.Context(), next.held.table); err != nil {
		t.Fatal(err)
	}
	late.mu.Lock()
	defer late.mu.Unlock()
	late.recallFrom(m, m.At+stale)
	if got := late.services["catalog"].admission.bearing(); got != (bearing{}) {
		t.Errorf("after %s it still believes %+v", stale, got)
	}
}

// The journal was lost and the gateway's memory was not: incarnations begin anew,
// and one that ended has the name and the number of one that lives. Nobody takes
// the one for the other for long, nor tells that the living one has ended.
func TestALivingReplicaIsNotTakenForOneThatEnded(t *testing.T) {
	one, other := newReplica(t, 1, named("1")), newReplica(t, 2, named("2"))
	r := newRig(t, tableOf(1, one, other))
	r.untilAdmitted(2)
	r.gateway.Exited(one.exited())
	later := other.exited()
	later.ID.Incarnation = 7
	r.gateway.Exited(later)
	r.gateway.writeMemory()
	r.end()

	g := newGateway(t, r.gateway.dir)
	run(t, g)
	seen := watched{seen: make(chan holdfast.Observation, 100)}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); g.Follow(ctx, func(o holdfast.Observation) { seen.seen <- o }) }()
	defer func() { stop(); <-done }()
	until(t, g, "both are in use", func(s holdfast.GatewayState) bool { return admittedIn(s) == 2 })
	for len(seen.seen) > 0 {
		if e, is := (<-seen.seen).(holdfast.Ejected); is && e.Sign == holdfast.SignExit {
			t.Errorf("who follows is told that it has ended: %+v", e)
		}
	}
	// Neither does a gateway that lived through it keep what it knows of the dead.
	g.Exited(one.exited())
	until(t, g, "the keeper's word counts", func(s holdfast.GatewayState) bool { return admittedIn(s) == 1 })
	g.Exited(holdfast.Process{ID: one.id})
	until(t, g, "the keeper's word that it lives counts, too", func(s holdfast.GatewayState) bool { return admittedIn(s) == 2 })
	if err := g.Apply(t.Context(), tableOf(2, other)); err != nil {
		t.Fatal(err)
	}
	if err := g.Apply(t.Context(), tableOf(3, one, other)); err != nil {
		t.Fatal(err)
	}
	until(t, g, "it is not remembered as one that ended", func(s holdfast.GatewayState) bool { return admittedIn(s) == 2 })
}

// Instants of another clock mean nothing: a replica would be held out for as long
// as the clocks are apart.
func TestAMemoryOfAnotherClockIsNone(t *testing.T) {
	r := newRig(t, tableOf(1, newReplica(t, 1, named("1"))))
	r.untilAdmitted(1)
	r.end()
	m := r.gateway.memorize()
	m.At = now() + time.Hour
	m.Facts[0].Standing, m.Facts[0].Held = "ejected", now()+time.Hour
	text, err := json.Marshal(m)
	if err == nil {
		err = os.WriteFile(r.gateway.memoryPath(), text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	if e := newGateway(t, r.gateway.dir).services["catalog"].endpoints[0]; e.standing != unknown || e.held != 0 {
		t.Errorf("standing %d, held until %s", e.standing, e.held)
	}
}

func TestAMemoryThatCannotBeReadIsNone(t *testing.T) {
	r := newRig(t, tableOf(1, newReplica(t, 1, named("1"))))
	r.untilAdmitted(1)
	r.end()
	for _, text := range []string{"", "{", `{"boot":"another","at":1}`} {
		if err := os.WriteFile(r.gateway.memoryPath(), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if state, _ := newGateway(t, r.gateway.dir).State(t.Context()); len(state.Endpoints) != 1 || state.Endpoints[0].Admitted {
			t.Errorf("%q: %+v", text, state.Endpoints)
		}
	}
}

// A stream of a gateway that leaves goes on, and one of a service that a new
// table leaves alone, too: its endpoints and connections are the same ones.
func TestAStreamOutlivesChangesOfOthers(t *testing.T) {
	echo := http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if q.Header.Get("Upgrade") == "" {
			return // a health check
		}
		conn, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer conn.Close()
		fmt.Fprint(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
		io.Copy(conn, buffered)
	})
	one := newReplica(t, 1, echo)
	table := tableOf(1, one)
	r := newRig(t, table)
	r.untilAdmitted(1)
	conn, err := net.Dial("tcp", r.published)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	in := bufio.NewReader(conn)
	fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
	if answer, err := http.ReadResponse(in, nil); err != nil || answer.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("%v, %v", answer, err)
	}
	echoes := func(when string) {
		t.Helper()
		fmt.Fprintln(conn, when)
		if line, err := in.ReadString('\n'); err != nil || strings.TrimSpace(line) != when {
			t.Fatalf("%s: %q, %v", when, line, err)
		}
	}
	echoes("before")
	before := r.endpointOf("catalog")
	for revision := range uint64(5) {
		table.Revision = 2 + revision
		table.Services = append(table.Services[:1:1], holdfast.RoutedService{
			Name: "cart", Protocol: holdfast.HTTP, Healthcheck: fast(),
			Endpoints: []holdfast.Endpoint{{ID: holdfast.ReplicaID{Service: "cart", Ordinal: 1, Incarnation: holdfast.Incarnation(revision + 1)}, Address: one.address}},
		})
		if err := r.gateway.Apply(t.Context(), table); err != nil {
			t.Fatal(err)
		}
		echoes("while another one changes")
	}
	table.Revision++
	table.Services[0].Healthcheck.Interval, table.Routes[0].Timeout = time.Second, time.Minute
	if err := r.gateway.Apply(t.Context(), table); err != nil {
		t.Fatal(err)
	}
	echoes("while its own check and timeout change")
	if r.endpointOf("catalog") != before {
		t.Error("an endpoint that did not change is another one")
	}
	r.gateway.Leave()
	echoes("while the gateway leaves")
	bounded, cancel := context.WithTimeout(t.Context(), 3*lookAgain)
	defer cancel()
	<-bounded.Done()
	echoes("a while later")
}

func (r *rig) endpointOf(name holdfast.ServiceName) *endpoint {
	r.gateway.mu.Lock()
	defer r.gateway.mu.Unlock()
	return r.gateway.services[name].endpoints[0]
}
