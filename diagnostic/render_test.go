package diagnostic

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestPlacesAreShownInTheOrderOfTheText(t *testing.T) {
	text := "services:\n  web:\n    replicas: 1\n    zones: [a]\n  api: {}\n"
	got := Render(map[string]string{"f": text}, []Problem{
		{
			Code: "HF9999", Severity: Error, File: "f", Place: Place{Line: 3, Column: 5, Width: 8}, Message: "two things", Label: "here",
			Also: []Mark{{Place: Place{Line: 5, Column: 3, Width: 3}, Label: "and there"}, {Place: Place{Line: 2, Column: 3, Width: 3}}},
		},
		{Code: "HF9998", Severity: Warning, File: "other", Place: Place{Line: 1, Column: 1, Width: 1}, Message: "of a file that is not shown", Help: "open it"},
	}, false)
	want := `error[HF9999]: two things
  --> f:3:5
   |
 2 |   web:
   |   ---
 3 |     replicas: 1
   |     ^^^^^^^^ here
...
 5 |   api: {}
   |   --- and there

warning[HF9998]: of a file that is not shown
  --> other:1:1
   = help: open it
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestAFileOfOneLineIsShownInTime: it is looked at, and not held once for each
// of its problems.
func TestAFileOfOneLineIsShownInTime(t *testing.T) {
	line := strings.Repeat("0123456789", 200_000)
	var problems []Problem
	for i := range 100 {
		problems = append(problems, Problem{Code: "HF0001", File: "f", Message: "m", Place: Place{Line: 1, Column: 20_000*i + 1, Width: 4}})
	}
	began := time.Now()
	text := Render(map[string]string{"f": line}, problems, false)
	if took := time.Since(began); took > 30*time.Second || len(text) > 100*600 {
		t.Errorf("%d bytes in %v", len(text), took)
	}
	if !strings.Contains(text, "…12345678901234567890123456789012345678901234567890") || strings.Count(text, "^^^^") != 100 {
		t.Errorf("the end of it:\n%s", text[len(text)-600:])
	}
}

// A line that is longer than a screen is cut around its first place: what else is
// underlined there goes by the same cut, or has the line shown again.
func TestPlacesInALongLineStandUnderIt(t *testing.T) {
	long := strings.Repeat("x", 90) + "first" + strings.Repeat("y", 10) + "second" + strings.Repeat("z", 200) + "third"
	for word, again := range map[string]bool{"second": false, "third": true} {
		shown := Render(map[string]string{"f": long}, []Problem{{
			Code: "HF0000", Severity: Warning, File: "f", Place: Place{Line: 1, Column: 91, Width: len("first")}, Message: "long",
			Also: []Mark{{Place: Place{Line: 1, Column: 1 + strings.Index(long, word), Width: len(word)}, Label: "here"}},
		}}, false)
		lines := strings.Split(shown, "\n")
		under := len(lines) - 2
		if !strings.Contains(lines[under], "here") {
			t.Fatalf("the last line is not the label's:\n%s", shown)
		}
		text := []rune(lines[under-2])
		if again {
			text = []rune(lines[under-1])
		}
		at := strings.Index(lines[under], "-")
		if got := string(text[at : at+len(word)]); got != word {
			t.Errorf("under %q stands the mark of %q:\n%s", got, word, shown)
		}
	}
}
