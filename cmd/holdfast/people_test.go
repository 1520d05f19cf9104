//go:build linux

package main

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// called is a pair whose crash nobody mends, and who is told of it. NTFY, HOOK and
// ACK stand for addresses of the test.
const called = `name: pair
owner: web
owners: {web: [ana]}
people:
  ana: {contacts: [{via: ntfy, to: ana-alerts}]}
channels:
  ntfy: {ntfy: "NTFY"}
  hook: {webhook: "HOOK"}
  bell: {command: sh ring.sh}
escalation_policies:
  web: {rules: [{notify: [ana, hook, bell]}]}
escalate: web
on_call: {listen: "ACK", url: "http://ACK"}
services:
  cart:
    command: ./holdfast toy cart
    replicas: 2
    ports: ["8080"]
    failure_modes: {crash: {remedies: []}}
`

// ring is a program that tells people: it writes down what it was told.
const ring = `echo "$HOLDFAST_PURPOSE $HOLDFAST_KEY" >> rung
`

// An outside is the providers of a test: ntfy, and a webhook that does not answer the
// first message.
type outside struct {
	*httptest.Server
	mu     sync.Mutex
	noted  []ntfyNote
	hooked []string // "PURPOSE KEY", as they came
}

// ntfyNote is what ntfy was given.
type ntfyNote struct {
	Topic, Title, Message string
	Actions               []struct{ Label, URL string }
}

func newOutside(t *testing.T) *outside {
	o := &outside{}
	o.Server = httptest.NewServer(http.HandlerFunc(o.take))
	t.Cleanup(o.Close)
	return o
}

func (o *outside) take(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	if r.URL.Path == "/hook" {
		var told struct{ Purpose string }
		_ = json.Unmarshal(body, &told)
		o.mu.Lock()
		o.hooked = append(o.hooked, told.Purpose+" "+r.Header.Get("Idempotency-Key"))
		first := len(o.hooked) == 1
		o.mu.Unlock()
		if first {
			<-r.Context().Done() // who sends it gives up, or dies
		}
		return
	}
	var note ntfyNote
	_ = json.Unmarshal(body, &note)
	o.mu.Lock()
	o.noted = append(o.noted, note)
	o.mu.Unlock()
	_, _ = io.WriteString(w, `{"id":"x1"}`)
}

func (o *outside) notes() []ntfyNote {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.noted)
}

func (o *outside) hooks() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.hooked)
}

// asks opens a link, or presses its button, and returns the status and the page.
func asks(s *system, method, link string) (int, string) {
	s.Helper()
	request, err := http.NewRequest(method, link, nil)
	s.must(err)
	var status int
	var page []byte
	await(s.T, method+" is answered", func() bool { // the agent may just be starting
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return false
		}
		defer response.Body.Close()
		status = response.StatusCode
		page, err = io.ReadAll(response.Body)
		return err == nil
	})
	return status, string(page)
}

