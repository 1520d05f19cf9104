package oncall

import (
	"maps"
	"slices"
	"time"

	"holdfast"
	"holdfast/event"
	"holdfast/topology"
)

// A Desk is where it is known what is bad, whom that needs, who has been told and
// who has answered. It is part of a mind's state, to be written down with it, and
// is composed into one like this:
//
//   - After New and after reading a snapshot: Know. The system is the mind's own and
//     not written down twice.
//   - When something is bad that people are needed for: Trigger, once or again. When
//     it is not any more: Over. Nothing else ends it, also no silence.
//   - When another file is declared: Declare.
//   - Every input of the kinds that Take knows, after it was recorded: Take.
//   - At the end of every step of the mind: Expire. It says what fell due, what the
//     input caused as well. Wake is when it is to be asked again at the latest.
//   - Owed is what is to be sent. A sender sends one address one message at a time, in
//     the order of Owed. It reports Attempted, hands the message over once Owed says
//     that it is, and reports Delivered or Undelivered after.
//
// What is said is recorded with say, under the cause of which it comes. Delays are
// counted by the boot clock; what people arrange by their calendar, schedules and
// overrides, goes by the wall clock of each step.
//
// It is not safe for concurrent use.
type Desk struct {
	Incidents   []*incident         `json:"incidents,omitempty"` // that are open, as they were opened
	Past        []*incident         `json:"past,omitempty"`      // over, and may open again, or owe a message still
	Overrides   []holdfast.Override `json:"overrides,omitempty"`
	Maintenance []maintenance       `json:"maintenance,omitempty"`
	Days        []day               `json:"days,omitempty"`
	Last        event.At            `json:"last"` // when it was last told or said something: what a replay knows, too

	system holdfast.System // as it was when it was last told: the mind may change its own
	kin    topology.Kin
	now    event.At // of this step
	record Say
	wake   time.Duration // 0: never
	midway bool          // something was told in this step, and Expire is yet to be asked
}

// Say records an entry and returns its identity, to be a cause: a mind's own.
type Say func(cause event.ID, body event.Body) event.ID

// Know tells the desk whom it works for, without consequences.
func (d *Desk) Know(system *holdfast.System) {
	d.system, d.kin, d.now = *system, topology.KinOf(system), d.Last
	d.look()
}

// Declare is Know with the consequences of another file: what can no longer be sent
// is not owed, and goes another way; where nobody could be reached, it is tried at
// once. A policy that changed holds from the next step, and who fails with whom is
// thought over.
func (d *Desk) Declare(now event.At, system *holdfast.System, cause event.ID, say Say) {
	d.told(now, say)
	d.system, d.kin = *system, topology.KinOf(system)
	defer d.soon()
	for _, inc := range slices.Concat(d.Incidents, d.Past) {
		for _, m := range slices.Clone(inc.Messages) {
			if m.owed() && !d.has(m.Via) {
				d.supersede(inc, m, cause, "the file names no channel "+string(m.Via))
				inc.lose(m, "the file names no channel "+string(m.Via), cause, d.in(0))
			}
		}
	}
	for _, inc := range d.Incidents {
		inc.LeadBy = first(inc.LeadBy, d.in(Settling))
		d.settle(inc.ID)
		if inc.stuck() && !inc.Held {
			inc.NextAt, inc.Next = d.in(0), cause
		}
	}
}

// Trigger says that something is bad for which people are needed. Told again of what
// it knows, the desk only asks whether it is worse.
func (d *Desk) Trigger(now event.At, t Trouble, cause event.ID, say Say) {
	d.told(now, say)
	defer d.soon()
	t = d.whole(t)
	if inc := d.holding(t.key()); inc != nil {
		d.raise(inc, t, cause)
		return
	}
	d.admit(t, cause)
}

// Over says that something is bad no more. What the desk does not know of, or no
// longer, it passes over.
func (d *Desk) Over(now event.At, t Trouble, cause event.ID, say Say) {
	d.told(now, say)
	if len(d.Incidents) == 0 { // as nearly always, of every replica that is admitted
		return
	}
	if inc := d.holding(t.key()); inc != nil {
		defer d.soon()
		d.part(inc, t.key(), cause)
	}
}

// Take draws the consequences of an input: of what people said, and of what became
// of messages. What is about an incident that is over or was never open, or about a
// message that is not known, has none.
func (d *Desk) Take(now event.At, in event.Body, said event.ID, say Say) {
	d.told(now, say)
	defer d.soon()
	switch in := in.(type) {
	case event.Acknowledged:
		d.takeAcknowledged(in, said)
	case event.Attempted:
		if _, m := d.message(in.Key); m != nil {
			m.Attempted = true
		}
	case event.Delivered:
		d.takeDelivered(in, said)
	case event.Undelivered:
		d.takeUndelivered(in, said)
	case event.Overridden:
		d.takeOverridden(in)
	case event.MaintenanceBegan:
		d.takeMaintenanceBegan(in, said)
	case event.MaintenanceEnded:
		d.Maintenance = nil
		d.rehold(said)
	}
}

