package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"holdfast"
)

// A site is what already runs: processes that somebody else started, in a folder
// of their own, with a script to start and to strike them.
type site struct {
	t     *testing.T
	dir   string
	ports []int
}

const siteScript = `#!/bin/sh
# site.sh start|kill|stop|cont|hang REPLICA PORT
cd "$(dirname "$0")"
pid=$(cat "$2.pid" 2>/dev/null)
echo "$1 $2" >> done
case $1 in
start)
  case $(ps -o stat= -p "${pid:-0}" 2>/dev/null) in "" | Z*) ;; *) exit 0 ;; esac
  PORT=$3 "$HOLDFAST" toy catalog > "$2.log" 2>&1 < /dev/null &
  echo $! > "$2.pid" ;;
kill) kill -KILL "$pid" ;;
stop) kill -STOP "$pid" ;;
cont) kill -CONT "$pid" ;;
hang) kill -STOP "$pid"; sleep 300 ;;
esac
`

// newSite starts n replicas, web-1 to web-n, and ends them with the test.
func newSite(t *testing.T, n int) *site {
	t.Helper()
	s := &site{t: t, dir: t.TempDir()}
	script := strings.Replace(siteScript, "$HOLDFAST", os.Getenv(programVariable), 1)
	if err := os.WriteFile(filepath.Join(s.dir, "site.sh"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		s.ports = append(s.ports, freePort(t))
		if out, err := exec.Command("sh", filepath.Join(s.dir, "site.sh"), "start", s.name(i), strconv.Itoa(s.ports[i])).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		t.Cleanup(func() { syscall.Kill(s.pid(i), syscall.SIGKILL) })
		await(t, s.name(i)+" answers", func() bool { return s.answers(i) })
	}
	return s
}

func (s *site) name(i int) string { return fmt.Sprintf("web-%d", i+1) }

func (s *site) pid(i int) int {
	text, _ := os.ReadFile(filepath.Join(s.dir, s.name(i)+".pid"))
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		s.t.Fatalf("%s has no pid: %v", s.name(i), err) // 0 would be our own group
	}
	return pid
}

func (s *site) answers(i int) bool {
	client := http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Get(fmt.Sprintf("http://127.0.0.1:%d/", s.ports[i]))
	if err != nil {
		return false
	}
	response.Body.Close()
	return response.StatusCode == http.StatusOK
}

func (s *site) whole() bool {
	for i := range s.ports {
		if !s.answers(i) {
			return false
		}
	}
	return true
}

// did tells what was done to the site since it was started, one line each.
func (s *site) did() string {
	text, _ := os.ReadFile(filepath.Join(s.dir, "done"))
	_, after, _ := strings.Cut(string(text), fmt.Sprintf("start %s\n", s.name(len(s.ports)-1)))
	return after
}

// file drills the site for a kind of failure, by two words of its script.
func (s *site) file(kind, breaks, mends string, keys ...string) string {
	var urls []string
	for _, port := range s.ports {
		urls = append(urls, fmt.Sprintf("%q", fmt.Sprintf("http://127.0.0.1:%d", port)))
	}
	do := func(word string) string {
		return "sh " + filepath.Join(s.dir, "site.sh") + " " + word + " $REPLICA $PORT"
	}
	text := fmt.Sprintf(`name: site
owner: web
prove: {allow: [web]}
services:
  web:
    urls: [%s]
    failure_modes:
      %s: {break: %s, mend: %s}
`, strings.Join(urls, ", "), kind, do(breaks), do(mends))
	for _, key := range keys {
		text += "    " + key + "\n"
	}
	return text
}

// consenting adds to what a file says of live drills.
func consenting(file, more string) string {
	return strings.Replace(file, "prove: {allow: [web]}", "prove: {allow: [web], "+more+"}", 1)
}

// unguarded leaves it to the drill's own bounds to say what is too much.
func unguarded(file string) string { return consenting(file, "abort: {hurt: 100%, within: 1s}") }

func TestWhatRunsElsewhereIsDrilledInEarnest(t *testing.T) {
	t.Parallel()
	s := newSite(t, 2)
	h := newHouse(t, s.file("crash", "kill", "start", "manage: route", `ports: ["8080"]`))
	said, run := h.decided("--live")
	said.exits(exitGood).tells("will touch  web, in earnest, at 127.0.0.1:", "site.sh kill $REPLICA $PORT", "site.sh start $REPLICA $PORT", "100/s")
	drill := run.Drills[0]
	if drill.Verdict != holdfast.Pass || !strings.Contains(drill.Witness, "asked itself: connect: connection refused") || drill.Detect == nil || drill.Restore == nil {
		t.Errorf("want PASS with a witness, got:\n%s", said.stdout)
	}
	if !s.whole() || !strings.Contains(s.did(), "kill web-") {
		t.Errorf("the site is whole: %v; it was done: %q", s.whole(), s.did())
	}
	h.keepsNothingOfTheCopy()
	h.run("heal").exits(exitGood).tells("nothing was left behind")
}

