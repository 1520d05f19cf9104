package gateway

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"holdfast"
	"holdfast/internal/unixsock"
)

func TestTablesThatAreRefused(t *testing.T) {
	r := newReplica(t, 1, named("1"))
	g := newGateway(t, t.TempDir())
	if err := g.Apply(t.Context(), tableOf(5, r)); err != nil {
		t.Fatal(err)
	}
	change := func(revision uint64, f func(*holdfast.RoutingTable)) holdfast.RoutingTable {
		table := tableOf(revision, r)
		f(&table)
		return table
	}
	for name, c := range map[string]struct {
		table holdfast.RoutingTable
		is    error
	}{
		"older":           {table: tableOf(4, r), is: holdfast.ErrStale},
		"emptied":         {table: tableOf(6), is: holdfast.ErrEmpty},
		"nothing left":    {table: holdfast.RoutingTable{Revision: 6}, is: holdfast.ErrEmpty},
		"other content":   {table: tableOf(5)},
		"no such service": {table: change(6, func(t *holdfast.RoutingTable) { t.Routes[0].Service = "cart" })},
		"listener twice":  {table: change(6, func(t *holdfast.RoutingTable) { t.Routes[1].Listener = t.Routes[0].Listener })},
		"service twice":   {table: change(6, func(t *holdfast.RoutingTable) { t.Services = append(t.Services, t.Services[0]) })},
		"endpoint twice": {table: change(6, func(t *holdfast.RoutingTable) {
			t.Services[0].Endpoints = append(t.Services[0].Endpoints, t.Services[0].Endpoints[0])
		})},
		"another's endpoint":  {table: change(6, func(t *holdfast.RoutingTable) { t.Services[0].Endpoints[0].ID.Service = "cart" })},
		"no port":             {table: change(6, func(t *holdfast.RoutingTable) { t.Services[0].Endpoints[0].Address = "127.0.0.1" })},
		"port 0":              {table: change(6, func(t *holdfast.RoutingTable) { t.Services[0].Endpoints[0].Address = "127.0.0.1:0" })},
		"no protocol":         {table: change(6, func(t *holdfast.RoutingTable) { t.Services[0].Protocol = "" })},
		"no priority of ours": {table: change(6, func(t *holdfast.RoutingTable) { t.Routes[0].Priority = "urgent" })},
		"a timeout below 0":   {table: change(6, func(t *holdfast.RoutingTable) { t.Routes[0].Timeout = -1 })},
		"retries below 0":     {table: change(6, func(t *holdfast.RoutingTable) { t.Routes[1].Repetition = repetition(-1) })},
		"too many retries":    {table: change(6, func(t *holdfast.RoutingTable) { t.Routes[1].Repetition = repetition(holdfast.MaxRetries + 1) })},
		"a nameless listener": {table: change(6, func(t *holdfast.RoutingTable) { t.Routes[0].Listener = "" })},
	} {
		if err := g.Apply(t.Context(), c.table); err == nil || c.is != nil && !errors.Is(err, c.is) {
			t.Errorf("%s: %v, want %v", name, err, c.is)
		}
		if state, _ := g.State(t.Context()); state.Revision != 5 || len(state.Endpoints) != 1 {
			t.Fatalf("%s: a refused table changed what was held: %+v", name, state)
		}
	}
	if err := g.Apply(t.Context(), tableOf(5, r)); err != nil {
		t.Errorf("the same table again: %v", err)
	}
	if err := g.Apply(t.Context(), change(6, func(t *holdfast.RoutingTable) {
		t.Services[0].Endpoints, t.Services[0].Emptied = nil, true
	})); err != nil {
		t.Errorf("emptied by the file: %v", err)
	}
}

// A gateway that starts alone serves what it served before.
func repetition(retries int) holdfast.Repetition { return holdfast.Repetition{Retries: &retries} }

