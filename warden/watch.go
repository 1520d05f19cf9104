package warden

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"holdfast"
	"holdfast/internal/proc"
)

// Run is the warden process: it serves the prove that started it (see Start)
// until told to close, until prove or the copy's keeper is lost, or until
// SIGTERM, SIGINT or the end of ctx. It returns when every fault that was armed
// is undone and no process of the copy lives, or with an error that names what
// is left. faults are those it can undo; no other can be armed.
//
// It must be the only thing its process does: it reaps every child.
func Run(ctx context.Context, faults []holdfast.Fault) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	// Nobody's hanging up ends us. The signal is caught and dropped: an ignored
	// one would be ignored by every process of the copy too.
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	conn, err := connection(controlFD)
	if err != nil {
		return fmt.Errorf("warden: only prove starts it, over descriptor %d: %w", controlFD, err)
	}
	if err := proc.Subreaper(); err != nil {
		return fmt.Errorf("warden: %w", err)
	}
	w := &watch{
		faults:   faults,
		conn:     conn,
		orders:   make(chan order),
		lifeline: make(chan struct{}, 1),
		ended:    make(chan struct{}),
	}
	w.readers.Go(w.hear)
	forced := w.serve(ctx)
	w.leave()
	if len(forced.Left) > 0 {
		return fmt.Errorf("warden: could not put back: %q", forced.Left)
	}
	return nil
}

// A watch is the warden's state, owned by the goroutine of serve. The others
// only read connections.
type watch struct {
	faults []holdfast.Fault
	book   *ledger
	prove  Identity
	conn   net.Conn // to prove

	copy   Copy
	keeper Identity
	bond   net.Conn // our end of the lifeline; nil until there is a copy
	ready  bool     // the keeper has written its first byte

	proveSilent, keeperSilent int // ticks of ours without a sign of life
	meant                     int // ticks for which the keeper's end is no loss

	stopLooks int  // at a stop that was asked for
	obeying   bool // prove has seen it, and puts back itself

	orders   chan order    // closed when prove's connection ended
	lifeline chan struct{} // a byte came
	ended    chan struct{} // the watch is over: readers stop
	readers  sync.WaitGroup
}

// hear reads prove's orders until the connection ends.
func (w *watch) hear() {
	defer close(w.orders)
	receive(w.conn, func(o order) bool {
		select {
		case w.orders <- o:
			return true
		case <-w.ended:
			return false
		}
	})
}

// listen reads the keeper's signs of life. A lifeline that ends is only silent:
// that the keeper itself ended we are told by the kernel.
func (w *watch) listen(line net.Conn) {
	var buffer [16]byte
	for {
		if _, err := line.Read(buffer[:]); err != nil {
			return
		}
		select {
		case w.lifeline <- struct{}{}:
		default: // one is noted already
		}
	}
}

// leave ends the readers and waits for them.
func (w *watch) leave() {
	close(w.ended)
	w.conn.Close()
	if w.bond != nil {
		w.bond.Close()
	}
	w.readers.Wait()
	if w.book != nil {
		w.book.close()
	}
}

// serve is the watch itself. However it ends, everything was put back.
func (w *watch) serve(ctx context.Context) Forced {
	children := make(chan os.Signal, 1)
	signal.Notify(children, syscall.SIGCHLD)
	defer signal.Stop(children)
	tick := time.NewTicker(beatEvery)
	defer tick.Stop()
	glance := time.NewTicker(StopEvery)
	defer glance.Stop()
	for {
		select {
		case <-ctx.Done():
			return w.close("it was told to end", 0)
		case o, ok := <-w.orders:
			w.proveSilent = 0
			switch {
			case !ok:
				w.settleProve()
				return w.lose("prove is gone")
			case o.Do == doClose:
				return w.close("prove closed it", o.N)
			}
			w.reply(o)
		case <-w.lifeline:
			w.ready, w.keeperSilent = true, 0
		case <-children:
			if how, ended := w.keeperEnded(); ended {
				if why := w.replace(how); why != "" {
					return w.lose(why)
				}
			}
		case <-glance.C:
			if why := w.stopped(); why != "" {
				return w.lose(why)
			}
		case <-tick.C:
			if who := w.silence(); who != "" {
				return w.lose(who)
			}
		}
	}
}

// silence counts one tick and says who has been silent for too long.
func (w *watch) silence() string {
	w.proveSilent++
	w.meant = max(0, w.meant-1)
	if w.proveSilent >= proveSilence {
		return fmt.Sprintf("prove was silent for %v", proveSilence*beatEvery)
	}
	if w.bond == nil {
		return ""
	}
	limit := keeperStart
	if w.ready {
		limit = keeperSilence
	}
	w.keeperSilent++
	if w.keeperSilent >= limit {
		return fmt.Sprintf("the copy's keeper was silent for %v", time.Duration(limit)*beatEvery)
	}
	return ""
}

// keeperEnded reaps what has ended and says how the keeper did, if it did.
func (w *watch) keeperEnded() (how string, ended bool) {
	reapChildren(func(pid int, status syscall.WaitStatus) {
		switch {
		case pid != w.keeper.Pid:
		case status.Signaled():
			how, ended = status.Signal().String(), true
		default:
			how, ended = fmt.Sprintf("exit %d", status.ExitStatus()), true
		}
	})
	return how, ended
}

