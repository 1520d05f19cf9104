package load

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"holdfast"
	"holdfast/internal/proc"
	"holdfast/internal/tcp"
)

// Bounds of probes, which are to be seen by nobody but who asked for them.
const (
	maxProbes = 16
	maxProbed = 200_000 // outcomes of one load
	minEvery  = 10 * time.Millisecond
	maxAsked  = 100 // requests of one probe under way on connections of their own; what is due beyond is not asked
)

// A Probe asks one address itself, past every gateway, so that somebody other
// than the injector sees what a fault in its path does. It asks in two ways: on
// connections of their own, which do not wait for each other, so that what began
// while an earlier one hangs is seen as soon; and, between those, on one that is
// kept, which sees a lost link very differently and waits for its answer before
// it asks again.
type Probe struct {
	Name    string `json:"name"`
	Address string `json:"address"`        // host:port
	Path    string `json:"path,omitempty"` // of a GET; without one it only connects
	// Protocol is what is spoken there, as in a Target.
	Protocol holdfast.Protocol `json:"protocol,omitempty"`
	// Priority is what it says of its requests; empty: nothing.
	Priority holdfast.Priority `json:"priority,omitempty"`
	Every    time.Duration     `json:"every"`   // at least 10 ms
	Timeout  time.Duration     `json:"timeout"` // from the first packet to the end of the answer; at most a minute
}

func (p Probe) url() string { return "http://" + p.Address + p.Path }

func (p Probe) check() error {
	var wrong []error
	demand := func(ok bool, format string, args ...any) {
		if !ok {
			wrong = append(wrong, fmt.Errorf("probe %s: "+format, append([]any{p.Name}, args...)...))
		}
	}
	demand(len(p.Name) > 0 && len(p.Name) <= maxName, "want a name of 1 to %d bytes", maxName)
	_, _, err := net.SplitHostPort(p.Address)
	demand(err == nil, "%q: want host:port", p.Address)
	_, err = url.Parse(p.url())
	demand(err == nil && (p.Path == "" || strings.HasPrefix(p.Path, "/")), "%q at %q: want a path or none", p.Path, p.Address)
	demand(p.Protocol == "" || slices.Contains(holdfast.Protocols(), p.Protocol), "protocol %q", p.Protocol)
	demand(p.Every >= minEvery, "every %s: want at least %s", p.Every, minEvery)
	demand(p.Timeout > 0 && p.Timeout <= maxTimeout, "timeout %s: want more than 0 and at most %s", p.Timeout, maxTimeout)
	return errors.Join(wrong...)
}

// checkProbes says what is wrong with a plan's probes.
func (p Plan) checkProbes() error {
	if len(p.Probes) > maxProbes {
		return fmt.Errorf("%d probes: want at most %d", len(p.Probes), maxProbes)
	}
	var wrong []error
	outcomes := 0.0
	for _, probe := range p.Probes {
		wrong = append(wrong, probe.check())
		outcomes += 2 * p.For.Seconds() / max(probe.Every, minEvery).Seconds()
	}
	if outcomes > maxProbed {
		wrong = append(wrong, fmt.Errorf("probes of %.0f outcomes: want at most %d", outcomes, maxProbed))
	}
	return errors.Join(wrong...)
}

// A Failure is how a probe was not answered.
type Failure string

// The ways. Every other is said in the words of the error.
const (
	Refused     Failure = "refused"
	Unreachable Failure = "connect timed out"
	NoAnswer    Failure = "no answer" // nor the rest of one, within the time-out
	Broken      Failure = "reset"
	CutShort    Failure = "cut short" // closed before the answer's end, or before its first byte
)

// A Probed is what came of one probe.
type Probed struct {
	Probe  string        `json:"probe"`
	Kept   bool          `json:"kept,omitempty"` // on the kept connection, once that is made
	At     int64         `json:"at"`             // CLOCK_BOOTTIME of the asking, nanoseconds
	Took   time.Duration `json:"took"`           // to the first byte of the answer, or, without one, to the failure
	Status int           `json:"status,omitempty"`
	Call   string        `json:"call,omitempty"` // the status at the end of a call of gRPC
	Failed Failure       `json:"failed,omitempty"`
	// Resent is how many packets of it the kernel had to send again.
	Resent int `json:"resent,omitempty"`
	// Arrived says of a connect that timed out that the wish to connect was there
	// all the same: only the answer was not.
	Arrived bool `json:"arrived,omitempty"`
}

// Wrong is the status of an answer that says that it is none, empty where it is
// one or there is no answer.
func (p Probed) Wrong() string {
	switch {
	case failing(p.Call):
		return p.Call
	case p.Status >= http.StatusInternalServerError:
		return "status " + strconv.Itoa(p.Status)
	}
	return ""
}

// probe asks by a probe until ctx ends.
func (g *generation) probe(ctx context.Context, all *sync.WaitGroup, probe Probe, route *route) {
	all.Go(func() { g.askAnew(ctx, probe, route) })
	if probe.Path != "" { // who only connects has no use for a connection that is kept
		all.Go(func() { g.askOn(ctx, &probing{Probe: probe, route: route, keeps: true}) })
	}
}

