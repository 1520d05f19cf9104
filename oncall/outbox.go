package oncall

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"holdfast"
	"holdfast/event"
)

// An address is where somebody is told.
type address struct {
	Person holdfast.PersonName  `json:"person,omitempty"`
	Via    holdfast.ChannelName `json:"via"`
	To     string               `json:"to,omitempty"`
	Nth    int                  `json:"nth,omitempty"` // of the person's by this channel, from 1
}

// reaches tells whether a contact leads to the same place, whoever's it is.
func (a address) reaches(c holdfast.Contact) bool { return a.Via == c.Via && a.To == c.To }

func (a address) same(b address) bool { return a.Via == b.Via && a.To == b.To }

// A message is one that is owed, or was and of which news may still come:
//
//	owed ──attempted──▶ owed ──delivered, rejected──▶ settled
//	  └─────superseded──▶ void ──delivered, undelivered──▶ settled
//
// A void one may arrive nevertheless: then who got it is told the rest, too.
type message struct {
	Key     holdfast.MessageKey `json:"key"`
	Purpose holdfast.Purpose    `json:"purpose"`
	Step    int                 `json:"step,omitempty"`
	Round   int                 `json:"round"`
	address
	Paged     event.ID      `json:"paged"` // the entry
	Attempted bool          `json:"attempted,omitempty"`
	Unsure    bool          `json:"unsure,omitempty"`  // an earlier try may have arrived
	Tries     int           `json:"tries,omitempty"`   // that failed
	NotYet    time.Duration `json:"not_yet,omitempty"` // before which it is not tried again
	SilentAt  time.Duration `json:"silent_at,omitempty"`
	Lost      bool          `json:"lost,omitempty"` // another way is being tried
	Why       string        `json:"why,omitempty"`
	Void      bool          `json:"void,omitempty"`
	Rejected  bool          `json:"rejected,omitempty"`
}

func (m *message) owed() bool { return !m.Void && !m.Rejected }

const (
	// maxVoid bounds the messages that are remembered because news of them may come.
	maxVoid = 64
	// The pauses between two tries of one message, doubled from the first: a
	// provider that is restarted is back within them, and one that is gone is not
	// hammered.
	firstPause, lastPause = 5 * time.Second, 5 * time.Minute
	// maxWhy bounds what is repeated of what a provider said.
	maxWhy = 200
	// maxAgain is how long a provider may ask to be left alone.
	maxAgain = time.Hour
)

// An Owed is a message that is to be sent.
type Owed struct {
	event.Paged
	Severity  holdfast.Severity
	First     bool          // nobody was told there before
	Attempted bool          // it may have arrived already: it is sent again, under its key
	NotBefore time.Duration // by the boot clock: it failed, or the provider asks to wait
}

