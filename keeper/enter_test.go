//go:build linux

package keeper

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"holdfast"
	"holdfast/internal/cgroup"
	"holdfast/internal/proc"
)

// group makes a control group for a test, or skips it.
func group(t *testing.T, name string, limits cgroup.Limits, needs ...cgroup.Controller) []string {
	t.Helper()
	tree := cgroup.Find("/")
	for _, c := range needs {
		if _, why := tree.Can(c); why != "" {
			t.Skip(why)
		}
	}
	// A family for each group, as each keeper has its own: one that ends removes
	// all of its family, and what another has made and not yet entered.
	family := fmt.Sprintf("%stest-%s", cgroup.Family, name)
	dirs, lacks := tree.Make(family, name, limits)
	if len(lacks) > 0 {
		t.Fatal(lacks)
	}
	t.Cleanup(func() {
		endGroup(dirs)
		eventually(t, "the group is removed", func() bool { return cgroup.Remove(dirs) })
		for _, dir := range dirs {
			cgroup.RemoveFamily(filepath.Dir(dir))
		}
	})
	return dirs
}

func isGroupGone(t *testing.T, dirs []string) {
	t.Helper()
	for _, dir := range dirs {
		if _, err := os.Stat(dir); !os.IsNotExist(err) {
			t.Errorf("%s is still there: %v", dir, err)
		}
	}
}

func logOf(t *testing.T, spec holdfast.ProcessSpec) string {
	t.Helper()
	text, err := os.ReadFile(spec.Log)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestOpenFilesAreBoundedBeforeTheFirstInstruction(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	c := h.begin()
	told := follow(t, c)
	spec := h.spec("files-1", 1, "ulimit -Sn; ulimit -Hn; ulimit -n 100 2>&1 || echo kept")
	spec.Files = 64
	p := start(t, c, spec)
	told.find(t, "gone", gone(p.ID))
	if log := logOf(t, spec); !strings.HasPrefix(log, "64\n64\n") || !strings.HasSuffix(log, "kept\n") {
		t.Errorf("the process says %q", log)
	}
}

func TestAProcessRunsAsItsUser(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root may start a process as another user")
	}
	h := newHouse(t)
	c := h.begin()
	told := follow(t, c)
	spec := h.spec("user-1", 1, "id -u; id -g; id -G; grep NoNewPrivs /proc/self/status >/dev/null && cat /etc/shadow 2>&1 || true")
	spec.User = &holdfast.ProcessUser{Name: "nobody", UID: 65534, GID: 65534, Groups: []int{65534}}
	p := start(t, c, spec)
	told.find(t, "gone", gone(p.ID))
	if log := logOf(t, spec); !strings.HasPrefix(log, "65534\n65534\n65534\n") || !strings.Contains(log, "ermission denied") {
		t.Errorf("the process says %q", log)
	}
}

// What a file lets a program see is not for who binds it, which may be root: of
// its own Go runtime it would trace the start.
func TestNothingOfAProgramsEnvironmentReachesWhoBindsIt(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	c := h.begin()
	told := follow(t, c)
	spec := h.spec("environ-1", 1, `echo "$GODEBUG:$HOLDFAST_PROCESS"; env | grep -c CARRIED`)
	spec.Env = append(spec.Env, "GODEBUG=inittrace=1")
	spec.Files = 64
	p := start(t, c, spec)
	told.find(t, "gone", gone(p.ID))
	if log := logOf(t, spec); log != "inittrace=1:"+h.keep()+"/environ-1#1\n0\n" {
		t.Errorf("the log says %q", log)
	}
}

// A replica sees its own mark, and may start what bears another name: that of a
// role, as often as it is ended. The role is started all the same.
func TestAReplicaCannotKeepARoleFromStarting(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root may start a process as another user")
	}
	h := newHouse(t, "agent")
	c := h.begin()
	spec := h.spec("impostor-1", 1, `export HOLDFAST_PROCESS=${HOLDFAST_PROCESS%/*}/agent; while :; do sleep 600; done`)
	spec.User = &holdfast.ProcessUser{Name: "nobody", UID: 65534, GID: 65534}
	p := start(t, c, spec)
	eventually(t, "it bears the agent's name", func() bool {
		marked, err := proc.Marked(h.keep(), string(Agent))
		uids := map[int]bool{}
		for pid := range marked {
			uid, _ := proc.User(pid)
			uids[uid] = true
		}
		return err == nil && uids[65534]
	})
	before := roleState(t, c, Agent).Pid
	h.kill()
	c = h.begin()
	eventually(t, "the agent runs", func() bool {
		now := roleState(t, c, Agent).Pid
		return now != 0 && now != before
	})
	if !alive(p.Pid) {
		t.Error("the replica was not adopted")
	}
}

