package warden

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"holdfast"
	"holdfast/internal/files"
	"holdfast/internal/proc"
)

// Where a state directory keeps ledgers, and how the name of one ends.
const (
	Ledgers = "ledgers"
	Suffix  = ".jsonl"
)

// Bounds of a ledger: what one run may write, and what is read back.
const (
	maxEntries = 10_000
	maxLedger  = 64 << 20 // bytes
)

// An Identity names one process beyond doubt until reboot.
type Identity struct {
	Pid   int    `json:"pid"`
	Ticks uint64 `json:"ticks"`
}

// alive tells whether it is still that process.
func (i Identity) alive() bool { return i.Pid > 0 && proc.Alive(i.Pid, i.Ticks) }

// identify names a living process.
func identify(pid int) (Identity, error) {
	ticks, err := proc.Ticks(pid)
	return Identity{Pid: pid, Ticks: ticks}, err
}

// An EntryID numbers the entries of one ledger, from 1.
type EntryID int

// An Entry is a fault about to be injected, with all its undo needs: the
// fault's name and the victim.
type Entry struct {
	ID     EntryID            `json:"id"`
	Fault  holdfast.FaultName `json:"fault"`
	Victim holdfast.Victim    `json:"victim"`
}

// String is "kill on catalog-1#2 (pid 77)", or "hook on web-1#1 (mend: systemctl
// start nginx)".
func (e Entry) String() string {
	if hook := e.Victim.Hook; hook != nil {
		return fmt.Sprintf("%s on %s (mend: %s)", e.Fault, e.Victim.ID, hook.Mend)
	}
	return fmt.Sprintf("%s on %s (pid %d)", e.Fault, e.Victim.ID, e.Victim.Pid)
}

// A state is what a line of the ledger says. An entry goes
//
//	armed ──▶ injected ──▶ undone
//	   └────────────────────▲
//
// and the run itself: run ──▶ copy ──▶ keeper ──▶ ended.
type state string

const (
	isRun      state = "run"
	isCopy     state = "copy"
	isKeeper   state = "keeper"
	isArmed    state = "armed"
	isInjected state = "injected"
	isUndone   state = "undone"
	isEnded    state = "ended"
)

// A line of the ledger. Only the fields of its state are set.
type line struct {
	At     time.Time `json:"at"`
	State  state     `json:"state"`
	Run    *run      `json:"run,omitempty"`
	Copy   *place    `json:"copy,omitempty"`
	Keeper *Identity `json:"keeper,omitempty"`
	Entry  *Entry    `json:"entry,omitempty"` // armed
	ID     EntryID   `json:"id,omitempty"`    // injected, undone
	By     author    `json:"by,omitempty"`    // undone, ended
	// Final says that nobody can inject again behind this line's back: prove
	// itself said so, or it was dead when the line was written. A prove that
	// is stopped and undone for wakes up where it stood, which may be right
	// before an injection.
	Final  bool    `json:"final,omitempty"`
	Why    string  `json:"why,omitempty"`    // ended
	Forced *Forced `json:"forced,omitempty"` // ended
}

// An author is who wrote that something was put back.
type author string

const (
	byProve  author = "prove"
	byWarden author = "warden"
	byHeal   author = "heal"
)

// A run is the ledger's first line.
type run struct {
	Prove  Identity `json:"prove"`
	Warden Identity `json:"warden"`
	BootID string   `json:"boot_id"`
}

// A place is where a copy lives, written before it is started.
type place struct {
	Keep string `json:"keep"`
	Dir  string `json:"dir"`
}

// An account is what a ledger says, summed up.
type account struct {
	run     *run
	began   time.Time // when the run line was written
	place   place
	keeper  Identity
	entries []accounted
	ended   bool     // everything was put back and nothing of the copy lived
	final   bool     // and stays so
	damaged []string // lines that could not be read, other than a torn last one
	length  int64    // bytes up to the end of the last whole line
}

// accounted is an entry with the last that was said of it.
type accounted struct {
	Entry
	state state
	final bool
}

// fold adds one line.
func (a *account) fold(l line) error {
	switch l.State {
	case isRun:
		a.run, a.began = l.Run, l.At
	case isCopy:
		a.place = *l.Copy
	case isKeeper:
		a.keeper = *l.Keeper
	case isArmed:
		a.entries = append(a.entries, accounted{Entry: *l.Entry, state: isArmed})
	case isInjected, isUndone:
		i := slices.IndexFunc(a.entries, func(e accounted) bool { return e.ID == l.ID })
		if i < 0 {
			return fmt.Errorf("%s says nothing of an entry %d that was armed", l.State, l.ID)
		}
		a.entries[i].state, a.entries[i].final = l.State, l.Final
	case isEnded:
		a.ended, a.final = true, l.Final
	default:
		return fmt.Errorf("a line of state %q", l.State)
	}
	return nil
}

