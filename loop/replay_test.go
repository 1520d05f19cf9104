package loop

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"holdfast"
	"holdfast/control"
	"holdfast/event"
	"holdfast/journal"
)

// An actor of chance: replicas that start, exit, are used and refused, people
// who pause, and a clock that moves on in between.
type chance struct {
	*rand.Rand
	plan atomic.Pointer[control.Plan] // the newest carried
	over map[holdfast.ReplicaID]bool
	runs map[holdfast.ReplicaID]bool
}

func (c *chance) carried(of Carried) {
	if of.Plan != nil {
		c.plan.Store(of.Plan)
	}
}

func (c *chance) something() event.Body {
	possible := []event.Body{
		event.Paused{By: "ana"}, event.Resumed{By: "ana"}, event.GuardsReset{By: "ana"},
		event.Failed{Action: event.ID{Writer: "agent", Seq: 7}, Reason: "no room"},
	}
	var wanted []holdfast.DesiredReplica
	if plan := c.plan.Load(); plan != nil {
		wanted = plan.Desired.Replicas
	}
	for _, want := range wanted {
		id := want.ID
		switch {
		case c.runs[id]:
			possible = append(possible,
				holdfast.Exited{ID: id, Status: holdfast.ExitStatus{Code: 1}, Ran: time.Second},
				holdfast.Admitted{Gateway: "gateway-1", ID: id, Detail: "GET / 200 in 1ms"},
				holdfast.Ejected{Gateway: "gateway-1", ID: id, Sign: holdfast.SignRefused, Kept: c.IntN(2) == 0},
				holdfast.Ejected{Gateway: "gateway-1", ID: id, Sign: holdfast.SignExit})
		case !c.over[id]:
			possible = append(possible,
				holdfast.Started{ID: id, Address: "127.0.0.1:1", Pid: 4711}, holdfast.Started{ID: id, Address: "127.0.0.1:1"},
				holdfast.NotStarted{ID: id, Reason: "no such command"})
		}
	}
	in := possible[c.IntN(len(possible))]
	switch in := in.(type) {
	case holdfast.Started:
		c.runs[in.ID] = true
	case holdfast.Exited:
		delete(c.runs, in.ID)
		c.over[in.ID] = true
	case holdfast.NotStarted:
		c.over[in.ID] = true
	}
	return in
}

// live runs a loop on the journal in dir for a number of inputs: one life of an
// agent. What it remembers of lives before it recalls.
func live(t *testing.T, dir string, c *chance, inputs int) {
	t.Helper()
	record, recovered, err := journal.Open(dir, journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	mind, err := Recall("agent", recovered.Snapshot, recovered.Frames, recovered.LastSeq)
	if err != nil {
		t.Fatalf("what this very program recorded is not recalled: %v", err)
	}
	began := bubble()
	loop := New(Options{
		Mind: mind, Log: record, Carry: c.carried, Said: func(event.Frame) {}, Turn: func() {},
		Now: func() event.At {
			return event.At{Wall: time.Now().UTC().Round(0), Boot: time.Since(began), BootID: "boot-1"}
		},
		Snapshot: func(mind []byte) ([]byte, error) { return mind, nil },
	})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 2)
	go func() { ended <- record.Run(ctx) }()
	go func() { ended <- loop.Run(ctx) }()
	defer func() {
		cancel()
		<-ended
		<-ended
		record.Close()
	}()
	tell := func(in event.Body) {
		if err := loop.Tell(ctx, in); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
	}
	tell(event.Woken{Pid: 1})
	if c.plan.Load() == nil {
		tell(event.Declared{System: shop()})
	}
	for range inputs {
		time.Sleep(time.Duration(c.IntN(20_000)) * time.Millisecond)
		tell(c.something())
	}
}

// bubble is the instant at which time begins in a synctest bubble.
func bubble() time.Time { return time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) }

// history is what several lives of an agent left in a directory.
func history(t *testing.T, lives, inputs int) (dir string) {
	t.Helper()
	dir = t.TempDir()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	synctest.Test(t, func(t *testing.T) {
		c := &chance{Rand: rand.New(rand.NewPCG(seed, 0)), over: map[holdfast.ReplicaID]bool{}, runs: map[holdfast.ReplicaID]bool{}}
		for range lives {
			live(t, dir, c, inputs)
		}
	})
	return dir
}

// lines is a record, read back.
func lines(t *testing.T, dir string) []journal.Line {
	t.Helper()
	var all []journal.Line
	for line, err := range journal.Read(dir) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, line)
	}
	return all
}

// replay replays a record up to its first difference.
func replay(all []journal.Line) (Replay, error) {
	var r Replay
	for _, line := range all {
		var err error
		if line.Frame != nil {
			err = r.Frame(*line.Frame)
		} else if line.Snapshot != nil {
			err = r.Snapshot(line.Snapshot)
		}
		if err != nil {
			return r, err
		}
	}
	return r, nil
}

