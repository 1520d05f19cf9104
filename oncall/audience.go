package oncall

import (
	"slices"
	"time"

	"holdfast"
)

// An Audience is whom a failure can reach at all: every step of the policy taken
// together or, where none holds, everybody of the owner.
type Audience struct {
	Policy holdfast.PolicyName // empty: no policy holds
	Owner  holdfast.OwnerName  // whose people are told then
	People []holdfast.PersonName
	Via    []holdfast.Channel // through which they are reached, each once
	Gaps   []Gap              // in the schedules that are asked
	Silent []string           // why others who are meant cannot be told, a line each
}

// A Gap is a time in which nobody is on call by a schedule.
type Gap struct {
	Schedule holdfast.ScheduleName
	Shift
}

// Ahead is how far schedules are looked into: 90 days, in which every weekly turn of
// a dozen people comes once, and nobody's calendar is known for longer.
const Ahead = 90 * 24 * time.Hour

// AudienceOf is the audience of what names a policy, or none, and has an owner, by
// the schedules from an instant on; at none, whoever they name.
func AudienceOf(system *holdfast.System, policy holdfast.PolicyName, owner holdfast.OwnerName, from time.Time) Audience {
	d := &Desk{system: *system}
	a := Audience{Policy: d.policyFor(policy)}
	if a.Policy == "" {
		if a.Owner = owner; owner == "" {
			a.Owner = system.Owner
		}
		a.add(d, holdfast.Recipient{Owner: a.Owner}, from)
		return a
	}
	for _, p := range system.OnCall.Policies {
		if p.Name != a.Policy {
			continue
		}
		for _, rule := range p.Rules {
			for _, r := range rule.Notify {
				a.add(d, r, from)
			}
		}
	}
	return a
}

func (a *Audience) add(d *Desk, r holdfast.Recipient, from time.Time) {
	switch {
	case r.Channel != "":
		a.reach(d, r.Channel)
	case r.Schedule != "":
		for _, s := range d.system.OnCall.Schedules {
			if s.Name == r.Schedule {
				a.schedule(d, s, from)
			}
		}
	default:
		people, nobody := d.people(r)
		if len(people) == 0 {
			a.miss(nobody)
		}
		for _, person := range people {
			a.person(d, person)
		}
	}
}

func (a *Audience) schedule(d *Desk, s holdfast.Schedule, from time.Time) {
	if from.IsZero() {
		for _, r := range s.Rotations {
			for _, person := range r.People {
				a.person(d, person)
			}
		}
		return
	}
	roster, _ := RosterOf(s, nil)
	for _, shift := range roster.Shifts(from, from.Add(Ahead)) {
		gap := Gap{Schedule: s.Name, Shift: shift}
		switch {
		case shift.Person != "":
			a.person(d, shift.Person)
		case !slices.Contains(a.Gaps, gap):
			a.Gaps = append(a.Gaps, gap)
		}
	}
}

func (a *Audience) person(d *Desk, person holdfast.PersonName) {
	if slices.Contains(a.People, person) {
		return
	}
	contacts, nowhere := d.contacts(person)
	if nowhere != "" {
		a.miss(nowhere)
		return
	}
	a.People = append(a.People, person)
	for _, c := range contacts {
		a.reach(d, c.Via)
	}
}

func (a *Audience) reach(d *Desk, name holdfast.ChannelName) {
	c := d.channel(name)
	if c.Name != "" && !slices.ContainsFunc(a.Via, func(other holdfast.Channel) bool { return other.Name == name }) {
		a.Via = append(a.Via, c)
	}
}

func (a *Audience) miss(why string) {
	if !slices.Contains(a.Silent, why) {
		a.Silent = append(a.Silent, why)
	}
}

// Providers are who stands behind the channels, each once: what two channels of one
// provider share is that they fail together.
func (a Audience) Providers() []string {
	var all []string
	for _, c := range a.Via {
		if p := c.Provider(); !slices.Contains(all, p) {
			all = append(all, p)
		}
	}
	return all
}

// Pager is a channel to people of its own: whom it wakes is arranged there, and this
// file does not know them.
func (a Audience) Pager() (holdfast.Channel, bool) {
	i := slices.IndexFunc(a.Via, func(c holdfast.Channel) bool {
		return c.Kind == holdfast.ChannelPagerDuty || c.Kind == holdfast.ChannelAlertmanager
	})
	if i < 0 {
		return holdfast.Channel{}, false
	}
	return a.Via[i], true
}
