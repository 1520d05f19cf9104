package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Family begins the name of every group's parent that is ours. What does not lie
// below one is never ended.
const Family = "holdfast-"

// IsOurs tells a directory that Make could have returned from any other.
func IsOurs(dir string) bool {
	return filepath.IsAbs(dir) && filepath.Clean(dir) == dir && strings.HasPrefix(filepath.Base(filepath.Dir(dir)), Family)
}

// Enter puts the calling process into a group.
func Enter(dirs []string) error {
	for _, dir := range dirs {
		if err := write(filepath.Join(dir, "cgroup.procs"), "0"); err != nil {
			return fmt.Errorf("enter the control group: %w", plainly(err))
		}
	}
	return nil
}

// Members are the processes in a group.
func Members(dirs []string) []int {
	var pids []int
	for _, dir := range dirs {
		text, _ := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
		for _, word := range strings.Fields(string(text)) {
			if pid, err := strconv.Atoi(word); err == nil && pid > 0 {
				pids = append(pids, pid)
			}
		}
	}
	slices.Sort(pids)
	return slices.Compact(pids)
}

// Holds tells whether a process is in one of a group's directories, by what the
// kernel says of the process.
func Holds(dirs []string, pid int) bool {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cgroup")
	if err != nil {
		return false
	}
	return slices.ContainsFunc(dirs, func(dir string) bool {
		tail := "/" + filepath.Base(filepath.Dir(dir)) + "/" + filepath.Base(dir)
		for line := range strings.Lines(string(text)) {
			if strings.HasSuffix(strings.TrimSpace(line), tail) {
				return true
			}
		}
		return false
	})
}

// OutOfMemory tells whether the kernel has ended a process in a group at its
// limit of memory.
func OutOfMemory(dirs []string) bool {
	return slices.ContainsFunc(dirs, func(dir string) bool { return Killed(dir) > 0 })
}

// Seal keeps a group from growing: nothing in it can start anything any more, so
// that what forks faster than it is killed comes to an end.
func Seal(dirs []string) {
	for _, dir := range dirs {
		_ = write(filepath.Join(dir, "pids.max"), "0") // a directory of another controller has none
	}
}

// Remove removes an empty group. It says whether nothing of it is left; the
// kernel keeps it for a moment after its last process.
func Remove(dirs []string) bool {
	gone := true
	for _, dir := range dirs {
		err := os.Remove(dir)
		gone = gone && (err == nil || errors.Is(err, fs.ErrNotExist))
	}
	return gone
}

// Sweep removes the empty groups of a family: what a keeper that was killed left.
func (t Tree) Sweep(family string) {
	for _, b := range t.branches {
		RemoveFamily(filepath.Join(b.under, family))
	}
}

// RemoveFamily removes the empty groups below a family's directory, and that if
// nothing is left in it. It says whether the directory is gone.
func RemoveFamily(parent string) bool {
	entries, _ := os.ReadDir(parent)
	for _, entry := range entries {
		if entry.IsDir() {
			_ = os.Remove(filepath.Join(parent, entry.Name())) // refused while somebody is in it
		}
	}
	err := os.Remove(parent)
	return err == nil || errors.Is(err, fs.ErrNotExist)
}
