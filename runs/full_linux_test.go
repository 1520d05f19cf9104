package runs

import (
	"errors"
	"math/rand/v2"
	"os"
	"strings"
	"syscall"
	"testing"

	"holdfast"
	"holdfast/report"
)

// On a disk that is full the new run is not kept, which is said, and the earlier
// ones are whole.
func TestAFullDiskLosesNoEarlierRun(t *testing.T) {
	state := t.TempDir()
	if err := syscall.Mount("holdfast-test", state, "tmpfs", 0, "size=128k"); err != nil {
		t.Skipf("no file system of a size can be made here: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(state, 0); err != nil {
			t.Error(err)
		}
	})
	first := keep(t, state, 1)
	next := report.Run{ID: NewID(began(2), rand.New(rand.NewPCG(1, 1))), Verdict: holdfast.Pass, Reason: strings.Repeat("x", 1<<20)}
	if err := Keep(state, next); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("%v, want that no space is left", err)
	}
	if _, err := os.Stat(path(state, next.ID) + ".new"); err == nil {
		t.Error("half of it takes the room that there is")
	}
	if run, err := Find(state, Latest); err != nil || run.ID != first {
		t.Errorf("%s %v", run.ID, err)
	}
	keep(t, state, 3)
}
