//go:build linux

package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast"
)

// TestTheKeeperMayDie kills what holds everything, under load: all serve on,
// who watched is told what to do, and the next up finds it all as it was.
func TestTheKeeperMayDie(t *testing.T) {
	t.Parallel()
	s := newSystem(t, fifteenLines)
	watching := s.up()
	replicas := s.whole()
	guests := s.visitors(100, true)
	gateway := s.roleAt("gateway")

	s.strike(s.keeper(), syscall.SIGKILL)
	watching.ends().exits(3).tells("the keeper is gone", "next: holdfast up")
	guests.more(50)
	s.run("pause", "catalog").exits(0)
	s.run("pause", "../catalog").exits(2).tells("there is no service", "next: ")
	s.run("resume", "catalog").exits(0)

	s.detached()
	guests.more(50)
	s.untouched(replicas)
	if now := s.roleAt("gateway"); now != gateway {
		t.Errorf("the gateway is pid %d now and was %d", now, gateway)
	}
	if !s.hasAdopted("catalog-1") {
		t.Error("no entry says that catalog-1 was adopted")
	}
	guests.unhurt()
	s.down()
}

// hasAdopted tells whether the journal says that a replica ran before its
// keeper came.
func (s *system) hasAdopted(name holdfast.ReplicaName) bool {
	s.Helper()
	for _, entry := range s.entries() {
		if started, ok := entry.Body.(holdfast.Started); ok && started.Adopted && started.ID.Name() == name {
			return true
		}
	}
	return false
}

func TestAStoppedKeeperIsReplaced(t *testing.T) {
	t.Parallel()
	s := newSystem(t, pair)
	s.detached()
	replicas := s.whole()
	guests := s.visitors(50, true)
	stopped := s.keeper()
	s.strike(stopped, syscall.SIGSTOP)
	guests.more(10)
	s.detached()
	if _, there := s.alive()[stopped]; there {
		t.Error("the stopped keeper lives on")
	}
	s.untouched(replicas)
	guests.unhurt()
	s.down()
}

// A person who looks while the keeper is stopped is told so, and soon: nothing
// that ends would be started again.
func TestTheStatusSaysThatTheKeeperIsStopped(t *testing.T) {
	t.Parallel()
	s := newSystem(t, pair)
	s.detached()
	replicas := s.whole()
	stopped := s.keeper()
	s.strike(stopped, syscall.SIGSTOP)
	s.run("status").exits(0).tells("cart", "KEEPER DOES NOT ANSWER", "next: holdfast up")
	s.strike(stopped, syscall.SIGCONT)
	await(t, "the keeper answers again", func() bool { return len(s.status().Mute) == 0 })
	s.untouched(replicas)
	s.down()
}

func TestDownEndsWhatADeadKeeperLeft(t *testing.T) {
	t.Parallel()
	s := newSystem(t, with(pair, "toy cart", "--setsid-child", ""))
	s.detached()
	s.whole()
	children := s.children("cart-1", "cart-2")
	s.strike(s.keeper(), syscall.SIGKILL)
	s.down()
	for _, pid := range children {
		if lives(pid) {
			t.Errorf("the child %d of a replica lives on", pid)
		}
	}
}

func TestDownEndsWhatAStoppedKeeperHolds(t *testing.T) {
	t.Parallel()
	s := newSystem(t, pair)
	s.detached()
	s.strike(s.keeper(), syscall.SIGSTOP)
	s.down()
}

// A keeper may also get stuck in the middle of a stop.
func TestDownSurvivesAKeeperThatIsStoppedMeanwhile(t *testing.T) {
	t.Parallel()
	s := newSystem(t, with(pair, "toy cart", "--ignore-term", "    stop_grace_period: 4m\n"))
	s.detached()
	down := s.start("down")
	await(t, "the stop is on its way", func() bool { return s.status().View.Stopping })
	s.strike(s.keeper(), syscall.SIGSTOP)
	await(t, "another keeper ends everything", func() bool {
		log, _ := os.ReadFile(filepath.Join(s.dir, ".holdfast", "log", "keeper.log"))
		return strings.Count(string(log), "end everything") > 0
	})
	down.signal(syscall.SIGINT) // not to wait for the grace of four minutes
	down.ends()
}

func TestAReplicaThatDiedWithTheKeeperIsStartedAgain(t *testing.T) {
	t.Parallel()
	s := newSystem(t, pair)
	s.detached()
	replicas := s.whole()
	s.strike(s.keeper(), syscall.SIGKILL)
	s.strike(replicas["cart-1"], syscall.SIGKILL)
	s.detached()
	after := s.whole()
	if after["cart-1"] == replicas["cart-1"] || after["cart-2"] != replicas["cart-2"] {
		t.Errorf("now %v, before %v", after, replicas)
	}
	s.down()
}

// TestAStrangerWithOurPidIsNotSignalled gives the number of a replica that is
// gone to a process that has nothing to do with us.
func TestAStrangerWithOurPidIsNotSignalled(t *testing.T) {
	t.Parallel()
	s := newSystem(t, pair)
	s.detached()
	replicas := s.whole()
	stranger := exec.Command("sleep", "600")
	s.must(stranger.Start())
	ended := make(chan error, 1)
	go func() { ended <- stranger.Wait() }()
	t.Cleanup(func() { _ = stranger.Process.Kill() })

	s.strike(s.keeper(), syscall.SIGKILL)
	s.strike(replicas["cart-1"], syscall.SIGKILL)
	s.renumber(replicas["cart-1"], stranger.Process.Pid)
	s.detached()
	s.whole()
	s.down()
	select {
	case err := <-ended:
		t.Errorf("the stranger was ended: %v", err)
	case <-time.After(glance):
	}
}

// renumber writes one pid for another into what the keeper left for the next.
func (s *system) renumber(pid, to int) {
	s.Helper()
	path := s.state.path("processes.json")
	text, err := os.ReadFile(path)
	s.must(err)
	var table map[string]any
	s.must(json.Unmarshal(text, &table))
	found := false
	for _, process := range table["processes"].([]any) {
		p := process.(map[string]any)
		if p["pid"] == float64(pid) {
			p["pid"], found = to, true
		}
	}
	if !found {
		s.Fatalf("no process %s in %s", strconv.Itoa(pid), text)
	}
	text, err = json.Marshal(table)
	s.must(err)
	s.must(os.WriteFile(path, text, 0o600))
}
