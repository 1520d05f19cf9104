package main

import (
	"testing"
	"time"
)

func TestTimesAreReadAsPeopleWriteThem(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 27, 22, 0, 0, 0, berlin)
	for text, want := range map[string]string{
		"2026-11-27T03:00:00Z": "2026-11-27T04:00:00+01:00", "2026-11-27 03:00": "2026-11-27T03:00:00+01:00", "2026-11-28": "2026-11-28T00:00:00+01:00",
		"07:00": "2026-11-27T07:00:00+01:00", "90m": "2026-11-27T23:30:00+01:00", "+2h": "2026-11-28T00:00:00+01:00", "30m ago": "2026-11-27T21:30:00+01:00",
	} {
		got, err := readTime(text, now)
		if err != nil || got.In(berlin).Format(time.RFC3339) != want {
			t.Errorf("%s is %s, want %s (%v)", text, got, want, err)
		}
	}
	if got, _ := ahead("07:00", now); got.Format(time.RFC3339) != "2026-11-28T07:00:00+01:00" {
		t.Errorf("07:00 ahead is %s", got)
	}
	if got, _ := ahead("23:00", now); got.Format(time.RFC3339) != "2026-11-27T23:00:00+01:00" {
		t.Errorf("23:00 ahead is %s", got)
	}
	for _, text := range []string{"", "soon", "25:00", "2026-13-01", "5"} {
		if got, err := readTime(text, now); err == nil {
			t.Errorf("%q is read as %s", text, got)
		}
	}
}
