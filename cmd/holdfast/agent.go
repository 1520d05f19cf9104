package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"holdfast"
	"holdfast/act"
	"holdfast/agree"
	"holdfast/api"
	"holdfast/control"
	"holdfast/driver/process"
	"holdfast/driver/urls"
	"holdfast/event"
	"holdfast/fault/proxy"
	"holdfast/gateway"
	"holdfast/internal/proc"
	"holdfast/internal/unixsock"
	"holdfast/journal"
	"holdfast/journal/view"
	"holdfast/keeper"
	"holdfast/loop"
	"holdfast/observe"
	"holdfast/topology"
)

func agentCommand() *cobra.Command {
	c := &cobra.Command{Use: "agent", Args: cobra.NoArgs, Short: "run the mind (started by the keeper)"}
	flag := stateFlag(c)
	private := c.Flags().Bool("private", false, "of a private copy: published ports move to loopback, faults may be recorded")
	c.RunE = func(c *cobra.Command, _ []string) error {
		a, err := newAgent(c.Context(), stateDir(*flag), *private)
		if err != nil {
			return exit(exitCouldNot, err)
		}
		if err := a.run(c.Context()); err != nil {
			return exit(exitCouldNot, err)
		}
		return nil
	}
	return c
}

// writer is the name under which the agent's mind writes.
const writer event.Writer = "agent"

// An agent is the process that runs the mind: it wires the hands to the loop
// and answers the API.
type agent struct {
	state     stateDir
	private   bool
	agree     *agree.File
	keeper    *keeper.Client
	journal   *journal.Journal
	mended    string
	mind      *control.Mind
	loop      *loop.Loop
	actor     *act.Actor
	processes *process.Driver
	urls      *urls.Driver
	gateway   holdfast.Gateway
	proofs    *proofs
	pager     *pager
	turned    atomic.Int64  // when the loop last did, by the boot clock
	stopped   chan struct{} // closed when nothing of the system runs, as was asked

	mu        sync.Mutex
	status    view.Status
	incidents view.Incidents
	duty      view.Duty
	listeners []holdfast.Listener
	declared  holdfast.System  // last
	budgets   []control.Budget // as of the last count
	heard     chan struct{}    // closed, and made anew, when the mind has taken a file over
	declaring sync.Mutex       // one Declare at a time
}

// memory is what a snapshot holds: the mind, and the view that has to agree
// with it.
type memory struct {
	Mind      json.RawMessage `json:"mind"`
	Status    view.Status     `json:"status"`
	Incidents view.Incidents  `json:"incidents,omitzero"`
	Duty      view.Duty       `json:"duty,omitzero"`
}

func newAgent(ctx context.Context, state stateDir, private bool) (*agent, error) {
	a := &agent{state: state, private: private, stopped: make(chan struct{}), heard: make(chan struct{})}
	seen, err := epochSeen(ctx, state)
	if err != nil {
		return nil, err
	}
	if a.agree, err = agree.Open(string(state), seen); err != nil {
		return nil, err
	}
	if a.keeper, err = keeper.Dial(ctx, state.keeperSocket(), keeper.Agent, a.agree.Epoch()); err != nil {
		return nil, err
	}
	if err := a.remember(); err != nil {
		return nil, err
	}
	options := process.Options{Keeper: a.keeper, State: string(state), Environ: os.Environ()}
	if private {
		options.Above = state.above()
	}
	a.processes, err = process.New(options)
	if err != nil {
		return nil, err
	}
	a.urls = urls.New()
	a.gateway = gateway.Dial(state.gatewaySocket())
	if private {
		a.gateway = detour{Gateway: a.gateway, proxy: proxy.Dial(state.proxySocket())}
	}
	a.proofs = newProofs(state, os.Environ(), a.mind.Proved(), a.tell)
	a.wire()
	return a, a.relisten(ctx)
}

// epochSeen is the highest epoch others remember: the keeper, which outlives the
// state directory, where the agreement is written down, and the table the gateway
// begins with, which is left where somebody removed parts of it. An agent of an
// earlier epoch would be refused with every plan.
func epochSeen(ctx context.Context, state stateDir) (uint64, error) {
	client, err := state.dialKeeper(ctx)
	if err != nil {
		return 0, err
	}
	defer client.Close()
	return max(client.Epoch(), control.EpochOf(gateway.HeldRevision(state.path("gateway")))), nil
}

