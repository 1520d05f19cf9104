package keeper

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"

	"holdfast"
)

// What goes over the socket: a line of JSON each way, and listening sockets as
// ancillary data beside the line that names them. A line is bounded to what
// twenty thousand processes take.
const (
	maxLine       = 4 << 20
	maxPerLine    = 128 // sockets; the kernel takes 253 in one message
	writeWithin   = 5 * time.Second
	firstLineSize = 64 << 10
)

// A verb is what a client asks for.
type verb string

const (
	doHello   verb = "hello"
	doBeat    verb = "beat" // not answered
	doStart   verb = "start"
	doSignal  verb = "signal"
	doForget  verb = "forget"
	doListen  verb = "listen"
	doReturn  verb = "return"
	doRoles   verb = "roles"
	doServing verb = "serving" // answered when it is to leave
	doRenew   verb = "renew"
	doEnd     verb = "end"
	doHurry   verb = "hurry"
	doFollow  verb = "follow"  // answered again with each change
	doSockets verb = "sockets" // answered again with each new set
	doCease   verb = "cease"   // ends a follow or sockets of the same id; not answered
)

// changes tells what is fenced: what a late agent must not do.
func (v verb) changes() bool {
	switch v {
	case doStart, doSignal, doForget, doListen, doRenew, doEnd, doHurry:
		return true
	}
	return false
}

type request struct {
	ID        uint64                `json:"id"`
	Do        verb                  `json:"do"`
	As        RoleName              `json:"as,omitempty"`
	Pid       int                   `json:"pid,omitempty"`
	Epoch     uint64                `json:"epoch,omitempty"`
	Spec      *holdfast.ProcessSpec `json:"spec,omitempty"`
	Replica   *holdfast.ReplicaID   `json:"replica,omitempty"`
	Signal    string                `json:"signal,omitempty"`
	Listeners []holdfast.Listener   `json:"listeners,omitempty"`
	Sockets   int                   `json:"sockets,omitempty"` // how many come beside the line, one per listener
	More      bool                  `json:"more,omitempty"`    // the set goes on in the next line
	Role      RoleName              `json:"role,omitempty"`    // to renew
	Program   string                `json:"program,omitempty"` // from which; absolute
}

type answer struct {
	ID        uint64              `json:"id"`
	Error     string              `json:"error,omitempty"`
	Refusal   holdfast.Refusal    `json:"refusal,omitempty"` // what errors.Is is to find in Error
	Processes []holdfast.Process  `json:"processes,omitempty"`
	Listeners []holdfast.Listener `json:"listeners,omitempty"`
	Roles     []RoleState         `json:"roles,omitempty"`
	Epoch     uint64              `json:"epoch,omitempty"` // to a hello: the highest an agent has shown
	Sockets   int                 `json:"sockets,omitempty"`
	More      bool                `json:"more,omitempty"`
}

// failed is the answer that carries an error.
func failed(err error) answer {
	if err == nil {
		return answer{}
	}
	refused := holdfast.RefusedBy(err)
	return answer{Error: refused.Text, Refusal: refused.Rule}
}

// err is the error an answer carries.
func (a answer) err() error {
	if a.Error == "" {
		return nil
	}
	return &holdfast.Refused{Text: a.Error, Rule: a.Refusal}
}

// A wire reads and writes lines with sockets beside them. One goroutine reads,
// one at a time writes.
type wire struct {
	conn   *net.UnixConn
	lines  *bufio.Scanner
	beside []byte // room for ancillary data
	came   []int  // sockets that came and belong to lines not yet read
}

func newWire(conn *net.UnixConn) *wire {
	w := &wire{conn: conn, beside: make([]byte, syscall.CmsgSpace(253*4))}
	w.lines = bufio.NewScanner(w)
	w.lines.Buffer(make([]byte, 0, firstLineSize), maxLine)
	return w
}

// Read implements io.Reader for the scanner, and puts aside what comes beside
// the bytes. The kernel never hands over sockets later than the first byte they
// were sent with, so a whole line has all of its own.
func (w *wire) Read(p []byte) (int, error) {
	n, beside, _, _, err := w.conn.ReadMsgUnix(p, w.beside)
	if beside > 0 {
		messages, parseErr := syscall.ParseSocketControlMessage(w.beside[:beside])
		for _, m := range messages {
			fds, rightsErr := syscall.ParseUnixRights(&m)
			for _, fd := range fds {
				syscall.CloseOnExec(fd) // Linux has done so already
			}
			w.came = append(w.came, fds...)
			parseErr = errors.Join(parseErr, rightsErr)
		}
		if parseErr != nil {
			return n, fmt.Errorf("take sockets: %w", parseErr)
		}
	}
	if len(w.came) > 2*maxPerLine {
		return n, errors.New("more sockets than any line may name")
	}
	return n, err
}

// receive reads one line.
func (w *wire) receive(into any) error {
	if !w.lines.Scan() {
		if err := w.lines.Err(); err != nil {
			return err
		}
		return net.ErrClosed
	}
	return json.Unmarshal(w.lines.Bytes(), into)
}

// take hands out the next n sockets that came; they are the caller's to close.
func (w *wire) take(n int) ([]int, error) {
	if n < 0 || n > len(w.came) {
		return nil, fmt.Errorf("a line names %d sockets, and %d came", n, len(w.came))
	}
	fds := w.came[:n:n]
	w.came = w.came[n:]
	return fds, nil
}

// send writes one line and what goes beside it.
func (w *wire) send(line []byte, fds []int) error {
	w.conn.SetWriteDeadline(time.Now().Add(writeWithin))
	if len(fds) > 0 {
		n, _, err := w.conn.WriteMsgUnix(line, syscall.UnixRights(fds...), nil)
		if err != nil {
			return err
		}
		line = line[n:]
	}
	if len(line) == 0 {
		return nil
	}
	_, err := w.conn.Write(line)
	return err
}

// close closes the connection, and with it everything that came and was not
// taken. Only the reader may call it, when it reads no more.
func (w *wire) close() {
	w.conn.Close()
	closeAll(w.came)
	w.came = nil
}

func closeAll(fds []int) {
	for _, fd := range fds {
		syscall.Close(fd)
	}
}

// lineOf is the line that says v. What is sent always encodes: it is made of
// plain values.
func lineOf(v any) []byte {
	line, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("keeper: a line that cannot be encoded: %v", err))
	}
	return append(line, '\n')
}
