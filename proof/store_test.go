package proof

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"holdfast"
)

func kept(name holdfast.ModeName, verdict holdfast.Verdict, basis holdfast.Digest) Kept {
	took := 4 * time.Millisecond
	return Kept{Mode: name, Verdict: verdict, Basis: basis, At: time.Unix(1_800_000_000, 0).UTC(), Detect: &took, Sent: 1000}
}

func keep(t *testing.T, state string, all ...Kept) {
	t.Helper()
	for _, k := range all {
		if err := Keep(state, k); err != nil {
			t.Fatal(err)
		}
	}
}

func read(t *testing.T, state string) ([]Kept, int) {
	t.Helper()
	all, damaged, err := Read(state)
	if err != nil {
		t.Fatal(err)
	}
	return all, damaged
}

// killed are modes that are drilled by one fault.
func killed(names ...holdfast.ModeName) []holdfast.FailureMode {
	var modes []holdfast.FailureMode
	for _, name := range names {
		modes = append(modes, holdfast.FailureMode{Name: name, Drills: []holdfast.Drill{{Fault: "kill"}}})
	}
	return modes
}

// What the verdicts of a mode with two drills come to.
func TestEveryDrillOfAModeCounts(t *testing.T) {
	both := killed("a.crash")
	both[0].Drills = append(both[0].Drills, holdfast.Drill{Fault: "oom"})
	at := 0
	by := func(fault holdfast.FaultName, verdict holdfast.Verdict, basis holdfast.Digest) Kept {
		at++
		return Kept{Mode: "a.crash", Fault: fault, Verdict: verdict, Basis: basis, At: time.Unix(int64(at), 0)}
	}
	for what, c := range map[string]struct {
		kept []Kept
		want holdfast.Verdict // empty: there is none
		by   holdfast.FaultName
	}{
		"both passed, as old as the older":     {[]Kept{by("oom", holdfast.Pass, "1"), by("kill", holdfast.Pass, "1")}, holdfast.Pass, "oom"},
		"one was not drilled":                  {[]Kept{by("kill", holdfast.Pass, "1")}, "", ""},
		"one decided nothing":                  {[]Kept{by("kill", holdfast.Pass, "1"), by("oom", holdfast.Invalid, "1")}, "", ""},
		"a PASS of one hides no FAIL of one":   {[]Kept{by("oom", holdfast.Fail, "1"), by("kill", holdfast.Pass, "1")}, holdfast.Fail, "oom"},
		"nor on what is there since":           {[]Kept{by("oom", holdfast.Fail, "1"), by("kill", holdfast.Pass, "2")}, holdfast.Fail, "oom"},
		"until the same passes":                {[]Kept{by("oom", holdfast.Fail, "1"), by("kill", holdfast.Pass, "1"), by("oom", holdfast.Pass, "1")}, holdfast.Pass, "kill"},
		"each passed, on something else":       {[]Kept{by("kill", holdfast.Pass, "1"), by("oom", holdfast.Pass, "2")}, "", ""},
		"a FAIL by what is not declared":       {[]Kept{by("kill", holdfast.Pass, "1"), by("oom", holdfast.Pass, "1"), by("storm", holdfast.Fail, "1")}, holdfast.Pass, "kill"},
		"kept when there was one drill a mode": {[]Kept{by("", holdfast.Pass, "1"), by("oom", holdfast.Pass, "1")}, holdfast.Pass, ""},
	} {
		got, ok := Newest(c.kept, both)["a.crash"]
		if ok != (c.want != "") || got.Verdict != c.want || got.Fault != c.by {
			t.Errorf("%s: %s by %q (%v)", what, got.Verdict, got.Fault, ok)
		}
	}
}

func TestTheNewestVerdictOfEachModeThatSaysSomethingCounts(t *testing.T) {
	state := t.TempDir()
	if all, _ := read(t, state); len(all) != 0 {
		t.Errorf("an empty folder keeps %v", all)
	}
	keep(t, state,
		kept("a.crash", holdfast.Fail, "1"), kept("b.crash", holdfast.Pass, "1"), kept("a.crash", holdfast.Pass, "2"),
		kept("b.crash", holdfast.Fail, "2"), kept("a.crash", holdfast.Invalid, "3"), kept("c.crash", holdfast.Invalid, "1"))
	all, damaged := read(t, state)
	newest := Newest(all, killed("a.crash", "b.crash", "c.crash", "rare.crash", "often.crash"))
	if len(all) != 6 || damaged != 0 || newest["a.crash"].Basis != "2" || newest["b.crash"].Verdict != holdfast.Fail || newest["c.crash"].Mode != "" {
		t.Errorf("%d kept, %d damaged, the newest are %+v", len(all), damaged, newest)
	}
	if k := newest["a.crash"]; k.Detect == nil || *k.Detect != 4*time.Millisecond || k.Mitigate != nil || !k.At.Equal(time.Unix(1_800_000_000, 0)) {
		t.Errorf("read back as %+v", k)
	}
}

