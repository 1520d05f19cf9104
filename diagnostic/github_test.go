package diagnostic

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestGitHubIsToldInItsOwnWords(t *testing.T) {
	got := GitHub([]Problem{
		{
			Code: "HF2101", Severity: Error, File: "a,b:c%/holdfast.yaml", Place: Place{Line: 3, Column: 5, Width: 4}, Message: "`cart` is alone\r\n::error::x ##[command]",
			Label: "100 % of it", Note: "why", Help: "what to do",
		},
		{Code: "HF1003", Severity: Warning, File: "f", Place: Beginning(), Message: "the file says nothing"},
	})
	want := "::error file=a%2Cb%3Ac%25/holdfast.yaml,line=3,col=5,endColumn=9,title=HF2101::`cart` is alone%0D%0A::error::x ## [command]%0A100 %25 of it%0Anote: why%0Ahelp: what to do\n" +
		"::warning file=f,line=1,title=HF1003::the file says nothing\n"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestPlainTextIsNoCommand(t *testing.T) {
	for line, want := range map[string]string{
		"shop: 2 services": "shop: 2 services", "a::b": "a::b", "::add-mask::x": ": :add-mask::x", "  ::error::x": "  : :error::x",
		"a ##[error]b": "a ## [error]b",
	} {
		if got := NoCommand(line); got != want {
			t.Errorf("NoCommand(%q) = %q, want %q", line, got, want)
		}
	}
}
