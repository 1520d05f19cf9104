package keeper

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"holdfast/internal/proc"
)

// A leader is the first process of a group we started. Until it is reaped, its
// pid is the group's and nobody else's; of one that an earlier keeper started
// and somebody else reaps, pid and ticks together say whether it is still it.
type leader struct {
	pid     int
	ticks   uint64
	adopted *proc.Handle // nil for our own child
}

// signal reaches the whole group, or the leader alone when it has moved to
// another.
func (l leader) signal(s syscall.Signal) error {
	if l.adopted != nil && !proc.Alive(l.pid, l.ticks) {
		return proc.ErrGone
	}
	err := syscall.Kill(-l.pid, s)
	if isGone(err) {
		err = syscall.Kill(l.pid, s)
	}
	if err != nil {
		return fmt.Errorf("send %s: %w", nameSignal(s), err)
	}
	return nil
}

// hold takes hold of a process that an earlier keeper recorded under a mark's
// name, or tells that it is gone. A program may overwrite the place where its
// mark stood, so a missing one is believed; another one is a stranger's.
func hold(keep, name string, pid int, ticks uint64) (leader, error) {
	handle, err := proc.Open(pid, ticks)
	if err != nil {
		return leader{}, err
	}
	if of, as, ok := proc.MarkOf(pid); ok && (of != keep || as != name) {
		handle.Close()
		return leader{}, proc.ErrGone
	}
	return leader{pid: pid, ticks: ticks, adopted: handle}, nil
}

// watch has the loop call ended when an adopted leader has ended. Its child
// status went to whoever reaped it; we only learn that it is over.
func (k *keeper) watch(watching context.Context, l leader, ended func()) {
	k.work.Go(func() {
		defer l.adopted.Close()
		if l.adopted.Wait(watching) == nil {
			k.post(ended)
		}
	})
}

// A launch is what it takes to start a group.
type launch struct {
	mark string // HOLDFAST_PROCESS=<keep>/<name>
	run  []string
	env  []string
	dir  string
	log  *os.File // takes stdout and stderr; closed by start

	enter  []string // see Options
	bounds bounds
}

// start begins a process in a group of its own, with nothing of ours but an
// empty stdin and the log. The log is the file itself, never a pipe: it must
// not break when we die. For the same reason there is no Pdeathsig.
func (l launch) start() (leader, error) {
	defer l.log.Close()
	path, err := command(l.run[0], l.dir, l.env)
	if err != nil {
		return leader{}, err
	}
	env := unmarked(l.env)
	if l.bounds.any() {
		env = carried(env)
	}
	path, run, err := l.bounds.within(l.enter, path, l.run)
	if err != nil {
		return leader{}, err
	}
	nothing, err := os.Open(os.DevNull)
	if err != nil {
		return leader{}, err
	}
	defer nothing.Close()
	pid, err := syscall.ForkExec(path, run, &syscall.ProcAttr{
		Dir:   l.dir,
		Env:   append(env, l.mark),
		Files: []uintptr{nothing.Fd(), l.log.Fd(), l.log.Fd()},
		Sys:   &syscall.SysProcAttr{Setpgid: true},
	})
	if err != nil {
		return leader{}, fmt.Errorf("run %s: %w", path, err)
	}
	// It may have ended already, but it is not reaped before the loop's next
	// turn: its start time can still be read.
	ticks, err := proc.Ticks(pid)
	if err != nil {
		return leader{pid: pid}, nil
	}
	return leader{pid: pid, ticks: ticks}, nil
}

// inheritNothing keeps from our children what our own parent left open in us.
// What Go opened is closed at exec as it is.
func inheritNothing() {
	open, err := os.ReadDir("/dev/fd")
	if err != nil {
		return
	}
	for _, entry := range open {
		if fd, err := strconv.Atoi(entry.Name()); err == nil && fd > 2 {
			syscall.CloseOnExec(fd)
		}
	}
}

// appendTo opens a log, readable by its owner only: programs print secrets.
func appendTo(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
}

func markAs(keep, name string) string { return proc.Mark + "=" + keep + "/" + name }

// unmarked is an environment without the mark of whoever started us.
func unmarked(env []string) []string {
	var kept []string
	for _, pair := range env {
		if !strings.HasPrefix(pair, proc.Mark+"=") {
			kept = append(kept, pair)
		}
	}
	return kept
}

// command finds the file to run as a shell in dir would, by the PATH of the
// process to be and not by our own.
func command(name, dir string, env []string) (string, error) {
	if info, err := os.Stat(dir); err != nil {
		return "", fmt.Errorf("working directory: %w", err)
	} else if !info.IsDir() {
		return "", fmt.Errorf("working directory: %s is not a directory", dir)
	}
	if strings.Contains(name, "/") {
		path := within(dir, name)
		return path, executable(path)
	}
	var search string
	for _, pair := range env {
		if value, ok := strings.CutPrefix(pair, "PATH="); ok {
			search = value
		}
	}
	for _, folder := range filepath.SplitList(search) {
		if path := filepath.Join(within(dir, folder), name); executable(path) == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("command %q was not found in PATH %s", name, cmp.Or(search, "(which is empty)"))
}

func within(dir, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}

func executable(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("command: %w", err)
	}
	if info.IsDir() || info.Mode()&0o111 == 0 {
		return fmt.Errorf("command: %s cannot be executed (mode %s)", path, info.Mode())
	}
	return nil
}
