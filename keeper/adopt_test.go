package keeper

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"holdfast"
	"holdfast/internal/proc"
)

func TestTheNextKeeperAdopts(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	c := h.begin()
	told := follow(t, c)
	lives := start(t, c, h.spec("lives-1", 1, "setsid sh -c 'echo $$ > child; exec sleep 60' & wait"))
	dies := start(t, c, h.spec("dies-1", 3, "setsid sh -c 'echo $$ > orphan; exec sleep 60' & wait"))
	done := start(t, c, h.spec("done-1", 1, "exit 7"))
	told.find(t, "an exit before", gone(done.ID))
	child, orphan := pidIn(t, h.path("child")), pidIn(t, h.path("orphan"))
	h.kill()
	if !alive(lives.Pid) || !alive(child) {
		t.Fatal("the keeper's death ended what it kept")
	}
	syscall.Kill(dies.Pid, syscall.SIGKILL)

	c = h.begin()
	told = follow(t, c)
	adopted := told.find(t, "the living one", func(p holdfast.Process) bool { return p.ID == lives.ID })
	if !adopted.Adopted || adopted.Pid != lives.Pid || adopted.Ticks != lives.Ticks || adopted.Began != lives.Began || adopted.Exit != nil {
		t.Errorf("adopted %+v, was %+v", adopted, lives)
	}
	if p := told.find(t, "the one that died unseen", gone(dies.ID)); p.Exit == nil || !p.Exit.Unknown {
		t.Errorf("died unseen: %+v, want exit unknown", p)
	}
	if alive(orphan) {
		t.Error("gone, and its child lives")
	}
	if p := told.find(t, "the one that ended before", gone(done.ID)); p.Exit.Code != 7 {
		t.Errorf("ended before: %+v, want its exit 7", p)
	}

	// Starting what was adopted is what it was, and it obeys.
	if again := start(t, c, h.spec("lives-1", 1, "exit 1")); again.Pid != lives.Pid {
		t.Errorf("started a second %s", lives.ID)
	}
	if err := c.Signal(t.Context(), lives.ID, "SIGTERM"); err != nil {
		t.Fatal(err)
	}
	told.find(t, "its end", gone(lives.ID))
	if alive(child) {
		t.Error("the adopted one is gone, and its child lives")
	}
	start(t, c, h.spec("lives-1", 2, "sleep 60"))
}

func TestTheNextKeeperEndsWhatItAdoptedToo(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	c := h.begin()
	p := start(t, c, h.spec("catalog-1", 1, "trap 'echo bye; exit' TERM; echo $$ > ready; while :; do sleep 0.02; done"))
	pidIn(t, h.path("ready"))
	h.kill()
	c = h.begin()
	if err := c.End(t.Context()); err != nil {
		t.Fatal(err)
	}
	if alive(p.Pid) {
		t.Error("lives after the end")
	}
	if text, _ := os.ReadFile(h.path("catalog-1.log")); !strings.HasSuffix(string(text), "bye\n") {
		t.Errorf("it was not asked politely: %q", text)
	}
}

// What others start under our mark is no stray to a keeper that begins, where it
// was told the name, and is ended with the rest all the same.
func TestAGuestIsNoStray(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.begin()
	other := func(name string) int {
		cmd := exec.Command("sleep", "60")
		cmd.Env = append(proc.Baseline(os.Environ()), proc.Mark+"="+h.keep()+"/"+name)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { cmd.Process.Kill() })
		go cmd.Wait()
		return cmd.Process.Pid
	}
	guest, stray := other("load"), other("straw")
	h.kill()
	h.orders.Guests = []string{"load"}
	c := h.begin()
	eventually(t, "the stray is ended", func() bool { return !alive(stray) })
	if !alive(guest) {
		t.Fatal("the guest was taken for a stray")
	}
	if err := c.End(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the guest is ended with the rest", func() bool { return !alive(guest) })
}