func TestDamagedLinesAreLeftOut(t *testing.T) {
	state := t.TempDir()
	keep(t, state, kept("a.crash", holdfast.Pass, "1"))
	path := filepath.Join(state, File)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	damage := strings.Join([]string{
		"\x00\x00\x00", `{"mode":"a.crash","verdict":"PASS"}`, `{"mode":"a.crash","basis":"1","verdict":"GREAT","at":"2027-01-15T08:00:00Z"}`, "[]", string(whole[:len(whole)/2]),
	}, "\n")
	if err := os.WriteFile(path, append(whole, damage...), 0o600); err != nil {
		t.Fatal(err)
	}
	keep(t, state, kept("b.crash", holdfast.Fail, "2"))
	if all, damaged := read(t, state); len(all) != 2 || damaged != 5 || all[1].Mode != "b.crash" {
		t.Errorf("of two whole lines and five damaged ones %d and %d were found: %+v", len(all), damaged, all)
	}
}

func TestTheStoreIsBoundedAndForgetsNoMode(t *testing.T) {
	state := t.TempDir()
	rare, often := kept("rare.crash", holdfast.Pass, "1"), kept("often.crash", holdfast.Fail, "2")
	often.Reason = strings.Repeat("é", maxReason) // two bytes each: cut to half
	keep(t, state, rare)
	line := fmt.Sprintf(`{"mode":"often.crash","basis":"0","verdict":"FAIL","at":"2027-01-15T08:00:00Z","detect":null,"mitigate":null,"restore":null,"sent":0,"hurt":0,"reason":"%s"}`+"\n", strings.Repeat("x", maxReason))
	path := filepath.Join(state, File)
	file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	file.WriteString(strings.Repeat(line, maxStored/len(line)))
	file.Close()
	keep(t, state, often)
	info, err := os.Stat(path)
	if err != nil || info.Size() > maxStored*2/3 {
		t.Errorf("it is still %d bytes long (%v)", info.Size(), err)
	}
	all, damaged := read(t, state)
	newest := Newest(all, killed("a.crash", "b.crash", "c.crash", "rare.crash", "often.crash"))
	if damaged != 0 || newest["rare.crash"].Verdict != holdfast.Pass || newest["often.crash"].Basis != "2" {
		t.Errorf("after room was made: %d damaged, %+v", damaged, newest["rare.crash"])
	}
	if reason := newest["often.crash"].Reason; len(reason) > maxReason+len("…") || !strings.HasSuffix(reason, "é…") {
		t.Errorf("a reason of %d bytes was kept", len(reason))
	}
}

func TestSeveralMayKeepAtOnce(t *testing.T) {
	state := t.TempDir()
	var all sync.WaitGroup
	for n := range 8 {
		all.Go(func() {
			for range 5 {
				if err := Keep(state, kept(holdfast.ModeName(fmt.Sprintf("s%d.crash", n)), holdfast.Pass, "1")); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if kept, damaged := read(t, state); len(kept) != 40 || damaged != 0 {
		t.Errorf("of 40 verdicts %d are kept, %d damaged", len(kept), damaged)
	}
}

func TestALockThatIsNeverLetGoIsNotWaitedForForEver(t *testing.T) {
	t.Parallel()
	state := t.TempDir()
	held, err := takeLock(filepath.Join(state, File+".lock"))
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	began := time.Now()
	if err := Keep(state, kept("a.crash", holdfast.Pass, "1")); err == nil || time.Since(began) > 5*lockPatience {
		t.Errorf("kept although the lock is held, or waited %s: %v", time.Since(began), err)
	}
}

func TestNobodyElseMayReadOrWriteVerdicts(t *testing.T) {
	state := t.TempDir()
	keep(t, state, kept("a.crash", holdfast.Pass, "1"))
	info, err := os.Stat(filepath.Join(state, File))
	if err != nil || info.Mode().Perm() != 0o600 || int(info.Sys().(*syscall.Stat_t).Uid) != os.Geteuid() {
		t.Errorf("%v, %v", info, err)
	}
}
