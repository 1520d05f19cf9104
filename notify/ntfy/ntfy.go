// Package ntfy tells people by ntfy, hosted or their own: to a topic each.
package ntfy

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"holdfast"
	"holdfast/internal/post"
)

// A Notifier publishes to one server. It may be used by several at once.
type Notifier struct{ *post.Poster }

// New makes a notifier.
func New(channel holdfast.Channel, secrets holdfast.Secrets) *Notifier {
	return &Notifier{Poster: post.New(channel, secrets)}
}

// note is a message as the server takes it, at its root.
type note struct {
	Topic    string   `json:"topic"`
	Title    string   `json:"title"`
	Message  string   `json:"message"`
	Priority int      `json:"priority"`
	Tags     []string `json:"tags,omitempty"`
	Click    string   `json:"click,omitempty"`
	Actions  []action `json:"actions,omitempty"`
}

type action struct {
	Action string `json:"action"` // "view"
	Label  string `json:"label"`
	URL    string `json:"url"`
}

// maxActions is ntfy's own bound.
const maxActions = 3

// Send implements holdfast.Notifier.
func (n *Notifier) Send(ctx context.Context, m holdfast.Message) (string, error) {
	header := http.Header{}
	if n.Channel.Secret != "" {
		token, err := n.Secrets(n.Channel.Secret)
		if err != nil {
			return "", err
		}
		header.Set("Authorization", "Bearer "+token)
	}
	answer, err := n.JSON(ctx, "/", header, noteOf(m))
	if err != nil {
		return "", err
	}
	var taken struct {
		ID string `json:"id"`
	}
	if err := json.Unmarshal(answer, &taken); err != nil || taken.ID == "" {
		return "", fmt.Errorf("who answered is not ntfy: it gave no id")
	}
	return taken.ID, nil
}

func noteOf(m holdfast.Message) note {
	out := note{Topic: m.To, Title: m.Subject, Message: m.Body, Priority: priority(m), Tags: tags(m)}
	for i, link := range m.Links {
		if i == 0 {
			out.Click = link.URL
		}
		if i < maxActions {
			out.Actions = append(out.Actions, action{Action: "view", Label: link.Text, URL: link.URL})
		}
	}
	return out
}

// priority: 5 rings through a silenced phone, 3 is ordinary.
func priority(m holdfast.Message) int {
	switch {
	case m.Purpose != holdfast.Trigger || m.Urgency == holdfast.Ticket:
		return 3
	case m.Severity == holdfast.SEV1 || m.Severity == holdfast.SEV2:
		return 5
	default:
		return 4
	}
}

func tags(m holdfast.Message) []string {
	tag := "rotating_light"
	if m.Purpose != holdfast.Trigger {
		tag = "white_check_mark"
	}
	return []string{tag, string(m.Severity)}
}