// TestSomebodyIsWokenAcknowledgesAndLearnsThatItIsOver has a replica crash that
// nothing mends, the agent die while it tells somebody, and a person acknowledge from
// a phone.
func TestSomebodyIsWokenAcknowledgesAndLearnsThatItIsOver(t *testing.T) {
	t.Parallel()
	o := newOutside(t)
	page := net.JoinHostPort("127.0.0.1", strconv.Itoa(freePort(t)))
	s := newSystem(t, strings.NewReplacer("NTFY", o.URL, "HOOK", o.URL+"/hook", "ACK", page).Replace(called))
	s.write("ring.sh", ring)
	s.detached()
	replicas := s.whole()
	s.run("ack").exits(2).tells("no incident is open")

	s.strike(replicas["cart-1"], syscall.SIGKILL)
	await(t, "ana is told by ntfy, and the webhook is being told", func() bool { return len(o.notes()) == 1 && len(o.hooks()) == 1 })
	note := o.notes()[0]
	if note.Topic != "ana-alerts" || !strings.Contains(note.Title, "cart.crash") || len(note.Actions) == 0 || note.Actions[0].Label != "Acknowledge" {
		t.Fatalf("ana is told %+v", note)
	}
	await(t, "ntfy and the bell are done, as far as the journal knows", func() bool {
		events := s.run("events").stdout
		return strings.Contains(events, "/bell/trigger in ") && strings.Contains(events, "/ntfy/trigger in ")
	})
	s.strike(s.roleAt("agent"), syscall.SIGKILL)
	await(t, "the next agent tells the webhook", func() bool { return len(o.hooks()) == 2 })
	if told := o.hooks(); told[0] != told[1] || !strings.HasPrefix(told[0], "trigger ") {
		t.Errorf("the next agent says something else: %q", told)
	}

	link := note.Actions[0].URL
	for _, method := range []string{"GET", "HEAD", "GET"} {
		if status, text := asks(s, method, link); status != 200 || method == "GET" && !strings.Contains(text, "Nobody has it yet") {
			t.Errorf("%s of the link says %d:\n%s", method, status, text)
		}
	}
	s.run("incidents").exits(0).tells("NOBODY HAS IT", "cart.crash")
	if status, _ := asks(s, "POST", strings.Replace(link, "by=ana", "by=ben", 1)); status != 403 {
		t.Errorf("a link that was made out to another answers %d", status)
	}
	if status, text := asks(s, "POST", link); status != 200 || !strings.Contains(text, "You have it") {
		t.Errorf("the button says %d:\n%s", status, text)
	}
	s.run("incidents").exits(0).tells("ana has it")
	s.learns()

	s.write(defaultFile, strings.Replace(s.file(), "{crash: {remedies: []}}", "{}", 1))
	s.run("reload").exits(0)
	s.whole()
	await(t, "ana is told that it is over", func() bool {
		notes := o.notes()
		return strings.Contains(notes[len(notes)-1].Title, "RESOLVED")
	})
	if status, text := asks(s, "POST", link); status != 410 || !strings.Contains(text, "It is over") {
		t.Errorf("a link to what is over says %d:\n%s", status, text)
	}
	await(t, "everybody is told that it is over", func() bool {
		hooks := o.hooks()
		return strings.HasPrefix(hooks[len(hooks)-1], "resolve ") && strings.Contains(s.rung(), "resolve ")
	})
	s.toldOnce(o)
	s.closes()
	s.down()
	s.run("postmortem", s.onlyIncident()).exits(0).tells("# ", "cart.crash")
}

// arranged is a pair with a schedule, of which one channel is of no use.
const arranged = `name: pair
owner: web
people:
  ana: {contacts: [{via: bell}, {via: dumb, after: 1m}]}
  ben: {contacts: [{via: bell, to: "7"}]}
channels:
  bell: {command: sh ring.sh}
  dumb: {command: "false"}
schedules:
  days: {time_zone: Europe/Berlin, rotations: [{type: weekly, start: 2026-01-05 09:00, users: [ana], restrictions: ["Mon-Fri 09:00-17:00"]}]}
  always: {rotations: [{type: weekly, start: 2026-01-05 09:00, users: [ben]}]}
escalation_policies:
  web: {rules: [{notify: always}]}
escalate: web
on_call: {heartbeat: env:BEAT}
services:
  cart:
    command: ./holdfast toy cart
    replicas: 2
    ports: ["8080"]
    failure_modes: {crash: {remedies: []}}
`

