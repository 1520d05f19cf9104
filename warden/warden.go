// Package warden makes certain that what was broken on purpose is put back,
// whoever dies first.
//
// A warden is a process of its own, started by prove before anything else, in a
// session of its own. It holds the ledger of faults, starts the private copy
// the faults strike, and undoes and ends everything when prove, the copy's
// keeper or the bond to either is lost: dead, or alive but stuck.
//
//	prove ──beat every 250 ms──▶ warden ◀──byte every 500 ms── keeper ──▶ replicas
//	      ◀──────answer─────────        ───────lifeline──────▶
//
//	lost                        seen by            after   who puts back
//	prove dead | stuck          warden: EOF | 2 s          the warden
//	keeper dead | stuck         warden: SIGCHLD | 2.5 s    the warden, unless its
//	                                                       end was meant (Expect)
//	warden dead | stuck         prove: EOF | 2 s, then     prove; the copy ends
//	                            SIGKILL to the warden      by its lifeline
//	prove and warden dead       the next start             Heal; the copy ends
//	                                                       by its lifeline
//
// Each of these is over within 5 s of the loss, the lease of every fault; the
// last one's faults wait for Heal. After a reboot there is nothing to do.
//
// Where there is no Linux, processes are known by pid alone and marks cannot be
// read: a copy is then ended by its keeper only.
package warden

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"holdfast"
	"holdfast/internal/proc"
)

// A Warden is prove's side of the bond. All methods may be called concurrently.
// Close must be called, whatever happened.
type Warden struct {
	ledger string
	faults []holdfast.Fault
	cmd    *exec.Cmd
	conn   net.Conn
	lost   chan struct{} // somebody is gone: abort
	gone   chan struct{} // the warden's process has ended
	done   chan struct{} // and what it left was put back

	speaking sync.Mutex // one line at a time
	closing  sync.Mutex // one sweep at a time

	mu       sync.Mutex // guards what follows
	waiting  map[uint64]chan answer
	orders   uint64
	entries  []Entry // armed; those not undone by prove's own word
	copy     Copy
	keeper   Identity
	renewed  time.Duration // when we heard of it, by the boot clock
	why      error
	silent   int // ticks without an answer
	patience int
	begun    bool    // there is a ledger, and it is ours
	over     bool    // lost is closed
	last     *Forced // the warden's last word
	forced   Forced
}

// Start starts the warden argv (absolute path first; it must call Run) with a
// new ledger, an absolute path that ends in Suffix. ctx bounds the start only.
// faults are those prove may inject: it undoes them itself if the warden dies.
func Start(ctx context.Context, argv []string, ledger string, faults []holdfast.Fault) (*Warden, error) {
	if len(argv) == 0 || !filepath.IsAbs(argv[0]) || !filepath.IsAbs(ledger) || !strings.HasSuffix(ledger, Suffix) {
		return nil, fmt.Errorf("start warden: want an absolute program and an absolute ledger *%s", Suffix)
	}
	self, err := identify(os.Getpid())
	if err != nil {
		return nil, fmt.Errorf("start warden: %w", err)
	}
	w := &Warden{
		ledger:   ledger,
		faults:   faults,
		lost:     make(chan struct{}),
		gone:     make(chan struct{}),
		done:     make(chan struct{}),
		waiting:  map[uint64]chan answer{},
		patience: wardenStart,
	}
	if err := w.spawn(argv); err != nil {
		return nil, fmt.Errorf("start warden: %w", err)
	}
	go w.attend() // Close waits for it
	if _, err := w.ask(ctx, order{Do: doHello, Prove: self, Ledger: ledger}); err != nil {
		w.cmd.Process.Kill()
		<-w.done
		w.conn.Close()
		return nil, fmt.Errorf("start warden: %w", err)
	}
	w.begin()
	return w, nil
}

// begin says that the ledger is ours, and from now on to be patient no longer
// than the bond promises, unless there is news already.
func (w *Warden) begin() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.begun = true
	if w.patience == wardenStart {
		w.patience = proveSilence
	}
}

