package report

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"holdfast"
	"holdfast/diagnostic"
	"holdfast/internal/golden"
)

// hostile is what a stranger may put into an answer's body.
const hostile = "@ops <script>alert(1)</script> | `x` *y* [z](http://evil.example) #12\n::error::x\n\x1b[2J</details>\u202e"

// compared is a run with everything that can have become of a mode.
func compared() Run {
	r := run(passed(), failed(), unseen(), lost(), covered())
	r.ID, r.Took = "20261127T020000-here", 78_000
	r.Against = &Against{
		Name: "main", ID: "20261127T013210-kqzv", At: time.Date(2026, 11, 27, 1, 32, 10, 0, time.UTC), Verdict: holdfast.Pass,
		Cautions: []string{"the load was 200/s and is 100/s: counts of requests do not compare, and times with care"},
		Deltas: []Delta{
			{
				Mode: "cart.crash", Owner: "cart-team", What: Worse, Broken: true, Before: &Side{Drills: 1, Counted: 1, Verdict: holdfast.Pass}, After: &Side{Drills: 1, Counted: 1, Verdict: holdfast.Fail},
				Shifts: []Shift{{Figure: FigureHurt, Before: Read{Text: "0 of 390", Of: 390, Bound: "≤0.1%"}, After: Read{Text: "61 of 388", Hurt: 61, Of: 388, Bound: ">0.1%"}, Worse: true, Broken: true, Sure: "its bound is broken"}},
				Users:  "61 GET storefront/cart failed; the first: GET storefront/cart 503 " + hostile,
				Notes:  []string{"its bound on restore was 15s and is 30s"},
			},
			{
				Mode: "catalog.crash", Owner: "web", What: Worse, Before: &Side{Drills: 1, Counted: 1, Verdict: holdfast.Pass}, After: &Side{Drills: 1, Counted: 1, Verdict: holdfast.Pass},
				Shifts:  []Shift{{Figure: FigureRestore, Before: Read{Text: "640ms", Took: millis(640), Bound: "≤15s"}, After: Read{Text: "12.4s", Took: millis(12_400), Bound: "≤15s"}, Worse: true, Sure: "further than the same system moves by itself (2 times and 1.5s)"}},
				Because: "getting ready now takes 12.1s (was 300ms)",
			},
			{Mode: "bank.crash", Owner: "web", What: Appeared, After: &Side{Drills: 1, Counted: 1, Verdict: holdfast.Pass}},
			{Mode: "ads.crash", What: Unknown, Before: &Side{Drills: 1, Verdict: holdfast.Pass, Counted: 1}, After: &Side{Drills: 1, Verdict: holdfast.Invalid}, Why: "INVALID now: nobody but the injector saw the fault"},
			{
				Mode: "storefront/ads.loss", Owner: "web", What: Better, Before: &Side{Drills: 5, Counted: 5, Verdict: holdfast.Fail}, After: &Side{Drills: 5, Counted: 5, Verdict: holdfast.Pass},
				Shifts: []Shift{{Figure: FigureVerdict, Before: Read{Text: "FAIL"}, After: Read{Text: "PASS"}, Sure: "it failed before: no fallback was seen to answer"}},
			},
			{Mode: "later.crash", Owner: "web", What: Unknown, Before: &Side{Drills: 1, Counted: 1, Verdict: holdfast.Pass}, After: &Side{Drills: 1, Verdict: holdfast.Skip}, Why: "SKIP now: not within the budget of 5m; never drilled"},
			{Mode: "old.crash", Owner: "web", What: Vanished, Before: &Side{Drills: 1, Counted: 1, Verdict: holdfast.Pass}},
			{Mode: "storefront/catalog.loss", Owner: "web", What: Same, Before: &Side{Drills: 1, Counted: 1, Verdict: holdfast.Pass}, After: &Side{Drills: 1, Counted: 1, Verdict: holdfast.Pass}},
			{Mode: "bank.hang", Owner: "web", What: Same, Before: &Side{Drills: 1, Counted: 1, Verdict: holdfast.Fail}, After: &Side{Drills: 1, Counted: 1, Verdict: holdfast.Fail}},
		},
	}
	return r
}

