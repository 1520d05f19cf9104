package keeper

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"holdfast"
)

// A role is renewed, with the same program or another, without a moment in which
// nobody serves:
//
//	one ──Renew──▶ one and its successor ──the successor serves──▶ the successor is the role; one leaves ──▶ gone
//	                  └── the successor ends, or does not serve in time ──▶ one, as before
//
// The agent commands, and there is never more than one: it is ended, and started
// from the other program. If that does not come up, from the one before.

// Bounds of a renewal.
const (
	// serveWithin is what a successor has to begin to serve. Ten seconds: it takes
	// a tenth of one, and a starved machine a hundred times as long.
	serveWithin = 10 * time.Second
	// LeaveWithin is what a role that was told to leave has for what it has begun:
	// requests, streams. Then it is to cut them off and end.
	LeaveWithin = time.Minute
	// leaveSlack is what it has for that, before it is killed.
	leaveSlack = 15 * time.Second
	// maxLeaving bounds how many may be on their way out: each holds memory.
	maxLeaving = 12
)

// ErrRenewing refuses what cannot be renewed now; the one before serves on.
const ErrRenewing = holdfast.Refusal("it is not renewed")

// processes are all of a role: the one that has it, its successor, those that
// leave.
func (r *role) processes() []*role {
	all := []*role{r}
	if r.next != nil {
		all = append(all, r.next)
	}
	return append(all, r.leaving...)
}

// find finds a role's process.
func (k *keeper) find(is func(*role) bool) (of, found *role) {
	for _, r := range k.roles {
		for _, p := range r.processes() {
			if p.running() && is(p) {
				return r, p
			}
		}
	}
	return nil, nil
}

// client finds the process of a role that a client is.
func (k *keeper) client(c *client) (of, found *role) {
	return k.find(func(p *role) bool { return p.Name == c.as && p.pid == c.pid })
}

// renew begins a renewal; who asked is answered when it is over.
func (k *keeper) renew(from follower, name RoleName, program string) {
	i := slices.IndexFunc(k.roles, func(r *role) bool { return r.Name == name })
	if i < 0 {
		from.send(failed(fmt.Errorf("renew %s: no such role: %w", name, ErrRenewing)), nil)
		return
	}
	r := k.roles[i]
	run, err := k.mayRenew(r, program)
	if err != nil {
		from.send(failed(fmt.Errorf("renew %s: %w", name, err)), nil)
		return
	}
	now := time.Now()
	r.asked, r.last, r.within = &from, r.Run, now.Add(serveWithin)
	if name == Agent {
		r.Run = run
		r.killAt = now.Add(roleGrace)
		k.stop(r.leader, syscall.SIGTERM)
		return
	}
	next := &role{Role: Role{Name: r.Name, Run: run, Log: r.Log}}
	if next.leader, err = k.launchRole(next); err != nil {
		k.renewed(r, err)
		return
	}
	next.began = now
	r.next, k.unsaved = next, true
	k.log("renew %s: pid %d is to take over from %d", name, next.pid, r.pid)
}

// mayRenew says with what command a role would be started, or why it cannot be
// renewed now.
func (k *keeper) mayRenew(r *role, program string) (run []string, err error) {
	switch {
	case len(r.Run) == 0 || !r.running():
		return nil, fmt.Errorf("it does not run: %w", ErrRenewing)
	case r.asked != nil:
		return nil, fmt.Errorf("it is being renewed: %w", ErrRenewing)
	case len(r.leaving) >= maxLeaving:
		return nil, fmt.Errorf("%d before it still finish what they have, each for %s at most: %w", len(r.leaving), LeaveWithin, ErrRenewing)
	}
	run = slices.Clone(r.Run)
	if program != "" {
		run[0] = program
	}
	return run, trusted(run[0])
}

// trusted refuses a program that others could exchange: it will hold all
// traffic. The path is looked up anew, so that a program that was replaced is
// found; what this keeper itself runs may be deleted long since.
func trusted(program string) error {
	if !filepath.IsAbs(program) {
		return fmt.Errorf("program %q must be absolute", program)
	}
	if err := executable(program); err != nil {
		return err
	}
	info, err := os.Stat(program)
	if err != nil {
		return err
	}
	of, known := info.Sys().(*syscall.Stat_t)
	if known && of.Uid != 0 && int(of.Uid) != os.Geteuid() || info.Mode()&0o002 != 0 {
		return fmt.Errorf("%s can be changed by other users: %w", program, fs.ErrPermission)
	}
	return nil
}

// serving takes the word of a role's process that it serves. It is answered when
// the process is to leave.
func (k *keeper) serving(from follower) {
	r, p := k.client(from.client)
	switch {
	case p == nil:
		from.send(failed(fmt.Errorf("serving: pid %d has no role here: %w", from.client.pid, ErrRenewing)), nil)
	case slices.Contains(r.leaving, p):
		from.send(answer{}, nil)
	default:
		p.told = &from
		if p == r.next {
			k.succeed(r, time.Now())
		}
	}
}

