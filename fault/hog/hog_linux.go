package hog

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"holdfast/internal/cgroup"
	"holdfast/internal/role"
)

// gulp is how much a hog takes at once, and mostTaken at most: the limit is far below.
const (
	gulp      = 256 << 10
	mostTaken = 128 << 20
)

// Run is the whole of a hog: it that takes the memory of a control group until the
// kernel kills somebody in it. It takes it in a file that is nowhere but in memory,
// because a write that finds none returns with an error, where touching a page would
// not return; and it ends with what it took.
func Run(arguments []string) error {
	var dir string
	if err := role.Take(arguments, &dir); err != nil {
		return fmt.Errorf("%s: %w", Verb, err)
	}
	if err := takeUp(dir); err != nil {
		return errors.Join(err, role.Say(err.Error()))
	}
	return role.Ready()
}

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
