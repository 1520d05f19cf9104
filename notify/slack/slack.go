// Package slack tells a channel of Slack, by an incoming webhook.
package slack

import (
	"context"
	"strings"

	"holdfast"
	"holdfast/internal/post"
)

// A Notifier posts to one webhook. It may be used by several at once.
type Notifier struct{ *post.Poster }

// New makes a notifier.
func New(channel holdfast.Channel, secrets holdfast.Secrets) *Notifier {
	return &Notifier{Poster: post.New(channel, secrets)}
}

// Send implements holdfast.Notifier.
func (n *Notifier) Send(ctx context.Context, m holdfast.Message) (string, error) {
	_, err := n.JSON(ctx, "", nil, map[string]string{"text": text(m)})
	return "", err
}

// text is a message in Slack's marks. What they are made of is escaped, so that
// nothing a replica printed mentions a whole channel.
func text(m holdfast.Message) string {
	escape := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")
	var out strings.Builder
	out.WriteString("*" + escape.Replace(strings.ReplaceAll(m.Subject, "*", "∗")) + "*\n" + escape.Replace(m.Body))
	for _, l := range m.Links {
		out.WriteString("\n<" + strings.NewReplacer("<", "%3C", ">", "%3E", "|", "%7C").Replace(l.URL) + "|" + escape.Replace(strings.ReplaceAll(l.Text, "|", "/")) + ">")
	}
	return out.String()
}
