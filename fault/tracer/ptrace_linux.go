package tracer

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"unsafe"

	"holdfast/internal/proc"
)

// Numbers of the kernel's interface that package syscall does not carry.
const (
	ptraceSeize     = 0x4206
	ptraceInterrupt = 0x4207
	ptraceListen    = 0x4208
	ptraceCallInfo  = 0x420e // PTRACE_GET_SYSCALL_INFO, since Linux 5.3

	eventStop  = 128  // a stop of ours, of a signal that stops, or of a thread that begins
	callStop   = 0x80 // added to SIGTRAP at the entry and the exit of a system call
	everyChild = -1
	allThreads = 0x40000000 // __WALL: whatever it was cloned with

	// With these a thread, a child and a grandchild of the victim is held from its
	// beginning. There is no PTRACE_O_EXITKILL: our end must not be the victim's.
	follow = syscall.PTRACE_O_TRACESYSGOOD | syscall.PTRACE_O_TRACECLONE | syscall.PTRACE_O_TRACEFORK | syscall.PTRACE_O_TRACEVFORK
)

// ask asks the kernel one thing about a thread we hold.
func ask(request, thread int, address, data uintptr) error {
	_, _, errno := syscall.RawSyscall6(syscall.SYS_PTRACE, uintptr(request), uintptr(thread), address, data, 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// take takes hold of a thread without stopping it, and then asks it to stop. A
// thread that has ended meanwhile is not taken, which is no error.
func take(thread int) (taken bool, err error) {
	switch err := ask(ptraceSeize, thread, 0, follow); {
	case errors.Is(err, syscall.ESRCH):
		return false, nil
	case errors.Is(err, syscall.EPERM):
		return false, whyNot(thread)
	case err != nil:
		return false, fmt.Errorf("take hold of thread %d: %w", thread, err)
	}
	if err := ask(ptraceInterrupt, thread, 0, 0); err != nil && !errors.Is(err, syscall.ESRCH) {
		return true, fmt.Errorf("stop thread %d: %w", thread, err)
	}
	return true, nil
}

// whyNot is why the kernel refused us a thread, which it tells with one number for
// everything.
func whyNot(thread int) error {
	if by, err := proc.Tracer(thread); err == nil && by != 0 {
		return ErrTraced
	}
	return ErrForbidden
}

// wait waits for the next thread to stop or end.
func wait() (thread int, status syscall.WaitStatus, err error) {
	for {
		thread, err = syscall.Wait4(everyChild, &status, allThreads, nil)
		if !errors.Is(err, syscall.EINTR) {
			return thread, status, err
		}
	}
}

// threadsOf lists the threads of every living process of a group, and refuses when
// one of them is traced already: before anything of it is touched.
func threadsOf(group int) ([]int, error) {
	pids, err := proc.Group(group)
	if err != nil {
		return nil, err
	}
	var all []int
	for _, pid := range pids {
		tasks, err := tasksOf(pid)
		if err != nil {
			return nil, err
		}
		all = append(all, tasks...)
	}
	return all, nil
}

// tasksOf lists the threads of one process that have not ended.
func tasksOf(pid int) ([]int, error) {
	entries, err := os.ReadDir(filepath.Join("/proc", strconv.Itoa(pid), "task"))
	if err != nil {
		return nil, nil // it ended
	}
	var tasks []int
	for _, entry := range entries {
		task, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		if state, err := proc.State(task); err != nil || state == "Z" || state == "X" {
			continue
		}
		by, err := proc.Tracer(task)
		if err == nil && by != 0 && by != os.Getpid() {
			return nil, ErrTraced
		}
		tasks = append(tasks, task)
	}
	return tasks, nil
}

// goOn lets a thread go on to its next system call, with the signal that stopped
// it, if one did. A thread that was stopped by a signal for good stays so, and is
// heard of when it goes on.
func (t *tracing) goOn(one int, status syscall.WaitStatus) {
	if !status.Stopped() {
		return
	}
	request, deliver := syscall.PTRACE_SYSCALL, 0
	event, by := int(status)>>16, status.StopSignal()
	switch {
	case event == eventStop && by != syscall.SIGTRAP:
		request = ptraceListen
	case event == 0 && by != syscall.SIGTRAP|callStop:
		deliver = int(by)
	}
	// A thread that is being killed is told so by its end.
	_ = ask(request, one, 0, uintptr(deliver))
}

// A call is what PTRACE_GET_SYSCALL_INFO says of a system call at its entry.
type call struct {
	op          uint8 // 1 at the entry
	_           [3]uint8
	arch        uint32
	instruction uint64
	stack       uint64
	number      uint64
	arguments   [6]uint64
	_           uint64 // of a filter's stop
}

const atEntry = 1

// callOf is the system call at whose entry or exit a thread stands.
func callOf(thread int) (c call, err error) {
	err = ask(ptraceCallInfo, thread, unsafe.Sizeof(c), uintptr(unsafe.Pointer(&c)))
	return c, err
}
