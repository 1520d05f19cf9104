package prove

import (
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast"
	"holdfast/api"
	"holdfast/event"
	"holdfast/load"
	"holdfast/mode"
)

// Help is said where it is true. These are stories in which it nearly is.
func TestNoHelpThatIsNotTrue(t *testing.T) {
	none := 0
	edge := holdfast.Dependency{Required: true, Timeout: time.Second, Repetition: holdfast.Repetition{Retries: &none}}
	late := func(s *scene) *scene { return s.but(func(f *facts) { f.mode.Bounds.Detect = time.Millisecond }) } // it fails for this alone
	well := func(s *scene) *scene { return s.then(4*time.Second, holdfast.Admitted{ID: id("catalog-1#1")}) }
	for _, c := range []struct {
		name  string
		scene *scene
		not   string
	}{
		{"it passed", mended(), ""},
		{"nothing can be said", mended().but(func(f *facts) { f.witness = "" }).hurts(0, time.Second), ""},
		{"one replica, and nobody was hurt", late(restarted(crash(1, 4*time.Second), 640*time.Millisecond)), "`replicas"},
		{"two replicas", restarted(crash(2, 4*time.Second), 640*time.Millisecond).hurts(0, time.Second), "`replicas"},
		{"nothing is asked twice, and nobody was hurt there", late(restarted(crash(2, 4*time.Second), 640*time.Millisecond).within(edge)), "`retries"},
		{"nothing is asked twice, and there is nobody else", restarted(crash(1, 4*time.Second), 640*time.Millisecond).within(edge).hurts(0, 640*time.Millisecond), "`retries"},
		{"four were hurt while it was in use", restarted(crash(2, 4*time.Second), 640*time.Millisecond).hurts(640*time.Millisecond, 660*time.Millisecond), "once it can serve"},
		{"most were hurt before it was in use", restarted(crash(2, 4*time.Second), 640*time.Millisecond).hurts(0, time.Second), "once it can serve"},
		{"it comes back while the fault lasts", pathFault(mode.Slow()).ejects(time.Second, holdfast.SignSlow).then(2*time.Second, holdfast.Admitted{ID: id("catalog-2#2")}).hurts(2*time.Second, 3*time.Second), "once it can serve"},
		{"a loop is mended by no budget", crash(2, 30*time.Second).noticed(4*time.Millisecond).crashes(10*time.Millisecond, "catalog-2#2").
			then(2*time.Second, withheld(holdfast.RailAttempts, "its budget of 1 in 10m is spent")), "max_actions"},
		{"we struck it again", crash(2, 30*time.Second).noticed(4*time.Millisecond).crashes(10*time.Millisecond, "catalog-2#2").
			then(30*time.Millisecond, event.FaultInjected{Mode: "catalog.crash", Fault: "storm", ID: id("catalog-2#2")}), "ended by itself"},
		{"it ended by itself and was not given up", crash(2, 30*time.Second).noticed(4*time.Millisecond).crashes(10*time.Millisecond, "catalog-2#2"), "start_period"},
		{"what a remedy ended did not end by itself", crash(2, 50*time.Second).noticed(4*time.Millisecond).then(4*time.Millisecond, restart("catalog-2#2")).
			then(30*time.Millisecond, holdfast.Started{ID: id("catalog-2#2")}).then(10*time.Second, restart("catalog-2#3"), holdfast.Exited{ID: id("catalog-2#2"), Status: holdfast.ExitStatus{Signal: "SIGTERM"}}), "ended by itself"},
		{"most of the time passed before the start", tooSlow()[1].scene, "a shorter start"},
		{"doubt is no word of the file", hung().then(time.Second, hungWithheld(holdfast.RailEverything, "all 2 replicas live and look bad at once")), "guardrails"},
		{"it failed fast", well(severed(true, false).owes(5*time.Millisecond)).hurts(time.Second, 2*time.Second), "fallback"},
		{"its fallback has a text of its own", well(severed(false, true)).within(holdfast.Dependency{Fallback: &holdfast.Fallback{Body: "[]"}}).answersItself(false), "stale"},
		{"the edge itself was late", well(severed(true, false).owes(4 * time.Second)).but(func(f *facts) { f.loss.itself = f.loss.owed }), "gives up"},
		{"its caller was restarted by somebody, and is back", well(severed(true, false).owes(5*time.Millisecond)).hurts(time.Second, 2*time.Second).
			then(time.Second, holdfast.Ejected{ID: id("storefront-1#1"), Sign: holdfast.SignUnhealthy}).then(2*time.Second, holdfast.Admitted{ID: id("storefront-1#1")}), "health check of storefront"},
		{"it is asked often enough", pathFault(mode.Slow()).but(func(f *facts) { f.service.Healthcheck.Interval = time.Second }), "interval"},
		{"nobody waited for so long", pathFault(mode.Partition()).within(holdfast.Dependency{Required: true, Timeout: 5 * time.Second}).ejects(time.Second, holdfast.SignUnreachable).hurts(0, 3*time.Second), "`timeout`"},
		{"a restart was withheld, and it came back", late(restarted(crash(2, 4*time.Second), 640*time.Millisecond)).then(time.Second, withheld(holdfast.RailUnavailable, "1 of 2 are out")), "max_unavailable"},
	} {
		d := judge(c.scene.facts)
		if help := strings.Join(d.Help, "\n"); help != "" && (c.not == "" || strings.Contains(help, c.not)) {
			t.Errorf("%s: %s, %s\n  helps %q", c.name, d.Verdict, d.Reason, d.Help)
		}
	}
}

