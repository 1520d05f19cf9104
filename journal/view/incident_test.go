package view

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast"
	"holdfast/event"
	"holdfast/mode"
)

// A night is a journal in which people are needed, entry by entry, folded as it goes
// on: also by way of a snapshot after every entry, which must come to the same.
type night struct {
	t         *testing.T
	now       time.Duration
	seq       uint64
	drill     bool
	incidents Incidents
	stored    Incidents
	keep      *[]event.Entry // where entries are kept as well
	quick     bool           // without a snapshot after every entry
}

const dusk = 3*time.Hour + 12*time.Minute

func midnight() time.Time { return time.Date(2026, 11, 27, 0, 0, 0, 0, time.UTC) }

func newNight(t *testing.T) *night {
	n := &night{t: t, now: dusk - 47*time.Minute}
	n.say(event.Woken{Version: "0.7", Epoch: 1})
	n.say(event.Declared{System: bazaar("./catalog")})
	for k, id := range ids("storefront-1#1", "storefront-2#1", "catalog-1#1", "catalog-2#1", "cart-1#1") {
		n.say(holdfast.Started{ID: id, Address: "127.0.0.1:20001", Pid: 4000 + k})
		n.say(holdfast.Admitted{Gateway: "gateway-1", ID: id})
	}
	n.now = dusk - 17*time.Minute
	n.say(event.Declared{System: bazaar("./catalog --cache")})
	n.say(event.Outdated{IDs: ids("catalog-1#1", "catalog-2#1")})
	for _, name := range []string{"catalog.crash", "catalog.hang", "catalog.slow", "catalog.partition", "storefront/catalog.loss"} {
		n.say(event.Proved{Basis: event.Basis{Mode: holdfast.ModeName(name), On: "d"}, Verdict: holdfast.Pass, At: midnight().Add(-6 * 24 * time.Hour), Showed: event.Showed{
			Fault: "kill", Detect: 4 * time.Millisecond, Mitigate: 10 * time.Millisecond, Restore: 420 * time.Millisecond, Sent: 600,
		}})
	}
	n.say(event.Proved{Basis: event.Basis{Mode: "catalog.errors", On: "d"}, Verdict: holdfast.Fail, At: midnight().Add(-20 * time.Hour), Showed: event.Showed{
		Fault: "errors", Detect: 2 * time.Second, Mitigate: -1, Restore: -1, Sent: 600, Hurt: 31, Reason: "31 of 600 requests hurt, its bound is 0.5%",
	}})
	n.say(event.Inspected{Bases: []event.Basis{{Mode: "catalog.crash", On: "d"}, {Mode: "catalog.hang", On: "e"}}})
	n.now = dusk
	n.counts(2000, 0)
	return n
}

// bazaar is a shop of which every standard mode is declared.
func bazaar(catalog string) holdfast.System {
	system := holdfast.System{Name: "shop", Owner: "shop-team", Promise: &holdfast.Promise{Target: 0.999, Window: 28 * 24 * time.Hour}}
	system.Services = []holdfast.Service{
		{Name: "storefront", Owner: "shop-team", Command: "./storefront", Replicas: 2, Minimum: 1, Ports: []holdfast.Port{{Host: "127.0.0.1", Port: 8080}},
			DependsOn: []holdfast.Dependency{{On: "catalog", Required: true}, {On: "cart", Required: true}}},
		{Name: "catalog", Owner: "catalog-team", Command: catalog, Replicas: 2, Minimum: 1},
		{Name: "cart", Command: "./cart", Replicas: 1, Minimum: 1},
		{Name: "migrate", Owner: "catalog-team", Command: "./migrate", Replicas: 1, Once: true},
	}
	for k := range system.Services {
		system.Services[k].Manage, system.Services[k].Protocol = holdfast.Full, holdfast.HTTP
	}
	for k := range system.Services {
		service := &system.Services[k]
		for _, m := range mode.Catalogue() {
			if m.Strikes(*service) {
				f := m.Of(*service)
				if m.Kind == "crash" {
					f.Runbook = "https://wiki.example/runbooks/" + string(f.Name)
				}
				system.Modes = append(system.Modes, f)
			}
			for _, d := range service.DependsOn {
				if on, _ := system.Service(d.On); m.StrikesEdge(d, on) {
					system.Modes = append(system.Modes, m.OfEdge(*service, d))
				}
			}
		}
	}
	return system
}

