package mode_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"holdfast"
	"holdfast/detect"
	"holdfast/fault"
	"holdfast/mode"
)

// TestEveryModeIsComplete walks the catalogue: a mode is listed only when all
// that answers for it is there.
func TestEveryModeIsComplete(t *testing.T) {
	for _, m := range slices.Concat(mode.Catalogue(), mode.Own()) {
		t.Run(string(m.Kind), func(t *testing.T) {
			if m.Title == "" || targets(m) != 1 {
				t.Error("it does not say what it is, or whom it can strike")
			}
			for _, name := range m.Faults() {
				if _, ok := fault.Find(name); !ok {
					t.Errorf("its drill needs the fault %q, which does not exist", name)
				}
			}
			if len(m.Evidence) == 0 {
				completeUnnoticed(t, m)
				return
			}
			if b := m.Bounds; b.Detect <= 0 || b.Mitigate <= 0 || b.Restore <= 0 || b.Impact <= 0 || b.Detect > b.Restore {
				t.Errorf("its bounds cannot be judged by: %+v", b)
			}
			// The mind has no part in those of Holdfast itself, so no play can show them:
			// the keeper's tests do.
			if plays, _ := filepath.Glob("../control/testdata/" + string(m.Kind) + "*.txt"); len(plays) == 0 && m.Role == "" {
				t.Error("it has no play in control/testdata")
			}
			hasPage(t, m)
		})
	}
}

// completeUnnoticed: what nothing that runs can notice is shown by its drill and by
// nothing else. It has no remedy, no play, and no bound but that of its drill.
func completeUnnoticed(t *testing.T, m mode.Mode) {
	hasPage(t, m)
	if !m.BySession || len(m.Remedies) > 0 || m.Bounds != (holdfast.Bounds{Restore: m.Bounds.Restore}) || m.Bounds.Restore <= 0 {
		t.Errorf("nothing can notice it, and it pretends otherwise: %+v", m)
	}
	if plays, _ := filepath.Glob("../control/testdata/" + string(m.Kind) + "*.txt"); len(plays) > 0 {
		t.Errorf("nothing can notice it, and a play has it noticed: %v", plays)
	}
}

func hasPage(t *testing.T, m mode.Mode) {
	page, err := os.ReadFile("../docs/modes/" + string(m.Kind) + ".md")
	if err != nil || !strings.HasPrefix(string(page), "# "+string(m.Kind)+"\n") {
		t.Errorf("it has no page docs/modes/%s.md: %v", m.Kind, err)
	}
}

// targets is how many kinds of thing a mode says that it can strike.
func targets(m mode.Mode) int {
	n := 0
	for _, can := range []bool{m.Fits != nil, m.FitsEdge != nil, m.Role != ""} {
		if can {
			n++
		}
	}
	return n
}

// Those of Holdfast itself are there wherever it runs something, once each.
func TestHoldfastsOwnModes(t *testing.T) {
	system := &holdfast.System{Owner: "web", Services: []holdfast.Service{{Name: "catalog", Manage: holdfast.Full}}}
	if own := mode.OfHoldfast(system); slices.ContainsFunc(own, func(m holdfast.FailureMode) bool { return m.Strikes.Role == holdfast.RolePager }) {
		t.Errorf("nobody is to be told, and how that fails is listed: %+v", own)
	}
	system.OnCall.Channels, system.OnCall.Policies = []holdfast.Channel{{Name: "ntfy"}}, []holdfast.EscalationPolicy{{Name: "web"}}
	own := mode.OfHoldfast(system)
	if len(own) != len(mode.Own()) || own[0].Name != "holdfast.agent-crash" || own[0].Owner != "web" || own[0].Strikes.Role != holdfast.RoleAgent || len(own[0].Drills) != 1 {
		t.Errorf("got %+v", own)
	}
	for _, m := range own {
		if slices.Contains(m.Remedies, holdfast.RemedyRestart) || len(mode.Involved(system, m)) > 0 {
			t.Errorf("the mind has a part in %+v", m)
		}
		if _, ok := mode.Find(m.Kind); ok {
			t.Errorf("a file can say something of %s", m.Kind)
		}
		if _, ok := mode.FindOwn(m.Kind); !ok {
			t.Errorf("%s is not found", m.Kind)
		}
	}
	system.Services[0].Manage = holdfast.Route
	if own := mode.OfHoldfast(system); len(own) > 0 {
		t.Errorf("where nothing of it is ours to run: %+v", own)
	}
}

// TestItsEvidenceIsBelieved: with as many witnesses as it asks for, every sign
// of a mode convinces, and with one fewer it does not.
func TestItsEvidenceIsBelieved(t *testing.T) {
	for _, m := range slices.Concat(mode.Catalogue(), mode.Own()) {
		for _, asked := range m.Evidence {
			var c detect.Case
			for range asked.Witnesses - 1 {
				c = c.Add(m.Evidence, asked.Sign, "", 1)
			}
			if c.Conviction == detect.Belief {
				t.Errorf("%s: %s is believed too early", m.Kind, asked.Sign)
			}
			if c = c.Add(m.Evidence, asked.Sign, "", 1); c.Conviction != detect.Belief {
				t.Errorf("%s: %s seen by %d is not believed", m.Kind, asked.Sign, asked.Witnesses)
			}
		}
	}
}

func TestAModeTakesOnItsService(t *testing.T) {
	got := mode.Crash().Of(holdfast.Service{Name: "catalog", Owner: "web"})
	if got.Name != "catalog.crash" || got.Owner != "web" || got.Strikes.Service != "catalog" || len(got.Drills) != 1 || got.Armed {
		t.Errorf("got %+v", got)
	}
	if _, ok := mode.Find("crash"); !ok {
		t.Error("crash is not found by its kind")
	}
	if _, ok := mode.Find("boredom"); ok {
		t.Error("a kind that does not exist is found")
	}
}
