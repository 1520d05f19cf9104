package diagnostic

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
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
