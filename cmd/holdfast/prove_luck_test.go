//go:build linux

package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"holdfast"
	"holdfast/warden"
)

// What ends by itself while nothing is broken is named, and decides nothing: a
// drill would have blamed it on its fault. Nobody was hurt by it: the other
// replica answered.
func TestWhatEndsByItselfInTheControlRunIsNamed(t *testing.T) {
	t.Parallel()
	h := newHouse(t, catalogAlone("--exit-after 2500ms"))
	run := h.run("prove", "crash", "--json", "--rate", "70/s").exits(exitCouldNot).document()
	if run.Verdict != holdfast.Invalid || len(run.Drills) != 0 || !strings.Contains(run.Reason, "without any fault") || !strings.Contains(run.Reason, "catalog-") {
		t.Errorf("want INVALID that names the replica, got %s: %s", run.Verdict, run.Reason)
	}
	h.isEmptyWithin(lease)
	h.keepsNothingOfTheCopy()
}

// A ledger that cannot be written forbids the drill. The disk is full from the
// control run on: nothing is injected, and what was kept before is as it was. The
// words behind the break make its entry larger than the page that the ledger has.
func TestAFullDiskInjectsNothing(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("a small file system needs root")
	}
	kill := "sh -c 'touch broken; kill -9 $PID' " + strings.Repeat("x", 5000)
	s := newSystem(t, catalogAlone("", "failure_modes: {crash: {break: \""+kill+"\", mend: \"true $PID\"}}"))
	s.mount(".holdfast", "tmpfs", 0, "size=16m")
	s.run("prove", "crash", "--rate", "100/s").exits(exitGood)
	kept, err := os.ReadFile(s.state.path("verdicts.jsonl"))
	s.must(err)
	s.must(os.Remove(filepath.Join(s.dir, "broken"))) // by the first run
	const injection = `"state":"injected"`
	before := strings.Count(s.ledgersText(), injection) // two, where this machine stood still in the first

	r := s.start("prove", "crash", "--rate", "100/s", "--json")
	r.says("without a fault")
	s.fill()
	said := r.ends().exits(exitCouldNot)
	run := said.document()
	if run.Verdict != holdfast.Invalid || len(run.Drills) > 0 || !strings.Contains(run.Reason, "no space left on device") || !strings.Contains(run.Reason, "ledger") {
		t.Errorf("want a run that says what is full, got %s: %s", run.Verdict, run.Reason)
	}
	if _, err := os.Stat(filepath.Join(s.dir, "broken")); err == nil || strings.Count(s.ledgersText(), injection) != before {
		t.Errorf("it was broken all the same (%v):\n%s", err, s.ledgersText())
	}
	s.must(os.Remove(s.state.path("filler")))
	if after, err := os.ReadFile(s.state.path("verdicts.jsonl")); err != nil || string(after) != string(kept) {
		t.Errorf("what was kept before was\n%s and is\n%s(%v)", kept, after, err)
	}
	s.run("heal").exits(exitGood)
	s.isEmptyWithin(lease)
}

// ledgersText is all that the ledgers of a state directory say.
func (s *system) ledgersText() string {
	s.Helper()
	paths, err := filepath.Glob(s.state.path(warden.Ledgers) + "/*" + warden.Suffix)
	s.must(err)
	var all strings.Builder
	for _, path := range paths {
		text, err := os.ReadFile(path)
		s.must(err)
		all.Write(text)
	}
	return all.String()
}

// Everything that a drill consists of is killed at once: nobody is left to see
// anything. What serves on belongs to nobody, and heal ends it.
func TestEverythingKilledAtOnceIsHealed(t *testing.T) {
	t.Parallel()
	h, r := inTheMiddleOfADrill(t)
	pids := []int{r.pid()}
	for _, role := range []string{"warden", "keeper", "agent", "gateway", "proxy", "load"} {
		pids = append(pids, h.one(role))
	}
	for _, pid := range pids { // stopped first, so that none sees another's end
		h.strike(pid, syscall.SIGSTOP)
	}
	for _, pid := range pids {
		h.strike(pid, syscall.SIGKILL)
	}
	r.ends()
	h.run("heal").exits(exitGood).tells("undone   ", "kill on catalog-", "catalog-")
	h.onlyLivesWithin(lease)
	h.run("heal").exits(exitGood).tells("nothing was left behind")
	s, run := h.decided("--rate", "70/s")
	s.exits(exitGood)
	if run.Verdict != holdfast.Pass {
		t.Errorf("after that it is %s: %s", run.Verdict, s.all())
	}
}

// Who ends a program in the background sends SIGTERM and means Ctrl-C.
func TestSIGTERMIsCtrlC(t *testing.T) {
	t.Parallel()
	h, r := inTheMiddleOfADrill(t)
	r.signal(syscall.SIGTERM)
	r.ends().exits(exitInterrupted).tells("ABORTED", "interrupted; what was broken on purpose is put back")
	h.onlyLivesWithin(lease)
	h.keepsNothingOfTheCopy()
	h.run("heal").exits(exitGood).tells("nothing was left behind")
}

// A drill that leaves something behind fails, whatever else went well: here the
// service itself stops a process of its sibling's, each time it is started again.
func TestWhatADrillLeavesBehindFailsIt(t *testing.T) {
	t.Parallel()
	h := newHouse(t, strings.Replace(catalogAlone(""), "./holdfast toy catalog", "sh untidy", 1))
	script := "setsid sleep 300 &\n" +
		"echo $! > sleeper-$REPLICA\n" +
		"if [ -e began-$REPLICA ]; then for n in 1 2; do [ catalog-$n = $REPLICA ] || kill -STOP $(cat sleeper-catalog-$n); done; fi\n" +
		"touch began-$REPLICA\n" +
		"exec ./holdfast toy catalog\n"
	if err := os.WriteFile(filepath.Join(h.dir, "untidy"), []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	s, run := h.decidedOf("crash", "--rate", "100/s")
	if len(run.Drills) != 1 || run.Drills[0].Verdict != holdfast.Fail || !strings.Contains(run.Drills[0].Reason, "the drill left something behind: catalog-") || !strings.Contains(run.Drills[0].Reason, "is stopped") {
		t.Errorf("want FAIL that names what is left, got:\n%s", s.all())
	}
	s.exits(exitFound)
	h.isEmptyWithin(lease)
}

// Where the ports are used up the load cannot be sent, in the control run or only
// during the drill: that is said, and is nobody's failure. With a few it does. The
// range of ports is that of a network of its own.
func TestWithoutPortsNothingIsDecided(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("a network of its own needs root")
	}
	h := newHouse(t, catalogAlone(""))
	for _, ports := range []int{4, 16} {
		s := h.inNetwork(ports, "prove", "crash", "--rate", "100/s")
		if s.code == exitGood && ports > 4 {
			continue // they sufficed this time
		}
		s.exits(exitCouldNot).tells("this machine had no port left", "next: ")
		h.isEmptyWithin(lease)
		h.keepsNothingOfTheCopy()
		h.run("heal").exits(exitGood).tells("nothing was left behind")
	}
}

// inNetwork runs holdfast where so many ports can be had by whoever does not care
// which.
func (h *house) inNetwork(ports int, args ...string) said {
	h.t.Helper()
	setup := "ip link set lo up && echo 20000 " + strconv.Itoa(20000+ports-1) + " > /proc/sys/net/ipv4/ip_local_port_range && exec ./holdfast \"$@\""
	return h.startProgram("unshare", append([]string{"--net", "sh", "-c", setup, "holdfast"}, args...)...).ends()
}
