package oncall

import (
	"cmp"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"holdfast"
	"holdfast/event"
)

// world is a desk to which chance happens, watched for what a desk may never do.
type world struct {
	t      *rapid.T
	system holdfast.System
	limit  time.Duration // between two pages that somebody reachable is owed
	now    time.Duration
	wall   time.Duration
	boot   int
	seq    uint64
	desk   *Desk // written down and read back after each step
	twin   *Desk // never
	replay *Desk // asked only in the steps of which there is a record
	bad    map[string]Trouble
	cases  map[holdfast.IncidentID]*watched
	sent   map[holdfast.MessageKey]*outgoing
	places map[string]bool // incident, step, round and address of a Trigger
}

// watched is an incident as its entries tell it.
type watched struct {
	open, acked bool
	urgency     holdfast.Urgency
	ref         time.Duration   // since when a page is waited for
	got         map[string]bool // addresses where a Trigger arrived, and no Resolve after it
	left        map[string]bool // of them, those that none is on its way to
	news        bool            // somebody else leads, who may have to be told
}

// outgoing is a message as its entries tell it.
type outgoing struct {
	event.Paged
	void, settled bool
}

func TestWhateverHappens(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(rt)
		for range rapid.IntRange(1, 45).Draw(rt, "inputs") {
			w.pass(w.now + time.Duration(rapid.SampledFrom([]int{0, 0, 1, 5, 20, 70, 200, 400, 2000}).Draw(rt, "seconds"))*time.Second)
			w.happen()
		}
		w.end()
	})
}

func newWorld(rt *rapid.T) *world {
	w := &world{
		t: rt, now: time.Second, bad: map[string]Trouble{}, desk: &Desk{}, twin: &Desk{}, replay: &Desk{},
		cases: map[holdfast.IncidentID]*watched{}, sent: map[holdfast.MessageKey]*outgoing{}, places: map[string]bool{},
	}
	w.system = drawSystem(rt)
	w.limit = longestWait(w.system)
	for _, d := range []*Desk{w.desk, w.twin, w.replay} {
		d.Know(&w.system)
	}
	return w
}

func drawSystem(rt *rapid.T) holdfast.System {
	system := holdfast.System{Name: "shop", Owner: "ops"}
	names := []holdfast.ServiceName{"a", "b", "c", "d"}
	for i, name := range names {
		s := holdfast.Service{Name: name}
		for _, on := range names[i+1:] {
			if rapid.IntRange(0, 2).Draw(rt, "needs") == 0 {
				s.DependsOn = append(s.DependsOn, holdfast.Dependency{On: on, Required: true})
			}
		}
		system.Services = append(system.Services, s)
	}
	duty := &system.OnCall
	duty.Channels = []holdfast.Channel{{Name: "x", Kind: holdfast.ChannelNtfy}, {Name: "y", Kind: holdfast.ChannelPagerDuty}}
	for _, name := range []holdfast.PersonName{"ana", "bo", "cy"} {
		p := holdfast.Person{Name: name}
		for i := range rapid.IntRange(0, 2).Draw(rt, "contacts") {
			c := holdfast.Contact{Via: rapid.SampledFrom([]holdfast.ChannelName{"x", "y", "gone"}).Draw(rt, "via")}
			if c.Via != "y" {
				c.To = string(name)
			}
			c.After = time.Duration(i*rapid.IntRange(0, 900).Draw(rt, "after")) * time.Second
			p.Contacts = append(p.Contacts, c)
		}
		duty.People = append(duty.People, p)
	}
	duty.Schedules = []holdfast.Schedule{{Name: "days", Rotations: []holdfast.Rotation{{
		Turn: holdfast.Daily, Length: 1, Start: holdfast.Wall{Year: 2026, Month: 1, Day: 1}, People: []holdfast.PersonName{"ana", "bo", "cy"},
		Covers: []holdfast.Cover{{From: 12 * 60, Until: 12*60 + 20}},
	}}}}
	system.People = []holdfast.Team{{Owner: "ops", People: []string{"ana", "bo"}}, {Owner: "dev", People: []string{"cy"}}}
	for _, name := range []holdfast.PolicyName{"p", "q"}[:rapid.IntRange(0, 2).Draw(rt, "policies")] {
		duty.Policies = append(duty.Policies, drawPolicy(rt, name))
	}
	return system
}

