package runs

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast"
	"holdfast/report"
)

func began(minute int) time.Time {
	return time.Date(2026, 11, 27, 1, 0, 0, 0, time.UTC).Add(time.Duration(minute) * time.Minute)
}

// keep keeps a run that began in some minute.
func keep(t *testing.T, state string, minute int, spared ...report.RunID) report.RunID {
	t.Helper()
	run := report.Run{
		System: "shop", Verdict: holdfast.Fail, At: began(minute), Took: 78_000, ID: NewID(began(minute), rand.New(rand.NewPCG(uint64(minute), 1))),
		Drills: []report.Drill{{Mode: "catalog.crash", Verdict: holdfast.Pass, Account: report.Account{Timeline: make([]report.Moment, 50)}}, {Mode: "cart.crash", Verdict: holdfast.Fail}},
	}
	if err := errors.Join(Keep(state, run), Prune(state, spared...)); err != nil {
		t.Fatal(err)
	}
	return run.ID
}

func path(state string, id report.RunID) string { return filepath.Join(state, Dir, string(id)+suffix) }

func TestARunIsFoundAgain(t *testing.T) {
	state := t.TempDir()
	first, last := keep(t, state, 1), keep(t, state, 2)
	elsewhere := filepath.Join(t.TempDir(), "main.json")
	if err := os.Link(path(state, first), elsewhere); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]report.RunID{
		string(first): first, Latest: last, string(first)[:14]: first, string(last)[:17]: last, elsewhere: first, path(state, last): last,
	} {
		run, err := Find(state, name)
		if err != nil || run.ID != want || len(run.Drills) != 2 || len(run.Drills[0].Timeline) != 50 || !run.At.Equal(began(1)) && want == first {
			t.Errorf("%s is %s, %v", name, run.ID, err)
		}
	}
	for _, name := range []string{"2026", "", "20261128", "../runs/" + string(first), "main.json"} {
		if run, err := Find(state, name); err == nil {
			t.Errorf("%q is %s", name, run.ID)
		}
	}
	if _, err := Find(state, "2026"); !errors.Is(err, ErrNone) || !strings.Contains(err.Error(), "2 runs begin with 2026") {
		t.Error(err)
	}
	if info, err := os.Stat(path(state, first)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v: others may read it", info.Mode(), err)
	}
}

func TestNothingIsKeptYet(t *testing.T) {
	state := t.TempDir()
	if kept, odd, err := List(state); err != nil || len(kept)+len(odd) != 0 {
		t.Errorf("%v %v %v", kept, odd, err)
	}
	if _, err := Find(state, Latest); !errors.Is(err, ErrNone) {
		t.Error(err)
	}
}

func TestRunsAreListedTheNewestFirst(t *testing.T) {
	state := t.TempDir()
	first, last := keep(t, state, 1), keep(t, state, 2)
	kept, odd, err := List(state)
	if err != nil || len(odd) != 0 || len(kept) != 2 || kept[0].ID != last || kept[1].ID != first {
		t.Fatalf("%v %v %v", kept, odd, err)
	}
	if s := kept[1]; s.System != "shop" || s.Verdict != holdfast.Fail || s.Took != 78_000 || !s.At.Equal(began(1)) || !slices.Equal(s.Drills, []holdfast.Verdict{holdfast.Pass, holdfast.Fail}) {
		t.Errorf("%+v", s)
	}
}

