package oncall

import (
	"reflect"
	"slices"
	"testing"
	"time"
	_ "time/tzdata" // the zones do not depend on the machine

	"pgregory.net/rapid"

	"holdfast"
)

// twin is a roster as one would read it off the wall: minute by minute, who is on
// call by the latest time that the clocks have shown so far.
type twin struct {
	schedule  holdfast.Schedule
	overrides []holdfast.Override
	zone      *time.Location
	latest    int64 // minutes of the calendar
}

// show lets the clocks show an instant.
func (w *twin) show(t time.Time) {
	_, offset := t.In(w.zone).Zone()
	w.latest = max(w.latest, (t.Unix()+int64(offset))/60)
}

func (w *twin) person(t time.Time) holdfast.PersonName {
	for _, o := range slices.Backward(w.overrides) {
		if !t.Before(o.From) && t.Before(o.Until) {
			return o.Person
		}
	}
	for _, r := range w.schedule.Rotations {
		start := time.Date(r.Start.Year, r.Start.Month, r.Start.Day, 0, int(r.Start.Clock), 0, 0, time.UTC).Unix() / 60
		length := int64(r.Length) * 24 * 60
		if r.Turn == holdfast.Weekly {
			length *= 7
		}
		if w.latest >= start && w.covered(r) {
			return r.People[(w.latest-start)/length%int64(len(r.People))]
		}
	}
	return ""
}

func (w *twin) covered(r holdfast.Rotation) bool {
	today := w.latest / (24 * 60) * (24 * 60)
	for _, c := range r.Covers {
		for _, day := range []int64{today, today - 24*60} {
			from, until := day+int64(c.From), day+int64(c.Until)
			if c.Until <= c.From {
				until += 24 * 60
			}
			weekday := time.Unix(day*60, 0).UTC().Weekday()
			if (len(c.Days) == 0 || slices.Contains(c.Days, weekday)) && from <= w.latest && w.latest < until {
				return true
			}
		}
	}
	return len(r.Covers) == 0
}

// edges are instants around which clocks do something.
func edges() map[string][]string {
	return map[string][]string{
		"Europe/Berlin":       {"2026-03-29", "2026-10-25", "2026-12-31", "2028-02-29"},
		"America/New_York":    {"2026-03-08", "2026-11-01", "2027-01-01"},
		"Australia/Lord_Howe": {"2026-04-05", "2026-10-04"}, // by half an hour
		"Antarctica/Troll":    {"2026-03-29", "2026-10-25"}, // by two hours
		"Pacific/Apia":        {"2011-12-30", "2026-06-01"}, // a day that never was
		"Africa/Casablanca":   {"2026-02-15", "2026-03-22"},
		"Asia/Kolkata":        {"2026-12-28"},
		"":                    {"2020-12-31", "2026-01-01", "2032-02-29"},
	}
}

func TestARosterIsWhatTheClocksShow(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		zones := edges()
		name := rapid.SampledFrom(slices.Sorted(mapKeys(zones))).Draw(rt, "zone")
		day, err := time.Parse(time.DateOnly, rapid.SampledFrom(zones[name]).Draw(rt, "day"))
		if err != nil {
			rt.Fatal(err)
		}
		zone, err := time.LoadLocation(name)
		if err != nil {
			rt.Fatal(err)
		}
		schedule := holdfast.Schedule{Name: "s", TimeZone: name}
		for range rapid.IntRange(1, 3).Draw(rt, "rotations") {
			schedule.Rotations = append(schedule.Rotations, drawRotation(rt, day))
		}
		overrides := drawOverrides(rt, day)
		roster, err := RosterOf(schedule, overrides)
		if err != nil {
			rt.Fatal(err)
		}
		checkAgainstTwin(rt, roster, &twin{schedule: schedule, overrides: overrides, zone: zone}, day)
	})
}

