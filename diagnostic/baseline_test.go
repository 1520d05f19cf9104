package diagnostic

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func baselineOf(t *testing.T, problems ...Problem) Baseline {
	t.Helper()
	text, err := json.Marshal(map[string]any{"version": DocumentVersion, "file": "f", "problems": append([]Problem{}, problems...), "modes": []string{"more"}})
	if err != nil {
		t.Fatal(err)
	}
	b, err := ReadBaseline(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestOnlyWhatIsNewCounts(t *testing.T) {
	cart := Problem{Code: "HF2101", Of: "cart", File: "/ci/build/shop/holdfast.yaml", Place: Place{Line: 5}, Message: "as it was said then"}
	moved := Problem{Code: "HF2101", Of: "cart", File: "holdfast.yaml", Place: Place{Line: 50}, Message: "as it is said now"}
	db := Problem{Code: "HF2101", Of: "db", File: "holdfast.yaml", Place: Place{Line: 60}}
	whole := Problem{Code: "HF1212", File: "holdfast.yaml", Message: "nobody owns `a`"}
	more := Problem{Code: "HF1212", File: "holdfast.yaml", Message: "nobody owns `a`, `b`"}
	elsewhere := Problem{Code: "HF2101", Of: "cart", File: "compose.yaml"}
	for what, c := range map[string]struct {
		before []Problem
		now    Judgement
		want   Comparison
	}{
		"the same in another line, folder and words": {before: []Problem{cart}, now: Judgement{Problems: []Problem{moved}}, want: Comparison{Known: 1}},
		"of something else":                          {before: []Problem{cart}, now: Judgement{Problems: []Problem{db}}, want: Comparison{New: []Problem{db}, Gone: 1}},
		"in another file":                            {before: []Problem{cart}, now: Judgement{Problems: []Problem{elsewhere}}, want: Comparison{New: []Problem{elsewhere}, Gone: 1}},
		"a second one":                               {before: []Problem{cart}, now: Judgement{Problems: []Problem{moved, moved}}, want: Comparison{New: []Problem{moved}, Known: 1}},
		"one of two":                                 {before: []Problem{cart, cart}, now: Judgement{Problems: []Problem{moved}}, want: Comparison{Known: 1, Gone: 1}},
		"of the whole, word for word":                {before: []Problem{whole}, now: Judgement{Problems: []Problem{whole}}, want: Comparison{Known: 1}},
		"of the whole, of more":                      {before: []Problem{whole}, now: Judgement{Problems: []Problem{more}}, want: Comparison{New: []Problem{more}, Gone: 1}},
		"accepted since":                             {before: []Problem{cart}, now: Judgement{Accepted: []Accepted{{Problem: moved}}}, want: Comparison{}},
		"nothing":                                    {now: Judgement{Problems: []Problem{db}}, want: Comparison{New: []Problem{db}}},
	} {
		b := baselineOf(t, c.before...)
		for range 2 { // a baseline is not used up
			if diff := cmp.Diff(c.want, b.Compare(c.now)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", what, diff)
			}
		}
	}
}

func TestWhatIsNoBaselineIsRefused(t *testing.T) {
	for text, want := range map[string]string{
		"":                             "no JSON document",
		"name: shop":                   "no JSON document",
		"[]":                           "no JSON document",
		"{}":                           "no document of check",
		`{"version":0}`:                "no document of check",
		`{"problems":[]}`:              "no document of check",
		`{"version":1,"problems":[]}`:  "version 1, and this program",
		`{"version":0,"problems":{}}`:  "no JSON document",
		`{"version":"0","problems":0}`: "no JSON document",
	} {
		if _, err := ReadBaseline([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

// Whatever is accepted and whatever is known: no problem is lost on the way, and
// a baseline made of a judgement leaves nothing of it.
func TestNoProblemIsLost(t *testing.T) {
	codes, things := []Code{"HF1211", "HF2101", "HF2102"}, []string{"", "a", "b"}
	today := date(t, "2026-11-26")
	rapid.Check(t, func(t *rapid.T) {
		var review Review
		for range rapid.IntRange(0, 8).Draw(t, "problems") {
			review.Problems = append(review.Problems, Problem{
				Code: rapid.SampledFrom(codes).Draw(t, "code"), Severity: Warning, Of: rapid.SampledFrom(things).Draw(t, "of"), Place: Place{Line: rapid.IntRange(1, 3).Draw(t, "line")},
			})
		}
		for range rapid.IntRange(0, 4).Draw(t, "acceptances") {
			review.Accepted = append(review.Accepted, Acceptance{
				Code: rapid.SampledFrom(codes).Draw(t, "accepted"), Of: rapid.SampledFrom(things).Draw(t, "of"), Until: today.AddDate(0, 0, rapid.IntRange(-2, 400).Draw(t, "days")),
			})
		}
		j := Accept(review, today, known())
		counted := 0
		for _, p := range j.Problems {
			if !p.Code.ofAcceptance() {
				counted++
			}
		}
		if counted+len(j.Accepted) != len(review.Problems) {
			t.Fatalf("%d count and %d are accepted, of %d", counted, len(j.Accepted), len(review.Problems))
		}
		for _, a := range j.Accepted {
			if a.By.Code != a.Problem.Code || a.By.Of != a.Problem.Of || a.By.Until.Before(today) || a.By.Until.After(today.Add(longestAcceptance)) {
				t.Fatalf("%+v is accepted by %+v", a.Problem, a.By)
			}
		}
		own := Baseline{known: map[lasting]int{}}
		for _, p := range j.Problems {
			own.known[lastingOf(p)]++
		}
		if c := own.Compare(j); len(c.New) > 0 || c.Gone > 0 || c.Known != len(j.Problems) {
			t.Fatalf("of its own baseline %d are new, %d gone, %d known, of %d", len(c.New), c.Gone, c.Known, len(j.Problems))
		}
	})
}

// A short list may hold millions of problems, which say nothing.
func TestABaselineOfMillionsIsRefused(t *testing.T) {
	for _, one := range []string{"{}", "null"} {
		text := `{"version":0,"problems":[` + strings.Repeat(one+",", mostKnown) + one + `]}`
		if _, err := ReadBaseline([]byte(text)); err == nil || !strings.Contains(err.Error(), "more than 200000 problems") {
			t.Errorf("%s, again and again: %v", one, err)
		}
	}
}
