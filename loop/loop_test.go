package loop

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"holdfast"
	"holdfast/control"
	"holdfast/event"
	"holdfast/journal"
	"holdfast/mode"
)

// shop is one service of two replicas that may crash and are restarted.
func shop() holdfast.System {
	catalog := holdfast.Service{
		Name: "catalog", Owner: "web", Command: "./catalog", Manage: holdfast.Full, Replicas: 2, Minimum: 1,
		Healthcheck: holdfast.Healthcheck{StartPeriod: 30 * time.Second},
	}
	return holdfast.System{
		Name: "shop", Services: []holdfast.Service{catalog}, Modes: []holdfast.FailureMode{mode.Crash().Of(catalog)},
		Guardrails: holdfast.Guardrails{MaxActions: holdfast.Rate{Count: 5, Per: 10 * time.Minute}, MaxUnavailable: 1},
	}
}

func catalog(ordinal int, life holdfast.Incarnation) holdfast.ReplicaID {
	return holdfast.ReplicaID{Service: "catalog", Ordinal: ordinal, Incarnation: life}
}

// paper is a Log that commits a frame when the test says so.
type paper struct {
	mu      sync.Mutex
	written []event.Frame
	handed  int // of written, that were committed
	cuts    []cutHere
	out     chan journal.Commit
}

// A cutHere is a snapshot and what had been written when it was taken.
type cutHere struct {
	snapshot []byte
	last     uint64 // as the loop says
	written  uint64 // the last entry on paper
}

func (p *paper) Append(frame event.Frame) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.written = append(p.written, frame)
}

func (p *paper) Cut(snapshot []byte, last uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cuts = append(p.cuts, cutHere{snapshot: snapshot, last: last, written: lastOf(p.written)})
}

func (p *paper) Committed() <-chan journal.Commit { return p.out }

func lastOf(frames []event.Frame) uint64 {
	if len(frames) == 0 {
		return 0
	}
	entries := frames[len(frames)-1].Entries
	return entries[len(entries)-1].ID.Seq
}

func (p *paper) frames() []event.Frame {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.written
}

// commit commits the next frame.
func (p *paper) commit(recorded bool) {
	frame := p.frames()[p.handed]
	p.handed++
	p.out <- journal.Commit{Frame: frame, Recorded: recorded}
}

// commitAll goes on committing until nothing more is written.
func (p *paper) commitAll() {
	for synctest.Wait(); p.handed < len(p.frames()); synctest.Wait() {
		p.commit(true)
	}
}

// A stage is a loop that runs in a bubble of time, and what it did.
type stage struct {
	*Loop
	*paper
	t       *testing.T
	began   time.Time
	turns   int
	saying  func() // called while the loop says something
	carries func() // called while a frame is carried
	carried []Carried
	cancel  context.CancelFunc
	ended   chan error
}

// raise starts a loop; it ends with the test at the latest.
func raise(t *testing.T) *stage {
	t.Helper()
	s := &stage{t: t, paper: &paper{out: make(chan journal.Commit)}, began: time.Now(), saying: func() {}, carries: func() {}, ended: make(chan error, 1)}
	s.Loop = New(Options{
		Mind:     control.New("agent"),
		Log:      s.paper,
		Now:      s.now,
		Said:     func(event.Frame) { s.saying() },
		Snapshot: func(mind []byte) ([]byte, error) { return mind, nil },
		Carry:    func(c Carried) { s.carries(); s.carried = append(s.carried, c) },
		Turn:     func() { s.turns++ },
	})
	ctx, cancel := context.WithCancel(t.Context())
	s.cancel = cancel
	go func() { s.ended <- s.Run(ctx) }()
	t.Cleanup(cancel)
	return s
}

// now counts from the start of the bubble.
func (s *stage) now() event.At {
	return event.At{Wall: time.Now().UTC(), Boot: time.Since(s.began), BootID: "boot-1"}
}

func (s *stage) hears(inputs ...event.Body) {
	s.t.Helper()
	for _, in := range inputs {
		if err := s.Tell(s.t.Context(), in); err != nil {
			s.t.Fatal(err)
		}
	}
	synctest.Wait()
}

// said is every entry of a kind that was written.
func said[B event.Body](s *stage) []event.Entry {
	var found []event.Entry
	for _, frame := range s.frames() {
		for _, entry := range frame.Entries {
			if _, ok := entry.Body.(B); ok {
				found = append(found, entry)
			}
		}
	}
	return found
}

