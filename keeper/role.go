package keeper

import (
	"context"
	"errors"
	"os"
	"syscall"
	"time"

	"holdfast"
	"holdfast/internal/proc"
)

// RoleName names a role: Agent, "gateway".
type RoleName string

// A Role is a process of Holdfast itself that is kept running. It gets the
// keeper's own environment and the mark HOLDFAST_PROCESS=<keep>/<name>. Once it
// has connected under its name it must send a Beat at least once a second.
type Role struct {
	Name RoleName
	Run  []string
	Log  string // absolute; takes stdout and stderr
}

// A RoleState is what the keeper knows of a role.
type RoleState struct {
	Name     RoleName `json:"name"`
	Pid      int      `json:"pid"` // 0 while it waits for its next start
	Restarts int      `json:"restarts"`
	Since    int64    `json:"since"` // CLOCK_BOOTTIME of its last start, nanoseconds
	// Leaving is how many that were renewed still finish what they have.
	Leaving int `json:"leaving,omitempty"`
}

// A role that ends is started again at once; one that keeps ending within
// steadyAfter of its start waits until firstDelay, doubling to lastDelay, has
// passed since that start. That is a second, because while a gateway waits for
// its start users wait for it, and a start every second costs a few hundredths
// of a core.
const (
	steadyAfter = 10 * time.Second
	firstDelay  = 100 * time.Millisecond
	lastDelay   = time.Second
)

// A role that beats no more is stopped or stuck. Three seconds, because a
// starved machine delays a process by up to 0.25 s and garbage collection by
// less. Then doubt: a keeper that was itself stopped finds the beats it missed
// in the socket, if it looks before it strikes.
const (
	silentAfter = 3 * time.Second
	doubtFor    = 500 * time.Millisecond
)

type role struct {
	Role
	leader
	since    int64
	restarts int
	began    time.Time
	hasty    int       // ends in a row that came within steadyAfter
	due      time.Time // the next start, while pid is 0
	heard    time.Time // the last beat; zero until it connects
	doubted  time.Time // when silence was first noticed
	killAt   time.Time // while it is being ended; zero else

	told    *follower // its word that it serves, answered when it is to leave
	next    *role     // its successor, until that serves
	leaving []*role   // those before it that finish what they have
	asked   *follower // who asked for the renewal that goes on; nil while none does
	last    []string  // what Run was before it
	within  time.Time // until when the new one must serve
}

func (r *role) running() bool { return r.pid != 0 }

// roleOf finds the role's process that is our child of this pid.
func (k *keeper) roleOf(pid int) (of, found *role) {
	return k.find(func(p *role) bool { return p.adopted == nil && p.pid == pid })
}

// tendRoles starts the roles that are due and strikes those that fell silent.
func (k *keeper) tendRoles(now time.Time) time.Time {
	if k.ending != nil {
		return time.Time{}
	}
	var wake time.Time
	for _, r := range k.roles {
		wake = earliest(wake, k.tendRenewal(r, now))
		switch {
		case r.next != nil && !r.running():
			// It is on its way; a third one would only be in its way.
		case r.running():
			wake = earliest(wake, k.listenTo(r, now))
		case k.remains.of(string(r.Name)):
			// The last one's children still bear the name; the round that ends
			// them would end the new one too. It wakes us when it is done.
		case now.Before(r.due):
			wake = earliest(wake, r.due)
		default:
			k.startRole(r, now)
			wake = earliest(wake, r.due)
		}
	}
	return wake
}

// listenTo kills a role that was heard once and is silent since.
func (k *keeper) listenTo(r *role, now time.Time) time.Time {
	switch {
	case r.heard.IsZero():
		return time.Time{}
	case now.Sub(r.heard) < silentAfter:
		r.doubted = time.Time{}
		return r.heard.Add(silentAfter)
	case r.doubted.IsZero():
		r.doubted = now
		fallthrough
	case now.Sub(r.doubted) < doubtFor:
		return r.doubted.Add(doubtFor)
	}
	k.log("kill %s (pid %d): silent for %s", r.Name, r.pid, now.Sub(r.heard).Round(time.Millisecond))
	if err := r.leader.signal(syscall.SIGKILL); err != nil {
		k.log("kill %s: %v", r.Name, err)
	}
	r.heard = time.Time{}
	return time.Time{}
}

