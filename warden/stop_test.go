package warden

import (
	"os"
	"path/filepath"
	"testing"
)

// A stop names the run it is for: one that was left behind ends no other, and what
// cannot be read ends none.
func TestAStopIsForOneRun(t *testing.T) {
	state := t.TempDir()
	of := Identity{Pid: 77, Ticks: 1234}
	if _, asked := StopAsked(state, of); asked {
		t.Error("nobody asked, and it was heard")
	}
	if err := AskStop(state, of, "ana"); err != nil {
		t.Fatal(err)
	}
	if by, asked := StopAsked(state, of); !asked || by != "ana" {
		t.Errorf("asked %v, by %q", asked, by)
	}
	for _, other := range []Identity{{Pid: 77, Ticks: 1235}, {Pid: 78, Ticks: 1234}, {}} {
		if _, asked := StopAsked(state, other); asked {
			t.Errorf("%+v takes it for its own", other)
		}
	}
	if err := os.WriteFile(filepath.Join(state, stopFile), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, asked := StopAsked(state, of); asked {
		t.Error("half a file ends a run")
	}
}

func TestALiveRunWhoseProveIsDeadIsNone(t *testing.T) {
	state := t.TempDir()
	if _, err := Underway(state); err != ErrNoRun {
		t.Errorf("of nothing: %v", err)
	}
	for _, text := range []string{"", "{", `{"prove":{"pid":999999999,"ticks":1}}`} {
		if err := os.WriteFile(LiveFile(state), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Underway(state); err != ErrNoRun {
			t.Errorf("%q: %v", text, err)
		}
	}
}
