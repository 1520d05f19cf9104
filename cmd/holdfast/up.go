package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"holdfast"
	"holdfast/api"
	"holdfast/check"
	"holdfast/cutset"
	"holdfast/diagnostic"
	"holdfast/event"
	"holdfast/internal/files"
	"holdfast/internal/proc"
	"holdfast/journal/view"
	"holdfast/spec"
	"holdfast/topology"
)

func upCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "up [FILE]", Args: cobra.MaximumNArgs(1),
		Short: "run the system so that it keeps answering",
		Long: "Runs the system in the foreground: Ctrl-C stops everything. With --detach it\n" +
			"returns when the system serves, and holdfast down stops it. After a keeper was\n" +
			"killed, up adopts what still runs.",
	}
	flag := stateFlag(c)
	detach := c.Flags().BoolP("detach", "d", false, "return when the system serves")
	c.RunE = func(c *cobra.Command, args []string) error {
		file, reading, err := understand(argument(args, 0), environ(), c.ErrOrStderr())
		if err != nil {
			return err
		}
		fmt.Fprint(c.ErrOrStderr(), designHint(file.Name, reading))
		state, err := stateOf(*flag, file.Dir)
		if err != nil {
			return exit(exitCouldNot, err)
		}
		u := &up{state: state, system: reading.System, out: c.OutOrStdout(), began: time.Now(), client: api.NewClient(state.apiSocket())}
		defer u.client.Close()
		declared := api.File{Name: file.Name, Text: string(file.Text), Dir: file.Dir}
		err = u.start(c.Context(), declared)
		var problem *api.Problem
		switch {
		case errors.As(err, &problem):
			return refused(problem)
		case err != nil:
			return failed(c.Context(), err)
		}
		if *detach {
			return u.detached(c.Context())
		}
		return u.foreground(c.Context())
	}
	return c
}

// designHint tells whoever starts a system that a promise of it can break by one
// thing alone, or cannot be kept. It is a line; the rest is for check to say.
func designHint(name string, reading *spec.Reading) string {
	reviewed := reviewReading(reading, name, func(*holdfast.System) (check.Facts, []string) {
		return check.Facts{Limits: cutset.Limits{Order: 1, Steps: 1 << 20}}, nil
	})
	n := 0
	for _, p := range judge(reviewed.Review).Problems {
		if strings.HasPrefix(string(p.Code), "HF21") {
			n++
		}
	}
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("the design has %s: holdfast check %s says more\n", diagnostic.Count(n, "problem"), name)
}

// up is the command while it runs. The system it started outlives it unless it
// is asked to stop.
type up struct {
	state  stateDir
	system *holdfast.System
	out    io.Writer
	began  time.Time
	client *api.Client
}

// ready bounds how long our own processes may take to answer.
const ready = 15 * time.Second

// start starts a keeper, unless one runs, and puts the file in force.
func (u *up) start(ctx context.Context, file api.File) error {
	if err := u.state.prepare(); err != nil {
		return err
	}
	if healed, err := u.state.heal(ctx); err != nil || !healed.Clean() {
		fmt.Fprint(u.out, healedText(healed))
	}
	if err := u.replaceStuckKeeper(ctx); err != nil {
		return err
	}
	k, err := u.startKeeper()
	if err != nil {
		return err
	}
	if err := u.declare(ctx, file, k); err != nil {
		u.abandon(k)
		return err
	}
	fmt.Fprintf(u.out, "%s\n", summary(u.system))
	return nil
}

// replaceStuckKeeper makes way: a keeper that answers holds the system already,
// one that is stopped or stuck is ended, and what it kept is adopted.
func (u *up) replaceStuckKeeper(ctx context.Context) error {
	probe, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	client, err := u.state.dialKeeper(probe)
	if err == nil {
		client.Close()
		return u.runsAlready()
	}
	if probe.Err() == nil || ctx.Err() != nil {
		return ctx.Err() // nobody listens
	}
	return endPeer(ctx, u.state.keeperSocket())
}

// startKeeper starts the keeper in a session of its own, so that what ends this
// command does not end the system.
func (u *up) startKeeper() (*keeping, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	log, err := os.OpenFile(u.state.log("keeper"), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd := exec.Command(self, "keeper", "--state", string(u.state))
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the keeper: %w", err)
	}
	k := &keeping{ended: make(chan struct{})}
	go func() { // it ends with the keeper, or with this process
		k.err = cmd.Wait()
		close(k.ended)
	}()
	return k, nil
}

// A keeping is a keeper this command started.
type keeping struct {
	ended chan struct{}
	err   error // how it ended, once ended is closed
}

// whyEnded explains a keeper that ended at once: another up was faster, or what
// its log says.
func (u *up) whyEnded(ctx context.Context, k *keeping) error {
	if client, err := u.state.dialKeeper(ctx); err == nil {
		client.Close()
		return u.runsAlready()
	}
	return fmt.Errorf("the keeper ended at once: %v\n%s", k.err, files.Quote(u.state.log("keeper")))
}

