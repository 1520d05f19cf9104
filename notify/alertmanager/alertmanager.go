// Package alertmanager tells a Prometheus Alertmanager, which tells whom it is set
// up to tell.
package alertmanager

import (
	"context"
	"strings"
	"time"

	"holdfast"
	"holdfast/internal/post"
)

// lasts is how long an alert holds without being sent again. Alertmanager takes what
// is not repeated for resolved after five minutes unless it is told an end; what is
// still bad is sent anew whenever somebody takes it, or nobody has it any more, well
// within a day.
const lasts = 24 * time.Hour

// skew is how far its clock may be behind ours: what is over by our clock would fire
// by its own until then.
const skew = time.Minute

// A Notifier sends alerts to one Alertmanager. It may be used by several at once.
type Notifier struct{ *post.Poster }

// New makes a notifier.
func New(channel holdfast.Channel, secrets holdfast.Secrets) *Notifier {
	return &Notifier{Poster: post.New(channel, secrets)}
}

type alert struct {
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
	StartsAt    string            `json:"startsAt,omitempty"`
	EndsAt      string            `json:"endsAt"`
	Generator   string            `json:"generatorURL,omitempty"`
}

// Send implements holdfast.Notifier.
func (n *Notifier) Send(ctx context.Context, m holdfast.Message) (string, error) {
	_, err := n.JSON(ctx, "/api/v2/alerts", nil, alertsOf(m))
	return "", err
}

// alertsOf is what fires, and what is over. That somebody has an incident it does not
// know, silences are for its own people: then it fires on, and says who has it.
//
// It is one alert for each severity: people route by it, so it is a label, and
// an alert with other labels is another alert. Those that the incident has not, or
// has no more, are over.
func alertsOf(m holdfast.Message) []alert {
	var all []alert
	for _, severity := range []holdfast.Severity{holdfast.SEV1, holdfast.SEV2, holdfast.SEV3, holdfast.SEV4} {
		one := alert{
			Labels:      map[string]string{"alertname": "HoldfastIncident", "system": string(m.System), "incident": string(m.Incident), "severity": string(severity)},
			Annotations: map[string]string{"summary": m.Subject, "description": m.Body, "urgency": string(m.Urgency)},
			EndsAt:      stamp(m.At.Add(-skew)),
		}
		if m.Purpose != holdfast.Resolve && severity == m.Severity {
			one.StartsAt, one.EndsAt = stamp(m.At), stamp(m.At.Add(lasts))
		}
		for _, l := range m.Links {
			one.Annotations["link_"+strings.ToLower(strings.ReplaceAll(l.Text, " ", "_"))] = l.URL
		}
		all = append(all, one)
	}
	return all
}

func stamp(at time.Time) string { return at.UTC().Format(time.RFC3339Nano) }
