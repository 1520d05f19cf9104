package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"holdfast/api"
	"holdfast/fault/proxy"
	"holdfast/internal/proc"
	"holdfast/keeper"
	"holdfast/warden"
)

// A stateDir is where one system's processes meet and remember: .holdfast
// beside the file unless --state says otherwise.
type stateDir string

func (s stateDir) path(name ...string) string {
	return filepath.Join(append([]string{string(s)}, name...)...)
}

func (s stateDir) apiSocket() string      { return s.path(api.SocketName) }
func (s stateDir) keeperSocket() string   { return s.path(keeper.SocketName) }
func (s stateDir) gatewaySocket() string  { return s.path("gateway.sock") }
func (s stateDir) proxySocket() string    { return s.path(proxy.SocketName) }
func (s stateDir) pauses() string         { return s.path("paused") }
func (s stateDir) ledgers() string        { return s.path(warden.Ledgers) }
func (s stateDir) journal() string        { return s.path("journal") }
func (s stateDir) log(name string) string { return s.path("log", name+".log") }

// prepare makes the directory usable or says why it is not.
func (s stateDir) prepare() error {
	if err := os.MkdirAll(string(s), 0o700); err != nil {
		return fmt.Errorf("the state directory cannot be made: %w\n  next: make its folder writable for this user, or name another with --state", err)
	}
	if err := s.owned(); err != nil {
		return err
	}
	if err := os.MkdirAll(s.path("log"), 0o700); err != nil {
		return fmt.Errorf("the state directory cannot be used: %w\n  next: name another with --state", err)
	}
	if err := s.close(); err != nil {
		return fmt.Errorf("the state directory cannot be used: %w\n  next: name another with --state", err)
	}
	probe, err := os.CreateTemp(string(s), "writable-*")
	if err != nil {
		return fmt.Errorf("the state directory cannot be written to: %w\n  next: make it writable for this user, or name another with --state", err)
	}
	probe.Close()
	return os.Remove(probe.Name())
}

// close shuts others out. Those who may pass through keep that: a replica under
// another user is on its way to its data, and everything else in here is closed
// by itself.
func (s stateDir) close() error {
	const passage = 0o711
	info, err := os.Stat(string(s))
	if err != nil || info.Mode().Perm()&^passage == 0 {
		return err
	}
	return os.Chmod(string(s), 0o700)
}

// above are the directories of Holdfast's that a private copy's lies in: that of
// the system it is a copy of, and the one for all copies.
func (s stateDir) above() []string {
	copies := filepath.Dir(string(s))
	return []string{filepath.Dir(copies), copies}
}

// owned refuses a directory, or a link to one, that another user made: whoever
// owns it may put links in it to files of ours, which we would then overwrite,
// sockets that we would then obey, and commands to mend with that we would then
// run. One that is not there is nobody's.
func (s stateDir) owned() error {
	for _, look := range []func(string) (fs.FileInfo, error){os.Lstat, os.Stat} {
		info, err := look(string(s))
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("the state directory cannot be used: %w\n  next: name another with --state", err)
		}
		if of, ok := info.Sys().(*syscall.Stat_t); ok && int(of.Uid) != os.Geteuid() {
			return fmt.Errorf("the state directory %s belongs to another user (uid %d)\n  next: run holdfast as that user, or name another with --state", s, of.Uid)
		}
	}
	return nil
}

// stateFlag adds --state. Its default is .holdfast beside the file, or in the
// working directory for commands that take none.
func stateFlag(c *cobra.Command) *string {
	return c.Flags().String("state", "", "state directory (default: .holdfast beside the file)")
}

// stateOf is the state directory that a flag means, as an absolute path.
func stateOf(flag, beside string) (stateDir, error) {
	if flag == "" {
		flag = filepath.Join(beside, ".holdfast")
	}
	path, err := filepath.Abs(flag)
	return stateDir(path), err
}

// call runs a command that needs a running system, and says what to do when
// there is none.
func call(ctx context.Context, flag string, do func(context.Context, *api.Client) error) error {
	state, err := stateOf(flag, ".")
	if err != nil {
		return exit(exitCouldNot, err)
	}
	client := api.NewClient(state.apiSocket())
	defer client.Close()
	err = do(ctx, client)
	var problem *api.Problem
	var ended *exitError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &problem):
		return refused(problem)
	case errors.As(err, &ended):
		return err
	default:
		return failed(ctx, state.unreachable(err))
	}
}

// refused ends the program as a refusal of the agent asks for: with bad usage
// when what was asked for does not exist or the file cannot be used.
func refused(problem *api.Problem) error {
	switch problem.Code {
	case api.Unknown, api.Misused, api.BadFile:
		return exit(exitUsage, problem)
	default:
		return exit(exitCouldNot, problem)
	}
}

// dialKeeper connects to the keeper as a command does, which has no epoch.
func (s stateDir) dialKeeper(ctx context.Context) (*keeper.Client, error) {
	return keeper.Dial(ctx, s.keeperSocket(), "command", 0)
}

// unreachable explains why the agent does not answer.
func (s stateDir) unreachable(err error) error {
	if _, statErr := os.Stat(s.path(proc.KeepFile)); statErr != nil {
		return fmt.Errorf("nothing runs here: there is no system in %s\n  next: holdfast up, in the folder of holdfast.yaml (or name the state directory with --state)", s)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	client, dialErr := s.dialKeeper(ctx)
	if dialErr != nil {
		return s.unkept()
	}
	client.Close()
	return fmt.Errorf("the agent does not answer: %w\n  next: the keeper starts it again; see %s", err, s.log("agent"))
}

// unkept explains a state directory without a keeper: its system was stopped, or
// lost its keeper and serves on.
func (s stateDir) unkept() error {
	keep, _ := os.ReadFile(s.path(proc.KeepFile))
	left, _ := proc.Marked(strings.TrimSpace(string(keep)), "")
	if len(left) > 0 {
		return fmt.Errorf("the keeper in %s is gone, and %d of its processes run on\n  next: holdfast up adopts them, holdfast down ends them", s, len(left))
	}
	return fmt.Errorf("nothing runs in %s any more\n  next: holdfast up starts it; holdfast events and holdfast logs show what it left", s)
}