// Owed is the outbox, in the order in which it is to be sent: who is to be woken
// before who is to be calmed, first pages before repeated ones, the worst incident
// first, and of equals the newest.
func (d *Desk) Owed() []Owed {
	var all []Owed
	for _, inc := range slices.Backward(slices.Concat(d.Past, d.Incidents)) {
		for _, m := range inc.Messages {
			if m.owed() {
				all = append(all, Owed{Paged: m.paged(inc), Severity: inc.Severity, First: inc.toldAt(m.address) == nil, Attempted: m.Attempted, NotBefore: m.NotYet})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b Owed) int {
		return cmp.Or(
			cmp.Compare(rank(a), rank(b)),
			strings.Compare(string(a.Severity), string(b.Severity)),
		)
	})
	return all
}

func rank(o Owed) int {
	switch {
	case o.Purpose == holdfast.Trigger && o.First:
		return 0
	case o.Purpose == holdfast.Trigger:
		return 1
	default:
		return 2
	}
}

// Owes tells whether a message is still to be sent: the state is asked once more
// before each send.
func (d *Desk) Owes(key holdfast.MessageKey) bool {
	_, m := d.message(key)
	return m != nil && m.owed()
}

// message finds one by its key.
func (d *Desk) message(key holdfast.MessageKey) (*incident, *message) {
	inc := d.find(d.Incidents, incidentOf(key))
	if inc == nil {
		inc = d.find(d.Past, incidentOf(key))
	}
	if inc == nil {
		return nil, nil
	}
	i := slices.IndexFunc(inc.Messages, func(m *message) bool { return m.Key == key })
	if i < 0 {
		return inc, nil
	}
	return inc, inc.Messages[i]
}

func (inc *incident) owes() bool { return slices.ContainsFunc(inc.Messages, (*message).owed) }

// A told is who got a Trigger, and the last one.
type told struct {
	address
	Step  int  `json:"step"`
	Round int  `json:"round"`
	Over  bool `json:"over,omitempty"` // and was told, or is to be, that it is over
	Sure  bool `json:"sure,omitempty"` // it arrived, or may have; else it is under way
}

// sent is the message of a call's step that went to the same place.
func (inc *incident) sent(c *call, contact holdfast.Contact) *message {
	for _, m := range inc.Messages {
		if m.Purpose == holdfast.Trigger && m.Step == c.Step && m.Round == c.Round && m.reaches(contact) {
			return m
		}
	}
	for _, t := range inc.Told {
		if t.reaches(contact) && t.Step == c.Step && t.Round == c.Round {
			return &message{}
		}
	}
	return nil
}

// owe says that a message is to go to somebody. What else is owed to the same place
// says less, and is not sent any more; where its provider asked to wait, it is waited.
func (d *Desk) owe(inc *incident, m *message, cause event.ID) {
	for _, older := range slices.Clone(inc.Messages) {
		if older.owed() && older.same(m.address) {
			m.Tries, m.NotYet = older.Tries, older.NotYet
			d.supersede(inc, older, cause, "there is more to say")
		}
	}
	via := string(m.Via)
	if m.Nth > 1 {
		via += fmt.Sprintf("~%d", m.Nth)
	}
	m.Key = holdfast.MessageKey(fmt.Sprintf("%s/%d.%d/%s/%s/%s", inc.ID, m.Step, m.Round, m.Person, via, m.Purpose))
	m.Paged = d.say(cause, m.paged(inc))
	inc.Messages = append(inc.Messages, m)
}

func (m *message) paged(inc *incident) event.Paged {
	return event.Paged{
		Key: m.Key, Incident: inc.ID, Purpose: m.Purpose, Step: m.Step, Round: m.Round,
		Person: m.Person, Via: m.Via, To: m.To, Urgency: inc.Urgency,
	}
}

// supersede says that a message is not sent any more. It is remembered for a while:
// its sender may be handing it over.
func (d *Desk) supersede(inc *incident, m *message, cause event.ID, why string) {
	m.Void, m.SilentAt = true, 0
	d.say(cause, event.Superseded{Key: m.Key, Why: why})
	inc.trim()
}

func (inc *incident) trim() {
	excess := -maxVoid
	for _, m := range inc.Messages {
		if !m.owed() {
			excess++
		}
	}
	inc.Messages = slices.DeleteFunc(inc.Messages, func(m *message) bool {
		if m.owed() || excess <= 0 {
			return false
		}
		excess--
		return true
	})
}

// tell owes a message to all who got a Trigger, or may have.
func (d *Desk) tell(inc *incident, purpose holdfast.Purpose, cause event.ID, wanted func(address) bool) {
	if purpose == holdfast.Resolve {
		for _, m := range inc.Messages {
			if m.Purpose == holdfast.Trigger && m.Attempted {
				inc.remember(m, m.Unsure)
			}
		}
	}
	for i := range inc.Told {
		if t := &inc.Told[i]; wanted(t.address) && !t.Over {
			t.Over = purpose == holdfast.Resolve
			d.owe(inc, &message{Purpose: purpose, Round: inc.Round, address: t.address}, cause)
		}
	}
}

// remember keeps who got a Trigger, or may get one that is under way, each place
// once, and its last one.
func (inc *incident) remember(m *message, sure bool) {
	inc.Known = inc.Known || sure
	t := inc.toldAt(m.address)
	if t == nil {
		inc.Told = append(inc.Told, told{address: m.address, Step: m.Step, Round: m.Round, Sure: sure})
		return
	}
	t.Sure = t.Sure || sure || t.Step != m.Step || t.Round != m.Round // of two, one may have arrived
	if cmp.Or(cmp.Compare(m.Round, t.Round), cmp.Compare(m.Step, t.Step)) > 0 {
		*t = told{address: m.address, Step: m.Step, Round: m.Round, Over: t.Over, Sure: t.Sure}
	}
}

// unsent takes back that a message that was under way may have arrived: it did not,
// and where nothing else did, nobody is told the rest.
func (d *Desk) unsent(inc *incident, m *message, cause event.ID) {
	inc.settle(m)
	t := inc.toldAt(m.address)
	if m.Purpose != holdfast.Trigger || m.Unsure || t == nil || t.Sure {
		return
	}
	inc.Told = slices.DeleteFunc(inc.Told, func(t told) bool { return t.same(m.address) })
	for _, rest := range slices.Clone(inc.Messages) {
		if rest.owed() && rest.same(m.address) && !rest.Attempted && rest.Purpose != holdfast.Trigger {
			d.supersede(inc, rest, cause, "nothing was said there before")
		}
	}
}

// toldAt is what is known of an address, nil if nothing is.
func (inc *incident) toldAt(a address) *told {
	if i := slices.IndexFunc(inc.Told, func(t told) bool { return t.same(a) }); i >= 0 {
		return &inc.Told[i]
	}
	return nil
}

// takeBack is for what is open again: who was not yet told that it is over is not
// told so now, and who was begins anew.
func (d *Desk) takeBack(inc *incident, cause event.ID) {
	for _, m := range slices.Clone(inc.Messages) {
		if m.owed() {
			d.supersede(inc, m, cause, "it is bad again")
			if t := inc.toldAt(m.address); t != nil {
				t.Over = false
			}
		}
	}
	inc.Told = slices.DeleteFunc(inc.Told, func(t told) bool { return t.Over })
}

// takeDelivered settles a message. One that arrived late, when somebody had the
// incident or it was over, is followed by the rest.
func (d *Desk) takeDelivered(in event.Delivered, said event.ID) {
	inc, m := d.message(in.Key)
	if m == nil {
		return
	}
	inc.settle(m)
	if m.Purpose != holdfast.Trigger {
		return
	}
	inc.remember(m, true)
	inc.Heard = inc.Heard || m.Round == inc.Round
	follows := holdfast.Acknowledge
	if inc.over() {
		follows = holdfast.Resolve
	}
	late := m.Void && (inc.over() || inc.AckedBy != "" && d.others(inc.AckedBy)(m.address))
	if !late || slices.ContainsFunc(inc.Messages, func(o *message) bool { return o.owed() && o.Purpose == follows && o.same(m.address) }) {
		return
	}
	inc.Round++ // it may be said a second time, and is another message
	inc.toldAt(m.address).Over = false
	d.tell(inc, follows, said, func(a address) bool { return a.same(m.address) })
}

// takeUndelivered has another way tried at once. The message is owed still, unless
// its provider will never take it: late is better than never.
func (d *Desk) takeUndelivered(in event.Undelivered, said event.ID) {
	inc, m := d.message(in.Key)
	switch {
	case m == nil:
		return
	case m.Void && in.Unsure:
		d.takeDelivered(event.Delivered{Key: in.Key}, said) // whoever may have got it is told the rest
		return
	case m.Void:
		d.unsent(inc, m, said)
		return
	}
	m.Unsure = m.Unsure || in.Unsure
	m.Attempted, m.Rejected = m.Unsure, in.Rejected
	m.Tries++
	m.NotYet = d.in(max(min(in.Again, maxAgain), pauseAfter(m.Tries)))
	inc.lose(m, strings.ToValidUTF8(in.Why[:min(len(in.Why), maxWhy)], ""), said, d.in(0))
	inc.trim()
}

func pauseAfter(tries int) time.Duration {
	return min(lastPause, firstPause<<min(tries-1, 10))
}

func (inc *incident) settle(m *message) {
	inc.Messages = slices.DeleteFunc(inc.Messages, func(o *message) bool { return o == m })
}

// over tells whether nothing of an incident is bad any more.
func (inc *incident) over() bool { return len(inc.Parts) == 0 }

// others tells of addresses whether somebody else is told there that a person has an
// incident: other people, a room where several listen, a service that goes on paging
// until it knows.
func (d *Desk) others(by string) func(address) bool {
	return func(a address) bool {
		kind := d.channel(a.Via).Kind
		return string(a.Person) != by || a.To == "" || kind == holdfast.ChannelPagerDuty || kind == holdfast.ChannelWebhook
	}
}
