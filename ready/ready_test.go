package ready

import (
	"encoding/json"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast"
	"holdfast/internal/golden"
	"holdfast/source"
	"holdfast/spec"
)

func today() time.Time { return time.Date(2026, 11, 28, 0, 0, 0, 0, time.UTC) }

// read is a file of testdata, changed.
func read(t *testing.T, changes ...string) *holdfast.System {
	t.Helper()
	text, err := os.ReadFile("testdata/shop.yaml")
	if err != nil {
		t.Fatal(err)
	}
	body := string(text)
	for i := 0; i < len(changes); i += 2 {
		if !strings.Contains(body, changes[i]) {
			t.Fatalf("%q is not in the file", changes[i])
		}
		body = strings.Replace(body, changes[i], changes[i+1], 1)
	}
	system, problems := spec.Read(source.File{Name: "holdfast.yaml", Text: []byte(body), Dir: "/srv/shop"}, map[string]string{})
	if system == nil {
		t.Fatal(problems)
	}
	return system
}

// passed is a system of which every drill passed, three times, two days ago.
func passed(system *holdfast.System) Facts {
	whole := 1500 * time.Microsecond
	facts := Facts{Now: today(), Shown: map[holdfast.ModeName]Shown{}}
	for _, m := range system.Modes {
		facts.Shown[m.Name] = Shown{Last: holdfast.Pass, At: today().Add(-48 * time.Hour), Passes: 3, Runs: 3, Took: Took{Mitigate: &whole}}
	}
	return facts
}

// Each rung is missing where one thing is not so, and everything below it is.
func TestTheLadder(t *testing.T) {
	set := func(mode holdfast.ModeName, s Shown) func(Facts) {
		return func(f Facts) { f.Shown[mode] = s }
	}
	for _, c := range []struct {
		what    string
		changes []string
		facts   func(Facts)
		rung    Rung
		why     string
	}{
		{what: "all is well", rung: Fresh},
		{what: "nobody owns", changes: []string{"owner: shop-team\n", ""}, rung: Declared, why: "nobody answers for it"},
		{what: "nothing to restart, nothing written down", changes: []string{"failure_modes: {}", "failure_modes: {hang: {remedies: []}}"}, rung: Detected, why: "web.hang: nothing mends it, and nobody wrote down what a person does"},
		{what: "a person is the remedy", changes: []string{"failure_modes: {}", "failure_modes: {hang: {remedies: [], runbook: docs/hang.md}}"}, rung: Fresh},
		{what: "one person", changes: []string{"{notify: [ana, ben], after: 10m}", "{notify: ana, after: 10m}", "users: [ana, ben]", "users: [ana]"}, rung: Remediated, why: "one person is reached, ana"},
		{what: "nobody", changes: []string{"escalate: duty", "x-escalate: duty"}, rung: Remediated, why: "nobody of shop-team can be told: nobody belongs to shop-team"},
		{what: "one provider", changes: []string{", {via: mail, to: ana@example.com, after: 2m}", ""}, rung: Remediated, why: "everybody is reached through one provider: ntfy ntfy.sh"},
		{what: "a pager of others counts for its people", changes: []string{", {via: mail, to: ana@example.com, after: 2m}", "", "{notify: [ana, ben], after: 10m}", "{notify: [pager], after: 10m}"}, rung: Fresh},
		{what: "a gap", changes: []string{"users: [ana, ben]}", "users: [ana, ben], restrictions: [\"09:00-17:00\"]}"}, rung: Remediated, why: "by week nobody is on call from 2026-11-28 00:00Z until 2026-11-28 08:00Z"},
		{what: "never drilled", facts: set("web.slow", Shown{}), rung: Escalatable, why: "web.slow: it was never drilled"},
		{what: "failed", facts: set("web.slow", Shown{Last: holdfast.Fail, At: today()}), rung: Escalatable, why: "web.slow: its last drill failed, on 2026-11-28"},
		{what: "too long ago", facts: set("web/cart.loss", Shown{Last: holdfast.Pass, Stale: "it is 40 days old"}), rung: Drilled, why: "web/cart.loss: it is 40 days old"},
	} {
		system := read(t, c.changes...)
		facts := passed(system)
		if c.facts != nil {
			c.facts(facts)
		}
		report := Of(system, facts)
		web := report.Services[0]
		_, why := web.lacking()
		if report.Rung != c.rung || web.Rung != c.rung || c.rung != Fresh && why != c.why {
			t.Errorf("%s: the system is %s and web %s, want %s; because %q, want %q", c.what, report.Rung, web.Rung, c.rung, why, c.why)
		}
	}
}

