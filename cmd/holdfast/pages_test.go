package main

import (
	"strings"
	"testing"

	"holdfast"
)

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
