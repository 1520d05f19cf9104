package oncall

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"holdfast"
	"holdfast/event"
)

// stormy is a system of a front that needs a hundred services, which need one store,
// with one person on call.
func stormy() holdfast.System {
	system := holdfast.System{Name: "shop", Owner: "ops", People: []holdfast.Team{{Owner: "ops", People: []string{"ana"}}}}
	front := holdfast.Service{Name: "front"}
	for i := range 100 {
		name := holdfast.ServiceName(fmt.Sprintf("s%d", i))
		front.DependsOn = append(front.DependsOn, holdfast.Dependency{On: name, Required: true})
		system.Services = append(system.Services, holdfast.Service{Name: name, DependsOn: []holdfast.Dependency{{On: "store", Required: true}}})
	}
	system.Services = append(system.Services, front, holdfast.Service{Name: "store"})
	system.OnCall.Channels = []holdfast.Channel{{Name: "ntfy", Kind: holdfast.ChannelNtfy}}
	system.OnCall.People = []holdfast.Person{{Name: "ana", Contacts: []holdfast.Contact{{Via: "ntfy", To: "ana"}}}}
	return system
}

func struck(n int) Trouble {
	service := holdfast.ServiceName(fmt.Sprintf("s%d", n%100))
	return Trouble{Service: service, Mode: holdfast.ModeName(service + ".crash"), ID: holdfast.ReplicaID{Service: service, Ordinal: 1 + n/100}, Severity: holdfast.SEV2, Why: "its remedy did not help"}
}

// Ten thousand alerts within a minute, each of another replica: one incident, one
// page, and it is over when the last of them is.
func TestTenThousandAlertsAreOneIncident(t *testing.T) {
	system := stormy()
	s := newStage(t)
	s.system = system
	s.desk.Know(&s.system)
	count := map[string]int{}
	s.hear = func(e event.Entry) { count[e.Body.Kind()]++ }
	const storm = 10_000
	s.desk.Trigger(s.clock(), Trouble{Service: "front", Promise: "checkout", Severity: holdfast.SEV1, Why: "its budget burns"}, event.ID{}, s.say)
	for n := range storm {
		s.now += time.Minute / storm
		s.desk.Trigger(s.clock(), struck(n), event.ID{}, s.say)
		s.desk.Expire(s.clock(), s.say)
	}
	if count["opened"] != 1 || count["paged"] != 1 || count["joined"] > MaxTold {
		t.Errorf("a storm says %v", count)
	}
	s.expire()
	text, err := json.Marshal(s.desk)
	if err != nil || len(text) > 1<<20 {
		t.Errorf("a storm is %d bytes of state (%v)", len(text), err)
	}
	for n := range storm {
		s.desk.Over(s.clock(), struck(n), event.ID{}, s.say)
	}
	if count["resolved"] != 0 {
		t.Error("it is over, and the promise still burns")
	}
	s.desk.Over(s.clock(), Trouble{Service: "front", Promise: "checkout"}, event.ID{}, s.say)
	s.expire()
	if resolved, ok := find[event.Resolved](s.said); !ok || resolved.Parts != storm+1 {
		t.Errorf("it is over with %v", resolved)
	}
	t.Logf("%d bytes of state, %v", len(text), count)
}

// Beyond what is remembered nothing breaks: it is counted, and the incident is over
// when all that is remembered is.
func TestMoreThanIsRemembered(t *testing.T) {
	s := newStage(t)
	s.system = stormy()
	s.desk.Know(&s.system)
	s.now = time.Minute
	store := Trouble{Service: "store", Mode: "store.hang"}
	s.desk.Trigger(s.clock(), store, event.ID{}, s.say)
	for n := range MaxParts + 99 {
		s.desk.Trigger(s.clock(), struck(n), event.ID{}, s.say)
	}
	s.desk.Over(s.clock(), store, event.ID{}, s.say)
	for n := range MaxParts + 99 {
		s.desk.Over(s.clock(), struck(n), event.ID{}, s.say)
	}
	s.expire()
	if resolved, ok := find[event.Resolved](s.said); !ok || resolved.Parts != MaxParts+100 {
		t.Errorf("it is over with %v, %v", resolved, ok)
	}
}

