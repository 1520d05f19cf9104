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
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"holdfast"
	"holdfast/detect"
)

// How often a replica is looked at.
const (
	eager    = 50 * time.Millisecond // while it starts: so much later it is used than it could be
	recheck  = holdfast.Recheck      // after a miss, in a burst, and between the two passes of a return
	backOff  = 10                    // past its start period, wait a tenth of the time it has been out
	jittered = 0.2                   // share by which a steady interval is cut short, so that gateways do not march in step
)

// Bounds of what is asked of one replica at a time.
const (
	burst    = 3 // checks that a suspicion asks for: one is bad luck, two are evidence, the third is for whoever demands it
	maxUnder = holdfast.ChecksAtOnce
	idle     = time.Hour
)

// startWatch begins the checks of an endpoint, if the gateway runs. The caller
// holds mu; Run waits for what is started here.
func (g *Gateway) startWatch(s *service, e *endpoint) {
	if w := g.work; w != nil {
		w.group.Go(func() { g.watch(w.ctx, s, e) })
	}
}

// A watcher checks one endpoint. Each check is a goroutine of its own, for the
// next one is begun while the last may still wait: what is begun one after the
// other needs the sum of their time-outs to be noticed.
type watcher struct {
	gateway  *Gateway
	service  *service
	endpoint *endpoint
	seen     chan sighting
	group    sync.WaitGroup
	lingers  atomic.Bool   // a missed check is still listened to; one at most
	under    int           // checks under way, those that linger not counted
	left     int           // checks of a burst still to begin
	begun    time.Time     // of the last check
	due      time.Time     // of the next one, when none is under way
	usual    time.Duration // what the last one took that was answered
}

// watch checks an endpoint until no table names it, it is gone, or ctx ends.
// Every endpoint has its own watch: a slow one delays no other.
func (g *Gateway) watch(ctx context.Context, s *service, e *endpoint) {
	ctx, stop := context.WithCancel(ctx)
	w := &watcher{gateway: g, service: s, endpoint: e, seen: make(chan sighting)}
	defer w.group.Wait()
	defer stop()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-e.retired:
			return
		case <-e.nudged:
			w.hurry()
		case <-timer.C:
			if !w.begin(ctx) {
				return
			}
		case seen := <-w.seen:
			w.take(seen)
		}
		timer.Reset(w.wait())
	}
}

// hurry begins a burst, unless one is under way. Whoever is out already is looked
// at once: there is nothing to lose by taking one's time.
func (w *watcher) hurry() {
	switch {
	case w.left > 0:
	case w.standing() == admitted:
		w.left = burst
	case w.under == 0:
		w.left = 1
	}
}

func (w *watcher) standing() standing {
	w.gateway.mu.Lock()
	defer w.gateway.mu.Unlock()
	return w.endpoint.standing
}

// wait is the time until the next check. A storm of nudges is still one check
// per 50 ms.
func (w *watcher) wait() time.Duration {
	switch {
	case w.under >= maxUnder:
		return idle
	case w.hurried():
		return time.Until(w.begun.Add(eager))
	case w.left > 0:
		return time.Until(w.begun.Add(recheck))
	case w.under == 0:
		return time.Until(w.due)
	case w.standing() == admitted:
		// It takes long: begin to suspect.
		return time.Until(w.begun.Add(max(recheck, overdueTimes*w.usual)))
	default:
		return idle
	}
}

// hurried says whether the next check is the first that a nudge asked for.
func (w *watcher) hurried() bool {
	return w.left == burst || w.left == 1 && w.under == 0
}

// begin starts a check, and says whether there will be more.
func (w *watcher) begin(ctx context.Context) bool {
	g, s, e := w.gateway, w.service, w.endpoint
	e.pool.trim(time.Now())
	g.mu.Lock()
	q := &inquiry{gateway: g, group: &w.group, endpoint: e, protocol: s.protocol, check: s.check}
	as := e.standing
	g.mu.Unlock()
	if as == gone {
		return false
	}
	w.begun = time.Now()
	w.left = max(0, w.left-1)
	if q.check.Disabled {
		w.left, w.due = 0, w.begun.Add(q.check.Interval)
		return true
	}
	q.within, q.connect = g.patience(q.check.Timeout), g.patience(connectTime)
	w.under++
	w.group.Go(func() { w.look(ctx, q) })
	return true
}

// look checks once, tells what it saw, and listens on if nothing came.
func (w *watcher) look(ctx context.Context, q *inquiry) {
	defer q.close()
	seen := q.ask(ctx)
	w.tell(ctx, seen)
	if !seen.mute || !w.lingers.CompareAndSwap(false, true) {
		return
	}
	defer w.lingers.Store(false)
	if seen, came := q.linger(ctx); came {
		w.tell(ctx, seen)
	}
}

func (w *watcher) tell(ctx context.Context, seen sighting) {
	select {
	case w.seen <- seen:
	case <-ctx.Done():
	}
}

