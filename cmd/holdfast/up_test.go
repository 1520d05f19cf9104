//go:build linux

package main

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestUpServesAndCtrlCLeavesNothing(t *testing.T) {
	t.Parallel()
	s := newSystem(t, with(fifteenLines, "toy catalog", "--setsid-child", ""))
	up := s.up()
	start := strings.TrimSpace(up.stdout.String() + up.stderr.String())
	if lines := strings.Count(start, "\n") + 1; lines > 5 {
		t.Errorf("%d lines at start, want at most five:\n%s", lines, start)
	}
	s.visitors(20, true).unhurtAfter(5)
	children := s.children("catalog-1", "catalog-2")

	up.signal(syscall.SIGINT)
	up.ends().exits(0).tells("stopping", "nothing of it runs any more")
	s.isGone()
	for _, pid := range children {
		if lives(pid) {
			t.Errorf("the child %d of a replica lives on in its own session", pid)
		}
	}
}

// children are those that replicas started in sessions of their own.
func (s *system) children(replicas ...string) []int {
	s.Helper()
	var found []int
	for _, replica := range replicas {
		text, err := os.ReadFile(s.state.log(replica))
		s.must(err)
		match := regexp.MustCompile(`child (\d+)`).FindSubmatch(text)
		if match == nil {
			s.Fatalf("%s started no child: %s", replica, text)
		}
		pid, err := strconv.Atoi(string(match[1]))
		s.must(err)
		found = append(found, pid)
	}
	return found
}

func TestUpServesWithinASecondOfReadiness(t *testing.T) {
	s := newSystem(t, with(pair, "toy cart", "--start-delay 1s", ""))
	s.start("up").says("serving http://" + s.address())
	serving := time.Now()
	s.visitors(50, true).unhurtAfter(5)
	for _, replica := range []string{"cart-1", "cart-2"} {
		listening, err := os.Stat(s.state.log(replica)) // its one line is printed when it listens
		s.must(err)
		late := serving.Sub(listening.ModTime())
		t.Logf("serving %s after %s listened", late.Round(time.Millisecond), replica)
		if late > time.Second {
			t.Errorf("serving %s after %s listened, want at most 1 s", late, replica)
		}
	}
}

func TestDownFromAnotherShellEndsUpWell(t *testing.T) {
	t.Parallel()
	s := newSystem(t, pair)
	up := s.up()
	s.down()
	up.ends().exits(0).tells("nothing of it runs any more")
	s.down() // once more does no harm
}

func TestASecondCtrlCHurries(t *testing.T) {
	t.Parallel()
	s := newSystem(t, with(pair, "toy cart", "--ignore-term", "    stop_grace_period: 4m\n"))
	up := s.up()
	up.signal(syscall.SIGINT)
	up.says("stopping")
	await(t, "the replicas have been asked to stop", func() bool { return s.status().View.Stopping })
	asked := time.Now()
	up.signal(syscall.SIGINT)
	up.ends().exits(0)
	t.Logf("ended %s after the second Ctrl-C", time.Since(asked).Round(time.Millisecond))
	s.isGone()
}

func TestTwoCtrlCsAtOnceEndItToo(t *testing.T) {
	t.Parallel()
	s := newSystem(t, pair)
	up := s.up()
	up.signal(syscall.SIGINT)
	up.signal(syscall.SIGTERM)
	up.ends().exits(0)
	s.isGone()
}

func TestADetachedUpServesOn(t *testing.T) {
	t.Parallel()
	s := newSystem(t, fifteenLines)
	s.detached().tells("serving http://"+s.address(), "holdfast down")
	before := s.whole()

	s.run("up").exits(3).tells("runs in", "already", "next: ")
	s.run("status").exits(0).tells("shop  serving", "storefront  3/3", "catalog     2/2", "agent pid")
	s.run("status", "catalog").exits(0).tells("catalog-2")
	s.run("status", "till").exits(2).tells(`no service "till"`, "next: ")
	s.run("logs", "catalog-1", "-n", "1").exits(0).tells("catalog-1 listens on")
	s.run("logs", "catalog-9").exits(2).tells("catalog-9", "next: ")
	s.run("events").exits(0).tells("declared shop", "admitted storefront-3#1")
	s.run("events", "--after", "999999").exits(0)
	for _, line := range strings.Split(strings.TrimSpace(s.run("events", "--json").exits(0).stdout), "\n") {
		if !json.Valid([]byte(line)) {
			t.Errorf("not a JSON document: %s", line)
		}
	}
	if after := s.whole(); after["cart-1"] != before["cart-1"] {
		t.Errorf("looking at it has changed it: %v, before %v", after, before)
	}
	s.down()
	s.run("status").exits(3).tells("next: holdfast up")
	s.run("events", "--follow").exits(3).tells("next: holdfast up")
	s.run("events").exits(0).tells("declared shop", "exited storefront-3#1", "nothing answers")
	s.run("logs", "catalog-1", "-n", "1").exits(0).tells("nothing answers")
	s.run("logs", "catalog-9").exits(2).tells("catalog-9", "next: ")
	s.run("logs", "../lock").exits(2).tells("next: ")
}

func TestCtrlCWhileItStartsLeavesNothing(t *testing.T) {
	t.Parallel()
	s := newSystem(t, with(pair, "toy cart", "--start-delay 10m", ""))
	up := s.start("up")
	up.says("1 service")
	await(t, "a replica was started", func() bool { return len(s.role("toy cart")) > 0 })
	up.signal(syscall.SIGTERM)
	up.ends().exits(0)
	s.isGone()
}

// Two people typed up at once: the keeper of one found the directory held, and
// its up ended the keeper of the other, so that nothing ran.
func TestOfTwoUpsAtOnceOneServes(t *testing.T) {
	t.Parallel()
	s := newSystem(t, pair)
	first, second := s.start("up", "--detach"), s.start("up", "--detach")
	codes := []int{first.ends().code, second.ends().code}
	if slices.Min(codes) != 0 {
		t.Errorf("both ended with an error: %v\n%s%s", codes, first.ends().all(), second.ends().all())
	}
	s.whole()
	s.down()
}
