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
}

// maxMaintenance bounds the spans of maintenance that are known at a time.
const maxMaintenance = 100

// Maintenance is a span of it. It is as long as it was meant to be when it began,
// whatever is done to the wall clock meanwhile.
type maintenance struct {
	event.MaintenanceBegan
	EndsAt time.Duration `json:"ends_at"` // by the boot clock
}

// held tells why an incident is held; "" is not at all. Maintenance holds it only
// while all that is bad in it is being maintained.
func (d *Desk) held(inc *incident) string {
	if inc.Under != "" {
		return "it belongs to " + string(inc.Under)
	}
	if len(d.Maintenance) == 0 {
		return ""
	}
	for _, service := range inc.bad() {
		if !slices.ContainsFunc(d.Maintenance, func(m maintenance) bool { return d.maintains(m, service) }) {
			return ""
		}
	}
	return "it is being maintained"
}

func (d *Desk) maintains(m maintenance, service holdfast.ServiceName) bool {
	return !d.due(m.EndsAt) && (len(m.Services) == 0 || slices.Contains(m.Services, service))
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

// maintenanceEnds is when it is to be looked again what is held; 0 if nothing is.
func (d *Desk) maintenanceEnds() time.Duration {
	ends := time.Duration(0)
	if slices.ContainsFunc(d.Incidents, func(inc *incident) bool { return inc.Held }) {
		for _, m := range d.Maintenance {
			ends = first(ends, m.EndsAt)
		}
	}
	return ends
}

func (d *Desk) takeMaintenanceBegan(in event.MaintenanceBegan, said event.ID) {
	d.Maintenance = append(d.Maintenance, maintenance{MaintenanceBegan: in, EndsAt: d.in(in.Until.Sub(d.now.Wall))})
	d.Maintenance = d.Maintenance[max(0, len(d.Maintenance)-maxMaintenance):]
	d.rehold(said)
}

// deferOthers holds what else is open and fails with what now leads an incident:
// they are one storm, and were opened apart because their cause was not known.
func (d *Desk) deferOthers(inc *incident, said event.ID) {
	for _, other := range d.Incidents {
		if other != inc && other.Under == "" && other.ID != inc.Under && d.allFailWith(inc, other) {
			d.deferTo(other, inc, said)
		}
	}
}

// deferToCause holds an incident for another one with which all of it fails.
func (d *Desk) deferToCause(inc *incident) bool {
	for _, other := range d.Incidents {
		if other != inc && other.Under == "" && inc.Under == "" && d.allFailWith(other, inc) {
			d.deferTo(inc, other, inc.Cause)
			return true
		}
	}
	return false
}

// deferTo holds an incident. What it is worth, the one that pages for it is worth.
func (d *Desk) deferTo(inc, to *incident, cause event.ID) {
	inc.Under, inc.FreeAt = to.ID, 0
	said := d.say(cause, event.Deferred{Incident: inc.ID, To: to.ID, Why: "it fails with " + to.lead()})
	d.reholdOne(inc, said)
	d.raise(to, Trouble{Severity: inc.Severity, Urgency: inc.Urgency, Why: "so is " + string(inc.ID)}, said)
}

// lead is what leads an incident, in a word.
func (inc *incident) lead() string {
	if t := inc.Parts[inc.Lead].Trouble; t != nil {
		return t.String()
	}
	return string(inc.Parts[inc.Lead].Service)
}

// allFailWith tells whether all that is bad in an incident fails with what is bad in
// another one.
func (d *Desk) allFailWith(cause, inc *incident) bool {
	if cause == nil {
		return false
	}
	for _, p := range inc.Parts {
		t := Trouble{Service: p.Service}
		if p.Promise {
			t.Promise = "any"
		}
		if !d.failsWith(cause, t) {
			return false
		}
	}
	return true
}

// settle looks at what is deferred to an incident: what fails with nothing that is bad
// in it any more has some time to come back by itself, and is paged by itself then.
func (d *Desk) settle(id holdfast.IncidentID) {
	cause := d.find(d.Incidents, id)
	for _, inc := range d.Incidents {
		if inc.Under != id {
			continue
		}
		switch {
		case d.allFailWith(cause, inc):
			inc.FreeAt = 0
		case inc.FreeAt != 0:
		case inc.promised():
			inc.FreeAt = d.in(Cooling)
		default:
			inc.FreeAt = d.in(Settling)
		}
	}
}

// free has an incident paged by itself again.
func (d *Desk) free(inc *incident, cause event.ID, why string) {
	inc.Under, inc.FreeAt = "", 0
	if _, leads := inc.Parts[inc.Lead]; !leads {
		inc.LeadBy = d.in(0)
	}
	d.reholdOne(inc, d.say(cause, event.Deferred{Incident: inc.ID, Why: why}))
}
