package oncall

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"holdfast"
	"holdfast/event"
	"holdfast/internal/golden"
)

// A play is a story: prose, then who there is, then inputs, each with the entries
// that the desk must answer with. Run with REWRITE=1, read the diff, and commit it
// only if you understand it. Times are those of the boot clock, which begins at the
// wall clock's 2026-11-27 12:00 UTC.
//
//	services web needs api; api of ops      what depends on what, and whose it is
//	person ana ntfy:ana mail:ana@x+5m       contacts, and when they are tried
//	policy main: ana; @nights +5m; ops +5m  steps, and their delays; @ is a schedule, # a channel
//	at 1m trigger api api.crash api-1 SEV2 page main
//	at 2m trigger api - promise:checkout    a promise that burns
//	at 2m over api api.crash api-1
//	at 3m acknowledged ID by ana
//	well                                    from here on every message is delivered at once
func TestPlays(t *testing.T) {
	golden.Plays(t, func(t *testing.T, script string) string {
		s := newStage(t)
		return golden.Perform(script, s.play, s.answers)
	})
}

// A stage is a desk with its mind around it: it numbers what is said, and writes the
// desk down and reads it back after every input.
type stage struct {
	t      testing.TB
	desk   *Desk
	system holdfast.System
	now    time.Duration
	wall   time.Duration // by which the wall clock was stepped
	boot   string
	seq    uint64
	said   []event.Entry
	well   bool              // every provider takes every message over at once
	hear   func(event.Entry) // may be nil
}

func newStage(t testing.TB) *stage {
	s := &stage{t: t, desk: &Desk{}, boot: "boot-1", system: holdfast.System{Name: "shop", Owner: "shop-team"}}
	s.desk.Know(&s.system)
	return s
}

func begin() time.Time { return time.Date(2026, time.November, 27, 12, 0, 0, 0, time.UTC) }

func (s *stage) clock() event.At {
	return event.At{Wall: begin().Add(s.now + s.wall), Boot: s.now, BootID: s.boot}
}

func (s *stage) say(cause event.ID, body event.Body) event.ID {
	s.seq++
	entry := event.Entry{ID: event.ID{Writer: "a", Seq: s.seq}, At: s.clock(), Cause: cause, Body: body}
	s.said = append(s.said, entry)
	if s.hear != nil {
		s.hear(entry)
	}
	return entry.ID
}

// until lets time pass, waking the desk when it asks to be.
func (s *stage) until(at time.Duration) {
	for {
		due, ok := s.desk.Wake()
		if !ok || due > at {
			break
		}
		if due < s.now {
			s.t.Fatalf("the desk wants to be woken at %v although it is %v", due, s.now)
		}
		s.now = due
		s.expire()
		if again, ok := s.desk.Wake(); ok && again <= s.now {
			s.t.Fatalf("the desk wants to be woken at %v although it is %v", again, s.now)
		}
	}
	s.now = at
}

func (s *stage) expire() {
	s.desk.Expire(s.clock(), s.say)
	text, err := json.Marshal(s.desk)
	if err != nil {
		s.t.Fatal(err)
	}
	s.desk = &Desk{}
	if err := json.Unmarshal(text, s.desk); err != nil {
		s.t.Fatal(err)
	}
	s.desk.Know(&s.system)
	if owed := s.desk.Owed(); s.well && len(owed) > 0 {
		s.take(event.Delivered{Key: owed[0].Key, Took: 120 * time.Millisecond})
	}
}

func (s *stage) take(in event.Body) {
	s.desk.Take(s.clock(), in, s.say(event.ID{}, in), s.say)
	s.expire()
}

func (s *stage) answers() string {
	var out strings.Builder
	for _, entry := range s.said {
		cause := ""
		if !entry.Cause.IsZero() {
			cause = "  <- " + strconv.FormatUint(entry.Cause.Seq, 10)
		}
		fmt.Fprintf(&out, "%4d %7s  %s%s\n", entry.ID.Seq, event.Short(entry.At.Boot), entry.Text(), cause)
	}
	s.said = nil
	return out.String()
}

