//go:build linux

package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"holdfast"
	"holdfast/event"
	"holdfast/proof"
)

// hangs is a service of two whose program can be exchanged.
const hangs = `name: hangs
owner: web
services:
  cart:
    command: ./shop toy cart
    replicas: 2
    ports: ["8080"]
    healthcheck: {path: /healthz}
    inputs: []
`

// own gives the house a program of its own under a name, a little different from
// every other. What runs keeps the one it was started from.
func (h *house) own(name, difference string) {
	h.t.Helper()
	program, err := os.ReadFile(h.program)
	if err == nil {
		err = os.WriteFile(filepath.Join(h.dir, name+".new"), append(program, difference...), 0o700)
	}
	if err == nil {
		err = os.Rename(filepath.Join(h.dir, name+".new"), filepath.Join(h.dir, name))
	}
	if err != nil {
		h.t.Fatal(err)
	}
}

// said waits until the journal holds an entry after a number that fits, and
// returns the entry's number.
func (s *system) said(after uint64, what string, fits func(event.Body) bool) uint64 {
	s.Helper()
	var at uint64
	await(s.T, what, func() bool {
		entries := s.entries()
		i := slices.IndexFunc(entries, func(e event.Entry) bool { return e.ID.Seq > after && fits(e.Body) })
		if i >= 0 {
			at = entries[i].ID.Seq
		}
		return i >= 0
	})
	return at
}

func withheldByShadow(body event.Body) bool {
	b, ok := body.(event.Withheld)
	return ok && b.Mode == "cart.hang" && b.Guardrail == holdfast.RailShadow
}

// A remedy that would kill is trusted with a drill, on the very program it was
// drilled on, and with nothing less.
func TestAHangIsKilledOnlyWhenItsDrillHasPassed(t *testing.T) {
	t.Parallel()
	s := newSystem(t, hangs)
	s.own("shop", "1")
	s.detached().tells("in shadow")
	before := s.whole()

	s.strike(before["cart-2"], syscall.SIGSTOP)
	at := s.said(0, "the kill is withheld", withheldByShadow)
	s.run("status").exits(0).tells("restart withheld")
	evidence := s.said(0, "evidence is kept", func(body event.Body) bool {
		b, ok := body.(event.Captured)
		return ok && strings.Contains(b.Summary, "state T (stopped)") && b.Path != ""
	})
	if evidence == 0 || !lives(before["cart-2"]) {
		t.Fatal("killed although it is in shadow")
	}
	s.strike(before["cart-2"], syscall.SIGCONT)
	if again := s.whole(); again["cart-2"] != before["cart-2"] {
		t.Fatal("replaced although it only had to go on")
	}

	s.run("prove", "cart.hang").exits(0)
	at = s.said(at, "it is armed", func(body event.Body) bool { b, ok := body.(event.Armed); return ok && b.Mode == "cart.hang" })
	s.strike(before["cart-2"], syscall.SIGSTOP)
	at = s.said(at, "it is killed and started again", func(body event.Body) bool {
		b, ok := body.(event.Decided)
		return ok && b.Mode == "cart.hang" && b.Do == event.ActRestart
	})
	after := s.whole()
	if after["cart-2"] == before["cart-2"] || after["cart-1"] != before["cart-1"] {
		t.Fatalf("%v after %v", after, before)
	}

	s.own("shop", "2")
	at = s.said(at, "it is in shadow again", func(body event.Body) bool {
		b, ok := body.(event.Disarmed)
		return ok && b.Mode == "cart.hang" && strings.Contains(b.Why, "changed")
	})
	s.strike(after["cart-1"], syscall.SIGSTOP)
	s.said(at, "the kill is withheld again", withheldByShadow)
	if !lives(after["cart-1"]) {
		t.Fatal("killed although its proof is about another program")
	}
	s.strike(after["cart-1"], syscall.SIGCONT)
	s.whole()
	s.down()
}

// A drill that failed takes back what one that passed had given, and one that
// says nothing takes nothing back.
func TestOnlyAVerdictThatSaysSomethingCounts(t *testing.T) {
	kept := []proof.Kept{
		{Mode: "a.hang", Verdict: holdfast.Pass}, {Mode: "a.hang", Verdict: holdfast.Invalid},
		{Mode: "b.hang", Verdict: holdfast.Pass}, {Mode: "b.hang", Verdict: holdfast.Fail},
	}
	newest := proof.Newest(kept, []holdfast.FailureMode{
		{Name: "a.hang", Drills: []holdfast.Drill{{Fault: "stop"}}}, {Name: "b.hang", Drills: []holdfast.Drill{{Fault: "stop"}}},
	})
	if newest["a.hang"].Verdict != holdfast.Pass || newest["b.hang"].Verdict != holdfast.Fail {
		t.Errorf("got %+v", newest)
	}
}
