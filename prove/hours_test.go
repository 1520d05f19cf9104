package prove

import (
	"strings"
	"testing"
	"time"

	"holdfast"
)

// officeHours are from nine to five, Monday to Friday, in a zone.
func officeHours(zone string) *holdfast.Hours {
	return &holdfast.Hours{
		Days: []time.Weekday{time.Monday, time.Tuesday, time.Wednesday, time.Thursday, time.Friday},
		From: 9 * time.Hour, To: 17 * time.Hour, Zone: zone,
	}
}

func TestHoursOpenAndClose(t *testing.T) {
	weekend := &holdfast.Hours{Days: []time.Weekday{time.Saturday}, From: 8 * time.Hour, To: 24 * time.Hour, Zone: "UTC"}
	for name, c := range map[string]struct {
		hours  *holdfast.Hours
		at     string
		closed string // part of why; empty: open
	}{
		"no hours":               {at: "2026-11-28T03:00:00Z"},
		"on a Friday":            {hours: officeHours("UTC"), at: "2026-11-27T09:00:00Z"},
		"a second before":        {hours: officeHours("UTC"), at: "2026-11-27T08:59:59Z", closed: "next begin Fri 27 Nov 09:00 UTC"},
		"at the end":             {hours: officeHours("UTC"), at: "2026-11-27T17:00:00Z", closed: "next begin Mon 30 Nov 09:00 UTC"},
		"on a Sunday":            {hours: officeHours("UTC"), at: "2026-11-29T12:00:00Z", closed: "next begin Mon 30 Nov 09:00 UTC"},
		"in a week":              {hours: weekend, at: "2026-11-29T00:00:00Z", closed: "next begin Sat 5 Dec 08:00 UTC"},
		"open elsewhere":         {hours: officeHours("Asia/Tokyo"), at: "2026-11-27T00:30:00Z"},
		"closed elsewhere":       {hours: officeHours("Asia/Tokyo"), at: "2026-11-27T08:30:00Z", closed: "it is Fri 27 Nov 17:30 JST, outside"},
		"clocks go back":         {hours: officeHours("Europe/Berlin"), at: "2026-10-25T12:00:00Z", closed: "next begin Mon 26 Oct 09:00 CET"},
		"and is summer until it": {hours: officeHours("Europe/Berlin"), at: "2026-10-23T07:00:00Z"},
	} {
		at, _ := time.Parse(time.RFC3339, c.at)
		why, err := closedAt(c.hours, at)
		if err != nil && strings.Contains(err.Error(), "does not know the time zone") && (c.hours.Zone != "UTC") {
			t.Skip("this machine knows no time zones: ", err)
		}
		if err != nil || (why == "") != (c.closed == "") || !strings.Contains(why, c.closed) {
			t.Errorf("%s: %q (%v), want %q", name, why, err, c.closed)
		}
	}
}

func TestAZoneThatIsNotKnownIsSaid(t *testing.T) {
	if _, err := closedAt(officeHours("Europe/Atlantis"), time.Now()); err == nil || !strings.Contains(err.Error(), `does not know the time zone "Europe/Atlantis"`) {
		t.Errorf("got %v", err)
	}
	if _, err := openLine(officeHours("Europe/Atlantis"), time.Now()); err == nil {
		t.Error("how hours stand is said without a zone")
	}
}

func TestHowHoursStand(t *testing.T) {
	at := time.Date(2026, time.November, 27, 10, 30, 0, 0, time.UTC)
	for want, hours := range map[string]*holdfast.Hours{
		"at any time":                        nil,
		"open now, until Fri 27 Nov 17:00":   officeHours("UTC"),
		"CLOSED now; they next begin Sat 28": {Days: []time.Weekday{time.Saturday}, To: time.Hour, Zone: "UTC"},
	} {
		if got, err := openLine(hours, at); err != nil || !strings.Contains(got, want) {
			t.Errorf("%q (%v), want %q", got, err, want)
		}
	}
}