func drawPolicy(rt *rapid.T, name holdfast.PolicyName) holdfast.EscalationPolicy {
	p := holdfast.EscalationPolicy{Name: name, Repeat: time.Duration(rapid.SampledFrom([]int{0, 30, 400}).Draw(rt, "repeat")) * time.Second}
	for range rapid.IntRange(1, 3).Draw(rt, "rules") {
		rule := holdfast.EscalationRule{After: time.Duration(rapid.SampledFrom([]int{0, 60, 600}).Draw(rt, "step")) * time.Second}
		for range rapid.IntRange(1, 2).Draw(rt, "notify") {
			rule.Notify = append(rule.Notify, rapid.SampledFrom([]holdfast.Recipient{{Person: "ana"}, {Person: "bo"}, {Person: "cy"}, {Person: "ghost"}, {Schedule: "days"}, {Owner: "dev"}, {Channel: "x"}, {Channel: "gone"}}).Draw(rt, "recipient"))
		}
		p.Rules = append(p.Rules, rule)
	}
	return p
}

// longestWait is how long somebody who can be reached waits for a page at most: the
// longest step, or the pause of a round, whichever is longer.
func longestWait(system holdfast.System) time.Duration {
	longest := holdfast.RepeatEvery
	for _, p := range system.OnCall.Policies {
		longest = max(longest, p.Repeat)
		for _, rule := range p.Rules {
			longest = max(longest, rule.After)
		}
	}
	return longest
}

// pass lets time go by, waking the desk when it asks to be.
func (w *world) pass(until time.Duration) {
	for due, ok := w.desk.Wake(); ok && due <= until; due, ok = w.desk.Wake() {
		w.now = max(w.now, due)
		w.step(nil, func(*Desk, Say) {})
	}
	w.now = until
}

func (w *world) at() event.At {
	return event.At{Wall: begin().Add(w.now + w.wall), Boot: w.now, BootID: fmt.Sprint(w.boot)}
}

// happen is one thing that can happen now.
func (w *world) happen() {
	switch rapid.IntRange(0, 11).Draw(w.t, "what") {
	case 0, 1, 2:
		t := w.trouble()
		w.bad[t.key()] = t
		w.step(event.Noted{Text: "trigger " + t.key()}, func(d *Desk, say Say) { d.Trigger(w.at(), t, event.ID{Seq: w.seq}, say) })
	case 3, 4:
		if t, ok := w.some(); ok {
			w.heal(t)
		}
	case 5:
		w.acknowledge()
	case 6, 7, 8:
		w.send()
	case 9:
		w.people()
	case 10:
		w.wall += time.Duration(rapid.SampledFrom([]int{-3600, 3600, 600}).Draw(w.t, "clock")) * time.Second
	case 11:
		if rapid.IntRange(0, 4).Draw(w.t, "reboot") == 0 {
			w.reboot()
		}
	}
}

func (w *world) trouble() Trouble {
	return Trouble{
		Service:  rapid.SampledFrom([]holdfast.ServiceName{"a", "b", "c", "d", ""}).Draw(w.t, "service"),
		Mode:     rapid.SampledFrom([]holdfast.ModeName{"crash", "hang"}).Draw(w.t, "mode"),
		Severity: rapid.SampledFrom([]holdfast.Severity{holdfast.SEV3, holdfast.SEV2, holdfast.SEV1}).Draw(w.t, "severity"),
		Urgency:  rapid.SampledFrom([]holdfast.Urgency{holdfast.Page, holdfast.Page, holdfast.Ticket}).Draw(w.t, "urgency"),
		Owner:    rapid.SampledFrom([]holdfast.OwnerName{"ops", "dev", ""}).Draw(w.t, "owner"),
		Policy:   rapid.SampledFrom([]holdfast.PolicyName{"p", "q", ""}).Draw(w.t, "policy"),
		Why:      "x",
	}
}

