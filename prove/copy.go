package prove

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"holdfast"
	"holdfast/api"
	"holdfast/fault"
	"holdfast/fault/proxy"
	"holdfast/internal/files"
	"holdfast/internal/proc"
	"holdfast/load"
	"holdfast/warden"
)

const (
	// agentStart bounds how long the copy's agent may take to answer.
	agentStart = 10 * time.Second
	// startSlack is added to the longest start period before a copy counts as
	// one that does not get ready: starts follow each other along dependencies.
	startSlack = 10 * time.Second
	// look is how often a condition of the copy is looked at.
	look = 20 * time.Millisecond
	// diagnosed is how many replicas that are not ready are explained.
	diagnosed = 2
)

// A private is a copy of the system in a process tree of its own, which dies
// with the warden that guards it.
type private struct {
	o          Options
	dir        string
	keep       string
	ledger     string
	warden     *warden.Warden
	client     *api.Client
	proxy      *proxy.Client
	chronicle  *chronicle
	following  context.CancelFunc
	followed   chan struct{}
	controlled bool // its control run was made
	spoiled    bool // what happened in it makes it unfit for another drill
}

// startPrivate starts a copy and waits until every replica of it is admitted.
// The copy is returned whenever there is something to end, error or not.
func startPrivate(ctx context.Context, o Options) (*private, error) {
	c, err := newPrivate(o)
	if err != nil {
		return nil, err
	}
	if c.warden, err = warden.Start(ctx, append(o.self(), "warden"), c.ledger, fault.All()); err != nil {
		return c, err
	}
	err = c.warden.StartCopy(ctx, warden.Copy{
		Argv: append(o.self(), "keeper", "--state", c.dir, "--private"),
		Env:  proc.Baseline(o.Environ), Dir: o.File.Dir, Log: filepath.Join(c.dir, "keeper.log"), Keep: c.keep,
	})
	if err != nil {
		return c, err
	}
	c.proxy = proxy.Dial(filepath.Join(c.dir, proxy.SocketName))
	c.client = api.NewClient(filepath.Join(c.dir, api.SocketName))
	if err := c.declare(ctx); err != nil {
		return c, err
	}
	follow, cancel := context.WithCancel(context.WithoutCancel(ctx))
	c.following, c.followed = cancel, make(chan struct{})
	go func() {
		defer close(c.followed)
		c.chronicle.follow(follow, c.client)
	}()
	return c, c.whole(ctx)
}

// newPrivate makes the copy's state directory, and the mark its processes will
// carry.
func newPrivate(o Options) (*private, error) {
	var random [8]byte
	if _, err := rand.Read(random[:]); err != nil {
		return nil, err
	}
	keep := hex.EncodeToString(random[:])
	c := &private{
		o: o, keep: keep, chronicle: newChronicle(),
		dir:    filepath.Join(o.State, "prove", keep),
		ledger: filepath.Join(o.State, warden.Ledgers, keep+warden.Suffix),
	}
	for _, dir := range []string{c.dir, filepath.Dir(c.ledger)} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("make the private copy: %w", err)
		}
	}
	if o.standIn {
		if err := os.WriteFile(filepath.Join(c.dir, StandInFile), nil, 0o600); err != nil {
			return nil, fmt.Errorf("make the private copy: %w", err)
		}
	}
	return c, os.WriteFile(filepath.Join(c.dir, proc.KeepFile), []byte(keep+"\n"), 0o600)
}

// declare puts the file in force as soon as the copy's agent answers.
func (c *private) declare(ctx context.Context) error {
	caller := ctx
	ctx, cancel := context.WithTimeout(ctx, agentStart)
	defer cancel()
	for {
		err := c.sayDrill(ctx)
		if err == nil {
			err = c.client.Declare(ctx, api.File{Name: c.o.File.Name, Text: string(c.o.File.Text), Dir: c.o.File.Dir})
		}
		var problem *api.Problem
		if err == nil || errors.As(err, &problem) {
			return err
		}
		select {
		case <-ctx.Done():
			if caller.Err() != nil {
				return caller.Err()
			}
			return fmt.Errorf("the private copy's agent does not answer: %w\n%s", err, files.Quote(filepath.Join(c.dir, "log", "agent.log")))
		case <-c.warden.Lost():
			return c.lost()
		case <-time.After(look):
		}
	}
}