// hear takes a beat, or the first word, of the process that has the role now.
func (k *keeper) hear(as RoleName, pid int) {
	r, p := k.find(func(p *role) bool { return p.Name == as && p.pid == pid })
	if p == nil {
		return
	}
	p.heard = time.Now()
	if p.Name == Agent && r.asked != nil && r.killAt.IsZero() {
		k.renewed(r, nil)
	}
}

func (k *keeper) startRole(r *role, now time.Time) {
	l, err := k.launchRole(r)
	if err != nil {
		k.log("start %s: %v", r.Name, err)
		r.hasty++
		r.due = now.Add(delay(r.hasty))
		return
	}
	if r.since != 0 && r.asked == nil {
		r.restarts++
	}
	r.leader = l
	k.startedRole(r, now)
}

// startedRole notes since when a role has its process.
func (k *keeper) startedRole(r *role, began time.Time) {
	r.began, r.since = began, int64(proc.Now())
	k.unsaved = true
}

func (k *keeper) launchRole(r *role) (leader, error) {
	if len(r.Run) == 0 {
		return leader{}, errors.New("nothing to run")
	}
	log, err := appendTo(r.Log)
	if err != nil {
		// A full or missing disk must not keep traffic from being served.
		k.log("log of %s: %v", r.Name, err)
		if log, err = os.OpenFile(os.DevNull, os.O_WRONLY, 0); err != nil {
			return leader{}, err
		}
	}
	dir, err := os.Getwd()
	if err != nil {
		dir = "/"
	}
	return launch{mark: markAs(k.place.keep, string(r.Name)), run: r.Run, env: os.Environ(), dir: dir, log: log}.start()
}

// roleEnded takes note of a role's end and of when it starts again.
func (k *keeper) roleEnded(r *role, status holdfast.ExitStatus) {
	now := time.Now()
	if now.Sub(r.began) >= steadyAfter {
		r.hasty = 0
	}
	r.hasty++
	wait := max(0, r.began.Add(delay(r.hasty)).Sub(now))
	if k.ending == nil {
		k.log("%s (pid %d) ended: %s; next start in %s", r.Name, r.pid, status, wait)
	}
	if !r.killAt.IsZero() {
		r.hasty, wait = 0, 0 // it was ended to be renewed
	}
	r.leader, r.heard, r.doubted, r.due = leader{}, time.Time{}, time.Time{}, now.Add(wait)
	r.told, r.killAt = nil, time.Time{}
	k.unsaved = true
}

// delay is how far the start after the n-th hasty end is from the one before, n
// from 1.
func delay(n int) time.Duration {
	if n <= 1 {
		return 0
	}
	d := firstDelay
	for range n - 2 {
		if d = min(2*d, lastDelay); d == lastDelay {
			break
		}
	}
	return d
}

// adoptRole takes over a role that the last keeper left running. The agent is
// ended: it would command a keeper that knows less than it thinks. The others
// serve, and keep serving. What has a role no more is ended too.
func (k *keeper) adoptRole(watching context.Context, recorded roleRecord) {
	if recorded.Leaving {
		k.adoptLeaving(watching, recorded)
		return
	}
	l, err := hold(k.place.keep, string(recorded.Name), recorded.Pid, recorded.Ticks)
	if err != nil {
		k.remains.add(string(recorded.Name), func() {})
		return
	}
	var taken *role
	for _, r := range k.roles {
		if r.Name == recorded.Name {
			taken = r
		}
	}
	if taken == nil || taken.Name == Agent {
		l.signal(syscall.SIGKILL)
		l.adopted.Close()
		k.remains.add(string(recorded.Name), func() {})
		return
	}
	taken.leader, taken.since, taken.began = l, recorded.Since, time.Now()
	k.watchRole(watching, l)
}

func (k *keeper) roleStates() []RoleState {
	states := []RoleState{}
	for _, r := range k.roles {
		states = append(states, RoleState{Name: r.Name, Pid: r.pid, Restarts: r.restarts, Since: r.since, Leaving: len(r.leaving)})
	}
	return states
}