// some is a trouble that there is.
func (w *world) some() (Trouble, bool) {
	keys := sortedKeys(w.bad)
	if len(keys) == 0 {
		return Trouble{}, false
	}
	return w.bad[rapid.SampledFrom(keys).Draw(w.t, "which")], true
}

func (w *world) heal(t Trouble) {
	delete(w.bad, t.key())
	w.step(event.Noted{Text: "over " + t.key()}, func(d *Desk, say Say) { d.Over(w.at(), t, event.ID{Seq: w.seq}, say) })
}

func (w *world) acknowledge() {
	ids := append(sortedKeys(w.cases), "20000101-1")
	id := rapid.SampledFrom(ids).Draw(w.t, "incident")
	if c := w.cases[id]; c != nil && c.open {
		c.acked = true
	}
	w.take(event.Acknowledged{Incident: id, By: rapid.SampledFrom([]string{"ana", "bo", "cy"}).Draw(w.t, "by"), Via: "test"})
}

// send is what a sender may report of a message, in time or late.
func (w *world) send() {
	var keys []holdfast.MessageKey
	for _, key := range sortedKeys(w.sent) {
		// What was superseded long ago is not known any more, and no sender has it.
		inc, m := w.desk.message(key)
		if m != nil && !w.sent[key].settled && (m.owed() || !inc.over() || w.now < inc.OverAt+ReopenFor) {
			keys = append(keys, key)
		}
	}
	if len(keys) == 0 {
		return
	}
	key := rapid.SampledFrom(keys).Draw(w.t, "message")
	switch rapid.IntRange(0, 5).Draw(w.t, "fate") {
	case 0:
		w.take(event.Undelivered{Key: key, Why: rapid.SampledFrom([]string{"refused", "it said x" + strings.Repeat("é", 150)}).Draw(w.t, "why")})
	case 1:
		w.take(event.Undelivered{Key: key, Why: "unknown", Rejected: true})
	case 2:
		w.take(event.Attempted{Key: key})
	default:
		w.take(event.Delivered{Key: key})
	}
}

// people is what people arrange.
func (w *world) people() {
	switch rapid.IntRange(0, 3).Draw(w.t, "people") {
	case 0:
		m := event.MaintenanceBegan{Until: w.at().Wall.Add(time.Duration(rapid.IntRange(1, 3600).Draw(w.t, "until")) * time.Second), By: "ana"}
		if rapid.Bool().Draw(w.t, "of one") {
			m.Services = []holdfast.ServiceName{"a", "b"}
		}
		w.take(m)
	case 1:
		w.take(event.MaintenanceEnded{By: "ana"})
	case 2:
		w.take(event.Overridden{Override: holdfast.Override{Schedule: "days", Person: "cy", From: w.at().Wall, Until: w.at().Wall.Add(time.Hour)}})
	case 3:
		w.restartClocks()
		w.system = drawSystem(w.t)
		w.limit = max(w.limit, longestWait(w.system))
		system := w.system
		w.step(event.Noted{Text: "declared"}, func(d *Desk, say Say) { d.Declare(w.at(), &system, event.ID{Seq: w.seq}, say) })
	}
}

func (w *world) restartClocks() {
	for _, c := range w.cases {
		c.ref = w.now
	}
}

// reboot comes right after something is recorded: what falls due without a word after
// that, a replay of the time after the reboot cannot know.
func (w *world) reboot() {
	w.take(event.Noted{Text: "the last words"})
	w.boot++
	w.now = time.Second
	w.restartClocks()
	w.take(event.Noted{Text: "woken"})
}

func (w *world) take(in event.Body) {
	w.step(in, func(d *Desk, say Say) { d.Take(w.at(), in, event.ID{Seq: w.seq}, say) })
}

// step has all desks do the same, and reads what they say.
func (w *world) step(in event.Body, do func(*Desk, Say)) {
	w.seq += 1000 // the input, and room for what it causes
	said := w.ask(w.desk, do)
	if twin := w.ask(w.twin, do); !reflect.DeepEqual(said, twin) {
		w.t.Fatalf("written down and read back, the desk says\n%v\ninstead of\n%v", said, twin)
	}
	if in != nil || len(said) > 0 {
		if again := w.ask(w.replay, do); !reflect.DeepEqual(said, again) {
			w.t.Fatalf("replayed, the desk says\n%v\ninstead of\n%v", again, said)
		}
	}
	w.desk = written(w.t, w.desk, &w.system)
	w.hear(in)
	for _, body := range said {
		w.hear(body.Body)
	}
	w.check()
}