// A hang that only the drill ends, of one replica that nobody stands in front
// of: an honest FAIL, and it is mended.
func TestAnObservedHangIsFelt(t *testing.T) {
	t.Parallel()
	s := newSite(t, 1)
	h := newHouse(t, unguarded(s.file("hang", "stop", "cont")))
	said, run := h.decidedOf("hang", "--live")
	said.exits(exitFound)
	drill := run.Drills[0]
	if drill.Verdict != holdfast.Fail || drill.Detect == nil || drill.Restore == nil || !drill.Escalated || !strings.Contains(drill.Reason, "there is one web and nothing else to ask") {
		t.Errorf("want FAIL because users felt it, got:\n%s", said.stdout)
	}
	if !s.whole() {
		t.Error("the site is not whole again")
	}
}

// asked counts who asks something, at an address that nobody started for this.
func asked(t *testing.T, status func() int) (url string, count *atomic.Int64) {
	t.Helper()
	count = &atomic.Int64{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		count.Add(1)
		w.WriteHeader(status())
	}))
	t.Cleanup(server.Close)
	return server.URL, count
}

func well() int { return http.StatusOK }

// hooked is a service at a url, with hooks that leave a mark.
func hooked(url, allow string) string {
	return fmt.Sprintf("name: site\nowner: web\n%sservices:\n  web:\n    urls: [%q]\n    failure_modes: {crash: {break: touch broken, mend: touch mended}}\n", allow, url)
}

func (h *house) holds(name string) bool {
	_, err := os.Stat(filepath.Join(h.dir, name))
	return err == nil
}

func TestNothingIsTouchedThatNobodyAllowed(t *testing.T) {
	t.Parallel()
	url, count := asked(t, well)
	const allow = "prove: {allow: [web]}\n"
	for name, c := range map[string]struct {
		allow string
		args  []string
		tells []string
	}{
		"without --live":           {allow: allow, args: []string{"prove"}, tells: []string{"SKIP", "web runs elsewhere", "holdfast prove --live"}},
		"without consent":          {args: []string{"prove", "--live"}, tells: []string{"SKIP", "does not allow", "prove: {allow: [web]}"}},
		"without either":           {args: []string{"prove"}, tells: []string{"SKIP", "prove: {allow: [web]}", "--live"}},
		"a dry run":                {allow: allow, args: []string{"prove", "--live", "--dry-run"}, tells: []string{"would touch  web, in earnest", "break: touch broken", "mend:  touch mended", "would drill  web.crash", "GET requests only"}},
		"a dry run without --live": {allow: allow, args: []string{"prove", "--dry-run"}, tells: []string{"would skip   web.crash", "--live"}},
	} {
		h := newHouse(t, hooked(url, c.allow))
		s := h.run(c.args...).exits(exitNothing).tells(c.tells...)
		if n := count.Load(); n > 0 || h.holds("broken") || h.holds("mended") {
			t.Errorf("%s: it was asked %d times, and broken: %v\n%s", name, n, h.holds("broken"), s.all())
		}
	}
	h := newHouse(t, hooked(url, allow))
	var document struct {
		Touches []string
		Drills  []string
	}
	if err := json.Unmarshal([]byte(h.run("prove", "--live", "--dry-run", "--json").exits(exitNothing).stdout), &document); err != nil || len(document.Touches) == 0 || len(document.Drills) != 1 {
		t.Errorf("as a document it is %+v (%v)", document, err)
	}
}

func TestWhatIsNotWholeIsNotBroken(t *testing.T) {
	t.Parallel()
	url, _ := asked(t, func() int { return http.StatusInternalServerError })
	h := newHouse(t, hooked(url, "prove: {allow: [web]}\n"))
	s := h.run("prove", "--live", "--json").exits(exitCouldNot)
	if run := s.document(); run.Verdict != holdfast.Invalid || !strings.Contains(run.Reason, "without any fault") || h.holds("broken") {
		t.Errorf("want INVALID and nothing broken, got:\n%s", s.stdout)
	}
}

