package files

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestAFileIsReplacedWhole(t *testing.T) {
	for name, replace := range map[string]func(string, []byte) error{"replace": Replace, "durably": ReplaceDurably} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "table.json")
			for _, content := range []string{"a long first content", "short", ""} {
				if err := replace(path, []byte(content)); err != nil {
					t.Fatal(err)
				}
				if text, err := os.ReadFile(path); err != nil || string(text) != content {
					t.Fatalf("it holds %q (%v), want %q", text, err, content)
				}
			}
			if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("mode %v (%v): others may read it", info.Mode(), err)
			}
			onlyFileIn(t, filepath.Dir(path), "table.json")
		})
	}
}

func TestAReplacementThatFailsLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "taken", "by something"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := Replace(filepath.Join(dir, "taken"), []byte("content")); err == nil {
		t.Error("a directory was replaced by a file")
	}
	onlyFileIn(t, dir, "taken")
	if err := Replace(filepath.Join(dir, "nowhere", "file"), nil); err == nil {
		t.Error("a file was replaced in a directory that does not exist")
	}
}

func onlyFileIn(t *testing.T, dir, name string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 || entries[0].Name() != name {
		t.Errorf("%s holds %v (%v), want %s alone", dir, entries, err, name)
	}
}

func TestTheEndOfAFileIsItsLastLines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "agent.log")
	for _, c := range []struct {
		text  string
		lines int
		want  []string
		whole bool
	}{
		{text: "", lines: 3, whole: true},
		{text: "a\nb\n\nc\n", lines: 2, want: []string{"", "c"}},
		{text: "a\nb\n\nc", lines: 9, want: []string{"a", "b", "", "c"}, whole: true},
		{text: "a\n", lines: 0},
		{text: strings.Repeat("x", maxTail) + "\nlast\n", lines: 9, want: []string{"last"}},
		{text: strings.Repeat("x", maxTail+1), lines: 9, want: []string{strings.Repeat("x", maxTail)}},
	} {
		if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, whole, err := Tail(path, c.lines); err != nil || whole != c.whole || !slices.Equal(got, c.want) {
			t.Errorf("the last %d lines of %.20q are %.40q, all of them: %v (%v)", c.lines, c.text, got, whole, err)
		}
	}
	if got, whole, err := Tail(path+".none", 3); err != nil || !whole || got != nil {
		t.Errorf("of no file: %q, %v, %v", got, whole, err)
	}
}

// A program that prints more than words must not write over what stands above.
func TestAQuoteMovesNoCursor(t *testing.T) {
	path := filepath.Join(t.TempDir(), "agent.log")
	if err := os.WriteFile(path, []byte("\x1b[2J\x1b]0;all is well\x07\rgrün\tok\x9b\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if quote := Quote(path); quote != "    | [2J]0;all is wellgrün\tok\uFFFD" {
		t.Errorf("quoted as %q", quote)
	}
}

func TestAQuoteIsSetOff(t *testing.T) {
	path := filepath.Join(t.TempDir(), "agent.log")
	if quote := Quote(path); quote != "" {
		t.Errorf("of no file: %q", quote)
	}
	if err := os.WriteFile(path, []byte(strings.Repeat("before\n", 20)+"at last\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if quote := Quote(path); strings.Count(quote, "    | ") != quoted || !strings.HasSuffix(quote, "\n    | at last") {
		t.Errorf("quoted as\n%s", quote)
	}
}
