package control

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"holdfast"
	"holdfast/event"
)

// The wall clock may be stepped, by a person or by NTP, at any moment. It says
// when things happened and how old a proof is; nothing else is measured by it.
func TestAClockThatIsSteppedDecidesNothing(t *testing.T) {
	story := func(step func(n int) time.Time) []event.Entry {
		mind, said := New("a"), []event.Entry{}
		ids := []holdfast.ReplicaID{{Service: "catalog", Ordinal: 1, Incarnation: 1}, {Service: "catalog", Ordinal: 2, Incarnation: 1}}
		inputs := []event.Body{
			event.Inspected{Bases: []event.Basis{{Mode: "catalog.hang", On: "aaaa"}}},
			event.Proved{Basis: event.Basis{Mode: "catalog.hang", On: "aaaa"}, Verdict: holdfast.Pass, At: wall()},
			event.Declared{System: system(t, "catalog*2 standard")},
		}
		for _, id := range ids {
			inputs = append(inputs, holdfast.Started{ID: id, Address: "127.0.0.1:1"}, holdfast.Admitted{Gateway: "g", ID: id})
		}
		inputs = append(inputs, holdfast.Ejected{Gateway: "g", ID: ids[1], Sign: holdfast.SignSilent}, nil, nil, nil, nil)
		for n, in := range inputs {
			for _, entry := range mind.Step(event.At{Wall: step(n), Boot: time.Duration(n) * time.Second, BootID: "b"}, in) {
				entry.At.Wall = time.Time{}
				said = append(said, entry)
			}
		}
		return said
	}
	steady := story(func(n int) time.Time { return wall().Add(time.Duration(n) * time.Second) })
	restarted := false
	for _, entry := range steady {
		decided, ok := entry.Body.(event.Decided)
		restarted = restarted || ok && decided.Do == event.ActRestart
	}
	if !restarted {
		t.Fatalf("the story ends without its remedy: %v", steady)
	}
	for name, step := range map[string]func(int) time.Time{
		"an hour forward in the middle": func(n int) time.Time { return wall().Add(time.Duration(n/7) * time.Hour) },
		"a year back in the middle":     func(n int) time.Time { return wall().Add(-time.Duration(n/7) * 365 * 24 * time.Hour) },
		"standing still":                func(int) time.Time { return wall() },
	} {
		if got := story(step); !reflect.DeepEqual(got, steady) {
			t.Errorf("%s: the mind says\n%v\ninstead of\n%v", name, got, steady)
		}
	}
}

// Nor does a clock that is stepped change what is counted: an outage is paged and over
// when it is, and four weeks of counts are there after ten minutes in another year.
func TestAClockThatIsSteppedCountsNothing(t *testing.T) {
	const every = 15 * time.Second
	story := func(step func(n int) time.Duration) ([]string, Budget) {
		mind, said := New("a"), []string{}
		declared := system(t, "storefront*2")
		declared.Promise = &holdfast.Promise{Target: 0.999, Window: 28 * 24 * time.Hour}
		now := func(n int) event.At {
			boot := time.Duration(n) * every
			return event.At{Wall: wall().Add(boot + step(n)), Boot: boot, BootID: "b"}
		}
		mind.Step(now(0), event.Declared{System: declared})
		count := holdfast.RouteCount{Route: "storefront:8080", Service: "storefront"}
		const last = 4 * 240 // four hours
		for n := range last {
			count.Requests += 1000
			if n >= 480 && n < 500 { // five minutes of the third hour
				count.Failed += 1000
			}
			for _, entry := range mind.Step(now(n), holdfast.Counted{Gateway: "g", Routes: []holdfast.RouteCount{count}}) {
				switch entry.Body.(type) {
				case event.Burned, event.Cooled:
					said = append(said, fmt.Sprint(n, " ", event.Text(entry.Body)))
				}
			}
		}
		return said, mind.Budgets(now(last))[0]
	}
	steady, left := story(func(int) time.Duration { return 0 })
	if len(steady) < 4 || left.Seen.Bad != 20_000 {
		t.Fatalf("an outage of five minutes is told as %q, with %+v left", steady, left.Budget)
	}
	const year = 365 * 24 * time.Hour
	for name, step := range map[string]func(n int) time.Duration{
		"an hour forward":                   func(n int) time.Duration { return time.Duration(n/300) * time.Hour },
		"an hour back in the middle of it":  func(n int) time.Duration { return -time.Duration(n/490) * time.Hour },
		"ten years forward, and back again": func(n int) time.Duration { return map[bool]time.Duration{true: 10 * year}[n > 100 && n < 140] },
		"ten years back, and forward again": func(n int) time.Duration { return map[bool]time.Duration{true: -10 * year}[n > 100 && n < 140] },
	} {
		if got, budget := story(step); !reflect.DeepEqual(got, steady) || budget.Seen != left.Seen {
			t.Errorf("%s: %q, with %+v left\ninstead of %q, with %+v", name, got, budget.Budget, steady, left.Budget)
		}
	}
}

// After a reboot time has gone by as the wall says, and never backwards.
func TestACalendarIsNeverPutBack(t *testing.T) {
	at := wall()
	c := calendar{}.at(event.At{Wall: at, Boot: time.Hour, BootID: "a"})
	for _, next := range []struct {
		why  string
		now  event.At
		want time.Duration
	}{
		{"time goes by", event.At{Wall: at.Add(-time.Hour), Boot: 2 * time.Hour, BootID: "a"}, time.Hour},
		{"a boot clock does not go back; if it does, no time has gone by", event.At{Wall: at, Boot: 0, BootID: "a"}, time.Hour},
		{"the machine was off for a day", event.At{Wall: at.Add(25 * time.Hour), Boot: 0, BootID: "b"}, 25 * time.Hour},
		{"its clock stood still meanwhile", event.At{Wall: at, Boot: time.Minute, BootID: "c"}, 25 * time.Hour},
		{"and time goes by again", event.At{Wall: at, Boot: 2 * time.Minute, BootID: "c"}, 25*time.Hour + time.Minute},
	} {
		if c = c.at(next.now); c.At != at.Add(next.want) {
			t.Errorf("%s: %v after, want %v", next.why, c.At.Sub(at), next.want)
		}
	}
}
