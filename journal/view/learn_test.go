package view

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"holdfast"
	"holdfast/event"
)

// Five nights in one journal: three that were declared, of which one had been
// drilled, one of a promise that burned for nothing that is known, and one drill,
// which is no surprise.
func TestTheListAndItsSurprises(t *testing.T) {
	n := newNight(t)
	crash := func(number int, mode holdfast.ModeName, id holdfast.ReplicaID, lasted time.Duration) {
		name := holdfast.IncidentID(fmt.Sprintf("20261127-%d", number))
		n.later(time.Hour)
		n.detected(mode, id, holdfast.SignExit, "exit 1 after 2s")
		n.say(event.Opened{Incident: name, Severity: holdfast.SEV3, Urgency: holdfast.Page, Service: id.Service, Mode: mode, ID: id, Owner: "catalog-team", Why: "exit 1 after 2s"})
		n.say(event.Paged{Key: holdfast.MessageKey(name) + "/1.1/ana/phone/trigger", Incident: name, Purpose: holdfast.Trigger, Step: 1, Round: 1, Person: "ana", Via: "phone", Urgency: holdfast.Page})
		n.later(lasted)
		n.say(event.Acknowledged{Incident: name, By: "ana", Via: "link"})
		n.say(event.Restored{Mode: mode, ID: id, After: lasted})
		n.say(event.Resolved{Incident: name, After: lasted, Parts: 1})
	}
	crash(2, "catalog.crash", ids("catalog-2#1")[0], 2*time.Minute)
	crash(3, "cart.crash", ids("cart-1#1")[0], 40*time.Second)
	n.drill = true
	crash(4, "cart.crash", ids("cart-1#1")[0], 10*time.Second)
	n.drill = false
	n.later(time.Hour)
	n.say(event.Opened{Incident: "20261127-5", Severity: holdfast.SEV2, Urgency: holdfast.Page, Owner: "shop-team", Why: "its budget burns"})
	n.say(event.Closed{Incident: "20261127-2", By: "ana", Mode: "catalog.crash"})
	crash(6, "storefront.crash", ids("storefront-1#1")[0], 90*time.Minute)
	n.same("incidents/list", n.incidents.List())
}

// A fold that begins in the middle of a journal says less, and nothing wrong; it takes
// in whatever comes.
func TestABeginningThatIsMissing(t *testing.T) {
	for name, happens := range nights() {
		whole := newNight(t)
		whole.t = t
		var entries []event.Entry
		record(whole, happens, &entries)
		for from := range entries {
			var s Incidents
			for _, e := range entries[from:] {
				s.Add(e)
			}
			m := s.Message(event.Paged{Incident: incidentID, Purpose: holdfast.Trigger}, midnight().Add(whole.now))
			if m.Subject == "" || m.Body == "" {
				t.Fatalf("%s from entry %d: an empty page", name, from)
			}
			if strings.Contains(m.Body, "0001") || strings.Contains(m.Body, "%!") || strings.Contains(m.Body, "-2562047h") {
				t.Fatalf("%s from entry %d: a page of what is not known:\n%s", name, from, m.Body)
			}
			s.List()
			s.Show(incidentID)
			s.Postmortem(incidentID)
		}
	}
}

// The journal was lost beside a gateway that serves for days: what failed in its life
// is not what users see of the incident of tonight.
func TestWhatAGatewayCountedBeforeTheJournalIsNoImpact(t *testing.T) {
	n := &night{t: t, now: dusk}
	n.say(event.Woken{Epoch: 7})
	n.say(event.Declared{System: bazaar("./catalog")})
	n.later(time.Second)
	n.say(holdfast.Counted{Gateway: "gateway-1", Began: midnight().AddDate(0, 0, -3).UnixNano(), Routes: []holdfast.RouteCount{{Route: "storefront:8080", Service: "storefront", Requests: 1000, Failed: 400}}})
	n.say(event.Opened{Incident: incidentID, Severity: holdfast.SEV3, Urgency: holdfast.Page, Service: "storefront"})
	if i := n.incidents.Find(incidentID); i.Hurt.all().Failed != 0 || i.Hurt.all().Asked != 0 {
		t.Errorf("users are said to see %+v", i.Hurt)
	}
}