// A folder on the way is what keeps most users out, and is named.
func TestWhoMayNotRunTheProgramIsToldWhy(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root may start a process as another user")
	}
	h := newHouse(t)
	closed := filepath.Join(h.orders.State, "closed")
	program := filepath.Join(closed, "program")
	if err := os.Mkdir(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(program, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(h.orders.State, 0o711); err != nil {
		t.Fatal(err)
	}
	c := h.begin()
	told := follow(t, c)
	spec := h.spec("barred-1", 1, "")
	spec.Run = []string{program}
	spec.User = &holdfast.ProcessUser{Name: "nobody", UID: 65534, GID: 65534}
	p := start(t, c, spec)
	if got := told.find(t, "the exit", exited(p.ID)); got.Exit.Code != ExitNotEntered {
		t.Errorf("ended with %s", got.Exit)
	}
	if log := logOf(t, spec); !strings.Contains(log, "as nobody") || !strings.Contains(log, "the folder "+closed+" lets this user not pass (drwx------)") {
		t.Errorf("the log says %q", log)
	}
}

// What left session, group and mark is ended with its replica all the same, and
// the next keeper does it too.
func TestNothingEscapesItsControlGroup(t *testing.T) {
	t.Parallel()
	for _, adopted := range []bool{false, true} {
		t.Run(fmt.Sprint("adopted ", adopted), func(t *testing.T) {
			h := newHouse(t)
			c := h.begin()
			dirs := group(t, filepath.Base(h.orders.State), cgroup.Limits{Processes: 100}, cgroup.Processes)
			spec := h.spec("escape-1", 1, "setsid env -i sleep 600 & echo $! >"+h.path("escaped")+"; wait")
			spec.Groups = dirs
			p := start(t, c, spec)
			var escaped int
			eventually(t, "something escapes", func() bool {
				text, _ := os.ReadFile(h.path("escaped"))
				_, err := fmt.Sscan(string(text), &escaped)
				return err == nil && alive(escaped)
			})
			if adopted {
				h.kill()
				c = h.begin()
			}
			told := follow(t, c)
			if err := c.Signal(t.Context(), p.ID, "SIGKILL"); err != nil {
				t.Fatal(err)
			}
			told.find(t, "gone", gone(p.ID))
			if alive(escaped) {
				t.Errorf("%d lives on", escaped)
				syscall.Kill(escaped, syscall.SIGKILL)
			}
			isGroupGone(t, dirs)
		})
	}
}

// A fork bomb finds its bound, leaves the machine alone, and is ended whole.
func TestAForkBombIsBoundedAndEnded(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	c := h.begin()
	told := follow(t, c)
	dirs := group(t, filepath.Base(h.orders.State), cgroup.Limits{Processes: 40}, cgroup.Processes)
	spec := h.spec("bomb-1", 1, `bomb() { bomb | bomb & }; trap "" TERM; while :; do bomb; done`)
	spec.Groups = dirs
	p := start(t, c, spec)
	eventually(t, "it has hit its bound", func() bool {
		text, _ := os.ReadFile(filepath.Join(dirs[len(dirs)-1], "pids.events"))
		return strings.HasPrefix(string(text), "max ") && !strings.HasPrefix(string(text), "max 0")
	})
	if n := len(cgroup.Members(dirs)); n > 40 {
		t.Errorf("%d processes in a group of 40", n)
	}
	if err := c.Signal(t.Context(), p.ID, "SIGKILL"); err != nil && alive(p.Pid) {
		t.Fatal(err)
	}
	told.find(t, "gone", gone(p.ID))
	isGroupGone(t, dirs)
}

func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	c := h.begin()
	told := follow(t, c)
	spec := h.spec("glutton-1", 1, `x=x; while :; do x=$x$x; done`)
	spec.Groups = group(t, filepath.Base(h.orders.State), cgroup.Limits{Memory: 32 << 20}, cgroup.Memory)
	p := start(t, c, spec)
	if got := told.find(t, "the exit", exited(p.ID)); got.Exit.String() != "SIGKILL at its memory limit" {
		t.Errorf("ended with %s: %s", got.Exit, logOf(t, spec))
	}
	told.find(t, "gone", gone(p.ID))
	isGroupGone(t, spec.Groups)
}

// Somebody's SIGKILL is not the kernel's, with a limit or without.
func TestAKillWithinTheLimitIsNotCalledMemory(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	c := h.begin()
	told := follow(t, c)
	spec := h.spec("modest-1", 1, `sleep 600`)
	spec.Groups = group(t, filepath.Base(h.orders.State), cgroup.Limits{Memory: 32 << 20}, cgroup.Memory)
	p := start(t, c, spec)
	if err := syscall.Kill(p.Pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if got := told.find(t, "the exit", exited(p.ID)); got.Exit.String() != "SIGKILL" {
		t.Errorf("ended with %s", got.Exit)
	}
	told.find(t, "gone", gone(p.ID))
}

func TestAGroupThatIsNotOursIsRefused(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	c := h.begin()
	for _, dir := range []string{"/sys/fs/cgroup/memory", "/sys/fs/cgroup/holdfast-x/../y", "holdfast-x/y", "/"} {
		spec := h.spec("greedy-1", 1, "exit 0")
		spec.Groups = []string{dir}
		if _, err := c.Start(t.Context(), spec); err == nil || !strings.Contains(err.Error(), "not all ours") {
			t.Errorf("%s: %v", dir, err)
		}
	}
}

// At its end a keeper leaves no group behind, not even one that was made for a
// start it refused.
func TestTheEndLeavesNoControlGroups(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	c := h.begin()
	tree := cgroup.Find("/")
	if _, why := tree.Can(cgroup.Processes); why != "" {
		t.Skip(why)
	}
	family := fmt.Sprintf("%send-%d", cgroup.Family, os.Getpid())
	spec := h.spec("last-1", 1, "sleep 600")
	spec.Groups, _ = tree.Make(family, "last-1", cgroup.Limits{Processes: 20})
	tree.Make(family, "refused-1", cgroup.Limits{Processes: 20})
	start(t, c, spec)
	if err := c.Hurry(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, dir := range spec.Groups {
		if _, err := os.Stat(filepath.Dir(dir)); !os.IsNotExist(err) {
			t.Errorf("%s is still there: %v", filepath.Dir(dir), err)
			cgroup.RemoveFamily(filepath.Dir(dir))
		}
	}
}
