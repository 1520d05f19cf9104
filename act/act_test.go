package act

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"holdfast"
	"holdfast/control"
	"holdfast/event"
)

// hand is a driver that writes down what it is given.
type hand struct {
	holdfast.Driver
	mu      sync.Mutex
	applied []holdfast.Desired
	refuses error
	holds   chan struct{} // Apply waits until it is closed, where there is one
}

func (h *hand) Apply(_ context.Context, desired holdfast.Desired) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.holds != nil {
		<-h.holds
	}
	if h.refuses != nil {
		return h.refuses
	}
	h.applied = append(h.applied, desired)
	return nil
}

// fails makes the driver refuse with an error, or take over again with nil.
func (h *hand) fails(with error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.refuses = with
}

// lives is what was wanted, plan by plan.
func (h *hand) lives() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var all []string
	for _, desired := range h.applied {
		text := ""
		for _, replica := range desired.Replicas {
			text += replica.ID.String() + " "
		}
		all = append(all, text)
	}
	return all
}

// gate is a gateway that may be down or stuck.
type gate struct {
	holdfast.Gateway
	mu    sync.Mutex
	has   []uint64 // revisions it took
	tried int
	down  error
	stuck bool // it answers nobody until who asks gives up
}

func (g *gate) Apply(ctx context.Context, table holdfast.RoutingTable) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.tried++
	if g.stuck {
		<-ctx.Done()
		return ctx.Err()
	}
	if g.down != nil {
		return g.down
	}
	g.has = append(g.has, table.Revision)
	return nil
}

// fails makes the gateway fail with an error, or serve again with nil.
func (g *gate) fails(with error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.down = with
}

func (g *gate) tries() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.tried
}

func (g *gate) revisions() []uint64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.has
}

type lease struct{ lost chan struct{} }

func (lease) Epoch() uint64 { return 1 }

func (l lease) Held() bool {
	select {
	case <-l.lost:
		return false
	default:
		return true
	}
}

// A stage is an actor at work in a bubble of time.
type stage struct {
	*Actor
	t          *testing.T
	processes  *hand
	urls       *hand
	gate, bad  *gate
	lease      lease
	mu         sync.Mutex
	told       []event.Body
	complaints []string
	cancel     context.CancelFunc
	ended      chan error
}

// raise makes an actor with two drivers and two gateways; work begins its work.
func raise(t *testing.T) *stage {
	t.Helper()
	s := &stage{t: t, processes: &hand{}, urls: &hand{}, gate: &gate{}, bad: &gate{}, lease: lease{lost: make(chan struct{})}, ended: make(chan error, 1)}
	s.Actor = New(Options{
		Hands: []Hand{
			{Takes: func(service holdfast.Service) bool { return service.Command != "" }, Driver: s.processes},
			{Takes: func(service holdfast.Service) bool { return service.Command == "" }, Driver: s.urls},
		},
		Gateways: []holdfast.Gateway{s.bad, s.gate},
		Agree:    s.lease,
		Address: func(name holdfast.ListenerName) (netip.AddrPort, bool) {
			return netip.MustParseAddrPort("127.0.0.1:7001"), name == "storefront/catalog"
		},
		Tell: func(_ context.Context, in event.Body) error {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.told = append(s.told, in)
			return nil
		},
		Complain: func(err error) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.complaints = append(s.complaints, err.Error())
		},
	})
	return s
}

func (s *stage) work() *stage {
	ctx, cancel := context.WithCancel(s.t.Context())
	s.cancel = cancel
	go func() { s.ended <- s.Run(ctx) }()
	s.t.Cleanup(cancel)
	synctest.Wait()
	return s
}

// heard is what the mind was told, and complained what was complained of.
func (s *stage) heard() []event.Body {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.told
}

func (s *stage) complained() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.complaints
}

// carries hands over frames, each with its plan.
func (s *stage) carries(plans ...*control.Plan) {
	for _, plan := range plans {
		s.Carry(event.Frame{}, plan)
	}
	synctest.Wait()
}

// plan wants one life of the catalog.
func plan(revision uint64, life holdfast.Incarnation) *control.Plan {
	id := holdfast.ReplicaID{Service: "catalog", Ordinal: 1, Incarnation: life}
	return &control.Plan{
		Revision: revision, Table: holdfast.RoutingTable{Revision: revision},
		Desired: holdfast.Desired{Replicas: []holdfast.DesiredReplica{{ID: id, Service: holdfast.Service{Name: "catalog", Command: "./catalog"}}}},
	}
}