// What programs and providers say is shown, and does nothing to who reads it: neither to
// a terminal, nor where a postmortem is shown, nor to the line of a page.
func TestWhatOthersSayStaysText(t *testing.T) {
	const hostile = "\x1b]0;mine\a\x1b[2J\u202e<img src=x onerror=alert(1)> [here](https://evil.example) | ``` ````\r\n# no\x00"
	n := newNight(t)
	n.detected("catalog.crash", ids("catalog-1#1")[0], holdfast.SignExit, hostile)
	n.say(event.Failed{Action: event.ID{Writer: "agent", Seq: n.seq}, Reason: hostile})
	n.say(event.Opened{Incident: incidentID, Severity: holdfast.SEV3, Urgency: holdfast.Page, Service: "catalog", Mode: "catalog.crash", ID: ids("catalog-1#1")[0], Owner: "catalog-team", Why: hostile})
	key := holdfast.MessageKey(incidentID + "/1.1/ana/phone/trigger")
	n.say(event.Paged{Incident: incidentID, Key: key, Purpose: holdfast.Trigger, Step: 1, Person: "ana", Via: "phone"})
	n.say(event.Undelivered{Key: key, Why: hostile})
	n.say(event.Noted{Incident: incidentID, By: "ana", Text: hostile})
	n.say(event.Promised{Incident: incidentID, Number: 1, What: hostile, Owner: "ben", By: "ana"})

	show, _ := n.incidents.Show(incidentID)
	postmortem, _ := n.incidents.Postmortem(incidentID)
	m := n.incidents.Message(event.Paged{Incident: incidentID, Purpose: holdfast.Trigger}, midnight())
	for name, text := range map[string]string{"show": show, "postmortem": postmortem, "list": n.incidents.List(), "page": m.Body, "subject": m.Subject} {
		if strings.ContainsAny(text, "\x1b\a\r\x00\u202e") {
			t.Errorf("%s does something to a terminal: %q", name, text)
		}
	}
	if strings.Contains(m.Subject, "\n") || len(m.Body) > holdfast.MaxBody {
		t.Errorf("the page has %d bytes below %q", len(m.Body), m.Subject)
	}
	fence, told := "", 0
	for line := range strings.Lines(postmortem) {
		switch ticks := line[:len(line)-len(strings.TrimLeft(line, "`"))]; {
		case fence != "" && strings.TrimSpace(line) == fence:
			fence = ""
		case fence == "" && len(ticks) >= 3:
			fence = ticks
		case fence == "" && strings.Contains(line, "onerror"):
			told++
			if strings.Contains(strings.ReplaceAll(line, `\<img`, ""), "<img") || strings.Contains(strings.ReplaceAll(line, `\[here`, ""), "[here") || strings.Contains(strings.ReplaceAll(line, "\\`", ""), "`") {
				t.Errorf("it is more than text: %s", line)
			}
		}
	}
	if fence != "" || told < 4 {
		t.Errorf("after the last fence %q is open, and %d lines tell of it:\n%s", fence, told, postmortem)
	}
}

// record keeps the entries of a night, all of them.
func record(n *night, happens func(*night), into *[]event.Entry) {
	n.keep = into
	*into = nil
	happens(n)
}

