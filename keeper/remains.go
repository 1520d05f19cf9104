package keeper

import (
	"os"
	"syscall"
	"time"

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

// remains are the names of those who ended and may have left something running
// under their mark. Rounds through /proc end it, outside the loop and all names
// at once, until nothing is found.
type remains struct {
	names   map[string]*remnant
	looking bool
	next    time.Time
	pause   time.Duration
}

type remnant struct {
	clean int      // rounds in a row that found nothing
	gone  []func() // called once nothing is left
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
	names := map[string]bool{}
	for name := range r.names {
		names[name] = true
	}
	r.looking = true
	k.work.Go(func() {
		found := strikeMarked(k.place.keep, func(name string) bool { return names[name] })
		k.post(func() { k.looked(names, found) })
	})
	return time.Time{}
}

// looked takes a round's result. Names that came after it began are not judged
// by it.
func (k *keeper) looked(names, found map[string]bool) {
	r := &k.remains
	r.looking = false
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
// once, and says under which names it found some.
func strikeMarked(keep string, wanted func(name string) bool) map[string]bool {
	found := map[string]bool{}
	marked, err := proc.Marked(keep, "")
	if err != nil {
		return found
	}
	for pid, name := range marked {
		if wanted(name) && !isSelf(pid) {
			found[name] = true
			strike(pid, func() bool {
				of, as, ok := proc.MarkOf(pid)
				return ok && of == keep && as == name
			})
		}
	}
	return found
}

// strike kills the process that has this pid and of which ours holds, and no
// other that may be given the pid meanwhile: ours is asked between reading the
// start time and taking hold.
func strike(pid int, ours func() bool) {
	if ticks, err := proc.Ticks(pid); err == nil && ours() {
		_ = proc.Signal(pid, ticks, syscall.SIGKILL) // who is gone already needs none
	}
}

func isSelf(pid int) bool { return pid == os.Getpid() }
