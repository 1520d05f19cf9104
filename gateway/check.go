package gateway

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strconv"
	"syscall"
	"time"

	"holdfast"
)

// How often a replica is looked at.
const (
	eager    = 50 * time.Millisecond  // while it starts: so much later it is used than it could be
	recheck  = 100 * time.Millisecond // after a miss, and between the two passes of a return
	backOff  = 10                     // past its start period, wait a tenth of the time it has been out
	jittered = 0.2                    // share by which a steady interval varies, so that gateways do not march in step
)

// startWatch begins the checks of an endpoint, if the gateway runs. The caller
// holds mu; Run waits for what is started here.
func (g *Gateway) startWatch(s *service, e *endpoint) {
	if w := g.work; w != nil {
		w.group.Go(func() { g.watch(w.ctx, s, e) })
	}
}

// watch checks an endpoint until no table names it, it is gone, or ctx ends.
// Every endpoint has its own watch: a slow one delays no other.
func (g *Gateway) watch(ctx context.Context, s *service, e *endpoint) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	var last time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-e.retired:
			return
		case <-e.nudged:
			// A storm of nudges is still one check per 50 ms.
			timer.Reset(time.Until(last.Add(eager)))
			continue
		case <-timer.C:
		}
		last = time.Now()
		wait, more := g.look(ctx, s, e)
		if !more {
			return
		}
		timer.Reset(wait)
		e.pool.trim(time.Now())
	}
}

// look checks once and says when to look again.
func (g *Gateway) look(ctx context.Context, s *service, e *endpoint) (wait time.Duration, more bool) {
	g.mu.Lock()
	check, protocol := s.check, s.protocol
	g.mu.Unlock()
	if !check.Disabled {
		seen := checkOnce(ctx, e.Address, protocol, check)
		if ctx.Err() != nil {
			return 0, false
		}
		if seen.lack != nil {
			g.log.say("cannot look at %s: %v", e.ID, seen.lack)
		} else {
			g.judge(s, e, seen)
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if e.standing == gone {
		return 0, false
	}
	wait = cadence(s.check, e.standing, e.misses, e.passes, now()-e.since)
	if e.standing == admitted && wait == s.check.Interval {
		wait = time.Duration(float64(wait) * (1 - jittered + 2*jittered*rand.Float64()))
	}
	return wait, true
}

// cadence is the time until the next check. Since is how long the endpoint has
// had its standing.
func cadence(check holdfast.Healthcheck, as standing, misses, passes int, since time.Duration) time.Duration {
	switch {
	case check.Disabled, as == admitted && misses == 0:
		return check.Interval
	case as == admitted, passes > 0:
		return min(recheck, check.Interval)
	default:
		return min(max(eager, (since-check.StartPeriod)/backOff), check.Interval)
	}
}

// checkOnce asks a replica once, over a connection of its own: a pooled one
// says nothing about whether the next connect succeeds.
func checkOnce(ctx context.Context, address string, protocol holdfast.Protocol, check holdfast.Healthcheck) sighting {
	began := time.Now()
	detail, err := ask(ctx, address, protocol, check)
	seen := sighting{detail: detail, took: time.Since(began)}
	if err == nil {
		seen.detail += " in " + seen.took.Round(100*time.Microsecond).String()
		return seen
	}
	if ownLack(err) {
		seen.lack = err
	}
	seen.sign = holdfast.SignMissed
	seen.detail = question(protocol, check) + ": " + plain(err)
	if errors.Is(err, syscall.ECONNREFUSED) {
		seen.sign = holdfast.SignRefused
	}
	return seen
}

func ask(ctx context.Context, address string, protocol holdfast.Protocol, check holdfast.Healthcheck) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, check.Timeout)
	defer cancel()
	c, err := dial(ctx, address, connectTime)
	if err != nil {
		return "", err
	}
	defer c.close()
	stop := context.AfterFunc(ctx, c.abort)
	defer stop()
	if protocol == holdfast.TCP {
		if err := c.speak(check.Send, check.Expect); err != nil {
			return "", errors.Join(ctx.Err(), err)
		}
		return question(protocol, check), nil
	}
	if check.TLS {
		if err := c.secure(ctx, address); err != nil {
			return "", errors.Join(ctx.Err(), err)
		}
	}
	status, err := askHTTP(c, address, check.Path)
	if err != nil {
		return "", errors.Join(ctx.Err(), err)
	}
	if check.Path != "" && (status < 200 || status > 399) {
		return "", fmt.Errorf("status %d", status)
	}
	return question(protocol, check) + " " + strconv.Itoa(status), nil
}

// askHTTP sends the request of a health check and reads the head of the answer.
func askHTTP(c *conn, address, path string) (status int, err error) {
	m := message{
		method: "GET",
		target: cmp.Or(path, "/"),
		host:   address,
		fields: []field{{name: "User-Agent", value: "holdfast-check"}, {name: "Connection", value: "close"}},
	}
	if err := c.sendHead(&m); err != nil {
		return 0, err
	}
	if err := c.out.Flush(); err != nil {
		return 0, err
	}
	for range maxInformational {
		h, err := c.readHead()
		if err != nil {
			return 0, err
		}
		if h.status >= 200 {
			return h.status, nil
		}
	}
	return 0, errTooManyInformational
}

// question is what a check asks, as a person reads it.
func question(protocol holdfast.Protocol, check holdfast.Healthcheck) string {
	if protocol == holdfast.TCP && check.Expect != "" {
		return "connect and hear " + strconv.Quote(check.Expect)
	}
	if protocol == holdfast.TCP {
		return "connect"
	}
	return "GET " + cmp.Or(check.Path, "/")
}

// ownLack tells whether a connection failed for want of something of ours, or of
// the machine's: descriptors, memory, ports to connect from. Whoever cannot look
// has seen nothing, least of all that every replica went bad at once.
func ownLack(err error) bool {
	for _, lack := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.EADDRNOTAVAIL} {
		if errors.Is(err, lack) {
			return true
		}
	}
	return false
}

// plain is an error in the words of a person: what happened, without the
// addresses and operations that the sentence around it names already.
func plain(err error) string {
	var timeout net.Error
	var errno syscall.Errno
	switch {
	case errors.As(err, &errno) && errno == syscall.ECONNREFUSED:
		return "connection refused"
	case errors.As(err, &timeout) && timeout.Timeout():
		return "no answer in time"
	case errors.As(err, &errno):
		return errno.Error()
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "closed without an answer"
	default:
		return err.Error()
	}
}