// checkAgainstTwin reads three days about a day off the wall, minute by minute.
func checkAgainstTwin(rt *rapid.T, roster Roster, w *twin, day time.Time) {
	begin, from, to := day.Add(-72*time.Hour), day.Add(-24*time.Hour), day.Add(48*time.Hour)
	shifts := roster.Shifts(from, to)
	held := map[holdfast.PersonName]time.Duration{}
	until := time.Time{}
	for t := begin; t.Before(to); t = t.Add(time.Minute) {
		w.show(t)
		if t.Before(from) {
			continue
		}
		want := w.person(t)
		held[want] += time.Minute
		for len(shifts) > 0 && !t.Before(shifts[0].Until) {
			shifts = shifts[1:]
		}
		if len(shifts) == 0 || shifts[0].Person != want || t.Before(shifts[0].From) {
			rt.Fatalf("at %s the clocks say %q, the shifts %v", t.In(w.zone), want, shifts)
		}
		if t.Before(until) && t.Minute()%7 != 0 {
			continue
		}
		got := roster.At(t)
		if got.Person != want || !got.Until.After(t) {
			rt.Fatalf("at %s the clocks say %q, the roster %v", t.In(w.zone), want, got)
		}
		until = got.Until
	}
	checkShares(rt, roster, from, to, held)
}

func checkShares(rt *rapid.T, roster Roster, from, to time.Time, held map[holdfast.PersonName]time.Duration) {
	gaps := time.Duration(0)
	for _, gap := range roster.Gaps(from, to) {
		gaps += gap.Until.Sub(gap.From)
	}
	got := map[holdfast.PersonName]time.Duration{}
	if gaps > 0 {
		got[""] = gaps
	}
	for _, share := range roster.Shares(from, to) {
		got[share.Person] = share.Time
	}
	if !reflect.DeepEqual(got, held) {
		rt.Fatalf("shares %v, the clocks say %v", got, held)
	}
}

func drawRotation(rt *rapid.T, near time.Time) holdfast.Rotation {
	start := near.AddDate(0, 0, -rapid.SampledFrom([]int{0, 1, 2, 9, 400, 5000}).Draw(rt, "before"))
	r := holdfast.Rotation{
		Turn:   rapid.SampledFrom([]holdfast.Turn{holdfast.Daily, holdfast.Weekly}).Draw(rt, "turn"),
		Length: rapid.IntRange(1, 3).Draw(rt, "length"),
		Start:  holdfast.Wall{Year: start.Year(), Month: start.Month(), Day: start.Day(), Clock: drawClock(rt)},
		People: []holdfast.PersonName{"ana", "bo", "cy"}[:rapid.IntRange(1, 3).Draw(rt, "people")],
	}
	for range rapid.IntRange(0, 2).Draw(rt, "covers") {
		c := holdfast.Cover{From: drawClock(rt), Until: drawClock(rt)}
		for day := range time.Weekday(7) {
			if rapid.Bool().Draw(rt, "on") {
				c.Days = append(c.Days, day)
			}
		}
		r.Covers = append(r.Covers, c)
	}
	return r
}

// drawClock prefers the hours in which clocks are changed.
func drawClock(rt *rapid.T) holdfast.Clock {
	if rapid.Bool().Draw(rt, "at night") {
		return holdfast.Clock(rapid.IntRange(0, 4*60).Draw(rt, "clock"))
	}
	return holdfast.Clock(rapid.IntRange(0, 24*60-1).Draw(rt, "clock"))
}

func drawOverrides(rt *rapid.T, near time.Time) []holdfast.Override {
	var all []holdfast.Override
	for range rapid.IntRange(0, 2).Draw(rt, "overrides") {
		from := near.Add(time.Duration(rapid.IntRange(-30*60, 30*60).Draw(rt, "from")) * time.Minute)
		all = append(all, holdfast.Override{Schedule: "s", Person: "dee", From: from, Until: from.Add(time.Duration(rapid.IntRange(1, 1000).Draw(rt, "for")) * time.Minute)})
	}
	return all
}