// remember opens the journal and brings the mind back to where it stood.
func (a *agent) remember() error {
	record, recovered, err := journal.Open(a.state.journal(), journal.Options{})
	if err != nil {
		return err
	}
	a.journal, a.mended = record, recovered.Mended
	if a.mended != "" {
		fmt.Fprintln(os.Stderr, "agent: the journal was mended:", a.mended)
	}
	kept, err := readMemory(recovered.Snapshot)
	if err != nil {
		return err
	}
	mind, err := loop.Recall(writer, kept.Mind, recovered.Frames, recovered.LastSeq)
	if mind == nil {
		return err
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "agent:", err)
	}
	a.mind, a.status, a.incidents, a.duty = mind, kept.Status, kept.Incidents, kept.Duty
	for _, frame := range recovered.Frames {
		a.said(frame)
	}
	a.declared = mind.Declared()
	a.budgets = mind.Budgets(now())
	return nil
}

func readMemory(snapshot []byte) (memory, error) {
	var kept memory
	if snapshot == nil {
		return kept, nil
	}
	if err := json.Unmarshal(snapshot, &kept); err != nil {
		return kept, fmt.Errorf("read the snapshot: %w", err)
	}
	return kept, nil
}

// wire makes the loop, the actor and the pager.
func (a *agent) wire() {
	a.pager = newPager(a)
	a.pager.owe(a.mind.Owed())
	a.actor = act.New(act.Options{
		Hands: []act.Hand{
			{Takes: func(s holdfast.Service) bool { return s.Command != "" }, Driver: a.processes},
			{Takes: func(s holdfast.Service) bool { return s.Command == "" }, Driver: a.urls},
		},
		Gateways: []holdfast.Gateway{a.gateway},
		Agree:    a.agree,
		Address:  a.address,
		Tell:     a.tell,
		Capture:  keepEvidence(a.camera()),
		Complain: func(err error) { fmt.Fprintln(os.Stderr, "agent:", err) },
	})
	a.loop = loop.New(loop.Options{
		Mind: a.mind,
		Log:  a.journal,
		Now:  now,
		Said: a.said,
		Snapshot: func(mind []byte) ([]byte, error) {
			a.mu.Lock()
			defer a.mu.Unlock()
			return json.Marshal(memory{Mind: mind, Status: a.status, Incidents: a.incidents, Duty: a.duty})
		},
		Carry: a.carry,
		Turn: func() {
			a.turned.Store(int64(proc.Now()))
			_ = a.keeper.Beat() // a keeper that is lost is noticed by the driver
		},
	})
}

// now is this instant by both clocks.
func now() event.At {
	return event.At{Wall: time.Now().UTC().Round(0), Boot: proc.Now(), BootID: proc.BootID()}
}

func (a *agent) run(ctx context.Context) error {
	listener, err := unixsock.Listen(a.state.apiSocket())
	if err != nil {
		return err
	}
	paused, err := a.pausedMeanwhile(ctx)
	if err != nil {
		return err
	}
	if system := a.mind.Declared(); system.Name != "" {
		if err := a.proofs.of(ctx, system); err != nil {
			return err
		}
	}
	drilled := a.mind.Drilled() && !a.private // a copy is told once, by who started it
	return together(ctx,
		a.record,
		a.loop.Run,
		a.actor.Run,
		a.wake,
		func(ctx context.Context) error { return observe.Driver(ctx, a.processes, a.tell) },
		func(ctx context.Context) error { return observe.Driver(ctx, a.urls, a.tell) },
		func(ctx context.Context) error { return observe.Gateway(ctx, a.gateway, a.tell) },
		func(ctx context.Context) error { return observe.Pauses(ctx, a.state.pauses(), paused, a.tell) },
		func(ctx context.Context) error { return followDrills(ctx, a.state, drilled, a.tell) },
		a.pager.run,
		a.audit,
		func(ctx context.Context) error { return observe.Counts(ctx, a.gateway, a.timed, a.tell) },
		a.proofs.keep,
		func(ctx context.Context) error { return api.Serve(ctx, listener, a) },
		a.stay,
		a.end)
}

// pausedMeanwhile tells the mind of what was paused while no agent ran, before
// it hears of anything that it might mend.
func (a *agent) pausedMeanwhile(ctx context.Context) (map[holdfast.ServiceName]bool, error) {
	held := map[holdfast.ServiceName]bool{}
	for _, pause := range a.status.Pauses {
		held[pause.Service] = true
	}
	now, err := observe.ReadPauses(a.state.pauses())
	if err != nil {
		return held, nil // a person's word stands until it is taken back; Pauses looks again
	}
	for service, by := range now {
		if held[service] {
			continue
		}
		held[service] = true
		if err := a.tell(ctx, event.Paused{Service: service, By: by}); err != nil {
			return nil, err
		}
	}
	return held, nil
}

