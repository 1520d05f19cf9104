package view

import (
	"bufio"
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"holdfast"
	"holdfast/event"
	"holdfast/internal/golden"
)

// Plays are the files in testdata: prose, entries one per line as
//
//	SECONDS KIND ARGUMENTS… [<- CAUSE]
//
// and after each ---- what a view must say of all entries so far. They are
// rewritten with REWRITE=1; read the diff.
func TestPlays(t *testing.T) { golden.Plays(t, perform) }

func perform(t *testing.T, script string) string {
	s := &stage{t: t}
	var got strings.Builder
	expecting := false
	lines := bufio.NewScanner(strings.NewReader(script))
	for lines.Scan() {
		line := lines.Text()
		switch {
		case strings.HasPrefix(line, "---- "):
			expecting = true
			fmt.Fprintf(&got, "%s\n%s\n", line, s.shows(strings.TrimPrefix(line, "---- ")))
		case expecting:
			expecting = line != ""
		default:
			if line != "" && !strings.HasPrefix(line, "#") {
				s.enter(line)
			}
			fmt.Fprintln(&got, line)
		}
	}
	return got.String()
}

// A stage holds the entries of a play so far.
type stage struct {
	t       *testing.T
	entries []event.Entry
	status  Status
}

// shows folds the entries: the status both at once and by way of JSON in the
// middle, which must not differ.
func (s *stage) shows(what string) string {
	s.t.Helper()
	var out strings.Builder
	switch what {
	case "timeline":
		return text(s.entries, time.UTC)
	case "notices":
		var timeline Timeline
		for _, e := range s.entries {
			if row := timeline.Add(e); row.Notable {
				fmt.Fprintln(&out, row.Notice(time.UTC))
			}
		}
		return out.String()
	case "status":
		s.sameByWayOfJSON()
		return s.status.Text(time.UTC)
	default:
		s.t.Fatalf("no view %q", what)
		return ""
	}
}

