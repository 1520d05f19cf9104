package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast"
	"holdfast/report"
)

// longHang is one replica that hangs for as long as nobody ends the drill, and a
// crash after it.
func longHang(s *site) string {
	return s.file("hang", "stop", "cont", "bounds: {detect: 40s, mitigate: 40s, restore: 50s}")
}

// The guard ends a drill that hurts users beyond its bounds at once, mends, waits
// until all is whole, and lets nothing else be drilled.
func TestTheAbortGuardMendsAtOnce(t *testing.T) {
	t.Parallel()
	s := newSite(t, 1)
	file := strings.Replace(longHang(s), "      hang: {", "      crash: {break: touch broken, mend: touch mended}\n      hang: {", 1)
	h := newHouse(t, file)
	said := h.run("prove", "--live", "--json", "web.hang", "web.crash").exits(exitAborted)
	run := said.document()
	if run.Verdict != holdfast.Aborted || len(run.Drills) != 2 {
		t.Fatalf("want ABORTED and a SKIP, got:\n%s", said.stdout)
	}
	hang, crash := run.Drills[0], run.Drills[1]
	if hang.Verdict != holdfast.Aborted || !strings.Contains(hang.Reason, "were hurt") || !strings.Contains(hang.Reason, "more than 50% end a drill") || !hang.Live || hang.Restore == nil {
		t.Errorf("want ABORTED with the figure, and whole again:\n%s", said.stdout)
	}
	if crash.Verdict != holdfast.Skip || !strings.Contains(crash.Reason, "a guard ended the run") || h.holds("broken") {
		t.Errorf("want the rest skipped, got %s, %q", crash.Verdict, crash.Reason)
	}
	// A second of nothing but hurt, and the second in which a late answer is not yet
	// one; the guard is asked every tenth. Without it the hang lasts for 41 s.
	if hurt := float64(hang.Failed+hang.Late) / 100; hurt > 10 {
		t.Errorf("%.1f s were hurt before it was ended", hurt)
	}
	if !s.whole() {
		t.Error("the site is not whole again")
	}
	h.keepsNothingOfTheCopy()
	h.run("heal").exits(exitGood).tells("nothing was left behind")
}

// A break that goes on is ended by the guard too.
func TestTheAbortGuardEndsABreakThatGoesOn(t *testing.T) {
	t.Parallel()
	s := newSite(t, 1)
	h := newHouse(t, s.file("hang", "hang", "cont", "bounds: {detect: 40s, mitigate: 40s, restore: 50s}"))
	began := time.Now()
	said := h.run("prove", "--live", "--json").exits(exitAborted)
	if drill := said.document().Drills[0]; drill.Verdict != holdfast.Aborted || !strings.Contains(drill.Reason, "end a drill") {
		t.Errorf("got:\n%s", said.stdout)
	}
	if took := time.Since(began); took > 29*time.Second {
		t.Errorf("it took %s: the break was left to end by itself", took)
	}
	if !s.whole() {
		t.Error("the site is not whole again")
	}
}

// closedNow are hours on no day near today.
func closedNow() string {
	return fmt.Sprintf("hours: %s 09:00-10:00 UTC", time.Now().UTC().Add(72 * time.Hour).Weekday().String()[:3])
}

func TestOutsideOfHoursNothingIsDrilledLive(t *testing.T) {
	t.Parallel()
	url, count := asked(t, well)
	h := newHouse(t, consenting(hooked(url, "prove: {allow: [web]}\n"), closedNow()))
	h.run("prove", "--live").exits(exitNothing).tells("SKIP", "outside of the hours for live drills; they next begin", "09:00 UTC")
	h.run("prove", "--live", "--dry-run").exits(exitNothing).tells("hours: CLOSED now; they next begin", "would skip   web.crash", "abort: web.crash", "more than 50% of the requests of 2s", "budget: web.crash  no promise rests on web")
	if n := count.Load(); n > 0 || h.holds("broken") {
		t.Errorf("it was asked %d times, and broken: %v", n, h.holds("broken"))
	}
	said := h.run("prove", "--live", "--outside-hours", "--json")
	if run := said.document(); !run.OutsideHours || len(run.Drills) != 1 || run.Drills[0].Verdict == holdfast.Skip || !h.holds("broken") || !h.holds("mended") {
		t.Errorf("asked for explicitly it is drilled, and the run says so; got:\n%s", said.all())
	}
	h.run("prove", "--outside-hours").exits(exitUsage).tells("add --live")
	h.write(defaultFile, consenting(hooked(url, "prove: {allow: [web]}\n"), "hours: Mon-Sun 00:00-24:00 Europe/Atlantis"))
	h.run("prove", "--live").exits(exitCouldNot).tells(`does not know the time zone "Europe/Atlantis"`)
	h.run("prove", "--live", "--dry-run").exits(exitCouldNot).tells("does not know the time zone")
}