func ids(names ...string) []holdfast.ReplicaID {
	var all []holdfast.ReplicaID
	for _, name := range names {
		id, err := holdfast.ParseReplicaID(name)
		if err != nil {
			panic(err)
		}
		all = append(all, id)
	}
	return all
}

// say adds an entry, caused by the one before it, and gives its ID.
func (n *night) say(body event.Body) event.ID {
	n.seq++
	e := event.Entry{ID: event.ID{Writer: "agent", Seq: n.seq}, At: event.At{Wall: midnight().Add(n.now), Boot: n.now}, Drill: n.drill, Body: body}
	if n.seq > 1 && !quiet(body) {
		e.Cause = event.ID{Writer: "agent", Seq: n.seq - 1}
	}
	n.incidents.Add(e)
	if n.keep != nil {
		*n.keep = append(*n.keep, e)
	}
	if n.quick {
		return e.ID
	}
	n.stored.Add(e)
	data, err := json.Marshal(n.stored)
	if err != nil {
		n.t.Fatal(err)
	}
	n.stored = Incidents{}
	if err := json.Unmarshal(data, &n.stored); err != nil {
		n.t.Fatal(err)
	}
	n.stored.Add(e) // twice is once
	return e.ID
}

// later lets time pass.
func (n *night) later(d time.Duration) { n.now += d }

// counts is what users saw of the storefront since its gateway began.
func (n *night) counts(asked, failed uint64) {
	n.say(holdfast.Counted{Gateway: "gateway-1", Began: midnight().Add(dusk - 47*time.Minute).UnixNano(), Routes: []holdfast.RouteCount{{Route: "storefront:8080", Service: "storefront", Requests: asked, Failed: failed}}})
}

func (n *night) detected(mode holdfast.ModeName, id holdfast.ReplicaID, sign holdfast.Sign, detail string) {
	n.say(event.Detected{Mode: mode, ID: id, Sign: sign, Detail: detail, After: 400 * time.Millisecond})
}

const incidentID = "20261127-1"

// open calls a person: what escalates, opens, and is paged to ana, who gets it.
func (n *night) open(mode holdfast.ModeName, id holdfast.ReplicaID, severity holdfast.Severity, why string) {
	owner := holdfast.OwnerName("catalog-team")
	n.say(event.Escalated{Mode: mode, ID: id, Owner: owner, Level: holdfast.Shared, Why: why})
	n.say(event.Opened{Incident: incidentID, Severity: severity, Urgency: holdfast.Page, Service: id.Service, Mode: mode, ID: id, Owner: owner, Why: why})
	n.paged(holdfast.Trigger)
}

func (n *night) paged(purpose holdfast.Purpose) event.Paged {
	p := event.Paged{Key: holdfast.MessageKey(fmt.Sprintf("%s/1.1/ana/phone/%s", incidentID, purpose)), Incident: incidentID, Purpose: purpose, Step: 1, Round: 1, Person: "ana", Via: "phone", Urgency: holdfast.Page}
	n.say(p)
	n.say(event.Attempted{Key: p.Key})
	n.later(300 * time.Millisecond)
	n.say(event.Delivered{Key: p.Key, Receipt: "msg-1", Took: 300 * time.Millisecond})
	return p
}

// page is what ana reads.
func (n *night) page(purpose holdfast.Purpose) string {
	m := n.incidents.Message(event.Paged{Key: "k", Incident: incidentID, Purpose: purpose}, midnight().Add(n.now))
	if len(m.Body) > holdfast.MaxBody || len(m.Subject) > holdfast.MaxSubject || strings.Contains(m.Subject, "\n") {
		n.t.Errorf("a message of %d bytes under a subject of %d: %q", len(m.Body), len(m.Subject), m.Subject)
	}
	return fmt.Sprintf("SUBJECT %s\n\n%s\n", m.Subject, m.Body)
}

// same compares with what is kept, and looks whether the fold survives snapshots.
func (n *night) same(path, got string) {
	n.t.Helper()
	if a, b := asJSON(n.t, n.incidents), asJSON(n.t, n.stored); a != b {
		n.t.Errorf("the incidents differ after they were stored\n got %s\nwant %s", b, a)
	}
	path = filepath.Join("testdata", path+".txt")
	if os.Getenv("REWRITE") != "" {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			n.t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		n.t.Fatalf("%v: run with REWRITE=1 and read the diff", err)
	}
	if got != string(want) {
		n.t.Errorf("%s\n--- got ---\n%s", path, got)
	}
}

