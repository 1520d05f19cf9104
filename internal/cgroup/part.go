package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// A Host is the control groups of this machine as they are mounted. It finds, and
// changes, the groups of processes that somebody else has put where they are.
type Host struct {
	root   string
	mounts []mount
}

// On looks at this machine. root is "/" but in tests.
func On(root string) Host { return Host{root: root, mounts: mounted(root)} }

// Of is the directory of the group that a process is in by one controller.
func (h Host) Of(c Controller, pid int) (dir string, version int, err error) {
	own := memberships(h.root, strconv.Itoa(pid))
	for _, m := range h.mounts {
		if !m.has(c) {
			continue
		}
		in, known := own[""]
		if m.version == 1 {
			in, known = own[string(c)]
		}
		if !known {
			return "", 0, fmt.Errorf("process %d is in no control group", pid)
		}
		top := filepath.Join(h.root, m.at)
		dir := filepath.Join(top, strings.TrimPrefix(in, m.root))
		if dir != top && !strings.HasPrefix(dir, top+"/") {
			return "", 0, fmt.Errorf("the control group of process %d is not to be seen from here: %s", pid, in)
		}
		return dir, m.version, nil
	}
	return "", 0, fmt.Errorf("no control groups are mounted with the controller %s", c)
}

// Behind the name of a group that is split off there may stand what was noted of its
// members, and, where it was made beside another, that other's name.
const (
	noted = "+"
	aside = "@"
)

// Noting is a name that notes something: there is no better place that is found
// again without a memory.
func Noting(name, note string) string { return name + noted + note }

// NoteOf is what was noted in the name of a group.
func NoteOf(dir string) string {
	first, _, _ := strings.Cut(filepath.Base(dir), aside)
	_, note, _ := strings.Cut(first, noted)
	return note
}

// Split makes an empty group of a name, for processes to be moved into out of the
// group that one is in: below that one, whose bounds then hold on, or beside it.
// Beside, where it is one of ours, which its keeper removes when its process ends
// and could not; and in version 2, where a group that holds processes can have none
// below it. One that is there already is as good.
func (h Host) Split(c Controller, pid int, name string) (dir string, version int, err error) {
	home, version, err := h.Of(c, pid)
	if err != nil {
		return "", 0, err
	}
	dir = filepath.Join(home, name)
	if version == 2 || IsOurs(home) {
		if version == 2 && !IsOurs(home) && enable(home, c) == nil { // of all groups, the top one may
			return dir, version, made(dir)
		}
		dir = filepath.Join(filepath.Dir(home), name+aside+filepath.Base(home))
	}
	if version == 2 {
		if err := enable(filepath.Dir(dir), c); err != nil {
			return "", 0, plainly(err)
		}
	}
	return dir, version, made(dir)
}

func made(dir string) error {
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return plainly(err)
	}
	return nil
}

// PartName names a group that is split off for a purpose and for one process, and no
// other that is given its pid.
func PartName(purpose string, pid int, ticks uint64) string {
	return fmt.Sprintf("%s%s-%d-%d", Family, purpose, pid, ticks)
}

// PartsOf are the groups that were split off for a process out of the group at dir.
func PartsOf(dir string, pid int, ticks uint64) []string {
	var parts []string
	for _, under := range []string{dir, filepath.Dir(dir)} {
		entries, _ := os.ReadDir(under)
		for _, entry := range entries {
			first, _, _ := strings.Cut(entry.Name(), aside)
			first, _, _ = strings.Cut(first, noted)
			if strings.HasPrefix(first, Family) && strings.HasSuffix(first, fmt.Sprintf("-%d-%d", pid, ticks)) {
				parts = append(parts, filepath.Join(under, entry.Name()))
			}
		}
	}
	return parts
}

// Named finds the groups that Split made under a name, wherever they are.
func (h Host) Named(c Controller, name string) []string {
	var found []string
	for _, m := range h.mounts {
		if !m.has(c) {
			continue
		}
		_ = filepath.WalkDir(filepath.Join(h.root, m.at), func(path string, entry fs.DirEntry, err error) error {
			if err != nil {
				return filepath.SkipDir // it was removed meanwhile
			}
			first, _, _ := strings.Cut(filepath.Base(path), aside)
			if first, _, _ = strings.Cut(first, noted); entry.IsDir() && first == name {
				found = append(found, path)
			}
			return nil
		})
	}
	return found
}

// home is the group that the members of a split one came from, or where that is no
// more, the one above both.
func home(dir string) string {
	above, base := filepath.Dir(dir), filepath.Base(dir)
	if _, beside, ok := strings.Cut(base, aside); ok {
		if _, err := os.Stat(filepath.Join(above, beside)); err == nil {
			return filepath.Join(above, beside)
		}
	}
	return above
}

// Move puts processes into a group. One that has ended meanwhile is none.
func Move(dir string, pids []int) error {
	for _, pid := range pids {
		err := write(filepath.Join(dir, "cgroup.procs"), strconv.Itoa(pid))
		if err != nil && !errors.Is(err, syscall.ESRCH) {
			return plainly(err)
		}
	}
	return nil
}

// Rejoin puts every member of a split group back where it came from and removes the
// group. It says whether nothing of it is left: a member that is being killed, or
// begins others, takes another call.
func Rejoin(dir string) (gone bool, err error) {
	if err := Move(home(dir), Members([]string{dir})); err != nil {
		return false, err
	}
	return Remove([]string{dir}), nil
}

// Bound sets what one controller bounds in a group of Split's.
func Bound(dir string, c Controller, version int, limits Limits) error {
	return plainly(limits.set(c, version, dir))
}

// Slice lets a group have so many microseconds of processor time in every period.
// The kernel's least is a thousand, and its longest period a million.
func Slice(dir string, version int, quota, period int) error {
	if version == 2 {
		return plainly(write(filepath.Join(dir, "cpu.max"), fmt.Sprintf("%d %d", quota, period)))
	}
	return plainly(errors.Join(
		write(filepath.Join(dir, "cpu.cfs_period_us"), strconv.Itoa(period)),
		write(filepath.Join(dir, "cpu.cfs_quota_us"), strconv.Itoa(quota)),
	))
}

// Used is what a group's memory holds now, in bytes.
func Used(dir string) (int64, error) {
	for _, name := range []string{"memory.current", "memory.usage_in_bytes"} { // of version 2, of version 1
		if text, err := os.ReadFile(filepath.Join(dir, name)); err == nil {
			return strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
		}
	}
	return 0, fmt.Errorf("%s does not say what it uses", dir)
}

// Throttled is how many periods a group has used up before their end.
func Throttled(dir string) int64 { return counted(dir, "nr_throttled ", "cpu.stat") }

// Killed is how many processes the kernel has ended for a group's want of memory.
func Killed(dir string) int64 {
	return counted(dir, "oom_kill ", "memory.events", "memory.oom_control")
}

// counted reads a counter from the first of some files that has it.
func counted(dir, name string, files ...string) int64 {
	for _, file := range files {
		text, _ := os.ReadFile(filepath.Join(dir, file)) // of the other version
		for line := range strings.Lines(string(text)) {
			if count, found := strings.CutPrefix(strings.TrimSpace(line), name); found {
				n, _ := strconv.ParseInt(count, 10, 64)
				return n
			}
		}
	}
	return 0
}
