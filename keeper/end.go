package keeper

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"holdfast/internal/proc"
)

// Graces at the end. longestGrace bounds what a spec may ask for; hurryGrace is
// for a person who has asked twice; lifelineGrace is for a private copy whose
// owner is gone: nobody waits for its work.
const (
	longestGrace  = 5 * time.Minute
	hurryGrace    = time.Second
	lifelineGrace = 500 * time.Millisecond
	roleGrace     = 5 * time.Second  // the agent has a journal to finish
	killedWithin  = 10 * time.Second // for what SIGKILL was sent to: a large process takes a while to be torn down
)

// An ending goes through its stages in this order. Roles come late so that the
// gateway answers while the last requests are worked on.
//
//	replicas ──all gone──▶ roles ──all gone──▶ rest ──nothing found──▶ over
//
// A stage that cannot finish is left after killedWithin of its last SIGKILL,
// and the error says what remained.
type ending struct {
	stage   stage
	cap     time.Duration // no grace is longer
	until   time.Time     // the stage is left then, finished or not
	asked   []follower    // who asked, to be answered when it is over
	looking bool
	clean   int
	found   []string // what the last look through /proc found
}

type stage int

const (
	endReplicas stage = iota
	endRoles
	endRest
	ended
)

func (e *ending) over() bool { return e != nil && e.stage == ended }

func (e *ending) failure() error {
	if e.clean >= cleanRounds {
		return nil
	}
	if len(e.found) == 0 {
		return errors.New("could not see whether everything has ended")
	}
	return fmt.Errorf("could not end %s", strings.Join(e.found, ", "))
}

// end begins to end everything, or hurries when that began already.
func (k *keeper) end(grace time.Duration) {
	now := time.Now()
	if k.ending != nil && grace >= k.ending.cap {
		return
	}
	if k.ending == nil {
		k.log("end everything")
		k.ending = &ending{}
	}
	e := k.ending
	e.cap = grace
	e.until = now
	for _, p := range k.processes {
		if p.running() {
			k.stop(p.leader, p.stopSignal)
			p.killAt = now.Add(min(p.stopGrace, grace))
			e.until = later(e.until, p.killAt)
		}
	}
	e.until = e.until.Add(killedWithin)
	if e.stage == endRoles {
		k.stopRoles(now)
	}
}

// stop asks a group to end. SIGCONT follows so that a stopped one can hear.
func (k *keeper) stop(l leader, s syscall.Signal) {
	if err := l.signal(s); err != nil && !isGone(err) {
		k.log("stop %d: %v", l.pid, err)
	}
	l.signal(syscall.SIGCONT)
}

// tendEnding carries the ending on as far as it goes now.
func (k *keeper) tendEnding(now time.Time) time.Time {
	e := k.ending
	if e == nil || e.stage == ended {
		return time.Time{}
	}
	if wake, done := k.tendStage(now); !done && now.Before(e.until) {
		return earliest(wake, e.until)
	}
	e.stage++
	e.until = now.Add(killedWithin)
	if e.stage == endRoles {
		k.stopRoles(now)
	}
	return now // the next stage may have nothing to wait for
}

func (k *keeper) tendStage(now time.Time) (wake time.Time, done bool) {
	switch k.ending.stage {
	case endReplicas:
		return k.tendReplicasEnd(now)
	case endRoles:
		return k.tendRolesEnd(now)
	default:
		return k.tendRest(now)
	}
}

func (k *keeper) tendReplicasEnd(now time.Time) (wake time.Time, done bool) {
	done = true
	for _, p := range k.processes {
		done = done && p.state.Gone
		if p.running() {
			wake = earliest(wake, k.killWhenDue(p.leader, &p.killAt, now))
		}
	}
	return wake, done
}

func (k *keeper) stopRoles(now time.Time) {
	for _, r := range k.roles {
		for _, p := range r.processes() {
			if p.running() {
				k.stop(p.leader, syscall.SIGTERM)
				p.killAt = now.Add(min(roleGrace, k.ending.cap))
				k.ending.until = later(k.ending.until, p.killAt.Add(killedWithin))
			}
		}
	}
}

func (k *keeper) tendRolesEnd(now time.Time) (wake time.Time, done bool) {
	done = true
	for _, r := range k.roles {
		for _, p := range r.processes() {
			if p.running() {
				done = false
				wake = earliest(wake, k.killWhenDue(p.leader, &p.killAt, now))
			}
		}
	}
	return wake, done
}

// killWhenDue sends SIGKILL when the grace is over, and says when to look again.
func (k *keeper) killWhenDue(l leader, at *time.Time, now time.Time) time.Time {
	if !now.Before(*at) {
		l.signal(syscall.SIGKILL)
		*at = now.Add(time.Second) // once more, should a process have joined the group meanwhile
	}
	return *at
}

// tendRest kills whatever carries our mark and whatever is our child, until two
// looks in a row find nothing. A look is taken outside the loop, which reaps
// meanwhile.
func (k *keeper) tendRest(time.Time) (wake time.Time, done bool) {
	e := k.ending
	if e.clean >= cleanRounds {
		return time.Time{}, true
	}
	if !e.looking {
		e.looking = true
		k.work.Go(func() {
			found := strikeRest(k.place.keep)
			k.post(func() {
				e.looking, e.found = false, found
				if e.clean++; len(found) > 0 {
					e.clean = 0
				}
			})
		})
	}
	return time.Time{}, false
}

// strikeRest kills what is left and names it.
func strikeRest(keep string) []string {
	var found []string
	for _, p := range strikeMarked(keep, func(int, string) bool { return true }) {
		found = append(found, p.name)
	}
	pids, err := proc.All()
	if err != nil {
		return found
	}
	for _, pid := range pids {
		child := func() bool {
			parent, err := proc.Parent(pid)
			return err == nil && parent == os.Getpid()
		}
		if child() {
			found = append(found, fmt.Sprintf("pid %d", pid))
			strike(pid, child)
		}
	}
	slices.Sort(found)
	return found
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
