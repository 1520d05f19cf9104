package warden

import (
	"os"
	"path/filepath"
	"reflect"
	"syscall"
	"testing"

	"holdfast"
	"holdfast/fault/faulttest"
)

func TestResidue(t *testing.T) {
	seen := func(pid int, name, state string, known bool) Seen {
		return Seen{Identity: Identity{Pid: pid, Ticks: 7}, Name: name, State: state, Known: known}
	}
	for name, c := range map[string]struct {
		before, after Snapshot
		want          []string
	}{
		"clean": {
			before: Snapshot{Processes: []Seen{seen(1, "catalog-1#1", "S", true)}},
			after:  Snapshot{Processes: []Seen{seen(2, "catalog-1#2", "S", true)}},
		},
		"a worker outlived its replica": {
			before: Snapshot{Processes: []Seen{seen(1, "catalog-1#1", "S", true), seen(2, "catalog-1#1", "S", true)}},
			after:  Snapshot{Processes: []Seen{seen(2, "catalog-1#1", "S", false), seen(3, "catalog-1#2", "S", true)}},
			want:   []string{"catalog-1#1 (pid 2) still lives and no table knows it"},
		},
		"it was there before": {
			before: Snapshot{Processes: []Seen{seen(2, "catalog-1#1", "T", false)}},
			after:  Snapshot{Processes: []Seen{seen(2, "catalog-1#1", "T", false)}},
		},
		"still stopped": {
			before: Snapshot{Processes: []Seen{seen(1, "catalog-1#1", "S", true)}},
			after:  Snapshot{Processes: []Seen{seen(1, "catalog-1#1", "T", true)}},
			want:   []string{"catalog-1#1 (pid 1) is stopped"},
		},
		"held by a tracer that nobody ended": {
			before: Snapshot{Processes: []Seen{seen(1, "catalog-1#1", "S", true)}},
			after:  Snapshot{Processes: []Seen{seen(1, "catalog-1#1", "t", true)}},
			want:   []string{"catalog-1#1 (pid 1) is stopped"},
		},
		"under a name of its own": {
			before: Snapshot{Left: []string{"the control group a"}},
			after:  Snapshot{Left: []string{"the control group a", "the control group b"}},
			want:   []string{"the control group b is still there"},
		},
		"not undone": {
			after: Snapshot{Open: []Entry{{ID: 3, Fault: "kill", Victim: holdfast.Victim{ID: holdfast.ReplicaID{Service: "catalog", Ordinal: 1, Incarnation: 1}}}}},
			want:  []string{"kill on catalog-1#1 (pid 0) is not undone"},
		},
	} {
		if got := Residue(c.before, c.after); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

func TestASnapshotSeesTheCopyAndItsFaults(t *testing.T) {
	t.Parallel()
	s := newStage(t, "obedient")
	w := start(t, s)
	known := func(name string) bool { return name == "catalog-1#1" }
	before, err := TakeSnapshot(s.ledger(), known, nil)
	if err != nil || len(before.Processes) != 3 || len(before.Open) != 0 {
		t.Fatalf("%+v, %v; want the keeper, two replicas and no fault", before, err)
	}
	replica := s.processes()[1]
	s.Victim.Pid, s.Victim.Ticks = replica.Pid, replica.Ticks
	if err := strikeVictim(t.Context(), w, s); err != nil {
		t.Fatal(err)
	}
	after, err := TakeSnapshot(s.ledger(), known, nil)
	if left := Residue(before, after); err != nil || len(left) != 2 {
		t.Errorf("residue %q, %v; want a stopped process and a fault not undone", left, err)
	}
	syscall.Kill(replica.Pid, syscall.SIGCONT)
	if err := w.Undone(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	faulttest.Eventually(t, "nothing is left", func() bool {
		after, err := TakeSnapshot(s.ledger(), known, nil)
		return err == nil && len(Residue(before, after)) == 0
	})
}

// A ledger that cannot be written refuses: nothing may be injected then.
func TestAFullDiskArmsNothing(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("needs /dev/full: %v", err)
	}
	book := &ledger{account: &account{}, file: full}
	defer book.close()
	if _, err := book.arm(Entry{Fault: "kill"}); err == nil || len(book.entries) > 0 {
		t.Errorf("armed with a full disk: %v", err)
	}
}

func TestALedgerHasOneWriter(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run"+Suffix)
	book, err := createLedger(path, run{BootID: "b"})
	if err != nil {
		t.Fatal(err)
	}
	defer book.close()
	if _, err := openLedger(path); err != errBusy {
		t.Errorf("a second writer got %v, want %v", err, errBusy)
	}
}
