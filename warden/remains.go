package warden

import (
	"context"
	"fmt"
	"os"
	"slices"
	"syscall"
	"time"

	"holdfast/internal/proc"
)

// lookEvery is how often what is left of a copy is looked for: a look reads all
// of /proc, a few milliseconds.
const lookEvery = 40 * time.Millisecond

// keeperName is what the copy's keeper is listed as. It carries no mark: a
// keeper ends marked processes it does not know, and would find itself.
const keeperName = "keeper"

// remains are the processes of a copy: those that carry its mark, its keeper,
// and, where the copy is our own child, every descendant of ours, marked or
// not.
type remains struct {
	keep   string
	keeper Identity
	family bool // the copy's orphans come to us (see proc.Subreaper), and are reaped here
}

// living lists them with a name for people. A pid is listed under a start time
// that was read before it was known to belong, so that one that changed hands
// in between is later refused by proc.Open.
func (r remains) living() map[Identity]string {
	found := map[Identity]string{}
	if r.family {
		for _, process := range descendants(os.Getpid()) {
			found[process] = "unmarked"
		}
	}
	for process, name := range marked(r.keep) {
		found[process] = name
	}
	if r.keeper.alive() {
		found[r.keeper] = keeperName
	}
	return found
}

// marked are the living processes of one keep but ourselves.
func marked(keep string) map[Identity]string {
	found := map[Identity]string{}
	pids, err := proc.Marked(keep, "")
	if keep == "" || err != nil {
		return found
	}
	for pid := range pids {
		process, err := identify(pid)
		if of, name, ok := proc.MarkOf(pid); err == nil && ok && of == keep && pid != os.Getpid() {
			found[process] = name
		}
	}
	return found
}

// end gives the remains a grace to end by themselves and then kills until none
// is seen twice in a row: one look can miss a child born behind its back. It
// returns whom it killed, and whom it could not within killTime. When ctx ends,
// so does the grace; the killing goes on.
func (r remains) end(ctx context.Context, grace time.Duration) (killed, left []string) {
	r.wait(ctx, grace)
	struck := map[Identity]bool{}
	deadline := time.Now().Add(killTime)
	for none := 0; none < 2; {
		living := r.living()
		if len(living) == 0 {
			none++
			continue
		}
		none = 0
		if time.Now().After(deadline) {
			return slices.Sorted(slices.Values(killed)), names(living)
		}
		for process, name := range living {
			if kill(process) && !struck[process] {
				struck[process] = true
				killed = append(killed, describe(process, name))
			}
		}
		r.reap()
		pause(context.Background(), lookEvery/4)
	}
	return slices.Sorted(slices.Values(killed)), nil
}

// wait returns when nothing lives any more, or the grace or ctx is over.
func (r remains) wait(ctx context.Context, grace time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, grace)
	defer cancel()
	for ctx.Err() == nil {
		r.reap()
		if len(r.living()) == 0 {
			return
		}
		pause(ctx, lookEvery)
	}
}

// reap takes note of our dead, without which their pids stay taken.
func (r remains) reap() {
	if r.family {
		reapChildren(func(int, syscall.WaitStatus) {})
	}
}

// reapChildren hands every child that has ended to each. Only the warden calls
// it, where every child is the copy's.
func reapChildren(each func(pid int, status syscall.WaitStatus)) {
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG, nil)
		if err == syscall.EINTR {
			continue
		}
		if err != nil || pid <= 0 {
			return
		}
		each(pid, status)
	}
}

// kill sends SIGKILL to that process and no other, and says whether it could.
func kill(process Identity) bool {
	return proc.Signal(process.Pid, process.Ticks, syscall.SIGKILL) == nil
}

// descendants are the living processes below one, however deep.
func descendants(root int) []Identity {
	pids, err := proc.All()
	if err != nil {
		return nil // no /proc: what is known by name must do
	}
	children := map[int][]Identity{}
	for _, pid := range pids {
		process, err := identify(pid)
		if parent, wrong := proc.Parent(pid); err == nil && wrong == nil {
			children[parent] = append(children[parent], process)
		}
	}
	var below []Identity
	for next := []int{root}; len(next) > 0; next = next[1:] {
		for _, child := range children[next[0]] {
			next = append(next, child.Pid)
			if child.alive() {
				below = append(below, child)
			}
		}
	}
	return below
}

func names(living map[Identity]string) []string {
	var list []string
	for process, name := range living {
		list = append(list, describe(process, name))
	}
	slices.Sort(list)
	return list
}

func describe(process Identity, name string) string {
	return fmt.Sprintf("%s (pid %d)", name, process.Pid)
}

// pause waits, or until ctx ends.
func pause(ctx context.Context, length time.Duration) {
	timer := time.NewTimer(length)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
