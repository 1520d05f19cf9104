package main

import (
	"fmt"
	"strings"
	"time"
)

// readTime reads a time as people write it, where this program runs: with a date, of
// today without one, or as how long from now.
func readTime(text string, now time.Time) (time.Time, error) {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02 15:04", time.DateOnly} {
		if t, err := time.ParseInLocation(layout, text, now.Location()); err == nil {
			return t, nil
		}
	}
	for _, layout := range []string{"15:04:05", "15:04"} {
		if t, err := time.Parse(layout, text); err == nil {
			return time.Date(now.Year(), now.Month(), now.Day(), t.Hour(), t.Minute(), t.Second(), 0, now.Location()), nil
		}
	}
	length, past := strings.CutSuffix(strings.TrimPrefix(text, "+"), " ago")
	if d, err := time.ParseDuration(length); err == nil && past {
		return now.Add(-d), nil
	} else if err == nil {
		return now.Add(d), nil
	}
	return time.Time{}, exit(exitUsage, fmt.Errorf("%q is no time\n  next: write 2026-11-27 18:00, 18:00 for today, 90m for from now, or \"90m ago\"", text))
}

// ahead is readTime for what has to lie ahead: 07:00 said in the evening is tomorrow's.
func ahead(text string, now time.Time) (time.Time, error) {
	t, err := readTime(text, now)
	if err == nil && !t.After(now) && len(text) <= len("15:04:05") && strings.Contains(text, ":") {
		t = t.AddDate(0, 0, 1)
	}
	return t, err
}

// day reads a date.
func day(text string) (time.Time, error) {
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return t, exit(exitUsage, fmt.Errorf("%q is no date\n  next: write it like 2027-01-31", text))
	}
	return t, nil
}
