// Package golden compares what a program says with what it said when somebody
// last read it.
package golden

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Compare holds a text to the one that is kept in a file, or keeps it when
// REWRITE is set in the environment: the diff is to be read then.
func Compare(t testing.TB, path, got string) {
	t.Helper()
	if os.Getenv("REWRITE") != "" {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v: run with REWRITE=1 and read the diff", err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got; REWRITE=1 and read the diff):\n%s", path, diff)
	}
}