// What one step of the mind tells is heard to its end before anybody is paged: the
// owner of a dependent is not woken for a cause that is told in the same breath.
func TestAStepIsHeardToItsEnd(t *testing.T) {
	s := newStage(t)
	s.now = time.Minute
	for _, line := range []string{
		"services web needs db; db", "person ana ntfy:ana", "person dee ntfy:dee", "channel ntfy ntfy", "team web-team ana", "team db-team dee",
	} {
		s.play(line)
	}
	for _, trouble := range []Trouble{{Service: "web", Mode: "web.errors", Owner: "web-team"}, {Service: "db", Mode: "db.hang", Owner: "db-team"}} {
		s.desk.Trigger(s.clock(), trouble, event.ID{}, s.say)
	}
	s.expire()
	var paged []holdfast.PersonName
	for _, o := range s.desk.Owed() {
		paged = append(paged, o.Person)
	}
	if !slices.Equal(paged, []holdfast.PersonName{"dee"}) {
		t.Errorf("paged are %v", paged)
	}
}

// One alert that comes and goes ten thousand times in ten minutes is one incident,
// and is not paged more often than one that stays.
func TestFlappingIsPagedNoMoreThanStaying(t *testing.T) {
	s := newStage(t)
	s.system = stormy()
	s.desk.Know(&s.system)
	count, pages := map[string]int{}, 0
	s.hear = func(e event.Entry) {
		count[e.Body.Kind()]++
		if paged, ok := e.Body.(event.Paged); ok && paged.Purpose == holdfast.Trigger {
			pages++
		}
	}
	s.well = true
	for range 10_000 {
		s.desk.Trigger(s.clock(), struck(0), event.ID{}, s.say)
		s.desk.Expire(s.clock(), s.say)
		s.until(s.now + 59*time.Millisecond)
		s.desk.Over(s.clock(), struck(0), event.ID{}, s.say)
		s.desk.Expire(s.clock(), s.say)
		s.until(s.now + time.Millisecond)
	}
	// The first is over before it is sent, so that nobody knows, and there is another
	// one after a minute; then as often as the policy repeats.
	if pages > 3 || count["opened"] != 10_000 {
		t.Errorf("flapping for ten minutes pages %d times: %v", pages, count)
	}
	if id := s.desk.Past[0].ID; id != "20261127-1" || len(s.desk.Past) != 1 {
		t.Errorf("it is %s, one of %d", id, len(s.desk.Past))
	}
}

func find[B event.Body](said []event.Entry) (B, bool) {
	for _, entry := range said {
		if body, ok := entry.Body.(B); ok {
			return body, true
		}
	}
	var none B
	return none, false
}

// BenchmarkExpire is what the desk adds to a step of the mind in which nothing of it
// falls due, a storm being open.
func BenchmarkExpire(b *testing.B) {
	s := newStage(b)
	s.system = stormy()
	s.desk.Know(&s.system)
	for n := range 10_000 {
		s.desk.Trigger(s.clock(), struck(n), event.ID{}, s.say)
	}
	s.desk.Expire(s.clock(), s.say)
	for b.Loop() {
		s.desk.Expire(s.clock(), s.say)
	}
}

// BenchmarkTrigger is one alert of a storm.
func BenchmarkTrigger(b *testing.B) {
	s := newStage(b)
	s.system = stormy()
	s.desk.Know(&s.system)
	n := 0
	for b.Loop() {
		s.desk.Trigger(s.clock(), struck(n%10_000), event.ID{}, func(event.ID, event.Body) event.ID { return event.ID{} })
		s.desk.Expire(s.clock(), func(event.ID, event.Body) event.ID { return event.ID{} })
		n++
	}
}