// TestDutyIsArrangedAndWhoeverListensOutsideHearsTheHeart asks who is on call, changes
// it, keeps a crash from waking anybody while its service is maintained, and no
// longer.
func TestDutyIsArrangedAndWhoeverListensOutsideHearsTheHeart(t *testing.T) {
	t.Parallel()
	beats := make(chan string, 100)
	outside := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { beats <- r.Method + " " + r.URL.Path }))
	t.Cleanup(outside.Close)
	s := newSystem(t, arranged)
	s.environ = []string{"BEAT=" + outside.URL + "/ping/s3cret"}
	s.write("ring.sh", ring)
	s.detached()
	replicas := s.whole()

	s.run("oncall", "--at", "2026-11-28 12:00").exits(0).tells("SCHEDULE ON CALL UNTIL THEN", "days NOBODY Mon 2026-11-30 09:00 CET ana", "always ben beyond", "gap days: nobody from Sat 2026-11-28")
	s.run("oncall", "--at", "2026-11-28 12:00", "--days", "3").exits(0).tells("shift days: ana from Mon 2026-11-30 09:00 CET until Mon 2026-11-30 17:00 CET")
	s.run("oncall", "--at", "2026-11-28 12:00", "--json").exits(0).tells(`"schedules":[{"schedule":"days","shifts":[{"from":`)
	s.run("oncall", "--at", "soon").exits(2).tells(`"soon" is no time`)
	s.run("oncall", "--days", "0").exits(2)
	s.run("override", "always", "ana", "--until", "2h").exits(0).tells("ana is on call by always from")
	s.run("oncall").exits(0).tells("always ana", "override always: ana from")
	s.run("override", "nights", "ana", "--until", "2h").exits(2).tells(`no schedule "nights"`, "days, always")
	s.run("override", "always", "eve", "--until", "2h").exits(2).tells(`nobody called "eve"`, "ana, ben")
	s.run("override", "always", "ana").exits(2).tells("--until is missing")

	s.run("page").exits(2).tells("holdfast page test")
	s.run("page", "test", "eve").exits(2).tells(`nobody called "eve"`)
	s.run("page", "test", "ben").exits(0).tells("ben bell 7 TAKEN OVER")
	s.run("page", "test").exits(1).tells("ana bell TAKEN OVER", "ana dumb LOST", "1 message was not taken over")
	if rung := s.rung(); strings.Count(rung, "trigger test-") != 3 {
		t.Errorf("the bell was told:\n%s", rung)
	}

	s.run("maintenance", "--service", "till", "--until", "1h", "--why", "x").exits(2).tells(`no service "till"`)
	s.run("maintenance", "--until", "1h").exits(2).tells("--why is missing")
	s.run("maintenance", "--end").exits(3).tells("nothing is being maintained")
	s.run("maintenance", "--service", "cart", "--until", "1h", "--why", "a new disk", "--by", "ana").exits(0).tells("nobody is woken by cart until")
	s.run("status").exits(0).tells("quiet    cart until", "by ana (a new disk): nobody is woken")
	s.run("oncall").exits(0).tells("maintenance cart until", "by ana: a new disk")
	s.strike(replicas["cart-1"], syscall.SIGKILL)
	await(t, "there is an incident", func() bool { return strings.Contains(s.run("incidents").stdout, "cart.crash on cart-1") })
	if rung := s.rung(); strings.Contains(rung, "trigger 2") {
		t.Errorf("somebody is woken although cart is maintained:\n%s", rung)
	}
	s.run("maintenance", "--end").exits(0).tells("maintenance is over")
	await(t, "ana is told now", func() bool { return strings.Contains(s.rung(), "/ana/bell/trigger") })
	s.run("ack", "--by", "ana").exits(0).tells("ana has 20")
	s.run("incidents").exits(0).tells("ana has it")

	select {
	case beat := <-beats:
		if beat != "GET /ping/s3cret" {
			t.Errorf("the heart beats %q", beat)
		}
	case <-time.After(patience):
		t.Errorf("nobody outside hears anything; the status says:\n%s", s.run("status").all())
	}
	s.down()
	for _, log := range []string{"agent", "keeper", "gateway"} {
		if text, _ := os.ReadFile(s.state.log(log)); strings.Contains(string(text), "s3cret") {
			t.Errorf("the secret is in the log of the %s", log)
		}
	}
	if said := s.run("events", "--json").exits(0); strings.Contains(said.stdout, "s3cret") {
		t.Error("the secret is in the journal")
	}
}

func (s *system) file() string {
	text, err := os.ReadFile(filepath.Join(s.dir, defaultFile))
	s.must(err)
	return string(text)
}

// rung is what the bell was told.
func (s *system) rung() string {
	text, _ := os.ReadFile(filepath.Join(s.dir, "rung"))
	return string(text)
}

// onlyIncident is the name of the one incident there is.
func (s *system) onlyIncident() string {
	s.Helper()
	var listed listedIncidents
	s.must(json.Unmarshal([]byte(s.run("incidents", "--json").exits(0).stdout), &listed))
	if len(listed.Incidents) != 1 {
		s.Fatalf("there are %d incidents, want one", len(listed.Incidents))
	}
	return string(listed.Incidents[0].ID)
}