// remedy is a frame that decided one.
func remedy(seq uint64) event.Frame {
	return event.Frame{Entries: []event.Entry{
		{ID: action(seq - 1), Body: holdfast.Exited{}},
		{ID: action(seq), Body: event.Decided{Do: event.ActRestart, Mode: "catalog.crash"}},
	}}
}

func action(seq uint64) event.ID { return event.ID{Writer: "agent", Seq: seq} }

func same[T any](t *testing.T, what string, got, want T) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func TestTheNewestPlanWins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := raise(t)
		s.carries(plan(1, 1), plan(2, 2), plan(3, 3)) // before anybody could act
		s.work()
		same(t, "the driver was given", s.processes.lives(), []string{"catalog-1#3 "})
		same(t, "the gateway was given", s.gate.revisions(), []uint64{3})
	})
}

func TestAFrameWithoutAPlanChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := raise(t).work()
		s.carries(plan(1, 1))
		s.Carry(remedy(8), nil)
		synctest.Wait()
		same(t, "the driver was given", s.processes.lives(), []string{"catalog-1#1 "})
		same(t, "the mind was told", s.heard(), nil)
	})
}

func TestEachDriverGetsItsOwnAndWhereItsDependenciesAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := raise(t).work()
		needs := []holdfast.Dependency{{On: "catalog"}, {On: "payments"}}
		s.carries(&control.Plan{Desired: holdfast.Desired{Replicas: []holdfast.DesiredReplica{
			{ID: holdfast.ReplicaID{Service: "storefront", Ordinal: 1, Incarnation: 1}, Service: holdfast.Service{Name: "storefront", Command: "./storefront", DependsOn: needs}},
			{ID: holdfast.ReplicaID{Service: "catalog", Ordinal: 1, Incarnation: 1}, Service: holdfast.Service{Name: "catalog", URLs: []string{"http://127.0.0.1:1"}}},
		}}})
		same(t, "processes", s.processes.lives(), []string{"storefront-1#1 "})
		same(t, "urls", s.urls.lives(), []string{"catalog-1#1 "})
		same(t, "edges of storefront", s.processes.applied[0].Replicas[0].Edges,
			map[holdfast.ServiceName]netip.AddrPort{"catalog": netip.MustParseAddrPort("127.0.0.1:7001")})
	})
}

func TestARemedyThatWasTakenOverBeganAndIsDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := raise(t).work()
		s.Carry(event.Frame{Entries: slices.Concat(remedy(8).Entries, remedy(12).Entries)}, plan(2, 3))
		synctest.Wait()
		together := []event.Body{event.Began{Action: action(8)}, event.Began{Action: action(12)}, event.Done{Action: action(8)}, event.Done{Action: action(12)}}
		same(t, "the mind was told", s.heard(), together)
		s.Carry(remedy(16), plan(3, 4))
		synctest.Wait()
		same(t, "the mind was told of the next", s.heard()[len(together):], []event.Body{event.Began{Action: action(16)}, event.Done{Action: action(16)}})
	})
}

// A first start follows the file and is no remedy: nobody waits for its outcome.
func TestAFirstStartIsNoRemedy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := raise(t).work()
		s.Carry(event.Frame{Entries: []event.Entry{{ID: action(3), Body: event.Decided{Do: event.ActStart}}}}, plan(1, 1))
		synctest.Wait()
		same(t, "the mind was told", s.heard(), nil)
	})
}

func TestARefusingDriverFailsTheRemedyAndIsAskedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := raise(t).work()
		s.processes.fails(errors.New("no directory for its log"))
		s.Carry(remedy(8), plan(1, 2))
		time.Sleep(time.Minute)
		synctest.Wait()
		why := "hand over what should run: no directory for its log"
		same(t, "the mind was told", s.heard(), []event.Body{event.Began{Action: action(8)}, event.Failed{Action: action(8), Reason: why}})
		same(t, "complaints", s.complained(), []string{why})
		if len(s.urls.lives()) == 0 {
			t.Error("one driver refused, and the other was not asked")
		}
		s.processes.fails(nil)
		time.Sleep(again)
		synctest.Wait()
		same(t, "the driver was given", s.processes.lives(), []string{"catalog-1#2 "})
		given := len(s.urls.lives())
		time.Sleep(time.Minute)
		synctest.Wait()
		same(t, "plans given after all went well", len(s.urls.lives()), given)
	})
}

func TestAGatewayThatIsDownBlocksNobody(t *testing.T) {
	for name, spoil := range map[string]func(*gate){
		"it refuses":       func(g *gate) { g.down = errors.New("connection refused") },
		"it never answers": func(g *gate) { g.stuck = true },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := raise(t)
				spoil(s.bad)
				s.work()
				s.carries(plan(1, 1))
				s.carries(plan(2, 2))
				same(t, "the driver was given", s.processes.lives(), []string{"catalog-1#1 ", "catalog-1#2 "})
				same(t, "the other gateway was given", s.gate.revisions(), []uint64{1, 2})
			})
		})
	}
}

