package compare

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"holdfast"
	"holdfast/report"
)

func at(m report.Millis) *report.Millis { return &m }

// crashed is a drill that passed, of which a change tells what else it was.
func crashed(changes ...func(*report.Drill)) report.Drill {
	d := report.Drill{
		Mode: "catalog.crash", Kind: "crash", Owner: "cart", Verdict: holdfast.Pass, Fault: "kill", From: "injection",
		Detect: at(4), Mitigate: at(0), Restore: at(640), Sent: 390,
		Bounds: report.Bounds{Detect: 1000, Mitigate: 3000, Restore: 15000, Impact: 0.001},
	}
	d.Steps = []report.Step{{Name: report.StepNotice, Took: 4}, {Name: report.StepReady, Took: 300}, {Name: report.StepSettle, Took: 336}}
	for _, change := range changes {
		change(&d)
	}
	return d
}

func restoredIn(m report.Millis) func(*report.Drill) {
	return func(d *report.Drill) {
		d.Steps = []report.Step{{Name: report.StepNotice, Took: 4}, {Name: report.StepReady, Took: m - 340}, {Name: report.StepSettle, Took: 336}}
		if d.Restore = &m; m > d.Bounds.Restore {
			d.Verdict, d.Reason = holdfast.Fail, "it was whole again only after "+report.Short(m)
		}
	}
}

func hurting(n int) func(*report.Drill) {
	return func(d *report.Drill) {
		d.Failed, d.Impact = n, holdfast.Share(float64(n)/float64(d.Sent))
		d.Tolls = []report.Toll{{Method: "POST", Route: "storefront/cart", Failed: n}}
		d.First = &report.Hurt{Method: "POST", Route: "storefront/cart", Status: 503, Body: "no replica is left to ask"}
		if d.Impact > d.Bounds.Impact {
			d.Verdict, d.Reason = holdfast.Fail, fmt.Sprintf("%d of %d requests were hurt", n, d.Sent)
		}
	}
}

func ended(verdict holdfast.Verdict, why string) func(*report.Drill) {
	return func(d *report.Drill) { d.Verdict, d.Reason = verdict, why }
}

func bearing(share holdfast.Share) func(*report.Drill) {
	return func(d *report.Drill) { d.Bounds.Impact = share }
}

func named(mode holdfast.ModeName) func(*report.Drill) {
	return func(d *report.Drill) { d.Mode = mode }
}

func runOf(drills ...report.Drill) report.Run {
	return report.Run{System: "shop", Control: report.Control{Sent: 600, Rate: 200, P99: 4}, Drills: drills, Verdict: holdfast.Pass}
}

// times are as many drills as there are figures.
func times(restore ...report.Millis) []report.Drill {
	var all []report.Drill
	for _, m := range restore {
		all = append(all, crashed(restoredIn(m)))
	}
	return all
}

func one(t *testing.T, before, after []report.Drill) report.Delta {
	t.Helper()
	a := Runs("main", runOf(before...), runOf(after...))
	if len(a.Deltas) != 1 {
		t.Fatalf("want one delta: %+v", a.Deltas)
	}
	return a.Deltas[0]
}

// The sentence of the issue: what got slower, by which step, who felt it and
// whose it is.
func TestASlowStartIsNamed(t *testing.T) {
	d := one(t, []report.Drill{crashed()}, []report.Drill{crashed(bearing(0.3), restoredIn(12_400), hurting(61))})
	if d.What != report.Worse || d.Because != "getting ready now takes 12.1s (was 300ms)" || d.Owner != "cart" {
		t.Errorf("%+v", d)
	}
	if want := "61 POST storefront/cart failed; the first: POST storefront/cart 503 no replica is left to ask"; d.Users != want {
		t.Errorf("users: %s", d.Users)
	}
	if len(d.Shifts) != 2 || d.Shifts[0].Figure != report.FigureRestore || d.Shifts[0].Before.Text != "640ms" || d.Shifts[0].After.Text != "12.4s" || d.Shifts[1].Figure != report.FigureHurt {
		t.Errorf("%+v", d.Shifts)
	}
	if d.Broken || len(d.Notes) != 1 {
		t.Errorf("no bound was broken, and that one was loosened has to be said: %+v", d)
	}
}

