//go:build linux

package main

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast"
	"holdfast/event"
)

// TestACrashHurtsNobodyAndIsRemembered kills one replica of two while 400
// visitors a second come, then asks the journal what happened and whether it
// would be decided so again.
func TestACrashHurtsNobodyAndIsRemembered(t *testing.T) {
	s := newSystem(t, pair)
	up := s.up()
	replicas := s.whole()
	guests := s.visitors(400, false)
	guests.more(100)
	killed := time.Now()
	s.strike(replicas["cart-1"], syscall.SIGKILL)
	up.says("restored")
	guests.more(100)
	guests.unhurt()

	s.tellsOfTheCrash(killed)
	s.run("status").exits(0).tells("serving", "cart     2/2")
	s.run("events").exits(0).tells("exited cart-1#1 SIGKILL", "ejected cart-1#1", "detected cart-1#1 cart.crash", "decided restart cart-1#2", "restored cart-1#2 cart.crash")
	s.run("replay").exits(0).tells("the same decisions")
	s.down()
	s.run("replay").exits(0).tells("the same decisions")
	s.refusesATamperedJournal()
}

// tellsOfTheCrash holds the journal to its times and to its causes.
func (s *system) tellsOfTheCrash(killed time.Time) {
	s.Helper()
	first := map[string]event.Entry{}
	byID := map[event.ID]event.Entry{}
	for _, entry := range s.entries() {
		byID[entry.ID] = entry
		if _, seen := first[entry.Body.Kind()]; !seen {
			first[entry.Body.Kind()] = entry
		}
	}
	for _, kind := range []string{"ejected", "detected", "mitigated", "restored"} {
		entry, ok := first[kind]
		if !ok {
			s.Errorf("nothing was %s", kind)
			continue
		}
		s.Logf("%s %s after the kill", kind, entry.At.Wall.Sub(killed).Round(100*time.Microsecond))
		if limit := time.Second; (kind == "ejected" || kind == "detected") && entry.At.Wall.Sub(killed) > limit {
			s.Errorf("%s later than %s", kind, limit)
		}
	}
	at := first["restored"]
	for !saysItEnded(at.Body) && !at.Cause.IsZero() {
		at = byID[at.Cause]
	}
	if !saysItEnded(at.Body) {
		s.Error("the restoration does not go back to the exit")
	}
}

// saysItEnded tells the kernel's word about cart-1, which comes by the keeper
// or, sooner at times, with the gateway's ejection.
func saysItEnded(body event.Body) bool {
	switch b := body.(type) {
	case holdfast.Exited:
		return b.ID.Name() == "cart-1"
	case holdfast.Ejected:
		return b.ID.Name() == "cart-1"
	default:
		return false
	}
}

// refusesATamperedJournal changes a decision in copies of the journal: once
// carelessly, once with the checksums made good.
func (s *system) refusesATamperedJournal() {
	s.Helper()
	segments, err := filepath.Glob(filepath.Join(s.state.journal(), "*.log"))
	s.must(err)
	forged := 0
	for _, segment := range segments {
		text, err := os.ReadFile(segment)
		s.must(err)
		changed := bytes.ReplaceAll(text, []byte(`"do":"restart"`), []byte(`"do":"stop"`))
		if bytes.Equal(changed, text) {
			continue
		}
		forged++
		s.write("tampered.log", string(changed))
		if a := s.run("replay", "tampered.log"); a.code == 0 {
			s.Errorf("a journal whose lines were changed is believed:\n%s", a.all())
		}
		s.write("forged.log", resealed(changed))
		s.run("replay", "forged.log").exits(1).tells("forged.log line ", "restart", "stop")
	}
	if forged == 0 {
		s.Errorf("no restart was decided in %v", segments)
	}
}

// resealed gives every line the checksum of what it says.
func resealed(text []byte) string {
	var out strings.Builder
	for line := range strings.Lines(string(text)) {
		_, said, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		fmt.Fprintf(&out, "%08x %s\n", crc32.Checksum([]byte(said), crc32.MakeTable(crc32.Castagnoli)), said)
	}
	return out.String()
}

// TestWithheldWhilePausedAndMendedAfter has a person forbid remedies while the
// agent is not there to be asked.
func TestWithheldWhilePausedAndMendedAfter(t *testing.T) {
	t.Parallel()
	s := newSystem(t, pair)
	s.detached()
	replicas := s.whole()
	s.run("pause", "till").exits(2).tells(`no service "till"`, "next: ")

	agent := s.roleAt("agent")
	s.strike(s.keeper(), syscall.SIGSTOP)
	s.strike(agent, syscall.SIGKILL)
	s.run("pause").exits(0).tells("paused everything")
	s.strike(s.keeper(), syscall.SIGCONT)

	await(t, "the next agent has found the pause", func() bool { return len(s.status().View.Pauses) == 1 })
	s.strike(replicas["cart-1"], syscall.SIGKILL)
	await(t, "the restart is withheld", func() bool {
		failures := s.status().View.Failures
		return len(failures) == 1 && failures[0].Withheld == holdfast.RailPause
	})
	s.run("status").exits(0).tells("paused   everything, by ", "holdfast resume", "withheld")
	s.run("events").exits(0).tells("withheld restart cart-1#1 by pause")
	if now := pids(s.status()); len(now) != 1 || now["cart-2"] != replicas["cart-2"] {
		t.Errorf("while paused %v runs, want only cart-2 of %v", now, replicas)
	}
	s.run("resume").exits(0).tells("resumed everything")
	s.whole()
	s.down()
}

func TestAServiceIsPausedAloneAndNothingElse(t *testing.T) {
	t.Parallel()
	s := newSystem(t, strings.Replace(fifteenLines, "replicas: 3", "replicas: 2", 1))
	s.detached()
	replicas := s.whole()
	s.run("pause", "cart").exits(0).tells("paused cart")
	await(t, "the pause is known", func() bool { return len(s.status().View.Pauses) == 1 })
	s.strike(replicas["cart-1"], syscall.SIGKILL)
	s.strike(replicas["catalog-1"], syscall.SIGKILL)
	await(t, "catalog is mended and cart is not", func() bool {
		now, failures := pids(s.status()), s.status().View.Failures
		return now["catalog-1"] != 0 && now["catalog-1"] != replicas["catalog-1"] && len(failures) == 1 && failures[0].Withheld == holdfast.RailPause
	})
	s.run("resume", "cart").exits(0)
	s.whole()
	s.down()
}
