package files

import (
	"os"
	"path/filepath"
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
