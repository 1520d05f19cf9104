package check

import (
	"fmt"
	"slices"
	"time"

	"holdfast"
	"holdfast/diagnostic"
	"holdfast/oncall"
)

// The hours of the night, by the clock on the wall: who is handed duty then is asleep.
const (
	nightBegins holdfast.Clock = 22 * 60
	nightEnds   holdfast.Clock = 7 * 60
)

func scheduleAt(s holdfast.Schedule) Path { return Path{"schedules", string(s.Name)} }

// gapOnCall finds schedules by which nobody is on call at some time.
func gapOnCall() rule {
	return rule{
		Meaning: diagnostic.Meaning{Code: "HF2503", Severity: diagnostic.Warning, Title: "there are times at which nobody is on call"},
		find: func(c *judging) []Finding {
			if c.facts.Today.IsZero() {
				return nil
			}
			var all []Finding
			for _, s := range c.system.OnCall.Schedules {
				roster, _ := oncall.RosterOf(s, nil)
				if gaps := roster.Gaps(c.facts.Today, c.facts.Today.Add(oncall.Ahead)); len(gaps) > 0 {
					all = append(all, uncovered(s, gaps))
				}
			}
			return all
		},
	}
}

func uncovered(s holdfast.Schedule, gaps []oncall.Shift) Finding {
	zone, err := time.LoadLocation(s.TimeZone)
	if err != nil {
		zone = time.UTC
	}
	const wall = "Mon 2006-01-02 15:04"
	open := time.Duration(0)
	for _, gap := range gaps {
		open += gap.Until.Sub(gap.From)
	}
	f := Finding{
		Of: string(s.Name), At: scheduleAt(s),
		Message: fmt.Sprintf("nobody is on call by %s from %s until %s", diagnostic.Tick(string(s.Name)), gaps[0].From.In(zone).Format(wall), gaps[0].Until.In(zone).Format(wall)),
		Note:    "a policy that asks it then goes on to its next step at once; one that has no other reaches nobody",
		Help:    "let a rotation without `restrictions` come last, or say in the policy who else is told: `rules: [{notify: " + diagnostic.Shown(string(s.Name)) + "}, {notify: [ana, ben]}]`",
	}
	if len(gaps) > 1 {
		f.Message += fmt.Sprintf(", nor at %s more in the 90 days from now: for %.0f%% of them", diagnostic.Count(len(gaps)-1, "time"), max(1, 100*float64(open)/float64(oncall.Ahead)))
	}
	return f
}

// aloneOnCall finds schedules that are handed over to nobody else.
func aloneOnCall() rule {
	return rule{
		Meaning: diagnostic.Meaning{Code: "HF2504", Severity: diagnostic.Warning, Title: "one person is on call for ever"},
		find: func(c *judging) []Finding {
			var all []Finding
			for _, s := range c.system.OnCall.Schedules {
				var people []holdfast.PersonName
				for _, r := range s.Rotations {
					people = append(people, r.People...)
				}
				slices.Sort(people)
				if people = slices.Compact(people); len(people) == 1 {
					all = append(all, Finding{
						Of: string(s.Name), At: scheduleAt(s), Message: fmt.Sprintf("%s is handed over to nobody: %s is on call for ever", diagnostic.Tick(string(s.Name)), diagnostic.Shown(string(people[0]))),
						Note: "who is never off duty is asleep, ill or on an aeroplane when it matters, and leaves in the end",
						Help: "name somebody to hand over to: `users: [" + diagnostic.Shown(string(people[0])) + ", …]`",
					})
				}
			}
			return all
		},
	}
}

// nightHandOver finds schedules in which duty changes hands in the night.
func nightHandOver() rule {
	return rule{
		Meaning: diagnostic.Meaning{Code: "HF2506", Severity: diagnostic.Warning, Title: "duty is handed over in the night"},
		find: func(c *judging) []Finding {
			var all []Finding
			for _, s := range c.system.OnCall.Schedules {
				i := slices.IndexFunc(s.Rotations, handedOverAtNight)
				if i < 0 {
					continue
				}
				at := s.Rotations[i].Start.Clock
				all = append(all, Finding{
					Of: string(s.Name), At: scheduleAt(s), Message: fmt.Sprintf("%s is handed over at %02d:%02d, in the night", diagnostic.Tick(string(s.Name)), at/60, at%60),
					Note: "who takes over is asleep and has not heard what is going on; an incident of that hour has two owners, or none",
					Help: "begin it in the morning of a working day: `start: 2026-11-30 09:00`",
				})
			}
			return all
		},
	}
}

// handedOverAtNight leaves out what nobody notices: a change between hours that are
// not covered.
func handedOverAtNight(r holdfast.Rotation) bool {
	at := r.Start.Clock
	if len(r.People) < 2 || at >= nightEnds && at < nightBegins {
		return false
	}
	return len(r.Covers) == 0 || slices.ContainsFunc(r.Covers, func(c holdfast.Cover) bool {
		if c.From < c.Until {
			return at > c.From && at < c.Until
		}
		return at > c.From || at < c.Until
	})
}
