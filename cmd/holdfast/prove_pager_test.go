//go:build linux

package main

import (
	"net"
	"strconv"
	"strings"
	"testing"

	"holdfast"
)

// toldPair is a pair whose people are told; at the addresses of their channels
// somebody listens who must never hear of a drill.
func toldPair(port int) string {
	return pair + strings.ReplaceAll(`owners: {web: [ana, ben]}
people:
  ana: {contacts: [{via: push, to: ana}, {via: hook, after: 2m}]}
  ben: {contacts: [{via: hook}]}
channels:
  push: {ntfy: "http://127.0.0.1:PORT"}
  hook: {webhook: "http://localhost:PORT"}
escalation_policies:
  web: {rules: [{notify: ana}, {notify: ben, after: 5m}]}
escalate: web
`, "PORT", strconv.Itoa(port))
}

// earless fails the test of whoever speaks to it.
func earless(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	heard := make(chan bool)
	go func() {
		conn, err := listener.Accept()
		if err == nil {
			conn.Close()
		}
		heard <- err == nil
	}()
	t.Cleanup(func() {
		listener.Close()
		if <-heard {
			t.Error("a drill told the file's own people")
		}
	})
	return listener.Addr().(*net.TCPAddr).Port
}

// Providers that are down, silent, lying, and an agent that is killed in the middle
// of handing over: somebody is told every time, and everybody that it is over, for
// real and by stand-ins.
func TestThePagerProves(t *testing.T) {
	t.Parallel()
	h := newHouse(t, toldPair(earless(t)))
	s, run := h.decidedOf("pager-down", "pager-slow", "pager-lying", "pager-killed")
	s.exits(exitGood)
	wanted := []string{"holdfast.pager-down", "holdfast.pager-slow", "holdfast.pager-lying", "holdfast.pager-killed"}
	if len(run.Drills) != len(wanted) {
		t.Fatalf("there are %d drills:\n%s", len(run.Drills), s.stdout)
	}
	for i, d := range run.Drills {
		if string(d.Mode) != wanted[i] || d.Verdict != holdfast.Pass || d.Witness == "" || d.Failed > 0 || d.Detect == nil || d.Mitigate == nil || d.Restore == nil {
			t.Errorf("%s: %+v", wanted[i], d)
		}
	}
	h.keeps(run)
	h.isEmptyWithin(lease)
	h.keepsNothingOfTheCopy()
}

// Where the fault does nothing, or nobody saw it, nothing is decided.
func TestAnUnseenFaultOfThePagerDecidesNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t, toldPair(earless(t)))
	for _, flag := range []string{"--neuter", "--blind-witness"} {
		for _, d := range h.run("prove", "pager-down", "pager-lying", "pager-killed", "--json", flag).document().Drills {
			if d.Verdict != holdfast.Invalid || !strings.Contains(d.Reason, "nobody but the injector") {
				t.Errorf("%s with %s is %s: %s", d.Mode, flag, d.Verdict, d.Reason)
			}
		}
	}
	h.isEmptyWithin(lease)
}