// What a service is asked is how it is to be asked better.
func TestABetterHealthCheckIsOneOfItsKind(t *testing.T) {
	for want, service := range map[string]holdfast.Service{
		"a `healthcheck` for catalog that is not disabled":       {Healthcheck: holdfast.Healthcheck{Disabled: true}},
		"`healthcheck: {send: …, expect: …}` for catalog":        {Protocol: holdfast.TCP},
		`let catalog say "PONG" only once it can serve`:          {Protocol: holdfast.TCP, Healthcheck: holdfast.Healthcheck{Send: "PING", Expect: "PONG"}},
		"let GET /healthz of catalog answer well only once it":   {Protocol: holdfast.HTTP, Healthcheck: holdfast.Healthcheck{Path: "/healthz"}},
		"`healthcheck: {path: …}` for catalog, a page that answ": {Protocol: holdfast.HTTP},
	} {
		s := restarted(crash(2, 12*time.Second), 640*time.Millisecond).hurts(640*time.Millisecond, 8*time.Second)
		s.service.Protocol, s.service.Healthcheck = service.Protocol, service.Healthcheck
		if d := judge(s.facts); len(d.Help) != 1 || !strings.HasPrefix(d.Help[0], want) {
			t.Errorf("helps %q, want %q", d.Help, want)
		}
	}
}

// A POST is asked of another replica where it says that it may be.
func TestAKeyHelpsWhatChangesSomething(t *testing.T) {
	s := restarted(crash(2, 4*time.Second), 640*time.Millisecond).but(func(f *facts) {
		for i := range f.results {
			f.results[i].Target, f.results[i].Session = "buy/1 POST catalog:8080/orders", "buy"
		}
	}).hurts(0, 60*time.Millisecond)
	want := "an Idempotency-Key on POST catalog:8080/orders, if it may be carried out twice: without one it is not sent to another replica"
	if d := judge(s.facts); !slices.Equal(d.Help, []string{want}) {
		t.Errorf("helps %q: %s", d.Help, d.Reason)
	}
}

// What fails or is slow is told by comparison: one replica alone is compared with
// nobody, though a fallback may spare users all of it.
func TestAnotherReplicaIsWhatOneIsComparedWith(t *testing.T) {
	s := pathFault(mode.Errors())
	s.service.Replicas = 1
	want := "`replicas: 2` for catalog: it is found out by comparison with other replicas, and there is none"
	if d := judge(s.facts); d.Detect != nil || !slices.Contains(d.Help, want) {
		t.Errorf("helps %q: %s", d.Help, d.Reason)
	}
	s.service.Replicas = 2
	if d := judge(s.facts); slices.Contains(d.Help, want) {
		t.Errorf("helps %q: %s", d.Help, d.Reason)
	}
}

