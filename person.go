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
	// Address is a URL, host:port for SMTP, a command. Slack's URL is a secret, and so
	// may any other be.
	Address Place  `json:"address,omitempty"`
	From    string `json:"from,omitempty"` // SMTP: the sender
	User    string `json:"user,omitempty"` // SMTP
	// Secret is SMTP's password, ntfy's token, PagerDuty's routing key, what a webhook
	// is signed with.
	Secret Secret `json:"secret,omitempty"`
	// Dir is the folder a command runs in.
	Dir string `json:"dir,omitempty"`
}

// A Place is where something is: as it is written, or a Secret that says it.
type Place string

// Secret is the reference behind a place; false where it is written out.
func (p Place) Secret() (Secret, bool) {
	hidden := strings.HasPrefix(string(p), "env:") || strings.HasPrefix(string(p), "file:")
	return Secret(p), hidden
}

// A Secret says where a secret is found, "env:NAME" or "file:/absolute/path", and
// never what it is: it may be written down.
type Secret string

// Provider is who stands behind a channel, so that it can be told whether two
// channels fail together: the kind and the host that is spoken to.
func (c Channel) Provider() string {
	host := string(c.Address)
	if _, rest, ok := strings.Cut(host, "://"); ok {
		host = rest
	}
	host, _, _ = strings.Cut(host, "/")
	if c.Kind == ChannelCommand {
		host = string(c.Address)
	}
	return strings.TrimSuffix(string(c.Kind)+" "+host, " ")
}

// Secrets looks up what a reference stands for, at every use: a secret that was
// changed holds at once. Its errors name the reference, never the secret.
type Secrets func(Secret) (string, error)

// At is a place as it is, looked up where it is a secret.
func (s Secrets) At(p Place) (string, error) {
	if hidden, ok := p.Secret(); ok {
		return s(hidden)
	}
	return string(p), nil
}