// A break that does nothing shows nothing; one that fails is mended and shows
// nothing either; a mend that fails is never taken for put back.
func TestHooksThatDoNotDoTheirWork(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		breaks, mends string
		code          int
		verdict       holdfast.Verdict
		tells         string
		mended        bool
	}{
		"does nothing": {breaks: "true", mends: "touch mended", code: exitCouldNot, verdict: holdfast.Invalid, tells: "nobody but the hook saw the fault", mended: true},
		"fails":        {breaks: "sh -c 'echo no such unit >&2; exit 5'", mends: "touch mended", code: exitCouldNot, verdict: holdfast.Invalid, tells: "exit status 5; it said: no such unit", mended: true},
		"hangs":        {breaks: "sleep 300", mends: "touch mended, hook_timeout: 1s", code: exitCouldNot, verdict: holdfast.Invalid, tells: "did not end within 1s and was killed", mended: true},
		"cannot mend":  {breaks: "true", mends: "sh -c 'echo still broken; exit 3'", code: exitFound, verdict: holdfast.Fail, tells: "LEFT BROKEN"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url, _ := asked(t, well)
			file := strings.Replace(hooked(url, "prove: {allow: [web]}\n"), "break: touch broken, mend: touch mended", fmt.Sprintf("break: %s, mend: %s", c.breaks, c.mends), 1)
			h := newHouse(t, file)
			s, run := h.decided("--live")
			s.exits(c.code)
			if run.Verdict != c.verdict || len(run.Drills) != 1 || !strings.Contains(run.Drills[0].Reason, c.tells) || h.holds("mended") != c.mended {
				t.Errorf("want %s and %q, mended %v; got mended %v:\n%s", c.verdict, c.tells, c.mended, h.holds("mended"), s.stdout)
			}
			if !c.mended {
				h.run("heal").exits(exitCouldNot).tells("LEFT", "still broken")
			}
		})
	}
}

// Whoever is killed in the middle of a hook drill, what was broken in earnest is
// mended: by prove itself on Ctrl-C, by the warden when prove is gone or stuck,
// by heal when the warden is gone too.
func TestWhatWasBrokenInEarnestIsMendedWhoeverIsLost(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(*house, *underway){
		"ctrl-c":         func(_ *house, r *underway) { r.signal(syscall.SIGINT) },
		"prove killed":   func(_ *house, r *underway) { r.signal(syscall.SIGKILL) },
		"prove stopped":  func(_ *house, r *underway) { r.signal(syscall.SIGSTOP) },
		"warden killed":  func(h *house, _ *underway) { h.strike(h.one("warden"), syscall.SIGKILL) },
		"warden stopped": func(h *house, _ *underway) { h.strike(h.one("warden"), syscall.SIGSTOP) },
		"keeper killed":  func(h *house, _ *underway) { h.strike(h.one("keeper"), syscall.SIGKILL) },
		"both killed": func(h *house, r *underway) {
			warden := h.one("warden")
			h.strike(warden, syscall.SIGKILL)
			r.signal(syscall.SIGKILL)
			// Who is being killed holds the ledger until it is dead, and heal leaves it alone.
			await(h.t, "both are dead", func() bool { return !lives(warden) && !lives(r.cmd.Process.Pid) })
		},
	} {
		for _, breaks := range []string{"stop", "hang"} { // the break has ended well, or goes on
			t.Run(name+" "+breaks, func(t *testing.T) {
				t.Parallel()
				s := newSite(t, 1)
				h := newHouse(t, unguarded(s.file("hang", breaks, "cont", "bounds: {detect: 20s, mitigate: 20s, restore: 30s}")))
				r := h.start("prove", "--live")
				await(t, "it is broken", func() bool {
					select {
					case <-r.ended:
						t.Fatalf("it ended before:\n%s%s", &r.stdout, &r.stderr)
					default:
					}
					return strings.Contains(s.did(), breaks+" web-1") && !s.answers(0)
				})
				began := time.Now()
				lose(h, r)
				if name == "both killed" {
					h.run("heal").exits(exitGood).tells("undone   ", "hook on web-1")
				}
				await(t, "the site is whole", s.whole)
				t.Logf("mended after %s", time.Since(began).Round(time.Millisecond))
				switch name {
				case "ctrl-c":
					r.ends().exits(exitInterrupted).tells("mend of web-1", "ABORTED", "put back")
				case "prove stopped":
					r.signal(syscall.SIGCONT)
					r.ends()
				default:
					r.ends()
				}
				h.onlyLivesWithin(2 * lease)
				h.run("heal").exits(exitGood).tells("nothing was left behind")
				if !s.whole() {
					t.Error("the site is broken again")
				}
			})
		}
	}
}