// sayDrill tells the copy's agent of a live run before it is told anything else.
func (c *private) sayDrill(ctx context.Context) error {
	if !c.o.Live {
		return nil
	}
	return c.client.Drill(ctx, c.o.By)
}

// errNotReady says that the copy did not become whole.
const errNotReady = holdfast.Refusal("the private copy did not get ready")

// whole waits until every declared replica is admitted, until the copy itself
// calls for a person, or as long as all of its starts may take one after the
// other.
func (c *private) whole(ctx context.Context) error {
	limit := startSlack
	for _, service := range c.o.System.Services {
		limit += service.Healthcheck.StartPeriod
	}
	ticker := time.NewTicker(look)
	defer ticker.Stop()
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	for len(c.chronicle.missing(c.o.System)) > 0 {
		if c.chronicle.escalated() {
			return fmt.Errorf("%w: %s", errNotReady, c.diagnose(ctx))
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-c.warden.Lost():
			return c.lost()
		case <-deadline.C:
			return fmt.Errorf("%w within %s: %s", errNotReady, limit, c.diagnose(ctx))
		case <-ticker.C:
		}
	}
	return nil
}

// ErrLost says that the copy or its warden went away while it was needed.
const ErrLost = holdfast.Refusal("the private copy was lost")

func (c *private) lost() error { return fmt.Errorf("%w: %w", ErrLost, c.warden.Why()) }

// diagnose explains the first replicas that are not ready.
func (c *private) diagnose(ctx context.Context) string {
	var texts []string
	missing := c.chronicle.missing(c.o.System)
	for i, name := range missing {
		if i == diagnosed {
			texts = append(texts, fmt.Sprintf("and %d more", len(missing)-i))
			break
		}
		if d, err := c.client.Diagnose(ctx, name); err == nil {
			texts = append(texts, Explain(d))
		} else {
			texts = append(texts, string(name)+" was not started")
		}
	}
	return strings.Join(texts, "; ")
}

// Explain is a diagnosis in one sentence and the last lines of the log.
func Explain(d api.Diagnosis) string {
	text := fmt.Sprintf("%s (%s): %s", d.ID, d.Command, d.State)
	if d.Command == "" {
		text = d.ID.String() + ", which runs elsewhere" // of that we know what it answers, and no more
	}
	if d.Address != "" {
		text += ", tried " + d.Address
	}
	if d.Tried != "" {
		text += ": " + d.Tried
	}
	for _, line := range d.Lines {
		text += "\n           | " + line
	}
	return text
}

// end ends the copy and everything of it. The error says who was lost before, or
// what could not be put back.
func (c *private) end() error {
	if c == nil || c.warden == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second+c.warden.Mending())
	defer cancel()
	var lost error
	if _, err := c.warden.Close(ctx); err != nil {
		if lost = err; c.warden.Why() != nil {
			lost = fmt.Errorf("%w: %w", ErrLost, err)
		}
	}
	if c.following != nil {
		c.following()
		<-c.followed
	}
	if c.client != nil {
		c.client.Close()
	}
	return lost
}

// remove deletes what the copy wrote.
func (c *private) remove() error { return os.RemoveAll(c.dir) }

// atOnce is for the end of a load that nobody needs the record of: it is over.
func atOnce() context.Context {
	over, cancel := context.WithCancel(context.Background())
	cancel()
	return over
}

// LoadName is what the load is called under a copy's mark. The copy's keeper does
// not start it, and must not take it for a stray.
const LoadName = "load"

// generator starts load as a process that carries the copy's mark, so that the
// warden ends it with the copy. What its sessions refer to it is given.
func (c *private) generator(ctx context.Context, plan load.Plan) (*load.Generator, error) {
	env := append(proc.Baseline(c.o.Environ), proc.Mark+"="+c.keep+"/"+LoadName)
	env = append(env, secrets(plan, c.o.Environ)...)
	return load.Start(ctx, append(c.o.self(), "load"), env, plan)
}
