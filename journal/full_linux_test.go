package journal

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A real disk, really full.
func TestAFullDisk(t *testing.T) {
	dir := mountTmpfs(t)
	state := filepath.Join(dir, "journal")
	j, _ := start(t, state, Options{})
	j.record(frame(1, 1))
	ballast := filepath.Join(dir, "ballast")
	fill(t, ballast)
	seq := uint64(2)
	for j.Health().Reserve { // what is left of the last page, then the reserve
		if c := j.record(frame(seq, 20)); !c[0].Recorded {
			t.Fatalf("entry %d went unrecorded while there was a reserve", seq)
		}
		seq += 20
	}
	fill(t, ballast+"2") // somebody else takes what the reserve gave back
	for j.Health().Unrecorded == 0 {
		j.record(frame(seq, 20))
		seq += 20
	}
	if h := j.Health(); !strings.Contains(h.Trouble, "no space left") || h.Reserve {
		t.Errorf("health says %+v", h)
	}
	os.Remove(ballast)
	os.Remove(ballast + "2")
	j.until("whole again with its reserve", func(h Health) bool { return h.Reserve && h.Unrecorded == 0 })
	j.stop()
	_, recovered := start(t, state, Options{})
	if recovered.LastSeq != seq-1 || recovered.Mended != "" {
		t.Fatalf("recovered to %d, want %d; mended %q", recovered.LastSeq, seq-1, recovered.Mended)
	}
}

// An agent that is restarted on a full disk must come up and mend.
func TestOpeningOnAFullDisk(t *testing.T) {
	dir := mountTmpfs(t)
	state, ballast := filepath.Join(dir, "journal"), filepath.Join(dir, "ballast")
	j, _ := start(t, state, Options{})
	j.record(frame(1, 1))
	j.stop()
	os.Remove(filepath.Join(state, reserveName))
	fill(t, ballast)
	again, recovered := start(t, state, Options{})
	if recovered.LastSeq != 1 {
		t.Fatalf("recovered to %d", recovered.LastSeq)
	}
	again.record(frame(2, 100))
	if h := again.Health(); h.Unrecorded != 1 {
		t.Fatalf("health says %+v", h)
	}
	again.stop()
	os.RemoveAll(state)
	os.MkdirAll(state, 0o700)
	fill(t, ballast+"2")
	fresh, _ := start(t, state, Options{})
	if c := fresh.record(frame(1, 1))[0]; c.Recorded {
		t.Fatal("recorded on a disk that takes nothing")
	}
	os.Remove(ballast)
	fresh.until("recorded", func(h Health) bool { return h.Unrecorded == 0 && h.Trouble == "" })
	fresh.stop()
	_, recovered = start(t, state, Options{})
	if recovered.LastSeq != 1 {
		t.Fatalf("recovered to %d", recovered.LastSeq)
	}
}

// fill takes all the room there is.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	page := make([]byte, 4096)
	for {
		if _, err := f.Write(page); err != nil {
			if !noRoom(err) {
				t.Fatal(err)
			}
			return
		}
	}
}

func TestAReadOnlyDirectorySaysWhatToDo(t *testing.T) {
	dir := mountTmpfs(t)
	j, _ := start(t, dir, Options{})
	j.record(frame(1, 1))
	j.stop()
	if err := syscall.Mount("", dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Skipf("remount read-only: %v", err)
	}
	_, _, err := Open(dir, Options{})
	if err == nil || !strings.Contains(err.Error(), "--state") || !strings.Contains(err.Error(), dir) {
		t.Fatalf("got %v, want the directory and the next step", err)
	}
}
