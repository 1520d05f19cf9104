package main

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast"
	"holdfast/internal/proc"
	"holdfast/report"
)

// Whoever is killed or stopped in the middle of a drill, nothing of it may be
// left when the lease is over. The replica that was struck takes 3 s to come
// back, so that the drill is in its middle for long enough.

func TestNothingOutlivesALostProve(t *testing.T) {
	t.Parallel()
	for _, signal := range []syscall.Signal{syscall.SIGKILL, syscall.SIGSTOP} {
		t.Run(word(signal), func(t *testing.T) {
			t.Parallel()
			h, r := inTheMiddleOfADrill(t)
			r.signal(signal)
			h.onlyLivesWithin(lease, r.pid())
			if signal == syscall.SIGSTOP {
				r.signal(syscall.SIGCONT) // it finds everything gone, and ends
				r.ends().exits(exitAborted).tells("ABORTED")
			}
			h.run("heal").exits(exitGood).tells("nothing was left behind")
			h.run("heal").exits(exitGood).tells("nothing was left behind")
		})
	}
}

func TestNothingOutlivesALostProveAndItsWarden(t *testing.T) {
	t.Parallel()
	for _, signal := range []syscall.Signal{syscall.SIGKILL, syscall.SIGSTOP} {
		t.Run(word(signal), func(t *testing.T) {
			t.Parallel()
			h, r := inTheMiddleOfADrill(t)
			h.strike(h.one("warden"), signal)
			r.signal(syscall.SIGKILL)
			if signal == syscall.SIGKILL { // a warden that is stopped holds the lifeline until it is healed
				h.onlyLivesWithin(lease)
			}
			h.run("heal").exits(exitGood).tells("undone   ", "kill on catalog-")
			h.onlyLivesWithin(lease)
			h.run("heal").exits(exitGood).tells("nothing was left behind")
		})
	}
}

// What is lost besides prove itself makes prove end by itself. Its verdict may
// be a PASS only if the drill could be brought to its end.
func TestProveEndsByItselfWhoeverIsLost(t *testing.T) {
	t.Parallel()
	for _, role := range []string{"agent", "gateway", "proxy", "keeper", "warden", "load"} {
		for _, signal := range []syscall.Signal{syscall.SIGKILL, syscall.SIGSTOP} {
			t.Run(role+" "+word(signal), func(t *testing.T) {
				t.Parallel()
				h, r := inTheMiddleOfADrill(t, "--json")
				pid := h.one(role)
				h.strike(pid, signal)
				s := r.ends()
				run := s.document()
				t.Logf("exit %d, %s: %s", s.code, run.Verdict, reason(run))
				wantCodes := []int{exitFound, exitCouldNot, exitAborted}
				if slices.Contains([]string{"agent", "gateway", "proxy"}, role) {
					wantCodes = append(wantCodes, exitGood) // the copy mends these by itself
				}
				if !slices.Contains(wantCodes, s.code) || (s.code == exitGood) != (run.Verdict == holdfast.Pass) {
					t.Errorf("exit %d with %s:\n%s", s.code, run.Verdict, s.all())
				}
				if run.Verdict != holdfast.Pass && reason(run) == "" {
					t.Errorf("%s without a reason:\n%s", run.Verdict, s.all())
				}
				h.onlyLivesWithin(lease)
				h.keepsNothingOfTheCopy()
				h.run("heal").exits(exitGood).tells("nothing was left behind")
			})
		}
	}
}

func word(signal syscall.Signal) string {
	if signal == syscall.SIGKILL {
		return "killed"
	}
	return "stopped"
}

// inTheMiddleOfADrill is a proof whose fault is in and whose replica is not
// back yet.
func inTheMiddleOfADrill(t *testing.T, args ...string) (*house, *underway) {
	t.Helper()
	h := newHouse(t, catalogAlone("--start-delay 3s"))
	r := h.start(append([]string{"prove", "crash", "--rate", "70/s"}, args...)...)
	r.says("kill on catalog-")
	await(t, "the struck replica is started again", func() bool {
		select {
		case <-r.ended:
			t.Fatalf("it ended before:\n%s%s", &r.stdout, &r.stderr)
		default:
		}
		return h.restarted()
	})
	return h, r
}

// restarted tells whether a second incarnation runs.
func (h *house) restarted() bool {
	for pid, line := range h.living() {
		if strings.Contains(line, "toy catalog") && strings.HasSuffix(markOf(pid), "#2") {
			return true
		}
	}
	return false
}

// markOf is the name a process of ours was started under.
func markOf(pid int) string {
	_, name, _ := proc.MarkOf(pid)
	return name
}

// reason is all that a document gives as reason.
func reason(run report.Run) string {
	text := run.Reason
	for _, drill := range run.Drills {
		text += drill.Reason
	}
	return text
}

// one is the only process of a role.
func (h *house) one(role string) int {
	h.t.Helper()
	pids := h.role(role)
	if len(pids) != 1 {
		h.t.Fatalf("of %s there are %v, want one", role, pids)
	}
	return pids[0]
}

func (h *house) strike(pid int, signal syscall.Signal) {
	h.t.Helper()
	if err := syscall.Kill(pid, signal); err != nil {
		h.t.Fatal(err)
	}
}

// onlyLivesWithin insists that within a limit nothing of the folder lives but
// the given.
func (h *house) onlyLivesWithin(limit time.Duration, pids ...int) {
	h.t.Helper()
	began := time.Now()
	var left []string
	others := func() bool {
		left = nil
		for pid, line := range h.living() {
			if !slices.Contains(pids, pid) {
				left = append(left, fmt.Sprintf("pid %d %s", pid, line))
			}
		}
		return len(left) > 0
	}
	tick := time.NewTicker(glance)
	defer tick.Stop()
	for others() {
		if time.Since(began) > limit {
			h.t.Fatalf("after %s there still live:\n%s", limit, strings.Join(left, "\n"))
		}
		<-tick.C
	}
	h.t.Logf("nothing lived after %s", time.Since(began).Round(time.Millisecond))
}