// 30.123 s is no multiple of the half second at which the loop turns anyway.
func TestADeadlineWakesTheMindAtItsVeryInstant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := raise(t)
		time.Sleep(123 * time.Millisecond)
		s.hears(event.Woken{}, event.Declared{System: shop()}, holdfast.Started{ID: catalog(1, 1), Address: "127.0.0.1:1"})
		time.Sleep(30*time.Second - time.Nanosecond)
		synctest.Wait()
		if early := said[event.Detected](s); len(early) > 0 {
			t.Fatalf("%s: detected before its start period was over", early[0].At.Boot)
		}
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		detected := said[event.Detected](s)
		if len(detected) == 0 {
			t.Fatal("a replica that was never ready was not detected when its start period was over")
		}
		if at := detected[0].At.Boot; at != 30*time.Second+123*time.Millisecond {
			t.Errorf("detected at %s, which is not when it fell due", at)
		}
		if last := s.frames()[len(s.frames())-1]; last.Input {
			t.Error("a frame of a deadline says that it has an input")
		}
	})
}

func TestNothingIsCarriedBeforeItIsRecorded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := raise(t)
		s.hears(event.Woken{}, event.Declared{System: shop()})
		time.Sleep(time.Minute)
		synctest.Wait()
		if len(s.carried) > 0 {
			t.Fatalf("%d frames were carried while the log held all of them back", len(s.carried))
		}
		s.commit(true)
		s.commit(false)
		synctest.Wait()
		if len(s.carried) != 2 {
			t.Fatalf("%d frames were carried of two committed", len(s.carried))
		}
		if !s.carried[0].Recorded || s.carried[1].Recorded {
			t.Error("what was recorded and what was given up were taken for each other")
		}
	})
}

// What is carried is the plan as it was with the frame, not as it is when the
// disk has caught up: a decision must not be acted upon before its own record.
func TestAFrameCarriesThePlanThatCameWithIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := raise(t)
		s.hears(
			event.Woken{Epoch: 3},
			event.Declared{System: shop()},
			holdfast.Started{ID: catalog(1, 1), Address: "127.0.0.1:1"},
			event.Paused{Service: "catalog", By: "ana"},
			event.Resumed{Service: "catalog", By: "ana"},
			holdfast.Exited{ID: catalog(1, 1), Status: holdfast.ExitStatus{Signal: "SIGKILL"}},
		)
		s.commitAll()
		var wanted []string
		for _, c := range s.carried {
			wanted = append(wanted, lives(c.Plan))
		}
		want := "none | catalog-1#1 catalog-2#1 | catalog-1#1 catalog-2#1 | none | none | catalog-1#2 catalog-2#1"
		if got := strings.Join(wanted, " | "); got != want {
			t.Errorf("the frames carried\n     %s\nwant %s", got, want)
		}
	})
}

// What an earlier agent started runs on while this one remembers nothing of it;
// a plan that names nothing would have a driver end it.
func TestAMindWithoutAFileHasNoPlan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := raise(t)
		s.hears(event.Woken{Epoch: 3}, holdfast.Started{ID: catalog(1, 7), Address: "127.0.0.1:1", Adopted: true}, event.Woken{Epoch: 4})
		s.commitAll()
		for _, c := range s.carried {
			if c.Plan != nil {
				t.Errorf("%s carried the plan to run %q", event.Text(c.Frame.Entries[0].Body), lives(c.Plan))
			}
		}
	})
}

// lives is what a plan wants to run.
func lives(plan *control.Plan) string {
	if plan == nil {
		return "none"
	}
	var names []string
	for _, replica := range plan.Desired.Replicas {
		names = append(names, replica.ID.String())
	}
	return strings.Join(names, " ")
}

func TestABurstWaitsAndLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const tellers, each = 10, 500
		s := raise(t)
		taken := make(chan struct{}, tellers*each)
		for teller := range tellers {
			go func() {
				for n := range each {
					if s.Tell(t.Context(), event.Paused{Service: holdfast.ServiceName(fmt.Sprint(teller)), By: fmt.Sprint(n)}) == nil {
						taken <- struct{}{}
					}
				}
			}()
		}
		synctest.Wait()
		if n := len(taken); n < maxInputs || n > 2*maxInputs+1 {
			t.Errorf("%d inputs were taken while nothing was committed: want no more than wait before and behind the mind", n)
		}
		s.commitAll()
		next := map[holdfast.ServiceName]int{}
		for _, entry := range said[event.Paused](s) {
			paused := entry.Body.(event.Paused)
			if paused.By != fmt.Sprint(next[paused.Service]) {
				t.Fatalf("teller %s: %s came when %d was due", paused.Service, paused.By, next[paused.Service])
			}
			next[paused.Service]++
		}
		if len(taken) != tellers*each || len(s.carried) != tellers*each {
			t.Errorf("%d of %d were taken, %d carried", len(taken), tellers*each, len(s.carried))
		}
	})
}

func TestWhoTellsMayGiveUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		loop := New(Options{}) // nobody runs it
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		for range maxInputs {
			if err := loop.Tell(ctx, event.Woken{}); err != nil {
				t.Fatal(err)
			}
		}
		if err := loop.Tell(ctx, event.Woken{}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Tell returned %v when there was no room in time", err)
		}
	})
}

func TestASnapshotIsTakenEverySoManyEntries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := raise(t)
		for range 2*snapshotEvery + 1 {
			s.hears(event.Paused{Service: "catalog", By: "ana"})
			s.commit(true)
		}
		synctest.Wait()
		if len(s.cuts) != 3 {
			t.Fatalf("%d snapshots for %d entries: want one at the start and one for each %d", len(s.cuts), 2*snapshotEvery+1, snapshotEvery)
		}
		for i, cut := range s.cuts {
			mind, err := control.Restore(cut.snapshot)
			if err != nil {
				t.Fatal(err)
			}
			if want := uint64(i * snapshotEvery); cut.last != want || cut.written != want || mind.Seq() != want {
				t.Errorf("snapshot %d covers entry %d, holds %d and stands behind %d: want all to be %d", i, cut.last, mind.Seq(), cut.written, want)
			}
		}
	})
}

func TestALoopThatIsStuckShowsNoTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := raise(t)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if s.turns < 20 {
			t.Errorf("%d turns in ten seconds in which nothing happened: want one each half second", s.turns)
		}
		stuck := make(chan struct{})
		s.saying = func() { <-stuck }
		s.hears(event.Woken{})
		before := s.turns
		time.Sleep(time.Minute)
		synctest.Wait()
		if s.turns != before {
			t.Errorf("a loop that was stuck showed %d turns", s.turns-before)
		}
		close(stuck)
		time.Sleep(time.Second)
		synctest.Wait()
		if s.turns == before {
			t.Error("a loop that goes on again shows no turn")
		}
	})
}

// A goroutine left behind would not let the bubble end.
func TestTheLoopEndsWithItsContext(t *testing.T) {
	for name, prepare := range map[string]func(*stage){
		"while idle":             func(*stage) {},
		"with frames on the way": func(s *stage) { s.hears(event.Woken{}, event.Declared{System: shop()}) },
		"while the log is stuck": func(s *stage) {
			for range maxInputs + 10 {
				s.hears(event.Paused{By: "ana"})
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := raise(t)
				prepare(s)
				s.cancel()
				if err := <-s.ended; !errors.Is(err, context.Canceled) {
					t.Errorf("Run returned %v", err)
				}
			})
		})
	}
}

// What supervises the loop takes the context's error for an end as asked, so a
// log that broke must not look like one.
func TestALogThatEndsIsAnErrorAndNotAnEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := raise(t)
		s.hears(event.Woken{})
		close(s.out)
		err := <-s.ended
		if err == nil || errors.Is(err, context.Canceled) {
			t.Errorf("the log ended, and Run returned %v", err)
		}
	})
}

func TestALogThatEndsWithUsIsNoError(t *testing.T) {
	for range 50 { // which of the two it sees first is chance
		synctest.Test(t, func(t *testing.T) {
			s := raise(t)
			busy := make(chan struct{})
			s.carries = func() { <-busy }
			s.hears(event.Woken{})
			s.commit(true)
			synctest.Wait()
			s.cancel()
			close(s.out)
			close(busy)
			if err := <-s.ended; !errors.Is(err, context.Canceled) || strings.Contains(err.Error(), "journal") {
				t.Errorf("Run returned %v", err)
			}
		})
	}
}

func TestASnapshotThatCannotBeTakenEndsTheLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		full := errors.New("no memory left")
		loop := New(Options{
			Mind: control.New("agent"), Log: &paper{}, Now: func() event.At { return event.At{} },
			Snapshot: func([]byte) ([]byte, error) { return nil, full },
		})
		if err := loop.Run(t.Context()); !errors.Is(err, full) {
			t.Errorf("Run returned %v", err)
		}
	})
}

// plain is a frame as it is stored.
func plain(t *testing.T, frame event.Frame) string {
	t.Helper()
	text, err := json.Marshal(frame)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
