package main

import (
	"strings"
	"testing"
	"time"

	"holdfast"
	"holdfast/api"
	"holdfast/journal/view"
)

// Who asks about Christmas is not told of an override of tonight; who asks tonight is
// told of that of Christmas.
func TestWhatIsOverByThenIsNotShown(t *testing.T) {
	tonight := time.Date(2026, 11, 27, 18, 0, 0, 0, time.UTC)
	override := func(from time.Time) holdfast.Override {
		return holdfast.Override{Schedule: "week", Person: "ben", From: from, Until: from.Add(12 * time.Hour)}
	}
	d := api.Duty{Duty: view.Duty{Overrides: []holdfast.Override{override(tonight), override(tonight.AddDate(0, 0, 27))}}}
	for at, want := range map[time.Time]int{tonight: 2, tonight.AddDate(0, 0, 26): 1, tonight.AddDate(0, 0, 40): 0} {
		if found := lookAt(d, at, at.AddDate(0, 0, 14)); len(found.Overrides) != want {
			t.Errorf("from %s on: %v", at, found.Overrides)
		}
	}
}

// What two people have in common is tested once, and both are named: who reads that
// only one was tested doubts the other's contacts.
func TestWhatIsSharedIsTestedOnceForBoth(t *testing.T) {
	person := func(name holdfast.PersonName, via ...holdfast.ChannelName) holdfast.Person {
		p := holdfast.Person{Name: name}
		for _, v := range via {
			p.Contacts = append(p.Contacts, holdfast.Contact{Via: v})
		}
		return p
	}
	tested := testedOf(holdfast.OnCall{People: []holdfast.Person{person("ana", "hook", "bell"), person("ben", "bell", "hook")}}, "")
	var out strings.Builder
	printTests(&out, tested)
	for _, line := range strings.Split(strings.TrimSpace(out.String()), "\n") {
		if !strings.HasPrefix(line, "ana, ben") {
			t.Errorf("the test says %q", line)
		}
	}
	if len(tested) != 2 {
		t.Errorf("%d messages", len(tested))
	}
}