func TestTheTextOfAComparison(t *testing.T) {
	text := AgainstText(compared().Against, false)
	golden.Compare(t, filepath.Join("testdata", "against.txt"), text)
	if coloured := AgainstText(compared().Against, true); strip(coloured) != text {
		t.Errorf("colour adds more than colour:\n%q", coloured)
	}
}

func TestTheCommentOnAPullRequest(t *testing.T) {
	same := compared()
	same.Against.Deltas, same.Against.Cautions = same.Against.Deltas[7:], nil
	one := compared()
	one.Against.Deltas = one.Against.Deltas[1:]
	for name, run := range map[string]Run{"against.md": compared(), "same.md": same, "one.md": one, "alone.md": run(passed(), failed(), unseen(), lost()), "stopped.md": stopped()} {
		golden.Compare(t, filepath.Join("testdata", name), Markdown(run))
	}
}

// A stranger's text mentions nobody, is no HTML, ends no cell, and fits.
func TestACommentIsNotWrittenByStrangers(t *testing.T) {
	r := compared()
	r.System, r.Reason = hostile, hostile
	for i := range 400 {
		d := r.Against.Deltas[0]
		d.Mode, d.Users, d.Owner = holdfast.ModeName(fmt.Sprintf("%d%s", i, hostile)), strings.Repeat(hostile, 50), hostile
		r.Against.Deltas = append(r.Against.Deltas, d)
		f := failed()
		f.Mode, f.Reason = holdfast.ModeName(fmt.Sprintf("f%d%s", i, hostile)), hostile
		r.Drills = append(r.Drills, f)
	}
	for name, run := range map[string]Run{"compared": r, "alone": {System: hostile, Drills: r.Drills, Reason: hostile}} {
		text := Markdown(run)
		if len(text) > 65_536 {
			t.Errorf("%s: %d characters", name, len(text))
		}
		_, shown, _ := strings.Cut(text, "-->")
		unescaped := strings.ReplaceAll(shown, `\]`, "")
		for _, bad := range []string{"@ops", "<script", "http://", "#12", "\x1b", "\u202e", "\n::error", "</details> |"} {
			if strings.Contains(unescaped, bad) {
				t.Errorf("%s: %q is in it", name, bad)
			}
		}
		for line := range strings.Lines(unescaped) {
			if strings.Contains(line, "](") && !strings.HasPrefix(line, "<details>") { // of which nothing is Markdown
				t.Errorf("%s: a link: %s", name, line)
			}
			if strings.HasPrefix(line, "| ") && strings.Count(line, "|")-strings.Count(line, `\|`) != strings.Count("| | | | |", "|") && run.Against != nil {
				t.Errorf("%s: a row of other cells: %s", name, line)
			}
		}
		if strings.Count(shown, "<details>") != strings.Count(shown, "</details>") {
			t.Errorf("%s: what is folded away is not closed", name)
		}
	}
}

func TestAnnotationsStandBesideTheService(t *testing.T) {
	where := func(mode holdfast.ModeName) (string, diagnostic.Place) {
		if mode == "cart.crash" {
			return "holdfast.yaml", diagnostic.Place{Line: 7, Column: 3, Width: 4}
		}
		return "", diagnostic.Place{}
	}
	golden.Compare(t, filepath.Join("testdata", "against.github"), GitHub(compared(), where))
}

func TestAHeadlineSaysAllInOneSentence(t *testing.T) {
	a := compared().Against
	for i, want := range []string{
		"cart.crash: hurt 0 of 390 → 61 of 388 >0.1% since main; 61 GET storefront/cart failed; owner cart-team",
		"catalog.crash: restore 640ms → 12.4s ≤15s since main, because getting ready now takes 12.1s (was 300ms); owner web",
	} {
		if got := a.Headline(a.Deltas[i]); got != want {
			t.Errorf("%s\nwant %s", got, want)
		}
	}
}
