package prove

import (
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast"
	"holdfast/load"
)

// shopping asks the storefront twice, then stock, which only an edge leads to.
func shopping() holdfast.Session {
	return holdfast.Session{Name: "shopping", Steps: []holdfast.Step{
		{On: "storefront", Method: "GET", Path: "/browse?page=1", Capture: []holdfast.Capture{{Name: "item", JSON: "id"}}},
		{On: "storefront", Method: "POST", Path: "/cart/{{item}}", Body: "{{id}}", Write: true},
		{On: "stock", Method: "GET", Path: "/left"},
	}}
}

func TestASessionGoesInWhereItsUsersDo(t *testing.T) {
	system := shop()
	system.Services[2].DependsOn = system.Services[2].DependsOn[:1] // catalog needs no ledger
	at := doors(system, open())
	for service, want := range map[holdfast.ServiceName]string{"storefront": "storefront:8080", "catalog": "catalog:8082", "stock": "catalog/stock", "alone": ""} {
		if got := at[service].listener; got != want {
			t.Errorf("users of %s come in at %q, want %q", service, got, want)
		}
	}
	sent := sendable(shopping(), at)
	var asked []string
	for _, step := range sent.Steps {
		asked = append(asked, step.Name+" = "+step.URL)
	}
	want := "shopping/1 GET storefront:8080/browse?page=1 = http://127.0.0.1:7000/browse?page=1, " +
		"shopping/2 POST storefront:8080/cart/{{item}} = http://127.0.0.1:7000/cart/{{item}}, " +
		"shopping/3 GET catalog/stock/left = http://127.0.0.1:7007/left"
	if got := strings.Join(asked, ", "); got != want {
		t.Errorf("it is sent as\n%s\nwant\n%s", got, want)
	}
	sent.Weight = 1
	if err := sent.Check(); err != nil {
		t.Errorf("the load refuses it: %v", err)
	}
}

func TestWhatCannotBeAskedIsNotSent(t *testing.T) {
	for service, why := range map[holdfast.ServiceName]string{
		"alone":    "no request can reach alone",
		"payments": "runs elsewhere and is no part of a private copy",
		"checkout": "could reach payments",
		"ads":      "",
	} {
		session := holdfast.Session{Name: "s", Steps: []holdfast.Step{{On: service, Method: "GET", Path: "/"}}}
		if got := unsendable(shop(), session, doors(shop(), open())); !strings.Contains(got, why) || why == "" && got != "" {
			t.Errorf("%s is not asked because %q, want %q", service, got, why)
		}
	}
}

// Sessions are a quarter of what arrives, whatever the weights of the rest are.
func TestSessionsAreAQuarterOfArrivals(t *testing.T) {
	for _, n := range []int{1, 2, 5} {
		targets := []load.Target{{Weight: 3}, {Weight: 3}, {Weight: 5}}
		sessions := make([]load.Session, n)
		share(targets, sessions)
		all, followed := 0, 0
		for _, target := range targets {
			all += target.Weight
		}
		for _, session := range sessions {
			followed += session.Weight
		}
		if 4*followed != all+followed || targets[0].Weight*5 != targets[2].Weight*3 {
			t.Errorf("%d sessions get %d of %d, targets %v", n, followed, all+followed, targets)
		}
	}
}

// What a step has to do with a drill follows from whom it asks, and for what.
func TestStepsHaveAStake(t *testing.T) {
	system := shop()
	system.Services[0].DependsOn[0].For = []string{"/browse", "/cart"}
	session := shopping()
	session.Steps = append(session.Steps, holdfast.Step{On: "storefront", Method: "GET", Path: "/about"})
	all := steps(session, doors(system, open()))
	for strikes, want := range map[holdfast.Target][]stake{
		{Service: "storefront"}:                    {feels, feels, none, feels},
		{Service: "stock"}:                         {feels, feels, feels, feels},
		{Service: "ads"}:                           {none, none, none, none},
		{Caller: "storefront", Service: "catalog"}: {owed, owed, feels, feels},
		{Caller: "storefront", Service: "ads"}:     {feels, feels, feels, feels},
		{Caller: "catalog", Service: "stock"}:      {owed, owed, owed, owed},
	} {
		at := stakes(system, all, holdfast.FailureMode{Strikes: strikes})
		var got []stake
		for _, step := range all {
			got = append(got, at[step.name])
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: the steps have %v, want %v", strikes, got, want)
		}
	}
}

