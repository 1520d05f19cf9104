// Package cgroup makes the control groups that bound what a process and all it
// starts may use, and by which all of it can be found and ended, whatever group,
// session or mark it gave up. Version 1, version 2 and both side by side;
// standard library only, a handful of files read and written by hand.
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

// A Controller is a part of the kernel that bounds one thing.
type Controller string

// The controllers that are used.
const (
	Memory    Controller = "memory"
	CPU       Controller = "cpu"
	Processes Controller = "pids"
)

// Controllers are all of them. Processes comes last: who enters a group there
// may soon not start a thread any more.
func Controllers() []Controller { return []Controller{Memory, CPU, Processes} }

// Limits bound a group; zero leaves a thing unbounded.
type Limits struct {
	Memory    int64   // bytes
	CPU       float64 // cores
	Processes int     // threads count too
}

// A branch is where groups of one controller are made.
type branch struct {
	version int
	under   string // the directory below which ours comes
}

// A Tree is what this machine lets this process do with control groups.
type Tree struct {
	branches map[Controller]branch
	why      map[Controller]string // of the controllers that cannot be used
}

// Can tells whether a controller can be used, and if not, why.
func (t Tree) Can(c Controller) (version int, why string) {
	if b, ok := t.branches[c]; ok {
		return b.version, ""
	}
	return 0, t.why[c]
}

// Find looks at this machine. root is "/" but in tests.
func Find(root string) Tree {
	t := Tree{branches: map[Controller]branch{}, why: map[Controller]string{}}
	mounts, own := mounted(root), memberships(root, "self")
	for _, c := range Controllers() {
		b, err := find(root, c, mounts, own)
		if err != nil {
			t.why[c] = err.Error()
			continue
		}
		t.branches[c] = b
	}
	return t
}

// find prefers the group we are in: what bounds us is to bound what we start. In
// version 2 a group that holds processes can have none below it with controllers
// of their own; then the one above ours may do, which systemd delegates with
// DelegateSubgroup=.
func find(root string, c Controller, mounts []mount, own map[string]string) (branch, error) {
	failure := errors.New("no control groups are mounted with the controller " + string(c))
	for _, m := range mounts {
		if !m.has(c) {
			continue
		}
		mine := own[""]
		if m.version == 1 {
			mine = own[string(c)]
		}
		ours := filepath.Join(root, m.at, strings.TrimPrefix(mine, m.root))
		top := filepath.Join(root, m.at)
		for _, under := range []string{ours, filepath.Dir(ours), top} {
			if !strings.HasPrefix(under, top) {
				continue // we are in the top one, and above it is something else
			}
			b := branch{version: m.version, under: under}
			if failure = b.usable(c); failure == nil {
				return b, nil
			}
		}
	}
	return branch{}, failure
}

// usable tries by making a group, which is the only way to know.
func (b branch) usable(c Controller) error {
	if b.version == 2 {
		if err := enable(b.under, c); err != nil {
			return err
		}
	}
	probe, err := os.MkdirTemp(b.under, "holdfast-probe-")
	if err != nil {
		return plainly(err)
	}
	return os.Remove(probe)
}

// enable hands a controller down to the groups below dir. The kernel refuses it
// for a group that itself holds processes, unless that is the root of all.
func enable(dir string, c Controller) error {
	return write(filepath.Join(dir, "cgroup.subtree_control"), "+"+string(c))
}

// Make makes a group below one called family and bounds it; it may be there
// already. It returns the group's directories, for who enters it and for End,
// and what could not be bounded. With no controller usable there are none.
func (t Tree) Make(family, name string, limits Limits) (dirs []string, lacks []string) {
	for _, c := range Controllers() {
		dir, err := t.make(c, family, name, limits)
		if dir != "" && !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
		if err != nil && limits.asks(c) {
			lacks = append(lacks, err.Error())
		}
	}
	return dirs, lacks
}

func (t Tree) make(c Controller, family, name string, limits Limits) (string, error) {
	b, ok := t.branches[c]
	if !ok {
		return "", fmt.Errorf("%s: %s", c, t.why[c])
	}
	parent := filepath.Join(b.under, family)
	dir := filepath.Join(parent, name)
	err := b.grow(c, parent, dir)
	if errors.Is(err, fs.ErrNotExist) {
		err = b.grow(c, parent, dir) // a keeper that ended took the family away meanwhile
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w", c, plainly(err))
	}
	if err := limits.set(c, b.version, dir); err != nil {
		return dir, fmt.Errorf("%s: %w", c, plainly(err))
	}
	return dir, nil
}

func (b branch) grow(c Controller, parent, dir string) error {
	if err := os.Mkdir(parent, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if b.version == 2 {
		if err := enable(parent, c); err != nil {
			return err
		}
	}
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

func (l Limits) asks(c Controller) bool {
	return c == Memory && l.Memory > 0 || c == CPU && l.CPU > 0 || c == Processes && l.Processes > 0
}

// period is the span over which processor time is counted, the kernel's own.
const period = 100_000 // µs

// set writes one bound, also the absence of one: the group may be there from an
// incarnation that had another.
func (l Limits) set(c Controller, version int, dir string) error {
	file := func(name string) string { return filepath.Join(dir, name) }
	quota := strconv.FormatInt(int64(l.CPU*period), 10)
	switch {
	case c == Processes:
		return write(file("pids.max"), orMax(int64(l.Processes), "max"))
	case c == CPU && version == 2 && l.CPU == 0:
		return write(file("cpu.max"), "max "+strconv.Itoa(period))
	case c == CPU && version == 2:
		return write(file("cpu.max"), quota+" "+strconv.Itoa(period))
	case c == CPU && l.CPU == 0:
		return write(file("cpu.cfs_quota_us"), "-1")
	case c == CPU:
		return errors.Join(write(file("cpu.cfs_period_us"), strconv.Itoa(period)), write(file("cpu.cfs_quota_us"), quota))
	case version == 2:
		// Without swap: a bound that the disk stretches is none. Kernels without
		// swap have no such file.
		_ = write(file("memory.swap.max"), swap(l.Memory))
		return write(file("memory.max"), orMax(l.Memory, "max"))
	default:
		return l.setMemory1(dir)
	}
}

// setMemory1 keeps the two bounds of version 1 in order, of which the one with
// swap must never be the lower.
func (l Limits) setMemory1(dir string) error {
	alone, swapped := filepath.Join(dir, "memory.limit_in_bytes"), filepath.Join(dir, "memory.memsw.limit_in_bytes")
	limit := orMax(l.Memory, "-1")
	_ = write(swapped, "-1") // not there on kernels that do not count swap
	if err := write(alone, limit); err != nil {
		return err
	}
	_ = write(swapped, limit)
	return nil
}

func orMax(n int64, none string) string {
	if n == 0 {
		return none
	}
	return strconv.FormatInt(n, 10)
}

func write(path, text string) error {
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = file.WriteString(text)
	return err
}

// plainly is an error without the operation, which means nothing to whom it is
// shown.
func plainly(err error) error {
	var at *fs.PathError
	if errors.As(err, &at) && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: %w", at.Path, at.Err)
	}
	return err
}

// swap is how much of it a group with a bound on memory may use: none.
func swap(memory int64) string {
	if memory > 0 {
		return "0"
	}
	return "max"
}