// replace starts the next keeper where the end of the last was meant, or says why
// it cannot be. For the moment in between nothing would end the copy by its
// lifeline: were we lost in it, prove would end it by its marks, and after prove
// heal.
func (w *watch) replace(how string) (why string) {
	if w.meant == 0 {
		return "the copy's keeper ended: " + how
	}
	w.meant = 0
	w.bond.Close()
	keeper, bond, err := w.copy.start()
	if err != nil {
		return "the copy's next keeper could not be started: " + err.Error()
	}
	w.keeper, w.bond, w.ready, w.keeperSilent = keeper, bond, false, 0
	w.readers.Go(func() { w.listen(bond) })
	if err := w.book.write(line{State: isKeeper, Keeper: &w.keeper}); err != nil {
		return err.Error()
	}
	send(w.conn, answer{Keeper: w.keeper})
	return ""
}

// reply carries an order out and answers. An answer that cannot be sent is the
// loss of prove, which its silence or its end will show.
func (w *watch) reply(o order) {
	a, err := w.obey(o)
	a.N = o.N
	if err != nil {
		a.Error = err.Error()
	}
	send(w.conn, a)
}

func (w *watch) obey(o order) (answer, error) {
	if (w.book == nil) != (o.Do == doHello) {
		return answer{}, fmt.Errorf("%s: out of turn", o.Do)
	}
	switch o.Do {
	case doHello:
		return answer{}, w.begin(o)
	case doBeat:
		return answer{}, nil
	case doObey:
		w.obeying = true
		return answer{}, nil
	case doCopy:
		return w.startCopy(o)
	case doArm:
		return w.arm(o)
	case doInjected:
		return answer{}, w.book.write(line{State: isInjected, ID: o.ID})
	case doExpect:
		if w.bond == nil {
			return answer{}, errors.New("expect: there is no copy")
		}
		w.meant = keeperMeant
		return answer{}, nil
	case doUndone:
		return answer{}, w.book.write(line{State: isUndone, ID: o.ID, By: byProve, Final: true})
	}
	return answer{}, fmt.Errorf("%s: not a thing to ask of a warden", o.Do)
}

func (w *watch) begin(o order) (err error) {
	self, err := identify(os.Getpid())
	if err != nil {
		return err
	}
	w.prove = o.Prove
	w.book, err = createLedger(o.Ledger, run{Prove: o.Prove, Warden: self, BootID: proc.BootID()})
	return err
}

// startCopy writes down where the copy lives before anything of it does, so
// that heal finds it even if we end in between.
func (w *watch) startCopy(o order) (a answer, err error) {
	if w.bond != nil {
		return a, errors.New("start copy: one runs already")
	}
	if o.Copy == nil {
		return a, errors.New("start copy: none was named")
	}
	if err := o.Copy.check(); err != nil {
		return a, err
	}
	if err := w.book.write(line{State: isCopy, Copy: &place{Keep: o.Copy.Keep, Dir: o.Copy.Dir}}); err != nil {
		return a, err
	}
	w.copy = *o.Copy
	w.keeper, w.bond, err = o.Copy.start()
	if err != nil {
		return a, err
	}
	bond := w.bond
	w.readers.Go(func() { w.listen(bond) })
	return answer{Keeper: w.keeper}, w.book.write(line{State: isKeeper, Keeper: &w.keeper})
}

func (w *watch) arm(o order) (a answer, err error) {
	if o.Entry == nil {
		return a, errors.New("arm: no entry")
	}
	if _, known := find(w.faults, o.Entry.Fault); !known {
		return a, fmt.Errorf("arm %s: this warden cannot undo it", o.Entry)
	}
	a.ID, err = w.book.arm(*o.Entry)
	return a, err
}

// lose ends everything because somebody was lost, and tells prove at once, in
// case it can still hear.
func (w *watch) lose(why string) Forced {
	send(w.conn, answer{Lost: why, Ticks: w.ticks(lostGrace)})
	forced := w.putBack(why, lostGrace, func() bool { return !w.prove.alive() })
	send(w.conn, answer{Last: &forced})
	return forced
}

// ticks is how many prove must wait for us to put back.
func (w *watch) ticks(grace time.Duration) int {
	if w.book == nil {
		return ticks(grace, nil)
	}
	return ticks(grace, w.book.open())
}

// settleProve waits a moment for a prove whose connection ended to be dead: the
// kernel closes the one before it declares the other.
func (w *watch) settleProve() {
	handle, err := proc.Open(w.prove.Pid, w.prove.Ticks)
	if err != nil {
		return
	}
	defer handle.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	handle.Wait(ctx)
}

// close is the orderly way. Asked by prove, it is final: prove injects nothing
// after it asked.
func (w *watch) close(why string, n uint64) Forced {
	if n == 0 {
		send(w.conn, answer{Lost: why, Ticks: w.ticks(closeGrace)})
	}
	forced := w.putBack(why, closeGrace, func() bool { return n != 0 || !w.prove.alive() })
	send(w.conn, answer{N: n, Last: &forced})
	return forced
}

// putBack undoes what is open, closes the lifeline and ends the copy.
func (w *watch) putBack(why string, grace time.Duration, final func() bool) Forced {
	if w.book == nil {
		return Forced{} // nobody ever spoke to us
	}
	work := restoration{
		book:    w.book,
		faults:  w.faults,
		remains: remains{keep: w.copy.Keep, keeper: w.keeper, family: true},
		grace:   grace,
		by:      byWarden,
		why:     why,
		final:   final,
	}
	return work.perform(context.Background(), func() {
		if w.bond != nil {
			w.bond.Close()
		}
	})
}