func (s *stage) play(line string) {
	s.t.Helper()
	words := strings.Fields(line)
	if words[0] == "at" {
		s.until(s.duration(words[1]))
		words = words[2:]
	}
	rest := strings.Join(words[1:], " ")
	switch words[0] {
	case "wait":
	case "well": // from here on every message is delivered at once
		s.well = true
	case "clock": // clock +1h
		s.wall += s.duration(words[1])
	case "reboot":
		s.boot, s.now = "boot-2", 0
	case "services", "person", "channel", "team", "schedule", "policy", "standard":
		declare(s.t, &s.system, words[0], rest)
		s.desk.Know(&s.system)
	case "redeclare": // one line of the file anew, while incidents are open
		next := s.system
		declare(s.t, &next, words[1], strings.Join(words[2:], " "))
		s.system = next
		s.desk.Declare(s.clock(), &s.system, s.say(event.ID{}, event.Declared{System: s.system}), s.say)
		s.expire()
	case "trigger":
		trouble := s.trouble(words)
		s.desk.Trigger(s.clock(), trouble, s.say(event.ID{}, event.Escalated{Mode: trouble.Mode, ID: trouble.ID, Owner: trouble.Owner}), s.say)
		s.expire()
	case "over":
		trouble := s.trouble(words)
		s.desk.Over(s.clock(), trouble, s.say(event.ID{}, event.Restored{Mode: trouble.Mode, ID: trouble.ID}), s.say)
		s.expire()
	case "owed":
		for _, o := range s.desk.Owed() {
			wait := ""
			if o.NotBefore > s.now {
				wait = " not before " + event.Short(o.NotBefore)
			}
			s.say(event.ID{}, event.Noted{Text: "owed " + string(o.Key) + wait})
		}
	default:
		s.take(s.input(words))
	}
}

func (s *stage) duration(text string) time.Duration {
	d, err := time.ParseDuration(text)
	if err != nil {
		s.t.Fatal(err)
	}
	return d
}

// trouble reads "trigger api api.crash api-1 SEV2 page main of ops".
func (s *stage) trouble(words []string) Trouble {
	trouble := Trouble{Service: holdfast.ServiceName(words[1]), Mode: holdfast.ModeName(words[2]), Why: "its remedy did not help"}
	for i, word := range words[3:] {
		switch name, ordinal, _ := strings.Cut(word, "-"); {
		case name == words[1] && ordinal >= "1" && ordinal <= "9":
			n, _ := strconv.Atoi(ordinal)
			trouble.ID = holdfast.ReplicaID{Service: trouble.Service, Ordinal: n, Incarnation: 1}
		case strings.HasPrefix(word, "SEV"):
			trouble.Severity = holdfast.Severity(word)
		case word == "page" || word == "ticket":
			trouble.Urgency = holdfast.Urgency(word)
		case strings.HasPrefix(word, "promise:"):
			trouble.Promise, trouble.Mode, trouble.Why = holdfast.PromiseName(word[len("promise:"):]), "", "its budget burns"
		case word == "of":
			trouble.Owner = holdfast.OwnerName(words[3+i+1])
		case words[3+i-1] != "of":
			trouble.Policy = holdfast.PolicyName(word)
		}
	}
	return trouble
}

func (s *stage) input(words []string) event.Body {
	rest := strings.Join(words[min(2, len(words)):], " ")
	switch words[0] {
	case "acknowledged":
		return event.Acknowledged{Incident: holdfast.IncidentID(words[1]), By: words[3], Via: "command line"}
	case "attempted":
		return event.Attempted{Key: holdfast.MessageKey(words[1])}
	case "delivered":
		return event.Delivered{Key: holdfast.MessageKey(words[1]), Took: 120 * time.Millisecond}
	case "undelivered":
		return event.Undelivered{Key: holdfast.MessageKey(words[1]), Why: rest}
	case "unsure":
		return event.Undelivered{Key: holdfast.MessageKey(words[1]), Why: rest, Unsure: true}
	case "rejected":
		return event.Undelivered{Key: holdfast.MessageKey(words[1]), Why: rest, Rejected: true}
	case "later": // later KEY 10m why
		return event.Undelivered{Key: holdfast.MessageKey(words[1]), Why: strings.Join(words[3:], " "), Again: s.duration(words[2])}
	case "overridden": // overridden nights bo 30m 2h
		return event.Overridden{Override: holdfast.Override{
			Schedule: holdfast.ScheduleName(words[1]), Person: holdfast.PersonName(words[2]),
			From: begin().Add(s.duration(words[3])), Until: begin().Add(s.duration(words[4])), By: "ana",
		}}
	case "maintenance": // maintenance 1h [services]
		var services []holdfast.ServiceName
		for _, name := range words[2:] {
			services = append(services, holdfast.ServiceName(name))
		}
		return event.MaintenanceBegan{Services: services, Until: s.clock().Wall.Add(s.duration(words[1])), By: "ana", Why: "new disks"}
	case "maintained":
		return event.MaintenanceEnded{By: "ana"}
	default:
		s.t.Fatalf("no such input: %s", words)
		return nil
	}
}