// errMoved ends an agent whose state directory is no longer what it began in:
// nobody can reach it, and what it writes is lost. The keeper, which moves in
// again, starts the next one.
const errMoved = holdfast.Refusal("the state directory was removed or replaced")

// stay looks once a second whether callers still find this agent.
func (a *agent) stay(ctx context.Context) error {
	began, err := os.Stat(a.state.apiSocket())
	if err != nil {
		return errMoved
	}
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
		if now, err := os.Stat(a.state.apiSocket()); err != nil || !os.SameFile(began, now) {
			return errMoved
		}
	}
}

// record writes the journal, and is the last to stop: what is said while the
// others end is written too.
func (a *agent) record(ctx context.Context) error {
	err := a.journal.Run(ctx)
	return errors.Join(err, a.journal.Close())
}

// wake tells the mind that it runs again, and stays.
func (a *agent) wake(ctx context.Context) error {
	if err := a.tell(ctx, event.Woken{Version: version, Pid: os.Getpid(), Epoch: a.agree.Epoch()}); err != nil {
		return err
	}
	<-ctx.Done()
	return ctx.Err()
}

// farewell is how long an agent that has nothing else to do stays so that people hear
// that it is over. A provider that answers does so within a second; what one does not
// take by then is owed on, and sent by the next agent.
const farewell = 10 * time.Second

// end has the keeper end everything, this agent included, once the system has
// stopped as was asked, and people know.
func (a *agent) end(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-a.stopped:
	}
	a.pager.outbox.leave(ctx, farewell)
	if err := a.keeper.End(ctx); err != nil && !errors.Is(err, keeper.ErrLost) {
		return err
	}
	<-ctx.Done()
	return ctx.Err()
}

// said folds a frame into the view. It is called in the loop's goroutine.
func (a *agent) said(frame event.Frame) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, entry := range frame.Entries {
		a.status.Add(entry)
		a.incidents.Add(entry)
		a.budget(entry)
		a.duty.Add(entry)
		if declared, ok := entry.Body.(event.Declared); ok {
			a.declared = declared.System
			close(a.heard)
			a.heard = make(chan struct{})
		}
	}
}

// budget looks at the mind's books whenever something was written into them: it is
// called in the loop's goroutine, whose the mind is.
func (a *agent) budget(entry event.Entry) {
	switch entry.Body.(type) {
	case holdfast.Counted, event.Declared:
		a.budgets = a.mind.Budgets(entry.At)
	}
}

// carry passes a recorded frame on to those who act on it.
func (a *agent) carry(c loop.Carried) {
	a.actor.Carry(c.Frame, c.Plan)
	if c.Owed != nil {
		a.pager.owe(*c.Owed)
	}
	for _, entry := range c.Frame.Entries {
		if _, ok := entry.Body.(event.Stopped); ok {
			a.stop()
		}
	}
}

// timed tells whether a promise says how long an answer may take.
func (a *agent) timed() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.ContainsFunc(a.declared.Owed(), func(p holdfast.Promise) bool { return p.Within > 0 })
}

func (a *agent) stop() {
	a.mu.Lock()
	defer a.mu.Unlock()
	select {
	case <-a.stopped:
	default:
		close(a.stopped)
	}
}

func (a *agent) tell(ctx context.Context, in event.Body) error { return a.loop.Tell(ctx, in) }

// relisten opens again what the system in force listens on: after an agent was
// restarted the keeper has it open already.
func (a *agent) relisten(ctx context.Context) error {
	if len(a.status.Services) == 0 || a.status.Stopping {
		return nil
	}
	system := a.mind.Declared()
	listeners, err := a.keeper.Listen(ctx, topology.Listeners(&system, a.private))
	if err != nil {
		// The mind and the replicas go on; up says it when it declares the file.
		fmt.Fprintln(os.Stderr, "agent: listen:", err)
		return nil
	}
	a.listeners = listeners
	if err := a.pager.listen(&system); err != nil {
		fmt.Fprintln(os.Stderr, "agent: listen:", err)
	}
	return nil
}

// address is where a listener is, as the services that call it see it.
func (a *agent) address(name holdfast.ListenerName) (netip.AddrPort, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, listener := range a.listeners {
		if listener.Name == name {
			address, err := act.ParseAddress(listener.Address)
			return address, err == nil
		}
	}
	return netip.AddrPort{}, false
}

// environ is this process's environment by name.
func environ() map[string]string { return byName(os.Environ()) }

func byName(environ []string) map[string]string {
	named := map[string]string{}
	for _, pair := range environ {
		name, value, _ := strings.Cut(pair, "=")
		named[name] = value
	}
	return named
}
