package prove

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"holdfast"
	"holdfast/event"
	"holdfast/load"
	"holdfast/mode"
	"holdfast/report"
)

// lost is the loss of catalog, which users come for by a route that declares a
// fallback. Every answer that the load gets while it is gone bears the mark.
func lost(by holdfast.Fallback, mark func(gone time.Duration) string) *scene {
	s := pathFault(mode.Loss())
	s.service.Manage, s.service.Protocol = holdfast.Full, holdfast.HTTP
	s.mode = mode.Loss().OfPublished(s.service)
	s.victim = holdfast.Victim{ID: holdfast.ReplicaID{Service: "catalog"}}
	s.results = nil
	s.loss = &loss{edge: s.mode.Strikes, covered: true, covers: map[string]cover{"gateway:8080/api": coverOf(by)}}
	for due := began - time.Second; due < s.ended; due += 5 * time.Millisecond {
		r := load.Result{Target: "gateway:8080/api", Intended: int64(due), Sent: int64(due), Ended: int64(due + time.Millisecond), Status: 200}
		if due >= began && due < s.undone {
			r.Instead = mark(due - began)
			r.Degraded, r.Sum = r.Instead != "", load.Sum([]byte("{}"))
			r.Failed = r.Instead == ""
		}
		s.results = append(s.results, r)
	}
	s.loss.itself = s.results
	return s.then(500*time.Millisecond, holdfast.Ejected{ID: id("catalog-1#1"), Sign: holdfast.SignRefused}, holdfast.Ejected{ID: id("catalog-2#1"), Sign: holdfast.SignRefused, Kept: true},
		event.Detected{Mode: s.mode.Name, ID: s.victim.ID, Sign: holdfast.SignLost}).then(4*time.Second, holdfast.Admitted{ID: id("catalog-1#1")})
}

func always(mark string) func(time.Duration) string {
	return func(time.Duration) string { return mark }
}

// older is the mark of a copy that was made when the service was lost.
func older(gone time.Duration) string { return "stale " + gone.Truncate(time.Second).String() }

func TestVerdictsOfLostServices(t *testing.T) {
	body, copies, other := holdfast.Fallback{Body: "{}"}, holdfast.Fallback{Stale: 10 * time.Minute}, holdfast.Fallback{Service: "old-catalog"}
	for _, row := range []row{
		{"users get what is declared", lost(body, always("fallback")), holdfast.Pass, nil},
		{"users get copies", lost(copies, older), holdfast.Pass, nil},
		{"another service answers them", lost(other, always("fallback old-catalog")), holdfast.Pass, nil},
		{
			"they get errors", lost(body, always("")),
			holdfast.Fail, []string{"users were not whole again in the 3s", "of 600 answers of gateway:8080/api none came from its fallback", "600 of 1200 requests were hurt"},
		},
		{
			"copies are older than the file allows", lost(holdfast.Fallback{Stale: time.Second}, older),
			holdfast.Fail, []string{`an answer of gateway:8080/api was marked "stale 2s", and a copy may be 1s old at most`},
		},
		{
			"copies are older than they say", lost(copies, always("stale 0s")),
			holdfast.Fail, []string{`an answer of gateway:8080/api was marked "stale 0s", and nothing had been answered there for 2s by then`},
		},
		{
			"copies that nobody declared", lost(body, older),
			holdfast.Fail, []string{`marked "stale 0s", and the file declares no copy`},
		},
		{
			"a body that nobody declared", lost(copies, always("fallback")),
			holdfast.Fail, []string{`marked "fallback", and the file declares no body`},
		},
		{
			"another body than the declared one", lost(holdfast.Fallback{Body: "[]"}, always("fallback")),
			holdfast.Fail, []string{`marked "fallback", and its body is not the one that the file declares`},
		},
		{
			"another service than the declared one", lost(other, always("fallback older-catalog")),
			holdfast.Fail, []string{`marked "fallback older-catalog", and the file declares the answer of old-catalog`},
		},
		{
			"a mark of somebody else's", lost(other, always("cached by a CDN")),
			holdfast.Fail, []string{"of 600 answers of gateway:8080/api none came from its fallback"},
		},
	} {
		row.holds(t)
	}
}

