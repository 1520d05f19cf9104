package toy

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// errTold is the end of a service that --exit-after has made fail.
const errTold = told("failed, as told by --exit-after")

type told string

func (t told) Error() string { return string(t) }

// habits are the ways in which a service can be told to misbehave.
type habits struct {
	startDelay  time.Duration
	exitAfter   time.Duration
	ignoreTerm  bool
	neverListen bool
	setsidChild bool
	failShare   float64
	work        time.Duration
	workers     int // answers at a time; 0: as many as are asked for
	adjustable  bool
	flood       int
	writes      bool
	speaks      string // overHTTP, overH2C or overGRPC
	asks        string // the same, of those it depends on

	// Of carts, which only a cart has, and only with a store.
	store      string        // a file, or "memory"; empty: it keeps none
	storeLate  time.Duration // how long after it was acknowledged
	answerLate time.Duration // how long after it was stored
	storeTwice bool
}

func parse(name string, args []string, out io.Writer) (habits, error) {
	var h habits
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	flags.SetOutput(out)
	flags.DurationVar(&h.startDelay, "start-delay", 0, "wait this long before listening")
	flags.DurationVar(&h.exitAfter, "exit-after", 0, "fail this long after starting, in the middle of whatever is going on")
	flags.BoolVar(&h.ignoreTerm, "ignore-term", false, "ignore SIGTERM and SIGINT")
	flags.BoolVar(&h.neverListen, "never-listen", false, "run, and never listen")
	flags.BoolVar(&h.setsidChild, "setsid-child", false, "start a child in a session of its own and leave it behind; its pid is printed")
	flags.Float64Var(&h.failShare, "fail-share", 0, "answer this `share` (0 to 1) of requests with 500; /healthz stays well")
	flags.DurationVar(&h.work, "work", 0, "take this long for each answer but /healthz")
	flags.IntVar(&h.workers, "workers", 0, "work on this `many` answers at a time, and let the rest wait; /healthz does not")
	flags.BoolVar(&h.adjustable, "adjustable", false, "let PUT /manners?fail-share=0.3&delay=1s change how it answers")
	flags.IntVar(&h.flood, "flood", 0, "print this many `lines` of 100 bytes per second")
	flags.BoolVar(&h.writes, "write", false, "write a line to a file in $DATA_DIR for each answer but /healthz")
	flags.StringVar(&h.speaks, "speaks", overHTTP, "`protocol` it answers: http, h2c or grpc")
	flags.StringVar(&h.asks, "asks", overHTTP, "`protocol` it asks the services it depends on: http, h2c or grpc")
	flags.StringVar(&h.store, "store", "", "keep carts in this `file`, which replicas can share, or in their own memory (cart only)")
	flags.DurationVar(&h.storeLate, "store-late", 0, "store what is put into a cart only this long after it was acknowledged")
	flags.DurationVar(&h.answerLate, "answer-late", 0, "acknowledge what is put into a cart only this long after it was stored")
	flags.BoolVar(&h.storeTwice, "store-twice", false, "store what is put into a cart again when it is there already")
	if err := flags.Parse(args); err != nil {
		return habits{}, err
	}
	switch {
	case flags.NArg() > 0:
		return habits{}, fmt.Errorf("%s: what is %q?", name, flags.Arg(0))
	case h.failShare < 0 || h.failShare > 1:
		return habits{}, fmt.Errorf("%s: --fail-share %v: want 0 to 1", name, h.failShare)
	case !spoken(h.speaks) || !spoken(h.asks):
		return habits{}, fmt.Errorf("%s: it speaks and asks http, h2c or grpc", name)
	case h.store != "" && name != "cart":
		return habits{}, fmt.Errorf("%s: --store is for the cart", name)
	case h.store == "" && (h.storeLate != 0 || h.answerLate != 0 || h.storeTwice):
		return habits{}, fmt.Errorf("%s: it stores nothing without --store", name)
	case h.storeLate < 0 || h.answerLate < 0 || h.startDelay < 0 || h.exitAfter < 0 || h.work < 0 || h.workers < 0 || h.flood < 0:
		return habits{}, fmt.Errorf("%s: no flag takes a number below 0", name)
	}
	return h, nil
}

// live serves as the habits say, until ctx ends or a habit ends it.
func (h habits) live(ctx context.Context, out io.Writer, serve func(context.Context) error) error {
	if h.setsidChild {
		if err := leaveBehind(out); err != nil {
			return err
		}
	}
	if h.exitAfter > 0 {
		var stop func()
		ctx, stop = context.WithTimeoutCause(ctx, h.exitAfter, errTold)
		defer stop()
	}
	var flooding sync.WaitGroup
	defer flooding.Wait()
	ctx, end := context.WithCancel(ctx)
	defer end()
	if h.flood > 0 {
		flooding.Go(func() { flood(ctx, out, h.flood) })
	}
	if !h.listens(ctx) {
		return onlyTold(context.Cause(ctx))
	}
	return serve(ctx)
}

// listens waits until it is time to listen, or ctx ends.
func (h habits) listens(ctx context.Context) bool {
	var now <-chan time.Time
	if !h.neverListen {
		now = time.After(h.startDelay)
	}
	select {
	case <-ctx.Done():
		return false
	case <-now:
		return true
	}
}

// onlyTold is the error of a service that ended before it listened: being
// stopped is none.
func onlyTold(err error) error {
	if errors.Is(err, errTold) {
		return err
	}
	return nil
}

// leaveBehind starts a child that no signal to our process group reaches and
// that outlives us, as a careless daemon would. It ends by itself after ten
// minutes, should a test forget it.
func leaveBehind(out io.Writer) error {
	child := exec.Command("sleep", "600")
	child.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := child.Start(); err != nil {
		return fmt.Errorf("start the child: %w", err)
	}
	fmt.Fprintf(out, "child %d\n", child.Process.Pid)
	return child.Process.Release()
}

// flood prints lines at a rate, in portions every 10 ms, and falls behind when
// nobody reads.
func flood(ctx context.Context, out io.Writer, perSecond int) {
	line := append(bytes.Repeat([]byte("flood "), 17)[:99], '\n')
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	began, printed := time.Now(), 0
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			due := min(int(now.Sub(began).Seconds()*float64(perSecond)), printed+perSecond)
			if _, err := out.Write(bytes.Repeat(line, max(0, due-printed))); err != nil {
				return
			}
			printed = due
		}
	}
}