// Whatever a journal says for however long, what is kept stays bounded, and so does
// every page.
func TestWhatIsKeptIsBounded(t *testing.T) {
	n := newNight(t)
	n.crashLoop()
	id := ids("catalog-2#5")[0]
	for k := range 2100 { // beyond every bound
		n.quick = true
		n.later(time.Second)
		n.say(holdfast.Exited{ID: id, Status: holdfast.ExitStatus{Code: 1}, Ran: time.Second})
		n.say(event.Withheld{Do: event.ActRestart, Mode: "catalog.crash", ID: id, Guardrail: holdfast.RailAttempts, Why: strings.Repeat("spent ", 200)})
		n.say(event.Decided{Do: event.ActRestart, Mode: "catalog.crash", ID: id, Attempt: 1, Of: 5})
		n.say(event.Joined{Incident: incidentID, Service: "catalog", Mode: "catalog.crash", ID: holdfast.ReplicaID{Service: "catalog", Ordinal: k + 3, Incarnation: 1}, Why: strings.Repeat("long ", 500)})
		n.say(event.Detected{Mode: "catalog.crash", ID: holdfast.ReplicaID{Service: "catalog", Ordinal: k + 3, Incarnation: 1}, Sign: holdfast.SignExit})
		n.say(event.Declared{System: bazaar(fmt.Sprintf("./catalog %d", k))})
		n.say(event.Paged{Key: holdfast.MessageKey(fmt.Sprintf("%s/%d", incidentID, k)), Incident: incidentID, Purpose: holdfast.Trigger, Via: "phone"})
		n.say(event.Noted{Incident: incidentID, By: "ana", Text: "x"})
		n.counts(uint64(5000+10*k), uint64(k))
		id.Incarnation++
	}
	i := n.incidents.Find(incidentID)
	m := n.incidents.Memory
	for what, is := range map[string][2]int{
		"parts": {len(i.Parts), maxParts}, "story": {len(i.Story), maxStory}, "told": {len(i.Told), maxTold}, "notes": {len(i.Notes), maxSaid},
		"tries": {len(i.lead().Course.Tries), maxTries}, "withheld": {len(i.lead().Course.Withheld), maxHeld}, "recent": {len(m.Recent), maxRecent},
		"failing": {len(m.Failing), maxFailing}, "changes": {len(m.Changes), maxChanges}, "counts": {len(m.Counts), maxCounts}, "routes": {len(i.Hurt.Routes), maxHurtRoutes},
	} {
		if is[0] > is[1] {
			t.Errorf("%d %s are kept, at most %d may be", is[0], what, is[1])
		}
	}
	if i.More != 2100+1-maxParts {
		t.Errorf("%d parts beyond those that are kept, want %d", i.More, 2100+1-maxParts)
	}
	page := n.page(holdfast.Trigger)
	if !strings.Contains(page, "NEXT") || !strings.Contains(page, "holdfast ack "+incidentID) {
		t.Errorf("a page of a storm does not say what to do:\n%s", page)
	}
}

// The oldest incident that is over goes first, and one that is open never.
func TestManyIncidents(t *testing.T) {
	n := newNight(t)
	n.quick = true
	for k := range maxIncidents + 50 {
		id := holdfast.IncidentID(fmt.Sprintf("20261127-%d", k))
		n.say(event.Opened{Incident: id, Severity: holdfast.SEV3, Service: "cart", Mode: "cart.crash"})
		if k > 0 {
			n.say(event.Resolved{Incident: id})
		}
	}
	if len(n.incidents.All) != maxIncidents || n.incidents.Find("20261127-0") == nil || n.incidents.Find("20261127-1") != nil {
		t.Errorf("%d are kept, the first of them %s", len(n.incidents.All), n.incidents.All[0].ID)
	}
}

// What came back is the same part once more, and the incident is open again.
func TestAnIncidentThatComesBack(t *testing.T) {
	n := newNight(t)
	n.crashLoop()
	n.say(event.Resolved{Incident: incidentID})
	n.later(time.Minute)
	n.say(event.Opened{Incident: incidentID, Again: true, Severity: holdfast.SEV3, Service: "catalog", Mode: "catalog.crash", ID: ids("catalog-2#9")[0], Why: "again"})
	i := n.incidents.Find(incidentID)
	if len(i.Parts) != 1 || !i.Resolved.IsZero() || i.Reopened != 1 || !i.Moments[event.MomentRestored].IsZero() {
		t.Errorf("%d parts, resolved %s, came back %d times, restored %s", len(i.Parts), i.Resolved, i.Reopened, i.Moments[event.MomentRestored])
	}
}

