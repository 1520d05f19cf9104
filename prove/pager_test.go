package prove

import (
	"strings"
	"testing"
	"time"

	"holdfast"
	"holdfast/mode"
)

// answered is the drill of a provider that is down, as it should go: another way was
// taken after 20 ms, and who was told was told that it is over.
func answered() callFacts {
	m := mode.PagerDown()
	return callFacts{
		mode:    holdfast.FailureMode{Name: "holdfast.pager-down", Remedies: m.Remedies, Bounds: m.Bounds},
		by:      holdfast.Drill{Fault: m.Fault},
		witness: "the agent", injected: 1 * time.Second, opened: 1100 * time.Millisecond, told: 1200 * time.Millisecond,
		mended: 2 * time.Second, calmed: 2100 * time.Millisecond,
		took: []taken{{by: 1, at: 1200 * time.Millisecond, to: "first", said: true}, {by: 1, at: 2100 * time.Millisecond, to: "first", said: true, over: true}},
	}
}

func TestWhatIsAskedOfThePager(t *testing.T) {
	with := func(change func(*callFacts)) callFacts {
		f := answered()
		change(&f)
		return f
	}
	for what, c := range map[string]struct {
		facts   callFacts
		verdict holdfast.Verdict
		reason  string
	}{
		"somebody is told by the other way": {answered(), holdfast.Pass, ""},
		"nobody saw the fault":              {with(func(f *callFacts) { f.witness = "" }), holdfast.Invalid, "nobody but the injector"},
		"nothing was to be told":            {with(func(f *callFacts) { f.opened, f.told, f.took = 0, 0, nil }), holdfast.Invalid, "opened no incident"},
		"nobody was told":                   {with(func(f *callFacts) { f.told, f.mended, f.calmed, f.took = 0, 0, 0, nil }), holdfast.Fail, "nobody was told"},
		"somebody was told late":            {with(func(f *callFacts) { f.told = 7 * time.Second }), holdfast.Fail, "somebody was told only after 6s"},
		"it is over, and nobody knows":      {with(func(f *callFacts) { f.calmed, f.took = 0, f.took[:1] }), holdfast.Fail, "never that it is back"},
		"it is over, and known late":        {with(func(f *callFacts) { f.calmed = 30 * time.Second }), holdfast.Fail, "only after 28s"},
		"one was told twice":                {with(func(f *callFacts) { f.took = append(f.took, f.took[0]) }), holdfast.Fail, "told 2 times"},
		"something is left":                 {with(func(f *callFacts) { f.residue = []string{"errand (pid 9) is stopped"} }), holdfast.Fail, "left something behind"},
		"it was known late":                 {with(func(f *callFacts) { f.opened = 4 * time.Second }), holdfast.Fail, "noticing it took 3s"},
		"a liar is told no more": {with(func(f *callFacts) {
			f.took = append([]taken{{by: 0, to: "first", lied: true}}, f.took...)
		}), holdfast.Pass, ""},
		"who was silent may have it, and is told no more": {with(func(f *callFacts) {
			f.took = append([]taken{{by: 0, to: "first"}}, f.took...)
			f.calmed = 0
		}), holdfast.Fail, "never that it is back"},
	} {
		d := c.facts.judge()
		if d.Verdict != c.verdict || !strings.Contains(d.Reason, c.reason) || c.reason == "" && d.Reason != "" {
			t.Errorf("%s: %s %q, want %s %q", what, d.Verdict, d.Reason, c.verdict, c.reason)
		}
	}
	d := answered().judge()
	if d.Detect == nil || *d.Detect != 100 || d.Mitigate == nil || *d.Mitigate != 200 || d.Restore == nil || *d.Restore != 100 || d.Sent != 2 || d.Failed != 0 || len(d.Remedies) != 1 {
		t.Errorf("measured %+v", d)
	}
	if lost := with(func(f *callFacts) { f.told, f.took = 0, nil }).judge(); lost.Failed != 1 || lost.Impact == 0 {
		t.Errorf("nobody was told, and that hurt %d of %d", lost.Failed, lost.Sent)
	}
}

// What a drill declares names nobody, and leads nowhere but to this process.
func TestAStandInLeadsNowhere(t *testing.T) {
	s, err := raise()
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	text := string(s.file("/opt/it's $here/holdfast", "").Text)
	if strings.Count(text, "http://") != 2 || strings.Count(text, "http://127.0.0.1:") != 2 {
		t.Errorf("it leads elsewhere:\n%s", text)
	}
}
