// Package pagerduty tells PagerDuty, or whoever else takes its Events API v2.
package pagerduty

import (
	"cmp"
	"context"
	"encoding/json"
	"time"

	"holdfast"
	"holdfast/internal/post"
)

// Standard is where events go unless the channel says otherwise.
const Standard = "https://events.pagerduty.com/v2/enqueue"

// A Notifier sends events by one routing key. It may be used by several at once.
type Notifier struct{ *post.Poster }

// New makes a notifier.
func New(channel holdfast.Channel, secrets holdfast.Secrets) *Notifier {
	channel.Address = cmp.Or(channel.Address, Standard)
	return &Notifier{Poster: post.New(channel, secrets)}
}

type event struct {
	RoutingKey string   `json:"routing_key"`
	Action     string   `json:"event_action"`
	DedupKey   string   `json:"dedup_key"`
	Client     string   `json:"client,omitempty"`
	Payload    *payload `json:"payload,omitempty"`
	Links      []link   `json:"links,omitempty"`
}

type payload struct {
	Summary   string            `json:"summary"`
	Source    string            `json:"source"`
	Severity  string            `json:"severity"`
	Timestamp string            `json:"timestamp"`
	Group     string            `json:"group,omitempty"`
	Details   map[string]string `json:"custom_details,omitempty"`
}

type link struct {
	Href string `json:"href"`
	Text string `json:"text"`
}

// Send implements holdfast.Notifier.
func (n *Notifier) Send(ctx context.Context, m holdfast.Message) (string, error) {
	key, err := n.Secrets(n.Channel.Secret)
	if err != nil {
		return "", err
	}
	answer, err := n.JSON(ctx, "", nil, eventOf(m, key))
	if err != nil {
		return "", err
	}
	var taken struct {
		DedupKey string `json:"dedup_key"`
	}
	_ = json.Unmarshal(answer, &taken) // whoever else takes these events may answer nothing
	return taken.DedupKey, nil
}

func eventOf(m holdfast.Message, key string) event {
	e := event{RoutingKey: key, Action: string(m.Purpose), DedupKey: string(m.System) + "/" + string(m.Incident), Client: "holdfast"}
	if m.Purpose != holdfast.Trigger {
		return e
	}
	e.Payload = &payload{
		Summary: m.Subject, Source: string(m.System), Severity: severity(m), Timestamp: m.At.UTC().Format(time.RFC3339), Group: string(m.System),
		Details: map[string]string{"text": m.Body, "severity": string(m.Severity), "incident": string(m.Incident)},
	}
	for _, l := range m.Links {
		e.Links = append(e.Links, link{Href: l.URL, Text: l.Text})
	}
	return e
}

// severity is one of the four words of the common event format.
func severity(m holdfast.Message) string {
	switch {
	case m.Urgency == holdfast.Ticket:
		return "warning"
	case m.Severity == holdfast.SEV1:
		return "critical"
	default:
		return "error"
	}
}
