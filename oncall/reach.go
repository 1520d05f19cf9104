package oncall

import (
	"fmt"
	"slices"
	"time"

	"holdfast"
)

// A reached is somebody whom a step tells, and how; no person is a channel that is
// told by itself.
type reached struct {
	person   holdfast.PersonName
	contacts []holdfast.Contact
}

// recipients are all whom a step tells, and why not the others.
func (d *Desk) recipients(rule holdfast.EscalationRule) (all []reached, why []string) {
	for _, r := range rule.Notify {
		if r.Channel != "" {
			if d.has(r.Channel) {
				all = append(all, reached{contacts: []holdfast.Contact{{Via: r.Channel}}})
			} else {
				why = append(why, "the file names no channel "+string(r.Channel))
			}
			continue
		}
		people, nobody := d.people(r)
		if len(people) == 0 {
			why = append(why, nobody)
		}
		for _, person := range people {
			contacts, nowhere := d.contacts(person)
			if nowhere != "" {
				why = append(why, nowhere)
			} else {
				all = append(all, reached{person: person, contacts: contacts})
			}
		}
	}
	return all, why
}

// people are who is meant by a recipient now, or why that is nobody.
func (d *Desk) people(r holdfast.Recipient) (people []holdfast.PersonName, nobody string) {
	switch {
	case r.Person != "":
		return []holdfast.PersonName{r.Person}, ""
	case r.Schedule != "":
		roster, exists := d.Roster(r.Schedule)
		if !exists {
			return nil, "the file names no schedule " + string(r.Schedule)
		}
		now := roster.At(d.now.Wall)
		if now.Person != "" {
			return []holdfast.PersonName{now.Person}, ""
		}
		return nil, fmt.Sprintf("nobody is on call by %s%s", r.Schedule, untilText(now))
	default:
		for _, team := range d.system.People {
			if team.Owner == r.Owner {
				for _, person := range team.People {
					people = append(people, holdfast.PersonName(person))
				}
			}
		}
		if r.Owner == "" {
			return people, "no owner is named"
		}
		return people, fmt.Sprintf("nobody belongs to %s", r.Owner)
	}
}

func untilText(gap Shift) string {
	if gap.Until.IsZero() {
		return ""
	}
	return " until " + gap.Until.Format(time.RFC3339)
}

// contacts are the ways to a person, or why there is none.
func (d *Desk) contacts(person holdfast.PersonName) (all []holdfast.Contact, nowhere string) {
	for _, p := range d.system.OnCall.People {
		if p.Name == person {
			all = p.Contacts[:min(len(p.Contacts), holdfast.MaxContacts)]
		}
	}
	if len(all) == 0 {
		return nil, string(person) + " has no contact"
	}
	if !slices.ContainsFunc(all, func(c holdfast.Contact) bool { return d.has(c.Via) }) {
		return nil, "the file names no channel of " + string(person) + "'s"
	}
	return all, ""
}

func (d *Desk) has(channel holdfast.ChannelName) bool { return d.channel(channel).Name != "" }

func (d *Desk) channel(name holdfast.ChannelName) holdfast.Channel {
	for _, c := range d.system.OnCall.Channels {
		if c.Name == name {
			return c
		}
	}
	return holdfast.Channel{}
}