// An amendment changes what is told and not what the data say.
func TestAmendedMomentsKeepTheOriginal(t *testing.T) {
	n := newNight(t)
	n.crashLoop()
	i := n.incidents.Find(incidentID)
	data, people := i.At(event.MomentImpact), midnight().Add(dusk-time.Hour)
	n.say(event.Amended{Incident: incidentID, Moment: event.MomentImpact, To: people, By: "ana", Why: "seen by a customer"})
	if !i.At(event.MomentImpact).Equal(people) || !i.Moments[event.MomentImpact].Equal(data) {
		t.Errorf("impact at %s, by the data %s", i.At(event.MomentImpact), i.Moments[event.MomentImpact])
	}
}

// A part that joins brings its own beginning with it: what was tried for it before it
// was known to belong to the incident is told, in its place.
func TestWhatJoinsIsToldFromItsBeginning(t *testing.T) {
	n := newNight(t)
	other := ids("cart-1#1")[0]
	n.say(holdfast.Exited{ID: other, Status: holdfast.ExitStatus{Code: 2}, Ran: time.Second})
	n.detected("cart.crash", other, holdfast.SignExit, "exit 2 after 1s")
	restarted := n.restart("cart.crash", other, 1)
	n.crashLoop()
	n.say(event.Joined{Incident: incidentID, Service: "cart", Mode: "cart.crash", ID: restarted, Why: "it has been out for 1m"})
	i := n.incidents.Find(incidentID)
	var last uint64
	exits := 0
	for _, row := range i.Story {
		if row.ID.Seq <= last {
			t.Fatalf("%d is told after %d", row.ID.Seq, last)
		}
		last = row.ID.Seq
		if strings.HasPrefix(row.Text, "exited cart-1#1") {
			exits++
		}
	}
	if exits != 1 {
		t.Errorf("the exit of what joined is told %d times:\n%s", exits, i.timeline())
	}
	if page := n.page(holdfast.Trigger); !strings.Contains(page, "restart cart-1#2, attempt 1 of 5: was carried out") {
		t.Errorf("the page does not say what was tried for what joined:\n%s", page)
	}
}

// What began an incident serves again, and something else is still bad: nobody is told
// to kill what was mended.
func TestAPageAfterWhatLedIsOver(t *testing.T) {
	n := newNight(t)
	n.crashLoop()
	n.say(event.Joined{Incident: incidentID, Service: "cart", Mode: "cart.crash", ID: ids("cart-1#1")[0], Why: "it ended"})
	n.say(event.Restored{Mode: "catalog.crash", ID: ids("catalog-2#5")[0]})
	page := n.page(holdfast.Trigger)
	if !strings.Contains(page, "It serves again since") || strings.Contains(page, "kill -KILL") || strings.Contains(page, "holdfast logs") {
		t.Errorf("got\n%s", page)
	}
}

// Users are hurt from the first count in which a request failed, and what a replica did
// before that hurt nobody.
func TestImpactBeginsWithTheFirstFailedRequest(t *testing.T) {
	n := newNight(t)
	n.one("slow", holdfast.SignSlow, "p90 of 900ms", "", "")
	i := n.incidents.Find(incidentID)
	if want := i.Hurt.First; want.IsZero() || !i.Moments[event.MomentImpact].Equal(want) {
		t.Errorf("impact at %s, the first failed request at %s", i.Moments[event.MomentImpact], want)
	}
	later := newNight(t)
	later.crashWhilePaused()
	i = later.incidents.Find(incidentID)
	evidence := i.lead().Course.Since
	if !i.Moments[event.MomentImpact].Equal(evidence) {
		t.Errorf("nobody was hurt, and the impact began at %s, not with the first evidence at %s", i.Moments[event.MomentImpact], evidence)
	}
	later.later(20 * time.Second)
	later.counts(2100, 3)
	if want := later.incidents.Find(incidentID).Hurt.First; !i.Moments[event.MomentImpact].Equal(want) || want.IsZero() {
		t.Errorf("requests failed later, and the impact began at %s, not at %s", i.Moments[event.MomentImpact], want)
	}
}