// restart is a remedy that is carried out, and comes to nothing.
func (n *night) restart(mode holdfast.ModeName, id holdfast.ReplicaID, attempt int) holdfast.ReplicaID {
	id.Incarnation++
	decided := n.say(event.Decided{Do: event.ActRestart, Level: holdfast.Local, Mode: mode, ID: id, Attempt: attempt, Of: 5})
	n.later(200 * time.Millisecond)
	n.say(holdfast.Started{ID: id, Address: "127.0.0.1:20001", Pid: 5000 + attempt})
	n.say(event.Done{Action: decided})
	return id
}

// crashLoop is a replica that ends again whenever it is started, with its peer well.
func (n *night) crashLoop() {
	id := ids("catalog-2#1")[0]
	for attempt := 1; attempt <= 5; attempt++ {
		n.later(3 * time.Second)
		n.say(holdfast.Exited{ID: id, Status: holdfast.ExitStatus{Code: 1}, Ran: 2 * time.Second})
		n.detected("catalog.crash", id, holdfast.SignExit, "exit 1 after 2s")
		n.say(holdfast.Ejected{Gateway: "gateway-1", ID: id, Sign: holdfast.SignExit, Remaining: 1})
		n.say(event.Mitigated{Mode: "catalog.crash", ID: id, After: 500 * time.Millisecond})
		if attempt == 5 {
			break
		}
		id = n.restart("catalog.crash", id, attempt)
	}
	n.counts(2600, 3)
	n.say(event.Withheld{Do: event.ActRestart, Mode: "catalog.crash", ID: id, Guardrail: holdfast.RailAttempts, Why: "its budget of 5 in 10m is spent"})
	n.open("catalog.crash", id, holdfast.SEV3, "exit 1 after 2s; restart withheld: its budget of 5 in 10m is spent")
	n.later(30 * time.Second)
	n.counts(4000, 3)
}

// one is a replica that fails in a mode for which a remedy is withheld, or none helps.
func (n *night) one(kind holdfast.Kind, sign holdfast.Sign, detail string, rail holdfast.Guardrail, why string) {
	id, name := ids("catalog-2#1")[0], holdfast.ModeName("catalog."+string(kind))
	n.later(3 * time.Second)
	n.say(holdfast.Ejected{Gateway: "gateway-1", ID: id, Sign: sign, Remaining: 1, Detail: detail})
	n.detected(name, id, sign, detail)
	n.say(event.Mitigated{Mode: name, ID: id, After: 600 * time.Millisecond})
	if sign == holdfast.SignSilent {
		capture := n.say(event.Decided{Do: event.ActCapture, Mode: name, ID: id})
		n.say(event.Captured{Action: capture, ID: id, Path: "evidence/catalog-2-1.txt", Summary: "all 9 threads wait in futex"})
	}
	if rail != "" {
		n.say(event.Withheld{Do: event.ActRestart, Mode: name, ID: id, Guardrail: rail, Why: why})
		detail += "; restart withheld"
	} else {
		why = "it has been out for 1m, and no other remedy is declared"
	}
	n.later(20 * time.Second)
	n.counts(3000, 6)
	n.open(name, id, holdfast.SEV3, detail+": "+why)
}

func (n *night) lost() {
	for k, id := range ids("catalog-1#1", "catalog-2#1") {
		n.later(time.Second)
		n.say(holdfast.Ejected{Gateway: "gateway-1", ID: id, Sign: holdfast.SignUnreachable, Remaining: 1 - k})
	}
	edge := holdfast.ReplicaID{Service: "catalog"}
	n.later(500 * time.Millisecond)
	n.detected("storefront/catalog.loss", edge, holdfast.SignLost, "no replica of catalog answers")
	n.later(time.Minute)
	n.counts(3200, 1150)
	n.open("storefront/catalog.loss", edge, holdfast.SEV2, "no replica of catalog answers since 1m")
	n.say(event.Joined{Incident: incidentID, Service: "storefront", Mode: "storefront.errors", ID: ids("storefront-1#1")[0], Owner: "shop-team", Why: "half of its answers are errors"})
	n.say(event.Raised{Incident: incidentID, Severity: holdfast.SEV1, Urgency: holdfast.Page, Why: "so is storefront"})
	n.later(15 * time.Second)
	n.counts(3500, 1450)
}

