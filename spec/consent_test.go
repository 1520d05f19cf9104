package spec

import (
	"strings"
	"testing"
	"time"

	"holdfast"
)

func TestHoursAreWhatTheySay(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skip("this machine knows no time zones: ", err)
	}
	h, wrong := hours("Mon-Fri 09:00-17:30 Europe/Berlin")
	if wrong != nil {
		t.Fatal(wrong.message)
	}
	for at, want := range map[string]bool{
		"2026-11-27 09:00:00": true,  // a Friday
		"2026-11-27 08:59:59": false, // a second before
		"2026-11-27 17:29:59": true,
		"2026-11-27 17:30:00": false, // the end is not among them
		"2026-11-28 10:00:00": false, // a Saturday
	} {
		instant, _ := time.ParseInLocation(time.DateTime, at, berlin)
		if h.Cover(instant) != want {
			t.Errorf("%s is among them: %v, want %v", at, !want, want)
		}
	}
}

func TestHoursAreReadStrictly(t *testing.T) {
	for text, want := range map[string]string{
		"Mon-Fri 09:00-17:00 Europe/Berlin":      "1 2 3 4 5",
		"Sat-Mon 00:00-24:00 UTC":                "6 0 1", // over the end of the week
		"Mon,Wed-Thu 09:00-17:00 UTC":            "1 3 4",
		"Sun 09:00-09:01 America/Port-au-Prince": "0",
		"Mon-Fri 09:00-17:00":                    "does not say in which time zone",
		"Mon-Fry 09:00-17:00 UTC":                "`Fry` is not a day",
		"mon 09:00-17:00 UTC":                    "`mon` is not a day",
		"Mon-Fri,Tue 09:00-17:00 UTC":            "names Tuesday twice",
		"Mon 9:00-17:00 UTC":                     "is not from one time of day to another",
		"Mon 09:00-17:00-18:00 UTC":              "is not from one time of day to another",
		"Mon 09:00-25:00 UTC":                    "is not from one time of day to another",
		"Mon 22:00-06:00 UTC":                    "ends before it begins",
		"Mon 09:00-09:00 UTC":                    "ends before it begins",
		"Mon 09:00-17:00 CET":                    "is not the name of a time zone",
		"Mon 09:00-17:00 ../etc/passwd":          "is not the name of a time zone",
		"Mon 09:00-17:00 UTC or so":              "is not days, times and a time zone",
	} {
		h, wrong := hours(text)
		switch got := daysText(h); {
		case wrong == nil && got != want:
			t.Errorf("%q is read as %q, want %q", text, got, want)
		case wrong != nil && !strings.Contains(wrong.message, want):
			t.Errorf("%q: %s, want %q", text, wrong.message, want)
		}
	}
}

func daysText(h holdfast.Hours) string {
	var days []string
	for _, day := range h.Days {
		days = append(days, string(rune('0'+day)))
	}
	return strings.Join(days, " ")
}
