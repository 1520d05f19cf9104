package spec

import (
	"fmt"
	"strings"
	"time"

	"holdfast"
	"holdfast/diagnostic"
	"holdfast/source"
)

// maxShift bounds a turn: who is on call for longer than a quarter of a year is
// the only one.
const maxShift = 90

// schedules reads who is on call when.
func (r *reader) schedules(c *calling) func(source.Value) {
	return func(v source.Value) {
		r.named(v, "schedules", func(called string, v source.Value) {
			one := holdfast.Schedule{Name: holdfast.ScheduleName(called)}
			written := r.Keys(v, "a schedule", []source.Key{
				{Name: "time_zone", Read: scalar(r, &one.TimeZone, timeZone)},
				{Name: "rotations", Read: r.rotations(c, &one.Rotations)},
			})
			if written != nil && !meant(written, "rotations") {
				r.Report(v.At, diagnostic.Problem{Code: missingKey, Message: v.Name + " has no `rotations`", Help: "write whose turn it is when: " + someRotation})
			}
			if len(one.Rotations) > 0 {
				c.Schedules = append(c.Schedules, one)
			}
		})
	}
}

const someRotation = "`rotations: [{type: weekly, start: 2026-11-23 09:00, users: [ana, ben]}]`"

// timeZone asks for the zone itself: a hand-over by the wall clock of a place that
// is not known would be nobody's.
func timeZone(text string) (string, *complaint) {
	if _, err := time.LoadLocation(text); err != nil || text == "Local" {
		return complain[string](badHours, "write `UTC`, or a place of the time zone database, like `Europe/Berlin`", "%s is not the name of a time zone", diagnostic.Tick(text))
	}
	return text, nil
}

func (r *reader) rotations(c *calling, into *[]holdfast.Rotation) func(source.Value) {
	return func(v source.Value) {
		items, _ := r.Items(v, "rotations", someRotation)
		for i, item := range items {
			if i == holdfast.MaxRotations {
				r.Report(item.At, diagnostic.Problem{Code: badNumber, Message: fmt.Sprintf("rotations: there are more than %d", holdfast.MaxRotations), Help: "make another schedule of some of them"})
				return
			}
			if one, ok := r.rotation(c, item); ok {
				*into = append(*into, one)
			}
		}
	}
}

func (r *reader) rotation(c *calling, v source.Value) (holdfast.Rotation, bool) {
	one := holdfast.Rotation{Turn: holdfast.Weekly, Length: 1}
	written := r.Keys(v, "a rotation", []source.Key{
		{Name: "type", Read: scalar(r, &one.Turn, oneOf(badWord, "how a rotation turns", holdfast.Daily, holdfast.Weekly))},
		{Name: "shift_length", Read: scalar(r, &one.Length, wholeNumber(1, maxShift))},
		{Name: "start", Read: scalar(r, &one.Start, wall)},
		{Name: "users", Read: func(v source.Value) {
			all, places := listAt(r, v, "people, in their order", "`users: [ana, ben]`", label[holdfast.PersonName])
			for i, person := range all {
				one.People = append(one.People, person)
				c.members = append(c.members, referral{name: string(person), at: places[i]})
			}
		}},
		{Name: "restrictions", Read: func(v source.Value) { one.Covers = r.covers(v) }},
	})
	for _, key := range []string{"start", "users"} {
		if written != nil && !meant(written, key) {
			r.Report(v.At, diagnostic.Problem{Code: missingKey, Message: v.Name + " has no " + diagnostic.Tick(key), Help: "say who takes over first, and when: " + someRotation})
		}
	}
	return one, len(one.People) > 0 && one.Start.Year != 0
}

// wall reads "2026-11-23 09:00".
func wall(text string) (holdfast.Wall, *complaint) {
	at, err := time.Parse("2006-01-02 15:04", strings.Replace(text, "T", " ", 1))
	if err != nil || at.Year() < 2000 || at.Year() > 2200 {
		return complain[holdfast.Wall](badDate, "write day and time, as the clock on the wall shows them: `2026-11-23 09:00`", "%s is not a day and a time", diagnostic.Tick(text))
	}
	return holdfast.Wall{Year: at.Year(), Month: at.Month(), Day: at.Day(), Clock: holdfast.Clock(at.Hour()*60 + at.Minute())}, nil
}

// covers reads "Mon-Fri 09:00-17:00", one or several.
func (r *reader) covers(v source.Value) []holdfast.Cover {
	const example = "`restrictions: [\"Mon-Fri 09:00-17:00\", \"Sat 10:00-14:00\"]`"
	const most = 7 // one a day
	items, _ := r.Items(v, "hours", example)
	var all []holdfast.Cover
	for i, item := range items {
		if i == most {
			r.Report(item.At, diagnostic.Problem{Code: badNumber, Message: fmt.Sprintf("restrictions: there are more than %d", most), Help: "name several days in one, as in " + example})
			break
		}
		var one holdfast.Cover
		scalar(r, &one, cover)(item)
		if one.From != one.Until {
			all = append(all, one)
		}
	}
	return all
}

// cover reads "Mon-Fri 09:00-17:00" or "22:00-06:00", which ends on the next day.
func cover(text string) (holdfast.Cover, *complaint) {
	const help = "write days and times, like `Mon-Fri 09:00-17:00`, or times alone: `22:00-06:00`"
	var one holdfast.Cover
	parts := strings.Fields(text)
	if len(parts) == 2 {
		days, wrong := daysOf(parts[0])
		if wrong != nil {
			return one, wrong
		}
		one.Days, parts = days, parts[1:]
	}
	if len(parts) != 1 {
		return complain[holdfast.Cover](badHours, help, "%s is not days and times", diagnostic.Tick(text))
	}
	begin, end, _ := strings.Cut(parts[0], "-")
	from, fromOK := clock(begin)
	until, untilOK := clock(end)
	if !fromOK || !untilOK || from == until || from == 24*time.Hour {
		return complain[holdfast.Cover](badHours, help, "%s is not from one time of day to another", diagnostic.Tick(parts[0]))
	}
	one.From, one.Until = holdfast.Clock(from/time.Minute), holdfast.Clock(until/time.Minute)
	return one, nil
}
