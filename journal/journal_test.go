package journal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"holdfast"
	"holdfast/event"
)

// frame makes a frame of n entries, the first of which has the given number.
func frame(first uint64, n int) event.Frame {
	at := event.At{Wall: time.Date(2026, 11, 21, 3, 4, 5, 0, time.UTC), Boot: time.Duration(first) * time.Millisecond, BootID: "b"}
	f := event.Frame{At: at, Input: true}
	for i := range n {
		id := holdfast.ReplicaID{Service: "catalog", Ordinal: 1 + i, Incarnation: holdfast.Incarnation(first)}
		f.Entries = append(f.Entries, event.Entry{
			ID: event.ID{Writer: "agent", Seq: first + uint64(i)}, At: at,
			Body: event.Cleared{Mode: "catalog.crash", ID: id},
		})
	}
	return f
}

// A running journal, and what it takes to end it.
type running struct {
	*Journal
	t     *testing.T
	stop  func()
	ended chan error
}

// start opens a journal and runs it until the test or stop ends it.
func start(t *testing.T, dir string, o Options) (*running, Recovered) {
	t.Helper()
	j, recovered, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{Journal: j, t: t, ended: make(chan error, 1)}
	go func() { r.ended <- j.Run(ctx) }()
	var once atomic.Bool
	r.stop = func() {
		if !once.CompareAndSwap(false, true) {
			return
		}
		cancel()
		if err := <-r.ended; !errors.Is(err, context.Canceled) {
			t.Errorf("Run returned %v, want the context's error", err)
		}
		j.Close()
	}
	t.Cleanup(r.stop)
	return r, recovered
}

// record appends frames and waits for their commits.
func (r *running) record(frames ...event.Frame) []Commit {
	r.t.Helper()
	for _, f := range frames {
		r.Append(f)
	}
	return r.commits(len(frames))
}

func (r *running) commits(n int) []Commit {
	r.t.Helper()
	deadline := time.After(20 * time.Second)
	var out []Commit
	for len(out) < n {
		select {
		case c := <-r.Committed():
			out = append(out, c)
		case <-deadline:
			r.t.Fatalf("%d of %d commits came in 20 s; health %+v", len(out), n, r.Health())
		}
	}
	return out
}

// until waits for the health to be as wanted; frames are appended one by one
// meanwhile, because it is appends that cause things.
func (r *running) until(what string, wanted func(Health) bool) {
	r.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(20 * time.Second)
	for !wanted(r.Health()) {
		select {
		case <-tick.C:
		case <-deadline:
			r.t.Fatalf("not %s within 20 s; health %+v", what, r.Health())
		}
	}
}

func sameFrames(t *testing.T, got, want []event.Frame) {
	t.Helper()
	if g, w := text(t, got), text(t, want); g != w {
		t.Fatalf("frames differ\n got %s\nwant %s", g, w)
	}
}

func text(t *testing.T, frames []event.Frame) string {
	t.Helper()
	var out strings.Builder
	for _, f := range frames {
		line, err := json.Marshal(f)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&out, "%s\n", line)
	}
	return out.String()
}

func TestWhatWasCommittedIsFoundAgain(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "journal")
	first, recovered := start(t, dir, Options{})
	if recovered.LastSeq != 0 || recovered.Snapshot != nil || recovered.Mended != "" {
		t.Fatalf("a new journal holds %+v", recovered)
	}
	frames := []event.Frame{frame(1, 1), frame(2, 3), frame(5, 0), frame(5, 1)}
	for i, c := range first.record(frames...) {
		if !c.Recorded || text(t, []event.Frame{c.Frame}) != text(t, frames[i:i+1]) {
			t.Fatalf("commit %d is %+v", i, c)
		}
	}
	first.stop()
	second, recovered := start(t, dir, Options{})
	sameFrames(t, recovered.Frames, frames)
	if recovered.LastSeq != 5 || recovered.Mended != "" {
		t.Fatalf("recovered to %d, mended %q", recovered.LastSeq, recovered.Mended)
	}
	second.record(frame(6, 1))
	second.stop()
	_, recovered = start(t, dir, Options{})
	sameFrames(t, recovered.Frames, append(frames, frame(6, 1)))
}

func TestACutIsWhereTheNextOpenBegins(t *testing.T) {
	dir := t.TempDir()
	j, _ := start(t, dir, Options{})
	j.record(frame(1, 2), frame(3, 1))
	snapshot := []byte("any bytes\nat all \x00\xff")
	j.Cut(snapshot, 3)
	j.record(frame(4, 1))
	if bytes := j.Health().Bytes; bytes <= 0 || bytes > 1000 {
		t.Errorf("%d bytes since the cut, want those of one frame", bytes)
	}
	j.stop()
	_, recovered := start(t, dir, Options{})
	if string(recovered.Snapshot) != string(snapshot) || recovered.LastSeq != 4 {
		t.Fatalf("recovered snapshot %q up to %d", recovered.Snapshot, recovered.LastSeq)
	}
	sameFrames(t, recovered.Frames, []event.Frame{frame(4, 1)})
	var all []event.Frame
	for line, err := range Read(dir) {
		if err != nil {
			t.Fatal(err)
		}
		if line.Frame != nil {
			all = append(all, *line.Frame)
		}
	}
	sameFrames(t, all, []event.Frame{frame(1, 2), frame(3, 1), frame(4, 1)})
}