// caused is what was said, and why.
type caused struct {
	Cause event.ID
	Body  event.Body
}

func (w *world) ask(d *Desk, do func(*Desk, Say)) []caused {
	var said []caused
	say := func(cause event.ID, body event.Body) event.ID {
		said = append(said, caused{Cause: cause, Body: body})
		return event.ID{Writer: "a", Seq: w.seq + uint64(len(said))}
	}
	do(d, say)
	d.Expire(w.at(), say)
	return said
}

func written(t rapid.TB, d *Desk, system *holdfast.System) *Desk {
	text, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	read := &Desk{}
	if err := json.Unmarshal(text, read); err != nil {
		t.Fatal(err)
	}
	read.Know(system)
	return read
}

// hear follows what is said.
func (w *world) hear(body event.Body) {
	if body != nil {
		w.t.Logf("%s %s", event.Short(w.now), event.Text(body))
	}
	switch b := body.(type) {
	case event.Opened:
		c := w.cases[b.Incident]
		if (c != nil) != b.Again {
			w.t.Fatalf("%s is opened, again: %v", b.Incident, b.Again)
		}
		if c == nil {
			c = &watched{got: map[string]bool{}, left: map[string]bool{}}
			w.cases[b.Incident] = c
		}
		c.open, c.urgency = true, b.Urgency
		c.anew(w.now)
	case event.Raised:
		w.cases[b.Incident].anew(w.now)
		w.cases[b.Incident].urgency = b.Urgency
	case event.Joined:
		w.cases[b.Incident].news = w.cases[b.Incident].news || b.Leads
	case event.Reminded:
		w.cases[b.Incident].anew(w.now)
	case event.Resolved:
		w.cases[b.Incident].open, w.cases[b.Incident].acked = false, false
	case event.Paged:
		w.hearPaged(b)
	case event.Superseded:
		m := w.sent[b.Key]
		if m == nil || m.void || m.settled {
			w.t.Fatalf("%s is superseded, and is not owed", b.Key)
		}
		m.void = true
		here := address{Via: m.Via, To: m.To}.place()
		if c := w.cases[m.Incident]; m.Purpose == holdfast.Resolve && c.open && c.got[here] {
			c.left[here] = true
		}
	case event.Delivered:
		w.hearDelivered(w.sent[b.Key])
	case event.Undelivered:
		m := w.sent[b.Key]
		m.settled = b.Rejected || m.void
		if m.void { // it did not arrive, and never will
			delete(w.places, placeOf(m.Paged))
		}
	}
}

func (w *world) hearDelivered(m *outgoing) {
	m.settled = true
	c, here := w.cases[m.Incident], address{Via: m.Via, To: m.To}.place()
	switch m.Purpose {
	case holdfast.Resolve:
		delete(c.got, here)
	case holdfast.Trigger:
		c.got[here] = true
		if !w.calmed(m) {
			c.left[here] = true
		}
	}
}

// placeOf is an incident, a step, a round and an address.
func placeOf(b event.Paged) string {
	return fmt.Sprint(b.Incident, b.Step, b.Round, address{Via: b.Via, To: b.To}.place())
}

func (a address) place() string { return string(a.Via) + " " + a.To }

// anew has an incident be paged although somebody has it.
func (c *watched) anew(now time.Duration) { c.acked, c.news, c.ref = false, false, now }

func (w *world) hearPaged(b event.Paged) {
	c := w.cases[b.Incident]
	if w.sent[b.Key] != nil {
		w.t.Fatalf("%s is a second message of that name", b.Key)
	}
	w.sent[b.Key] = &outgoing{Paged: b}
	here := address{Via: b.Via, To: b.To}.place()
	switch b.Purpose {
	case holdfast.Resolve:
		delete(c.left, here)
	case holdfast.Trigger:
		place := placeOf(b)
		if w.places[place] {
			w.t.Fatalf("%s: a second Trigger of one step and round", b.Key)
		}
		if !c.open || c.acked && !c.news {
			w.t.Fatalf("%s: open %v, acknowledged %v", b.Key, c.open, c.acked)
		}
		w.places[place] = true
		c.anew(w.now)
	}
}

