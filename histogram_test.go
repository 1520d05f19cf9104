package holdfast

import (
	"testing"
	"time"
)

func TestBelow(t *testing.T) {
	var h Histogram
	if _, ok := h.Below(0.5); ok {
		t.Error("nothing was counted, and has a median")
	}
	h.Counts[0], h.Counts[3], h.Counts[waitPlaces] = 50, 49, 1
	for _, c := range []struct {
		share float64
		want  time.Duration
		ok    bool
	}{
		{share: 0.5, want: 500 * time.Microsecond, ok: true},
		{share: 0.51, want: 5 * time.Millisecond, ok: true},
		{share: 0.99, want: 5 * time.Millisecond, ok: true},
		{share: 1},
	} {
		if got, ok := h.Below(c.share); got != c.want || ok != c.ok {
			t.Errorf("%v: %s %v, want %s %v", c.share, got, ok, c.want, c.ok)
		}
	}
}
