package keeper

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast"
)

func TestARenewedRoleHandsOver(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "agent", "gateway")
	c := h.begin()
	if _, err := c.Listen(t.Context(), []holdfast.Listener{{Name: "catalog:80", Address: "127.0.0.1:0"}}); err != nil {
		t.Fatal(err)
	}
	for _, role := range []RoleName{"gateway", Agent} {
		eventually(t, "it serves", func() bool { return len(connected(t, h, role)) == 1 })
		before := roleState(t, c, role)
		eventually(t, "it is renewed", func() bool { return c.Renew(t.Context(), role, "") == nil })
		now := roleState(t, c, role)
		if now.Pid == 0 || now.Pid == before.Pid || now.Restarts != before.Restarts {
			t.Errorf("%s: %+v, before %+v", role, now, before)
		}
		eventually(t, "the one before has left", func() bool {
			return !alive(before.Pid) && roleState(t, c, role).Leaving == 0
		})
		if now := roleState(t, c, role); now.Pid == 0 || !alive(now.Pid) {
			t.Errorf("%s is gone, too: %+v", role, now)
		}
	}
}

func TestWhatIsNotRenewed(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "gateway")
	c := h.begin()
	var before RoleState
	eventually(t, "the gateway runs", func() bool {
		before = roleState(t, c, "gateway")
		return before.Pid != 0
	})
	dir := t.TempDir()
	program := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.WriteFile(path, []byte(text), mode), os.Chmod(path, mode)); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, no := range []struct {
		role    RoleName
		program string
		why     string
	}{
		{"baker", "", "no such role"},
		{"gateway", "gateway", "must be absolute"},
		{"gateway", filepath.Join(dir, "deleted"), "no such file"},
		{"gateway", program("closed", "", 0o600), "cannot be executed"},
		{"gateway", program("open", "", 0o777), "can be changed by other users"},
		{"gateway", program("broken", "#!/bin/sh\nexit 3\n", 0o700), "the new one ended: exit 3"},
	} {
		if err := c.Renew(t.Context(), no.role, no.program); err == nil || !strings.Contains(err.Error(), no.why) {
			t.Errorf("%s from %s: %v, want %q", no.role, no.program, err, no.why)
		}
	}
	if now := roleState(t, c, "gateway"); now.Pid != before.Pid || now.Leaving != 0 {
		t.Errorf("%+v, before %+v", now, before)
	}
	if err := trusted("/bin/sh"); err != nil {
		t.Errorf("a program of the system's: %v", err)
	}
	if err := trusted(dir); errors.Is(err, fs.ErrPermission) || err == nil {
		t.Errorf("a directory: %v", err)
	}
}

// A successor that lives and does not serve is ended when its time is over, and
// an agent that does not come up is started from what it was before.
func TestASuccessorHasItsTime(t *testing.T) {
	k := &keeper{options: Options{Log: &strings.Builder{}}}
	now := time.Now()
	nobody := leader{pid: 1 << 30}
	old := &role{Role: Role{Name: "gateway", Run: []string{"old"}}, leader: nobody, asked: k.nobody(), last: []string{"old"}, within: now.Add(serveWithin)}
	next := &role{Role: old.Role, leader: leader{pid: 1<<30 + 1}}
	old.next = next
	if wake := k.tendRenewal(old, now.Add(serveWithin-1)); wake != old.within || old.next != next {
		t.Errorf("it looks again at %s, and the successor is %v", wake.Sub(now), old.next)
	}
	k.tendRenewal(old, now.Add(serveWithin))
	if old.next != nil || old.asked != nil || old.pid != nobody.pid || len(old.leaving) != 1 {
		t.Errorf("after its time: %+v", old)
	}
	k.roleLeft(old, next, holdfast.ExitStatus{Signal: nameSignal(syscall.SIGKILL)})
	if len(old.leaving) != 0 || old.pid != nobody.pid {
		t.Errorf("after its end: %+v", old)
	}
	agent := &role{Role: Role{Name: Agent, Run: []string{"new"}}, asked: k.nobody(), last: []string{"old"}, within: now}
	if k.tendRenewal(agent, now); agent.Run[0] != "old" || agent.asked != nil {
		t.Errorf("the agent is started from %v", agent.Run)
	}
}

// nobody is somebody who asked and has gone since.
func (k *keeper) nobody() *follower { return &follower{k: k, client: &client{dropped: true}} }

// The keeper is killed while one gateway leaves: the next keeper knows which of
// them serves.
func TestAKeeperFindsOneThatLeaves(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "gateway")
	c := h.begin()
	listeners, err := c.Listen(t.Context(), []holdfast.Listener{{Name: "catalog:80", Address: "127.0.0.1:0"}})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "it serves", func() bool { return len(connected(t, h, "gateway")) == 1 })
	before := roleState(t, c, "gateway")
	if err := syscall.Kill(before.Pid, syscall.SIGSTOP); err != nil { // it will not leave by itself
		t.Fatal(err)
	}
	if err := c.Renew(t.Context(), "gateway", ""); err != nil {
		t.Fatal(err)
	}
	now := roleState(t, c, "gateway")
	h.kill()
	c = h.begin()
	again, err := c.Listen(t.Context(), []holdfast.Listener{{Name: "catalog:80", Address: "127.0.0.1:0"}})
	if err != nil || len(again) != 1 || again[0] != listeners[0] {
		t.Errorf("%v, %v; before %v", again, err, listeners)
	}
	if got := roleState(t, c, "gateway"); got.Pid != now.Pid {
		t.Errorf("the gateway is %+v, before %+v", got, now)
	}
	eventually(t, "the one that was stopped is ended", func() bool { return !alive(before.Pid) })
	if got := roleState(t, c, "gateway"); got.Pid != now.Pid || !alive(now.Pid) {
		t.Errorf("the gateway is %+v, before %+v", got, now)
	}
}
