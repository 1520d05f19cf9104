package view

import (
	"testing"
	"time"

	"holdfast"
	"holdfast/event"
)

func TestWhatIsArrangedIsRememberedUntilItIsOver(t *testing.T) {
	noon := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	var d Duty
	says := func(after time.Duration, body event.Body) {
		d.Add(event.Entry{At: event.At{Wall: noon.Add(after)}, Body: body})
	}
	holds := func(after time.Duration, overrides, maintenance int) {
		t.Helper()
		if now := d.At(noon.Add(after)); len(now.Overrides) != overrides || len(now.Maintenance) != maintenance {
			t.Errorf("%s after noon %v holds, want %d overrides and %d spans of maintenance", after, now, overrides, maintenance)
		}
	}
	override := func(until time.Duration) event.Body {
		return event.Overridden{Override: holdfast.Override{Schedule: "days", Person: "ben", From: noon, Until: noon.Add(until)}}
	}
	says(0, override(time.Hour))
	says(0, event.MaintenanceBegan{Until: noon.Add(time.Hour)})
	says(0, event.MaintenanceBegan{Until: noon.Add(2 * time.Hour)})
	holds(0, 1, 2)
	holds(time.Hour, 0, 1)
	says(time.Hour, override(3*time.Hour))
	if len(d.Overrides) != 1 {
		t.Errorf("what is over is remembered: %v", d.Overrides)
	}
	says(time.Hour, event.MaintenanceEnded{})
	holds(time.Hour, 1, 0)
	for range 2 * holdfast.MaxOverrides {
		says(time.Hour, override(3*time.Hour))
	}
	holds(time.Hour, holdfast.MaxOverrides, 0)
}
