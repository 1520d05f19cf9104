package spec

import (
	"strings"
	"testing"
	"time"

	"holdfast"
	"holdfast/source"

	"github.com/google/go-cmp/cmp"
)

// What the people file means, beside being good.
func TestWhoIsToldIsRead(t *testing.T) {
	system, problems := Read(open(t, "testdata/people.yaml"), environ())
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	got := system.OnCall
	listen := holdfast.Port{Port: 9443}
	want := holdfast.OnCall{
		People: []holdfast.Person{
			{Name: "ana", Contacts: []holdfast.Contact{{Via: "ntfy", To: "ana-alerts"}, {Via: "mail", To: "ana@example.com", After: 2 * time.Minute}}},
			{Name: "ben", Contacts: []holdfast.Contact{{Via: "mail", To: "ben@example.com"}}},
		},
		Channels: []holdfast.Channel{
			{Name: "ntfy", Kind: holdfast.ChannelNtfy, Address: "https://ntfy.sh", Secret: "env:TOKEN"},
			{Name: "mail", Kind: holdfast.ChannelSMTP, Address: "smtp.example.com:587", From: "holdfast@example.com", User: "holdfast", Secret: "file:/srv/shop/secrets/mail"},
			{Name: "pager", Kind: holdfast.ChannelPagerDuty, Secret: "env:TOKEN"},
			{Name: "chat", Kind: holdfast.ChannelSlack, Address: "env:TOKEN"},
			{Name: "rules", Kind: holdfast.ChannelAlertmanager, Address: "http://127.0.0.1:9093"},
			{Name: "hook", Kind: holdfast.ChannelWebhook, Address: "https://hooks.example.com/holdfast", Secret: "env:TOKEN"},
			{Name: "bell", Kind: holdfast.ChannelCommand, Address: "./ring --loud 'the bell'", Dir: "/srv/shop"},
		},
		Schedules: []holdfast.Schedule{{Name: "day-and-night", TimeZone: "Europe/Berlin", Rotations: []holdfast.Rotation{
			{
				Turn: holdfast.Daily, Length: 1, Start: holdfast.Wall{Year: 2026, Month: 11, Day: 23, Clock: 540}, People: []holdfast.PersonName{"ana", "ben"},
				Covers: []holdfast.Cover{{Days: []time.Weekday{1, 2, 3, 4, 5}, From: 540, Until: 1020}},
			},
			{Turn: holdfast.Weekly, Length: 2, Start: holdfast.Wall{Year: 2026, Month: 11, Day: 23, Clock: 1020}, People: []holdfast.PersonName{"ben", "ana"}},
		}}},
		Policies: []holdfast.EscalationPolicy{{Name: "web", Repeat: 10 * time.Minute, Rules: []holdfast.EscalationRule{
			{Notify: []holdfast.Recipient{{Schedule: "day-and-night"}}},
			{Notify: []holdfast.Recipient{{Person: "ana"}, {Person: "ben"}}, After: 10 * time.Minute},
			{Notify: []holdfast.Recipient{{Owner: "shop-team"}, {Channel: "pager"}}, After: 10 * time.Minute},
		}}},
		Standard: "web", Heartbeat: "env:TOKEN", Listen: &listen, URL: "https://ops.example.com",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	mode, _ := system.Mode("web.crash")
	if mode.Escalation != "web" || mode.Urgency != holdfast.Ticket {
		t.Errorf("web.crash wakes %q by %q", mode.Escalation, mode.Urgency)
	}
}

// Links lead where nobody else is published.
func TestLinksHaveAPortOfTheirOwn(t *testing.T) {
	const file = `name: shop
owner: us
on_call: {listen: "8080", url: "https://ops.example.com"}
services:
  web: {command: ./web, replicas: 2, ports: ["8080"]}
`
	for old, want := range map[string]string{"": "port 8080 is taken by `web`", `listen: "8080"`: ""} {
		text := strings.Replace(file, old, `listen: "9443"`, min(1, len(old)))
		_, problems := Read(source.File{Name: "holdfast.yaml", Text: []byte(text), Dir: "/srv/shop"}, environ())
		var said []string
		for _, p := range problems {
			said = append(said, p.Message)
		}
		if got := strings.Join(said, "; "); got != want {
			t.Errorf("it says %q, want %q", got, want)
		}
	}
}
