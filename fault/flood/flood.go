// Package flood asks a service for more than it can answer, as one caller who has
// lost his measure does.
//
// A flood is a process of its own, and its model is open: what it asks follows a
// schedule and waits for no answer. It is bounded in rate, in requests under way and
// in time, and ends by itself when it was not renewed for a lease.
package flood

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"syscall"
	"time"

	"holdfast"
	"holdfast/internal/proc"
	"holdfast/internal/role"
)

// Verb is the program's command that becomes a flood.
const Verb = "flood"

// The bounds of every flood, whatever it is told. What it may have under way is
// what bounds its connections, and its memory.
const (
	MaxRate = 3000 // a second; what two processors bear beside a system
	maxWay  = 400  // requests under way; what is due beyond is counted as refused, as by any caller's pool
	longest = time.Minute
	// patience is how long it waits for one answer. Who floods does not wait long,
	// and what waits longer than this stands in somebody else's queue.
	patience = time.Second
)

const (
	startTime = 4 * time.Second // until it is at work
	endTime   = 3 * time.Second
)

// What is said of a flood.
const (
	errNone  = holdfast.Refusal("nobody floods it")
	errStuck = holdfast.Refusal("who floods it is stopped")
)

// Check says what is wrong with an order, before anything is done.
func Check(f holdfast.Flood) error {
	at, err := url.Parse(f.URL)
	switch {
	case err != nil || at.Scheme != "http" || at.Port() == "":
		return fmt.Errorf("flood %q: want http://host:port/path", f.URL)
	case f.Rate <= 0 || f.Rate > MaxRate:
		return fmt.Errorf("flood of %v/s: want more than 0 and at most %d/s", f.Rate, MaxRate)
	default:
		return nil
	}
}

// Start returns when the flood is at work: its first request has reached somebody.
func Start(ctx context.Context, f holdfast.Flood) error {
	if err := Check(f); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	return role.Role{Verb: Verb, Mark: f.Keep + "/" + name(f), Order: f}.Start(ctx)
}

// Renew lets a flood go on for another holdfast.Lease.
func Renew(f holdfast.Flood) error {
	found, err := role.Find(name(f))
	if err != nil {
		return err
	}
	for _, one := range found {
		if state, err := proc.State(one.Pid); err == nil && state == "T" {
			return errStuck
		}
		if proc.Signal(one.Pid, one.Ticks, syscall.SIGUSR1) == nil {
			return nil
		}
	}
	return errNone
}

// End ends a flood, whatever state it is in, if there is one. It is ended before it
// is looked for twice: its connections are gone with it.
func End(ctx context.Context, f holdfast.Flood) error {
	at, err := url.Parse(f.URL)
	if err != nil || at.Host == "" {
		return errors.New("it does not say whom it floods")
	}
	ctx, cancel := context.WithTimeout(ctx, endTime)
	defer cancel()
	return role.End(ctx, name(f))
}

// name is the second half of a flood's mark: one address has one at a time.
func name(f holdfast.Flood) string {
	at, err := url.Parse(f.URL)
	if err != nil {
		return Verb
	}
	return Verb + "-" + at.Host
}
