package oncall

import (
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast"
)

// office is a file whose people, channels and schedules a test may ask.
func office() *holdfast.System {
	week := holdfast.Rotation{Turn: holdfast.Weekly, Length: 1, Start: holdfast.Wall{Year: 2026, Month: 11, Day: 23, Clock: 9 * 60}, People: []holdfast.PersonName{"ana", "ben"}}
	days := week
	days.Covers = []holdfast.Cover{{Days: []time.Weekday{1, 2, 3, 4, 5}, From: 9 * 60, Until: 17 * 60}}
	return &holdfast.System{
		Owner: "team", People: []holdfast.Team{{Owner: "team", People: []string{"ana", "cem"}}, {Owner: "nobody"}},
		OnCall: holdfast.OnCall{
			People: []holdfast.Person{
				{Name: "ana", Contacts: []holdfast.Contact{{Via: "push", To: "a"}, {Via: "mail", To: "a@x"}}},
				{Name: "ben", Contacts: []holdfast.Contact{{Via: "push", To: "b"}}},
				{Name: "cem"},
			},
			Channels: []holdfast.Channel{
				{Name: "push", Kind: holdfast.ChannelNtfy, Address: "https://ntfy.sh"}, {Name: "loud", Kind: holdfast.ChannelNtfy, Address: "https://ntfy.sh/"},
				{Name: "mail", Kind: holdfast.ChannelSMTP, Address: "mail.x:587"}, {Name: "pd", Kind: holdfast.ChannelPagerDuty},
			},
			Schedules: []holdfast.Schedule{{Name: "week", Rotations: []holdfast.Rotation{week}}, {Name: "days", Rotations: []holdfast.Rotation{days}}},
			Policies: []holdfast.EscalationPolicy{
				{Name: "week", Rules: []holdfast.EscalationRule{{Notify: []holdfast.Recipient{{Schedule: "week"}}}, {Notify: []holdfast.Recipient{{Person: "ana"}, {Channel: "loud"}}}}},
				{Name: "days", Rules: []holdfast.EscalationRule{{Notify: []holdfast.Recipient{{Schedule: "days"}, {Person: "cem"}}}}},
				{Name: "elsewhere", Rules: []holdfast.EscalationRule{{Notify: []holdfast.Recipient{{Channel: "pd"}}}}},
			},
		},
	}
}

func TestWhoCanBeReached(t *testing.T) {
	monday := time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		policy    holdfast.PolicyName
		owner     holdfast.OwnerName
		standard  holdfast.PolicyName
		people    string
		providers string
		silent    string
		gaps      int
		pager     bool
	}{
		{policy: "week", people: "ana ben", providers: "ntfy ntfy.sh, smtp mail.x:587"},
		{policy: "days", people: "ben ana", providers: "ntfy ntfy.sh, smtp mail.x:587", silent: "cem has no contact", gaps: 66}, // before each of 65 mornings, and after the last evening
		{policy: "elsewhere", providers: "pagerduty", pager: true},
		{policy: "unknown", standard: "elsewhere", providers: "pagerduty", pager: true},
		{owner: "team", people: "ana", providers: "ntfy ntfy.sh, smtp mail.x:587", silent: "cem has no contact"},
		{people: "ana", providers: "ntfy ntfy.sh, smtp mail.x:587", silent: "cem has no contact"},
		{owner: "nobody", silent: "nobody belongs to nobody"},
	} {
		system := office()
		system.OnCall.Standard = c.standard
		a := AudienceOf(system, c.policy, c.owner, monday)
		var people []string
		for _, p := range a.People {
			people = append(people, string(p))
		}
		if got := strings.Join(people, " "); got != c.people {
			t.Errorf("%+v: people %q", c, got)
		}
		if got := strings.Join(a.Providers(), ", "); got != c.providers {
			t.Errorf("%+v: providers %q", c, got)
		}
		if got := strings.Join(a.Silent, ", "); got != c.silent || len(a.Gaps) != c.gaps {
			t.Errorf("%+v: silent %q, gaps %d", c, got, len(a.Gaps))
		}
		if _, pager := a.Pager(); pager != c.pager {
			t.Errorf("%+v: pager %v", c, pager)
		}
	}
}

// Where it is not known from when, whoever a schedule names is meant.
func TestAtNoTimeWhoeverIsNamedIsMeant(t *testing.T) {
	if a := AudienceOf(office(), "days", "", time.Time{}); !slices.Equal(a.People, []holdfast.PersonName{"ana", "ben"}) || len(a.Gaps) > 0 {
		t.Errorf("%+v", a)
	}
}

// A schedule that has not begun yet is a gap until it does.
func TestAScheduleThatBeginsLaterIsAGap(t *testing.T) {
	before := time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
	a := AudienceOf(office(), "week", "", before)
	begins := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	if len(a.Gaps) != 1 || !a.Gaps[0].Until.Equal(begins) || a.Gaps[0].Schedule != "week" || !slices.Contains(a.People, "ben") {
		t.Errorf("%+v", a)
	}
}