func TestARestartServesFromDisk(t *testing.T) {
	dir := t.TempDir()
	replica := newReplica(t, 1, named("1"))
	if err := newGateway(t, dir).Apply(t.Context(), tableOf(7, replica)); err != nil {
		t.Fatal(err)
	}
	g := newGateway(t, dir)
	socket := socketFor(t, "catalog:80")
	g.Sockets([]Socket{socket})
	run(t, g)
	r := &rig{t: t, gateway: g, published: socket.Listener.Address, client: client(t)}
	if got := r.get("/"); got.body != "1" {
		t.Errorf("before the first check: %+v", got)
	}
	r.untilAdmitted(1)
	if err := g.Apply(t.Context(), tableOf(6, replica)); !errors.Is(err, holdfast.ErrStale) {
		t.Errorf("an older table than the one on disk: %v", err)
	}
}

func TestATornTableIsSetAside(t *testing.T) {
	dir := t.TempDir()
	if err := newGateway(t, dir).Apply(t.Context(), tableOf(7, newReplica(t, 1, named("1")))); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "table.json")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	os.WriteFile(path, []byte(strings.Replace(string(text), `"revision":7`, `"revision":8`, 1)), 0o600)
	if state, _ := newGateway(t, dir).State(t.Context()); state.Revision != 0 {
		t.Errorf("a table with a wrong checksum was used: %+v", state)
	}
	if _, err := os.Stat(path + ".bad"); err != nil {
		t.Error(err)
	}
}

// Without a disk the table is in force all the same, and everybody can see that
// it is not kept. The next time it is.
func TestATableThatCannotBeWrittenIsUsed(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "gw")
	g := newGateway(t, dir)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	table := tableOf(1, newReplica(t, 1, named("1")))
	if err := g.Apply(t.Context(), table); err != nil {
		t.Fatal(err)
	}
	if state, _ := g.State(t.Context()); state.Revision != 1 || state.Unsaved == "" {
		t.Errorf("%+v", state)
	}
	os.Mkdir(dir, 0o700)
	if err := g.Apply(t.Context(), table); err != nil {
		t.Fatal(err)
	}
	if state, _ := g.State(t.Context()); state.Unsaved != "" {
		t.Errorf("%+v", state)
	}
}

// What a new table does not change keeps its connections, streams and standing.
func TestApplyKeepsWhatStands(t *testing.T) {
	release := make(chan struct{})
	replica := newReplica(t, 1, after(0, named("1")))
	slow := newReplica(t, 2, wait(release, named("2")))
	r := newRig(t, tableOf(1, slow))
	answered := make(chan told, 1)
	go func() {
		got, _ := r.do("GET", r.published, "/slow", nil)
		answered <- got
	}()
	r.until("it is in flight", func(s holdfast.GatewayState) bool { return s.Endpoints[0].InFlight == 1 && s.Endpoints[0].Admitted })
	before, _ := r.gateway.State(t.Context())
	if err := r.gateway.Apply(t.Context(), tableOf(2, slow, replica)); err != nil {
		t.Fatal(err)
	}
	after, _ := r.gateway.State(t.Context())
	if after.Endpoints[0].Since != before.Endpoints[0].Since || after.Endpoints[0].InFlight != 1 {
		t.Errorf("before %+v\nafter %+v", before.Endpoints, after.Endpoints)
	}
	r.untilAdmitted(2)
	if err := r.gateway.Apply(t.Context(), tableOf(3, replica)); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		if got := r.get("/slow"); got.body != "1" {
			t.Errorf("a replica no table names was used: %+v", got)
		}
	}
	close(release)
	if got := <-answered; got.body != "2" {
		t.Errorf("what was in flight on the removed one ended with %+v", got)
	}
}

// A new incarnation begins without a reputation, and a late word about the old
// one does not touch it.
func TestANewIncarnationIsAnother(t *testing.T) {
	first := newReplica(t, 1, named("old"))
	second := newReplica(t, 2, named("2"))
	r := newRig(t, tableOf(1, first, second))
	r.untilAdmitted(2)
	first.kill()
	r.gateway.Exited(first.exited())
	r.untilAdmitted(1)
	next := newReplicaAt(t, holdfast.ReplicaID{Service: "catalog", Ordinal: 1, Incarnation: 2}, first.address, named("new"))
	if err := r.gateway.Apply(t.Context(), tableOf(2, next, second)); err != nil {
		t.Fatal(err)
	}
	r.untilAdmitted(2)
	r.gateway.Exited(first.exited())
	r.untilAdmitted(2)
	// One that ended before its table came is out from the beginning.
	third := newReplicaAt(t, holdfast.ReplicaID{Service: "catalog", Ordinal: 3, Incarnation: 1}, "127.0.0.1:0", named("3"))
	r.gateway.Exited(third.exited())
	if err := r.gateway.Apply(t.Context(), tableOf(3, next, second, third)); err != nil {
		t.Fatal(err)
	}
	if state, _ := r.gateway.State(t.Context()); state.Endpoints[2].Admitted || !strings.Contains(state.Endpoints[2].Reason, "ended") {
		t.Errorf("%+v", state.Endpoints[2])
	}
}