func TestTwoLiveProofsDoNotMeet(t *testing.T) {
	t.Parallel()
	s := newSite(t, 1)
	h := newHouse(t, unguarded(s.file("hang", "stop", "cont")))
	first := h.start("prove", "--live")
	first.says("hook on web-1")
	h.run("prove", "--live").exits(exitCouldNot).tells("another prove --live is under way")
	h.run("prove", "--live", "--state", filepath.Join(h.dir, "other")).exits(exitCouldNot).tells("another prove --live of this file", "with another state directory")
	first.ends().exits(exitFound)
}

// A hook of a service that we run strikes the copy's process.
func TestAHookStrikesThePrivateCopy(t *testing.T) {
	t.Parallel()
	h := newHouse(t, catalogAlone("", "failure_modes: {crash: {break: kill -KILL $PID, mend: kill -0 $PID}}"))
	said, run := h.decidedOf("catalog.crash")
	said.exits(exitGood)
	if drill := run.Drills[0]; drill.Verdict != holdfast.Pass || len(drill.Remedies) != 1 || drill.Witness == "" || !strings.HasPrefix(string(drill.Strikes), "catalog-") {
		t.Errorf("want PASS by a restart, got:\n%s", said.stdout)
	}
}

// What runs elsewhere is watched, routed around, and never restarted.
func TestUpWatchesAndRoutesWhatRunsElsewhere(t *testing.T) {
	t.Parallel()
	port := freePort(t)
	s := newSite(t, 2)
	h := newHouse(t, s.file("crash", "kill", "start", "manage: route", fmt.Sprintf("ports: [%q]", strconv.Itoa(port))))
	h.run("up", "--detach").exits(exitGood)
	t.Cleanup(func() { h.run("down").exits(exitGood) })
	get := func() error {
		response, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/", port))
		if err != nil {
			return err
		}
		defer response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("status %d", response.StatusCode)
		}
		return nil
	}
	if err := get(); err != nil {
		t.Fatal(err)
	}
	struck := s.pid(0)
	syscall.Kill(struck, syscall.SIGKILL)
	events := func(text string) func() bool {
		return func() bool { return strings.Contains(h.run("events").stdout, text) }
	}
	for range 50 {
		if err := get(); err != nil {
			t.Errorf("a request was hurt although another replica lives: %v", err)
		}
	}
	await(t, "the crash is believed", events("detected web-1#1 web.crash by refused"))
	await(t, "somebody is told", events("escalated web-1#1 web.crash to web: no remedy is declared"))
	if all := h.run("events").stdout; strings.Contains(all, "decided restart") || strings.Contains(all, "started web-1#2") {
		t.Errorf("what we did not start was restarted:\n%s", all)
	}
	if out, err := exec.Command("sh", filepath.Join(s.dir, "site.sh"), "start", s.name(0), strconv.Itoa(s.ports[0])).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	await(t, "it is whole again", events("restored web-1#1 web.crash"))
	h.run("status").exits(exitGood).tells("web")
}

// A service behind a bare port is asked by its words; what only accepts is not
// taken for well.
func TestUpAsksABarePortByItsWords(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	var silent atomic.Bool
	go func() {
		for conn, err := listener.Accept(); err == nil; conn, err = listener.Accept() {
			if !silent.Load() {
				io.WriteString(conn, "220 ready\r\n")
			}
			go func() { // until the asker leaves
				io.Copy(io.Discard, conn)
				conn.Close()
			}()
		}
	}()
	h := newHouse(t, fmt.Sprintf("name: site\nowner: web\nservices:\n  mail:\n    urls: [\"tcp://%s\"]\n    healthcheck: {expect: \"220 \"}\n    failure_modes: {hang: {break: a, mend: b}}\n", listener.Addr()))
	h.run("up", "--detach").exits(exitGood)
	t.Cleanup(func() { h.run("down").exits(exitGood) })
	events := func(text string) func() bool {
		return func() bool { return strings.Contains(h.run("events").stdout, text) }
	}
	await(t, "it is used", events(`admitted mail-1#1 by gateway-1: connect and hear "220 "`))
	silent.Store(true)
	await(t, "its hang is believed", events("detected mail-1#1 mail.hang"))
	silent.Store(false)
	await(t, "it is whole again", events("restored mail-1#1 mail.hang"))
}
