// Package oncall says who is on call, and whom an incident reaches: schedules by
// the clock on the wall, and the desk at which incidents are opened, joined, paged
// step by step, acknowledged and resolved.
//
// Like all of the mind it is pure: time is an argument, and what is to be said is
// said through the caller. The database of time zones is all that it reads.
package oncall

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"holdfast"
)

// A Roster is a schedule that can be asked, with what overrides it.
type Roster struct {
	zone      *time.Location
	rotations []holdfast.Rotation
	overrides []holdfast.Override
}

// RosterOf is the roster of a schedule. Of the overrides those of other schedules
// are passed over; where two hold at once, the one that was said last counts. A
// zone that this machine does not know is an error, beside which the roster is that
// of the same clocks in UTC: hours late is better than nobody.
func RosterOf(schedule holdfast.Schedule, overrides []holdfast.Override) (Roster, error) {
	r := Roster{zone: time.UTC, rotations: schedule.Rotations}
	for _, o := range overrides {
		if o.Schedule == schedule.Name && o.From.Before(o.Until) {
			r.overrides = append(r.overrides, o)
		}
	}
	zone, err := time.LoadLocation(schedule.TimeZone)
	if err == nil && zone == time.Local {
		err = fmt.Errorf("%q is another one on each machine", schedule.TimeZone)
	}
	if err != nil {
		return r, fmt.Errorf("the time zone of schedule %s: %w", schedule.Name, err)
	}
	r.zone = zone
	return r, nil
}

// A Shift is a span of time in which one person is on call; no Person is a gap.
type Shift struct {
	Person holdfast.PersonName
	From   time.Time
	Until  time.Time // zero: for ever
}

// At is who is on call at an instant, and until the next edge: a hand-over, be it
// to the same person, the begin or end of hours that are covered, or of an override.
// It costs the same for any instant, however far from the rotation's start.
func (r Roster) At(t time.Time) Shift {
	now := Shift{From: t}
	for _, rotation := range r.rotations {
		person, until := turnsOf(rotation, r.zone).at(t)
		now.Until = sooner(now.Until, until)
		if person != "" {
			now.Person = person
			break
		}
	}
	for _, o := range r.overrides {
		switch {
		case o.From.After(t):
			now.Until = sooner(now.Until, o.From)
		case o.Until.After(t):
			now.Person, now.Until = o.Person, sooner(now.Until, o.Until)
		}
	}
	return now
}

// Shifts are who is on call between two instants, gaps included, in order and
// without a hole. A shift ends when somebody else's begins.
func (r Roster) Shifts(from, to time.Time) []Shift {
	var all []Shift
	for t := from; t.Before(to); {
		next := r.At(t)
		if next.Until.IsZero() || next.Until.After(to) {
			next.Until = to
		}
		if last := len(all) - 1; last >= 0 && all[last].Person == next.Person {
			all[last].Until = next.Until
		} else {
			all = append(all, next)
		}
		t = next.Until
	}
	return all
}

// Gaps are the spans between two instants in which nobody is on call.
func (r Roster) Gaps(from, to time.Time) []Shift {
	return slices.DeleteFunc(r.Shifts(from, to), func(s Shift) bool { return s.Person != "" })
}

// A Share is how long somebody is on call of some time, in how many shifts.
type Share struct {
	Person holdfast.PersonName
	Shifts int
	Time   time.Duration
}

// Shares are how the time between two instants is shared out, whoever has most
// first; what nobody has is no share.
func (r Roster) Shares(from, to time.Time) []Share {
	var shares []Share
	for _, shift := range r.Shifts(from, to) {
		if shift.Person == "" {
			continue
		}
		i := slices.IndexFunc(shares, func(s Share) bool { return s.Person == shift.Person })
		if i < 0 {
			i, shares = len(shares), append(shares, Share{Person: shift.Person})
		}
		shares[i].Shifts++
		shares[i].Time += shift.Until.Sub(shift.From)
	}
	slices.SortStableFunc(shares, func(a, b Share) int {
		return cmp.Or(cmp.Compare(b.Time, a.Time), cmp.Compare(a.Person, b.Person))
	})
	return shares
}

// sooner is the earlier of two instants, of which a zero one is never.
func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
