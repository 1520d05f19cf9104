package warden

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"time"
)

// The numbers of the bond between prove, the warden and the copy's keeper. A
// fault may outlive its injector by 5 s (the lease); the slowest way to learn
// of a loss plus the grace of the copy plus the killing stay below it. A hook
// outlives it by as long as its mend takes besides, which is the file's to say.
const (
	beatEvery = 250 * time.Millisecond
	// Silence is counted in ticks of our own, not in time: a process or a
	// machine that was itself asleep sees one late tick, and must not take its
	// own absence for the other's.
	proveSilence  = 8  // ticks, 2 s
	keeperSilence = 10 // ticks, 2.5 s: the keeper writes every 500 ms
	keeperStart   = 20 // ticks, 5 s until its first byte; nothing can be injected before
	keeperMeant   = 8  // ticks, 2 s in which its end is meant, once that is said
	wardenStart   = 40 // ticks, 10 s until its first answer

	lostGrace  = time.Second      // for the copy to end by itself when somebody was lost
	closeGrace = 10 * time.Second // the same in an orderly close
	undoTime   = 1500 * time.Millisecond
	killTime   = 2 * time.Second // for what does not die of SIGKILL at once: it is in the kernel

	sendTime = time.Second
	maxLine  = 1 << 20 // bytes of one message; an environment is the largest
)

// undoing is how long undoing some entries once may take: what has no bound of
// its own within undoTime together, each hook within its limit.
func undoing(entries []Entry) time.Duration {
	limit := undoTime
	for _, entry := range entries {
		if hook := entry.Victim.Hook; hook != nil {
			limit += hook.Limit()
		}
	}
	return limit
}

// puttingBack is how long all of it may take: undoing twice, around the end of
// the copy.
func puttingBack(grace time.Duration, entries []Entry) time.Duration {
	return grace + 2*undoing(entries) + killTime
}

// ticks is how many ticks prove waits for a warden that is putting back and does
// not answer meanwhile: what it may take at most, and a second.
func ticks(grace time.Duration, entries []Entry) int {
	return int((puttingBack(grace, entries) + time.Second) / beatEvery)
}

// controlFD is where the warden finds its connection to prove.
const controlFD = 3

// A verb is what prove asks of the warden.
type verb string

const (
	doHello    verb = "hello"
	doBeat     verb = "beat"
	doCopy     verb = "copy"
	doArm      verb = "arm"
	doInjected verb = "injected"
	doUndone   verb = "undone"
	doExpect   verb = "expect"
	doClose    verb = "close"
	doObey     verb = "obey"
)

// An order is one line from prove to the warden.
type order struct {
	N      uint64   `json:"n"`
	Do     verb     `json:"do"`
	Prove  Identity `json:"prove,omitzero"`
	Ledger string   `json:"ledger,omitempty"`
	Copy   *Copy    `json:"copy,omitempty"`
	Entry  *Entry   `json:"entry,omitempty"`
	ID     EntryID  `json:"id,omitempty"`
}

// An answer is one line back. N is the order's; without one it is news: Lost
// when the warden begins to end everything unasked, Last when it has, Keeper when
// it has started the next one.
type answer struct {
	N      uint64   `json:"n,omitempty"`
	ID     EntryID  `json:"id,omitempty"`
	Keeper Identity `json:"keeper,omitzero"`
	Error  string   `json:"error,omitempty"`
	Lost   string   `json:"lost,omitempty"`
	Ticks  int      `json:"ticks,omitempty"` // with Lost: how long putting back may take
	Last   *Forced  `json:"last,omitempty"`
}

// send writes one line, and gives up on a reader that is stuck.
func send(conn net.Conn, message any) error {
	text, err := json.Marshal(message)
	if err != nil {
		return err
	}
	if len(text) >= maxLine {
		return fmt.Errorf("a message of %d bytes is too long", len(text))
	}
	conn.SetWriteDeadline(time.Now().Add(sendTime))
	_, err = conn.Write(append(text, '\n'))
	return err
}

// receive reads lines until the connection ends and hands each to take, until
// that returns false.
func receive[T any](conn io.Reader, take func(T) bool) {
	lines := bufio.NewScanner(conn)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		var message T
		if err := json.Unmarshal(lines.Bytes(), &message); err != nil || !take(message) {
			return
		}
	}
}

// pair is a connection whose one end is ours and whose other end a child is
// given. Neither end leaks into any other child: a stray copy of our end would
// keep the other side from ever seeing us gone.
func pair() (ours net.Conn, theirs *os.File, err error) {
	syscall.ForkLock.RLock()
	ends, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err == nil {
		syscall.CloseOnExec(ends[0])
		syscall.CloseOnExec(ends[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, nil, fmt.Errorf("make a pair of sockets: %w", err)
	}
	theirs = os.NewFile(uintptr(ends[1]), "bond")
	ours, err = connection(ends[0])
	if err != nil {
		theirs.Close()
		return nil, nil, err
	}
	return ours, theirs, nil
}

// connection takes over a descriptor that is a socket. Any other is left alone:
// in a process that nobody gave one it may be the Go runtime's own.
func connection(fd int) (net.Conn, error) {
	if _, err := syscall.Getsockname(fd); err != nil {
		return nil, err
	}
	syscall.CloseOnExec(fd)
	file := os.NewFile(uintptr(fd), "bond")
	defer file.Close() // FileConn has its own
	return net.FileConn(file)
}
