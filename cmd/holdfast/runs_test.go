package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"holdfast"
	"holdfast/report"
	"holdfast/runs"
)

// kept are the runs that a folder keeps, the newest first.
func (h *house) kept() []runs.Summary {
	h.t.Helper()
	kept, unreadable, err := runs.List(filepath.Join(h.dir, ".holdfast"))
	if err != nil || len(unreadable) > 0 {
		h.t.Fatalf("%v, %v", unreadable, err)
	}
	return kept
}

// A run is kept and compared: a start that takes longer than it did is named, with
// the figure, and is exit 1 for who asks.
func TestASlowerStartIsNamedAgainstAnEarlierRun(t *testing.T) {
	t.Parallel()
	h := newHouse(t, catalogAlone(""))
	_, before := h.decided("--out", "main.json", "--out", "main.md", "--out", "main.xml", "--out", "main.html")
	if before.Verdict != holdfast.Pass {
		t.Fatalf("the system as it was: %+v", before)
	}
	if kept := h.kept(); len(kept) == 0 || kept[0].ID != before.ID || kept[0].Took == 0 || before.Digest == "" {
		t.Errorf("kept: %v, ran: %s", kept, before.ID)
	}
	if written, err := runs.Read(filepath.Join(h.dir, "main.json")); err != nil || written.ID != before.ID {
		t.Errorf("--out wrote %s, %v", written.ID, err)
	}
	for _, name := range []string{"main.md", "main.xml", "main.html"} {
		if text, err := os.ReadFile(filepath.Join(h.dir, name)); err != nil || !strings.Contains(string(text), "catalog.crash") {
			t.Errorf("%s: %v", name, err)
		}
	}
	h.write(defaultFile, catalogAlone("--start-delay 6s"))
	s, run := h.decided("--against", "main.json")
	s.exits(exitGood) // within its bounds
	delta := run.Against.Deltas[0]
	if len(run.Against.Deltas) != 1 || delta.What != report.Worse || delta.Broken || delta.Shifts[0].Figure != report.FigureRestore || run.Against.Name != "main" || run.Against.ID != before.ID {
		t.Errorf("%+v", run.Against)
	}
	h.run("runs", "compare", "main.json", string(run.ID), "--fail-on", "worse").exits(exitFound).tells("WORSE    catalog.crash  restore", "owner: web", "changed  1 worse, 0 the same, since main")
	h.run("runs", "compare", string(run.ID), "main.json", "--fail-on", "worse").exits(exitGood).tells("BETTER   catalog.crash")
}

// What fails now and failed before is exit 1, unless the comparison alone is to
// judge.
func TestWhatFailedBeforeIsJudgedAsAskedFor(t *testing.T) {
	t.Parallel()
	// A second longer without anybody than the gateway lets requests wait for it.
	h := newHouse(t, strings.Replace(catalogAlone("--start-delay 4s"), "replicas: 2", "replicas: 1", 1))
	s, before := h.decided()
	s.exits(exitFound)
	h.run("prove", "crash", "--against", string(before.ID)).exits(exitFound).tells("FAIL", "against  "+string(before.ID), "fails as it did before")
	h.run("runs", "show", string(before.ID), "--format", "github").exits(exitGood).tells("::error file=holdfast.yaml,line=4,col=3,endColumn=10,title=catalog.crash::")
	s, run := h.decided("--against", string(before.ID), "--fail-on", "broken")
	s.exits(exitGood)
	if run.Verdict != holdfast.Fail || run.Against.Deltas[0].What != report.Same {
		t.Errorf("%+v", run.Against)
	}
}

// A run that a person interrupts is kept as far as it came, ABORTED; one without a
// witness is not, and neither says anything of what was not drilled.
func TestAnInterruptedRunIsKept(t *testing.T) {
	t.Parallel()
	h := newHouse(t, catalogAlone(""))
	r := h.start("prove")
	r.says("catalog.crash  kill on catalog")
	r.signal(syscall.SIGINT)
	r.ends().exits(exitInterrupted)
	kept := h.kept()
	if len(kept) != 1 || kept[0].Verdict != holdfast.Aborted {
		t.Fatalf("kept: %+v", kept)
	}
	h.run("runs", "show").exits(exitGood).tells("ABORTED", "interrupted")
	h.run("prove", "crash", "--blind-witness", "--rate", "100/s").tells("this run is not kept: a fault that nobody saw")
	if again := h.kept(); !slices.EqualFunc(again, kept, func(x, y runs.Summary) bool { return x.ID == y.ID }) {
		t.Errorf("kept: %+v", again)
	}
}

// Within a budget that one drill fits into, the others are SKIP with the reason,
// which is no failure, and the run ends in time.
func TestABudgetLeavesOutWhatDoesNotFit(t *testing.T) {
	t.Parallel()
	h := newHouse(t, catalogAlone(""))
	s := h.run("prove", "catalog.errors", "catalog.slow", "catalog.crash", "--repeat", "2", "--budget", "32s", "--json")
	run := s.document()
	if noisy(run) {
		t.Skip("this machine is too busy to measure")
	}
	s.exits(exitGood)
	said := []string{}
	for _, drill := range run.Drills {
		said = append(said, fmt.Sprintf("%s %s %s", drill.Mode, drill.Verdict, drill.Reason))
	}
	// Two of one mode fit even where nothing is known of what they take, six do not.
	if len(run.Drills) > 5 || run.Verdict != holdfast.Skip || run.Took > 32_000 || !strings.Contains(strings.Join(said, "\n"), "SKIP not within the budget of 32s; never drilled") {
		t.Errorf("took %s:\n%s", report.Short(run.Took), strings.Join(said, "\n"))
	}
}