// whole tells whether a line has what its state needs.
func (l line) whole() bool {
	switch l.State {
	case isRun:
		return l.Run != nil
	case isCopy:
		return l.Copy != nil
	case isKeeper:
		return l.Keeper != nil
	case isArmed:
		return l.Entry != nil
	}
	return true
}

// open lists the entries nobody said to be undone for good. Of a run of another
// boot, in which nobody can inject again, these are the ones not undone that
// outlast it.
func (a *account) open() []Entry {
	var open []Entry
	for _, e := range a.entries {
		switch undone := e.state == isUndone; {
		case undone && (e.final || a.rebooted()), a.rebooted() && !e.outlastsBoot():
		default:
			open = append(open, e.Entry)
		}
	}
	return open
}

// outlastsBoot says that what was broken may still be so after a reboot: a
// service that a command stopped or disabled, say. What was done to a process,
// or in a private copy, ended with it.
func (e Entry) outlastsBoot() bool { return e.Victim.Hook != nil && e.Victim.Pid == 0 }

// rebooted says that the run was before the machine's last boot: none of its
// processes lives, whoever has their pids now.
func (a *account) rebooted() bool { return a.run != nil && a.run.BootID != proc.BootID() }

// goesOn says that the run's prove lives.
func (a *account) goesOn() bool { return a.run != nil && !a.rebooted() && a.run.Prove.alive() }

// settled says that there is nothing left to do, now or later.
func (a *account) settled() bool { return a.ended && a.final && len(a.open()) == 0 }

// readAccount reads a ledger without changing it. A torn last line is what a
// kill in the middle of a write leaves, and says nothing: an entry counts once
// its line is whole. Any other line that cannot be read is damage.
func readAccount(path string) (*account, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read ledger: %w", err)
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxLedger+1))
	if err == nil && len(text) > maxLedger {
		err = fmt.Errorf("more than %d bytes: not written by a warden", maxLedger)
	}
	if err != nil {
		return nil, fmt.Errorf("read ledger %s: %w", path, err)
	}
	a := &account{}
	for number := 1; len(text) > 0; number++ {
		raw, rest, ended := bytes.Cut(text, []byte("\n"))
		if !ended {
			break // torn
		}
		a.length += int64(len(raw)) + 1
		if err := a.read(raw); err != nil {
			a.damaged = append(a.damaged, fmt.Sprintf("%s:%d: %v", path, number, err))
		}
		text = rest
	}
	return a, nil
}

func (a *account) read(raw []byte) error {
	var l line
	if err := json.Unmarshal(raw, &l); err != nil {
		return err
	}
	if !l.whole() {
		return fmt.Errorf("a line of state %q that lacks what it is about", l.State)
	}
	return a.fold(l)
}

// A ledger is an account that is being written: by the warden while it lives,
// and then by whoever takes over. A lock on the file keeps it to one at a time.
// Its methods are for one goroutine.
type ledger struct {
	*account
	file *os.File
}

// errBusy says that somebody else is writing a ledger.
const errBusy = holdfast.Refusal("somebody else is at work on this ledger")

// createLedger begins a new one, which must not exist.
func createLedger(path string, first run) (*ledger, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("create ledger: %w", err)
	}
	l := &ledger{account: &account{}, file: file}
	err = errors.Join(l.lock(), l.write(line{State: isRun, Run: &first}), files.SyncDir(filepath.Dir(path)))
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("create ledger %s: %w", path, err)
	}
	return l, nil
}

// openLedger takes an existing one over, cutting a torn last line off. It
// returns errBusy while another process writes it.
func openLedger(path string) (*ledger, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND, 0)
	if err != nil {
		return nil, fmt.Errorf("open ledger: %w", err)
	}
	l := &ledger{file: file}
	if err := l.lock(); err != nil {
		file.Close()
		return nil, err
	}
	if l.account, err = readAccount(path); err == nil {
		err = file.Truncate(l.length)
	}
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("open ledger %s: %w", path, err)
	}
	return l, nil
}

func (l *ledger) lock() error {
	err := syscall.Flock(int(l.file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return errBusy
	}
	return err
}

// write appends one line and returns when it is on disk. After an error the
// line was not written: half a line would spoil the next.
func (l *ledger) write(next line) error {
	next.At = time.Now().UTC()
	text, err := json.Marshal(next)
	if err != nil {
		return err
	}
	text = append(text, '\n')
	if _, err = l.file.Write(text); err == nil {
		err = l.file.Sync()
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write %q to the ledger: %w", next.State, err), l.file.Truncate(l.length))
	}
	l.length += int64(len(text))
	return l.fold(next)
}

// arm writes an entry down. When it returns, a warden that dies at once leaves
// behind all that is needed to undo it.
func (l *ledger) arm(entry Entry) (EntryID, error) {
	if len(l.entries) >= maxEntries {
		return 0, fmt.Errorf("a ledger holds at most %d entries", maxEntries)
	}
	entry.ID = EntryID(len(l.entries) + 1)
	return entry.ID, l.write(line{State: isArmed, Entry: &entry})
}

func (l *ledger) close() error { return l.file.Close() }
