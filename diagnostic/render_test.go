package diagnostic

import (
	"testing"

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