// The control socket is the same gateway, from another process.
func TestTheControlSocket(t *testing.T) {
	replica := newReplica(t, 1, named("1"))
	r := newRig(t, tableOf(1, replica))
	path := filepath.Join(t.TempDir(), "gateway.sock")
	control(t, r.gateway, path)
	var remote holdfast.Gateway = Dial(path)
	if err := remote.Apply(t.Context(), tableOf(3, replica)); err != nil {
		t.Fatal(err)
	}
	if err := remote.Apply(t.Context(), tableOf(2, replica)); !errors.Is(err, holdfast.ErrStale) {
		t.Errorf("stale: %v", err)
	}
	if err := remote.Apply(t.Context(), tableOf(4)); !errors.Is(err, holdfast.ErrEmpty) || !strings.Contains(err.Error(), "catalog") {
		t.Errorf("empty: %v", err)
	}
	if err := remote.Apply(t.Context(), holdfast.RoutingTable{Revision: 4, Services: []holdfast.RoutedService{{}}}); err == nil || errors.Is(err, holdfast.ErrEmpty) {
		t.Errorf("nonsense: %v", err)
	}
	state, err := remote.State(t.Context())
	if err != nil || state.Revision != 3 || state.Gateway != "gw" || len(state.Endpoints) != 1 {
		t.Errorf("%v %+v", err, state)
	}
	r.untilAdmitted(1)
	seen := watched{seen: make(chan holdfast.Observation, 100)}
	lost := make(chan error, 1)
	go func() { lost <- remote.Follow(t.Context(), func(o holdfast.Observation) { seen.seen <- o }) }()
	seen.next(t, "admitted", func(o holdfast.Observation) bool {
		a, is := o.(holdfast.Admitted)
		return is && a.ID == replica.id && strings.Contains(a.Detail, "GET / 200")
	})
	r.gateway.Exited(replica.exited())
	seen.next(t, "ejected", func(o holdfast.Observation) bool {
		e, is := o.(holdfast.Ejected)
		return is && e.Sign == holdfast.SignExit && e.Gateway == "gw"
	})
	r.end()
	select {
	case err := <-lost:
		if err == nil {
			t.Error("the gateway ended and its follower was told that all is well")
		}
	case <-time.After(patience):
		t.Error("the follower was not told that the gateway ended")
	}
}

func control(t *testing.T, g *Gateway, path string) {
	t.Helper()
	l, err := unixsock.Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	ctx, end := context.WithCancel(context.Background())
	go func() { done <- g.Control(ctx, l) }()
	t.Cleanup(func() {
		end()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// A follower that does not keep up is dropped; traffic and verdicts go on.
func TestASlowFollowerIsDropped(t *testing.T) {
	replica := newReplica(t, 1, named("1"))
	r := newRig(t, tableOf(1, replica))
	r.untilAdmitted(1)
	stuck, release := make(chan struct{}, 1), make(chan struct{})
	dropped := make(chan error, 1)
	go func() {
		dropped <- r.gateway.Follow(t.Context(), func(holdfast.Observation) {
			select {
			case stuck <- struct{}{}:
			default:
			}
			<-release
		})
	}()
	<-stuck
	for range followQueue + 1 {
		r.gateway.mu.Lock()
		r.gateway.announce(holdfast.Admitted{ID: replica.id})
		r.gateway.mu.Unlock()
	}
	if got := r.get("/"); got.status != 200 {
		t.Errorf("%+v", got)
	}
	close(release)
	if err := <-dropped; !errors.Is(err, ErrOverflow) {
		t.Errorf("ended with %v", err)
	}
}
