package load

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	startPatience = 10 * time.Second // from starting the process to its first arrival; milliseconds on a healthy machine
	stopPatience  = 5 * time.Second  // beyond the plan's timeout, for the last lines to come through
	maxComplaint  = 2 << 10          // bytes of the process's stderr kept for an error
)

// A Generator is a generator's process, seen from its parent. All methods may
// be called concurrently. Stop must be called once the load is no longer
// wanted; until then a goroutine and a process are left.
type Generator struct {
	plan      Plan
	command   *exec.Cmd
	stdin     io.WriteCloser
	complaint opening
	began     chan struct{} // closed when the load has begun
	done      chan struct{} // closed when the process is gone and everything it said is read

	mu      sync.Mutex
	record  Record
	settled int64
	ending  *ending
	err     error // why the record is not whole; set before done
}

// Start starts a generator as a process of its own: argv must end in Run, and
// env is its whole environment. It returns when the load has begun, every
// process of the plan's Watch being held or reported as not to be had (see
// Record.Watched). When ctx ends the process is killed.
func Start(ctx context.Context, argv, env []string, plan Plan) (*Generator, error) {
	text, err := spell(plan)
	if err != nil {
		return nil, err
	}
	g := &Generator{
		plan:      plan,
		command:   exec.CommandContext(ctx, argv[0], argv[1:]...),
		complaint: opening{limit: maxComplaint},
		began:     make(chan struct{}),
		done:      make(chan struct{}),
	}
	g.command.Env = append([]string{}, env...) // never nil, which would mean ours
	g.command.Stderr = &g.complaint
	// A group of its own: Ctrl-C is for the parent, which ends the load in order.
	g.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	stdout, err := g.start()
	if err != nil {
		return nil, fmt.Errorf("start the load: %w", err)
	}
	g.hurry()
	go g.follow(stdout)
	// Aside, because a pipe may hold less than a plan, and whoever does not read it
	// must not keep us. A write that fails is of no interest: its reader is gone, and
	// its end says why.
	handed := make(chan struct{})
	go func() {
		defer close(handed)
		g.stdin.Write(text)
	}()
	defer func() { <-handed }()
	patience := time.NewTimer(startPatience)
	defer patience.Stop()
	select {
	case <-g.began:
		return g, nil
	case <-g.done:
		return nil, fmt.Errorf("start the load: %w", g.abandon(nil))
	case <-patience.C:
		return nil, fmt.Errorf("start the load: %w", g.abandon(fmt.Errorf("the generator did not begin within %s", startPatience)))
	}
}

// spell is the plan as the first line of the generator's input.
func spell(plan Plan) ([]byte, error) {
	if err := plan.Check(); err != nil {
		return nil, err
	}
	text, err := json.Marshal(plan)
	if err != nil {
		return nil, fmt.Errorf("plan of the load: %w", err)
	}
	if len(text) >= maxPlan {
		return nil, fmt.Errorf("plan of the load: %d bytes, more than %d", len(text), maxPlan)
	}
	return append(text, '\n'), nil
}

// hurry gives the process precedence over what it measures, where the kernel
// lets us: a clock that waits for a busy processor measures the processor. It
// costs the system little, since the generator hardly computes. Without the
// right to it the generator lags more, and its record says so.
func (g *Generator) hurry() {
	const nice = -10
	_ = syscall.Setpriority(syscall.PRIO_PGRP, g.command.Process.Pid, nice)
}

func (g *Generator) start() (stdout io.ReadCloser, err error) {
	if g.stdin, err = g.command.StdinPipe(); err != nil {
		return nil, err
	}
	if stdout, err = g.command.StdoutPipe(); err != nil {
		return nil, err
	}
	return stdout, g.command.Start()
}

// abandon kills the process, waits for its end, and tells why there is no load.
func (g *Generator) abandon(why error) error {
	g.command.Process.Kill()
	<-g.done
	g.stdin.Close()
	return cmp.Or(why, g.err, errors.New("the generator ended before it began"))
}

// Began is the instant the schedule counts from.
func (g *Generator) Began() int64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.record.Began
}

// Snapshot is what has come back so far, in the order it ended. The slice is
// shared: it never changes, and must not be changed.
func (g *Generator) Snapshot() []Result {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clip(g.record.Results)
}

// Exits are the exits witnessed so far.
func (g *Generator) Exits() []Exit {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.record.Exits)
}

