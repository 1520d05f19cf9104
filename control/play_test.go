package control

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"holdfast"
	"holdfast/event"
	"holdfast/internal/golden"
	"holdfast/mode"
)

// A play is a story: prose, then inputs, each with the entries the mind must
// answer with. Run with REWRITE=1, read the diff, and commit it only if you
// understand it.
//
//	declare storefront*2 needs catalog; catalog*2 remedies none; guardrails 3 per 10m
//	settle                    every decided start is started, then admitted
//	at 10s exited catalog-2#1 SIGKILL
//	----
//	   9     10s  exited catalog-2#1 SIGKILL after 10s
//	  10     10s  detected catalog-2#1 catalog.crash by exit after 0s  <- 9
func TestPlays(t *testing.T) { golden.Plays(t, perform) }

// perform plays a script and returns it with the answers the mind gave. After
// every input the mind is written down and read back, so that every play is
// also a test of snapshots.
func perform(t *testing.T, script string) string {
	t.Helper()
	stage := &stage{mind: New("a"), boot: "boot-1"}
	return golden.Perform(script, func(line string) { stage.play(t, line) }, stage.answers)
}

// A stage is a mind with a clock that the play moves.
type stage struct {
	mind *Mind
	now  time.Duration
	boot string
	said []event.Entry
	last event.ID // the last decision to capture
}

// wall is the wall clock at instant 0 of every play.
func wall() time.Time { return time.Date(2026, 11, 21, 3, 4, 5, 0, time.UTC) }

func (s *stage) play(t *testing.T, line string) {
	t.Helper()
	words := strings.Fields(line)
	if words[0] == "at" {
		at, err := time.ParseDuration(words[1])
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		s.until(t, at)
		words = words[2:]
	}
	switch words[0] {
	case "wait":
	case "settle":
		s.settle(t)
	case "reboot":
		s.boot, s.now = words[1], 0
	default:
		s.step(t, s.input(t, words))
	}
}

// until lets time pass, waking the mind when it asks to be.
func (s *stage) until(t *testing.T, at time.Duration) {
	for {
		due, ok := s.mind.Wake()
		if !ok || due > at {
			break
		}
		s.now = max(s.now, due)
		s.step(t, nil)
		if again, ok := s.mind.Wake(); ok && again <= s.now {
			t.Fatalf("the mind wants to be woken at %v although it is %v", again, s.now)
		}
	}
	s.now = at
}

func (s *stage) step(t *testing.T, in event.Body) {
	t.Helper()
	said := s.mind.Step(event.At{Wall: wall().Add(s.now), Boot: s.now, BootID: s.boot}, in)
	s.said = append(s.said, said...)
	for _, entry := range said {
		if decided, ok := entry.Body.(event.Decided); ok && decided.Do == event.ActCapture {
			s.last = entry.ID
		}
	}
	snapshot, err := s.mind.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	if s.mind, err = Restore(snapshot); err != nil {
		t.Fatal(err)
	}
}

// settle plays a driver and a gateway with which everything goes well.
func (s *stage) settle(t *testing.T) {
	t.Helper()
	for done := false; !done; {
		done = true
		for _, want := range s.mind.Plan().Desired.Replicas {
			if r := s.mind.Replicas[want.ID.Name()]; r != nil && r.Phase == starting {
				s.step(t, holdfast.Started{ID: want.ID, Address: fmt.Sprintf("127.0.0.1:%d", 20000+want.ID.Ordinal)})
				if want.Service.Once {
					s.step(t, holdfast.Exited{ID: want.ID})
				} else {
					s.step(t, holdfast.Admitted{Gateway: "gateway-1", ID: want.ID})
				}
				done = false
			}
		}
	}
}

func (s *stage) answers() string {
	var out strings.Builder
	for _, entry := range s.said {
		cause := ""
		if !entry.Cause.IsZero() {
			cause = "  <- " + strconv.FormatUint(entry.Cause.Seq, 10)
		}
		fmt.Fprintf(&out, "%4d %7s  %s%s\n", entry.ID.Seq, event.Short(entry.At.Boot), entry.Text(), cause)
	}
	s.said = nil
	return out.String()
}

