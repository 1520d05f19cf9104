// Package keeper is the process that must not die: it opens the listening
// sockets, starts and reaps every process, keeps the agent and the gateways
// running, and tells whoever asks of every exit at once. It never decides.
//
// It may be killed all the same. What it started runs on, and the next keeper
// of the same state directory adopts it: processes by pid and start time, the
// listening sockets from the gateway that still serves them.
//
// One goroutine, the loop, owns all state. Others bring it what they saw as
// functions to call, and it never waits for any of them: a client that does not
// read is dropped, a look through /proc happens elsewhere.
//
// Without Linux there is no subreaper, no /proc and no pidfd. There the keeper
// starts, reaps and ends process groups, but what leaves its group escapes, and
// a process is adopted by its pid alone.
package keeper

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"holdfast"
	"holdfast/internal/proc"
)

// Agent is the role that commands the others. It alone is fenced by epoch, and
// it is started afresh by a keeper that finds it running; every other role
// serves on until it has handed back the listening sockets.
const Agent RoleName = "agent"

// What a keeper refuses with, beside the refusals of holdfast.Keeper.
const (
	ErrHeld         = holdfast.Refusal("another keeper holds this state directory")
	ErrEnding       = holdfast.Refusal("the keeper is ending everything")
	ErrFenced       = holdfast.Refusal("a later agent has taken over")
	ErrAddressTaken = holdfast.Refusal("the address is taken")
	ErrLost         = holdfast.Refusal("the keeper is lost")
	ErrUnknownVerb  = holdfast.Refusal("not something this keeper does")
)

// Options are what a keeper is started with.
type Options struct {
	// State is the directory of lock, keep, keeper.sock, processes.json and
	// listeners.json. It must exist.
	State string
	Roles []Role
	// Enter is the command that becomes a process with bounds: it is given the
	// arguments that Enter (the function) takes. Without it such a process is not
	// started.
	Enter []string
	// Guests are the names under our mark of what others start: a keeper that begins
	// takes them for no strays. At the end they are ended as everything is.
	Guests []string
	// Lifeline is nil, or one end of a socket pair. When the other end closes,
	// everything is ended at once; while it is open, a byte every 500 ms says
	// that the keeper is not stopped.
	Lifeline *os.File
	// Log takes a line for each thing a person may want to know. Writing to it
	// must not block: give a file. nil discards.
	Log io.Writer
}

// A keeper's fields belong to its loop, but for events, over and work.
type keeper struct {
	options  Options
	place    place
	lifeline *lifeline

	events chan func()    // what other goroutines want done in the loop
	over   chan struct{}  // closed when the loop no longer listens
	work   sync.WaitGroup // every goroutine but the loop

	processes map[holdfast.ReplicaName]*process
	children  map[int]*process // the living, by pid, of those we started
	roles     []*role
	sockets   sockets
	remains   remains
	families  map[string]bool // directories in which control groups of ours were made
	clients   map[*client]bool
	changed   []holdfast.Process // not yet told to followers
	epoch     uint64             // the highest an agent has shown
	unsaved   bool
	lookDue   time.Time // at the state directory
	homeless  error     // why it could not be moved into again
	ending    *ending
}

// Run keeps the state directory's processes until ctx ends, a client asks for
// the End, or the lifeline closes. It returns when nothing that it started or
// adopted lives, or an error that says what could not be ended.
//
// It takes the whole process over: every child is reaped by it, whoever started
// it, and SIGCHLD, SIGPIPE and SIGHUP are its own. A second keeper on the same
// directory is refused with ErrHeld and the pid of the first.
func Run(ctx context.Context, o Options) error {
	if o.Log == nil {
		o.Log = io.Discard
	}
	if err := proc.Subreaper(); err != nil {
		return err
	}
	place, err := settle(o.State)
	if err != nil {
		return err
	}
	k := &keeper{
		options:   o,
		place:     place,
		events:    make(chan func()),
		over:      make(chan struct{}),
		processes: map[holdfast.ReplicaName]*process{},
		children:  map[int]*process{},
		sockets:   sockets{held: map[holdfast.ListenerName]*held{}, followers: map[follower]bool{}},
		remains:   remains{},
		families:  map[string]bool{},
		clients:   map[*client]bool{},
	}
	defer func() { k.place.leave() }()
	for _, r := range o.Roles {
		k.roles = append(k.roles, &role{Role: r})
	}
	return k.run(ctx)
}

