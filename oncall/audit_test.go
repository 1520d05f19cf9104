package oncall

import (
	"strings"
	"testing"
	"time"

	"holdfast"
)

func TestWhoWouldReachNobodyIsNamed(t *testing.T) {
	monday := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	days := holdfast.Schedule{Name: "days", Rotations: []holdfast.Rotation{{
		Turn: holdfast.Weekly, Length: 1, Start: holdfast.Wall{Year: 2026, Month: 11, Day: 23}, People: []holdfast.PersonName{"ana"},
		Covers: []holdfast.Cover{{From: 9 * 60, Until: 17 * 60}},
	}}}
	contact := []holdfast.Contact{{Via: "bell"}}
	system := &holdfast.System{
		Owner: "web", People: []holdfast.Team{{Owner: "web", People: []string{"ben"}}},
		Modes: []holdfast.FailureMode{{Name: "cart.crash", Owner: "web"}, {Name: "cart.hang", Owner: "nobody", Escalation: "days-only"}},
		OnCall: holdfast.OnCall{
			People:    []holdfast.Person{{Name: "ana", Contacts: contact}, {Name: "ben"}},
			Channels:  []holdfast.Channel{{Name: "bell", Kind: holdfast.ChannelCommand, Address: "true"}},
			Schedules: []holdfast.Schedule{days},
			Policies: []holdfast.EscalationPolicy{
				{Name: "days-only", Rules: []holdfast.EscalationRule{{Notify: []holdfast.Recipient{{Person: "ben"}}}, {Notify: []holdfast.Recipient{{Schedule: "days"}}}}},
				{Name: "always", Rules: []holdfast.EscalationRule{{Notify: []holdfast.Recipient{{Channel: "bell"}}}}},
			},
		},
	}
	says := func(at time.Time, overrides []holdfast.Override, want ...string) {
		t.Helper()
		got := strings.Join(Unreachable(system, overrides, at), "\n")
		if got != strings.Join(want, "\n") {
			t.Errorf("at %s:\n%s\nwant\n%s", at, got, strings.Join(want, "\n"))
		}
	}
	const team = "nobody is told of what is web's: ben has no contact"
	says(monday, nil, team)
	night := monday.Add(8 * time.Hour)
	says(night, nil, "nobody is told by the policy days-only: ben has no contact; nobody is on call by days until 2026-11-24T09:00:00Z", team)
	says(night, []holdfast.Override{{Schedule: "days", Person: "ana", From: monday, Until: night.Add(time.Hour)}}, team)
	system.OnCall.Standard = "always"
	says(monday, nil)
}