// What a drill spends is written down, and what is not there any more is not
// spent.
func TestTheBudgetOfLiveDrills(t *testing.T) {
	t.Parallel()
	s := newSite(t, 1)
	// 24 s in 28 days, of which a tenth is for drills.
	h := newHouse(t, "promise: 99.999%\n"+consenting(longHang(s), "abort: {hurt: 100%, within: 1s}, budget: 10%"))
	h.run("prove", "--live", "--dry-run").exits(exitNothing).tells("live drills may spend 10% of the 24.2s that the promise of 99.999% allows in 28 days: 2.4s, of which 0s are spent")
	said := h.run("prove", "--live", "--json").exits(exitAborted)
	if drill := said.document().Drills[0]; drill.Verdict != holdfast.Aborted || !strings.Contains(drill.Reason, "it has spent 2.") || !strings.Contains(drill.Reason, "prove.budget") {
		t.Errorf("want ABORTED by the cap, got:\n%s", said.stdout)
	}
	if !s.whole() {
		t.Error("the site is not whole again")
	}
	done := s.did()
	h.run("prove", "--live").exits(exitNothing).tells("SKIP", "it would spend about", "prove.budget")
	if s.did() != done {
		t.Error("it was broken although nothing may be spent any more")
	}
}

func TestWhatIsPausedIsNotDrilledLive(t *testing.T) {
	t.Parallel()
	url, count := asked(t, well)
	h := newHouse(t, hooked(url, "prove: {allow: [web]}\n"))
	h.run("up", "--detach").exits(exitGood)
	t.Cleanup(func() { h.run("down").exits(exitGood) })
	h.run("pause").exits(exitGood)
	asked := count.Load()
	h.run("prove", "--live").exits(exitNothing).tells("SKIP", "web is paused by", "holdfast resume")
	if h.holds("broken") || count.Load() > asked+100 { // the system that runs asks on
		t.Error("it was drilled all the same")
	}
}

// A stop from another terminal ends a live run whoever of it is stuck or dead.
func TestAStopEndsALiveDrill(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		lose func(*house, *underway)
		code int // of the run; -1: it was ended by force
	}{
		"all is well":    {lose: func(*house, *underway) {}, code: exitAborted},
		"agent dead":     {lose: func(h *house, _ *underway) { h.strike(h.one("agent"), syscall.SIGKILL) }, code: exitAborted},
		"agent stopped":  {lose: func(h *house, _ *underway) { h.strike(h.one("agent"), syscall.SIGSTOP) }, code: exitAborted},
		"keeper stopped": {lose: func(h *house, _ *underway) { h.strike(h.one("keeper"), syscall.SIGSTOP) }, code: exitAborted},
		"warden stopped": {lose: func(h *house, _ *underway) { h.strike(h.one("warden"), syscall.SIGSTOP) }, code: exitAborted},
		"prove stopped":  {lose: func(_ *house, r *underway) { r.signal(syscall.SIGSTOP) }, code: exitAborted},
		"prove dead":     {lose: func(_ *house, r *underway) { r.signal(syscall.SIGKILL) }, code: -1},
		"both stopped": {lose: func(h *house, r *underway) {
			h.strike(h.one("warden"), syscall.SIGSTOP)
			r.signal(syscall.SIGSTOP)
		}, code: -1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, 1)
			h := newHouse(t, unguarded(longHang(s)))
			r := h.start("prove", "--live")
			await(t, "it is broken", func() bool { return strings.Contains(s.did(), "stop web-1") && !s.answers(0) })
			c.lose(h, r)
			began := time.Now()
			stop := h.run("prove", "--stop").exits(exitGood)
			took := time.Since(began)
			if !s.whole() {
				t.Errorf("it said that it had ended, and the site is not whole:\n%s", stop.all())
			}
			if name != "prove dead" {
				stop.tells("DRILL  stopping the live run of site", "ended     prove", "undone    hook on web-1", "site.sh cont")
			}
			said := r.ends().exits(c.code)
			if c.code == exitAborted {
				said.tells("ABORTED", "stopped by ")
			}
			t.Logf("%s: stopped in %s", name, took.Round(time.Millisecond))
			h.onlyLivesWithin(2 * lease)
			h.run("heal").exits(exitGood).tells("nothing was left behind")
		})
	}
}

