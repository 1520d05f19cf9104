package prove

import (
	"strings"
	"testing"
	"time"

	"holdfast"
	"holdfast/event"
	"holdfast/load"
	"holdfast/mode"
)

// path is a fault in the path to catalog-2#1 that only we can end, taken away
// after three seconds of six.
func pathFault(of mode.Mode) *scene {
	s := crash(2, 6*time.Second)
	s.mode, s.by = of.Of(s.service), holdfast.Drill{Fault: of.Fault}
	s.byUndo, s.undone, s.witness = true, began+3*time.Second, "an answer after 1s seen by load on the way to catalog-2"
	return s
}

// ejects tells that the gateway sends nobody to the victim any more, and that the
// mind believes why.
func (s *scene) ejects(after time.Duration, sign holdfast.Sign) *scene {
	return s.then(after, holdfast.Ejected{ID: s.victim.ID, Sign: sign, Detail: "as told"}, event.Detected{Mode: s.mode.Name, ID: s.victim.ID, Sign: sign})
}

func (s *scene) returns(after time.Duration) *scene {
	return s.then(after, holdfast.Admitted{ID: s.victim.ID})
}

// slows makes the requests that are due between two instants late.
func (s *scene) slows(from, to time.Duration) *scene {
	for i, r := range s.results {
		if due := time.Duration(r.Intended); due >= began+from && due < began+to {
			s.results[i].Late, s.results[i].Ended = true, r.Intended+int64(1100*time.Millisecond)
		}
	}
	return s
}

// severed is the loss of storefront/catalog, with a fallback or without.
func severed(required, covered bool) *scene {
	s := pathFault(mode.Loss())
	dependency := holdfast.Dependency{On: "catalog", Required: required, Timeout: time.Second}
	if covered {
		dependency.Fallback = &holdfast.Fallback{Body: "[]"}
	}
	s.mode, s.by = mode.Loss().OfEdge(holdfast.Service{Name: "storefront"}, dependency), holdfast.Drill{Fault: mode.Loss().Fault}
	s.victim = holdfast.Victim{ID: holdfast.ReplicaID{Service: "catalog"}}
	s.witness = "refusal, then silence seen by load on the way to all 2 replicas of catalog"
	s.loss = &loss{
		edge: s.mode.Strikes, timeout: time.Second, fatal: required && !covered, covered: covered,
		callers: []holdfast.ServiceName{"storefront"}, arriving: 100,
	}
	if covered {
		s.loss.covers = map[string]cover{s.mode.Strikes.String(): coverOf(*dependency.Fallback)}
	}
	return s.then(500*time.Millisecond, holdfast.Ejected{ID: id("catalog-1#1"), Sign: holdfast.SignRefused}, holdfast.Ejected{ID: id("catalog-2#1"), Sign: holdfast.SignRefused, Kept: true},
		event.Detected{Mode: s.mode.Name, ID: s.victim.ID, Sign: holdfast.SignLost})
}

// owes adds the requests that need the edge: while it is lost each fails, after
// took.
func (s *scene) owes(took time.Duration) *scene {
	for due := began - time.Second; due < s.ended; due += 10 * time.Millisecond {
		r := load.Result{Target: "storefront:8080", Intended: int64(due), Sent: int64(due), Ended: int64(due + time.Millisecond), Status: 200}
		if due >= began && due < s.undone {
			r.Status, r.Failed, r.Ended = 502, true, int64(due+took)
		}
		s.loss.owed = append(s.loss.owed, r)
	}
	return s
}

// answersItself adds what the edge itself answered while it was lost.
func (s *scene) answersItself(degraded bool) *scene {
	for due := began; due < s.undone; due += 10 * time.Millisecond {
		s.loss.itself = append(s.loss.itself, load.Result{Target: "storefront/catalog", Intended: int64(due), Ended: int64(due + time.Millisecond), Status: 200, Degraded: degraded, Instead: map[bool]string{true: "fallback"}[degraded], Sum: load.Sum([]byte("[]"))})
	}
	return s
}

