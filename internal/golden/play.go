package golden

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Plays performs every play in testdata, each as a test of its own, and holds what
// comes of it to what is kept. A play is prose, inputs, and after each ---- what was
// answered; perform takes one and gives it back with the answers it has now.
func Plays(t *testing.T, perform func(t *testing.T, script string) string) {
	t.Helper()
	paths, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no plays: %v", err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			Compare(t, path, perform(t, string(text)))
		})
	}
}

// Perform plays a script: every line that is no prose, with # in front, goes to play,
// and every ---- is followed by the answers since the last one, in lines that begin
// with a blank.
func Perform(script string, play func(line string), answers func() string) string {
	var out strings.Builder
	answering := false
	for line := range strings.Lines(script) {
		line = strings.TrimRight(line, "\n")
		switch {
		case line == "----":
			answering = true
			out.WriteString("----\n" + answers())
		case answering && line != "" && line[0] == ' ':
			continue // an old answer
		default:
			answering = false
			out.WriteString(line + "\n")
			if line != "" && !strings.HasPrefix(line, "#") {
				play(line)
			}
		}
	}
	return out.String()
}
