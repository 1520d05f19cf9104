package keeper

import (
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast"
)

func TestDelayDoublesToItsBound(t *testing.T) {
	want := []time.Duration{0, 100, 200, 400, 800, 1000, 1000}
	for i, ms := range want {
		if got := delay(i + 1); got != ms*time.Millisecond {
			t.Errorf("after hasty end %d the start waits %s, want %s", i+1, got, ms*time.Millisecond)
		}
	}
	if got := delay(1 << 40); got != lastDelay {
		t.Errorf("after very many it waits %s", got)
	}
}

func TestRolesAreJudgedBySilenceAndNotByOneLook(t *testing.T) {
	k := &keeper{options: Options{Log: &strings.Builder{}}}
	began := time.Now()
	at := func(d time.Duration) time.Time { return began.Add(d) }
	// Nobody has this pid: what would be killed shows in heard.
	r := &role{Role: Role{Name: "gateway"}, leader: leader{pid: 1 << 30}, heard: began}
	if wake := k.listenTo(r, at(2*time.Second)); wake != at(silentAfter) {
		t.Errorf("looks again at %s, want %s", wake.Sub(began), silentAfter)
	}
	// A keeper that was stopped for a minute finds the role silent, waits, and
	// finds the beats that were in the socket.
	k.listenTo(r, at(time.Minute))
	if r.heard.IsZero() {
		t.Fatal("killed at the first look")
	}
	r.heard = at(time.Minute)
	k.listenTo(r, at(time.Minute+doubtFor))
	if r.heard.IsZero() || !r.doubted.IsZero() {
		t.Fatal("killed or doubted although it was heard")
	}
	// One that stays silent is killed.
	k.listenTo(r, at(2*time.Minute))
	k.listenTo(r, at(2*time.Minute+doubtFor-1))
	if r.heard.IsZero() {
		t.Fatal("killed before the doubt was over")
	}
	k.listenTo(r, at(2*time.Minute+doubtFor))
	if !r.heard.IsZero() {
		t.Fatal("silent and still not killed")
	}
}

func TestAKilledRoleIsBackAndNothingElseNotices(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "agent")
	c := h.begin()
	p := start(t, c, h.spec("catalog-1", 1, "sleep 60"))
	told := follow(t, c)
	last := 0
	for n := range 5 {
		var now RoleState
		eventually(t, "the agent runs again", func() bool {
			now = roleState(t, c, Agent)
			return now.Pid != 0 && now.Pid != last
		})
		if now.Restarts != n {
			t.Errorf("start %d counts %d restarts", n+1, now.Restarts)
		}
		last = now.Pid
		if err := syscall.Kill(last, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
	told.find(t, "the process", func(q holdfast.Process) bool { return q.Pid == p.Pid && q.Exit == nil })
	if !alive(p.Pid) || len(told.told) != 1 {
		t.Errorf("the process lives: %v; told: %+v", alive(p.Pid), told.told)
	}
}

func TestAStoppedRoleIsReplaced(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "agent", "gateway")
	c := h.begin()
	var stopped RoleState
	eventually(t, "the agent beats", func() bool {
		stopped = roleState(t, c, Agent)
		return len(connected(t, h, Agent)) == 1
	})
	gateway := roleState(t, c, "gateway")
	began := time.Now()
	if err := syscall.Kill(stopped.Pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	eventually(t, "another agent", func() bool {
		now := roleState(t, c, Agent)
		return now.Pid != 0 && now.Pid != stopped.Pid
	})
	if took := time.Since(began); took < silentAfter-time.Second {
		t.Errorf("replaced after %s of silence, too soon", took)
	} else {
		t.Logf("replaced after %s", took.Round(10*time.Millisecond))
	}
	if now := roleState(t, c, "gateway"); now.Pid != gateway.Pid {
		t.Error("the gateway, which beats, was replaced too")
	}
}

func TestAStoppedKeeperBlamesNobody(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "agent", "gateway")
	c := h.begin()
	eventually(t, "both roles run", func() bool {
		return roleState(t, c, Agent).Pid != 0 && len(connected(t, h, Agent)) == 1
	})
	before := roleState(t, c, Agent)
	if err := h.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	<-time.After(silentAfter + time.Second) // the event is that nothing comes
	if err := h.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	<-time.After(2 * doubtFor)
	if now := roleState(t, c, Agent); now.Pid != before.Pid {
		t.Errorf("the agent was replaced because its keeper was stopped")
	}
}

func TestARoleThatCannotStartIsTriedWithBackOff(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.orders.Roles = []Role{{Name: "gateway", Run: []string{"/nowhere/gateway"}, Log: "/nowhere/gateway.log"}}
	c := h.begin()
	eventually(t, "three attempts in the log", func() bool {
		log, _ := os.ReadFile(h.path("keeper.log"))
		return strings.Count(string(log), "start gateway: command") >= 3
	})
	if state := roleState(t, c, "gateway"); state.Pid != 0 || state.Restarts != 0 {
		t.Errorf("a role that never started: %+v", state)
	}
	start(t, c, h.spec("catalog-1", 1, "sleep 60"))
}

// connected are the pids of a role that have a socket open, which is the
// keeper's.
func connected(t *testing.T, h *house, name RoleName) []int {
	t.Helper()
	var pids []int
	for pid, as := range h.marked() {
		if as != string(name) {
			continue
		}
		fds, _ := os.ReadDir("/proc/" + strconv.Itoa(pid) + "/fd")
		for _, fd := range fds {
			if to, _ := os.Readlink("/proc/" + strconv.Itoa(pid) + "/fd/" + fd.Name()); strings.HasPrefix(to, "socket:") {
				pids = append(pids, pid)
				break
			}
		}
	}
	return pids
}
