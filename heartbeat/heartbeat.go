// Package heartbeat audits, once a minute, whether whoever should be woken would be,
// and only then tells somebody elsewhere that all is well: who hears nothing any more
// has learnt of the death of a whole machine.
package heartbeat

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

const (
	// first is how soon after the start the first audit is: what begins has begun by
	// then, and an agent that was restarted is missed by nobody.
	first = 10 * time.Second
	// Every is how often, and what is to be told whoever waits for the heartbeat.
	Every = time.Minute
	// within bounds each check, and the beat.
	within = 10 * time.Second
)

// A Check is one thing without which nobody is woken. Passes says why it does not
// hold, and returns when ctx ends.
type Check struct {
	Name   string
	Passes func(context.Context) error
}

// A Finding is what an audit found wrong: names of checks, and why. The zero value is
// that all is well.
type Finding struct {
	Failed []string
	Why    string
}

// Beating is the name under which a beat that was not taken is found.
const Beating = "heartbeat"

// Options are what is audited. All fields are needed.
type Options struct {
	Checks func() []Check // none: there is nothing to audit, and no beat
	Beat   func(context.Context) error
	// Found is told what an audit found. Anew is set when it failed otherwise than the
	// one before, or passed after one that failed: what is to be said once.
	Found func(f Finding, anew bool)
}

// Run audits until ctx ends, and returns its error.
func Run(ctx context.Context, o Options) error {
	var before Finding
	timer := time.NewTimer(first)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
			timer.Reset(Every)
		}
		found := o.audit(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		o.Found(found, !slices.Equal(found.Failed, before.Failed))
		before = found
	}
}

// audit makes every check, also after one that failed: who reads the finding is told
// all of it. It beats when all passed.
func (o Options) audit(ctx context.Context) Finding {
	var found Finding
	checks := o.Checks()
	for _, check := range checks {
		found.add(ctx, check)
	}
	if len(checks) > 0 && len(found.Failed) == 0 {
		found.add(ctx, Check{Name: Beating, Passes: o.Beat})
	}
	return found
}

func (f *Finding) add(ctx context.Context, check Check) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	err := check.Passes(ctx)
	if err == nil {
		return
	}
	f.Failed = append(f.Failed, check.Name)
	f.Why = strings.TrimPrefix(f.Why+"; "+err.Error(), "; ")
}

// Beat tells an address that all is well, by a GET, as healthchecks.io and its kin
// take it. It follows nobody who sends it elsewhere, and no error of it holds the
// address, which is a secret as a rule.
func Beat(ctx context.Context, transport http.RoundTripper, address string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return errors.New("the heartbeat's address is not one")
	}
	request.Header.Set("User-Agent", "holdfast")
	client := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("the heartbeat does not arrive: %w", plain(err))
	}
	response.Body.Close()
	if response.StatusCode < 200 || response.StatusCode > 299 {
		return fmt.Errorf("the heartbeat is not taken: %d %s", response.StatusCode, http.StatusText(response.StatusCode)) // and not in its own words: it was asked a secret
	}
	return nil
}

// plain is an error without the address in it.
func plain(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}