// What cannot be read is named, and costs no other.
func TestADamagedRunCostsNoOther(t *testing.T) {
	state := t.TempDir()
	good := keep(t, state, 1)
	whole, err := os.ReadFile(path(state, good))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"20261127T020000-torn": string(whole[:len(whole)/2]), "20261127T020100-newr": strings.Replace(string(whole), `"version":0`, `"version":7`, 1),
		"20261127T020200-null": "", "20261127T020300-list": "[]", "20261127T020400-made": `{"version":0}`, "20261127T020500-kind": `{"version":0,"verdict":"PASS","drills":3}`,
	} {
		if err := os.WriteFile(path(state, report.RunID(name)), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Find(state, name); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	kept, odd, err := List(state)
	if err != nil || len(kept) != 1 || kept[0].ID != good || len(odd) != 6 {
		t.Errorf("%v %v %v", kept, odd, err)
	}
	if run, err := Find(state, Latest); err != nil || run.ID != good {
		t.Errorf("the latest that can be read is %s, %v", run.ID, err)
	}
	_, err = Find(state, "20261127T020100-newr")
	if !errors.Is(err, ErrNewer) || !strings.Contains(err.Error(), "its version is 7, and this one reads up to 0") {
		t.Error(err)
	}
}

func TestTheOldestAreClearedAwayAndNoneThatIsComparedWith(t *testing.T) {
	state := t.TempDir()
	spared := keep(t, state, 0)
	for minute := 1; minute < most; minute++ {
		keep(t, state, minute)
	}
	half, fresh := path(state, "20261127T010000-dead")+".new", path(state, "20261127T010000-lvng")+".new"
	for _, name := range []string{half, fresh} {
		if err := os.WriteFile(name, []byte("{"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chtimes(half, began(0), time.Now().Add(-2*forgotten)); err != nil {
		t.Fatal(err)
	}
	second, newest := report.RunID(""), keep(t, state, 500, spared)
	all, halves, err := names(filepath.Join(state, Dir))
	if err != nil || len(all) != most+1 || all[0] != spared || all[most] != newest || !slices.Equal(halves, []string{filepath.Base(fresh)}) {
		t.Fatalf("%d kept, the first %s, halves %v (%v)", len(all), all[0], halves, err)
	}
	second, newest = all[1], keep(t, state, 501)
	if all, _, _ = names(filepath.Join(state, Dir)); len(all) != most || slices.Contains(all, spared) || slices.Contains(all, second) || all[most-1] != newest {
		t.Errorf("%d kept, the first %s: nobody spares it any more", len(all), all[0])
	}
}

// Whatever stands in the way of writing, earlier runs are as they were.
func TestARunThatCannotBeKeptCostsNoOther(t *testing.T) {
	state := t.TempDir()
	first := keep(t, state, 1)
	next := report.Run{ID: NewID(began(2), rand.New(rand.NewPCG(1, 1))), Verdict: holdfast.Pass}
	if err := os.MkdirAll(filepath.Join(path(state, next.ID)+".new", "in the way"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := Keep(state, next); err == nil {
		t.Error("it says that it was kept")
	}
	for _, name := range []report.RunID{"", "latest", "../../evil", "20261127T010000-../x"} {
		if err := Keep(state, report.Run{ID: name}); err == nil {
			t.Errorf("%q is a name", name)
		}
	}
	if run, err := Find(state, Latest); err != nil || run.ID != first {
		t.Errorf("%s %v", run.ID, err)
	}
}

func TestNamesSortByTime(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	last := report.RunID("")
	for minute := range 100 {
		id := NewID(began(minute*37), rng)
		if !named(id) || id <= last {
			t.Fatalf("%s after %s", id, last)
		}
		last = id
	}
	if id := fmt.Sprint(NewID(began(0).In(time.FixedZone("x", 7200)), rng)); !strings.HasPrefix(id, "20261127T010000-") {
		t.Errorf("a name is by the time of a place: %s", id)
	}
}

// A pipe among the runs is named, and nobody waits for who may write into it.
func TestAPipeAmongTheRunsIsNotWaitedFor(t *testing.T) {
	state := t.TempDir()
	good := keep(t, state, 1)
	pipe := path(state, "20261127T020000-pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Skip(err)
	}
	writer, err := os.OpenFile(pipe, os.O_RDWR, 0) // who opens it to read does not wait; who reads does
	if err != nil {
		t.Fatal(err)
	}
	late := time.AfterFunc(5*time.Second, func() {
		writer.Close()
	})
	defer late.Stop()
	began := time.Now()
	kept, odd, err := List(state)
	if err != nil || len(kept) != 1 || len(odd) != 1 || odd[0].File != pipe || !strings.Contains(odd[0].Why, "no file") {
		t.Errorf("%v %v %v", kept, odd, err)
	}
	if run, err := Find(state, Latest); err != nil || run.ID != good {
		t.Errorf("%s %v", run.ID, err)
	}
	if _, err := Find(state, "20261127T0200"); !errors.Is(err, errNoFile) {
		t.Error(err)
	}
	if waited := time.Since(began); waited > 4*time.Second {
		t.Errorf("it waited %s", waited)
	}
}
