package process

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"holdfast"
	"holdfast/internal/proc"
)

const (
	// atOnce bounds the requests to the keeper under way. Starting is mostly
	// the kernel's work and a machine has few cores; more would only make each
	// of them later.
	atOnce = 16
	// askTimeout bounds one request to the keeper, which answers in
	// milliseconds. A keeper that is stuck must not take us with it.
	askTimeout = 10 * time.Second
	// retryHeld is how soon a start is tried again that the keeper refused
	// because something of the replica is left; its word that nothing is comes
	// sooner as a rule.
	retryHeld = 100 * time.Millisecond
	// lossSettles is how long a failed start waits for the news that the keeper
	// itself is lost, so that its death is not written down as the replica's.
	lossSettles = 100 * time.Millisecond
)

// A run is one Run of a driver. Its state belongs to the goroutine of Run; the
// others (one that follows the keeper, one that bounds the logs, at most one
// per replica that asks the keeper) tell it what they learn through channels,
// and Run waits for all of them.
type run struct {
	*Driver
	emit     func(holdfast.Observation)
	began    int64 // CLOCK_BOOTTIME, nanoseconds: what began before was not started by this Run
	replicas map[holdfast.ReplicaName]*replica
	seen     chan holdfast.Process
	answers  chan answer
	slots    chan struct{}
	lost     chan struct{} // closed once the keeper no longer tells us anything
	loss     error         // why; set before lost is closed
	asking   sync.WaitGroup
}

// An answer is what came of a request to the keeper.
type answer struct {
	id      holdfast.ReplicaID
	step    step
	process holdfast.Process
	address string
	err     error // of a start: why it cannot be done; of a signal: why it was not sent
	stale   bool  // it was no longer desired when its turn came
}

// Run makes true what Apply was told, until ctx ends. It returns ctx's error,
// the reason why the keeper is lost, or the refusal with which the keeper took
// its obedience back. Processes are unaffected by its end. Beside what the port
// promises: until the first Apply nothing is ended, because nobody has said yet
// what should run.
func (d *Driver) Run(ctx context.Context, emit func(holdfast.Observation)) error {
	if err := d.begin(); err != nil {
		return err
	}
	defer d.end()
	ctx, cancel := context.WithCancel(ctx)
	r := &run{
		Driver:   d,
		emit:     emit,
		began:    int64(proc.Now()),
		replicas: map[holdfast.ReplicaName]*replica{},
		seen:     make(chan holdfast.Process),
		answers:  make(chan answer),
		slots:    make(chan struct{}, atOnce),
		lost:     make(chan struct{}),
	}
	r.asking.Go(func() { r.follow(ctx) })
	r.asking.Go(func() { boundLogs(ctx, d.logDir()) })
	err := r.loop(ctx)
	cancel()
	r.asking.Wait()
	return err
}

// follow hands on what the keeper says.
func (r *run) follow(ctx context.Context) {
	defer close(r.lost)
	r.loss = r.keeper.Follow(ctx, func(p holdfast.Process) {
		select {
		case r.seen <- p:
		case <-ctx.Done():
		}
	})
	if r.loss == nil {
		r.loss = errors.New("it stopped telling")
	}
}

func (r *run) loop(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-r.lost:
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return fmt.Errorf("process driver: lost the keeper: %w", r.loss)
		case p := <-r.seen:
			r.see(ctx, p)
		case a := <-r.answers:
			if err := r.take(ctx, a); err != nil {
				return err
			}
		case <-r.changed:
		case <-timer.C:
		}
		r.reconcile(ctx, timer)
	}
}

// reconcile does what is next for every replica, and sets the timer to when it
// has to look again by itself.
func (r *run) reconcile(ctx context.Context, timer *time.Timer) {
	desired, known := r.wanted()
	if !known {
		return
	}
	for name := range desired {
		r.replica(name)
	}
	now := time.Now()
	var soonest time.Time
	for name, each := range r.replicas {
		var want *holdfast.DesiredReplica
		if w, ok := desired[name]; ok {
			want = &w
			each.remember(w)
		}
		r.do(ctx, each, want, each.next(want, now))
		if due := each.deadline(); due.After(now) && (soonest.IsZero() || due.Before(soonest)) {
			soonest = due
		}
	}
	if !soonest.IsZero() {
		timer.Reset(time.Until(soonest))
	}
}

// replica finds a replica, or begins to know it. The keeper may not yet have
// told us of its last incarnation; what is lower than that is stale all the
// same. The last one itself may be asked for once more: the keeper knows whether
// it ran, and we may have died before it did.
func (r *run) replica(name holdfast.ReplicaName) *replica {
	if r.replicas[name] == nil {
		tried := max(r.addresses.highest(name), 1) - 1
		r.replicas[name] = &replica{name: name, tried: tried}
	}
	return r.replicas[name]
}

func (r *run) do(ctx context.Context, each *replica, want *holdfast.DesiredReplica, next step) {
	switch id := each.life.ID; next {
	case endAtOnce:
		each.stop = &stop{}
		r.ask(ctx, each, func(ctx context.Context) answer { return r.signal(ctx, id, signalKill, "SIGKILL") })
	case start:
		desired := *want
		r.ask(ctx, each, func(ctx context.Context) answer { return r.start(ctx, desired) })
	case signalStop:
		// Until the signal is sent the grace has not begun; take sets the time.
		each.stop = &stop{}
		signal := stopSignal(each.service)
		r.ask(ctx, each, func(ctx context.Context) answer { return r.signal(ctx, id, next, signal) })
	case signalKill:
		r.ask(ctx, each, func(ctx context.Context) answer { return r.signal(ctx, id, next, "SIGKILL") })
	}
}

