package tracer

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"holdfast"
	"holdfast/internal/proc"
	"holdfast/internal/role"
)

// Run is the whole of a tracer's process. It returns when nothing is left to hold,
// or with what kept the job from being true. When the job was not renewed it ends
// the process: the kernel then lets everything go.
func Run(arguments []string) error {
	var job Job
	if err := role.Take(arguments, &job); err != nil {
		return fmt.Errorf("%s: %w", Verb, err)
	}
	// Only the thread that took hold of a process may ask the kernel anything of
	// it, and when that thread ends it lets go.
	runtime.LockOSThread()
	renewed := make(chan os.Signal, 1)
	signal.Notify(renewed, syscall.SIGUSR1)
	late := time.AfterFunc(attachTime, func() {
		role.Say(errSlow.Error())
		os.Exit(1)
	})
	t := newTracing(job)
	if err := t.begin(); err != nil {
		return errors.Join(err, role.Say(err.Error()))
	}
	if !late.Stop() {
		return errSlow
	}
	if err := role.Ready(); err != nil || job.Kind == Exit {
		return err
	}
	go lapse(renewed) // ends with the process
	return t.serve()
}

const errSlow = holdfast.Refusal("not every thread of it came to a stop in time: one waits for a disk, perhaps")

// lapse ends the process when nobody has renewed its job in time.
func lapse(renewed <-chan os.Signal) {
	for {
		select {
		case <-renewed:
		case <-time.After(holdfast.Lease):
			os.Exit(0)
		}
	}
}

// A tracing is one job under way. All of it belongs to one thread.
type tracing struct {
	job     Job
	threads map[int]bool   // those held, by number; true: stands still
	strikes map[uint64]int // the calls it is about, and which argument is the descriptor
	delayed []delayed      // the soonest first
}

func newTracing(job Job) *tracing { return &tracing{job: job, threads: map[int]bool{}} }

// begin makes the job true.
func (t *tracing) begin() error {
	if !proc.Alive(t.job.Pid, t.job.Ticks) {
		return proc.ErrGone
	}
	switch t.job.Kind {
	case Hold:
		return t.holdAll()
	case Exit:
		return t.exit()
	case DiskFull, DiskSlow:
		return t.followAll()
	default:
		return fmt.Errorf("%q is nothing a tracer does", t.job.Kind)
	}
}

// holdAll brings every thread of the group to a stop and keeps it there. A stop
// for any reason will do: no thread goes on from it before we let go.
func (t *tracing) holdAll() error {
	for {
		fresh, err := t.takeAll()
		if err != nil || fresh == 0 {
			return err
		}
		for t.running() {
			one, status, err := wait()
			if err != nil {
				return err
			}
			t.note(one, status)
		}
	}
}

// followAll has every thread report its system calls.
func (t *tracing) followAll() error {
	if err := t.know(); err != nil {
		return err
	}
	for {
		fresh, err := t.takeAll()
		if err != nil || fresh == 0 {
			return err
		}
		for t.running() {
			one, status, err := wait()
			if err != nil {
				return err
			}
			t.react(one, status)
		}
	}
}

// takeAll takes hold of every thread of the group that is not held yet, and asks
// it to stop. It says how many there were.
func (t *tracing) takeAll() (fresh int, err error) {
	all, err := threadsOf(t.job.Pid)
	if err != nil {
		return 0, err
	}
	for _, one := range all {
		if _, held := t.threads[one]; held {
			continue
		}
		taken, err := take(one)
		if err != nil {
			return fresh, err
		}
		if taken {
			t.threads[one] = false
			fresh++
		}
	}
	if len(t.threads) == 0 {
		return 0, proc.ErrGone
	}
	return fresh, nil
}

// running tells whether a thread has yet to stop for the first time.
func (t *tracing) running() bool {
	for _, stopped := range t.threads {
		if !stopped {
			return true
		}
	}
	return false
}

// note keeps account of a thread that stopped or ended. One that began meanwhile
// is held from its first instruction on.
func (t *tracing) note(one int, status syscall.WaitStatus) {
	if status.Stopped() {
		t.threads[one] = true
	} else {
		delete(t.threads, one)
	}
}

// serve does the job until nothing is left to do it to.
func (t *tracing) serve() error {
	switch t.job.Kind {
	case Hold:
		return t.each(t.note)
	case DiskFull:
		return t.each(t.react)
	default:
		return t.eachInTime(t.react)
	}
}

// each hands every stop and every end to what is to be done with it. That the end
// of a thread is taken note of has it told to its parent, which is not told before.
func (t *tracing) each(do func(thread int, status syscall.WaitStatus)) error {
	for {
		one, status, err := wait()
		if errors.Is(err, syscall.ECHILD) {
			return nil // nothing is left
		}
		if err != nil {
			return err
		}
		do(one, status)
	}
}
