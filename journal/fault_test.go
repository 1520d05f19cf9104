package journal

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"

	"holdfast/event"
)

// An op is one step of writing.
type op string

const (
	opCreate   op = "create"
	opOpen     op = "open"
	opAllocate op = "allocate"
	opLink     op = "link"
	opRename   op = "rename"
	opRemove   op = "remove"
	opSyncDir  op = "sync directory"
	opWrite    op = "write"
	opSync     op = "sync"
	opTruncate op = "truncate"
)

func ops() []op {
	return []op{opCreate, opOpen, opAllocate, opLink, opRename, opRemove, opSyncDir, opWrite, opSync, opTruncate}
}

// A sick disk is the real one, of which chosen steps fail.
type sick struct {
	real realDisk
	mu   sync.Mutex
	with map[op]error
	only string // base name of the file it concerns; empty is any
	took map[op]int
}

func (d *sick) fall(with error, steps ...op) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.with = map[op]error{}
	for _, step := range steps {
		d.with[step] = with
	}
}

func (d *sick) recover() { d.fall(nil) }

func (d *sick) at(step op, path string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.took == nil {
		d.took = map[op]int{}
	}
	d.took[step]++
	if d.only != "" && d.only != filepath.Base(path) {
		return nil
	}
	return d.with[step]
}

func (d *sick) create(path string) (file, error) {
	if err := d.at(opCreate, path); err != nil {
		return nil, err
	}
	f, err := d.real.create(path)
	return &sickFile{file: f, disk: d, path: path}, err
}

func (d *sick) open(path string) (file, error) {
	if err := d.at(opOpen, path); err != nil {
		return nil, err
	}
	f, err := d.real.open(path)
	return &sickFile{file: f, disk: d, path: path}, err
}

func (d *sick) allocate(f file, size int64) error {
	if err := d.at(opAllocate, reserveName); err != nil {
		return err
	}
	return d.real.allocate(f.(*sickFile).file, size)
}

func (d *sick) link(from, to string) error {
	return errors.Join(d.at(opLink, from), d.real.link(from, to))
}

func (d *sick) rename(from, to string) error {
	if err := d.at(opRename, from); err != nil {
		return err
	}
	return d.real.rename(from, to)
}

func (d *sick) remove(path string) error {
	if err := d.at(opRemove, path); err != nil {
		return err
	}
	return d.real.remove(path)
}

func (d *sick) syncDir(dir string) error {
	if err := d.at(opSyncDir, dir); err != nil {
		return err
	}
	return d.real.syncDir(dir)
}

type sickFile struct {
	file
	disk *sick
	path string
}

// WriteAt of a full disk writes as far as it comes, as the kernel does.
func (f *sickFile) WriteAt(text []byte, at int64) (int, error) {
	if err := f.disk.at(opWrite, f.path); err != nil {
		n, _ := f.file.WriteAt(text[:len(text)*2/3], at)
		return n, err
	}
	return f.file.WriteAt(text, at)
}

func (f *sickFile) Sync() error {
	if err := f.disk.at(opSync, f.path); err != nil {
		return err
	}
	return f.file.Sync()
}

func (f *sickFile) Truncate(size int64) error {
	if err := f.disk.at(opTruncate, f.path); err != nil {
		return err
	}
	return f.file.Truncate(size)
}

// Whatever step fails, with whatever error, in the middle of appending and
// cutting: every frame is handed on in order, nothing that was called recorded
// is missing after the next Open, and when the disk is well again all is there.
func TestAnyOneStepMayFail(t *testing.T) {
	for _, step := range ops() {
		for _, with := range []error{syscall.ENOSPC, syscall.EIO} {
			t.Run(string(step)+" "+with.Error(), func(t *testing.T) { anyStepMayFail(t, with, step) })
		}
	}
	t.Run("write and truncate", func(t *testing.T) { anyStepMayFail(t, syscall.EIO, opWrite, opTruncate) })
	t.Run("everything", func(t *testing.T) { anyStepMayFail(t, syscall.EIO, ops()...) })
}

func anyStepMayFail(t *testing.T, with error, steps ...op) {
	dir, disk := t.TempDir(), &sick{}
	j, _ := start(t, dir, Options{disk: disk})
	all := []event.Frame{frame(1, 1), frame(2, 2)}
	commits := j.record(all...)
	disk.fall(with, steps...)
	commits = append(commits, j.record(frame(4, 1), frame(5, 1))...)
	j.Cut([]byte("mind at 5"), 5)
	commits = append(commits, j.record(frame(6, 2))...)
	all = append(all, frame(4, 1), frame(5, 1), frame(6, 2))
	for i, c := range commits {
		if text(t, []event.Frame{c.Frame}) != text(t, all[i:i+1]) {
			t.Fatalf("commit %d is of another frame", i)
		}
	}
	if recorded := commits[2].Recorded; recorded && (slices.Contains(steps, opSync) || slices.Contains(steps, opWrite)) {
		t.Error("called recorded although it could not be written, or not be synced")
	}
	promised := copyOf(t, dir)
	checkPromises(t, promised, commits)

	disk.recover()
	commits = append(commits, j.record(frame(8, 1))...)
	if h := j.Health(); !commits[len(commits)-1].Recorded || h.Unrecorded != 0 || h.Trouble != "" || !h.Since.IsZero() {
		t.Fatalf("the disk is well again, and the journal is not: %+v", h)
	}
	j.stop()
	_, recovered := start(t, dir, Options{})
	if recovered.LastSeq != 8 || recovered.Mended != "" {
		t.Fatalf("recovered to %d, mended %q", recovered.LastSeq, recovered.Mended)
	}
	if want := all[len(all)-1]; recovered.Snapshot == nil {
		sameFrames(t, recovered.Frames, append(all, frame(8, 1)))
	} else {
		sameFrames(t, recovered.Frames, []event.Frame{want, frame(8, 1)})
	}
}

