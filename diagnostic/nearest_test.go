package diagnostic

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// slow is the definition of the distance, without a table.
func slow(a, b string) int {
	if a == "" || b == "" {
		return len(a) + len(b)
	}
	d := min(slow(a[1:], b)+1, slow(a, b[1:])+1, slow(a[1:], b[1:])+unequal(a[0], b[0]))
	if len(a) > 1 && len(b) > 1 && a[0] == b[1] && a[1] == b[0] {
		d = min(d, slow(a[2:], b[2:])+1)
	}
	return d
}

func TestDistanceAgainstItsDefinition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.StringOfN(rapid.RuneFrom([]rune("abc")), 0, 6, -1)
		a, b := word.Draw(t, "a"), word.Draw(t, "b")
		if got, want := distance(a, b, 2), min(slow(a, b), 3); got != want {
			t.Fatalf("distance(%q, %q) = %d, want %d", a, b, got, want)
		}
	})
}

func TestNearest(t *testing.T) {
	known := []string{"replicas", "ports", "path", "urls", "zones"}
	for text, want := range map[string]string{
		"replica": "replicas", "repilcas": "replicas", "port": "ports", "url": "urls", "pth": "path", "xx": "", "command": "", "": "",
		strings.Repeat("x", 1000): "",
	} {
		if got := Nearest(text, known); got != want {
			t.Errorf("nearest(%q) = %q, want %q", text, got, want)
		}
	}
}