func (s *stage) sameByWayOfJSON() {
	s.t.Helper()
	var folded Status
	for _, e := range s.entries {
		folded.Add(e)
		stored, err := json.Marshal(folded)
		if err != nil {
			s.t.Fatal(err)
		}
		folded = Status{}
		if err := json.Unmarshal(stored, &folded); err != nil {
			s.t.Fatal(err)
		}
		folded.Add(e) // twice is once
	}
	if got, want := asJSON(s.t, folded), asJSON(s.t, s.status); got != want {
		s.t.Errorf("the status differs after it was stored\n got %s\nwant %s", got, want)
	}
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// enter takes one line of a play in.
func (s *stage) enter(line string) {
	s.t.Helper()
	line, cause, _ := strings.Cut(line, " <- ")
	at, rest, _ := strings.Cut(line, " ")
	seconds, err := strconv.ParseFloat(at, 64)
	if err != nil {
		s.t.Fatalf("%q does not begin with a time", line)
	}
	boot := time.Duration(seconds * float64(time.Second))
	e := event.Entry{
		ID:   event.ID{Writer: "agent", Seq: uint64(len(s.entries)) + 1},
		At:   event.At{Wall: time.Date(2026, 11, 21, 10, 31, 0, 0, time.UTC).Add(boot), Boot: boot, BootID: "b1"},
		Body: s.body(strings.Fields(rest)),
	}
	if seconds >= 1000 { // later plays of the same name are after a reboot
		e.At.BootID = "b2"
	}
	if n, err := strconv.ParseUint(strings.TrimSpace(cause), 10, 64); err == nil {
		e.Cause = event.ID{Writer: "agent", Seq: n}
	}
	s.entries = append(s.entries, e)
	s.status.Add(e)
}

func (s *stage) body(words []string) event.Body {
	s.t.Helper()
	kind, words := words[0], words[1:]
	rest := func(n int) string { return strings.Join(words[min(n, len(words)):], " ") }
	switch kind {
	case "declared":
		return event.Declared{System: shop(words...)}
	case "woken":
		return event.Woken{Version: "v", Pid: 1, Epoch: 3}
	case "paused":
		return event.Paused{Service: holdfast.ServiceName(rest(1)), By: words[0]}
	case "resumed":
		return event.Resumed{Service: holdfast.ServiceName(rest(1)), By: words[0]}
	case "stop-requested":
		return event.StopRequested{By: "ana"}
	case "stopped":
		return event.Stopped{}
	case "done", "failed":
		return s.outcome(kind, words)
	default:
		return s.about(kind, s.replica(words[0]), rest)
	}
}

func (s *stage) outcome(kind string, words []string) event.Body {
	n, _ := strconv.ParseUint(words[0], 10, 64)
	action := event.ID{Writer: "agent", Seq: n}
	if kind == "done" {
		return event.Done{Action: action}
	}
	return event.Failed{Action: action, Reason: strings.Join(words[1:], " ")}
}

func (s *stage) replica(text string) holdfast.ReplicaID {
	s.t.Helper()
	id, err := holdfast.ParseReplicaID(text)
	if err != nil {
		s.t.Fatal(err)
	}
	return id
}

// about makes the bodies that begin with a replica.
func (s *stage) about(kind string, id holdfast.ReplicaID, rest func(int) string) event.Body {
	s.t.Helper()
	mode := holdfast.NameOf(holdfast.Target{Service: id.Service}, "crash")
	switch kind {
	case "started":
		return holdfast.Started{ID: id, Address: "127.0.0.1:20001", Pid: 77}
	case "not-started":
		return holdfast.NotStarted{ID: id, Reason: rest(1)}
	case "exited":
		return holdfast.Exited{ID: id, Status: holdfast.ExitStatus{Signal: "SIGKILL"}, Ran: 3 * time.Second}
	case "ejected":
		return holdfast.Ejected{Gateway: "gateway-1", ID: id, Sign: holdfast.Sign(rest(1)), Remaining: 1}
	case "kept":
		return holdfast.Ejected{Gateway: "gateway-1", ID: id, Sign: holdfast.Sign(rest(1)), Remaining: 1, Kept: true}
	case "admitted":
		return holdfast.Admitted{Gateway: holdfast.GatewayName("gateway-" + rest(1)), ID: id}
	case "fault":
		return event.FaultInjected{Mode: mode, Fault: "kill", ID: id}
	case "suspected":
		return event.Suspected{Mode: mode, ID: id, Sign: holdfast.SignRefused}
	case "cleared":
		return event.Cleared{Mode: mode, ID: id}
	case "detected":
		return event.Detected{Mode: mode, ID: id, Sign: holdfast.SignExit, Detail: "SIGKILL after 3s", After: 4 * time.Millisecond}
	case "start", "stop":
		return event.Decided{Do: event.Action(kind), Level: holdfast.Local, ID: id}
	case "restart":
		return event.Decided{Do: event.ActRestart, Level: holdfast.Local, Mode: mode, ID: id, Attempt: 1, Of: 5}
	case "waited":
		return event.Waited{Do: event.ActRestart, Mode: mode, ID: id, For: 2 * time.Second, Attempt: 2}
	case "withheld":
		return event.Withheld{Do: event.ActRestart, Mode: mode, ID: id, Guardrail: holdfast.RailAttempts, Why: "its budget of 5 in 10m is spent"}
	case "mitigated":
		return event.Mitigated{Mode: mode, ID: id, After: 5 * time.Millisecond}
	case "restored":
		return event.Restored{Mode: mode, ID: id, After: 400 * time.Millisecond}
	case "escalated":
		return event.Escalated{Mode: mode, ID: id, Owner: holdfast.OwnerName(rest(1)), Level: holdfast.Shared, Why: "its budget is spent"}
	default:
		s.t.Fatalf("no entry %q", kind)
		return nil
	}
}

// shop makes a system of words like "storefront*2:8080", "catalog*2>cart" (needs
// cart) and "cart*1".
func shop(words ...string) holdfast.System {
	system := holdfast.System{Name: "shop"}
	for _, word := range words {
		word, needs, _ := strings.Cut(word, ">")
		word, port, published := strings.Cut(word, ":")
		name, replicas, _ := strings.Cut(word, "*")
		n, _ := strconv.Atoi(replicas)
		service := holdfast.Service{Name: holdfast.ServiceName(name), Owner: "shop-team", Manage: holdfast.Full, Replicas: n, Minimum: 1}
		if published {
			p, _ := strconv.Atoi(port)
			service.Ports = []holdfast.Port{{Host: "127.0.0.1", Port: uint16(p)}}
		}
		if needs != "" {
			optional := strings.HasSuffix(needs, "?")
			service.DependsOn = []holdfast.Dependency{{On: holdfast.ServiceName(strings.TrimSuffix(needs, "?")), Required: !optional}}
		}
		system.Services = append(system.Services, service)
	}
	return system
}

// A row's JSON is what the API sends: a change here is a change of the API.
func TestRowsAsJSON(t *testing.T) {
	s := &stage{t: t}
	s.enter("1 detected catalog-2#1 <- 7")
	var timeline Timeline
	got := asJSON(t, timeline.Add(s.entries[0]))
	want := `{"id":{"w":"agent","s":1},"wall":"2026-11-21T10:31:01Z","mark":"▲","subject":"catalog-2","kind":"detected",` +
		`"text":"detected catalog-2#1 catalog.crash by exit after 4ms: SIGKILL after 3s","cause":{"w":"agent","s":7},"notable":true}`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// What no gateway carries cannot be admitted, and what listens nowhere need not
// be.
func TestServingCountsWhatCanBeCounted(t *testing.T) {
	system := shop("storefront*1:8080>legacy", "legacy*1", "worker*1")
	system.Services[1].Manage = holdfast.Observe
	system.Services[0].DependsOn = append(system.Services[0].DependsOn, holdfast.Dependency{On: "worker", Required: true})
	system.Services[2].Healthcheck.Disabled = true
	s := &stage{t: t}
	add := func(body event.Body) {
		s.entries = append(s.entries, event.Entry{})
		s.status.Add(event.Entry{ID: event.ID{Writer: "agent", Seq: uint64(len(s.entries))}, Body: body})
	}
	add(event.Declared{System: system})
	add(holdfast.Admitted{Gateway: "g", ID: holdfast.ReplicaID{Service: "storefront", Ordinal: 1, Incarnation: 1}})
	if s.status.Serving || !reflect.DeepEqual(s.status.missing(), []string{"worker"}) {
		t.Fatalf("serving %v, missing %v; want only worker missing", s.status.Serving, s.status.missing())
	}
	add(holdfast.Started{ID: holdfast.ReplicaID{Service: "worker", Ordinal: 1, Incarnation: 1}, Address: "-"})
	if !s.status.Serving {
		t.Fatal("not serving although all that can be counted is there")
	}
}

// text is the whole timeline of some entries, a line each.
func text(entries []event.Entry, in *time.Location) string {
	var timeline Timeline
	var out strings.Builder
	for _, e := range entries {
		out.WriteString(timeline.Add(e).Line(in) + "\n")
	}
	return out.String()
}
