package proc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

// Numbers of the kernel's interface that package syscall does not carry.
const (
	clockBoottime       = 7
	prSetChildSubreaper = 36
	prGetChildSubreaper = 37
	sysPidfdSendSignal  = 424
	sysPidfdOpen        = 434
	fieldsBeforeState   = 2 // pid and (comm), cut off before counting
	fieldFlags          = 9
	fieldThreads        = 20
	fieldStartTime      = 22
	flagExiting         = 0x4
	pollIn              = 1
)

// BootID names this boot of this machine, or is empty where it cannot be read.
func BootID() string {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(id))
}

// Subreaper makes orphaned descendants our children, so that nothing a replica
// left behind escapes.
func Subreaper() error {
	if _, _, errno := syscall.RawSyscall(syscall.SYS_PRCTL, prSetChildSubreaper, 1, 0); errno != 0 {
		return fmt.Errorf("become subreaper: %w", errno)
	}
	return nil
}

// WithoutOrphans does something whose orphans are not to become ours, although
// all others are: what it leaves running goes to whoever is next.
func WithoutOrphans(do func() error) error {
	var ours int32
	syscall.RawSyscall(syscall.SYS_PRCTL, prGetChildSubreaper, uintptr(unsafe.Pointer(&ours)), 0)
	if ours == 0 {
		return do()
	}
	if _, _, errno := syscall.RawSyscall(syscall.SYS_PRCTL, prSetChildSubreaper, 0, 0); errno != 0 {
		return fmt.Errorf("give up orphans: %w", errno)
	}
	return errors.Join(do(), Subreaper())
}

// stat reads the fields of /proc/PID/stat from the state on. The command's name
// stands before them in parentheses and may itself hold anything.
func stat(pid int) ([]string, error) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
		return nil, ErrGone
	}
	if err != nil {
		return nil, err
	}
	end := bytes.LastIndexByte(text, ')')
	fields := strings.Fields(string(text[end+1:]))
	if end < 0 || len(fields) < fieldStartTime-fieldsBeforeState {
		return nil, fmt.Errorf("process %d: a stat line that cannot be read", pid)
	}
	return fields, nil
}

// Ticks is a process's start time in clock ticks since boot.
func Ticks(pid int) (uint64, error) {
	fields, err := stat(pid)
	if err != nil {
		return 0, err
	}
	return strconv.ParseUint(fields[fieldStartTime-fieldsBeforeState-1], 10, 64)
}

// State is the letter the kernel gives a process's state: R, S, D, T (stopped),
// t (traced), Z (dead, not reaped).
func State(pid int) (string, error) {
	fields, err := stat(pid)
	if err != nil {
		return "", err
	}
	return fields[0], nil
}

// Parent is the pid of a process's parent.
func Parent(pid int) (int, error) {
	fields, err := stat(pid)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(fields[1])
}

// User is whom a process runs as. The owner of its folder in /proc is not asked:
// that of a process which lets nobody look into it is root.
func User(pid int) (int, error) { return statusNumber(pid, "Uid") }

// Alive tells whether pid is still the process that began at ticks, and has not
// ended unreaped. Its first thread may have: what it holds is let go with the last.
func Alive(pid int, ticks uint64) bool {
	fields, err := stat(pid)
	return err == nil && isAlive(fields, ticks)
}

func isAlive(fields []string, ticks uint64) bool {
	threads := fields[fieldThreads-fieldsBeforeState-1]
	ended := (fields[0] == "Z" || fields[0] == "X") && (threads == "1" || threads == "0")
	return !ended && fields[fieldStartTime-fieldsBeforeState-1] == strconv.FormatUint(ticks, 10)
}

// Dying tells whether the process that began at ticks is alive and on its way
// out. It may have lost its environment, and so its mark, and still have its
// files and sockets.
func Dying(pid int, ticks uint64) bool {
	fields, err := stat(pid)
	if err != nil || !isAlive(fields, ticks) {
		return false
	}
	flags, err := strconv.ParseUint(fields[fieldFlags-fieldsBeforeState-1], 10, 64)
	return err == nil && flags&flagExiting != 0
}