// A drill shows nothing of an edge by which nobody asked.
func TestAnEdgeThatNobodyTookIsNamed(t *testing.T) {
	system := shop()
	struck := []holdfast.ServiceName{"stock"}
	system.Services[4].DependsOn = []holdfast.Dependency{{On: "stock", Required: true}}
	addresses := open()
	addresses["ads/stock"] = "127.0.0.1:7100"
	system.Services[2].DependsOn = system.Services[2].DependsOn[:1]
	all := targets(system, struck, addresses)
	results := []load.Result{
		{Target: "catalog/stock", Intended: int64(time.Second)}, {Target: "ads/stock", Intended: int64(3 * time.Second)},
	}
	for until, want := range map[time.Duration]string{
		500 * time.Millisecond: "catalog/stock ads/stock",
		2 * time.Second:        "ads/stock",
		3 * time.Second:        "ads/stock", // the end is not part of it
		4 * time.Second:        "",
	} {
		if got := strings.Join(unreached(system, all, "stock", results, 0, until), " "); got != want {
			t.Errorf("until %s nobody took %q, want %q", until, got, want)
		}
	}
	if why := invalid((&scene{}).but(func(f *facts) {
		f.witness, f.reached, f.unreached, f.mode.Bounds.Detect = "seen", minReached, []string{"ads/stock"}, time.Second
	}).facts); !strings.Contains(why, "no request went over ads/stock") {
		t.Errorf("it is INVALID because %q", why)
	}
}

func TestWhatBecameOfWritesIsToldWithItsID(t *testing.T) {
	written := func(run string) load.Result {
		return load.Result{Target: "buying/1 POST cart:8080/carts", Session: "buying", Run: run, Write: true, Status: 201}
	}
	lost := load.Audited{Sent: 7, Acknowledged: 5, Lost: []load.Result{written("hf-1"), written("hf-2")}}
	if got, want := lostWrites("buying", lost), "2 of 5 acknowledged writes of buying were lost, the first: hf-1 of buying/1 POST cart:8080/carts, acknowledged with 201"; got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	doubled := load.Audited{Sent: 7, Acknowledged: 5, Doubled: []load.Result{written("hf-3")}}
	if got, want := doubledWrites("buying", doubled), "1 of 7 writes of buying were carried out more than once, the first: hf-3 of buying/1 POST cart:8080/carts"; got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	if got := lostWrites("buying", doubled) + doubledWrites("buying", lost); got != "" {
		t.Errorf("of what is not so it is said: %s", got)
	}
}

// Lost writes FAIL what is otherwise well; a question that was not answered decides
// nothing, and hides no FAIL.
func TestWritesAreJudged(t *testing.T) {
	for what, c := range map[string]struct {
		writes writes
		hurt   bool
		want   holdfast.Verdict
	}{
		"all are there":                 {want: holdfast.Pass},
		"one is lost":                   {writes: writes{wrong: []string{"1 of 5 was lost"}}, want: holdfast.Fail},
		"nobody knows":                  {writes: writes{unknown: "status 500"}, want: holdfast.Invalid},
		"nobody knows, and it is known": {writes: writes{unknown: "status 500"}, hurt: true, want: holdfast.Fail},
	} {
		s := mended().but(func(f *facts) { f.writes = c.writes })
		if c.hurt {
			s = s.but(func(f *facts) { f.mode.Bounds.Detect = time.Millisecond })
		}
		if drill := judge(s.facts); drill.Verdict != c.want {
			t.Errorf("%s: %s %s, want %s", what, drill.Verdict, drill.Reason, c.want)
		}
	}
}

func TestASecretIsAskedForBeforeAnythingIsStarted(t *testing.T) {
	session := holdfast.Session{Name: "s", Steps: []holdfast.Step{{Header: []holdfast.Field{{Name: "Authorization", Value: "env:TOKEN"}}}}}
	for _, c := range []struct {
		environ []string
		set     bool
	}{{environ: []string{"TOKEN=x"}, set: true}, {environ: []string{"TOKEN="}}, {environ: []string{"TOKENS=x"}}, {}} {
		if err := unset([]holdfast.Session{session}, c.environ); (err == nil) != c.set {
			t.Errorf("with %q: %v", c.environ, err)
		}
	}
	plan := load.Plan{Sessions: []load.Session{{Steps: []load.Step{{Header: session.Steps[0].Header}}}}}
	if got := secrets(plan, []string{"OTHER=y", "TOKEN=x"}); !slices.Equal(got, []string{"TOKEN=x"}) {
		t.Errorf("the load is given %q", got)
	}
}

// What follows users comes before what a copy that loses them would spoil.
func TestUsersAreFollowedFirst(t *testing.T) {
	mode := func(name holdfast.ModeName, kind holdfast.Kind) holdfast.FailureMode {
		return holdfast.FailureMode{Name: name, Kind: kind}
	}
	var order []string
	for _, m := range inTurn([]holdfast.FailureMode{mode("a.crash", "crash"), mode("a.state-loss", "state-loss"), mode("b.crash", "crash"), mode("b.state-loss", "state-loss")}) {
		order = append(order, string(m.Name))
	}
	if got, want := strings.Join(order, " "), "a.state-loss b.state-loss a.crash b.crash"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
