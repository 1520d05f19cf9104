package holdfast

import "time"

// StatusClasses are the first digits of statuses, and 0 for no answer at all.
const StatusClasses = 6

// A Histogram counts how long callers waited for the first byte of an answer:
// Counts by the bounds, in order, and in its last place what took longer than
// all of them.
type Histogram struct {
	Counts [waitPlaces + 1]uint64 `json:"counts"`
	Sum    time.Duration          `json:"sum"`
}

const waitPlaces = 14

// WaitBounds are the upper bounds of a Histogram: Prometheus' own, from 5 ms to
// 10 s, and three below, since an answer within one machine takes less than 1 ms.
func WaitBounds() [waitPlaces]time.Duration {
	return [waitPlaces]time.Duration{
		500 * time.Microsecond, time.Millisecond, 2500 * time.Microsecond,
		5 * time.Millisecond, 10 * time.Millisecond, 25 * time.Millisecond,
		50 * time.Millisecond, 100 * time.Millisecond, 250 * time.Millisecond,
		500 * time.Millisecond, time.Second, 2500 * time.Millisecond,
		5 * time.Second, 10 * time.Second,
	}
}

// Below is the bound that a share of what was counted did not exceed, and whether
// there is one: nothing counted has none, and neither has what took longer than
// the last.
func (h Histogram) Below(share float64) (time.Duration, bool) {
	all := uint64(0)
	for _, n := range h.Counts {
		all += n
	}
	seen := uint64(0)
	for i, bound := range WaitBounds() {
		if seen += h.Counts[i]; all > 0 && float64(seen) >= share*float64(all) {
			return bound, true
		}
	}
	return 0, false
}