// ask does one request for a replica beside the loop, in its turn.
func (r *run) ask(ctx context.Context, each *replica, request func(context.Context) answer) {
	each.busy = true
	r.asking.Go(func() {
		select {
		case r.slots <- struct{}{}:
		case <-ctx.Done():
			return
		}
		within, cancel := context.WithTimeout(ctx, askTimeout)
		a := request(within)
		cancel()
		<-r.slots
		select {
		case r.answers <- a:
		case <-ctx.Done():
		}
	})
}

// start has one incarnation started, if that is still what is desired: between
// the decision and its turn others may have been taken.
func (r *run) start(ctx context.Context, want holdfast.DesiredReplica) answer {
	a := answer{id: want.ID, step: start}
	if !r.wants(want.ID) {
		a.stale = true
		return a
	}
	l, err := r.prepare(want)
	if err != nil {
		a.err = errors.New(l.secrets.withhold(err.Error()))
		return a
	}
	a.address = l.address
	a.process, a.err = r.keeper.Start(ctx, l.spec)
	var refusal holdfast.Refusal
	if a.err != nil && !errors.As(a.err, &refusal) {
		a.err = errors.New(l.secrets.withhold(startFailure(a.err)))
		r.settle(ctx)
	}
	return a
}

func startFailure(err error) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Sprintf("the keeper did not answer within %s", askTimeout)
	}
	return err.Error()
}

// settle waits for the news that the keeper is lost, if it is.
func (r *run) settle(ctx context.Context) {
	timer := time.NewTimer(lossSettles)
	defer timer.Stop()
	select {
	case <-r.lost:
	case <-ctx.Done():
	case <-timer.C:
	}
}

func (r *run) signal(ctx context.Context, id holdfast.ReplicaID, which step, signal string) answer {
	return answer{id: id, step: which, err: r.keeper.Signal(ctx, id, signal)}
}

// take draws the conclusions from an answer. It returns an error when the
// keeper refuses us as such (somebody newer gives the orders): whatever it
// would refuse next is not the replicas' failure.
func (r *run) take(ctx context.Context, a answer) error {
	each := r.replica(a.id.Name())
	each.busy = false
	var refusal holdfast.Refusal
	switch {
	case errors.As(a.err, &refusal) && !ofTheProcess(refusal):
		return fmt.Errorf("process driver: %w", a.err)
	case a.step == signalStop && each.stop != nil:
		// Whether it could be sent or not: what cannot be asked is not spared.
		each.stop.due = time.Now().Add(each.grace())
	case a.step == signalKill && each.stop != nil:
		each.stop.due = time.Now().Add(killAgain)
	case a.step == start:
		r.takeStart(ctx, each, a)
	}
	return nil
}

// ofTheProcess tells the refusals that concern one process from those that
// concern us.
func ofTheProcess(r holdfast.Refusal) bool {
	return r == holdfast.ErrRunning || r == holdfast.ErrNotRunning || r == holdfast.ErrPast
}

func (r *run) takeStart(ctx context.Context, each *replica, a answer) {
	switch {
	case a.stale:
	case errors.Is(a.err, holdfast.ErrPast):
		each.tried = max(each.tried, a.id.Incarnation)
	case errors.Is(a.err, holdfast.ErrRunning):
		each.retry = time.Now().Add(retryHeld)
	case a.err != nil:
		select {
		case <-r.lost: // nothing is known of this start; the next Run will find out
		default:
			r.notStarted(each, a)
		}
	default:
		r.see(ctx, a.process)
	}
}

func (r *run) notStarted(each *replica, a answer) {
	each.tried = max(each.tried, a.id.Incarnation)
	r.record(fate{id: a.id, reason: a.err.Error()})
	r.emit(holdfast.NotStarted{ID: a.id, Reason: a.err.Error()})
}

// see takes in the state of a process and tells what is new about it.
func (r *run) see(ctx context.Context, p holdfast.Process) {
	each := r.replica(p.ID.Name())
	if before := each.life; before.ID.Incarnation < p.ID.Incarnation && each.seen() {
		r.forget(ctx, before.ID)
	}
	if !each.learn(p) {
		if p.ID.Incarnation < each.life.ID.Incarnation && p.Gone {
			r.forget(ctx, p.ID)
		}
		return
	}
	adopted := p.Adopted || p.Began < r.began
	if !each.told.started && (p.Exit == nil || !adopted) {
		each.told.started = true
		r.emit(holdfast.Started{ID: p.ID, Address: r.addresses.get(p.ID.Name()), Pid: p.Pid, Ticks: p.Ticks, Adopted: adopted, Lacks: r.groups.lacking(p.ID.Name())})
	}
	if !each.told.exited && p.Exit != nil {
		each.told.exited = true
		r.emit(holdfast.Exited{ID: p.ID, Status: *p.Exit, Ran: ran(p)})
	}
	r.record(fate{id: p.ID, pid: p.Pid, exit: p.Exit, ran: ran(p)})
}

// forget lets the keeper drop an incarnation that is gone and has a successor.
// The last one stays known, so that nobody starts it twice. A failure is left
// to the next Run, which is told of it again.
func (r *run) forget(ctx context.Context, id holdfast.ReplicaID) {
	r.asking.Go(func() {
		within, cancel := context.WithTimeout(ctx, askTimeout)
		defer cancel()
		_ = r.keeper.Forget(within, id)
	})
}

// ran is how long a process that has ended ran; never negative, whatever clock
// wrote it down.
func ran(p holdfast.Process) time.Duration {
	if p.Exit == nil {
		return 0
	}
	return max(0, time.Duration(p.Ended-p.Began))
}
