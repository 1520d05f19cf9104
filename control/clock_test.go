package control

import (
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
