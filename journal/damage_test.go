package journal

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"holdfast/event"
)

// copyOf is what a crash at this moment would leave of the record.
func copyOf(t *testing.T, dir string) string {
	t.Helper()
	to := t.TempDir()
	logs, err := filepath.Glob(filepath.Join(dir, "*.log"))
	if err != nil {
		t.Fatal(err)
	}
	for _, log := range logs {
		text, err := os.ReadFile(log)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(to, filepath.Base(log)), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return to
}

// written makes a journal of random frames and gives back the frames, the
// segment's text, and where each frame ends in it.
func written(t *testing.T, dir string, seed uint64, n int) ([]event.Frame, []byte, []int) {
	t.Helper()
	random := rand.New(rand.NewPCG(seed, 1))
	j, _ := start(t, dir, Options{})
	var frames []event.Frame
	seq := uint64(1)
	for range n {
		entries := random.IntN(4)
		frames = append(frames, frame(seq, entries))
		seq += uint64(entries)
	}
	j.record(frames...)
	j.stop()
	text, err := os.ReadFile(filepath.Join(dir, "000001.log"))
	if err != nil {
		t.Fatal(err)
	}
	var ends []int
	for at, c := range text {
		if c == '\n' {
			ends = append(ends, at+1)
		}
	}
	return frames, text, ends[1:]
}

// Cut anywhere, what stands wholly before the cut is recovered, exactly that,
// and the record goes on from there.
func TestCutAtEveryByte(t *testing.T) {
	t.Parallel()
	const seed = 7
	frames, text, ends := written(t, t.TempDir(), seed, 3)
	dir := t.TempDir()
	path := filepath.Join(dir, "000001.log")
	for size := range len(text) + 1 {
		if err := os.WriteFile(path, text[:size], 0o600); err != nil {
			t.Fatal(err)
		}
		n := 0
		for n < len(ends) && ends[n] <= size {
			n++
		}
		j, recovered, err := Open(dir, Options{disk: quick{}, queue: 1})
		if err != nil {
			t.Fatalf("cut at %d: %v", size, err)
		}
		sameFrames(t, recovered.Frames, frames[:n])
		goOn(t, size, j, recovered, dir)
		removeSegments(t, dir)
	}
}

// goOn appends one frame, opens again and finds it at the end; at every seventh
// place, because it costs more than all the rest.
func goOn(t *testing.T, at int, j *Journal, before Recovered, dir string) {
	t.Helper()
	if at%7 != 0 {
		j.Close()
		return
	}
	next := frame(before.LastSeq+1, 1)
	if !j.write([]event.Frame{next})[0] {
		t.Fatal("cannot go on")
	}
	j.Close()
	again, recovered, err := Open(dir, Options{disk: quick{}, queue: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	sameFrames(t, recovered.Frames, append(before.Frames, next))
	if recovered.Mended != "" {
		t.Fatalf("mended twice: %q", recovered.Mended)
	}
}

func removeSegments(t *testing.T, dir string) {
	t.Helper()
	logs, _ := filepath.Glob(filepath.Join(dir, "*.log*"))
	for _, log := range logs {
		os.Remove(log)
	}
}

// quick is the real disk without waiting for it, for tests that open thousands
// of journals and never cut the power.
type quick struct{ realDisk }

func (quick) syncDir(string) error              { return nil }
func (quick) allocate(f file, size int64) error { return f.Truncate(size) }

func (d quick) create(path string) (file, error) {
	f, err := d.realDisk.create(path)
	return unsynced{file: f}, err
}

func (d quick) open(path string) (file, error) {
	f, err := d.realDisk.open(path)
	return unsynced{file: f}, err
}

type unsynced struct{ file }

func (unsynced) Sync() error { return nil }

// One flipped bit, anywhere: never a frame that was not written, never an
// order that was not, and whatever is lost is said and kept.
func TestOneFlippedBitAnywhere(t *testing.T) {
	t.Parallel()
	frames, text, ends := written(t, t.TempDir(), 11, 2)
	dir := t.TempDir()
	path := filepath.Join(dir, "000001.log")
	for at := range text {
		spoiled := bytes.Clone(text)
		spoiled[at] ^= 1 << (at % 8)
		if err := os.WriteFile(path, spoiled, 0o600); err != nil {
			t.Fatal(err)
		}
		n := 0
		for n < len(ends) && ends[n] <= at {
			n++
		}
		if headEnd := bytes.IndexByte(text, '\n'); at <= headEnd {
			n = 0
		}
		j, recovered, err := Open(dir, Options{disk: quick{}, queue: 1})
		if err != nil {
			t.Fatalf("bit at %d: %v", at, err)
		}
		sameFrames(t, recovered.Frames, frames[:n])
		checkKept(t, dir, recovered.Mended, spoiled, at)
		goOn(t, at, j, recovered, dir)
		removeSegments(t, dir)
	}
}

// checkKept wants the damage to be said, and what stood after it to be kept.
func checkKept(t *testing.T, dir, mended string, spoiled []byte, at int) {
	t.Helper()
	if mended == "" {
		t.Fatalf("bit at %d: nothing said", at)
	}
	kept, err := os.ReadFile(filepath.Join(dir, "000001.log"+damagedMark))
	if strings.Contains(mended, "whole lines") != (err == nil) {
		t.Fatalf("bit at %d: said %q, kept %v", at, mended, err)
	}
	if err == nil && !bytes.Equal(kept, spoiled) {
		t.Fatalf("bit at %d: what was kept is not what was there", at)
	}
}

func TestDamageInTheMiddleIsKeptAsideAndSaid(t *testing.T) {
	dir := t.TempDir()
	frames, text, ends := written(t, dir, 3, 10)
	text[ends[3]+20] ^= 1 // in frame 5, which is line 6
	path := filepath.Join(dir, "000001.log")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	j, recovered := start(t, dir, Options{})
	sameFrames(t, recovered.Frames, frames[:4])
	want := fmt.Sprintf("000001.log is damaged after line 5: %d bytes with 5 whole lines are not used, kept as 000001.log.damaged", len(text)-ends[3])
	if recovered.Mended != want {
		t.Errorf("mended %q\n  want %q", recovered.Mended, want)
	}
	j.record(frame(recovered.LastSeq+1, 1))
}

// When the newest snapshot cannot be read, the segment before it is the next
// best, and what only the newest knew is kept aside.
func TestADamagedSnapshotFallsBackToTheSegmentBefore(t *testing.T) {
	dir := t.TempDir()
	j, _ := start(t, dir, Options{})
	j.record(frame(1, 1))
	j.Cut([]byte("mind at 1"), 1)
	j.record(frame(2, 1))
	j.stop()
	path := filepath.Join(dir, "000002.log")
	text, _ := os.ReadFile(path)
	text[15] ^= 1
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	again, recovered := start(t, dir, Options{})
	sameFrames(t, recovered.Frames, []event.Frame{frame(1, 1)})
	if !strings.Contains(recovered.Mended, "000002.log has no readable snapshot") || !exists(path+damagedMark) {
		t.Errorf("mended %q", recovered.Mended)
	}
	again.record(frame(2, 1))
	again.Cut([]byte("mind at 2"), 2)
	again.stop()
	if _, recovered = start(t, dir, Options{}); string(recovered.Snapshot) != "mind at 2" {
		t.Fatalf("recovered %+v", recovered)
	}
}

// A second name taken is not overwritten: it is evidence too.
func TestDamagedSegmentsDoNotReplaceEachOtherAndAreBounded(t *testing.T) {
	dir := t.TempDir()
	for range keepDamaged + 3 {
		j, recovered, err := Open(dir, Options{disk: quick{}, queue: 1})
		if err != nil {
			t.Fatal(err)
		}
		j.write([]event.Frame{frame(recovered.LastSeq+1, 1), frame(recovered.LastSeq+2, 1), frame(recovered.LastSeq+3, 1)})
		path := filepath.Join(dir, segmentName(j.pen.segment.number))
		j.Close()
		text, _ := os.ReadFile(path)
		lines := bytes.SplitAfter(text, []byte("\n"))
		lines[len(lines)-3][12] ^= 1 // the last but one
		os.WriteFile(path, bytes.Join(lines, nil), 0o600)
	}
	_, damaged, _, _ := segmentsIn(dir)
	if len(damaged) != keepDamaged+2 {
		t.Fatalf("kept %v, want one per damage", damaged)
	}
	j, recovered := start(t, dir, Options{})
	j.Cut(nil, recovered.LastSeq)
	j.until("bounded", func(Health) bool {
		_, damaged, _, _ := segmentsIn(dir)
		return len(damaged) == keepDamaged
	})
}

func TestReadIsStrictAboutDamageAndCalmAboutATornTail(t *testing.T) {
	dir := t.TempDir()
	_, text, ends := written(t, dir, 5, 6)
	path := filepath.Join(dir, "000001.log")
	appendTo(t, path, []byte("0badc0de f {\"half"))
	if n, err := count(path); n != 7 || err != nil {
		t.Fatalf("read %d lines and %v, want the snapshot and 6 frames", n, err)
	}
	text[ends[1]+15] ^= 1
	os.WriteFile(path, text, 0o600)
	if n, err := count(path); n != 3 || err == nil || !strings.Contains(err.Error(), "000001.log line 4: damaged") {
		t.Fatalf("read %d lines and %v, want 3 and an error that names line 4", n, err)
	}
}

func count(path string) (n int, err error) {
	for _, err := range Load(path) {
		if err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}