// A service that cannot be known to fail is not ready; what runs to its end is left
// out, and so is what is said by people.
func TestWhatIsNotDeclared(t *testing.T) {
	system := read(t, "services:\n", "services:\n  seed: {command: ./seed, restart: \"no\"}\n  bank: {urls: [\"http://bank.example\"]}\n")
	report := Of(system, passed(system))
	if report.Rung != Undeclared || report.Services[0].Name != "bank" || len(report.Services) != 4 {
		t.Errorf("%s: %+v", report.Rung, report.Services[0])
	}
	if !strings.Contains(report.Text(), "next: write in `bank` what it is") {
		t.Error(report.Text())
	}
	if report.Attested[0].Expired || !report.Attested[1].Expired {
		t.Errorf("%+v", report.Attested)
	}
}

// An attestation holds on its last day.
func TestAnAttestationHoldsOnItsLastDay(t *testing.T) {
	system := read(t)
	for hours, expired := range map[int]bool{0: false, 23: false, 24: true} {
		at := system.Attested[0].Until.Add(time.Duration(hours) * time.Hour)
		if got := Of(system, Facts{Now: at}).Attested[0].Expired; got != expired {
			t.Errorf("%d hours into it: %v", hours, got)
		}
	}
}

// What n of n shows, by the tables; and what k of n does, by the same probability.
func TestWhatPassesShow(t *testing.T) {
	for _, c := range []struct {
		k, n int
		want float64
	}{{0, 0, 0}, {0, 3, 0}, {1, 1, 0.05}, {3, 3, 0.3684}, {59, 59, 0.9505}, {2, 3, 0.1354}, {9, 10, 0.6058}, {58, 60, 0.8988}} {
		if got := Shows(c.k, c.n); math.Abs(got-c.want) > 5e-5 {
			t.Errorf("%d of %d shows %.4f, want %.4f", c.k, c.n, got, c.want)
		}
	}
	for n := 1; n < 40; n++ {
		for k := 1; k <= n; k++ {
			if more := Shows(k, n); more <= Shows(k-1, n) || k < n && math.Abs(atLeast(k, n, more)-sure) > 1e-9 {
				t.Fatalf("%d of %d shows %v", k, n, more)
			}
		}
	}
}

func TestRungsAreWords(t *testing.T) {
	for _, r := range Rungs() {
		text, err := json.Marshal(r)
		var back Rung
		if err != nil || json.Unmarshal(text, &back) != nil || back != r {
			t.Errorf("%s is written %s and read %s", r, text, back)
		}
	}
	if _, known := RungOf("ready"); known || json.Unmarshal([]byte(`"ready"`), new(Rung)) == nil {
		t.Error("there is no such rung")
	}
}

// As a person reads it, and as a review does.
func TestReports(t *testing.T) {
	system := read(t)
	facts := passed(system)
	facts.Shown["cart.hang"] = Shown{Last: holdfast.Fail, At: today().Add(-24 * time.Hour), Passes: 1, Runs: 2}
	facts.Shown["cart.crash"] = Shown{Last: holdfast.Pass, At: today().Add(-1000 * time.Hour), Passes: 1, Runs: 1, Stale: "it is 41 days old"}
	facts.Shown["web.slow"] = Shown{}
	report := Of(system, facts)
	golden.Compare(t, "testdata/shop.txt", report.Text())
	golden.Compare(t, "testdata/shop.md", report.Markdown(system))
	ready := Of(system, passed(system))
	golden.Compare(t, "testdata/ready.txt", ready.Text())
	if slices.ContainsFunc(ready.Services, func(s Service) bool { return s.Rung != Fresh }) {
		t.Error("something is not ready")
	}
}