func mapKeys(m map[string][]string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

func nightly(zone string, clock holdfast.Clock) holdfast.Schedule {
	return holdfast.Schedule{Name: "nights", TimeZone: zone, Rotations: []holdfast.Rotation{{
		Turn: holdfast.Daily, Length: 1, Start: holdfast.Wall{Year: 2026, Month: time.January, Day: 1, Clock: clock}, People: []holdfast.PersonName{"ana", "bo"},
	}}}
}

// A hand-over that falls into the hour that is skipped takes place with the clocks;
// one that falls into the hour that is repeated, the first time.
func TestHandOversInTheNightsTheClocksAreChanged(t *testing.T) {
	roster, err := RosterOf(nightly("Europe/Berlin", 2*60+30), nil)
	if err != nil {
		t.Fatal(err)
	}
	for about, edge := range map[string]string{
		"skipped":  "2026-03-29T01:00:00Z", // 03:00 +02:00
		"repeated": "2026-10-25T00:30:00Z", // 02:30 +02:00, and not 01:30Z, which is 02:30 +01:00
		"winter":   "2026-01-09T01:30:00Z",
		"summer":   "2026-07-09T00:30:00Z",
	} {
		at, err := time.Parse(time.RFC3339, edge)
		if err != nil {
			t.Fatal(err)
		}
		before, after := roster.At(at.Add(-time.Nanosecond)), roster.At(at)
		if before.Person == after.Person || !before.Until.Equal(at) {
			t.Errorf("%s: %s until %s, then %s: the hand-over is at %s", about, before.Person, before.Until, after.Person, at)
		}
		if again := roster.At(at.Add(time.Hour)); again.Person != after.Person {
			t.Errorf("%s: an hour later %s has it again", about, again.Person)
		}
	}
}

// 2026 has 53 weeks by ISO's count; a rotation of weeks counts on.
func TestWeeksGoOnThroughYearsOf53(t *testing.T) {
	schedule := nightly("UTC", 0)
	schedule.Rotations[0].Turn = holdfast.Weekly
	roster, err := RosterOf(schedule, nil)
	if err != nil {
		t.Fatal(err)
	}
	from := time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)
	shifts := roster.Shifts(from, from.AddDate(8, 0, 0))
	for i, shift := range shifts[:len(shifts)-1] {
		if want := []holdfast.PersonName{"ana", "bo"}[i%2]; shift.Person != want || shift.Until.Sub(shift.From) != 7*24*time.Hour {
			t.Fatalf("week %d: %v", i, shift)
		}
	}
	shares := roster.Shares(from, from.AddDate(0, 0, 14*26))
	if len(shares) != 2 || shares[0].Time != shares[1].Time || shares[0].Shifts != 26 {
		t.Errorf("a year of weeks is shared out as %v", shares)
	}
}

// A far day costs what today costs; the calendar repeats itself every 400 years.
func TestAFarDayIsNotCountedTo(t *testing.T) {
	schedule := nightly("Europe/Berlin", 9*60)
	schedule.Rotations[0].People = []holdfast.PersonName{"ana", "bo", "cy"} // 146,097 days are 48,699 rounds of three
	roster, err := RosterOf(schedule, nil)
	if err != nil {
		t.Fatal(err)
	}
	near := time.Date(2030, time.July, 1, 12, 0, 0, 0, time.UTC)
	far := near.AddDate(400*200, 0, 0)
	if a, b := roster.At(near), roster.At(far); a.Person != b.Person {
		t.Errorf("%s in 2030, %s 80,000 years later", a.Person, b.Person)
	}
}

func TestOneMemberAndNone(t *testing.T) {
	schedule := nightly("UTC", 0)
	schedule.Rotations[0].People = schedule.Rotations[0].People[:1]
	roster, _ := RosterOf(schedule, nil)
	from := time.Date(2025, time.December, 31, 0, 0, 0, 0, time.UTC)
	want := []Shift{{From: from, Until: from.AddDate(0, 0, 1)}, {Person: "ana", From: from.AddDate(0, 0, 1), Until: from.AddDate(1, 0, 0)}}
	got := roster.Shifts(from, from.AddDate(1, 0, 0))
	if len(got) != 2 || got[1].Person != "ana" || !got[1].From.Equal(want[1].From) || !got[1].Until.Equal(want[1].Until) || got[0].Person != "" {
		t.Errorf("shifts of a lone member are %v, instead of %v", got, want)
	}
	empty, _ := RosterOf(holdfast.Schedule{Name: "empty", Rotations: []holdfast.Rotation{{Turn: holdfast.Daily, Length: 1}}}, nil)
	if got := empty.At(from); got.Person != "" || !got.Until.IsZero() {
		t.Errorf("a rotation of nobody says %v", got)
	}
}

func TestAnUnknownZoneIsSaidAndStillCounts(t *testing.T) {
	for _, zone := range []string{"Europe/Atlantis", "Local", "../etc/passwd"} {
		roster, err := RosterOf(nightly(zone, 0), nil)
		if err == nil {
			t.Errorf("nobody is told that %s is no time zone", zone)
		}
		if got := roster.At(time.Date(2026, time.January, 2, 1, 0, 0, 0, time.UTC)); got.Person != "bo" {
			t.Errorf("beside the error the roster says %v", got)
		}
	}
}