func (u *up) runsAlready() error {
	return fmt.Errorf("a system runs in %s already\n  next: holdfast status shows it, holdfast down stops it; another one needs another --state", u.state)
}

// declare puts the file in force as soon as the agent answers.
func (u *up) declare(ctx context.Context, file api.File, k *keeping) error {
	limit := time.NewTimer(ready)
	defer limit.Stop()
	for {
		err := u.client.Declare(ctx, file)
		var problem *api.Problem
		if err == nil || errors.As(err, &problem) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-k.ended:
			return u.whyEnded(ctx, k)
		case <-limit.C:
			return fmt.Errorf("the agent does not answer: %w\n%s", err, files.Quote(u.state.log("agent")))
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// abandon ends a keeper that has nothing to keep.
func (u *up) abandon(k *keeping) {
	select {
	case <-k.ended:
		return // ours is over: a keeper that answers is that of another up
	default:
	}
	ctx, cancel := context.WithTimeout(context.Background(), ready)
	defer cancel()
	status, err := u.client.Status(ctx)
	if err == nil && len(status.View.Services) > 0 && !status.View.Stopped {
		return // it has adopted a system, which goes on under its old file
	}
	if client, err := u.state.dialKeeper(ctx); err == nil {
		defer client.Close()
		left := leaving(ctx, u.state)
		defer left()
		_ = client.End(ctx)
	}
}

// detached waits until the system serves.
func (u *up) detached(ctx context.Context) error {
	if err := u.untilServing(ctx); err != nil {
		return failed(ctx, err)
	}
	fmt.Fprintln(u.out, "it runs on by itself: holdfast status, holdfast down")
	return nil
}

// foreground shows changes of state until a person or the system ends it.
func (u *up) foreground(ctx context.Context) error {
	following, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	notices := make(chan error, 1)
	if err := u.untilServing(ctx); err != nil && ctx.Err() == nil {
		fmt.Fprintln(u.out, err)
	}
	if ctx.Err() == nil {
		fmt.Fprintln(u.out, "Ctrl-C stops everything; meanwhile: holdfast status, events, logs, pause")
	}
	go func() { notices <- u.notices(following) }()
	select {
	case err := <-notices:
		return u.ended(ctx, err)
	case <-ctx.Done():
	}
	fmt.Fprintln(u.out, "stopping; Ctrl-C again ends everything at once")
	again, cancel := signalAgain(context.WithoutCancel(ctx))
	defer cancel()
	err := stopSystem(again, u.state, u.client, who(), u.out)
	stop()
	<-notices
	if err != nil {
		return exit(exitCouldNot, err)
	}
	fmt.Fprintln(u.out, "stopped: nothing of it runs any more")
	return nil
}

// ended says why there is nothing to follow any more.
func (u *up) ended(ctx context.Context, err error) error {
	if errors.Is(err, errStopped) {
		u.untilGone(ctx)
		fmt.Fprintln(u.out, "stopped: nothing of it runs any more")
		return nil
	}
	return exit(exitCouldNot, fmt.Errorf("the keeper is gone; gateway and replicas serve on\n  next: holdfast up adopts them, holdfast down ends them"))
}

// untilGone waits for the end of a keeper whose agent may still be telling people that
// it is over.
func (u *up) untilGone(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, farewell+2*time.Second)
	defer cancel()
	k, err := u.state.dialKeeper(ctx)
	if err != nil {
		return
	}
	defer k.Close()
	select {
	case <-k.Lost():
	case <-ctx.Done():
	}
}

// untilServing prints what gets ready, and the addresses when the system
// serves. A replica that does not get ready is explained.
func (u *up) untilServing(ctx context.Context) error {
	ready := readiness{out: u.out, began: u.began, shown: map[holdfast.ServiceName]bool{}}
	explained := map[holdfast.ServiceName]bool{}
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for {
		status, err := u.client.Status(ctx)
		if err == nil {
			ready.show(status.View)
			if status.View.Serving {
				u.showAddresses(status)
				return nil
			}
			if err := u.showFailures(ctx, status, explained); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}

// A readiness says which services have become ready, those of half a second in
// one line: a start is a few lines however many services there are.
type readiness struct {
	out   io.Writer
	began time.Time
	shown map[holdfast.ServiceName]bool
	last  time.Time
}

func (r *readiness) show(v view.Status) {
	if !v.Serving && time.Since(r.last) < 500*time.Millisecond {
		return
	}
	var ready []string
	for _, service := range v.Services {
		if service.Admitted >= service.Declared && !r.shown[service.Name] {
			r.shown[service.Name] = true
			ready = append(ready, fmt.Sprintf("%s %d/%d", service.Name, service.Admitted, service.Declared))
		}
	}
	if len(ready) > 0 {
		r.last = time.Now()
		fmt.Fprintf(r.out, "%s ready after %s: %s\n", view.Good, event.Short(time.Since(r.began)), strings.Join(ready, ", "))
	}
}

func (u *up) showAddresses(status api.Status) {
	addresses, secured := listenerAddresses(status.Listeners), topology.Secured(u.system)
	var serving []string
	for _, route := range topology.Routes(u.system) {
		if route.Caller == "" {
			serving = append(serving, urlOf(route, addresses[route.Listener], len(secured[route.Listener]) > 0))
		}
	}
	if len(serving) == 0 {
		serving = []string{"nothing is published"}
	}
	for _, line := range lacking(status.View) {
		fmt.Fprintf(u.out, "%s %s\n", view.Bad, line)
	}
	fmt.Fprintf(u.out, "serving %s%s\n", strings.Join(serving, " "), inShadow(status.View.Arms))
}

// urlOf is where users of a route come in. A wild host, and any name but where the
// gateway listens, is the user's to resolve.
func urlOf(route holdfast.RouteEntry, address string, secured bool) string {
	scheme := "http://"
	if secured {
		scheme = "https://"
	}
	at := strings.Replace(address, "[::]", "localhost", 1)
	if _, port, err := net.SplitHostPort(address); err == nil && route.Host != "" {
		at = net.JoinHostPort(route.Host, port)
	}
	return scheme + at + route.Path
}

// inShadow says in half a line how many remedies would only be recorded; status
// says which, and why.
func inShadow(arms []view.Arm) string {
	n := len(shadowed(arms))
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("; in shadow: %s of %d that would end a living process (holdfast prove arms what passes)", diagnostic.Count(n, "remedy"), len(arms))
}

// errGaveUp says that a replica cannot be started by trying.
const errGaveUp = holdfast.Refusal("the system does not serve: a person is needed")

// showFailures explains the first replica of each service that failed before
// the system served, because the others seldom have another reason, and ends
// the wait once a person is needed for something that is required.
func (u *up) showFailures(ctx context.Context, status api.Status, explained map[holdfast.ServiceName]bool) error {
	for _, failure := range status.View.Failures {
		if explained[failure.ID.Service] {
			continue
		}
		if d, err := u.client.Diagnose(ctx, failure.ID.Name()); err == nil {
			explained[failure.ID.Service] = true
			fmt.Fprintf(u.out, "%s %s\n", view.Bad, diagnosisText(d))
		}
	}
	for _, failure := range status.View.Failures {
		if failure.NeedsYou && !failure.Mitigated {
			return fmt.Errorf("%w: %s %s (%s)\n  next: see holdfast status and holdfast logs %s; mend it, then holdfast reload, which tries again (or holdfast down)",
				errGaveUp, failure.ID.Name(), failure.Doing, someone(failure.Escalated), failure.ID.Name())
		}
	}
	return nil
}

func someone(owner holdfast.OwnerName) string {
	if owner == "" {
		return "nobody owns it"
	}
	return "owner " + string(owner)
}

// errStopped says that the system was stopped as asked.
const errStopped = holdfast.Refusal("stopped")

// notices prints changes of state as they happen, until the system is gone.
func (u *up) notices(ctx context.Context) error {
	var timeline view.Timeline
	status, err := u.client.Status(ctx)
	if err != nil {
		return err
	}
	last, stopped := status.View.Seq, false
	for ctx.Err() == nil {
		err = u.client.Entries(ctx, last, true, func(entry event.Entry) error {
			last = entry.ID.Seq
			if row := timeline.Add(entry); row.Notable {
				fmt.Fprintln(u.out, row.Notice(time.Local))
			}
			if _, ok := entry.Body.(event.Stopped); ok {
				stopped = true
			}
			return nil
		})
		if stopped {
			return errStopped
		}
		if gone := u.keeperGone(ctx); gone != nil {
			return gone
		}
	}
	return err
}

// keeperGone tells an agent that is being restarted from a keeper that is dead.
func (u *up) keeperGone(ctx context.Context) error {
	deadline, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	client, err := u.state.dialKeeper(deadline)
	if err != nil {
		return err
	}
	client.Close()
	select {
	case <-time.After(50 * time.Millisecond): // the agent is on its way
	case <-ctx.Done():
	}
	return nil
}

// who is the person at this terminal.
func who() string {
	if u, err := user.Current(); err == nil && u.Username != "" {
		return u.Username
	}
	return "somebody"
}

// endPeer ends the process that serves a socket but does not answer.
func endPeer(ctx context.Context, socket string) error {
	pid, err := peer(ctx, socket)
	if err != nil {
		return fmt.Errorf("a keeper is stuck and cannot be found: %w", err)
	}
	ticks, err := proc.Ticks(pid)
	if err != nil {
		return err
	}
	handle, err := proc.Open(pid, ticks)
	if err != nil {
		return err
	}
	defer handle.Close()
	if err := handle.Signal(syscall.SIGKILL); err != nil {
		return fmt.Errorf("a keeper is stuck: %w", err)
	}
	return handle.Wait(ctx)
}