// Callers may ask again, and ask more often where there is nothing to keep: a
// storm is what multiplies.
func TestWhatIsAStorm(t *testing.T) {
	for _, c := range []struct {
		name        string
		users, edge [3]int
		storms      bool
	}{
		{"as often as before", [3]int{0, 100, 700}, [3]int{0, 100, 700}, false},
		{"once more each", [3]int{0, 100, 700}, [3]int{0, 100, 1300}, false},
		{"two and a half times", [3]int{0, 100, 700}, [3]int{0, 100, 1600}, true},
		{"what it kept is gone", [3]int{0, 1000, 1600}, [3]int{0, 40, 640}, false},
		{"it always asks three times", [3]int{0, 100, 700}, [3]int{0, 300, 2100}, false},
		{"too few before", [3]int{0, 14, 629}, [3]int{0, 14, 4000}, false},
		{"nobody asked before", [3]int{0, 100, 700}, [3]int{0, 0, 4000}, false},
		{"the gateway began to count anew", [3]int{0, 1000, 600}, [3]int{0, 1000, 4000}, false},
	} {
		s := severed(true, false).owes(5*time.Millisecond).within(holdfast.Dependency{Required: true}).asksFor(c.users, c.edge)
		if got := s.amplified(); (got != nil) != c.storms {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
	silent := severed(true, false).within(holdfast.Dependency{}).asksFor([3]int{0, 100, 700}, [3]int{0, 100, 4000}).but(func(f *facts) { f.traffic[1] = counted{} })
	if got := silent.amplified(); got != nil {
		t.Errorf("nobody told how many there were, and still %+v", got)
	}
}

// What the load itself asks of an edge is not its caller's.
func TestTheLoadIsNoStorm(t *testing.T) {
	s := severed(true, false).within(holdfast.Dependency{}).asksFor([3]int{0, 100, 700}, [3]int{0, 100, 2500})
	for due := began; due < s.ended; due += 3 * time.Millisecond {
		s.loss.itself = append(s.loss.itself, load.Result{Target: "storefront/catalog", Intended: int64(due), Sent: int64(due)})
	}
	for due := began; due < s.ended; due += 60 * time.Millisecond {
		s.results = append(s.results, load.Result{Target: "storefront:8080/healthz", Intended: int64(due), Sent: int64(due)})
	}
	if each, known := s.asksEach(s.loss.edge, s.traffic[1], s.traffic[2]); !known || each != 400./500 {
		t.Errorf("for each of 500 requests 400 were asked, and not %g", each)
	}
	if got := s.amplified(); got != nil {
		t.Errorf("2000 of the requests were the load's, and still %+v", got)
	}
}

func TestEveryGatewayCounts(t *testing.T) {
	route := func(n uint64) []holdfast.RouteState {
		return []holdfast.RouteState{{Listener: "storefront/catalog", Requests: n}}
	}
	n := countedIn(api.Status{Gateways: []holdfast.GatewayState{{Routes: route(3)}, {Routes: route(4)}}}, time.Second)
	if n.requests["storefront/catalog"] != 7 || n.at != time.Second {
		t.Errorf("counted %+v", n)
	}
}

// A replica that is told of twice is in use once.
func TestUsersHurtInBothTimesOfUseCount(t *testing.T) {
	s := crash(2, 8*time.Second).noticed(4*time.Millisecond).then(30*time.Millisecond, holdfast.Started{ID: id("catalog-2#2")}).
		then(time.Second, holdfast.Admitted{ID: id("catalog-2#2"), Detail: "GET / 200"}, holdfast.Admitted{ID: id("catalog-2#2")}).
		then(2*time.Second, holdfast.Ejected{ID: id("catalog-2#2"), Sign: holdfast.SignErrors}).
		then(4*time.Second, holdfast.Admitted{ID: id("catalog-2#2")}).then(5*time.Second, holdfast.Exited{ID: id("catalog-2#2")}).
		then(5*time.Second, event.Restored{}).hurts(500*time.Millisecond, 6*time.Second)
	if got := s.trusted(); got != nil {
		t.Errorf("400 of 1100 is not most, and still %+v", got)
	}
	s.ended = began + 8*time.Second
	for i, r := range s.results {
		due := time.Duration(r.Intended) - began
		s.results[i].Failed = due >= time.Second && due < 2*time.Second || due >= 4*time.Second && due < 5*time.Second
	}
	if got := s.trusted(); got == nil || got.hurt != 400 || got.since != time.Second || got.detail != "GET / 200" {
		t.Errorf("trusted %+v", got)
	}
}