// take has a sighting judged and plans the next check.
func (w *watcher) take(seen sighting) {
	g, s, e := w.gateway, w.service, w.endpoint
	if seen.lack != nil {
		g.log.say("cannot look at %s: %v", e.ID, seen.lack)
	} else {
		g.judge(s, e, seen)
	}
	if seen.late {
		return
	}
	w.under--
	if seen.sign == "" {
		w.left, w.usual = 0, seen.took // it answers: the burst was for nothing
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	wait := cadence(s.check, e.standing, e.checks.Misses, e.checks.Passes, now()-e.since)
	if e.standing == admitted && wait == s.check.Interval {
		wait = time.Duration(float64(wait) * (1 - jittered*rand.Float64()))
	}
	w.due = time.Now().Add(wait)
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

// An inquiry is one check under way, over a connection of its own: a pooled one
// says nothing about whether the next connect succeeds.
type inquiry struct {
	gateway  *Gateway
	group    *sync.WaitGroup // of whatever the check starts
	endpoint *endpoint
	protocol holdfast.Protocol
	check    holdfast.Healthcheck
	within   time.Duration // for all of it
	connect  time.Duration // for the connect
	began    time.Duration // CLOCK_BOOTTIME
	conn     *conn         // nil while there is none
	waiter   waiter
}

// ask asks a replica once.
func (q *inquiry) ask(ctx context.Context) sighting {
	q.began = now()
	detail, err := q.converse(ctx)
	seen := sighting{detail: detail, began: q.began, took: now() - q.began}
	q.hear(err)
	if err == nil {
		seen.detail += " in " + seen.took.Round(100*time.Microsecond).String()
		return seen
	}
	if ownLack(err) {
		seen.lack = err
	}
	seen.sign = q.sign(err)
	seen.mute = seen.sign == holdfast.SignMissed && q.conn.received == 0 && timedOut(err)
	seen.detail = q.question() + ": " + plain(err)
	if seen.sign == holdfast.SignUnreachable {
		seen.detail = "connect: " + plain(err)
	}
	return seen
}

// A statusError is an answer with none of the statuses that the file demands.
type statusError int

func (s statusError) Error() string { return fmt.Sprintf("status %d", int(s)) }

// sign is what a failed check speaks for.
func (q *inquiry) sign(err error) holdfast.Sign {
	var status statusError
	var not garbled
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return holdfast.SignRefused
	case q.conn == nil:
		return holdfast.SignUnreachable
	case errors.As(err, &status), errors.As(err, &not), errors.Is(err, errNotServing):
		return holdfast.SignUnhealthy
	default:
		return holdfast.SignMissed
	}
}

func timedOut(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

// hear notes that the replica gave a sign of life: a byte, or the end of the
// connection, which no stopped process brings about.
func (q *inquiry) hear(err error) {
	if q.conn != nil && (q.conn.received > 0 || err != nil && !timedOut(err)) {
		q.endpoint.checkHeard.Store(int64(now()))
	}
}

func (q *inquiry) converse(ctx context.Context) (string, error) {
	deadline := time.Now().Add(q.within)
	bounded, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	c, err := q.open(bounded)
	if err != nil {
		return "", err
	}
	q.conn = c
	q.waiter.began = now()
	q.endpoint.asked.begin(&q.waiter)
	c.SetDeadline(deadline)
	stop := context.AfterFunc(ctx, c.abort)
	defer stop()
	if q.protocol == holdfast.TCP {
		return q.question(), c.speak(q.check.Send, q.check.Expect)
	}
	if q.protocol == holdfast.GRPC {
		return q.question() + ": an answer", askRPC(c, q.endpoint.Address)
	}
	if q.check.TLS {
		if err := c.secure(ctx, q.endpoint.Address); err != nil {
			return "", err
		}
	}
	status, err := askHTTP(c, q.endpoint.Address, q.check.Path)
	if err != nil {
		return "", err
	}
	if q.check.Path != "" && (status < 200 || status > 399) {
		return "", statusError(status)
	}
	return q.question() + " " + strconv.Itoa(status), nil
}

func (q *inquiry) open(ctx context.Context) (*conn, error) {
	if q.endpoint.multiplexed {
		return q.gateway.inquire(ctx, q.group, q.endpoint.Address, q.connect)
	}
	return dial(ctx, q.endpoint.Address, q.connect)
}

// linger listens to a check that was told as missed: whether its answer comes
// after all.
func (q *inquiry) linger(ctx context.Context) (sighting, bool) {
	stop := context.AfterFunc(ctx, q.conn.abort)
	defer stop()
	q.conn.SetDeadline(time.Now().Add(detect.Linger))
	if ctx.Err() != nil {
		return sighting{}, false // its abort may have come before our new deadline
	}
	_, err := q.conn.in.Peek(1)
	q.hear(err)
	return sighting{began: q.began, took: now() - q.began, late: true}, err == nil
}

func (q *inquiry) close() {
	if q.waiter.began != 0 {
		q.endpoint.asked.end(&q.waiter)
	}
	if q.conn != nil {
		q.conn.close()
	}
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
func (q *inquiry) question() string {
	if q.protocol == holdfast.TCP && q.check.Expect != "" {
		return "connect and hear " + strconv.Quote(q.check.Expect)
	}
	if q.protocol == holdfast.TCP {
		return "connect"
	}
	if q.protocol == holdfast.GRPC {
		return "gRPC health"
	}
	return "GET " + cmp.Or(q.check.Path, "/")
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