func TestAStopWhereNothingIsUnderWay(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "name: site\nowner: web\nservices: {web: {urls: [\"http://127.0.0.1:1\"]}}\n")
	h.run("prove", "--stop").exits(exitGood).tells("no live drill is under way", "nothing was left behind")
	h.run("prove", "--stop", "web.crash").exits(exitUsage).tells("takes no file and no mode")
}

// Whoever is called by the system that runs, while somebody drills it, reads first
// that it is a drill, and no longer once it is over.
func TestWhoIsWokenByALiveDrillIsToldSo(t *testing.T) {
	t.Parallel()
	s := newSite(t, 1)
	h := newHouse(t, unguarded(s.file("hang", "stop", "cont")))
	h.run("up", "--detach").exits(exitGood)
	t.Cleanup(func() { h.run("down").exits(exitGood) })
	r := h.start("prove", "--live")
	await(t, "somebody is called", func() bool {
		return strings.Contains(h.run("events").stdout, " DRILL escalated web-1#1 web.hang to web")
	})
	h.run("status").tells("failing  DRILL web-1 web.hang")
	r.ends()
	await(t, "it is over", func() bool { return strings.Contains(h.run("events").stdout, "drill ended") })
	events := h.run("events").stdout
	for line := range strings.Lines(events) {
		if strings.Contains(line, "web.hang") && strings.Contains(line, "detected") != strings.Contains(line, "DRILL detected") {
			t.Errorf("it does not say that it is a drill: %s", line)
		}
	}
	if !strings.Contains(events, "DRILL drill began of web by ") {
		t.Errorf("it does not say whose drill it is:\n%s", events)
	}
}

// Everything that a live run says, and every entry of its copy's journal, says in
// its first word that it is a drill.
func TestEverythingOfALiveDrillSaysDrill(t *testing.T) {
	t.Parallel()
	s := newSite(t, 2)
	h := newHouse(t, s.file("crash", "kill", "start", "manage: route", `ports: ["8080"]`))
	said := h.run("prove", "--live", "--keep")
	for line := range strings.Lines(said.stderr) {
		if !strings.HasPrefix(line, "DRILL  ") && !strings.HasPrefix(line, "took ") && !strings.HasPrefix(line, "site: ") {
			t.Errorf("it does not say that it is a drill: %s", line)
		}
	}
	if !strings.Contains(said.stdout, "DRILL  ") {
		t.Errorf("the verdict does not say that it was a drill:\n%s", said.stdout)
	}
	_, kept, _ := strings.Cut(said.stderr, "DRILL  kept: ")
	kept, _, _ = strings.Cut(kept, "\n")
	entries := strings.Split(strings.TrimSpace(h.run("events", "--state", kept).stdout), "\n")
	drills := 0
	for _, line := range entries {
		if strings.Contains(line, " DRILL ") {
			drills++
		} else if drills > 0 {
			t.Errorf("it does not say that it is a drill: %s", line)
		}
	}
	if drills < 10 {
		t.Errorf("the journal of its copy:\n%s", strings.Join(entries, "\n"))
	}
	var run report.Run
	if err := json.Unmarshal([]byte(h.run("prove", "--live", "--json").stdout), &run); err != nil || !run.Drills[0].Live {
		t.Errorf("the document does not say that it was live (%v)", err)
	}
}
