//go:build linux

package main

import (
	"strings"
	"syscall"
	"testing"

	"holdfast"
	"holdfast/fault"
	"holdfast/internal/proc"
	"holdfast/report"
)

// storing is a pair that keeps what it is asked in a file.
func storing() string { return pairOfCatalogs("--write") }

// Every way in which a process itself is struck is seen by the load, is noticed, costs
// users nothing, and is gone afterwards.
func TestEveryFaultOfAProcessProves(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		fault   holdfast.FaultName
		mode    holdfast.ModeName
		witness string
	}{
		{"exit", "catalog.crash", "exit of pid "},
		{"oom", "catalog.crash", "and the kernel's count of kills for want of memory"},
		{"hold", "catalog.hang", "seen to stand still by load"},
		{"starve", "catalog.slow", "seen throttled by load"},
		{"disk-full", "catalog.errors", "status 500 seen by load on the way to catalog-"},
		{"disk-slow", "catalog.slow", "seen by load on the way to catalog-"},
	} {
		t.Run(string(c.fault), func(t *testing.T) {
			t.Parallel()
			if why, _ := fault.Possible(c.fault); why != "" {
				t.Skip(why)
			}
			file := storing()
			if c.fault == "disk-slow" { // which few requests show: they go to the other, and a quick check says that it is well
				file = catalogAlone("--write", "healthcheck: {path: /}")
			}
			h := newHouse(t, file)
			var s said
			var run report.Run
			for range 4 {
				s = h.run("prove", "--json", "--fault", string(c.fault))
				if run = s.document(); !noisy(run) {
					break
				}
			}
			if len(run.Drills) != 1 {
				t.Fatalf("there are %d drills:\n%s", len(run.Drills), s.all())
			}
			if d := run.Drills[0]; d.Mode != c.mode || d.Fault != c.fault || d.Verdict != holdfast.Pass || !strings.Contains(d.Witness, c.witness) {
				t.Errorf("%+v", d)
			}
			h.isEmptyWithin(lease)
			h.keepsNothingOfTheCopy()
			h.run("heal").exits(exitGood).tells("nothing was left behind")
		})
	}
}

// A service that keeps nothing cannot run out of disk, and that is no PASS.
func TestADiskThatNothingIsKeptOnIsSkipped(t *testing.T) {
	t.Parallel()
	h := newHouse(t, pairOfCatalogs(""))
	s := h.run("prove", "errors", "--fault", "disk-full")
	s.exits(exitNothing).tells("SKIP", "disk-full cannot strike catalog-", "keeps nothing in its data directory")
	h.isEmptyWithin(lease)
}

// Whoever is lost in the middle of a fault that a process of ours carries out, nothing
// of it is left when the lease is over.
func TestNothingOfAFaultOfAProcessOutlivesWhoMadeIt(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		fault, lost string
		signal      syscall.Signal
	}{
		{"hold", "prove", syscall.SIGKILL}, {"hold", "tracer", syscall.SIGSTOP}, {"starve", "prove", syscall.SIGSTOP}, {"starve", "hog", syscall.SIGSTOP},
		{"disk-full", "tracer", syscall.SIGKILL},
	} {
		t.Run(c.fault+" "+c.lost+" "+word(c.signal), func(t *testing.T) {
			t.Parallel()
			if why, _ := fault.Possible(holdfast.FaultName(c.fault)); why != "" {
				t.Skip(why)
			}
			h := newHouse(t, storing())
			r := h.start("prove", "--fault", c.fault)
			r.says(c.fault + " on catalog-")
			role := map[string]string{"hold": "tracer", "disk-full": "tracer", "starve": "hog"}[c.fault]
			await(t, "it is made", func() bool { return len(h.role(role)) > 0 })
			pid := r.pid()
			if c.lost != "prove" {
				pid = h.role(c.lost)[0]
			}
			if ticks, err := proc.Ticks(pid); err != nil || proc.Signal(pid, ticks, c.signal) != nil {
				t.Fatalf("%s is not there: %v", c.lost, err)
			}
			if c.lost == "prove" {
				h.onlyLivesWithin(lease, pid)
				_ = r.cmd.Process.Signal(syscall.SIGCONT)
			}
			if s := r.ends(); c.lost != "prove" && strings.Contains(s.stdout, "PASS     catalog") {
				t.Errorf("a fault that was lost in the middle passed:\n%s", s.all())
			}
			h.isEmptyWithin(lease)
			h.run("heal").exits(exitGood).tells("nothing was left behind")
		})
	}
}