// What is told of one drill on each side.
func TestTwoDrills(t *testing.T) {
	for name, c := range map[string]struct {
		before, after report.Drill
		what          report.What
		broken        bool
	}{
		"nothing moved":                    {before: crashed(), after: crashed(), what: report.Same},
		"as a busy machine moves it":       {before: crashed(), after: crashed(restoredIn(1900)), what: report.Same},
		"far, within its bound":            {before: crashed(), after: crashed(restoredIn(12_400)), what: report.Worse},
		"far, the other way":               {before: crashed(restoredIn(12_400)), after: crashed(), what: report.Better},
		"beyond its bound":                 {before: crashed(restoredIn(14_900)), after: crashed(restoredIn(15_100)), what: report.Worse, broken: true},
		"as much beyond its bound as ever": {before: crashed(restoredIn(16_000)), after: crashed(restoredIn(15_100)), what: report.Same},
		"further beyond its bound":         {before: crashed(restoredIn(16_000)), after: crashed(restoredIn(40_000)), what: report.Worse},
		"back within its bound":            {before: crashed(restoredIn(15_100)), after: crashed(restoredIn(14_900)), what: report.Better},
		"one request hurt":                 {before: crashed(), after: crashed(hurting(1)), what: report.Worse, broken: true},
		"few hurt where many may be":       {before: crashed(bearing(0.5), hurting(7)), after: crashed(bearing(0.5), hurting(20)), what: report.Same},
		"many hurt where many may be":      {before: crashed(bearing(0.5)), after: crashed(bearing(0.5), hurting(40)), what: report.Worse},
		"a failure that has no figure":     {before: crashed(), after: crashed(ended(holdfast.Fail, "the drill left something behind")), what: report.Worse, broken: true},
		"somebody is called":               {before: crashed(), after: crashed(func(d *report.Drill) { d.Escalated = true }), what: report.Worse},
		"never again":                      {before: crashed(), after: crashed(ended(holdfast.Fail, "not whole again"), func(d *report.Drill) { d.Restore = nil }), what: report.Worse, broken: true},
		"invalid now":                      {before: crashed(), after: crashed(ended(holdfast.Invalid, "late")), what: report.Unknown},
		"skipped before":                   {before: crashed(ended(holdfast.Skip, "no nftables")), after: crashed(), what: report.Unknown},
		"nobody knew that it fails":        {before: crashed(ended(holdfast.Invalid, "late")), after: crashed(restoredIn(16_000)), what: report.Unknown, broken: true},
	} {
		if d := one(t, []report.Drill{c.before}, []report.Drill{c.after}); d.What != c.what || d.Broken != c.broken {
			t.Errorf("%s: %s, broken %v, want %s, %v: %+v", name, d.What, d.Broken, c.what, c.broken, d)
		}
	}
}

func TestRepeatsDecide(t *testing.T) {
	for name, c := range map[string]struct {
		before, after []report.Millis
		what          report.What
	}{
		"all above all":             {before: []report.Millis{600, 640, 650, 700}, after: []report.Millis{960, 980, 1000, 1300}, what: report.Worse},
		"all above all, and 30 ms":  {before: []report.Millis{600, 601, 602, 603}, after: []report.Millis{630, 631, 632, 633}, what: report.Same},
		"one outlier":               {before: []report.Millis{600, 640, 650, 700}, after: []report.Millis{600, 650, 690, 9000}, what: report.Same},
		"three are too few":         {before: []report.Millis{600, 640, 650}, after: []report.Millis{960, 980, 1000}, what: report.Same},
		"three, and far":            {before: []report.Millis{600, 640, 650}, after: []report.Millis{9600, 9800, 10_000}, what: report.Worse},
		"one lies among the others": {before: []report.Millis{600, 640, 9900}, after: []report.Millis{9600, 9800, 10_000}, what: report.Same},
		"all below all":             {before: []report.Millis{960, 980, 1000, 1300}, after: []report.Millis{600, 640, 650, 700}, what: report.Better},
	} {
		if d := one(t, times(c.before...), times(c.after...)); d.What != c.what {
			t.Errorf("%s: %s, want %s: %+v", name, d.What, c.what, d.Shifts)
		}
	}
}