func TestAGatewayThatComesBackGetsTheNewestTableOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := raise(t)
		s.bad.fails(errors.New("connection refused"))
		s.work()
		for revision := range uint64(5) {
			s.carries(plan(revision+1, 1))
			time.Sleep(time.Second)
		}
		synctest.Wait()
		if s.bad.tries() < 30 {
			t.Errorf("it was asked %d times in five seconds", s.bad.tries())
		}
		s.bad.fails(nil)
		time.Sleep(again)
		synctest.Wait()
		same(t, "it was given", s.bad.revisions(), []uint64{5})
		tried := s.bad.tries()
		time.Sleep(time.Minute)
		synctest.Wait()
		same(t, "asked after it had the table", s.bad.tries(), tried)
	})
}

func TestACauseIsComplainedOfOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := raise(t).work()
		for revision, cause := range []string{"refused", "", "refused", "reset"} {
			s.bad.fails(nil)
			if cause != "" {
				s.bad.fails(errors.New(cause))
			}
			for range 3 { // plans that come meanwhile are no news of the gateway
				s.carries(plan(uint64(revision), 1))
				time.Sleep(time.Second)
			}
		}
		var want []string
		for _, cause := range []string{"refused", "refused", "reset"} {
			want = append(want, "hand a routing table to a gateway: "+cause)
		}
		same(t, "complaints", s.complained(), want)
	})
}

// Nothing may be applied by who lost its hold, and it must end: another agent
// acts by now.
func TestWhoLostItsHoldAppliesNothingAndEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := raise(t)
		s.bad.fails(errors.New("connection refused"))
		s.work()
		s.carries(plan(1, 1))
		close(s.lease.lost)
		s.bad.fails(nil)
		time.Sleep(time.Minute)
		same(t, "the gateway that was down got", s.bad.revisions(), nil)
		s.Carry(remedy(8), plan(2, 2))
		if err := <-s.ended; !errors.Is(err, ErrFenced) {
			t.Errorf("Run returned %v", err)
		}
		same(t, "the driver was given", s.processes.lives(), []string{"catalog-1#1 "})
		same(t, "the gateway was given", s.gate.revisions(), []uint64{1})
		same(t, "the mind was told", s.heard(), nil)
	})
}

// A goroutine left behind would not let the bubble end.
func TestTheActorEndsWithItsContext(t *testing.T) {
	for name, prepare := range map[string]func(*stage){
		"while idle":               func(s *stage) { s.work() },
		"while a gateway is down":  func(s *stage) { s.bad.fails(errors.New("refused")); s.work() },
		"while a gateway is stuck": func(s *stage) { s.bad.stuck = true; s.work() },
		"while a driver refuses":   func(s *stage) { s.urls.fails(errors.New("bad address")); s.work() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := raise(t)
				prepare(s)
				s.carries(plan(1, 1))
				complaints := len(s.complained())
				s.cancel()
				if err := <-s.ended; !errors.Is(err, context.Canceled) {
					t.Errorf("Run returned %v", err)
				}
				same(t, "complaints about the end itself", len(s.complained())-complaints, 0)
			})
		})
	}
}

// Carry is called by the loop, which waits for nobody.
func TestCarryWaitsForNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := raise(t)
		s.processes.holds = make(chan struct{})
		s.work()
		for revision := range uint64(1000) {
			s.Carry(event.Frame{}, plan(revision, holdfast.Incarnation(revision)))
		}
		close(s.processes.holds)
		synctest.Wait()
		lives := s.processes.lives()
		same(t, "the last that was given", lives[len(lives)-1], "catalog-1#999 ")
		if len(lives) > 2 {
			t.Errorf("%d plans were given of which all but the last were old", len(lives))
		}
	})
}

func TestAddresses(t *testing.T) {
	for text, want := range map[string]string{
		"127.0.0.1:80": "127.0.0.1:80", ":80": "127.0.0.1:80", "[::1]:80": "[::1]:80",
		"127.0.0.1": "", "127.0.0.1:": "", "127.0.0.1:65536": "", "localhost:80": "", "": "",
	} {
		got, err := ParseAddress(text)
		if text := fmt.Sprint(got); want != "" && (text != want || err != nil) || want == "" && err == nil {
			t.Errorf("%q: %v, %v; want %q", text, got, err, want)
		}
	}
}