// burnedWithout is a promise that is not kept for a reason that nothing knows.
func (n *night) burnedWithout() {
	for k := range uint64(8) {
		n.later(15 * time.Second)
		n.counts(2000+300*k, 40*k)
	}
	n.say(event.Burned{Rule: "2% in 1h", Urgency: holdfast.Page, Bad: 280, All: 4100, Rate: 68.3, By: "280 by unknown"})
	n.say(event.Opened{Incident: incidentID, Severity: holdfast.SEV2, Urgency: holdfast.Page, Owner: "shop-team", Why: "its budget burns: 280 by unknown"})
	n.paged(holdfast.Trigger)
}

func (n *night) migration() {
	id := ids("migrate-1#1")[0]
	n.say(holdfast.Started{ID: id, Address: "127.0.0.1:20009", Pid: 4100})
	n.later(3 * time.Second)
	n.say(holdfast.Exited{ID: id, Status: holdfast.ExitStatus{Code: 7}, Ran: 3 * time.Second})
	n.open("", id, holdfast.SEV2, "exit 7 after 3s; who depends on it waits, and holdfast reload tries again")
}

func (n *night) badDeploy() {
	id := ids("catalog-1#2")[0]
	decided := n.say(event.Decided{Do: event.ActReplace, Level: holdfast.Local, ID: id})
	n.say(holdfast.Started{ID: id, Address: "127.0.0.1:20001", Pid: 4200})
	n.say(event.Done{Action: decided})
	n.later(30 * time.Second)
	n.counts(2600, 0)
	n.open("", id, holdfast.SEV3, "it does not get ready since the file was changed: connection refused; the others run on as they were")
}

// own is a process of Holdfast itself: nothing in it can notice this, so it comes
// without a detection.
func (n *night) own(kind holdfast.Kind) {
	n.later(4 * time.Second)
	n.counts(2100, 2)
	n.open(holdfast.NameOf(holdfast.Target{Role: holdfast.RoleGateway}, kind), holdfast.ReplicaID{}, holdfast.SEV2, "the keeper has started it 5 times in 1m")
}

// nights are one for every way in which people come to be needed.
func nights() map[string]func(*night) {
	all := map[string]func(*night){
		"crash": (*night).crashLoop,
		"hang": func(n *night) {
			n.one("hang", holdfast.SignSilent, "no byte for 2s while 3 requests wait", holdfast.RailShadow, "it would end a living process, and catalog.hang is not armed")
		},
		"slow": func(n *night) {
			n.one("slow", holdfast.SignSlow, "p90 of 900ms, its peers 40ms", "", "")
		},
		"errors": func(n *night) {
			n.one("errors", holdfast.SignErrors, "31 of 60 answers are errors, 0 of its peers'", "", "")
		},
		"partition": func(n *night) {
			n.one("partition", holdfast.SignUnreachable, "nothing answered a connect within 1s", "", "")
		},
		"overload": func(n *night) {
			id := holdfast.ReplicaID{Service: "catalog"}
			n.say(holdfast.Overloaded{Gateway: "gateway-1", Service: "catalog", Highest: "default", Shed: 40, Limit: 8, After: time.Second, Detail: "8 at a time, 40 refused"})
			n.detected("catalog.overload", id, holdfast.SignOverloaded, "8 at a time, 40 refused")
			n.later(time.Minute)
			n.counts(9000, 2300)
			n.open("catalog.overload", id, holdfast.SEV3, "8 at a time, 40 refused since 1m")
		},
		"state-loss": func(n *night) {
			n.later(time.Second)
			n.open("catalog.state-loss", ids("catalog-1#1")[0], holdfast.SEV3, "a session was not found again after a restart")
		},
		"loss":                 (*night).lost,
		"a-burning-promise":    (*night).burnedWithout,
		"a-migration":          (*night).migration,
		"a-changed-file":       (*night).badDeploy,
		"nothing-remembered":   func(*night) {},
		"paused":               func(n *night) { n.say(event.Paused{By: "ben"}); n.later(time.Minute); n.crashWhilePaused() },
		"a-drill-on-the-world": func(n *night) { n.drill = true; n.crashLoop() },
	}
	for _, m := range mode.Own() {
		all[string(m.Kind)] = func(n *night) { n.own(m.Kind) }
	}
	return all
}