// calmed tells whether a Resolve to the same place is on its way.
func (w *world) calmed(m *outgoing) bool {
	for _, o := range w.sent {
		if o.Incident == m.Incident && o.Purpose == holdfast.Resolve && o.Via == m.Via && o.To == m.To && !o.void && !o.settled {
			return true
		}
	}
	return false
}

func (w *world) check() {
	if due, ok := w.desk.Wake(); ok && due <= w.now {
		w.t.Fatalf("wants to be woken at %v although it is %v", due, w.now)
	}
	if len(w.bad) > 0 && len(w.desk.Incidents) == 0 {
		w.t.Fatalf("%v is bad, and nothing is open", w.bad)
	}
	for _, inc := range w.desk.Incidents {
		c := w.cases[inc.ID]
		if inc.Held {
			c.ref = w.now
		}
		if c.urgency == holdfast.Page && !c.acked && w.reachable(inc) && w.now-c.ref > w.limit {
			w.t.Fatalf("%s: nobody was paged for %v, and it is open", inc.ID, w.now-c.ref)
		}
		if n := len(inc.Messages); n > maxVoid+20 {
			w.t.Fatalf("%s: %d messages", inc.ID, n)
		}
	}
	w.checkOwed()
	w.checkOwners()
}

// checkOwners: who answers for what is bad for no reason that is known is asked.
func (w *world) checkOwners() {
	for _, inc := range w.desk.Incidents {
		for _, p := range inc.Parts {
			t := *p.Trouble
			explained := slices.ContainsFunc(w.desk.Incidents, func(o *incident) bool { return w.desk.failsWith(o, t) })
			if t.Service != "" && !explained && !inc.Held && inc.LeadBy == 0 && !inc.asked(t) {
				w.t.Fatalf("%s: %s is not asked about %s", inc.ID, t.audience(), t)
			}
		}
	}
}

// reachable tells whether a step of an incident tells a person who has a contact.
func (w *world) reachable(inc *incident) bool {
	for _, rule := range w.desk.policy(inc).Rules {
		for _, r := range rule.Notify {
			if all, _ := w.desk.contacts(r.Person); len(all) > 0 {
				return true
			}
		}
	}
	return false
}

// checkOwed: what is to be sent is what was paged and neither settled nor
// superseded.
func (w *world) checkOwed() {
	var owed, want []holdfast.MessageKey
	for _, o := range w.desk.Owed() {
		owed = append(owed, o.Key)
		if !w.desk.Owes(o.Key) {
			w.t.Fatalf("%s is owed, and is not", o.Key)
		}
	}
	for key, m := range w.sent {
		if !m.void && !m.settled {
			want = append(want, key)
		}
	}
	slices.Sort(owed)
	slices.Sort(want)
	if !slices.Equal(owed, want) {
		w.t.Fatalf("owed is %v instead of %v", owed, want)
	}
}

// end heals all there is: then nothing is open, and whoever got a Trigger gets a
// Resolve.
func (w *world) end() {
	for _, key := range sortedKeys(w.bad) {
		w.heal(w.bad[key])
	}
	if len(w.desk.Incidents) > 0 {
		w.t.Fatalf("nothing is bad, and %s is open", w.desk.Incidents[0].ID)
	}
	for id, c := range w.cases {
		if len(c.left) > 0 {
			w.t.Fatalf("%s: %v got a Trigger, and no Resolve", id, c.left)
		}
	}
	w.pass(w.now + 25*time.Hour)
	w.take(event.Noted{Text: "a day later"})
	if _, ok := w.desk.Wake(); ok || len(w.desk.Past) > 0 {
		w.t.Fatalf("a day later %d incidents are remembered", len(w.desk.Past))
	}
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K {
	keys := make([]K, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
