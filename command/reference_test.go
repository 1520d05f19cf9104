package command

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// The pieces lose nothing, and each knows where it stands.
func TestThePiecesAreTheValue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.StringOf(rapid.RuneFrom([]rune("${}:-A1 ä"))).Draw(t, "value")
		var sources strings.Builder
		for _, p := range Pieces(value) {
			if strings.HasPrefix(p.Source, "$") && p.Dollar != strings.Count(sources.String(), "$") {
				t.Errorf("%q in %q begins with dollar sign %d", p.Source, value, p.Dollar)
			}
			sources.WriteString(p.Source)
		}
		if sources.String() != value {
			t.Errorf("%q came apart into %q", value, sources.String())
		}
	})
}

func TestWhatCannotBeReadSaysHowItIsWritten(t *testing.T) {
	for value, help := range map[string]string{
		"${A": "end it with `}`", "a ${}": "`${NAME}`", "${1}": "`${NAME}`", "${A:?no}": "`${A:-default}`", "${A+x}": "`${A-default}`",
		"${A:-$B${C!}}": "`${C}`", strings.Repeat("${N:-", 40) + strings.Repeat("}", 40): "plain text",
	} {
		bad := Unreadable(Pieces(value))
		if len(bad) != 1 || !strings.Contains(bad[0].Err().Error(), help) {
			t.Errorf("%q: %v, want one error with %q", value, bad, help)
		}
	}
}
