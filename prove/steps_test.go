package prove

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast"
	"holdfast/event"
	"holdfast/load"
	"holdfast/mode"
	"holdfast/report"
)

// addUp holds the steps of a drill to what they promise: each took time, they add
// up to the time to restore, and of a drill that was not restored to the time it
// was watched since.
func addUp(t *testing.T, story string, f facts, d report.Drill) {
	t.Helper()
	want, from := f.ended, f.injected
	if d.From == fromUndo {
		from = f.undone
	}
	whole := millis(want - from)
	if d.Restore != nil {
		whole = *d.Restore
	}
	sum := report.Millis(0)
	for _, step := range d.Steps {
		if step.Took <= 0 || step.What == "" || step.Name == "" {
			t.Errorf("%s: a step without time or words: %+v", story, step)
		}
		sum += step.Took
	}
	if math.Abs(float64(sum-whole)) > 0.05 {
		t.Errorf("%s: the steps take %gms of %gms: %+v", story, float64(sum), float64(whole), d.Steps)
	}
}

func TestTheStepsOfEveryStoryAddUp(t *testing.T) {
	for _, row := range slices.Concat(inBounds(), tooSlow(), neverWhole(), leftOver()) {
		addUp(t, row.story, row.scene.facts, judge(row.scene.facts))
	}
	for _, b := range brokenSystems() {
		addUp(t, b.name, b.scene.facts, judge(b.scene.facts))
	}
}

// Whatever a journal says, and in whatever order, no time is lost or counted
// twice.
func TestTheStepsOfAnyJournalAddUp(t *testing.T) {
	for seed := range uint64(200) {
		dice := rand.New(rand.NewPCG(seed, 0))
		s := anyJournal(dice)
		d := judge(s.facts)
		addUp(t, fmt.Sprintf("seed %d", seed), s.facts, d)
		checkTimeline(t, fmt.Sprintf("seed %d", seed), s.facts, d)
	}
}

// anyJournal is a drill of any of three kinds in which anything is said.
func anyJournal(dice *rand.Rand) *scene {
	s := []func() *scene{
		func() *scene { return crash(1+dice.IntN(2), 5*time.Second) },
		func() *scene { return pathFault(mode.Slow()) },
		func() *scene { return severed(dice.IntN(2) == 0, dice.IntN(2) == 0).owes(5 * time.Millisecond) },
	}[dice.IntN(3)]()
	bodies := []event.Body{
		holdfast.Ejected{ID: s.victim.ID, Sign: holdfast.SignExit}, event.Detected{Mode: s.mode.Name, ID: s.victim.ID},
		event.Decided{Do: event.ActRestart, Mode: s.mode.Name, ID: id("catalog-2#2")}, holdfast.Exited{ID: s.victim.ID},
		holdfast.Started{ID: id("catalog-2#2")}, holdfast.Started{ID: id("catalog-2#3")}, holdfast.Exited{ID: id("catalog-2#2")},
		holdfast.Admitted{ID: id("catalog-2#2")}, holdfast.Admitted{ID: id("catalog-2#3")}, event.Restored{Mode: s.mode.Name, ID: s.victim.ID},
		withheld(holdfast.RailAttempts, "spent"), holdfast.Admitted{ID: id("catalog-1#1")}, holdfast.Ejected{ID: id("storefront-1#1"), Sign: holdfast.SignErrors},
	}
	at := time.Duration(0)
	for range dice.IntN(30) {
		at += time.Duration(dice.Int64N(int64(300 * time.Millisecond)))
		s.then(at, bodies[dice.IntN(len(bodies))])
	}
	for i := range s.entries {
		s.entries[i].ID = event.ID{Writer: "mind", Seq: uint64(i + 1)}
		if dice.IntN(2) == 0 && i > 0 {
			s.entries[i].Cause = s.entries[dice.IntN(i)].ID
		}
	}
	if dice.IntN(2) == 0 {
		from := time.Duration(dice.Int64N(int64(4 * time.Second)))
		s.hurts(from, from+time.Duration(dice.Int64N(int64(time.Second))))
	}
	return s
}

// checkTimeline holds a timeline to its order: causes come before what they
// caused, and no line before the one above it.
func checkTimeline(t *testing.T, story string, f facts, d report.Drill) {
	t.Helper()
	if len(d.Timeline) == 0 || len(d.Timeline) > mostMoments {
		t.Errorf("%s: a timeline of %d moments", story, len(d.Timeline))
	}
	for i, m := range d.Timeline {
		if m.Cause > i || m.Text == "" || i > 0 && m.At < d.Timeline[i-1].At {
			t.Errorf("%s: moment %d of %+v", story, i+1, d.Timeline)
		}
	}
}

// A recorded is a drill as the shop's journal told it, kept to be judged again.
type recorded struct {
	Mode     holdfast.ModeName  `json:"mode"`
	Victim   holdfast.ReplicaID `json:"victim"`
	Replicas int                `json:"replicas"`
	ByUndo   bool               `json:"by_undo"`
	Injected time.Duration      `json:"injected"`
	Undone   time.Duration      `json:"undone"`
	Ended    time.Duration      `json:"ended"`
	Whole    time.Duration      `json:"whole"` // when users were whole
	Entries  []event.Entry      `json:"entries"`
}

// facts are a recorded drill's, with users that were hurt until they were whole.
func (r recorded) facts() facts {
	service := holdfast.Service{Name: r.Victim.Service, Command: "./x", Manage: holdfast.Full, Replicas: r.Replicas}
	of := mode.Crash()
	if strings.HasSuffix(string(r.Mode), ".hang") {
		of = mode.Hang()
	}
	f := facts{
		mode: of.Of(service), by: holdfast.Drill{Fault: of.Fault}, service: service, victim: holdfast.Victim{ID: r.Victim, Pid: 1},
		injected: r.Injected, byUndo: r.ByUndo, undone: r.Undone, ended: r.Ended, entries: r.Entries, witness: "seen", reached: 300,
	}
	for due := r.Injected - time.Second; due < r.Ended; due += 5 * time.Millisecond {
		f.results = append(f.results, load.Result{Target: "x", Intended: int64(due), Sent: int64(due), Ended: int64(due + 1), Failed: due >= r.Injected && due < r.Whole})
	}
	return f
}

// The drills of a shop, as they were on a loaded machine. What its instants are
// rounded to once made the longest step vanish.
func TestTheStepsOfRecordedDrillsAddUp(t *testing.T) {
	paths, err := filepath.Glob("testdata/recorded/*.jsonl")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no recorded drills: %v", err)
	}
	for _, path := range paths {
		file, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		lines := bufio.NewScanner(file)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			var r recorded
			if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
				t.Fatal(err)
			}
			f := r.facts()
			d := judge(f)
			addUp(t, path, f, d)
			checkTimeline(t, path, f, d)
			ready := slices.ContainsFunc(d.Steps, func(s report.Step) bool { return s.Name == report.StepReady })
			if d.Restore == nil || !ready {
				t.Errorf("%s: %s was restored after %v in steps %+v", path, r.Mode, d.Restore, d.Steps)
			}
		}
	}
}
