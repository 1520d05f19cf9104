package journal

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"holdfast/event"
)

// A listener follows a journal and keeps the numbers it was given.
type listener struct {
	t    *testing.T
	mu   sync.Mutex
	seqs []uint64
	grew chan struct{}
	gate chan struct{} // when not nil, emit waits for it
	done chan error
	stop context.CancelFunc
}

func listen(t *testing.T, j *running, after uint64, gate chan struct{}) *listener {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	l := &listener{t: t, grew: make(chan struct{}, 1), gate: gate, done: make(chan error, 1), stop: stop}
	go func() { l.done <- j.Follow(ctx, after, l.take) }()
	t.Cleanup(func() {
		stop()
		if err := <-l.done; !errors.Is(err, context.Canceled) {
			t.Errorf("Follow returned %v", err)
		}
	})
	return l
}

func (l *listener) take(entries []event.Entry) error {
	if l.gate != nil {
		<-l.gate
	}
	if len(entries) == 0 || len(entries) > followBatch {
		return fmt.Errorf("%d entries at once", len(entries))
	}
	l.mu.Lock()
	for _, e := range entries {
		l.seqs = append(l.seqs, e.ID.Seq)
	}
	l.mu.Unlock()
	select {
	case l.grew <- struct{}{}:
	default:
	}
	return nil
}

// hears waits until the listener was given every number from one to another,
// once, in order.
func (l *listener) hears(from, to uint64) {
	l.t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		l.mu.Lock()
		seqs := append([]uint64(nil), l.seqs...)
		l.mu.Unlock()
		for i, seq := range seqs {
			if seq != from+uint64(i) {
				l.t.Fatalf("heard %d as number %d after %d", seq, i, from)
			}
		}
		if uint64(len(seqs)) == to-from+1 {
			return
		}
		select {
		case <-l.grew:
		case <-deadline:
			l.t.Fatalf("heard %d entries, want %d to %d", len(seqs), from, to)
		}
	}
}

func TestFollowingFromTheBeginningAcrossSegmentsAndOn(t *testing.T) {
	dir := t.TempDir()
	j, _ := start(t, dir, Options{})
	j.record(frame(1, 2), frame(3, 1))
	j.Cut([]byte("mind"), 3)
	j.record(frame(4, 1))
	j.stop()
	again, _ := start(t, dir, Options{})
	all, late := listen(t, again, 0, nil), listen(t, again, 3, nil)
	all.hears(1, 4)
	late.hears(4, 4)
	again.Cut([]byte("mind"), 4)
	again.record(frame(5, 3))
	all.hears(1, 7)
	late.hears(4, 7)
}

// The follower stands still while more than memory holds is written. Nobody
// waits for it, and it misses nothing.
func TestASlowFollowerNeitherBlocksNorMisses(t *testing.T) {
	gate := make(chan struct{})
	j, _ := start(t, t.TempDir(), Options{disk: quick{}})
	slow := listen(t, j, 0, gate)
	const n = 3*recentLength + 5
	for seq := uint64(1); seq <= n; seq += 2 {
		j.Append(frame(seq, 2))
		if seq == n/2 {
			j.Cut([]byte("mind"), seq+1)
		}
	}
	j.commits((n + 1) / 2)
	more := uint64(n + 2)
	for range 2 * recentLength {
		j.record(frame(more, 1))
		more++
	}
	close(gate)
	slow.hears(1, more-1)
}

// Who watches while the disk is full sees what happens all the same.
func TestFollowersSeeWhatCouldNotBeRecorded(t *testing.T) {
	disk := &sick{}
	j, _ := start(t, t.TempDir(), Options{disk: disk})
	l := listen(t, j, 0, nil)
	j.record(frame(1, 1))
	disk.fall(syscall.ENOSPC, opWrite)
	if c := j.record(frame(2, 1))[0]; c.Recorded {
		t.Fatal("recorded on a full disk")
	}
	l.hears(1, 2)
	disk.recover()
	j.record(frame(3, 1))
	l.hears(1, 3)
	listen(t, j, 0, nil).hears(1, 3)
}

func TestAFollowerMayEndItself(t *testing.T) {
	j, _ := start(t, t.TempDir(), Options{})
	j.record(frame(1, 1))
	enough := errors.New("enough")
	if err := j.Follow(t.Context(), 0, func([]event.Entry) error { return enough }); !errors.Is(err, enough) {
		t.Fatalf("got %v, want emit's error", err)
	}
}

// History with a damaged line is shown without that line.
func TestFollowingOldHistoryPassesDamageOver(t *testing.T) {
	dir := t.TempDir()
	j, _ := start(t, dir, Options{})
	j.record(frame(1, 1), frame(2, 1), frame(3, 1))
	j.Cut(nil, 3)
	j.record(frame(4, 1))
	j.stop()
	path := filepath.Join(dir, "000001.log")
	text, _ := os.ReadFile(path)
	text[len(text)/2] ^= 1
	os.WriteFile(path, text, 0o600)
	again, _ := start(t, dir, Options{})
	var heard []uint64
	enough := errors.New("enough")
	err := again.Follow(t.Context(), 0, func(entries []event.Entry) error {
		for _, e := range entries {
			heard = append(heard, e.ID.Seq)
		}
		if heard[len(heard)-1] == 4 {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) || fmt.Sprint(heard) != "[1 3 4]" {
		t.Fatalf("heard %v and %v", heard, err)
	}
}