func TestACutWithNothingAfterItLosesNothing(t *testing.T) {
	dir := t.TempDir()
	j, _ := start(t, dir, Options{})
	j.record(frame(1, 2))
	j.Cut([]byte("mind"), 2)
	j.stop()
	_, recovered := start(t, dir, Options{})
	if string(recovered.Snapshot) != "mind" || recovered.LastSeq != 2 || len(recovered.Frames) != 0 {
		t.Fatalf("recovered %+v", recovered)
	}
}

func TestHistoryIsBounded(t *testing.T) {
	dir := t.TempDir()
	j, _ := start(t, dir, Options{Keep: 1000})
	seq := uint64(1)
	for range 6 {
		j.record(frame(seq, 2))
		j.Cut([]byte(strings.Repeat("m", 300)), seq+1)
		seq += 2
	}
	j.record(frame(seq, 1))
	j.until("pruned", func(Health) bool {
		numbers, _, _, _ := segmentsIn(dir)
		return len(numbers) == 2
	})
	j.stop()
	_, recovered := start(t, dir, Options{})
	if recovered.LastSeq != seq || recovered.Mended != "" {
		t.Fatalf("recovered to %d, want %d; mended %q", recovered.LastSeq, seq, recovered.Mended)
	}
}

func TestASecondWriterIsRefused(t *testing.T) {
	dir := t.TempDir()
	first, _ := start(t, dir, Options{})
	if _, _, err := Open(dir, Options{}); !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), dir) {
		t.Fatalf("a second writer got %v, want ErrInUse with the directory", err)
	}
	first.stop()
	start(t, dir, Options{})
}

// Another version wrote something we do not know: we neither guess nor touch.
func TestWhatIsNotUnderstoodIsRefusedUntouched(t *testing.T) {
	for name, line := range map[string][]byte{
		"kind of entry":  seal('f', []byte(`{"at":{"wall":"2026-11-21T03:04:05Z","boot":1},"input":true,"entries":[{"id":{"w":"agent","s":2},"at":{},"kind":"wished","body":{}}]}`)),
		"kind of line":   seal('z', []byte(`{}`)),
		"snapshot field": seal('s', []byte(`{"last":1,"wisdom":2}`)),
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			j, _ := start(t, dir, Options{})
			j.record(frame(1, 1))
			j.stop()
			path := filepath.Join(dir, "000001.log")
			appendTo(t, path, append(line, "and a torn tail"...))
			before, _ := os.ReadFile(path)
			_, _, err := Open(dir, Options{})
			if err == nil || !strings.Contains(err.Error(), "000001.log line 3") {
				t.Fatalf("got %v, want an error that names file and line", err)
			}
			if after, _ := os.ReadFile(path); string(after) != string(before) {
				t.Error("the file was changed")
			}
		})
	}
}

func appendTo(t *testing.T, path string, text []byte) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(text); err != nil {
		t.Fatal(err)
	}
	f.Close()
}

// The queue's bound is real: the writer stands still, one more than fits must
// wait, is counted, and goes on as soon as there is room.
func TestAppendWaitsOnlyWhenTheQueueIsFull(t *testing.T) {
	j, _, err := Open(t.TempDir(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	for i := range queueLength {
		j.Append(frame(uint64(i)+1, 1))
	}
	if waits := j.Health().Waits; waits != 0 {
		t.Fatalf("%d appends waited although there was room", waits)
	}
	through := make(chan struct{})
	go func() {
		j.Append(frame(queueLength+1, 1))
		close(through)
	}()
	r := &running{Journal: j, t: t}
	r.until("waiting", func(h Health) bool { return h.Waits == 1 })
	select {
	case <-through:
		t.Fatal("one more than fits did not wait")
	default:
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- j.Run(ctx) }()
	<-through
	last := r.commits(queueLength + 1)[queueLength]
	if last.Frame.Entries[0].ID.Seq != queueLength+1 || !last.Recorded {
		t.Fatalf("the last commit is %+v", last)
	}
	cancel()
	<-ended
	j.Append(frame(queueLength+2, 1)) // must not hang
	if lost := j.Health().Lost; lost != 1 {
		t.Errorf("%d frames counted as lost after the end, want 1", lost)
	}
}