func (k *keeper) run(ctx context.Context) error {
	// A broken pipe behind the log, or a terminal that closes, is no reason to
	// die. Taken and not read, rather than ignored: what is ignored stays
	// ignored in every process we start.
	deaf := make(chan os.Signal, 1)
	signal.Notify(deaf, syscall.SIGPIPE, syscall.SIGHUP)
	defer signal.Stop(deaf)
	exits := make(chan os.Signal, 1)
	signal.Notify(exits, syscall.SIGCHLD)
	defer signal.Stop(exits)

	inheritNothing()
	watching, stop := context.WithCancel(context.Background())
	defer k.work.Wait()
	defer stop()
	if err := k.hang(); err != nil {
		return err
	}
	k.adopt(watching)
	server := k.place.server
	k.work.Go(func() { k.accept(server) })
	err := k.loop(ctx, exits)
	k.farewell(err)
	return err
}

// loop does one thing at a time until nothing is left to keep.
func (k *keeper) loop(ctx context.Context, exits <-chan os.Signal) error {
	asked := ctx.Done()
	timer := time.NewTimer(0)
	defer timer.Stop()
	if ctx.Err() != nil {
		k.end(longestGrace) // before the first turn starts a role
	}
	for {
		select {
		case do := <-k.events:
			do()
		case <-exits:
			k.reap()
		case <-asked:
			asked = nil
			k.end(longestGrace)
		case <-timer.C:
		}
		wake := k.turn(time.Now())
		if k.ending.over() {
			return k.ending.failure()
		}
		timer.Reset(time.Until(wake))
	}
}

// turn does what is due and says when something will be next. Exits are told
// first: whoever waits for them waits on behalf of users.
func (k *keeper) turn(now time.Time) time.Time {
	k.tell()
	wake := earliest(
		now.Add(time.Minute),
		k.tendSockets(now),
		k.tendRoles(now),
		k.tendEnding(now),
		k.tendRemains(now),
		k.lifeline.tend(now),
		k.tendPlace(now),
	)
	if k.unsaved {
		k.save()
	}
	return wake
}

// earliest is the first of the times, zero times left out.
func earliest(times ...time.Time) time.Time {
	var first time.Time
	for _, t := range times {
		if first.IsZero() || !t.IsZero() && t.Before(first) {
			first = t
		}
	}
	return first
}

// post has the loop do something, soon, or never when the loop has ended.
func (k *keeper) post(do func()) {
	select {
	case k.events <- do:
	case <-k.over:
	}
}

// reap takes every child that has ended. Its group is killed while it is still
// a zombie: until then nobody else can be given its number.
func (k *keeper) reap() {
	for {
		pid, status, ok := reapOne(func(pid int) {
			if k.leads(pid) {
				syscall.Kill(-pid, syscall.SIGKILL)
			}
		})
		if !ok {
			return
		}
		k.left(pid, statusOf(status))
	}
}

func (k *keeper) leads(pid int) bool {
	_, p := k.roleOf(pid)
	return k.children[pid] != nil || p != nil
}

// left takes note of a child's end. One we do not know is an orphan whose
// parents died: it came to us, the subreaper, and needed no more than reaping.
func (k *keeper) left(pid int, status holdfast.ExitStatus) {
	if p := k.children[pid]; p != nil {
		delete(k.children, pid)
		k.ended(p, status)
	} else if r, p := k.roleOf(pid); p != nil {
		k.roleLeft(r, p, status)
	}
}

// log writes one line.
func (k *keeper) log(format string, args ...any) {
	fmt.Fprintf(k.options.Log, time.Now().UTC().Format("2006-01-02T15:04:05.000Z ")+format+"\n", args...)
}

// hang takes the lifeline over.
func (k *keeper) hang() error {
	if k.options.Lifeline == nil {
		return nil
	}
	line, err := newLifeline(k.options.Lifeline)
	if err != nil {
		return fmt.Errorf("take the lifeline: %w", err)
	}
	k.lifeline = line
	k.work.Go(func() {
		line.wait()
		k.post(func() { k.end(lifelineGrace) })
	})
	return nil
}

// farewell leaves the state directory to the next keeper and only then answers
// those who asked for the end, so that they may start one.
func (k *keeper) farewell(err error) {
	close(k.over)
	k.tell()
	k.save()
	k.removeFamilies()
	k.lifeline.close()
	k.sockets.closeAll()
	k.place.leave()
	for _, asked := range k.ending.asked {
		asked.send(failed(err), nil)
	}
	for c := range k.clients {
		k.drop(c)
	}
}

// isGone tells the end of a process from a failure to reach it.
func isGone(err error) bool {
	return errors.Is(err, proc.ErrGone) || errors.Is(err, syscall.ESRCH)
}
