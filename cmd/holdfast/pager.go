package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"holdfast"
	"holdfast/notify/alertmanager"
	bell "holdfast/notify/command"
	"holdfast/notify/ntfy"
	"holdfast/notify/pagerduty"
	"holdfast/notify/slack"
	"holdfast/notify/smtp"
	"holdfast/notify/webhook"
)

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

// maxSecret bounds a secret's file: a key, not a document.
const maxSecret = 64 << 10

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
	file, err := os.Open(path)
	if err != nil {
		return "", err // names the path, and nothing that is in it
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxSecret))
	if err != nil {
		return "", err
	}
	value := strings.TrimSpace(string(text))
	if value == "" {
		return "", fmt.Errorf("the secret %s is empty", reference)
	}
	return value, nil
}
