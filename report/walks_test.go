package report

import (
	"strings"
	"testing"

	"holdfast"
)

// A drill that follows users has no load, and nothing notices what it shows: no
// page says that it was never noticed, or that nobody was hurt.
func TestADrillThatFollowsUsersIsShown(t *testing.T) {
	took := Millis(84)
	d := Drill{
		Mode: "cart.state-loss", Kind: "state-loss", Strikes: "cart", Owner: "web", Verdict: holdfast.Fail, Reason: "step 2 was empty", Restore: &took,
		Bounds: Bounds{Restore: 15000}, Account: Account{Walks: &Walks{Sessions: 1, Answers: 2, Restarts: 1, Differ: 1}},
	}
	run := Run{System: "carts", Verdict: holdfast.Fail, Drills: []Drill{d}}
	row := rowOf(run, trial{Drill: d}, "x")
	for where, text := range map[string]string{
		"the terminal": DrillLines(d, 15, false), "a line": gist(d), "a pull request": Markdown(run),
		"the table": row.Noticed.Text + row.Users.Text + row.System.Text + row.Hurt.Text,
	} {
		if !strings.Contains(text, "1 of 2 answers differ") || strings.Contains(text, "never") || strings.Contains(text, "0 of 0") {
			t.Errorf("%s says: %s", where, text)
		}
	}
}

// A mode that is drilled by several faults is named with each of them, wherever
// it stands: three lines of one name would say nothing.
func TestDrillsOfOneModeAreToldApart(t *testing.T) {
	one, other := failed(), failed()
	one.Fault, other.Fault, other.Reason = "kill", "oom", "it was never detected"
	for form, text := range map[string]string{"text": Text(run(one, other), false), "markdown": Markdown(run(one, other))} {
		for _, want := range []string{string(one.Mode) + " by kill", string(one.Mode) + " by oom", "never detected"} {
			if !strings.Contains(text, want) {
				t.Errorf("%s does not tell %q:\n%s", form, want, text)
			}
		}
	}
}