// spawn starts the process. What it prints is a crash report, and goes beside
// the ledger: our own streams may be gone when it has something to say.
func (w *Warden) spawn(argv []string) error {
	log, err := os.OpenFile(w.log(), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	conn, theirs, err := pair()
	if err != nil {
		return err
	}
	defer theirs.Close()
	w.conn = conn
	w.cmd = exec.Command(argv[0], argv[1:]...)
	w.cmd.Env = proc.Baseline(os.Environ())
	w.cmd.Stdout, w.cmd.Stderr = log, log
	w.cmd.ExtraFiles = []*os.File{theirs} // descriptor 3, see controlFD
	w.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := w.cmd.Start(); err != nil {
		conn.Close()
		return err
	}
	return nil
}

func (w *Warden) log() string { return strings.TrimSuffix(w.ledger, Suffix) + ".log" }

// StartCopy starts the private copy's keeper under the warden, once. It returns
// when the process runs; that it is ready its API has to show.
func (w *Warden) StartCopy(ctx context.Context, copy Copy) error {
	w.mu.Lock()
	w.copy = copy // known before it is started: an answer may be lost
	w.mu.Unlock()
	a, err := w.ask(ctx, order{Do: doCopy, Copy: &copy})
	w.mu.Lock()
	defer w.mu.Unlock()
	w.keeper, w.renewed = a.Keeper, proc.Now()
	return err
}

// Expect says that the copy's keeper is about to be ended on purpose. For 2 s its
// end is no loss: the warden starts the next one, which takes over what the last
// one started. Once, and only for that.
func (w *Warden) Expect(ctx context.Context) error {
	_, err := w.ask(ctx, order{Do: doExpect})
	return err
}

// Keeper is the copy's keeper, and when it was heard to run.
func (w *Warden) Keeper() (Identity, time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.keeper, w.renewed
}

// Arm writes an entry down and returns when it is on disk. Only then may the
// fault be injected.
func (w *Warden) Arm(ctx context.Context, entry Entry) (EntryID, error) {
	a, err := w.ask(ctx, order{Do: doArm, Entry: &entry})
	if err != nil {
		return 0, err
	}
	entry.ID = a.ID
	w.mu.Lock()
	defer w.mu.Unlock()
	w.entries = append(w.entries, entry)
	return a.ID, nil
}

// Injected records that an armed fault was injected.
func (w *Warden) Injected(ctx context.Context, id EntryID) error {
	_, err := w.ask(ctx, order{Do: doInjected, ID: id})
	return err
}

// Undone records that a fault is undone, which the caller has seen with its own
// eyes: an Undo that returned is not enough.
func (w *Warden) Undone(ctx context.Context, id EntryID) error {
	if _, err := w.ask(ctx, order{Do: doUndone, ID: id}); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.entries = slices.DeleteFunc(w.entries, func(e Entry) bool { return e.ID == id })
	return nil
}

// Lost is closed when the warden or the copy is gone, or the warden was closed:
// inject nothing from then on. Putting back is under way, and Close waits for
// it.
func (w *Warden) Lost() <-chan struct{} { return w.lost }

// Why says what was lost, or nil.
func (w *Warden) Why() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.why
}

// Close ends the copy by its lifeline, then the warden, and returns when every
// fault is undone and nothing of the copy lives: within 16 s, or 25 s if the
// warden gets stuck meanwhile, and what Mending says. When ctx ends, the copy's
// grace does too. It reports what had to be forced; the error says who was lost
// before, or what could not be put back. It may be called again and then says
// the same. A copy that is ended in any other way is a keeper lost.
func (w *Warden) Close(ctx context.Context) (Forced, error) {
	w.wait(ticks(closeGrace, w.armed()))
	lost := w.Why() // before it was asked to end
	asked := make(chan struct{})
	go func() {
		defer close(asked)
		w.ask(ctx, order{Do: doClose})
	}()
	select {
	case <-w.done:
	case <-ctx.Done():
		w.cmd.Process.Kill()
		<-w.done
	}
	<-asked
	w.conn.Close()
	return w.report(lost)
}

// Mending is how much longer Close may take than it says for want of hooks: the
// mends of those that are open, twice by the warden and twice by us.
func (w *Warden) Mending() time.Duration { return 4 * (undoing(w.armed()) - undoTime) }

// armed are the entries not undone by prove's own word.
func (w *Warden) armed() []Entry {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.entries)
}

