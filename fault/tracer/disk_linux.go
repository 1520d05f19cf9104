package tracer

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"holdfast"
	"holdfast/internal/proc"
)

// A disk that is full or slow is made at the entry of system calls, where the
// kernel lets a tracer change a thread's registers before it looks at them.
//
// What is not seen there is not struck: files that are mapped into memory, and
// io_uring, whose calls the kernel makes itself. Making a file, giving it another
// name and cutting it short go on: blocks are out, names are not.

// A delayed is a thread whose call begins later.
type delayed struct {
	thread int
	until  time.Duration
}

// errNoData refuses a disk for a victim that has none.
const errNoData = holdfast.Refusal("no data directory is known for it")

// know finds out which calls the job is about.
func (t *tracing) know() (err error) {
	if !strings.HasPrefix(t.job.Data, "/") {
		return errNoData
	}
	t.strikes, err = writes(t.job.Kind == DiskSlow)
	return err
}

// react lets a thread go on, unless it stands at the entry of a call that is to
// begin later.
func (t *tracing) react(one int, status syscall.WaitStatus) {
	t.note(one, status)
	if status.Stopped() && int(status)>>16 == 0 && status.StopSignal() == syscall.SIGTRAP|callStop && t.strike(one) {
		return
	}
	t.goOn(one, status)
}

// strike does to a call what the job is, and says whether it is to wait.
func (t *tracing) strike(one int) (waits bool) {
	c, err := callOf(one)
	if err != nil || c.op != atEntry || c.arch != native || !t.about(one, c) {
		return false
	}
	if t.job.Kind == DiskFull {
		_ = failCall(one, syscall.ENOSPC) // refused only for one that is being killed
		return false
	}
	t.delayed = append(t.delayed, delayed{thread: one, until: proc.Now() + t.job.Delay})
	return true
}

// about tells whether a call is one of those that the job is about, on a file
// below the data directory.
func (t *tracing) about(one int, c call) bool {
	argument, ok := t.strikes[c.number]
	if !ok {
		return false
	}
	file, err := os.Readlink("/proc/" + strconv.Itoa(one) + "/fd/" + strconv.Itoa(int(int32(c.arguments[argument]))))
	return err == nil && strings.HasPrefix(file, t.job.Data+"/")
}

// A stop is one that was waited for.
type stop struct {
	thread int
	status syscall.WaitStatus
}

// maxStops bounds what waits to be handled. A thread that stands still makes no
// second stop, so it is the threads that a process may have at once before whoever
// waits for them has to wait itself.
const maxStops = 64

// eachInTime is each, with calls that are let go when their time has come. Another
// thread waits meanwhile: waiting has no time limit, and what it yields is handled
// by the thread that may.
func (t *tracing) eachInTime(do func(thread int, status syscall.WaitStatus)) error {
	stops := make(chan stop, maxStops)
	failed := make(chan error, 1)
	go func() { // ends with the last thread that is held, or the process
		for {
			one, status, err := wait()
			if err != nil {
				failed <- err
				return
			}
			stops <- stop{thread: one, status: status}
		}
	}()
	for {
		var due <-chan time.Time
		if len(t.delayed) > 0 {
			due = time.After(t.delayed[0].until - proc.Now())
		}
		select {
		case s := <-stops:
			do(s.thread, s.status)
		case <-due:
			t.release()
		case err := <-failed:
			if errors.Is(err, syscall.ECHILD) {
				return nil
			}
			return err
		}
	}
}

// release lets calls begin whose time has come.
func (t *tracing) release() {
	for len(t.delayed) > 0 && t.delayed[0].until <= proc.Now() {
		_ = ask(syscall.PTRACE_SYSCALL, t.delayed[0].thread, 0, 0) // it may have been killed
		t.delayed = t.delayed[1:]
	}
}
