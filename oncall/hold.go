package oncall

import (
	"slices"
	"time"

	"holdfast"
	"holdfast/event"
)

// A hold is why nobody is paged for an incident although nobody has it. Everything
// else goes on: what is bad is recorded, and that it is over is told.
type hold struct {
	Held   bool                `json:"held,omitempty"`
	Under  holdfast.IncidentID `json:"under,omitempty"` // the incident that is its cause
	FreeAt time.Duration       `json:"free_at,omitempty"`
	LookAt time.Duration       `json:"look_at,omitempty"` // when maintenance may be over
}

// maxMaintenance bounds the spans of maintenance that are known at a time.
const maxMaintenance = 100

// atLeast is how often it is looked whether maintenance that holds an incident is
// over.
const atLeast = time.Minute

// held tells why an incident is held; "" is not at all. Maintenance holds it only
// while all that is bad in it is being maintained.
func (d *Desk) held(inc *incident) string {
	if inc.Under != "" {
		return "it belongs to " + string(inc.Under)
	}
	for _, service := range inc.bad() {
		if !slices.ContainsFunc(d.Maintenance, func(m event.MaintenanceBegan) bool { return d.maintains(m, service) }) {
			return ""
		}
	}
	return "it is being maintained"
}

func (d *Desk) maintains(m event.MaintenanceBegan, service holdfast.ServiceName) bool {
	return m.Until.After(d.now.Wall) && (len(m.Services) == 0 || slices.Contains(m.Services, service))
}

// rehold looks what is held, and what not any more.
func (d *Desk) rehold(cause event.ID) {
	for _, inc := range d.Incidents {
		d.reholdOne(inc, cause)
	}
}

// reholdOne is for one incident. What was to be paged when it began to be held is
// paged when it no longer is, from the first step; a ticket only if nobody has it.
func (d *Desk) reholdOne(inc *incident, cause event.ID) {
	why := d.held(inc)
	if inc.Held == (why != "") {
		return
	}
	inc.Held = why != ""
	switch {
	case inc.Held:
		d.quiet(inc, cause, why)
	case inc.AckedBy == "" && (inc.Urgency == holdfast.Page || inc.LastAt == 0 || len(inc.Told) == 0):
		d.restart(inc, cause)
	}
}

// holdEnds is when it is to be looked again whether an incident is held.
func (d *Desk) holdEnds(inc *incident) time.Duration {
	if !inc.Held || inc.Under != "" {
		return 0
	}
	ends := d.in(atLeast) // the wall clock may have been stepped meanwhile
	for _, m := range d.Maintenance {
		if left := m.Until.Sub(d.now.Wall); left > 0 {
			ends = first(ends, d.in(max(left, time.Millisecond)))
		}
	}
	return ends
}

func (d *Desk) takeMaintenanceBegan(in event.MaintenanceBegan, said event.ID) {
	d.Maintenance = slices.DeleteFunc(d.Maintenance, func(m event.MaintenanceBegan) bool { return !m.Until.After(d.now.Wall) })
	d.Maintenance = append(d.Maintenance, in)
	d.Maintenance = d.Maintenance[max(0, len(d.Maintenance)-maxMaintenance):]
	d.rehold(said)
}

// deferOthers holds what else is open and fails with what now leads an incident:
// they are one storm, and were opened apart because their cause was not known. What
// they are worth, the one that pages for them is worth.
func (d *Desk) deferOthers(inc *incident, cause holdfast.ServiceName, said event.ID) {
	fails := d.kin.Fails(cause)
	for _, other := range d.Incidents {
		if other == inc || other.Under != "" || slices.ContainsFunc(other.bad(), func(s holdfast.ServiceName) bool { return s != cause && !fails[s] }) {
			continue
		}
		other.Under = inc.ID
		other.FreeAt = 0
		deferred := d.say(said, event.Deferred{Incident: other.ID, To: inc.ID, Why: "it fails with " + string(cause)})
		d.reholdOne(other, deferred)
		d.raise(inc, Trouble{Severity: other.Severity, Urgency: other.Urgency, Why: "so is " + string(other.ID)}, deferred)
	}
}

// release lets what was deferred to an incident settle, now that it is over.
func (d *Desk) release(id holdfast.IncidentID) {
	for _, inc := range d.Incidents {
		if inc.Under == id {
			inc.FreeAt = d.in(Settling)
		}
	}
}

// recapture keeps them deferred, now that it is open again.
func (d *Desk) recapture(id holdfast.IncidentID) {
	for _, inc := range d.Incidents {
		if inc.Under == id {
			inc.FreeAt = 0
		}
	}
}

// free has an incident paged by itself again.
func (d *Desk) free(inc *incident) {
	why := string(inc.Under) + " is over, and this is not"
	inc.Under, inc.FreeAt = "", 0
	d.reholdOne(inc, d.say(inc.Cause, event.Deferred{Incident: inc.ID, Why: why}))
}
