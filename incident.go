package holdfast

import (
	"context"
	"time"
)

// An IncidentID names an incident for ever: the day it was opened (UTC) and which
// of that day it was, "20261127-3".
type IncidentID string

// A Severity says how much of what is promised an incident takes away.
type Severity string

// From the worst: all users of a promise, or a promise whose budget is spent; a
// promise that burns; a failure that users do not see yet, or redundancy that is
// gone; what can wait.
const (
	SEV1 Severity = "SEV1"
	SEV2 Severity = "SEV2"
	SEV3 Severity = "SEV3"
	SEV4 Severity = "SEV4"
)

// A MessageKey is the idempotency key of one message to one person through one
// channel: who sends it again sends it under the same key, and a provider that
// honours keys shows one.
type MessageKey string

// A Purpose is what a message says of its incident.
type Purpose string

// The purposes there are.
const (
	Trigger     Purpose = "trigger"
	Acknowledge Purpose = "acknowledge" // somebody has it; the others may sleep
	Resolve     Purpose = "resolve"
)

// A Message is what is handed to a provider. It holds no secret.
type Message struct {
	Key      MessageKey
	Purpose  Purpose
	Incident IncidentID
	System   SystemName
	Severity Severity
	Urgency  Urgency
	Subject  string // one line, at most MaxSubject bytes
	Body     string // plain text, at most MaxBody bytes
	To       string // the address at the channel; empty where it has one of its own
	At       time.Time
	Links    []Link
	Drill    bool // said in the subject, too
}

// The bounds of a message: Events API v2 takes 1024 characters of summary, and ntfy
// 4 KiB of message before it makes a file of it.
const (
	MaxSubject = 1024
	MaxBody    = 4000
)

// A Link is something to open: the page that acknowledges, the runbook.
type Link struct {
	Text string
	URL  string
}

// A Notifier hands messages to one provider.
//
// Send returns once the provider has taken the message over, with what it calls
// it (empty where it says nothing), or with why not: an error that is ErrRejected
// when trying again is of no use (a revoked token, an address that does not exist),
// a Later when the provider says when to come again, any other when it may. It ends
// within ctx's deadline, may be called by several at once, and never puts a secret
// into an error. Sent twice under one Key, a message is shown once where the
// provider can do that: the key goes with it.
type Notifier interface {
	Send(ctx context.Context, m Message) (receipt string, err error)
}

// ErrRejected is what a Notifier refuses with when trying again is of no use.
const ErrRejected = Refusal("the provider does not take this message")

// A Later is a provider's word that it takes no message before some time has gone
// by.
type Later struct{ After time.Duration }

func (l Later) Error() string { return "the provider asks to wait " + l.After.String() }
