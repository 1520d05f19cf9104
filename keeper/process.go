package keeper

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"holdfast"
	"holdfast/internal/cgroup"
	"holdfast/internal/proc"
)

// A process is a replica's, from its start until it is forgotten:
//
//	running ──exit──▶ ended ──nothing of it left──▶ gone ──Forget, or the next incarnation──▶ (dropped)
type process struct {
	leader
	state      holdfast.Process
	stopSignal syscall.Signal
	stopGrace  time.Duration
	groups     []string  // directories of its control groups
	struck     bool      // we were asked for its SIGKILL
	killAt     time.Time // while everything is being ended
}

func (p *process) running() bool { return p.state.Exit == nil }

// start starts what a spec says, once per incarnation.
func (k *keeper) start(spec holdfast.ProcessSpec) (holdfast.Process, error) {
	stop, err := valid(spec)
	if err != nil {
		return holdfast.Process{}, err
	}
	if last := k.processes[spec.ID.Name()]; last != nil {
		switch {
		case last.state.ID.Incarnation == spec.ID.Incarnation:
			return last.state, nil
		case !last.state.Gone:
			return last.state, inTheWay(last.state)
		case last.state.ID.Incarnation > spec.ID.Incarnation:
			return last.state, holdfast.ErrPast
		}
	}
	log, err := appendTo(spec.Log)
	if err != nil {
		return holdfast.Process{}, err
	}
	l, err := launch{
		mark: markAs(k.place.keep, spec.ID.String()), run: spec.Run, env: spec.Env, dir: spec.Dir, log: log,
		enter: k.options.Enter, bounds: boundsOf(spec),
	}.start()
	if err != nil {
		return holdfast.Process{}, err
	}
	p := &process{
		leader:     l,
		state:      holdfast.Process{ID: spec.ID, Pid: l.pid, Ticks: l.ticks, Began: int64(proc.Now())},
		stopSignal: stop,
		stopGrace:  spec.StopGrace,
		groups:     spec.Groups,
	}
	k.processes[spec.ID.Name()] = p
	k.children[l.pid] = p
	k.knowFamilies(p.groups)
	k.note(p)
	// Before the answer: a keeper that finds a process nobody recorded takes it
	// for a stray, and the agent must not have been told of it.
	k.save()
	return p.state, nil
}

// inTheWay says which process is in the way.
func inTheWay(p holdfast.Process) error {
	return fmt.Errorf("%s, pid %d: %w", p.ID, p.Pid, holdfast.ErrRunning)
}

func valid(spec holdfast.ProcessSpec) (stop syscall.Signal, err error) {
	switch {
	case len(spec.Run) == 0 || spec.Run[0] == "":
		return 0, errors.New("nothing to run")
	case spec.ID.Service == "" || spec.ID.Ordinal < 1 || spec.ID.Incarnation < 1:
		return 0, fmt.Errorf("%s names no incarnation", spec.ID)
	case !filepath.IsAbs(spec.Dir) || !filepath.IsAbs(spec.Log):
		return 0, fmt.Errorf("directory %q and log %q must be absolute", spec.Dir, spec.Log)
	case slices.ContainsFunc(spec.Groups, func(dir string) bool { return !cgroup.IsOurs(dir) }):
		return 0, fmt.Errorf("control groups %q are not all ours to end", spec.Groups)
	case spec.StopSignal == "":
		return syscall.SIGTERM, nil
	}
	return parseSignal(spec.StopSignal)
}

// signal reaches the living process of an incarnation and its group. What
// SIGKILL does not reach that way, what left the group, is struck by its mark
// as soon as the leader has ended.
func (k *keeper) signal(id holdfast.ReplicaID, name string) error {
	number, err := parseSignal(name)
	if err != nil {
		return err
	}
	p := k.processes[id.Name()]
	if p == nil || p.state.ID != id || !p.running() {
		return holdfast.ErrNotRunning
	}
	if err := p.leader.signal(number); isGone(err) {
		return holdfast.ErrNotRunning
	} else if err != nil {
		return err
	}
	p.struck = p.struck || number == syscall.SIGKILL
	return nil
}

// forget drops the record of what is gone. What is not known is forgotten
// already.
func (k *keeper) forget(id holdfast.ReplicaID) error {
	p := k.processes[id.Name()]
	if p == nil || p.state.ID != id {
		return nil
	}
	if !p.state.Gone {
		return inTheWay(p.state)
	}
	delete(k.processes, id.Name())
	k.unsaved = true
	return nil
}

// ended takes note of an exit. What is left of the process is ended before it
// counts as gone.
func (k *keeper) ended(p *process, status holdfast.ExitStatus) {
	killed := status.Unknown || status.Signal == nameSignal(syscall.SIGKILL)
	status.Memory = status.Memory || killed && !p.struck && cgroup.OutOfMemory(p.groups)
	p.state.Exit, p.state.Ended = &status, int64(proc.Now())
	k.note(p)
	name := p.state.ID.String()
	k.remains.add(name, func() {
		p.state.Gone = true
		k.note(p)
	})
	k.remains.names[name].group = p.state.Pid
	k.remains.names[name].cgroups = p.groups
}

// note has a change told to followers and written down.
func (k *keeper) note(p *process) {
	k.changed = append(k.changed, p.state)
	k.unsaved = true
}

// adopt takes over what the last keeper recorded, and ends what carries our
// mark and was not recorded.
func (k *keeper) adopt(watching context.Context) {
	if k.place.copied {
		k.log("this state directory is a copy: what runs belongs to the other one")
	}
	last := k.place.lastTable(k.log)
	k.epoch = last.Epoch
	known := map[string]bool{}
	for _, guest := range k.options.Guests {
		known[guest] = true
	}
	for _, recorded := range last.Processes {
		known[recorded.ID.String()] = true
		k.adoptProcess(watching, recorded)
	}
	for _, recorded := range last.Roles {
		known[string(recorded.Name)] = true
		k.adoptRole(watching, recorded)
	}
	k.adoptSockets(time.Now())
	marked, err := proc.Marked(k.place.keep, "")
	if err != nil {
		k.log("look for strays: %v", err)
	}
	for pid, name := range marked {
		if !known[name] && !isSelf(pid) {
			k.log("end %s (pid %d): it carries our mark and nobody recorded it", name, pid)
			k.remains.add(name, func() {})
		}
	}
	k.unsaved = true
}

func (k *keeper) adoptProcess(watching context.Context, recorded processRecord) {
	p := &process{state: recorded.Process, stopSignal: syscall.SIGTERM, stopGrace: recorded.StopGrace, groups: recorded.Groups}
	if number, err := parseSignal(recorded.StopSignal); err == nil {
		p.stopSignal = number
	}
	k.processes[recorded.ID.Name()] = p
	k.knowFamilies(p.groups)
	if !p.running() {
		if !p.state.Gone {
			k.ended(p, *p.state.Exit)
		}
		return
	}
	unknown := holdfast.ExitStatus{Unknown: true}
	l, err := hold(k.place.keep, recorded.ID.String(), recorded.Pid, recorded.Ticks)
	if err != nil {
		k.ended(p, unknown)
		return
	}
	p.leader, p.state.Adopted = l, true
	k.watch(watching, l, func() { k.ended(p, unknown) })
	k.note(p)
}