func (n *night) crashWhilePaused() {
	id := ids("catalog-2#1")[0]
	n.say(holdfast.Exited{ID: id, Status: holdfast.ExitStatus{Signal: "SIGKILL"}, Ran: time.Hour})
	n.detected("catalog.crash", id, holdfast.SignExit, "SIGKILL after 1h")
	n.say(event.Withheld{Do: event.ActRestart, Mode: "catalog.crash", ID: id, Guardrail: holdfast.RailPause, Why: "remedies are paused"})
	n.open("catalog.crash", id, holdfast.SEV3, "SIGKILL after 1h; restart withheld: remedies are paused")
}

// Every standard mode has a page, and it is what somebody reads at three in the
// morning: read the diff as one.
func TestPages(t *testing.T) {
	all := nights()
	for _, m := range slices.Concat(mode.Catalogue(), mode.Own()) {
		if m.Role == holdfast.RolePager {
			delete(all, string(m.Kind)) // what is wrong with a way is told by another, of what it was to tell
			continue
		}
		if all[string(m.Kind)] == nil {
			t.Errorf("no page of the standard mode %s", m.Kind)
		}
	}
	for name, happens := range all {
		t.Run(name, func(t *testing.T) {
			n := newNight(t)
			happens(n)
			n.same("pages/"+name, n.page(holdfast.Trigger))
		})
	}
}

// A whole night: paged, taken, mended by a person, over. What was sent, what
// `incidents show` says and the postmortem, one below the other.
func TestWholeNights(t *testing.T) {
	for _, name := range []string{"crash", "loss", "a-burning-promise", "a-migration"} {
		t.Run(name, func(t *testing.T) {
			n := newNight(t)
			nights()[name](n)
			n.goOn(name)
			id := holdfast.IncidentID(incidentID)
			shown, ok := n.incidents.Show(id)
			postmortem, ok2 := n.incidents.Postmortem(id)
			if !ok || !ok2 {
				t.Fatal("the incident is not remembered")
			}
			n.same("incidents/"+name, n.page(holdfast.Acknowledge)+"\n======\n"+n.page(holdfast.Resolve)+"\n======\n"+shown+"\n======\n"+postmortem)
		})
	}
}

// goOn ends a night: ana takes it, writes down what she sees, mends it.
func (n *night) goOn(name string) {
	n.later(90 * time.Second)
	n.say(event.Acknowledged{Incident: incidentID, By: "ana", Via: "link"})
	n.later(time.Minute)
	n.say(event.Noted{Incident: incidentID, By: "ana", Text: "the cache directory is full"})
	n.later(time.Minute)
	n.say(event.Declared{System: bazaar("./catalog")})
	switch name {
	case "crash":
		id := n.restart("catalog.crash", ids("catalog-2#5")[0], 5)
		n.later(time.Second)
		n.say(holdfast.Admitted{Gateway: "gateway-1", ID: id})
		n.say(event.Restored{Mode: "catalog.crash", ID: id, After: 4 * time.Minute})
	case "loss":
		n.say(event.Mitigated{Mode: "storefront/catalog.loss", ID: holdfast.ReplicaID{Service: "catalog"}, After: 4 * time.Minute})
		n.say(event.Restored{Mode: "storefront/catalog.loss", ID: holdfast.ReplicaID{Service: "catalog"}, After: 5 * time.Minute})
	case "a-burning-promise":
		n.say(event.Cooled{Rule: "2% in 1h", After: 4 * time.Minute})
	}
	n.say(event.Resolved{Incident: incidentID, After: 4 * time.Minute, Parts: 1})
	n.paged(holdfast.Resolve)
	n.later(10 * time.Hour)
	n.say(event.Amended{Incident: incidentID, Moment: event.MomentImpact, To: midnight().Add(dusk - time.Minute), By: "ana", Why: "a customer wrote at 03:11"})
	n.say(event.Promised{Incident: incidentID, Number: 1, What: "alarm on a full cache directory", Owner: "ben", Due: midnight().Add(5 * 24 * time.Hour), By: "ana"})
}