// learns has people put down what they know of an incident that is open.
func (s *system) learns() {
	s.Helper()
	id := s.onlyIncident()
	s.run("note", id, "the disk\nis full", "--by", "ana").exits(0).tells("noted with " + id)
	s.run("note", "20000101-1", "x").exits(2).tells("there is no incident", "holdfast incidents lists")
	s.run("action", id, "a larger disk", "--owner", "ben", "--due", "2027-01-31").exits(0).tells("action 1 of " + id + ": a larger disk, by ben until 2027-01-31")
	s.run("action", id, "--number", "1", "--done").exits(0).tells("a larger disk, by ben until 2027-01-31, done")
	s.run("action", id, "--number", "7", "--done").exits(2).tells("has no action 7")
	s.run("action", id, "undated", "--owner", "ben").exits(2).tells("--due is missing")
	s.run("amend", id, "impact", "1h ago", "--why", "a user wrote").exits(0).tells("impact of " + id)
	s.run("amend", id, "dinner", "1h ago", "--why", "x").exits(2).tells("there is no moment", "mitigated")
	s.run("amend", id, "impact", "2h", "--why", "x").exits(2).tells("lies ahead")
	s.run("close", id, "--mode", "cart.crash").exits(3).tells("still open")
	s.run("incidents", "show", id).exits(0).tells("the disk is full", "a larger disk", "ana")
}

// closes has somebody close an incident that is over.
func (s *system) closes() {
	s.Helper()
	id := s.onlyIncident()
	s.run("ack", id).exits(3).tells("is over since", "nothing to acknowledge")
	s.run("close", id).exits(2).tells("it is not said what was learnt")
	s.run("close", id, "--mode", "cart.flood").exits(2).tells("no failure mode")
	s.run("close", id, "--mode", "cart.crash").exits(3).tells("cart.crash was never drilled", "holdfast prove cart.crash")
	s.run("close", id, "--waive", "moving", "--owner", "web").exits(2).tells("--until is missing")
	s.run("close", id, "--waive", "moving", "--owner", "web", "--until", "2020-01-01").exits(2).tells("over already")
	s.run("close", id, "--waive", "moving", "--owner", "web", "--until", time.Now().AddDate(0, 1, 0).Format(time.DateOnly)).exits(0).tells(id+" is closed", "web answers for that")
	s.run("close", id, "--mode", "cart.crash").exits(3).tells("was closed by")
	s.run("incidents").exits(0).tells("closed")
}

// toldOnce: nobody who was told before the agent died is told again, and the one that
// was being told is, under the key that it had, once.
func (s *system) toldOnce(o *outside) {
	s.Helper()
	count := func(all []string) map[string]int {
		times := map[string]int{}
		for _, one := range all {
			times[one]++
		}
		return times
	}
	for message, times := range count(o.hooks()) {
		if want := map[bool]int{true: 2, false: 1}[strings.HasPrefix(message, "trigger ")]; times != want {
			s.Errorf("the webhook is told %q %d times, want %d", message, times, want)
		}
	}
	for message, times := range count(strings.Split(strings.TrimSpace(s.rung()), "\n")) {
		if times != 1 {
			s.Errorf("the bell is told %q %d times", message, times)
		}
	}
	var titles []string
	for _, note := range o.notes() {
		titles = append(titles, note.Title)
	}
	if len(titles) != 2 {
		s.Errorf("ana is told %q, want that it began and that it is over", titles)
	}
}

// The page of people has one whole file, and nothing is wrong with it.
func TestThePageOfPeopleHasAFileThatIsGood(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/oncall.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "```yaml\n")
	file, _, whole := strings.Cut(rest, "```")
	if !whole {
		t.Fatal("there is no file")
	}
	h := newHouse(t, file)
	h.environ = []string{"NTFY_TOKEN=x", "MAIL_PASSWORD=x", "SLACK_URL=https://hooks.slack.com/x", "HEARTBEAT_URL=https://hc-ping.com/x"}
	h.write("storefront", "#!/bin/sh\n")
	if err := os.Chmod(filepath.Join(h.dir, "storefront"), 0o700); err != nil {
		t.Fatal(err)
	}
	h.run("check").exits(0)
}