// What stood in is told apart, and nobody calls it whole who was not.
func TestWhatWasAnsweredInsteadIsCounted(t *testing.T) {
	s := lost(holdfast.Fallback{Stale: time.Minute, Body: "{}"}, func(gone time.Duration) string {
		if gone < 2*time.Second {
			return older(gone)
		}
		return "fallback"
	})
	d := judge(s.facts)
	if d.Verdict != holdfast.Pass || d.Strikes != "catalog" || d.Degraded != 600 || len(d.Instead) != 2 {
		t.Fatalf("%s %s: %+v", d.Verdict, d.Reason, d)
	}
	if one, two := d.Instead[0], d.Instead[1]; one.How != "stale" || one.Answers != 400 || one.Oldest != 1000 || two.How != "fallback" || two.Answers != 200 {
		t.Errorf("%+v", d.Instead)
	}
}

// A copy alone answers nothing where none may be kept: the help says when that is.
func TestHelpWhereOnlyACopyWasToAnswer(t *testing.T) {
	s := lost(holdfast.Fallback{Stale: time.Minute}, always(""))
	s.system = &holdfast.System{}
	if help := strings.Join(judge(s.facts).Help, "\n"); !strings.Contains(help, "in the route gateway:8080/api") || !strings.Contains(help, "`private`") {
		t.Errorf("%s", help)
	}
}

func TestAFileThatCannotBeReadIsHeldAgainstNobody(t *testing.T) {
	path := filepath.Join(t.TempDir(), "page.html")
	if c := coverOf(holdfast.Fallback{File: path}); c.sum != 0 {
		t.Error("what is not there has a sum")
	}
	if err := os.WriteFile(path, []byte("sorry"), 0o600); err != nil {
		t.Fatal(err)
	}
	if c := coverOf(holdfast.Fallback{File: path}); c.sum != load.Sum([]byte("sorry")) {
		t.Error("the sum is not that of the file")
	}
}

// Who comes by a covered route is not hurt. Another route to what is lost, and who
// needs it, is judged elsewhere; who has nothing to do with it must not feel it.
func TestStakesInALostService(t *testing.T) {
	system, addresses := gated()
	system.Gateway.Routes[1].Fallback = &holdfast.Fallback{Stale: time.Minute}
	system.Gateway.Routes = append(system.Gateway.Routes, holdfast.PublishedRoute{Path: "/raw", Service: "catalog"}, holdfast.PublishedRoute{Path: "/ads", Service: "ads"})
	lost := holdfast.Target{Service: "catalog", Whole: true}
	all := targets(system, []holdfast.ServiceName{"catalog"}, addresses)
	got := stakes(system, all, holdfast.FailureMode{Strikes: lost})
	if with(got, feels) != "gateway:8080 shop.example/api gateway:8080/ads" || with(got, owed) != "" {
		t.Errorf("felt at %q, owed at %q", with(got, feels), with(got, owed))
	}
	if missed := notTaken([]string{"gateway:8080 shop.example/api", "x"}, []load.Result{{Target: "x", Intended: 5}, {Target: "gateway:8080 shop.example/api", Intended: 20}}, 1, 10); len(missed) != 1 || missed[0] != "gateway:8080 shop.example/api" {
		t.Errorf("not taken: %q", missed)
	}
}

// A verdict on what was bridged by waiting says how many waited, and for how long.
func TestWhoWaitedIsCounted(t *testing.T) {
	s := mended().but(func(f *facts) {
		for i := range f.results[200:210] {
			f.results[200+i].Ended += int64(time.Duration(i+1) * 30 * time.Millisecond)
		}
		for i, n := range []int{3, 5, 15} {
			f.traffic = append(f.traffic, counted{at: began + time.Duration(i-1)*time.Second, parked: map[holdfast.ServiceName]int{"catalog": n, "cart": 100 * n}})
		}
	})
	if d := judge(s.facts); d.Verdict != holdfast.Pass || d.Waited == nil || *d.Waited != (report.Waited{Requests: 10, P99: 301, Longest: 301}) {
		t.Errorf("%s %s %+v", d.Verdict, d.Reason, d.Waited)
	}
	s.traffic[2] = counted{}
	if d := judge(s.facts); d.Waited != nil {
		t.Errorf("nobody answered, and %+v", d.Waited)
	}
	if d := judge(mended().facts); d.Waited != nil {
		t.Errorf("nobody waited, and %+v", d.Waited)
	}
}
