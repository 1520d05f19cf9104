//go:build linux

package fault_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"holdfast"
	"holdfast/fault"
	"holdfast/fault/faulttest"
	"holdfast/internal/proc"
)

// group is a shell and its children, which lead a process group of their own.
func group(t *testing.T, text string, processes int) holdfast.Victim {
	t.Helper()
	cmd := exec.Command("sh", "-c", text)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	pid := cmd.Process.Pid
	t.Cleanup(func() {
		syscall.Kill(-pid, syscall.SIGKILL)
		cmd.Wait()
	})
	ticks, err := proc.Ticks(pid)
	if err != nil {
		t.Fatal(err)
	}
	faulttest.Eventually(t, "all its processes run", func() bool { return len(states(t, pid)) == processes })
	return holdfast.Victim{ID: holdfast.ReplicaID{Service: "victim", Ordinal: 1, Incarnation: 1}, Pid: pid, Ticks: ticks}
}

func cgroups(t *testing.T, pid int) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "cgroup"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestStarveMovesAllOfAServiceAndAllOfItBack: also what it began meanwhile.
func TestStarveMovesAllOfAServiceAndAllOfItBack(t *testing.T) {
	possible(t, "starve")
	victim := group(t, "trap 'sleep 300 & wait' USR1; sleep 300 & while :; do wait; done", 2)
	was := cgroups(t, victim.Pid)
	t.Cleanup(func() { (fault.Starve{}).Undo(context.Background(), victim) })
	if err := (fault.Starve{}).Inject(t.Context(), victim); err != nil {
		t.Fatal(err)
	}
	syscall.Kill(victim.Pid, syscall.SIGUSR1)
	faulttest.Eventually(t, "it has begun another", func() bool { return len(states(t, victim.Pid)) == 3 })
	for pid := range states(t, victim.Pid) {
		if is := cgroups(t, pid); is == was || !strings.Contains(is, "holdfast-starve-") {
			t.Errorf("process %d is in %s", pid, is)
		}
	}
	if err := (fault.Starve{}).Undo(t.Context(), victim); err != nil {
		t.Fatal(err)
	}
	for pid := range states(t, victim.Pid) {
		if is := cgroups(t, pid); is != was {
			t.Errorf("process %d is in %s", pid, is)
		}
	}
	if left := fault.Left("starve", victim); len(left) > 0 {
		t.Errorf("left %q", left)
	}
}

// TestOOMHasTheMainProcessKilled: and not its children, whose scores nobody changed.
func TestOOMHasTheMainProcessKilled(t *testing.T) {
	possible(t, "oom")
	victim := group(t, "sleep 300 & sleep 300; true", 3)
	children := states(t, victim.Pid)
	delete(children, victim.Pid)
	if err := (fault.OOM{}).Inject(t.Context(), victim); err != nil {
		t.Fatal(err)
	}
	faulttest.Eventually(t, "it is dead", func() bool { return !proc.Alive(victim.Pid, victim.Ticks) })
	for pid := range children {
		ticks, err := proc.Ticks(pid)
		if err != nil || !proc.Alive(pid, ticks) {
			t.Errorf("its child %d was killed, too (%v)", pid, err)
		}
		if score := scoreOf(t, pid); score != "0" {
			t.Errorf("its child %d has the score %s", pid, score)
		}
	}
	if err := (fault.OOM{}).Undo(t.Context(), victim); err != nil {
		t.Fatal(err)
	}
	for pid := range children {
		if strings.Contains(cgroups(t, pid), "holdfast-oom-") {
			t.Errorf("its child %d is still in %s", pid, cgroups(t, pid))
		}
	}
}

func scoreOf(t *testing.T, pid int) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "oom_score_adj"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}

// TestAnOOMThatWasNotMadePutsTheScoreBack: as when its injector is killed between
// making the victim the kernel's choice and having it choose.
func TestAnOOMThatWasNotMadePutsTheScoreBack(t *testing.T) {
	possible(t, "oom")
	victim := faulttest.Victim(t)
	setScore := func(score string) {
		if err := os.WriteFile(filepath.Join("/proc", strconv.Itoa(victim.Pid), "oom_score_adj"), []byte(score), 0); err != nil {
			t.Fatal(err)
		}
	}
	setScore("300")
	half := fault.Half(t, victim)
	if !strings.Contains(half, "+300") || scoreOf(t, victim.Pid) != "1000" {
		t.Fatalf("%s, score %s: nothing would be shown", half, scoreOf(t, victim.Pid))
	}
	if err := (fault.OOM{}).Undo(t.Context(), victim); err != nil {
		t.Fatal(err)
	}
	if score := scoreOf(t, victim.Pid); score != "300" || len(fault.Left("oom", victim)) > 0 {
		t.Errorf("score %s, left %q", score, fault.Left("oom", victim))
	}
}

func TestFaultsOfTheDiskNeedOne(t *testing.T) {
	empty, used := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(used, "orders"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	victim := faulttest.Victim(t)
	for _, f := range []holdfast.Fault{fault.DiskFull(), fault.DiskSlow()} {
		for data, fits := range map[string]bool{"": false, empty: false, used: true, used + "/none": false} {
			victim.Data = data
			if why := fault.Unfit(f, victim); (why == "") != fits {
				t.Errorf("%s of %q: %q", f.Name(), data, why)
			}
		}
		victim.Data = ""
		if err := f.Inject(t.Context(), victim); err == nil {
			t.Errorf("%s struck a victim that keeps nothing", f.Name())
		}
	}
	if why := fault.Unfit(fault.Hold(), victim); why != "" {
		t.Error(why)
	}
}

// TestWhatAnOrdinaryUserCannotDoIsSaid: before anything is broken.
func TestWhatAnOrdinaryUserCannotDoIsSaid(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to become somebody else")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	binary, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "unprivileged") // a test's own directory lets nobody else in
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	program := filepath.Join(dir, "fault.test")
	if err := errors.Join(os.Chmod(dir, 0o755), os.WriteFile(program, binary, 0o755)); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, unprivileged, "hold", "exit", "oom", "starve", "kill")
	cmd.Dir, cmd.Env = "/", []string{"PATH=" + os.Getenv("PATH")}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	said, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	text := string(said)
	for _, name := range []string{"oom", "starve"} {
		if !strings.Contains(text, name+": it needs a control group") || !strings.Contains(text, "run holdfast as root") {
			t.Errorf("of %s it is said:\n%s", name, text)
		}
	}
	// Without Yama a process may trace another of its own user.
	if _, err := os.Stat("/proc/sys/kernel/yama/ptrace_scope"); err != nil && !strings.Contains(text, "hold:  / \n") {
		t.Errorf("of hold it is said:\n%s", text)
	}
	if !strings.Contains(text, "kill:  / \n") {
		t.Errorf("of kill it is said:\n%s", text)
	}
}
