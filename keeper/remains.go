package keeper

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"holdfast/internal/cgroup"
	"holdfast/internal/proc"
)

// Two rounds must find nothing: a process may fork and end between the moment
// /proc is listed and the moment it is read.
const cleanRounds = 2

// The pause between rounds doubles from shortest to longest, so that what
// cannot be ended (a process in an uninterruptible call) costs next to nothing.
const (
	shortestPause = time.Millisecond
	longestPause  = 250 * time.Millisecond
)

// groupLooks is for how many rounds, about a second, a group that was killed is
// waited for until nobody is in it. Not for ever: its number could be somebody
// else's by then, and a zombie that its parent does not reap stays in it.
const groupLooks = 12

// remains are the names of those who ended and may have left something running
// under their mark. Rounds through /proc end it, outside the loop and all names
// at once, until nothing is found.
type remains struct {
	names   map[string]*remnant
	struck  []struck // by earlier rounds, and not seen to be dead yet
	looking bool
	next    time.Time
	pause   time.Duration
}

// A struck process was sent SIGKILL, or was dying when it was to be. While it dies it has lost its environment,
// and so its mark, but not yet its files and sockets: it is not gone because no
// mark is found.
type struck struct {
	pid   int
	ticks uint64
	name  string
}

type remnant struct {
	group   int      // that was killed with its leader; 0 when none was
	cgroups []string // directories of its control groups
	looks   int      // rounds so far
	clean   int      // rounds in a row that found nothing
	gone    []func() // called once nothing is left
}

func (r *remains) add(name string, gone func()) {
	if r.names == nil {
		r.names = map[string]*remnant{}
	}
	if r.names[name] == nil {
		r.names[name] = &remnant{}
	}
	left := r.names[name]
	left.clean = 0
	left.gone = append(left.gone, gone)
	r.next, r.pause = time.Time{}, shortestPause
}

func (r *remains) of(name string) bool { return r.names[name] != nil }

// tendRemains begins the next round when it is due.
func (k *keeper) tendRemains(now time.Time) time.Time {
	r := &k.remains
	if len(r.names) == 0 || r.looking {
		return time.Time{}
	}
	if now.Before(r.next) {
		return r.next
	}
	names, groups, cgroups := map[string]bool{}, map[string]int{}, map[string][]string{}
	for name, left := range r.names {
		names[name] = true
		cgroups[name] = left.cgroups
		if left.looks++; left.group != 0 && left.looks <= groupLooks {
			groups[name] = left.group
		}
	}
	r.looking = true
	dying := r.struck
	k.work.Go(func() {
		found := map[string]bool{}
		hit := strikeMarked(k.place.keep, func(pid int, name string) bool { return names[name] && believable(pid, name) })
		var still []struck
		for _, p := range slices.Concat(dying, hit) {
			if proc.Alive(p.pid, p.ticks) && !slices.Contains(still, p) {
				still = append(still, p)
			}
		}
		for _, p := range slices.Concat(hit, still) {
			found[p.name] = true
		}
		for name, group := range groups {
			if syscall.Kill(-group, 0) == nil {
				found[name] = true
			}
		}
		for name, dirs := range cgroups {
			if endGroup(dirs) {
				found[name] = true
			}
		}
		k.post(func() { k.looked(names, found, still) })
	})
	return time.Time{}
}

// looked takes a round's result. Names that came after it began are not judged
// by it.
func (k *keeper) looked(names, found map[string]bool, still []struck) {
	r := &k.remains
	r.looking, r.struck = false, still
	r.next, r.pause = time.Now().Add(r.pause), min(2*r.pause, longestPause)
	for name := range names {
		left := r.names[name]
		if left == nil || found[name] {
			continue
		}
		if left.clean++; left.clean < cleanRounds {
			continue
		}
		delete(r.names, name)
		for _, gone := range left.gone {
			gone()
		}
	}
}

// strikeMarked kills every process under our keep's mark whose name is wanted,
// once, and says whom it found.
func strikeMarked(keep string, wanted func(pid int, name string) bool) []struck {
	marked, err := proc.Marked(keep, "")
	if err != nil {
		return nil
	}
	var found []struck
	for pid, name := range marked {
		if wanted(pid, name) && !isSelf(pid) {
			if p, left := strikeListed(pid, keep, name); left {
				found = append(found, p)
			}
		}
	}
	return found
}

// strikeListed kills a process that was seen under a mark, and says whether it is
// to be waited for. One that lost the mark since is so when it dies; else it has
// put the mark off, and is nobody's by it.
func strikeListed(pid int, keep, name string) (p struck, left bool) {
	ticks, hit := strike(pid, func() bool {
		of, as, ok := proc.MarkOf(pid)
		return ok && of == keep && as == name
	})
	return struck{pid: pid, ticks: ticks, name: name}, hit || proc.Dying(pid, ticks)
}

// believable says whether a mark may be true. A role runs as we do, and so does
// all that it starts. What bears a role's name as another user is of a replica
// that knows its own mark and makes others of it: as long as the rounds found
// such, the role would not be started again.
func believable(pid int, name string) bool {
	if strings.Contains(name, "#") {
		return true // an incarnation's
	}
	uid, err := proc.User(pid)
	return err != nil || uid == os.Geteuid()
}

// strike kills the process that has this pid and of which ours holds, and no
// other that may be given the pid meanwhile: ours is asked between reading the
// start time and taking hold. It returns the start time of whom it looked at.
func strike(pid int, ours func() bool) (ticks uint64, hit bool) {
	ticks, err := proc.Ticks(pid)
	if err != nil || !ours() {
		return ticks, false
	}
	_ = proc.Signal(pid, ticks, syscall.SIGKILL) // who is gone already needs none
	return ticks, true
}

func isSelf(pid int) bool { return pid == os.Getpid() }

// endGroup kills whatever is in a control group and removes it; it says whether
// something was left. The group is sealed first: what starts others faster than
// they are found would never be done with.
func endGroup(dirs []string) (left bool) {
	if len(dirs) == 0 {
		return false
	}
	cgroup.Seal(dirs)
	for _, pid := range cgroup.Members(dirs) {
		if left = true; !isSelf(pid) {
			strike(pid, func() bool { return cgroup.Holds(dirs, pid) })
		}
	}
	return left || !cgroup.Remove(dirs)
}

// knowFamilies remembers where control groups were made.
func (k *keeper) knowFamilies(groups []string) {
	for _, dir := range groups {
		k.families[filepath.Dir(dir)] = true
	}
}

// The kernel keeps a group for a moment after its last process, and its parent
// for a moment after it: at most this often is it tried.
const (
	familyTries = 50
	familyPause = 2 * time.Millisecond
)

// removeFamilies leaves no control groups behind, not even one that an agent had
// made for a start that was refused at the end.
func (k *keeper) removeFamilies() {
	for parent := range k.families {
		for range familyTries {
			if cgroup.RemoveFamily(parent) {
				break
			}
			time.Sleep(familyPause)
		}
	}
}
