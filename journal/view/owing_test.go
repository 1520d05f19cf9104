package view

import (
	"strings"
	"testing"
	"time"

	"holdfast"
	"holdfast/event"
)

// A crash breaks a promise, is mended, and the promise remembers it for a while. The
// incident is about the crash to its end, though the promise's owner is asked then; it
// burns until the last of its rules holds no more; and what was stopped is not said to
// serve again.
func TestAPromiseExplainsNothing(t *testing.T) {
	n := newNight(t)
	n.crashLoop()
	n.say(event.Burned{Rule: "2% in 1h", Urgency: holdfast.Page, Bad: 280, All: 4100, Rate: 68.3})
	n.say(event.Burned{Rule: "5% in 6h", Urgency: holdfast.Page, Bad: 280, All: 4100, Rate: 68.3})
	n.say(event.Burned{Rule: "10% in 3d", Urgency: holdfast.Ticket, Bad: 280, All: 4100, Rate: 68.3})
	n.say(event.Joined{Incident: incidentID, Why: "its budget burns"})
	if page := n.page(holdfast.Trigger); !strings.Contains(page, "by rule 2% in 1h, 68.3 times faster than it may, and by 2 rules more; at") || strings.Contains(page, "its budget burns") {
		t.Errorf("the page says of the promise:\n%s", page)
	}
	lead := n.incidents.Find(incidentID).lead()
	n.say(event.Restored{Mode: lead.Mode, ID: lead.ID})
	n.later(time.Minute)
	n.say(event.Joined{Incident: incidentID, Leads: true, Owner: "shop-team", Why: "what it was taken to fail with is over"})
	n.say(event.Cooled{Rule: "2% in 1h"})
	i := n.incidents.Find(incidentID)
	if i.lead().Mode != lead.Mode || len(i.Parts) != 2 || i.Owner != "shop-team" {
		t.Errorf("it is about %+v, of %d parts, for %s", i.lead(), len(i.Parts), i.Owner)
	}
	if p := i.Parts[1]; !p.Cooled.IsZero() || p.Why != "its budget burns" {
		t.Errorf("two rules hold, and the promise is over since %s: %s", p.Cooled, p.Why)
	}
	n.say(event.Cooled{Rule: "5% in 6h"})
	n.say(event.Cooled{Rule: "10% in 3d"})
	if i := n.incidents.Find(incidentID); i.Parts[1].Cooled.IsZero() || i.At(event.MomentMitigated).IsZero() {
		t.Error("no rule holds, and users are not whole")
	}
	n.say(event.Stopped{})
	n.say(event.Resolved{Incident: incidentID, After: time.Minute, Parts: 2})
	if page := n.page(holdfast.Resolve); strings.Contains(page, "serves again") || !strings.Contains(page, "everything was stopped") {
		t.Errorf("of what was stopped:\n%s", page)
	}
}

// Who had an incident was told that it is over. When it comes back nobody has it, on the
// page and behind its link as well, and it is about what came back.
func TestWhatComesBackIsNobodys(t *testing.T) {
	n := newNight(t)
	n.crashLoop()
	n.say(event.Acknowledged{Incident: incidentID, By: "ana", Via: "link"})
	n.say(event.Resolved{Incident: incidentID, After: time.Minute, Parts: 1})
	n.later(time.Minute)
	n.say(event.Opened{Incident: incidentID, Severity: holdfast.SEV2, Urgency: holdfast.Page, Owner: "shop-team", Why: "its budget burns", Again: true})
	if i := n.incidents.Find(incidentID); i.By != "" || !i.lead().promised() {
		t.Errorf("%q has it, and it is about %s", i.By, i.lead().name())
	}
	if page := n.page(holdfast.Trigger); !strings.Contains(page, "holdfast ack "+incidentID) {
		t.Errorf("the page does not say how to take it:\n%s", page)
	}
}

// What joins an open incident again is counted once, and what is known to fail stays
// its name.
func TestAnOpenIncidentCountsItsParts(t *testing.T) {
	var s Status
	seq := uint64(0)
	say := func(body event.Body) {
		seq++
		s.Add(event.Entry{ID: event.ID{Writer: "a", Seq: seq}, Body: body})
	}
	id := holdfast.ReplicaID{Service: "cart", Ordinal: 1, Incarnation: 1}
	say(event.Opened{Incident: "1", Why: "its budget burns"})
	say(event.Joined{Incident: "1", Service: "cart", Mode: "cart.crash", ID: id, Leads: true, Owner: "web"})
	id.Incarnation++
	say(event.Joined{Incident: "1", Service: "cart", Mode: "cart.crash", ID: id, Leads: true, Owner: "web"})
	say(event.Joined{Incident: "1", Leads: true, Owner: "shop-team"})
	if i := s.Incidents[0]; i.What != "cart.crash on cart-1" || i.More != 1 || i.Owner != "shop-team" {
		t.Errorf("%s and %d more, for %s", i.What, i.More, i.Owner)
	}
}
