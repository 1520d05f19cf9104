package holdfast_test

import (
	"slices"
	"strings"
	"testing"

	"holdfast"
)

func TestBlanksAreFilled(t *testing.T) {
	for text, want := range map[string]string{
		"":                          "",
		"/cart":                     "/cart",
		"/cart/{{id}}":              "/cart/<id>",
		"{{a}}{{b}} {{a}}":          "<a><b> <a>",
		"{{{id}}}":                  "{<id>}",
		"{{{{id}}}}":                "{{<id>}}",
		`{"a":{"b":{}}}`:            `{"a":{"b":{}}}`,
		`{{"a":1}}`:                 `{{"a":1}}`,
		"{{ id }}":                  "{{ id }}",
		"{{}} {{id":                 "{{}} {{id",
		"{{no closing {{item_1-x}}": "{{no closing <item_1-x>",
	} {
		if got := holdfast.Fill(text, func(name string) string { return "<" + name + ">" }); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
	if got := holdfast.Blanks("{{b}} {{a}} {{b}}"); !slices.Equal(got, []string{"b", "a"}) {
		t.Errorf("blanks %q", got)
	}
}

func FuzzFill(f *testing.F) {
	f.Add("{{{id}}", "{{id}}")
	f.Fuzz(func(t *testing.T, text, with string) {
		blanks := holdfast.Blanks(text)
		if got := holdfast.Fill(text, func(name string) string { return "{{" + name + "}}" }); got != text {
			t.Errorf("%q filled with its own blanks became %q", text, got)
		}
		got := holdfast.Fill(text, func(string) string { return with })
		if len(blanks) == 0 && got != text || len(blanks) > 0 && !strings.Contains(got, with) {
			t.Errorf("%q with %q became %q", text, with, got)
		}
	})
}