// askAnew asks on a connection of its own whenever it is due.
func (g *generation) askAnew(ctx context.Context, probe Probe, route *route) {
	var under sync.WaitGroup
	defer under.Wait()
	slots := make(chan struct{}, maxAsked)
	tick := time.NewTicker(probe.Every)
	defer tick.Stop()
	for {
		select {
		case slots <- struct{}{}:
			under.Go(func() {
				defer func() { <-slots }()
				g.tell(ctx, (&probing{Probe: probe, route: route}).ask(ctx))
			})
		default:
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// askOn asks on one connection, each time when it is due or as soon after as
// the last is answered.
func (g *generation) askOn(ctx context.Context, p *probing) {
	defer p.close()
	aside := time.NewTimer(p.Every / 2) // so that the two ways are not both under way at the instant of a fault
	defer aside.Stop()
	select {
	case <-ctx.Done():
		return
	case <-aside.C:
	}
	tick := time.NewTicker(p.Every)
	defer tick.Stop()
	for {
		g.tell(ctx, p.ask(ctx))
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// tell reports an outcome, unless it was cut, or the load goes on for so much
// longer than was planned that there are too many.
func (g *generation) tell(ctx context.Context, outcome Probed) {
	if ctx.Err() == nil && g.probed.Add(1) <= maxProbed {
		g.sheet.report(line{Probed: &outcome})
	}
}

// A probing is one of the two ways a probe asks.
type probing struct {
	Probe
	route *route
	keeps bool
	conn  *connection // kept
	pipe  *pipe       // the same of HTTP/2
	// resent is what the kernel says of the connection so far: of all of it, the
	// questions before this one included.
	resent int
}

func (p *probing) close() {
	p.count()
	if p.conn != nil {
		p.conn.Close()
		p.conn = nil
	}
	if p.pipe != nil {
		p.pipe.Close()
		p.pipe = nil
	}
}

// count asks the kernel while there is a connection to ask about.
func (p *probing) count() {
	if p.conn != nil {
		p.resent = p.conn.resent()
	}
	if p.pipe != nil {
		p.resent = p.pipe.resent()
	}
}

func (p *probing) ask(ctx context.Context) Probed {
	began := proc.Now()
	outcome := Probed{Probe: p.Name, Kept: p.keeps, At: int64(began)}
	deadline := time.Now().Add(p.Timeout)
	if p.conn == nil && p.pipe == nil {
		p.resent = 0
	}
	before := p.resent
	exchange := p.exchange
	if p.route.only2 && p.Path != "" {
		exchange = p.stream
	}
	said, err := exchange(ctx, deadline)
	if said.first == 0 {
		said.first = proc.Now()
	}
	outcome.Took, outcome.Status, outcome.Call, outcome.Resent = said.first-began, said.status, said.call, p.resent-before
	if err != nil {
		outcome.Failed = failure(err)
		outcome.Arrived = outcome.Failed == Unreachable && tcp.HalfOpen(p.Address)
		p.close()
	}
	return outcome
}

// errConnect tells a connection that was not made from one that failed.
const errConnect = holdfast.Refusal("connect")

// An echo is what came back of one question.
type echo struct {
	first  time.Duration // when the answer began; 0 if it did not
	status int
	call   string
}

// exchange asks once.
func (p *probing) exchange(ctx context.Context, deadline time.Time) (said echo, err error) {
	if p.conn == nil {
		if p.conn, err = p.route.connect(ctx, true, deadline); err != nil {
			return said, fmt.Errorf("%w: %w", errConnect, err)
		}
	}
	conn := p.conn
	if !p.keeps {
		defer p.close()
	}
	defer p.count()
	if p.Path == "" {
		return said, nil
	}
	conn.SetDeadline(deadline)
	cut := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	defer cut()
	request := p.route.get.once
	if p.keeps {
		request = p.route.get.again
	}
	if _, err := conn.Write(request); err != nil {
		return said, err
	}
	conn.limit.N = maxHead
	if _, err := conn.reader.Peek(1); err != nil {
		return said, err
	}
	said.first = proc.Now()
	response, err := conn.head(http.MethodGet)
	if err != nil {
		return said, err
	}
	if _, err = io.CopyBuffer(onlyWriter{io.Discard}, response.Body, conn.scratch[:]); err == nil && response.Close {
		p.close()
	}
	said.status = response.StatusCode
	return said, err
}

// An onlyWriter hides that a writer could read by itself, with a buffer of its
// own for every answer.
type onlyWriter struct{ io.Writer }

// failure names what went wrong.
func failure(err error) Failure {
	var timeout net.Error
	timedOut := errors.As(err, &timeout) && timeout.Timeout()
	switch {
	case timedOut && errors.Is(err, errConnect):
		return Unreachable
	case timedOut:
		return NoAnswer
	case errors.Is(err, syscall.ECONNREFUSED):
		return Refused
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return Broken
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), brokenStream(err):
		return CutShort
	}
	return Failure(printable(err.Error(), maxError))
}