func TestARecordedHistoryReplaysToTheSameDecisions(t *testing.T) {
	const lives, inputs = 4, 250
	all := lines(t, history(t, lives, inputs))
	r, err := replay(all)
	if err != nil {
		t.Fatal(err)
	}
	if r.Frames < lives*inputs || r.Entries <= r.Frames {
		t.Errorf("%d frames and %d entries were replayed of %d inputs: the history decided nothing", r.Frames, r.Entries, lives*inputs)
	}
	t.Logf("%d frames, %d entries", r.Frames, r.Entries)
}

func TestATamperedEntryIsNamed(t *testing.T) {
	all := lines(t, history(t, 1, 100))
	for name, tamper := range map[string]func(*event.Frame) bool{
		"a decision that was never taken": func(f *event.Frame) bool {
			return change(f, func(d event.Decided) event.Body { d.Attempt += 3; return d })
		},
		"a detection told otherwise": func(f *event.Frame) bool {
			return change(f, func(d event.Detected) event.Body { d.Detail = "tampered"; return d })
		},
		"a last entry left out": func(f *event.Frame) bool {
			if len(f.Entries) < 2 {
				return false
			}
			f.Entries = f.Entries[:len(f.Entries)-1]
			return true
		},
	} {
		t.Run(name, func(t *testing.T) {
			tampered, what := tamperWith(t, all, tamper)
			_, err := replay(tampered)
			var difference Difference
			if !errors.As(err, &difference) {
				t.Fatalf("the replay of a tampered record returned %v", err)
			}
			if difference.Then == difference.Now || difference.Then != "" && !strings.Contains(what, difference.Then) {
				t.Errorf("the difference is not in what was tampered with:\n%v\nin %s", difference, what)
			}
		})
	}
}

// tamperWith is a record of which the first frame that can be is changed, and
// that frame.
func tamperWith(t *testing.T, all []journal.Line, tamper func(*event.Frame) bool) (tampered []journal.Line, frame string) {
	t.Helper()
	for i, line := range all {
		if line.Frame == nil {
			continue
		}
		copied := *line.Frame
		copied.Entries = append([]event.Entry(nil), copied.Entries...)
		if tamper(&copied) {
			tampered = append(append(tampered, all...)[:i], journal.Line{Frame: &copied})
			return append(tampered, all[i+1:]...), plain(t, copied)
		}
	}
	t.Fatal("the history holds nothing of that kind")
	return nil, ""
}

// change changes a frame's first entry of a kind that was caused by its input.
func change[B event.Body](f *event.Frame, to func(B) event.Body) bool {
	for i, entry := range f.Entries {
		if body, ok := entry.Body.(B); ok && i > 0 {
			f.Entries[i].Body = to(body)
			return true
		}
	}
	return false
}

func TestAFrameBeforeAnySnapshotCannotBeReplayed(t *testing.T) {
	var r Replay
	if err := r.Frame(event.Frame{}); err == nil {
		t.Error("a frame was replayed on nothing")
	}
}

func TestASnapshotThatStandsElsewhereIsADifference(t *testing.T) {
	all := lines(t, history(t, 1, 20))
	behind, err := control.New("agent").Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := replay(append(all, journal.Line{Snapshot: behind})); err == nil {
		t.Error("the mind is said to have known nothing, after all that")
	}
}

// Another version of the mind said more, or less, than this one would have. Its
// words stand, and none of their numbers is given to another entry.
func TestAfterADepartureNoNumberIsUsedTwice(t *testing.T) {
	for name, tamper := range map[string]func([]event.Entry) []event.Entry{
		"it said more": func(entries []event.Entry) []event.Entry {
			extra := entries[len(entries)-1]
			extra.ID.Seq++
			return append(entries, extra)
		},
		"it said less": func(entries []event.Entry) []event.Entry { return entries[:len(entries)-1] },
	} {
		t.Run(name, func(t *testing.T) {
			mind := control.New("agent")
			at := func(s int) event.At { return event.At{Boot: time.Duration(s) * time.Second, BootID: "boot-1"} }
			record := []event.Frame{
				{At: at(1), Input: true, Entries: mind.Step(at(1), event.Woken{})},
				{At: at(2), Input: true, Entries: tamper(mind.Step(at(2), event.Declared{System: shop()}))},
			}
			last := lastOf(record)
			recalled, departure := Recall("agent", nil, record, last)
			var difference Difference
			if !errors.As(departure, &difference) {
				t.Errorf("the departure is %v", departure)
			}
			if recalled == nil {
				t.Fatal("a mind that departs from its record must stand all the same")
			}
			next := recalled.Step(at(3), event.Paused{By: "ana"})
			if seq := next[0].ID.Seq; seq <= last {
				t.Errorf("entry %d is said anew, and %d are recorded", seq, last)
			}
		})
	}
}

func TestASnapshotThatCannotBeReadIsNoMind(t *testing.T) {
	if mind, err := Recall("agent", []byte("{"), nil, 0); mind != nil || err == nil {
		t.Errorf("Recall made %v of it, and the error %v", mind, err)
	}
}