// checkPromises opens what a crash at this moment would have left.
func checkPromises(t *testing.T, dir string, commits []Commit) {
	t.Helper()
	j, recovered, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	held := map[uint64]bool{}
	for _, f := range recovered.Frames {
		for _, e := range f.Entries {
			held[e.ID.Seq] = true
		}
	}
	for _, c := range commits {
		seq := c.Frame.Entries[0].ID.Seq
		covered := recovered.Snapshot != nil && seq <= 5
		if c.Recorded && !covered && !held[seq] {
			t.Errorf("entry %d was called recorded and is not there after a crash; mended %q", seq, recovered.Mended)
		}
	}
}

func TestOnAFullDiskTheReserveIsSpentFirst(t *testing.T) {
	disk := &sick{only: "000001.log"}
	j, _ := start(t, t.TempDir(), Options{disk: disk})
	if !j.Health().Reserve {
		t.Fatal("a new journal has no reserve")
	}
	disk.fall(syscall.ENOSPC, opWrite)
	if c := j.record(frame(1, 1))[0]; c.Recorded {
		t.Fatal("called recorded although the disk took nothing")
	}
	if h := j.Health(); h.Reserve || h.Unrecorded != 1 || h.Since.IsZero() || h.Trouble == "" {
		t.Fatalf("health says %+v", h)
	}
	disk.recover()
	j.until("whole with its reserve", func(h Health) bool { return h.Reserve && h.Unrecorded == 0 && h.Trouble == "" })
}

// The backlog is bounded: its oldest part is lost, counted, called a gap by the
// next Open, and bridged by the next cut.
func TestABacklogThatIsTooLongLeavesAGapThatACutBridges(t *testing.T) {
	dir, disk := t.TempDir(), &sick{}
	j, _ := start(t, dir, Options{disk: disk})
	j.record(frame(1, 1))
	disk.fall(syscall.EIO, opSync)
	const more = backlogLength + 10
	for seq := uint64(2); seq < 2+more; seq++ {
		j.Append(frame(seq, 1))
		if (seq-1)%512 == 0 {
			j.commits(512)
		}
	}
	j.until("through", func(h Health) bool { return h.Unrecorded >= more })
	disk.recover()
	j.until("written", func(h Health) bool { return h.Trouble == "" })
	if h := j.Health(); h.Lost != 10 || h.Unrecorded != 10 || h.Since.IsZero() {
		t.Fatalf("health says %+v, want 10 lost", h)
	}
	broken, recovered, err := Open(copyOf(t, dir), Options{})
	if err != nil {
		t.Fatal(err)
	}
	broken.Close()
	if recovered.Mended != "entries 2 to 11 were never recorded" {
		t.Errorf("mended %q", recovered.Mended)
	}
	j.Cut([]byte("mind"), 1+more)
	j.until("whole", func(h Health) bool { return h.Unrecorded == 0 && h.Since.IsZero() && h.Bytes == 0 })
}

// A frame that cannot be written down takes no other with it.
func TestAFrameWithoutAWrittenFormIsLostAlone(t *testing.T) {
	j, _ := start(t, t.TempDir(), Options{})
	bad := frame(2, 1)
	bad.At.Wall = bad.At.Wall.AddDate(9000, 0, 0) // JSON knows years of four digits
	commits := j.record(frame(1, 1), bad, frame(3, 1))
	if !commits[0].Recorded || commits[1].Recorded || !commits[2].Recorded || j.Health().Lost != 1 {
		t.Fatalf("commits %+v, health %+v", commits, j.Health())
	}
}

// Whatever waits shares one write and one fsync.
func TestWhatWaitsIsWrittenAtOnce(t *testing.T) {
	disk := &sick{}
	j, _, err := Open(t.TempDir(), Options{disk: disk})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	for seq := uint64(1); seq <= 500; seq++ {
		j.Append(frame(seq, 1))
	}
	writes, syncs := disk.count(opWrite), disk.count(opSync)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- j.Run(ctx) }()
	(&running{Journal: j, t: t}).commits(500)
	writes, syncs = disk.count(opWrite)-writes, disk.count(opSync)-syncs
	cancel()
	<-ended
	if writes != 1 || syncs != 1 {
		t.Errorf("500 waiting frames took %d writes and %d fsyncs, want one of each", writes, syncs)
	}
}

func (d *sick) count(step op) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.took[step]
}