func TestVerdictsOfFaultsThatOnlyWeEnd(t *testing.T) {
	slow := func() *scene { return pathFault(mode.Slow()).ejects(time.Second, holdfast.SignSlow) }
	for _, row := range []row{
		{"one of two is slow and is left out", slow().returns(4 * time.Second), holdfast.Pass, nil},
		{
			"nobody notices, and no user either", pathFault(mode.Slow()),
			holdfast.Fail, []string{"it was never detected"},
		},
		{
			"users are late until we take it away", slow().returns(4*time.Second).slows(0, 3*time.Second),
			holdfast.Fail, []string{"users were not whole again in the 3s that the fault lasted", "600 of 1200 requests were hurt"},
		},
		{
			"users are late until it is noticed, which is too often", slow().returns(4*time.Second).slows(0, time.Second),
			holdfast.Fail, []string{"200 of 1200 requests were hurt; the first: GET storefront/catalog 200 after 1.1s"},
		},
		{
			"it is never used again", slow(),
			holdfast.Fail, []string{"catalog was not whole again 3s after the fault was taken away: catalog-2#1 is out by slow: as told"},
		},
		{
			"it is used again very late", slow().but(func(f *facts) { f.mode.Bounds.Restore = 500 * time.Millisecond }).returns(4 * time.Second),
			holdfast.Fail, []string{"it was whole again only 1s after the fault was taken away"},
		},
		{
			"users are hurt when it comes back", slow().returns(4*time.Second).but(func(f *facts) { f.mode.Bounds.Impact = 1 }).hurts(5500*time.Millisecond, 6*time.Second),
			holdfast.Fail, []string{"users were not whole again 3s after the fault was taken away"},
		},
		{
			"a living process is ended for a link", slow().returns(4*time.Second).then(2*time.Second, holdfast.Exited{ID: id("catalog-2#1"), Status: holdfast.ExitStatus{Signal: "SIGKILL"}}).
				then(3*time.Second, holdfast.Started{ID: id("catalog-2#2")}, holdfast.Admitted{ID: id("catalog-2#2")}),
			holdfast.Fail, []string{"catalog-2#1 was ended (SIGKILL), and no remedy of catalog.slow does that"},
		},
		{
			"nobody saw it", slow().but(func(f *facts) { f.witness, f.undone = "", 0 }),
			holdfast.Invalid, []string{"nobody but the injector saw the fault: no witness of delay on the way to catalog-2#1"},
		},
	} {
		row.holds(t)
	}
}

func TestVerdictsOfLostEdges(t *testing.T) {
	well := func(s *scene) *scene { return s.then(4*time.Second, holdfast.Admitted{ID: id("catalog-1#1")}) }
	for _, row := range []row{
		{"it fails fast and stays where it belongs", well(severed(true, false).owes(5 * time.Millisecond)), holdfast.Pass, nil},
		{"it fails as late as it may", well(severed(true, false).owes(1500 * time.Millisecond)), holdfast.Pass, nil},
		{
			"it does not fail fast", well(severed(true, false).owes(1600 * time.Millisecond)),
			holdfast.Fail, []string{"it did not fail fast: GET storefront:8080 502 took 1.6s, and storefront/catalog allows 1.5s"},
		},
		{
			"everything there is needs it", well(severed(true, false).owes(5 * time.Millisecond)).but(func(f *facts) { f.results = nil }),
			holdfast.Pass, nil,
		},
		{
			"who does not need it is hurt too", well(severed(true, false).owes(5*time.Millisecond)).hurts(time.Second, 2*time.Second),
			holdfast.Fail, []string{"200 of 1200 requests that do not need storefront/catalog were hurt; the first:"},
		},
		{
			"its caller is restarted", well(severed(true, false).owes(5*time.Millisecond)).
				then(2*time.Second, holdfast.Exited{ID: id("storefront-1#1"), Status: holdfast.ExitStatus{Signal: "SIGKILL"}}, holdfast.Admitted{ID: id("storefront-1#2")}),
			holdfast.Fail, []string{"storefront-1#1 was ended (SIGKILL), and no remedy of storefront/catalog.loss does that"},
		},
		{
			"what is lost is restarted by a remedy of its own, for it lives and refuses", well(severed(true, false).owes(5*time.Millisecond)).
				then(1500*time.Millisecond, event.Decided{Mode: "catalog.crash", ID: id("catalog-1#2"), Do: "restart"}, holdfast.Exited{ID: id("catalog-1#1"), Status: holdfast.ExitStatus{Signal: "SIGTERM"}}, holdfast.Started{ID: id("catalog-1#2")}).
				then(4*time.Second, holdfast.Admitted{ID: id("catalog-1#2")}),
			holdfast.Pass, nil,
		},
		{
			"what is lost ends and no remedy was decided", well(severed(true, false).owes(5*time.Millisecond)).
				then(1500*time.Millisecond, holdfast.Exited{ID: id("catalog-1#1"), Status: holdfast.ExitStatus{Signal: "SIGTERM"}}, holdfast.Started{ID: id("catalog-1#2")}).
				then(4*time.Second, holdfast.Admitted{ID: id("catalog-1#2")}),
			holdfast.Fail, []string{"catalog-1#1 was ended (SIGTERM), and no remedy of storefront/catalog.loss does that"},
		},
		{
			"its caller is out for good", well(severed(true, false).owes(5*time.Millisecond)).then(2*time.Second, holdfast.Ejected{ID: id("storefront-1#1"), Sign: holdfast.SignErrors, Detail: "all of 40 failed"}),
			holdfast.Fail, []string{"storefront-1#1 is out by errors: all of 40 failed, and no remedy"},
		},
		{
			"its caller is out for a moment", well(severed(true, false).owes(5*time.Millisecond)).
				then(2*time.Second, holdfast.Ejected{ID: id("storefront-1#1"), Sign: holdfast.SignErrors}, holdfast.Admitted{ID: id("storefront-1#1")}),
			holdfast.Pass, nil,
		},
		{
			"users are hurt long after", well(severed(true, false).owes(5 * time.Millisecond)).but(func(f *facts) {
				for i, r := range f.loss.owed {
					f.loss.owed[i].Failed = r.Failed || r.Intended > int64(began+5500*time.Millisecond)
				}
			}),
			holdfast.Fail, []string{"users were not whole again 3s after the fault was taken away"},
		},
		{"a covered edge degrades", well(severed(true, true).answersItself(true)), holdfast.Pass, nil},
		{
			"a covered edge answers as if nothing were", well(severed(true, true).answersItself(false)),
			holdfast.Fail, []string{"of 300 answers of storefront/catalog none came from its fallback"},
		},
		{"its caller can do without", well(severed(false, false)), holdfast.Pass, nil},
		{
			"its caller only says so", well(severed(false, false)).hurts(0, 3*time.Second),
			holdfast.Fail, []string{"users were not whole again in the 3s", "600 of 1200 requests were hurt, although the file says that storefront can do without catalog; the first: GET"},
		},
	} {
		row.holds(t)
	}
}

