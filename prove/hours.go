package prove

import (
	"fmt"
	"time"

	"holdfast"
)

// closedAt says why no live drill begins at an instant, and when the next may;
// empty: one may. The error says that this machine cannot tell what time it is
// where the hours are.
func closedAt(hours *holdfast.Hours, now time.Time) (why string, err error) {
	there, err := inZone(hours, now)
	if hours == nil || err != nil || hours.Cover(there) {
		return "", err
	}
	return fmt.Sprintf("it is %s, outside of the hours for live drills; they next begin %s (prove.hours; --outside-hours drills all the same)", onTheClock(there), onTheClock(nextOpen(*hours, there))), nil
}

// inZone is an instant on the clock of the hours' zone.
func inZone(hours *holdfast.Hours, at time.Time) (time.Time, error) {
	if hours == nil {
		return at, nil
	}
	zone, err := time.LoadLocation(hours.Zone)
	if err != nil {
		return at, fmt.Errorf("prove.hours: this machine does not know the time zone %q: %w\n  next: install its time zones (tzdata), correct the name, or write UTC", hours.Zone, err)
	}
	return at.In(zone), nil
}

// nextOpen is when the hours begin next, after an instant in their zone. Some day
// of a week is one of theirs; the eighth is today's, once it is over.
func nextOpen(hours holdfast.Hours, after time.Time) time.Time {
	for ahead := range 8 {
		clock := int(hours.From / time.Minute)
		begins := time.Date(after.Year(), after.Month(), after.Day()+ahead, clock/60, clock%60, 0, 0, after.Location())
		if begins.After(after) && hours.Cover(begins) {
			return begins
		}
	}
	return after // no day at all, which no file can say
}

// openLine is how the hours stand, for a person.
func openLine(hours *holdfast.Hours, now time.Time) (string, error) {
	there, err := inZone(hours, now)
	switch {
	case err != nil:
		return "", err
	case hours == nil:
		return "hours: at any time (prove.hours says when)", nil
	case hours.Cover(there):
		ends := there.Add(hours.To - sinceMidnight(there)).Truncate(time.Minute)
		return fmt.Sprintf("hours: open now, until %s", onTheClock(ends)), nil
	default:
		return fmt.Sprintf("hours: CLOSED now; they next begin %s", onTheClock(nextOpen(*hours, there))), nil
	}
}

func sinceMidnight(at time.Time) time.Duration {
	return time.Duration(at.Hour())*time.Hour + time.Duration(at.Minute())*time.Minute + time.Duration(at.Second())*time.Second
}

// onTheClock is an instant as a person says it: "Mon 30 Nov 09:00 CET".
func onTheClock(at time.Time) string { return at.Format("Mon 2 Jan 15:04 MST") }