// All lists the pids there are.
func All() ([]int, error) {
	names, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil, err
	}
	pids := make([]int, 0, len(names))
	for _, name := range names {
		if pid, err := strconv.Atoi(filepath.Base(name)); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

// Marked finds living processes by their mark, by pid. With a keep and an empty
// name it finds all of that keep. Processes of other users cannot be looked
// into and are not ours.
func Marked(keep, name string) (map[int]string, error) {
	pids, err := All()
	if err != nil {
		return nil, err
	}
	found := map[int]string{}
	for _, pid := range pids {
		of, as, ok := MarkOf(pid)
		if !ok || of != keep || name != "" && as != name {
			continue
		}
		if state, err := State(pid); err == nil && state != "Z" && state != "X" {
			found[pid] = as
		}
	}
	return found, nil
}

// MarkOf reads the mark a process was started with.
func MarkOf(pid int) (keep, name string, ok bool) {
	value, found := Variable(pid, Mark)
	if !found {
		return "", "", false
	}
	return strings.Cut(value, "/")
}

// Tracer is the process that traces another, or 0. The kernel names the thread that
// does.
func Tracer(pid int) (int, error) {
	thread, err := statusNumber(pid, "TracerPid")
	if err != nil || thread == 0 {
		return 0, err
	}
	return statusNumber(thread, "Tgid")
}

// statusNumber is one number of /proc/PID/status.
func statusNumber(pid int, name string) (int, error) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(text), "\n"+name+":")
	words := strings.Fields(rest)
	if len(words) == 0 {
		return 0, fmt.Errorf("process %d: a status without %s", pid, name)
	}
	return strconv.Atoi(words[0])
}

// Group lists the living processes of a process group.
func Group(group int) ([]int, error) {
	pids, err := All()
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(pids, func(pid int) bool {
		of, err := syscall.Getpgid(pid)
		return err != nil || of != group
	}), nil
}

// Consumed is how long the living processes of a group have run on a processor.
func Consumed(group int) (total time.Duration) {
	pids, _ := Group(group)
	for _, pid := range pids {
		tasks, _ := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/task/*/schedstat")
		for _, task := range tasks {
			text, _ := os.ReadFile(task) // one that ended counts for nothing
			first, _, _ := strings.Cut(string(text), " ")
			ran, _ := strconv.ParseInt(first, 10, 64)
			total += time.Duration(ran)
		}
	}
	return total
}

// Variable is the value of a variable in the environment that a process was
// started with.
func Variable(pid int, name string) (value string, ok bool) {
	environ, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/environ")
	if err != nil {
		return "", false
	}
	for pair := range strings.SplitSeq(string(environ), "\x00") {
		if value, ok = strings.CutPrefix(pair, name+"="); ok {
			return value, true
		}
	}
	return "", false
}

// A Handle holds on to one process: what it signals or waits for cannot be
// another that was given the same pid.
type Handle struct{ file *os.File }

// Open takes hold of the process pid that began at ticks.
func Open(pid int, ticks uint64) (*Handle, error) {
	fd, _, errno := syscall.Syscall(sysPidfdOpen, uintptr(pid), syscall.O_NONBLOCK, 0)
	if errno == syscall.ESRCH || errno == syscall.EINVAL {
		return nil, ErrGone
	}
	if errno != 0 {
		return nil, fmt.Errorf("open process %d: %w", pid, errno)
	}
	handle := &Handle{file: os.NewFile(fd, "pidfd:"+strconv.Itoa(pid))}
	// The pid may have changed hands before the descriptor was ours; from here
	// on it cannot.
	if !Alive(pid, ticks) {
		handle.Close()
		return nil, ErrGone
	}
	return handle, nil
}

// Signal sends a signal to the process.
func (h *Handle) Signal(signal syscall.Signal) error {
	conn, err := h.file.SyscallConn()
	if err != nil {
		return err
	}
	var errno syscall.Errno
	if err := conn.Control(func(fd uintptr) {
		_, _, errno = syscall.Syscall6(sysPidfdSendSignal, fd, uintptr(signal), 0, 0, 0, 0)
	}); err != nil {
		return err
	}
	if errno == syscall.ESRCH {
		return ErrGone
	}
	if errno != 0 {
		return fmt.Errorf("send %s: %w", signal, errno)
	}
	return nil
}

// Wait returns nil when the process has ended, whether it was reaped or not, or
// ctx's error. It may be called again, but not by two at once.
func (h *Handle) Wait(ctx context.Context) error {
	conn, err := h.file.SyscallConn()
	if err != nil {
		return err
	}
	if err := h.file.SetReadDeadline(time.Time{}); err != nil { // that of a wait that was given up
		return err
	}
	stop := context.AfterFunc(ctx, func() { h.file.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	if err := conn.Read(ended); err != nil {
		return errors.Join(ctx.Err(), err)
	}
	return nil
}

// ended asks, without waiting, whether the process of a pidfd has ended.
func ended(fd uintptr) bool {
	request := struct {
		fd      int32
		events  int16
		revents int16
	}{fd: int32(fd), events: pollIn}
	var none syscall.Timespec
	n, _, errno := syscall.Syscall6(syscall.SYS_PPOLL, uintptr(unsafe.Pointer(&request)), 1, uintptr(unsafe.Pointer(&none)), 0, 0, 0)
	return errno == 0 && n == 1
}

// Close lets go of the process.
func (h *Handle) Close() error { return h.file.Close() }
