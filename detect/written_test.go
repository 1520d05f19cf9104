package detect

import (
	"encoding/json"
	"testing"
	"time"
)

func TestWhatIsHeldAgainstAReplicaCanBeWrittenDown(t *testing.T) {
	var f, readFlapping Flapping
	var h, readHold HoldDown
	for i := range 5 {
		at := time.Duration(i) * time.Second
		f = f.Down(at)
		h, _ = h.Eject(at, false)
		h = h.Admit(at)
	}
	for _, c := range []struct{ from, to any }{{f, &readFlapping}, {h, &readHold}} {
		text, err := json.Marshal(c.from)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, c.to); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
	if readFlapping != f || readHold != h {
		t.Errorf("%+v and %+v, written %+v and %+v", readFlapping, readHold, f, h)
	}
	if err := json.Unmarshal([]byte(`{"steps": 1000}`), &readHold); err != nil || readHold.steps != 16 {
		t.Errorf("a step count that overflows: %+v, %v", readHold, err)
	}
}