// Expire says what has fallen due. While nothing has it costs nothing.
func (d *Desk) Expire(now event.At, say Say) {
	d.begin(now, say)
	d.midway = false
	d.expire()
}

// maxRuns bounds what is done in one step, one thing of one incident at a time. What
// is left is done in the next.
const maxRuns = 10_000

func (d *Desk) expire() {
	if !d.due(d.wake) {
		return
	}
	for _, inc := range d.Incidents { // maintenance that is over was over before what else is late
		d.reholdOne(inc, inc.Cause)
	}
	for n := 0; n < maxRuns && slices.ContainsFunc(d.Incidents, d.run); n++ {
	}
	d.Maintenance = slices.DeleteFunc(d.Maintenance, func(m maintenance) bool { return d.due(m.EndsAt) })
	d.forget()
	d.look()
}

// Wake is the instant, by the boot clock, at which Expire is to be asked although
// nothing happens; false is never.
func (d *Desk) Wake() (time.Duration, bool) { return d.wake, d.wake != 0 }

// Knows tells whether an incident is open.
func (d *Desk) Knows(id holdfast.IncidentID) bool { return d.find(d.Incidents, id) != nil }

// Roster is who is on call by a schedule of the file, with what overrides it.
func (d *Desk) Roster(name holdfast.ScheduleName) (Roster, bool) {
	for _, schedule := range d.system.OnCall.Schedules {
		if schedule.Name == name {
			roster, _ := RosterOf(schedule, d.Overrides) // the zone was judged when the file was read
			return roster, true
		}
	}
	return Roster{}, false
}

// begin is the begin of a step. After a reboot the boot clock counts anew: what was
// to happen in five minutes happens in five minutes from now.
func (d *Desk) begin(now event.At, say Say) {
	d.now, d.record = now, say
	if d.Last.BootID == now.BootID || d.Last.BootID == "" {
		return
	}
	for _, inc := range slices.Concat(d.Incidents, d.Past) {
		inc.shift(now.Boot - d.Last.Boot)
	}
	for i := range d.Maintenance {
		d.Maintenance[i].EndsAt = d.in(d.Maintenance[i].Until.Sub(now.Wall))
	}
	d.Last = now
	d.look()
}

// told is the begin of a step that something is told in, or its middle: all of it is
// heard before anybody is paged for a part. What fell due before the step is done
// before it, also in a replay, which is not asked in steps that said nothing.
func (d *Desk) told(now event.At, say Say) {
	d.begin(now, say)
	if !d.midway {
		d.expire()
	}
	d.Last = now
}

// say records an entry.
func (d *Desk) say(cause event.ID, body event.Body) event.ID {
	d.Last = d.now
	return d.record(cause, body)
}

// soon has Expire look at everything, in this step.
func (d *Desk) soon() { d.wake, d.midway = d.in(0), true }

// in is an instant of the boot clock some time from now, and never 0, which is none.
func (d *Desk) in(after time.Duration) time.Duration { return max(1, d.now.Boot+after) }

// due tells whether an instant has come.
func (d *Desk) due(at time.Duration) bool { return at != 0 && at <= max(1, d.now.Boot) }

// look finds out when something falls due next.
func (d *Desk) look() {
	d.wake = d.maintenanceEnds()
	for _, inc := range d.Incidents {
		d.wake = first(d.wake, inc.dueNext())
	}
	for _, inc := range d.Past {
		if inc.owes() {
			d.wake = first(d.wake, inc.OverAt+owedFor)
		}
	}
}

// first is the earliest of some instants, of which 0 is none.
func first(all ...time.Duration) time.Duration {
	earliest := time.Duration(0)
	for _, at := range all {
		if at != 0 && (earliest == 0 || at < earliest) {
			earliest = at
		}
	}
	return earliest
}

// takeOverridden keeps what lies ahead; what is over is forgotten, and the oldest if
// there are still too many.
func (d *Desk) takeOverridden(in event.Overridden) {
	d.Overrides = slices.DeleteFunc(d.Overrides, func(o holdfast.Override) bool { return !o.Until.After(d.now.Wall) })
	d.Overrides = append(d.Overrides, in.Override)
	d.Overrides = d.Overrides[max(0, len(d.Overrides)-holdfast.MaxOverrides):]
}

// Troubles are all that is bad and told one by one, incident by incident, in the
// order in which they came.
func (d *Desk) Troubles() []Trouble {
	var all []Trouble
	for _, inc := range d.Incidents {
		parts := slices.SortedFunc(maps.Values(inc.Parts), func(a, b part) int { return a.Number - b.Number })
		for _, p := range parts {
			if p.Trouble != nil {
				all = append(all, *p.Trouble)
			}
		}
	}
	return all
}