// What cannot be believed is left out of several, and is all there is of none.
func TestWhatDecidedNothingDoesNotCount(t *testing.T) {
	before := append(times(600, 640, 650, 700), crashed(ended(holdfast.Invalid, "late"), restoredIn(9000), ended(holdfast.Invalid, "late")))
	d := one(t, before, times(600, 640, 650, 700))
	if d.What != report.Same || d.Before.Drills != 5 || d.Before.Counted != 4 || d.Before.Verdict != holdfast.Invalid {
		t.Errorf("%+v %+v", d, d.Before)
	}
	lost := one(t, times(600), []report.Drill{crashed(ended(holdfast.Invalid, "the load generator itself was too slow"))})
	if !strings.Contains(lost.Why, "INVALID now: the load generator itself was too slow") {
		t.Errorf("%+v", lost)
	}
}

func TestWhatIsOnOneSideOnly(t *testing.T) {
	before, after := runOf(crashed(), crashed(named("ads.crash"))), runOf(crashed(), crashed(named("bank.crash")))
	whats := func() (all []string) {
		for _, d := range Runs("main", before, after).Deltas {
			all = append(all, fmt.Sprintf("%s %s", d.Mode, d.What))
		}
		return all
	}
	if got, want := whats(), []string{"bank.crash new", "ads.crash gone", "catalog.crash same"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	// What is left out now, and was not there before, is not new by that.
	after.Drills = append(after.Drills, crashed(named("till.crash"), func(d *report.Drill) { d.Verdict, d.Reason = holdfast.Skip, "not within the budget" }))
	if got := whats(); !slices.Contains(got, "till.crash not comparable") {
		t.Errorf("%q", got)
	}
	// A run that ended early did not come to it: nobody took it away.
	after.Verdict, after.Reason = holdfast.Aborted, "interrupted"
	if got := whats(); !slices.Contains(got, "ads.crash not comparable") {
		t.Errorf("%q", got)
	}
	before.Verdict, before.Reason = holdfast.Invalid, "the copy did not get ready"
	if got := whats(); !slices.Contains(got, "bank.crash not comparable") {
		t.Errorf("%q", got)
	}
}

// The same mode by another fault is another behaviour, and so is what is struck
// in earnest.
func TestAFaultIsComparedWithItself(t *testing.T) {
	other := crashed(restoredIn(12_400), func(d *report.Drill) { d.Fault = "oom" })
	live := crashed(restoredIn(12_400), func(d *report.Drill) { d.Live = true })
	a := Runs("main", runOf(crashed()), runOf(crashed(), other, live))
	for _, d := range a.Deltas {
		if d.What == report.Worse {
			t.Errorf("%+v", d)
		}
	}
	if len(a.Deltas) != 3 {
		t.Errorf("want three: %+v", a.Deltas)
	}
}

func TestTheWorstComesFirst(t *testing.T) {
	before := runOf(crashed(named("a")), crashed(named("b")), crashed(named("c")), crashed(named("d"), restoredIn(9000)), crashed(named("e")))
	after := runOf(crashed(named("a")), crashed(named("b"), restoredIn(9000)), crashed(named("c"), restoredIn(16_000)), crashed(named("d")), crashed(named("e"), ended(holdfast.Invalid, "x")))
	var order []holdfast.ModeName
	for _, d := range Runs("main", before, after).Deltas {
		order = append(order, d.Mode)
	}
	if want := []holdfast.ModeName{"c", "b", "e", "d", "a"}; !slices.Equal(order, want) {
		t.Errorf("%v, want %v", order, want)
	}
}

func TestWhatToKnowFirstIsSaid(t *testing.T) {
	before, after := runOf(crashed()), runOf(crashed())
	if a := Runs("main", before, after); len(a.Cautions) != 0 {
		t.Errorf("%q", a.Cautions)
	}
	after.System, after.Control = "bank", report.Control{Sent: 300, Rate: 100, P99: 60}
	a := Runs("main", before, after)
	for i, want := range []string{"another system, shop", "200/s and is 100/s", "within 4ms, and within 60ms now"} {
		if len(a.Cautions) != 3 || !strings.Contains(a.Cautions[i], want) {
			t.Errorf("no %q in %q", want, a.Cautions)
		}
	}
}

// The steps of the drill in the middle explain; where there are none, what was
// measured does, as far as it can.
func TestWhyIsNeverInvented(t *testing.T) {
	bare := func(d *report.Drill) { d.Steps = nil }
	if d := one(t, []report.Drill{crashed(bare)}, []report.Drill{crashed(restoredIn(12_400), bare)}); d.Because != "" {
		t.Errorf("because %s", d.Because)
	}
	late := func(d *report.Drill) { d.Detect = at(9000) }
	if d := one(t, []report.Drill{crashed(bare)}, []report.Drill{crashed(restoredIn(12_400), bare, late)}); d.Because != "noticing it now takes 9s (was 4ms)" {
		t.Errorf("because %s", d.Because)
	}
	small := func(d *report.Drill) { d.Steps = []report.Step{{Name: report.StepReady, Took: 400}} }
	if d := one(t, []report.Drill{crashed()}, []report.Drill{crashed(restoredIn(12_400), small)}); d.Because != "" {
		t.Errorf("100 ms explain 12 s: because %s", d.Because)
	}
	ending := func(d *report.Drill) {
		d.Steps = append(d.Steps, report.Step{Name: report.StepEnd, Took: 30_000, Log: "waiting for 3 jobs"})
	}
	if d := one(t, []report.Drill{crashed()}, []report.Drill{crashed(restoredIn(30_640), ending)}); d.Because != "ending the old process now takes 30s, which was no part of it" || !slices.Equal(d.Notes, []string{"it printed meanwhile: waiting for 3 jobs"}) {
		t.Errorf("because %s; %q", d.Because, d.Notes)
	}
}

// What would have helped is said of what fails now, and of nothing else.
func TestHelpIsPassedOn(t *testing.T) {
	helped := func(d *report.Drill) { d.Help = []string{"`replicas: 2` for catalog", "something else"} }
	if d := one(t, []report.Drill{crashed()}, []report.Drill{crashed(hurting(61), helped)}); !slices.Equal(d.Notes, []string{"helps: `replicas: 2` for catalog"}) {
		t.Errorf("%q", d.Notes)
	}
	if d := one(t, []report.Drill{crashed()}, []report.Drill{crashed(restoredIn(12_400), helped)}); len(d.Notes) != 0 {
		t.Errorf("nothing fails: %q", d.Notes)
	}
}

// A system compared with itself, whose times move as much as they were seen to,
// shows nothing: at most one comparison in a hundred says that a mode moved.
func TestNoiseIsNotReported(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	draw := func(repeat int) (all []report.Drill) {
		for range repeat {
			all = append(all, crashed(restoredIn(600+report.Millis(rng.ExpFloat64()*120))))
		}
		return all
	}
	for _, repeat := range []int{1, 2, 3, 4, 5, 10} {
		moved := 0
		for range 400 {
			if d := Runs("main", runOf(draw(repeat)...), runOf(draw(repeat)...)).Deltas[0]; d.What != report.Same {
				moved++
			}
		}
		if moved > 4 {
			t.Errorf("with %d drills on each side %d of 400 comparisons of the same with the same say that it moved", repeat, moved)
		}
	}
}