// input reads a line in the words of the textual form.
func (s *stage) input(t *testing.T, words []string) event.Body {
	t.Helper()
	rest := strings.Join(words[min(2, len(words)):], " ")
	id := func() holdfast.ReplicaID {
		id, err := holdfast.ParseReplicaID(words[1])
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	optional := func() holdfast.ServiceName {
		if len(words) > 1 {
			return holdfast.ServiceName(words[1])
		}
		return ""
	}
	switch words[0] {
	case "counted": // counted catalog:8080 1000 25 shed 5
		return counted(t, words)
	case "declare":
		return event.Declared{System: system(t, strings.Join(words[1:], " "))}
	case "started":
		return holdfast.Started{ID: id(), Address: rest}
	case "not-started":
		return holdfast.NotStarted{ID: id(), Reason: rest}
	case "exited":
		return holdfast.Exited{ID: id(), Status: status(rest), Ran: s.now}
	case "admitted":
		return holdfast.Admitted{Gateway: gatewayOf(words), ID: id()}
	case "ejected", "kept":
		return holdfast.Ejected{Gateway: "gateway-1", ID: id(), Sign: holdfast.Sign(rest), Remaining: 1, Kept: words[0] == "kept"}
	case "overloaded": // overloaded catalog background by gateway-2
		return holdfast.Overloaded{Gateway: gatewayOf(words), Service: holdfast.ServiceName(words[1]), Highest: holdfast.Priority(words[2]), Shed: 40, Limit: 8, After: time.Second}
	case "drained": // drained catalog-1#1 cut 2 by gateway-2
		cut := 0
		if len(words) > 3 && words[2] == "cut" {
			cut, _ = strconv.Atoi(words[3])
		}
		return holdfast.Drained{Gateway: gatewayOf(words), ID: id(), Lasted: 10 * time.Millisecond, Cut: cut}
	case "relieved":
		return holdfast.Relieved{Gateway: gatewayOf(words), Service: holdfast.ServiceName(words[1]), Shed: 400, Lasted: 5 * time.Second}
	case "paused":
		return event.Paused{Service: optional(), By: "ana"}
	case "drill":
		return event.DrillBegan{Services: drilledServices(optional()), By: "ana"}
	case "drilled":
		return event.DrillEnded{}
	case "resumed":
		return event.Resumed{Service: optional(), By: "ana"}
	case "stop":
		return event.StopRequested{By: "ana"}
	case "reset":
		return event.GuardsReset{By: "prove"}
	case "woken":
		return woken(words)
	case "captured":
		return event.Captured{Action: s.last, ID: id(), Path: "evidence/x.txt", Summary: rest}
	case "inspected":
		mode, basis, _ := strings.Cut(words[1], "=")
		return event.Inspected{Bases: []event.Basis{{Mode: holdfast.ModeName(mode), On: holdfast.Digest(basis)}}}
	case "proved":
		return event.Proved{Basis: event.Basis{Mode: holdfast.ModeName(words[1]), On: holdfast.Digest(words[3])}, Verdict: holdfast.Verdict(words[2]), At: wall()}
	case "failed":
		seq, _ := strconv.ParseUint(words[1], 10, 64)
		return event.Failed{Action: event.ID{Writer: "a", Seq: seq}, Reason: rest}
	default:
		t.Fatalf("no such input: %s", words)
		return nil
	}
}

// gatewayOf is the last word where it names one, and the first gateway elsewhere.
func gatewayOf(words []string) holdfast.GatewayName {
	if n := len(words); words[n-2] == "by" {
		return holdfast.GatewayName(words[n-1])
	}
	return "gateway-1"
}

// drilledServices are those a drill may strike: one, or all when none is named.
func drilledServices(name holdfast.ServiceName) []holdfast.ServiceName {
	if name == "" {
		return nil
	}
	return []holdfast.ServiceName{name}
}

func status(text string) holdfast.ExitStatus {
	if text == "unknown" {
		return holdfast.ExitStatus{Unknown: true}
	}
	if code, err := strconv.Atoi(text); err == nil {
		return holdfast.ExitStatus{Code: code}
	}
	return holdfast.ExitStatus{Signal: text}
}

// system reads "storefront*2 needs catalog armed; catalog*2 remedies none".
func system(t testing.TB, text string) holdfast.System {
	t.Helper()
	sys := holdfast.System{Name: "shop", Guardrails: holdfast.Guardrails{
		MaxActions: holdfast.Rate{Count: 5, Per: 10 * time.Minute}, MaxUnavailable: 1,
	}}
	for _, part := range strings.Split(text, ";") {
		words := strings.Fields(part)
		if words[0] == "guardrails" {
			n, _ := strconv.Atoi(words[1])
			per, err := time.ParseDuration(words[3])
			if err != nil {
				t.Fatal(err)
			}
			sys.Guardrails.MaxActions = holdfast.Rate{Count: n, Per: per}
			continue
		}
		if words[0] == "promise" {
			promised(t, &sys, words)
			continue
		}
		declareService(&sys, words)
	}
	return sys
}

// promised reads "promise 99.9% of storefront", or "promise checkout 99.9%".
func promised(t testing.TB, sys *holdfast.System, words []string) {
	var name holdfast.PromiseName
	if !strings.HasSuffix(words[1], "%") {
		name, words = holdfast.PromiseName(words[1]), words[1:]
	}
	percent, err := strconv.ParseFloat(strings.TrimSuffix(words[1], "%"), 64)
	if err != nil {
		t.Fatal(err)
	}
	p := holdfast.Promise{Name: name, Target: holdfast.Share(percent / 100), Window: 28 * 24 * time.Hour}
	if len(words) > 3 {
		p.Service = holdfast.ServiceName(words[3])
	}
	if name != "" {
		sys.Promises = append(sys.Promises, p)
		return
	}
	sys.Promise = &p
}

// woken reads "woken" and "woken 7", the seventh agent.
func woken(words []string) event.Woken {
	epoch, err := strconv.ParseUint(words[len(words)-1], 10, 64)
	if err != nil {
		epoch = 1
	}
	return event.Woken{Version: "test", Pid: 1, Epoch: epoch}
}

// counted reads what a gateway has counted of one route since it began, with the play
// unless it was there "before".
func counted(t testing.TB, words []string) holdfast.Counted {
	route, _, _ := strings.Cut(words[1], ":")
	count := holdfast.RouteCount{Route: words[1], Service: holdfast.ServiceName(route)}
	began := wall().UnixNano()
	if words[len(words)-1] == "before" {
		began, words = wall().Add(-7*24*time.Hour).UnixNano(), words[:len(words)-1]
	}
	for i, into := range map[int]*uint64{2: &count.Requests, 3: &count.Failed, 5: &count.Shed} {
		if i >= len(words) {
			continue
		}
		n, err := strconv.ParseUint(words[i], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		*into = n
	}
	return holdfast.Counted{Gateway: "gateway-1", Began: began, Routes: []holdfast.RouteCount{count}}
}

// declareService reads "catalog*2 standard armed needs db after migrate as v2".
func declareService(sys *holdfast.System, words []string) {
	name, count, _ := strings.Cut(words[0], "*")
	replicas, _ := strconv.Atoi(count)
	service := holdfast.Service{
		Name: holdfast.ServiceName(name), Owner: "web", Command: "./" + name, Manage: holdfast.Full, Protocol: holdfast.HTTP,
		Replicas: replicas, Minimum: max(1, replicas-1), StopGrace: 10 * time.Second, Healthcheck: holdfast.Healthcheck{StartPeriod: 30 * time.Second},
	}
	kinds, put := []mode.Mode{mode.Crash()}, []func(*holdfast.FailureMode){}
	for i := 1; i < len(words); i++ {
		switch words[i] {
		case "needs", "likes":
			i++
			for _, on := range strings.Split(words[i], ",") {
				service.DependsOn = append(service.DependsOn, holdfast.Dependency{On: holdfast.ServiceName(on), Required: words[i-1] == "needs", Timeout: time.Second})
			}
		case "after":
			i++
			for _, on := range strings.Split(words[i], ",") {
				service.DependsOn = append(service.DependsOn, holdfast.Dependency{On: holdfast.ServiceName(on), Required: true, Completed: true})
			}
		case "once":
			service.Once = true
		case "as":
			i++
			service.Command += " " + words[i]
		case "covered":
			for k := range service.DependsOn {
				service.DependsOn[k].Fallback = &holdfast.Fallback{Body: "{}"}
			}
		case "remedies":
			i++
			remedies := remediesOf(words[i])
			put = append(put, func(f *holdfast.FailureMode) { f.Remedies = remedies })
		case "armed":
			put = append(put, func(f *holdfast.FailureMode) { f.Armed = true })
		case "standard":
			// What needs a session is no standard, and nothing for the mind.
			kinds = slices.DeleteFunc(mode.Catalogue(), func(m mode.Mode) bool { return m.BySession || m.Named })
		case "floodable":
			kinds = append(kinds, mode.Overload())
		case "published":
			fallback := &holdfast.Fallback{Stale: 10 * time.Minute}
			sys.Gateway.Routes = append(sys.Gateway.Routes, holdfast.PublishedRoute{Service: service.Name, Treatment: holdfast.Treatment{Fallback: fallback}})
			sys.Modes = append(sys.Modes, mode.Loss().OfPublished(service))
		case "elsewhere":
			service.Command, service.Manage = "", holdfast.Observe
		}
	}
	sys.Services = append(sys.Services, service)
	for _, f := range modesOf(service, kinds) {
		for _, over := range put {
			over(&f)
		}
		sys.Modes = append(sys.Modes, f)
	}
}

func remediesOf(text string) []holdfast.Remedy {
	var remedies []holdfast.Remedy
	for _, remedy := range strings.Split(text, ",") {
		if remedy != "none" {
			remedies = append(remedies, holdfast.Remedy(remedy))
		}
	}
	return remedies
}

func modesOf(service holdfast.Service, kinds []mode.Mode) []holdfast.FailureMode {
	var all []holdfast.FailureMode
	for _, m := range kinds {
		if m.Strikes(service) {
			all = append(all, m.Of(service))
		}
		for _, needed := range service.DependsOn {
			if m.FitsEdge != nil && !needed.Completed {
				all = append(all, m.OfEdge(service, needed))
			}
		}
	}
	return all
}
