package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"holdfast"
	"holdfast/event"
	"holdfast/heartbeat"
	"holdfast/internal/files"
	"holdfast/internal/proc"
	"holdfast/oncall"
)

const (
	// turnsWithin is ten turns of a loop that has nothing to do.
	turnsWithin = 5 * time.Second
	// lateAfter is how long a message may be owed beyond its time: three tries that
	// nobody answers.
	lateAfter = time.Minute
	// toldWithin bounds how long a finding waits for a loop that may be what is stuck.
	toldWithin = 2 * time.Second
)

// audit looks once a minute whether whoever should be woken would be, from end to
// end, and has the heartbeat beat only then. A private copy wakes nobody.
func (a *agent) audit(ctx context.Context) error {
	clocks := &heartbeat.Clocks{Now: func() (time.Time, time.Duration) { return time.Now(), proc.Now() }}
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true}
	return heartbeat.Run(ctx, heartbeat.Options{
		Checks: func() []heartbeat.Check { return a.audited(clocks) },
		Beat: func(ctx context.Context) error {
			at := a.inForce().OnCall.Heartbeat
			if at == "" {
				return nil
			}
			address, err := holdfast.Secrets(secret).At(at)
			if err != nil {
				return err
			}
			return heartbeat.Beat(ctx, transport, address)
		},
		Found: func(f heartbeat.Finding, anew bool) { a.found(ctx, f, anew) },
	})
}

// audited is what is looked at, from the loop to those who are on call.
func (a *agent) audited(clocks *heartbeat.Clocks) []heartbeat.Check {
	system := a.inForce()
	if a.private || len(system.OnCall.Channels) == 0 && system.OnCall.Heartbeat == "" {
		return nil
	}
	return []heartbeat.Check{
		{Name: "loop", Passes: a.loopTurns},
		{Name: "journal", Passes: a.journalTakes},
		{Name: "outbox", Passes: func(context.Context) error { return a.pager.outbox.late(proc.Now()) }},
		{Name: "policies", Passes: func(context.Context) error { return a.policiesReach(&system) }},
		{Name: "secrets", Passes: func(context.Context) error { return secretsThere(system.OnCall) }},
		{Name: "links", Passes: func(context.Context) error { return a.linksLead() }},
		{Name: "clocks", Passes: clocks.Passes},
	}
}

func (a *agent) loopTurns(context.Context) error {
	if since := proc.Now() - time.Duration(a.turned.Load()); since > turnsWithin {
		return fmt.Errorf("the loop has not turned for %s", event.Short(since))
	}
	return nil
}

// journalTakes writes beside the journal, too: it may have had nothing to write for
// long.
func (a *agent) journalTakes(context.Context) error {
	if health := a.journal.Health(); health.Trouble != "" {
		return errors.New("the journal cannot be written: " + health.Trouble)
	}
	if err := files.ReplaceDurably(a.state.path("audited"), []byte(time.Now().UTC().Format(time.RFC3339)+"\n")); err != nil {
		return fmt.Errorf("the state directory cannot be written: %w", err)
	}
	return nil
}

func (a *agent) policiesReach(system *holdfast.System) error {
	now := time.Now()
	a.mu.Lock()
	overrides := a.duty.At(now).Overrides
	a.mu.Unlock()
	if why := oncall.Unreachable(system, overrides, now); len(why) > 0 {
		return errors.New(strings.Join(why, "; "))
	}
	return nil
}

// linksLead opens what the links lead to where it is not open: somebody else may have
// had the address when this agent started. A file that is just being declared does so
// itself.
func (a *agent) linksLead() error {
	if !a.declaring.TryLock() {
		return nil
	}
	defer a.declaring.Unlock()
	system := a.inForce()
	if err := a.pager.listen(&system); err != nil {
		return fmt.Errorf("the links in messages lead nowhere: %w", err)
	}
	return nil
}

// found says what changed since the last finding, or since the one that an agent
// before this one wrote down.
func (a *agent) found(ctx context.Context, f heartbeat.Finding, anew bool) {
	a.mu.Lock()
	before := a.status.Unwoken
	a.mu.Unlock()
	if !anew && (f.Why == "") == (before == "") {
		return
	}
	if f.Why != "" {
		fmt.Fprintln(os.Stderr, "agent: audit:", f.Why)
	}
	ctx, cancel := context.WithTimeout(ctx, toldWithin)
	defer cancel()
	_ = a.tell(ctx, event.Audited{Why: f.Why}) // a loop that does not take it is on stderr
}

// An outbox knows since when each message could have gone. The zero value is ready,
// but to wait for.
type outbox struct {
	news chan struct{} // holds one when what is owed has changed

	mu  sync.Mutex
	due map[holdfast.MessageKey]time.Duration // by the boot clock
}

func newOutbox() *outbox { return &outbox{news: make(chan struct{}, 1)} }

// owe says what is owed now: a message is due since it was first owed, or may be
// tried again.
func (o *outbox) owe(owed []oncall.Owed, now time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	due := map[holdfast.MessageKey]time.Duration{}
	for _, one := range owed {
		since, known := o.due[one.Key]
		if !known {
			since = now
		}
		due[one.Key] = max(since, one.NotBefore)
	}
	o.due = due
	select {
	case o.news <- struct{}{}:
	default:
	}
}

// leave waits until no message is owed that could go before some time has passed, and
// no longer than that.
func (o *outbox) leave(ctx context.Context, within time.Duration) {
	until, late := proc.Now()+within, time.NewTimer(within)
	defer late.Stop()
	for o.goes(until) {
		select {
		case <-ctx.Done():
			return
		case <-late.C:
			return
		case <-o.news:
		}
	}
}

// goes tells whether a message is owed that is not put off until some time or later.
func (o *outbox) goes(until time.Duration) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, due := range o.due {
		if due < until {
			return true
		}
	}
	return false
}

// late is what waits for longer than a minute beyond its time.
func (o *outbox) late(now time.Duration) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	count, longest := 0, time.Duration(0)
	for _, due := range o.due {
		if late := now - due; late > lateAfter {
			count++
			longest = max(longest, late)
		}
	}
	if count == 0 {
		return nil
	}
	return fmt.Errorf("%d of the messages that are owed should have gone long ago, one by %s", count, event.Short(longest))
}