// Probed is what came of the plan's probes so far, in the order they ended. The
// slice is shared: it never changes, and must not be changed.
func (g *Generator) Probed() []Probed {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clip(g.record.Probed)
}

// States are the stops of watched processes seen so far, and when they went on.
func (g *Generator) States() []StateChange {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.record.States)
}

// WholeOf is Whole for a load that still runs, and for those users alone whose
// requests a function picks. Arrivals after the first one that waits for its
// answer do not count yet: users who wait are not whole.
func (g *Generator) WholeOf(those func(Result) bool, from int64, window time.Duration) (int64, bool) {
	g.mu.Lock()
	results, settled := slices.Clip(g.record.Results), g.settled
	g.mu.Unlock()
	var picked []Result
	for _, result := range results {
		if result.Intended >= from && those(result) {
			picked = append(picked, result)
		}
	}
	return whole(picked, from, settled, window)
}

// Done is closed when the process is gone: after Stop, or because it died, or
// because ctx ended.
func (g *Generator) Done() <-chan struct{} { return g.done }

// Stop ends the load, waits for the requests under way (the plan's Timeout at
// most) and returns everything, results in the order they were due. When the
// record is not whole, because the process died, is stuck or ctx ended, it
// returns what there is and an error. The process is gone when Stop returns.
// It may be called again and returns the same.
func (g *Generator) Stop(ctx context.Context) (Record, error) {
	g.stdin.Close() // the end of its input is the word; a second close does nothing
	patience := time.NewTimer(g.plan.Timeout + stopPatience)
	defer patience.Stop()
	var stuck error
	select {
	case <-g.done:
	case <-ctx.Done():
		stuck = ctx.Err()
	case <-patience.C:
		stuck = errors.New("the generator does not end")
	}
	if stuck != nil {
		g.command.Process.Kill()
		<-g.done
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	record := g.record
	record.Results = slices.Clone(record.Results)
	slices.SortStableFunc(record.Results, func(a, b Result) int { return cmp.Compare(a.Intended, b.Intended) })
	record.sum()
	if g.err != nil {
		return record, fmt.Errorf("stop the load: %w", cmp.Or(stuck, g.err))
	}
	return record, nil
}

// follow reads what the process says until it is gone.
func (g *Generator) follow(stdout io.Reader) {
	defer close(g.done)
	err := g.read(stdout)
	if err != nil {
		g.command.Process.Kill()
	}
	err = cmp.Or(err, g.command.Wait())
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.ending != nil && err == nil:
	case err == nil:
		g.err = errors.New("the generator ended before its record did")
	default:
		g.err = fmt.Errorf("the generator broke off: %w", err)
	}
	if said := strings.TrimSpace(string(g.complaint.text)); g.err != nil && said != "" {
		g.err = fmt.Errorf("%w: %s", g.err, printable(said, maxComplaint))
	}
}

// read takes every line, and refuses a process that does not keep to its plan.
func (g *Generator) read(stdout io.Reader) error {
	lines := bufio.NewScanner(stdout)
	lines.Buffer(make([]byte, 0, maxLine), maxLine)
	for lines.Scan() {
		var l line
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			return fmt.Errorf("a line that cannot be read: %w", err)
		}
		if err := g.take(l); err != nil {
			return err
		}
	}
	return lines.Err()
}

func (g *Generator) take(l line) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch r := &g.record; {
	case g.ending != nil:
		return errors.New("a line after the last")
	case l.Result != nil && len(r.Results) < maxArrivals:
		r.Results = append(r.Results, *l.Result)
	case l.Settled != 0:
		g.settled = l.Settled
	case l.Exit != nil && len(r.Exits) < len(g.plan.Watch):
		r.Exits = append(r.Exits, *l.Exit)
	case l.Probed != nil && len(r.Probed) < maxProbed:
		r.Probed = append(r.Probed, *l.Probed)
	case l.State != nil && len(r.States) < maxStates:
		r.States = append(r.States, *l.State)
	case l.Want != nil && len(r.Wants) < maxStates:
		r.Wants = append(r.Wants, *l.Want)
	case l.Watched != nil && len(r.Watched) < len(g.plan.Watch):
		r.Watched = append(r.Watched, *l.Watched)
	case l.Began != 0 && r.Began == 0:
		r.Began = l.Began
		close(g.began)
	case l.End != nil && l.End.Results == len(r.Results):
		g.ending, r.Ended, r.Capped = l.End, l.End.At, l.End.Capped
	default:
		return errors.New("a line that has no place in the plan")
	}
	return nil
}
