package holdfast

import (
	"strings"
	"time"
)

// PersonName names somebody who answers for something: "ana", as `owners` lists
// them and `people` describes them.
type PersonName string

// A Person is somebody who can be told, and how.
type Person struct {
	Name     PersonName `json:"name"`
	Contacts []Contact  `json:"contacts,omitempty"` // in the order in which they are tried; at most MaxContacts
}

// A Contact is one way to reach a person: a channel, and their address there.
type Contact struct {
	Via ChannelName `json:"via"`
	// To is the address: "ana@example.com", a topic. It is empty where the channel
	// has one address for everybody.
	To string `json:"to,omitempty"`
	// After is how long a page stays unanswered before this contact is tried, too.
	// What a channel cannot deliver is not waited for: then the next one is tried at
	// once.
	After time.Duration `json:"after,omitempty"`
}

// MaxContacts bounds a person's contacts: who is not reached by eight is not
// reached by a ninth.
const MaxContacts = 8

// ChannelName names a channel: its key in the file.
type ChannelName string

// A ChannelKind says how a channel is spoken to. The kinds that exist are the
// packages below notify.
type ChannelKind string

// The kinds there are.
const (
	ChannelSMTP         ChannelKind = "smtp"
	ChannelNtfy         ChannelKind = "ntfy"
	ChannelPagerDuty    ChannelKind = "pagerduty" // Events API v2, as others speak it, too
	ChannelAlertmanager ChannelKind = "alertmanager"
	ChannelSlack        ChannelKind = "slack" // an incoming webhook
	ChannelWebhook      ChannelKind = "webhook"
	ChannelCommand      ChannelKind = "command"
)

// A Channel is a provider through which messages go.
type Channel struct {
	Name ChannelName `json:"name"`
	Kind ChannelKind `json:"kind"`
	// Address is a URL, host:port for SMTP, the words of a command joined by spaces;
	// where it is itself a secret (Slack's webhooks are), Secret holds it and Address
	// is empty.
	Address string `json:"address,omitempty"`
	From    string `json:"from,omitempty"` // SMTP: the sender
	User    string `json:"user,omitempty"` // SMTP
	Secret  Secret `json:"secret,omitempty"`
	// Insecure allows a secret to go over a connection that others can read.
	Insecure bool `json:"insecure,omitempty"`
}

// A Secret says where a secret is found, "env:NAME" or "file:/absolute/path", and
// never what it is: it may be written down.
type Secret string

// Provider is who stands behind a channel, so that it can be told whether two
// channels fail together: the kind and the host that is spoken to.
func (c Channel) Provider() string {
	host := c.Address
	if _, rest, ok := strings.Cut(host, "://"); ok {
		host = rest
	}
	host, _, _ = strings.Cut(host, "/")
	if c.Kind == ChannelCommand {
		host = c.Address
	}
	return strings.TrimSuffix(string(c.Kind)+" "+host, " ")
}
