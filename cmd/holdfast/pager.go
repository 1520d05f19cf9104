package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"holdfast"
	"holdfast/acknowledge"
	"holdfast/event"
	"holdfast/internal/files"
	"holdfast/internal/proc"
	"holdfast/journal/view"
	"holdfast/notify"
	"holdfast/notify/alertmanager"
	bell "holdfast/notify/command"
	"holdfast/notify/ntfy"
	"holdfast/notify/pagerduty"
	"holdfast/notify/slack"
	"holdfast/notify/smtp"
	"holdfast/notify/webhook"
	"holdfast/oncall"
)

// A pager is what of an agent reaches people, and how they answer.
type pager struct {
	agent    *agent
	channels *channels
	sender   *notify.Sender
	page     *acknowledge.Server
	key      func() (acknowledge.Key, error)
	outbox   *outbox
}

func newPager(a *agent) *pager {
	p := &pager{agent: a, channels: newChannels(func() []holdfast.Channel { return a.inForce().OnCall.Channels }), key: acknowledge.KeyAt(a.state.path("acknowledge.key")), outbox: newOutbox()}
	p.sender = notify.New(notify.Options{Notifier: p.channels.of, Compose: p.compose, Tell: a.tell, Now: proc.Now})
	p.page = acknowledge.NewServer(acknowledge.Page(acknowledge.Options{
		Key: p.key, Look: p.look, Now: time.Now,
		Acknowledge: func(ctx context.Context, in event.Acknowledged) error { return a.Tell(ctx, in) },
	}))
	return p
}

// run hands over what people are owed and serves the page by which they answer, and
// lets its connections go at the end. A private copy has nobody to tell: its file
// names no channel, and nowhere to listen.
func (p *pager) run(ctx context.Context) error {
	defer p.channels.close()
	return together(ctx, p.sender.Run, p.page.Run)
}

// owe says what is owed now.
func (p *pager) owe(owed []oncall.Owed) {
	p.outbox.owe(owed, proc.Now())
	p.sender.Owe(owed)
}

// listen has the page served where a file says, if it does.
func (p *pager) listen(system *holdfast.System) error {
	if system.OnCall.Listen == nil || p.agent.private {
		return p.page.Listen("")
	}
	return p.page.Listen(system.OnCall.Listen.String())
}

// compose writes a message from what is known now. One that wakes somebody has the
// link by which they say that they have it.
func (p *pager) compose(o oncall.Owed) holdfast.Message {
	now := time.Now()
	m := p.agent.message(o.Paged, now)
	on := p.agent.inForce().OnCall
	if o.Purpose != holdfast.Trigger || on.Listen == nil || on.URL == "" {
		return m
	}
	base, err := holdfast.Secrets(secret).At(holdfast.Place(on.URL))
	if err == nil {
		var key acknowledge.Key
		if key, err = p.key(); err == nil {
			claim := acknowledge.Claim{Incident: o.Incident, By: addressee(o.Paged), Until: now.Add(acknowledge.LinkFor)}
			m.Links = append([]holdfast.Link{{Text: "Acknowledge", URL: key.Link(base, claim)}}, m.Links...)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "agent: a page goes without a link:", err)
	}
	return m
}

// addressee is who acknowledges with the link in a message.
func addressee(p event.Paged) string {
	if p.Person == "" {
		return "somebody at " + string(p.Via)
	}
	return string(p.Person)
}

// look is an incident as the page shows it.
func (p *pager) look(id holdfast.IncidentID) (acknowledge.Incident, bool) {
	found, known := p.agent.incident(id)
	if !known {
		return acknowledge.Incident{}, false
	}
	m := p.agent.message(event.Paged{Incident: id, Purpose: holdfast.Trigger, Urgency: found.Urgency}, time.Now())
	return acknowledge.Incident{Subject: m.Subject, Body: m.Body, By: found.By, Over: !found.Resolved.IsZero()}, true
}

// message is what is sent of an incident, or shown of it, now.
func (a *agent) message(p event.Paged, now time.Time) holdfast.Message {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.incidents.Message(p, now)
}

// incident is a copy of one, without its story.
func (a *agent) incident(id holdfast.IncidentID) (view.Incident, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	found := a.incidents.Find(id)
	if found == nil {
		return view.Incident{}, false
	}
	copied := *found
	copied.Story = nil
	return copied, true
}

// channels are the notifiers of the file in force, made when they are first needed.
// They may be asked by several at once.
type channels struct {
	declared func() []holdfast.Channel

	mu   sync.Mutex
	made map[holdfast.Channel]holdfast.Notifier
}

func newChannels(declared func() []holdfast.Channel) *channels {
	return &channels{declared: declared, made: map[holdfast.Channel]holdfast.Notifier{}}
}

// of is who speaks to a channel, false where the file names none of that name. What
// is no longer declared is let go.
func (c *channels) of(name holdfast.ChannelName) (holdfast.Notifier, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	declared := map[holdfast.Channel]bool{}
	var found *holdfast.Channel
	for _, channel := range c.declared() {
		declared[channel] = true
		if channel.Name == name {
			found = &channel
		}
	}
	for channel, notifier := range c.made {
		if !declared[channel] {
			c.drop(notifier)
			delete(c.made, channel)
		}
	}
	if found == nil {
		return nil, false
	}
	notifier, made := c.made[*found]
	if !made {
		notifier, made = notifierOf(*found)
		if made {
			c.made[*found] = notifier
		}
	}
	return notifier, made
}

// close lets every connection go.
func (c *channels) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, notifier := range c.made {
		c.drop(notifier)
	}
	clear(c.made)
}

func (c *channels) drop(notifier holdfast.Notifier) {
	if closer, ok := notifier.(interface{ Close() }); ok {
		closer.Close()
	}
}

// notifierOf makes the notifier of a kind of channel.
func notifierOf(channel holdfast.Channel) (holdfast.Notifier, bool) {
	switch channel.Kind {
	case holdfast.ChannelSMTP:
		return smtp.New(channel, secret), true
	case holdfast.ChannelNtfy:
		return ntfy.New(channel, secret), true
	case holdfast.ChannelPagerDuty:
		return pagerduty.New(channel, secret), true
	case holdfast.ChannelAlertmanager:
		return alertmanager.New(channel, secret), true
	case holdfast.ChannelSlack:
		return slack.New(channel, secret), true
	case holdfast.ChannelWebhook:
		return webhook.New(channel, secret), true
	case holdfast.ChannelCommand:
		return bell.New(channel), true
	default:
		return nil, false
	}
}

// secret looks a reference up.
func secret(reference holdfast.Secret) (string, error) {
	if name, ok := strings.CutPrefix(string(reference), "env:"); ok {
		value, set := os.LookupEnv(name)
		if !set || value == "" {
			return "", fmt.Errorf("the secret %s is not set where holdfast was started", reference)
		}
		return value, nil
	}
	path, ok := strings.CutPrefix(string(reference), "file:")
	if !ok {
		return "", errors.New("a secret is neither in the environment nor in a file")
	}
	value, err := files.Secret(path)
	if err == nil && value == "" {
		err = fmt.Errorf("the secret %s is empty", reference)
	}
	return value, err
}