// report sweeps once more when somebody was lost: a drill may have injected
// between the loss and its noticing it. From here on nobody injects.
func (w *Warden) report(lost error) (Forced, error) {
	w.closing.Lock()
	defer w.closing.Unlock()
	w.mu.Lock()
	again := lost != nil || w.last == nil || len(w.forced.Left) > 0
	w.mu.Unlock()
	if again {
		w.merge(w.takeOver(context.Background(), 0, true))
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.forced.Left) > 0 {
		lost = errors.Join(lost, fmt.Errorf("could not put back: %q", w.forced.Left))
	}
	return w.forced, lost
}

// attend waits for the end of the warden, and takes its place if it left
// without its last word.
func (w *Warden) attend() {
	defer close(w.done)
	var bond sync.WaitGroup
	bond.Go(w.hear)
	bond.Go(w.beat)
	err := w.cmd.Wait()
	close(w.gone)
	w.conn.SetReadDeadline(time.Now().Add(time.Second)) // what it said before it ended is all there
	bond.Wait()
	w.mu.Lock()
	last, begun := w.last, w.begun
	w.mu.Unlock()
	switch {
	case last != nil:
		w.lose(nil)
		w.merge(*last)
	default:
		w.lose(fmt.Errorf("the warden ended: %w", cmp.Or(err, error(errSilently))))
		if begun {
			w.merge(w.takeOver(context.Background(), lostGrace, false))
		}
	}
	if info, err := os.Stat(w.log()); err == nil && info.Size() == 0 {
		os.Remove(w.log())
	}
}

// What a warden's end means when nobody told another reason.
const (
	errSilently = holdfast.Refusal("it left without a word")
	errClosed   = holdfast.Refusal("it is closed")
)

// hear reads the warden's answers and news until the connection ends.
func (w *Warden) hear() {
	receive(w.conn, func(a answer) bool {
		w.mu.Lock()
		w.silent = 0
		if a.Last != nil {
			w.last = a.Last
		}
		if a.N == 0 && a.Keeper != (Identity{}) {
			w.keeper, w.renewed = a.Keeper, proc.Now()
		}
		if reply := w.waiting[a.N]; reply != nil {
			reply <- a
			delete(w.waiting, a.N)
		}
		w.mu.Unlock()
		if a.Lost != "" {
			w.wait(a.Ticks)
			w.lose(errors.New(a.Lost))
		}
		return true
	})
}

// beat shows the warden that we live, and kills it when it does not show us the
// same: that closes the lifeline, and the copy ends.
func (w *Warden) beat() {
	tick := time.NewTicker(beatEvery)
	defer tick.Stop()
	for {
		select {
		case <-w.gone:
			return
		case <-tick.C:
		}
		if w.overdue() {
			w.lose(errors.New("the warden does not answer"))
			w.cmd.Process.Kill()
			return
		}
		w.say(order{Do: doBeat})
	}
}

func (w *Warden) overdue() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.silent++
	return w.silent >= w.patience
}

// wait gives a warden that is at work on the end more time; never less.
func (w *Warden) wait(ticks int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.silent, w.patience = 0, max(ticks, w.patience)
}

// lose says once that it is over, and why; nil when that was in order.
func (w *Warden) lose(why error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.over {
		w.over, w.why = true, why
		close(w.lost)
	}
}

// ask sends an order and waits for the answer, the loss of the warden or the
// end of ctx.
func (w *Warden) ask(ctx context.Context, o order) (answer, error) {
	reply := make(chan answer, 1)
	w.mu.Lock()
	w.orders++
	o.N = w.orders
	w.waiting[o.N] = reply
	w.mu.Unlock()
	defer func() {
		w.mu.Lock()
		delete(w.waiting, o.N)
		w.mu.Unlock()
	}()
	if err := w.say(o); err != nil {
		return answer{}, fmt.Errorf("warden: %s: %w", o.Do, cmp.Or(w.Why(), err))
	}
	select {
	case a := <-reply:
		if a.Error != "" {
			return a, fmt.Errorf("warden: %s", a.Error)
		}
		return a, nil
	case <-w.lost:
		return answer{}, fmt.Errorf("warden: %s: %w", o.Do, cmp.Or(w.Why(), error(errClosed)))
	case <-ctx.Done():
		return answer{}, fmt.Errorf("warden: %s: %w", o.Do, ctx.Err())
	}
}

func (w *Warden) say(o order) error {
	w.speaking.Lock()
	defer w.speaking.Unlock()
	return send(w.conn, o)
}