// succeed gives a role to the successor, which serves, and lets the one that had
// it leave.
func (k *keeper) succeed(r *role, now time.Time) {
	next, before := r.next, &role{Role: r.Role, leader: r.leader, heard: r.heard, told: r.told}
	r.next = nil
	r.Run, r.leader, r.told, r.heard, r.doubted = next.Run, next.leader, next.told, next.heard, time.Time{}
	k.startedRole(r, next.began)
	r.hasty = 0
	if before.running() {
		k.log("%s is pid %d now; pid %d leaves", r.Name, r.pid, before.pid)
		r.leaving = append(r.leaving, before)
		k.tellToLeave(before, now)
	}
	k.renewed(r, nil)
}

// tellToLeave asks a process to finish what it has. One that cannot be told so
// is ended, which gives it less time.
func (k *keeper) tellToLeave(p *role, now time.Time) {
	p.killAt = now.Add(LeaveWithin + leaveSlack)
	if p.told == nil || p.told.client.dropped {
		k.stop(p.leader, syscall.SIGTERM)
		return
	}
	p.told.send(answer{}, nil)
}

// renewed ends a renewal, and says how it went.
func (k *keeper) renewed(r *role, err error) {
	k.unsaved = true
	from := r.asked
	r.asked, r.last, r.within = nil, nil, time.Time{}
	if err != nil {
		err = fmt.Errorf("renew %s: %w: %w", r.Name, err, ErrRenewing)
		k.log("%v", err)
	}
	if from != nil {
		from.send(failed(err), nil)
	}
}

// tendRenewal ends what does not come up in time, and those that do not leave.
func (k *keeper) tendRenewal(r *role, now time.Time) time.Time {
	wake := k.tendSuccessor(r, now)
	for _, p := range r.leaving {
		wake = earliest(wake, k.listenTo(p, now), k.killWhenDue(p.leader, &p.killAt, now))
	}
	return wake
}

func (k *keeper) tendSuccessor(r *role, now time.Time) time.Time {
	switch {
	case r.asked == nil:
		return time.Time{}
	case now.Before(r.within):
		if !r.killAt.IsZero() {
			return earliest(r.within, k.killWhenDue(r.leader, &r.killAt, now))
		}
		return r.within
	case r.next != nil:
		r.next.leader.signal(syscall.SIGKILL)
		r.leaving, r.next = append(r.leaving, r.next), nil
		r.leaving[len(r.leaving)-1].killAt = now.Add(time.Second)
		k.renewed(r, k.late(r))
	default:
		r.Run = r.last
		if r.running() {
			r.leader.signal(syscall.SIGKILL)
		}
		k.renewed(r, k.late(r))
	}
	return time.Time{}
}

func (k *keeper) late(r *role) error {
	return fmt.Errorf("the new one did not serve within %s (see %s)", serveWithin, r.Log)
}

// roleLeft takes note of the end of one of a role's processes.
func (k *keeper) roleLeft(r, p *role, status holdfast.ExitStatus) {
	switch p {
	case r:
		k.roleEnded(r, status)
	case r.next:
		r.next = nil
		k.renewed(r, fmt.Errorf("the new one ended: %s (see %s)", status, r.Log))
	default:
		k.log("%s (pid %d) has left: %s", r.Name, p.pid, status)
		r.leaving = slices.DeleteFunc(r.leaving, func(q *role) bool { return q == p })
	}
	k.unsaved = true
}

// adoptLeaving takes over a process that the last keeper let leave, or had not
// let take over yet.
func (k *keeper) adoptLeaving(watching context.Context, recorded roleRecord) {
	i := slices.IndexFunc(k.roles, func(r *role) bool { return r.Name == recorded.Name })
	l, err := hold(k.place.keep, string(recorded.Name), recorded.Pid, recorded.Ticks)
	if i < 0 || err != nil {
		return
	}
	p := &role{Role: k.roles[i].Role, leader: l}
	k.roles[i].leaving = append(k.roles[i].leaving, p)
	k.tellToLeave(p, time.Now())
	k.watchRole(watching, l)
}

// watchRole waits for the end of an adopted process of a role.
func (k *keeper) watchRole(watching context.Context, l leader) {
	k.watch(watching, l, func() {
		r, p := k.find(func(p *role) bool { return p.leader == l })
		if p == nil {
			return
		}
		if p == r && len(r.processes()) == 1 {
			k.remains.add(string(r.Name), func() {}) // it bears the mark of all of them
		}
		k.roleLeft(r, p, holdfast.ExitStatus{Unknown: true})
	})
}

// Serving says that the role which dialled serves. It returns nil when another
// one serves in its place: then it is to take nothing new, finish what it has
// within LeaveWithin, and end. Call it again after every Dial. Else it returns
// why it cannot be told any more; a keeper of an earlier version knows of no
// renewal, and says so at once.
func (c *Client) Serving(ctx context.Context) error {
	_, err := c.ask(ctx, request{Do: doServing}, nil)
	return err
}

// Renew has a role renewed from a program, or from the one it runs if that is
// empty, and returns when the new one serves. When it returns an error the one
// before serves on, and is who is started should it end.
func (c *Client) Renew(ctx context.Context, role RoleName, program string) error {
	_, err := c.ask(ctx, request{Do: doRenew, Role: role, Program: program}, nil)
	return err
}
