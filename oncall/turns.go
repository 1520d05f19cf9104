package oncall

import (
	"slices"
	"time"

	"holdfast"
)

// turns are a rotation in a time zone. They are counted in calendar days, so that
// leap days, years of 53 weeks and nights of 23 or 25 hours need no rule.
type turns struct {
	holdfast.Rotation
	zone *time.Location
	days int // of one turn
}

// longest is how many days a turn has at most, a century: what is longer is never
// handed over, and cannot be counted wrong.
const longest = 36525

func turnsOf(rotation holdfast.Rotation, zone *time.Location) turns {
	days := min(max(1, rotation.Length), longest)
	if rotation.Turn == holdfast.Weekly {
		days *= 7
	}
	return turns{Rotation: rotation, zone: zone, days: days}
}

// at is who of the rotation is on call, nobody outside its hours and before its
// start, and the next edge; zero is none.
func (r turns) at(t time.Time) (holdfast.PersonName, time.Time) {
	if len(r.People) == 0 {
		return "", time.Time{}
	}
	if start := r.begin(0); t.Before(start) {
		return "", start
	}
	covered, edge := r.covered(t)
	if !covered {
		return "", edge
	}
	turn := r.turn(t)
	return r.People[turn%len(r.People)], sooner(r.begin(turn+1), edge)
}

// turn is the number of the turn that an instant after the start is in: the one its
// date says, unless the time of day does, or the clocks were changed between.
func (r turns) turn(t time.Time) int {
	n := (date(t.In(r.zone)).Unix() - r.day(0).Unix()) / int64(24*time.Hour/time.Second) / int64(r.days)
	turn := max(0, int(n))
	for turn > 0 && r.begin(turn).After(t) {
		turn--
	}
	for !r.begin(turn + 1).After(t) {
		turn++
	}
	return turn
}

// begin is when a turn begins.
func (r turns) begin(turn int) time.Time { return r.instant(r.day(turn*r.days), r.Start.Clock) }

// day is a date some days after the one on which the rotation starts.
func (r turns) day(after int) time.Time {
	return time.Date(r.Start.Year, r.Start.Month, r.Start.Day+after, 0, 0, 0, 0, time.UTC)
}

// covered tells whether an instant is within the hours of the rotation, and the
// next edge of any of them; what covers always has none. Hours that began two days
// ago are over, and within eight days every day of the week begins once.
func (r turns) covered(t time.Time) (bool, time.Time) {
	if len(r.Covers) == 0 {
		return true, time.Time{}
	}
	covered, next := false, time.Time{}
	for day := -2; day <= 8; day++ {
		today := date(t.In(r.zone)).AddDate(0, 0, day)
		for _, c := range r.Covers {
			if len(c.Days) > 0 && !slices.Contains(c.Days, today.Weekday()) {
				continue
			}
			from, until := r.hours(today, c)
			switch {
			case from.After(t) && from.Before(until):
				next = sooner(next, from)
			case until.After(t):
				covered, next = covered || !from.After(t), sooner(next, until)
			}
		}
	}
	return covered, next
}

func (r turns) hours(day time.Time, c holdfast.Cover) (from, until time.Time) {
	ends := day
	if c.Until <= c.From {
		ends = day.AddDate(0, 0, 1)
	}
	return r.instant(day, c.From), r.instant(ends, c.Until)
}

// instant is the first one at which the clocks of the zone show a time of a day, or
// a later one. So a hand-over at 02:30 in the night in which the clocks go from
// 02:00 to 03:00 takes place at 03:00, with the clocks; and in the night in which
// they show 02:30 twice it takes place the first time, and not again. Whatever the
// clocks do, of two times on the wall the later one never comes first: no two turns
// change places, and what ends at 02:30 ends when what begins at 02:30 begins.
func (r turns) instant(day time.Time, clock holdfast.Clock) time.Time {
	wall := day.Add(time.Duration(clock) * time.Minute)
	t := wall.Add(-furthest).In(r.zone)
	for {
		_, offset := t.Zone()
		at := wall.Add(-time.Duration(offset) * time.Second)
		if _, end := t.ZoneBounds(); !end.IsZero() && !at.Before(end) {
			t = end
			continue
		}
		if at.Before(t) {
			at = t // the clocks went past it
		}
		return at.In(r.zone)
	}
}

// furthest is more than any zone has ever been from UTC: 16 hours, in 1844.
const furthest = 30 * time.Hour

// date is the day of an instant where it is, as midnight UTC: days to count with.
func date(t time.Time) time.Time {
	year, month, day := t.Date()
	return time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
}
