package holdfast

import "time"

// ScheduleName names a schedule: its key in the file.
type ScheduleName string

// A Schedule says who is on call when. Of its rotations the first that covers an
// instant holds; an instant that none covers is a gap.
type Schedule struct {
	Name      ScheduleName `json:"name"`
	TimeZone  string       `json:"time_zone,omitempty"` // an IANA name; empty is UTC
	Rotations []Rotation   `json:"rotations"`           // at most MaxRotations
}

// MaxRotations bounds the rotations of a schedule.
const MaxRotations = 16

// A Turn is the unit in which a rotation counts.
type Turn string

// The units there are. Both are counted by the calendar of the schedule's time
// zone: a day is as long as that day is.
const (
	Daily  Turn = "daily"
	Weekly Turn = "weekly"
)

// A Rotation hands duty over from one person to the next at the same time of day,
// by the wall clock, through summer and winter.
type Rotation struct {
	Turn   Turn         `json:"type"`
	Length int          `json:"shift_length"` // days or weeks; at least 1
	Start  Wall         `json:"start"`        // when the first of People takes over; nobody is on call before
	People []PersonName `json:"users"`        // at least one
	// Covers are when the rotation covers at all; none is always. At most 7.
	Covers []Cover `json:"restrictions,omitempty"`
}

// A Cover is a time of some days of the week, by the wall clock.
type Cover struct {
	Days  []time.Weekday `json:"days,omitempty"` // on which it begins; none is every day
	From  Clock          `json:"from"`
	Until Clock          `json:"until"` // not after From: on the next day
}

// Wall is an instant as a calendar and a clock on the wall show it. In which time
// zone is said beside it.
type Wall struct {
	Year  int        `json:"year"`
	Month time.Month `json:"month"`
	Day   int        `json:"day"`
	Clock `json:"clock"`
}

// A Clock is a time of day in minutes after midnight, from 0 to 1439; 1440 is
// midnight at the end of a day, where a span of hours ends.
type Clock int

// An Override puts somebody on call instead of whom a schedule names, from an
// instant until another.
type Override struct {
	Schedule ScheduleName `json:"schedule"`
	Person   PersonName   `json:"person"`
	From     time.Time    `json:"from"`
	Until    time.Time    `json:"until"`
	By       string       `json:"by"`
}

// MaxOverrides bounds those that lie ahead; what is over is forgotten.
const MaxOverrides = 100