// holds judges a story and compares.
func (r row) holds(t *testing.T) {
	t.Helper()
	drill := judge(r.scene.facts)
	if drill.Verdict != r.verdict || (drill.Reason == "") != (len(r.reasons) == 0) || !inOrder(drill.Reason, r.reasons) {
		t.Errorf("%s:\n     %s %q\nwant %s %q", r.story, drill.Verdict, drill.Reason, r.verdict, r.reasons)
	}
	checkDrill(t, r.story, drill)
}

func TestTheFiguresOfALostEdge(t *testing.T) {
	d := judge(severed(true, false).owes(5*time.Millisecond).then(4*time.Second, holdfast.Admitted{ID: id("catalog-1#1")}).facts)
	if d.Strikes != "storefront/catalog" || d.From != "undo" || *d.Mitigate != 0 || *d.Restore != 1000 || *d.Detect != 500 || *d.Eject != 500 {
		t.Errorf("drill %+v, mitigated %v, restored %v", d, *d.Mitigate, *d.Restore)
	}
	if c := d.Contained; c == nil || c.Sent != 300 || c.Failed != 300 || c.Slowest != 5 || c.Allowed != 1500 || c.UnderWay != 1 || c.Bound != 235 {
		t.Errorf("contained %+v", c)
	}
	d = judge(severed(true, true).answersItself(true).facts)
	if d.Contained != nil {
		t.Errorf("a covered edge contains %+v", d.Contained)
	}
}

// A pile-up shows although every answer is still in time.
func TestRequestsThatPileUpAreCounted(t *testing.T) {
	s := severed(true, false).owes(1400*time.Millisecond).then(4*time.Second, holdfast.Admitted{ID: id("catalog-1#1")})
	s.loss.arriving = 10
	d := judge(s.facts)
	if d.Verdict != holdfast.Fail || !strings.Contains(d.Reason, "requests piled up: 140 waited at once, and 33 may") {
		t.Errorf("%s: %s", d.Verdict, d.Reason)
	}
}

func TestTheEvidenceTellsWhenTheFaultWasTakenAway(t *testing.T) {
	lines := judge(pathFault(mode.Slow()).ejects(time.Second, holdfast.SignSlow).facts).Evidence
	if len(lines) != 4 || lines[3] != "     3s  fault taken away" {
		t.Errorf("evidence:\n%s", strings.Join(lines, "\n"))
	}
	lines = judge(pathFault(mode.Slow()).ejects(time.Second, holdfast.SignSlow).returns(4*time.Second).slows(0, 3*time.Second).facts).Evidence
	if len(lines) != 5 || lines[3] != "     3s  fault taken away" || !strings.HasPrefix(lines[4], "     4s  admitted") {
		t.Errorf("evidence:\n%s", strings.Join(lines, "\n"))
	}
}

func TestWhoEndsAFault(t *testing.T) {
	service := holdfast.Service{Name: "catalog", Manage: holdfast.Full}
	for kind, want := range map[holdfast.Kind]bool{"crash": false, "hang": false, "slow": true, "errors": true, "partition": true} {
		m, _ := mode.Find(kind)
		f := m.Of(service)
		if got := onlyWeEnd(f, f.Drills[0]); got != want || got != (m.EndedBy == mode.ByUndo) {
			t.Errorf("%s: only we end it: %v, want %v", kind, got, want)
		}
		f.Remedies = nil
		if got := onlyWeEnd(f, f.Drills[0]); got != (kind != "crash") {
			t.Errorf("%s without a remedy: only we end it: %v", kind, got)
		}
		f.Remedies = []holdfast.Remedy{holdfast.RemedyEject, holdfast.RemedyRestart}
		if onlyWeEnd(f, f.Drills[0]) {
			t.Errorf("%s that is mended by a restart: only we end it", kind)
		}
	}
}