func TestStrangersAreNotTouched(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	stranger := func(env ...string) (*exec.Cmd, uint64) {
		cmd := exec.Command("sleep", "60")
		cmd.Env = append(proc.Baseline(os.Environ()), env...)
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
		ticks, err := proc.Ticks(cmd.Process.Pid)
		if err != nil {
			t.Fatal(err)
		}
		return cmd, ticks
	}
	reused, reusedTicks := stranger()
	other, otherTicks := stranger(proc.Mark + "=another/catalog-2#1")
	stale := table{Boot: proc.BootID()}
	add := func(name string, pid int, ticks uint64) holdfast.ReplicaID {
		id := h.spec(name, 1, "").ID
		stale.Processes = append(stale.Processes, processRecord{Process: holdfast.Process{ID: id, Pid: pid, Ticks: ticks}, StopSignal: "SIGTERM"})
		return id
	}
	ids := []holdfast.ReplicaID{
		add("catalog-1", reused.Process.Pid, reusedTicks-1), // the pid was given to somebody else
		add("catalog-2", other.Process.Pid, otherTicks),     // another keep's
	}
	stale.Roles = []roleRecord{{Name: Agent, Pid: reused.Process.Pid, Ticks: reusedTicks - 1}}
	text, err := json.Marshal(stale)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(h.path("processes.json"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	c := h.begin()
	told := follow(t, c)
	for _, id := range ids {
		told.find(t, "its end", gone(id))
		wantRefusal(t, c.Signal(t.Context(), id, "SIGKILL"), holdfast.ErrNotRunning)
	}
	if err := c.End(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !alive(reused.Process.Pid) || !alive(other.Process.Pid) {
		t.Errorf("strangers live: %v, %v; want both", alive(reused.Process.Pid), alive(other.Process.Pid))
	}
}

func TestNothingIsAdoptedFromAnotherBoot(t *testing.T) {
	p := place{dir: t.TempDir()}
	text := `{"boot":"another","epoch":7,"processes":[{"id":{"service":"a","ordinal":1,"incarnation":2},"pid":1,"ticks":5}],"roles":[{"name":"agent","pid":1,"ticks":5}]}`
	if err := os.WriteFile(filepath.Join(p.dir, "processes.json"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	last := p.lastTable(t.Logf)
	if last.Epoch != 7 || len(last.Processes) != 1 || last.Processes[0].Ticks != 0 || len(last.Roles) != 0 {
		t.Errorf("read %+v, want the fence and a process without its start time", last)
	}
}

func TestStraysAreEnded(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	c := h.begin()
	p := start(t, c, h.spec("catalog-1", 1, "sleep 60"))
	h.kill()
	// As if the keeper had died between the start and the record of it.
	if err := os.Remove(h.path("processes.json")); err != nil {
		t.Fatal(err)
	}
	h.begin()
	eventually(t, "the stray's end", func() bool { return !alive(p.Pid) })
}

func TestABrokenTableIsNoReasonNotToServe(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for _, name := range []string{"processes.json", "listeners.json"} {
		if err := os.WriteFile(h.path(name), []byte("{"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	start(t, h.begin(), h.spec("catalog-1", 1, "sleep 60"))
}

func TestASecondKeeperIsRefused(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.begin()
	orders, err := json.Marshal(h.orders)
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(os.Args[0], "keeper", string(orders)).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "pid "+strconv.Itoa(h.cmd.Process.Pid)) || !strings.Contains(string(out), string(ErrHeld)) {
		t.Errorf("a second keeper: %v, said %q; want the first one's pid", err, out)
	}
	if _, err := h.dial("test", 0).Roles(t.Context()); err != nil {
		t.Errorf("the first one no longer answers: %v", err)
	}
}

// Somebody copied a project with its state directory and started it beside the
// first: the first's agent and gateway were killed, its replicas adopted, and a
// down of the copy ended them.
func TestACopyOfAStateDirectoryAdoptsNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "gateway")
	c := h.begin()
	lives := start(t, c, h.spec("lives-1", 1, "exec sleep 60"))
	gateway := roleState(t, c, "gateway").Pid
	if _, err := c.Listen(t.Context(), []holdfast.Listener{{Name: "web:80", Address: "127.0.0.1:0"}}); err != nil {
		t.Fatal(err)
	}

	copied := newHouse(t)
	copyFiles(t, copied.orders.State, h.orders.State)
	told := follow(t, copied.begin())
	if p := told.find(t, "its end, as far as the copy is concerned", gone(lives.ID)); p.Exit == nil || !p.Exit.Unknown || p.Adopted {
		t.Errorf("in the copy it is %+v", p)
	}
	if copied.keep() == h.keep() {
		t.Error("the copy's processes would bear the same mark")
	}
	copied.cmd.Process.Signal(syscall.SIGTERM)
	copied.awaitEnd()
	if !alive(lives.Pid) || !alive(gateway) {
		t.Error("the copy's end ended what the first keeper runs")
	}

	// The same directory under another name is no copy.
	h.kill()
	moved := h.orders.State + "-moved"
	if err := os.Rename(h.orders.State, moved); err != nil {
		t.Fatal(err)
	}
	h.orders.State, h.orders.Roles = moved, nil
	told = follow(t, h.begin())
	if p := told.find(t, "the living one", func(p holdfast.Process) bool { return p.ID == lives.ID }); !p.Adopted || p.Exit != nil {
		t.Errorf("after the move it is %+v", p)
	}
}

// copyFiles copies the files of a directory, but no sockets.
func copyFiles(t *testing.T, to, from string) {
	t.Helper()
	entries, err := os.ReadDir(from)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if !entry.Type().IsRegular() {
			continue
		}
		text, err := os.ReadFile(filepath.Join(from, entry.Name()))
		if err == nil {
			err = os.WriteFile(filepath.Join(to, entry.Name()), text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// Somebody removed .holdfast while the system ran: nothing could look at it or
// end it any more, and its ports stayed taken.
func TestAKeeperMovesInAgainWhenItsDirectoryIsRemoved(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "agent")
	c := h.begin()
	lives := start(t, c, h.spec("lives-1", 1, "exec sleep 60"))
	keep := h.keep()
	for _, removed := range []string{h.orders.State, h.socket()} {
		var err error
		for range 10 { // the keeper may put a file into what is being emptied
			if err = os.RemoveAll(removed); err == nil {
				break
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		c = h.dial("test", 0)
		if got := start(t, c, h.spec("lives-1", 1, "exit 1")); got.Pid != lives.Pid || h.keep() != keep {
			t.Errorf("after the removal of %s: %+v in %s", removed, got, h.keep())
		}
	}
	// The next one finds everything where it belongs.
	h.kill()
	told := follow(t, h.begin())
	if p := told.find(t, "the living one", func(p holdfast.Process) bool { return p.ID == lives.ID }); !p.Adopted || p.Exit != nil {
		t.Errorf("after the move it is %+v", p)
	}
}

func TestAKeeperLeavesItsSuccessorsSocketAlone(t *testing.T) {
	t.Parallel()
	first := newHouse(t)
	first.begin()
	aside := first.orders.State + "-aside"
	if err := os.Rename(first.orders.State, aside); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(aside) })
	if err := os.Mkdir(first.orders.State, 0o700); err != nil {
		t.Fatal(err)
	}
	second := newHouse(t)
	second.orders.State = first.orders.State
	second.begin()
	first.cmd.Process.Signal(syscall.SIGTERM)
	first.awaitEnd()
	second.dial("test", 0)
}
