package hog

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"holdfast"
	"holdfast/internal/cgroup"
	"holdfast/internal/role"
)

// gulp is how much memory a hog takes at once, and mostTaken at most: the limit is far below.
const (
	gulp      = 256 << 10
	mostTaken = 128 << 20
)

// Run is the whole of a hog.
func Run(arguments []string) error {
	var o order
	if err := role.Take(arguments, &o); err != nil {
		return fmt.Errorf("%s: %w", Verb, err)
	}
	if o.Takes == Time {
		return burn(o.Dir)
	}
	if err := takeUp(o.Dir); err != nil {
		return errors.Join(err, role.Say(err.Error()))
	}
	return role.Ready()
}

// burn keeps a processor busy until it was not renewed, and then undoes what bounds
// the group. It may come late to that by a period of the group's, which bounds it too.
func burn(dir string) error {
	renewed := make(chan os.Signal, 1)
	signal.Notify(renewed, syscall.SIGUSR1)
	if err := cgroup.Enter([]string{dir}); err != nil {
		return errors.Join(err, role.Say(err.Error()))
	}
	if err := role.Ready(); err != nil {
		return err
	}
	var enough atomic.Bool
	go func() { // ends with the process
		for !enough.Load() {
		}
	}()
	for {
		select {
		case <-renewed:
			continue
		case <-time.After(holdfast.Lease):
		}
		enough.Store(true)
		for range rejoinTries {
			if gone, _ := cgroup.Rejoin(dir); gone {
				return nil
			}
			time.Sleep(rejoinPause)
		}
		return errStays
	}
}

const (
	// rejoinTries bounds how often the group is emptied: what was begun meanwhile
	// takes another time, and so does the kernel.
	rejoinTries = 100
	rejoinPause = 10 * time.Millisecond
	errStays    = holdfast.Refusal("the control group could not be removed")
)

// takeUp takes memory in a file that is nowhere but in memory, because a write that
// finds none returns with an error, where touching a page would not return.
func takeUp(dir string) error {
	_ = os.WriteFile("/proc/self/oom_score_adj", []byte(spared), 0) // a container's root may not
	fd, err := unix.MemfdCreate(Verb, unix.MFD_CLOEXEC)
	if err != nil {
		return fmt.Errorf("make a file in memory: %w", err)
	}
	file := os.NewFile(uintptr(fd), Verb)
	defer file.Close()
	full := make([]byte, gulp)
	before := cgroup.Killed(dir)
	if err := cgroup.Enter([]string{dir}); err != nil {
		return err
	}
	for taken := 0; taken < mostTaken && cgroup.Killed(dir) == before; taken += gulp {
		if _, err := file.Write(full); err != nil && !errors.Is(err, syscall.ENOMEM) && !errors.Is(err, syscall.ENOSPC) {
			return err
		} else if err != nil {
			break
		}
	}
	if err := file.Truncate(0); err != nil {
		return err
	}
	if cgroup.Killed(dir) == before {
		return errNotKilled
	}
	return nil
}