// declare reads one line of who there is.
func declare(t testing.TB, system *holdfast.System, what, text string) {
	t.Helper()
	name, rest, _ := strings.Cut(text, " ")
	words := strings.Fields(rest)
	duty := &system.OnCall
	switch what {
	case "services": // services web needs api,cache likes ads; api of ops
		system.Services = nil
		for _, line := range strings.Split(text, ";") {
			system.Services = append(system.Services, service(strings.Fields(line)))
		}
	case "person": // person ana ntfy:ana mail:ana@x+5m
		duty.People = append(duty.People, holdfast.Person{Name: holdfast.PersonName(name), Contacts: contacts(t, words)})
	case "channel": // channel ntfy ntfy
		duty.Channels = append(duty.Channels, holdfast.Channel{Name: holdfast.ChannelName(name), Kind: holdfast.ChannelKind(rest)})
	case "team": // team ops ana bo
		system.People = append(system.People, holdfast.Team{Owner: holdfast.OwnerName(name), People: words})
	case "schedule": // schedule nights Europe/Berlin daily 2026-01-01 09:00 ana,bo [22:00-06:00]
		duty.Schedules = append(duty.Schedules, schedule(t, name, words))
	case "policy": // policy main 5m: ana; @nights +5m
		duty.Policies = append(duty.Policies, policy(t, text))
	case "standard":
		duty.Standard = holdfast.PolicyName(name)
	case "without": // without channel ntfy
		duty.Channels = nil
	}
}

func service(words []string) holdfast.Service {
	s := holdfast.Service{Name: holdfast.ServiceName(words[0])}
	for i := 1; i+1 < len(words); i += 2 {
		for _, on := range strings.Split(words[i+1], ",") {
			switch words[i] {
			case "needs", "likes":
				s.DependsOn = append(s.DependsOn, holdfast.Dependency{On: holdfast.ServiceName(on), Required: words[i] == "needs"})
			case "of":
				s.Owner = holdfast.OwnerName(on)
			}
		}
	}
	return s
}

func contacts(t testing.TB, words []string) []holdfast.Contact {
	var all []holdfast.Contact
	for _, word := range words {
		way, after, late := strings.Cut(word, "+")
		via, to, _ := strings.Cut(way, ":")
		c := holdfast.Contact{Via: holdfast.ChannelName(via), To: to}
		if late {
			c.After = parse(t, after)
		}
		all = append(all, c)
	}
	return all
}

func parse(t testing.TB, text string) time.Duration {
	t.Helper()
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func schedule(t testing.TB, name string, words []string) holdfast.Schedule {
	day, err := time.Parse(time.DateOnly, words[2])
	if err != nil {
		t.Fatal(err)
	}
	r := holdfast.Rotation{Turn: holdfast.Turn(words[1]), Length: 1, Start: holdfast.Wall{Year: day.Year(), Month: day.Month(), Day: day.Day(), Clock: clock(t, words[3])}}
	for _, person := range strings.Split(words[4], ",") {
		r.People = append(r.People, holdfast.PersonName(person))
	}
	if len(words) > 5 {
		from, until, _ := strings.Cut(words[5], "-")
		r.Covers = []holdfast.Cover{{From: clock(t, from), Until: clock(t, until)}}
	}
	return holdfast.Schedule{Name: holdfast.ScheduleName(name), TimeZone: words[0], Rotations: []holdfast.Rotation{r}}
}

func clock(t testing.TB, text string) holdfast.Clock {
	at, err := time.Parse("15:04", text)
	if err != nil {
		t.Fatal(err)
	}
	return holdfast.Clock(at.Hour()*60 + at.Minute())
}

// policy reads "main 5m: ana; @nights bo +5m; #room +1m".
func policy(t testing.TB, text string) holdfast.EscalationPolicy {
	head, steps, _ := strings.Cut(text, ":")
	name, repeat, _ := strings.Cut(head, " ")
	p := holdfast.EscalationPolicy{Name: holdfast.PolicyName(name)}
	if repeat != "" {
		p.Repeat = parse(t, repeat)
	}
	for _, step := range strings.Split(steps, ";") {
		var rule holdfast.EscalationRule
		for _, word := range strings.Fields(step) {
			rest := word[1:]
			switch word[0] {
			case '+':
				rule.After = parse(t, rest)
			case '@':
				rule.Notify = append(rule.Notify, holdfast.Recipient{Schedule: holdfast.ScheduleName(rest)})
			case '#':
				rule.Notify = append(rule.Notify, holdfast.Recipient{Channel: holdfast.ChannelName(rest)})
			case '%':
				rule.Notify = append(rule.Notify, holdfast.Recipient{Owner: holdfast.OwnerName(rest)})
			default:
				rule.Notify = append(rule.Notify, holdfast.Recipient{Person: holdfast.PersonName(word)})
			}
		}
		p.Rules = append(p.Rules, rule)
	}
	return p
}
