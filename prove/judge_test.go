package prove

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast"
	"holdfast/event"
	"holdfast/load"
	"holdfast/mode"
	"holdfast/report"
)

// began is when the fault of every story is injected, by the boot clock.
const began = 100 * time.Second

func id(name string) holdfast.ReplicaID {
	parsed, err := holdfast.ParseReplicaID(name)
	if err != nil {
		panic(err)
	}
	return parsed
}

// A scene is the facts of one drill, told as a story: what happened when,
// counted from the fault.
type scene struct{ facts }

// crash is the crash of catalog-2#1 with 200 requests a second for a second
// before the fault and as long after it as the story is watched. Nothing else
// has happened yet.
func crash(replicas int, watched time.Duration) *scene {
	service := holdfast.Service{Name: "catalog", Owner: "web", Command: "./catalog", Manage: holdfast.Full, Replicas: replicas}
	s := &scene{facts{
		mode: mode.Crash().Of(service), by: holdfast.Drill{Fault: mode.Crash().Fault}, service: service, victim: holdfast.Victim{ID: id(fmt.Sprintf("catalog-%d#1", replicas)), Pid: 4711},
		injected: began, ended: began + watched, witness: "exit of pid 4711 seen by load", reached: 600,
	}}
	for due := began - time.Second; due < began+watched; due += 5 * time.Millisecond {
		s.results = append(s.results, load.Result{
			Target: "storefront/catalog", Intended: int64(due), Sent: int64(due), Ended: int64(due + time.Millisecond), Status: 200,
		})
	}
	return s
}

// mended is a crash of one of two that is mended as it should be.
func mended() *scene {
	return crash(2, 4*time.Second).noticed(4*time.Millisecond).
		then(4*time.Millisecond, restart("catalog-2#2")).
		then(300*time.Millisecond, holdfast.Started{ID: id("catalog-2#2")}).
		whole(640*time.Millisecond, "catalog-2#2")
}

// then adds what the copy's journal says, in order.
func (s *scene) then(after time.Duration, bodies ...event.Body) *scene {
	for _, body := range bodies {
		s.entries = append(s.entries, event.Entry{At: event.At{Boot: began + after}, Body: body})
	}
	return s
}

func (s *scene) noticed(after time.Duration) *scene {
	return s.then(after,
		holdfast.Ejected{ID: s.victim.ID, Sign: holdfast.SignExit, Detail: "SIGKILL"},
		event.Detected{Mode: s.mode.Name, ID: s.victim.ID, Sign: holdfast.SignExit, Detail: "SIGKILL"},
		holdfast.Exited{ID: s.victim.ID, Status: holdfast.ExitStatus{Signal: "SIGKILL"}})
}

// whole is the instant the last replica is used again.
func (s *scene) whole(after time.Duration, replica string) *scene {
	return s.then(after, holdfast.Admitted{ID: id(replica)}, event.Restored{Mode: s.mode.Name, ID: id(replica)})
}

func restart(replica string) event.Decided {
	return event.Decided{Do: event.ActRestart, Mode: "catalog.crash", ID: id(replica)}
}

func withheld(rail holdfast.Guardrail, why string) event.Withheld {
	return event.Withheld{Do: event.ActRestart, Mode: "catalog.crash", Guardrail: rail, Why: why}
}

// crashes is a life that is started and ends.
func (s *scene) crashes(after time.Duration, replica string) *scene {
	return s.then(after, restart(replica), holdfast.Started{ID: id(replica)}).
		then(after+10*time.Millisecond, holdfast.Exited{ID: id(replica), Status: holdfast.ExitStatus{Code: 1}})
}

// hurts makes the requests that are due between two instants fail.
func (s *scene) hurts(from, to time.Duration) *scene {
	for i, r := range s.results {
		if due := time.Duration(r.Intended); due >= began+from && due < began+to {
			s.results[i].Failed, s.results[i].Status, s.results[i].Body = true, 502, "no replica of catalog answers\n"
		}
	}
	return s
}

// but changes a fact.
func (s *scene) but(change func(*facts)) *scene {
	change(&s.facts)
	return s
}

// A row is a story and what it is judged to be. Reasons are parts of the reason,
// in order; with none the reason is empty.
type row struct {
	story   string
	scene   *scene
	verdict holdfast.Verdict
	reasons []string
}

func TestVerdicts(t *testing.T) {
	for _, row := range slices.Concat(inBounds(), tooSlow(), neverWhole(), leftOver(), notToBeBelieved()) {
		row.holds(t)
	}
}

// inBounds are stories just within a bound, and just beyond it.
func inBounds() []row {
	return []row{
		{"one of two crashes, and nobody notices but us", mended(), holdfast.Pass, nil},
		{"the last request that a bound allows", mended().but(func(f *facts) { f.mode.Bounds.Impact = 1. / 800 }).hurts(0, 5*time.Millisecond), holdfast.Pass, nil},
		{"it is noticed just in time", mended().but(func(f *facts) { f.mode.Bounds.Detect = 4 * time.Millisecond }), holdfast.Pass, nil},
		{
			"it is noticed too late", mended().but(func(f *facts) { f.mode.Bounds.Detect = 3 * time.Millisecond }),
			holdfast.Fail, []string{"noticing it took 4ms"},
		},
		{
			"nobody notices at all", crash(2, 4*time.Second).whole(time.Second, "catalog-2#1"),
			holdfast.Fail, []string{"it was never detected"},
		},
		{
			"users are hurt longer than allowed", mended().but(func(f *facts) { f.mode.Bounds.Mitigate, f.mode.Bounds.Impact = 100*time.Millisecond, 1 }).hurts(0, 200*time.Millisecond),
			holdfast.Fail, []string{"users were whole only after 200ms"},
		},
		{
			"users are still hurt when it ends", mended().but(func(f *facts) { f.mode.Bounds.Impact = 1 }).hurts(3500*time.Millisecond, 4*time.Second),
			holdfast.Fail, []string{"users were not whole again while it was watched"},
		},
		{
			"one request in eight hundred is one too many", mended().but(func(f *facts) { f.mode.Bounds.Impact = 0.001 }).hurts(0, 5*time.Millisecond),
			holdfast.Fail, []string{"1 of 800 requests were hurt; the first: GET storefront/catalog 502 no replica of catalog answers"},
		},
		{
			"there is only one replica", crash(1, 4*time.Second).noticed(4*time.Millisecond).
				then(4*time.Millisecond, restart("catalog-1#2")).then(300*time.Millisecond, holdfast.Started{ID: id("catalog-1#2")}).
				whole(640*time.Millisecond, "catalog-1#2").hurts(0, 640*time.Millisecond),
			holdfast.Fail, []string{"128 of 800 requests were hurt, because catalog has one replica and there was nothing to retry on; the first: GET"},
		},
	}
}

// tooSlow are stories of services that are whole in the end, but late.
func tooSlow() []row {
	return []row{
		{
			"it needs twenty seconds to start", crash(2, 22*time.Second).noticed(4*time.Millisecond).
				then(4*time.Millisecond, restart("catalog-2#2")).then(300*time.Millisecond, holdfast.Started{ID: id("catalog-2#2")}).
				whole(20300*time.Millisecond, "catalog-2#2"),
			holdfast.Fail, []string{"it was whole again only after 20.3s: 20s of it passed from the start of catalog-2#2 to its first good answer"},
		},
		{
			"most of the time passes before anybody acts", crash(2, 22*time.Second).noticed(4*time.Millisecond).
				then(19*time.Second, restart("catalog-2#2")).then(19300*time.Millisecond, holdfast.Started{ID: id("catalog-2#2")}).
				whole(20*time.Second, "catalog-2#2"),
			holdfast.Fail, []string{"it was whole again only after 20s: 19s of it passed from noticing it to the decision to restart catalog-2"},
		},
	}
}

// neverWhole are stories of services that are not whole when the watch ends.
func neverWhole() []row {
	return []row{
		{
			"no remedy is declared", crash(2, 15*time.Second).but(func(f *facts) { f.mode.Remedies = []holdfast.Remedy{} }).
				noticed(4*time.Millisecond).then(4*time.Millisecond, event.Escalated{Mode: "catalog.crash"}),
			holdfast.Fail, []string{"catalog was not whole again 15s after the fault: no remedy is declared for catalog.crash"},
		},
		{
			"it never gets ready", crash(2, 30*time.Second).noticed(4*time.Millisecond).
				then(4*time.Millisecond, restart("catalog-2#2")).then(300*time.Millisecond, holdfast.Started{ID: id("catalog-2#2")}).
				but(func(f *facts) { f.diagnose = "catalog-2#2 (./catalog) is running, pid 12, tried 127.0.0.1:1: refused" }),
			holdfast.Fail, []string{"not whole again 30s after", "catalog-2#2 was started after 300ms and did not get ready", "tried 127.0.0.1:1: refused"},
		},
		{
			"it never gets ready, and living things are not ended", crash(2, 40*time.Second).noticed(4*time.Millisecond).
				then(4*time.Millisecond, restart("catalog-2#2")).then(300*time.Millisecond, holdfast.Started{ID: id("catalog-2#2")}).
				then(30*time.Second, withheld(holdfast.RailShadow, "it would end a living process")),
			holdfast.Fail, []string{"catalog-2#2 was started after 300ms and did not get ready; restart withheld by shadow: it would end a living process"},
		},
		{
			"it crashes in a loop until its budget is spent", crash(2, 30*time.Second).noticed(4*time.Millisecond).
				crashes(10*time.Millisecond, "catalog-2#2").crashes(time.Second, "catalog-2#3").
				then(2*time.Second, withheld(holdfast.RailAttempts, "its budget of 2 in 10m is spent"), event.Escalated{Mode: "catalog.crash"}),
			holdfast.Fail, []string{"catalog-2 was started again and exited, 2 times, the last time with exit 1; restart withheld by attempt-budget: its budget of 2 in 10m is spent"},
		},
		{
			"it is whole for a moment and crashes again", mended().
				then(2*time.Second, holdfast.Exited{ID: id("catalog-2#2"), Status: holdfast.ExitStatus{Code: 1}}, event.Detected{Mode: "catalog.crash", ID: id("catalog-2#2")}),
			holdfast.Fail, []string{"catalog was not whole again 4s after the fault: catalog-2 was started again and exited, once"},
		},
		{
			"it crashes again and then stays", mended().
				then(1*time.Second, holdfast.Exited{ID: id("catalog-2#2"), Status: holdfast.ExitStatus{Code: 1}}, event.Detected{Mode: "catalog.crash", ID: id("catalog-2#2")}).
				then(1500*time.Millisecond, restart("catalog-2#3"), holdfast.Started{ID: id("catalog-2#3")}).whole(2*time.Second, "catalog-2#3"),
			holdfast.Pass, nil,
		},
		{
			"it takes its neighbour with it", crash(2, 15*time.Second).noticed(4*time.Millisecond).
				then(4*time.Millisecond, restart("catalog-2#2")).then(300*time.Millisecond, holdfast.Started{ID: id("catalog-2#2")}, holdfast.Admitted{ID: id("catalog-2#2")}).
				then(time.Second, holdfast.Exited{ID: id("catalog-1#1"), Status: holdfast.ExitStatus{Code: 1}}),
			holdfast.Fail, []string{"catalog-1#1, which nobody struck, ended too: exit 1"},
		},
		{
			"a person had paused everything", crash(2, 30*time.Second).noticed(4*time.Millisecond).then(4*time.Millisecond, withheld(holdfast.RailPause, "remedies are paused")),
			holdfast.Fail, []string{"30s after the fault: restart withheld by pause: remedies are paused"},
		},
		{
			"nothing is done about it", crash(2, 30*time.Second).noticed(4 * time.Millisecond),
			holdfast.Fail, []string{"30s after the fault: nothing was done about it"},
		},
		{
			"the restart goes nowhere", crash(2, 30*time.Second).noticed(4*time.Millisecond).then(4*time.Millisecond, restart("catalog-2#2")),
			holdfast.Fail, []string{"the restart was decided and nothing was started"},
		},
		{
			"its command is gone", crash(2, 30*time.Second).noticed(4*time.Millisecond).then(4*time.Millisecond, restart("catalog-2#2")).
				then(5*time.Millisecond, holdfast.NotStarted{ID: id("catalog-2#2"), Reason: "./catalog: no such file"}),
			holdfast.Fail, []string{"catalog-2 could not be started: ./catalog: no such file"},
		},
	}
}

// leftOver are stories after which the host is not as it was before.
func leftOver() []row {
	return []row{
		{
			"everything goes wrong at once", crash(1, 30*time.Second).noticed(2*time.Second).hurts(0, time.Hour).
				but(func(f *facts) { f.residue = []string{"pid 99 (sh)"} }),
			holdfast.Fail, []string{
				"the drill left something behind: pid 99 (sh); noticing it took 2s; catalog was not whole again 30s after the fault: nothing was done about it; ",
				"users were not whole again while it was watched; 6000 of 6000 requests were hurt",
			},
		},
		{"something is left behind", mended().but(func(f *facts) { f.residue = []string{"pid 99 (sh)"} }), holdfast.Fail, []string{"the drill left something behind: pid 99 (sh)"}},
		{
			"something is left behind, and nobody saw the fault", mended().but(func(f *facts) { f.residue, f.witness = []string{"pid 99 (sh)"}, "" }),
			holdfast.Fail, []string{"the drill left something behind: pid 99 (sh)", "nobody but the injector saw the fault"},
		},
	}
}

// notToBeBelieved are stories of which the measurement says nothing, or just
// enough.
func notToBeBelieved() []row {
	return []row{
		{
			"nobody else saw the fault", mended().but(func(f *facts) { f.witness = "" }),
			holdfast.Invalid, []string{"nobody but the injector saw the fault: no witness of the end of pid 4711"},
		},
		{"the measurement broke", mended().but(func(f *facts) { f.broken = "the load was killed" }), holdfast.Invalid, []string{"the load was killed"}},
		{
			"the load was late itself", mended().but(func(f *facts) { f.lagP99 = 101 * time.Millisecond }),
			holdfast.Invalid, []string{lagging + "101ms late at the 99th percentile, 100ms allowed"},
		},
		{"the load was as late as it may be", mended().but(func(f *facts) { f.lagP99 = 100 * time.Millisecond }), holdfast.Pass, nil},
		{
			"a tight bound does not make 50 ms too late", mended().but(func(f *facts) { f.mode.Bounds.Detect, f.lagP99 = 10*time.Millisecond, 50*time.Millisecond }),
			holdfast.Pass, nil,
		},
		{"the load could not send all", mended().but(func(f *facts) { f.capped = 3 }), holdfast.Invalid, []string{"the load could not send 3 of its requests"}},
		{
			"too few asked", mended().but(func(f *facts) { f.reached = 199 }),
			holdfast.Invalid, []string{"only 199 requests were meant for catalog during the fault, and 200 are needed to say anything"},
		},
		{"just enough asked", mended().but(func(f *facts) { f.reached = 200 }), holdfast.Pass, nil},
		{
			"nobody asked anything", mended().but(func(f *facts) { f.results = nil }),
			holdfast.Fail, []string{"users were not whole again", "0 of 0 requests were hurt"},
		},
	}
}

func inOrder(text string, parts []string) bool {
	for _, part := range parts {
		_, after, found := strings.Cut(text, part)
		if !found {
			return false
		}
		text = after
	}
	return true
}

// checkDrill holds every drill to what no verdict may break.
func checkDrill(t *testing.T, story string, d report.Drill) {
	t.Helper()
	never := d.Detect == nil || d.Mitigate == nil || d.Restore == nil
	if never && d.Verdict == holdfast.Pass {
		t.Errorf("%s: a PASS with a time that was never reached", story)
	}
	if d.Remedies == nil || d.Withheld == nil {
		t.Errorf("%s: a list that is null", story)
	}
	if (d.Verdict == holdfast.Fail) != (len(d.Evidence) > 0) || len(d.Evidence) > evidenceLines {
		t.Errorf("%s: %s with %d lines of evidence", story, d.Verdict, len(d.Evidence))
	}
	if _, err := json.Marshal(d); err != nil {
		t.Errorf("%s: %v", story, err)
	}
}

func TestTheFiguresOfADrill(t *testing.T) {
	d := judge(mended().hurts(10*time.Millisecond, 30*time.Millisecond).facts)
	for _, time := range []struct {
		name string
		got  *report.Millis
		want report.Millis
	}{
		{"detect", d.Detect, 4}, {"eject", d.Eject, 4}, {"mitigate", d.Mitigate, 30}, {"restore", d.Restore, 640},
	} {
		if time.got == nil || *time.got != time.want {
			t.Errorf("%s: %v, want %v", time.name, time.got, time.want)
		}
	}
	if d.Sent != 800 || d.Failed != 4 || d.Late != 0 || d.Impact != 4./800 || d.Below <= d.Impact || d.Below > 0.012 {
		t.Errorf("impact %+v", d)
	}
	if d.Mode != "catalog.crash" || d.Kind != "crash" || d.Strikes != "catalog-2" || d.Owner != "web" || !slices.Equal(d.Remedies, []string{"restart"}) || d.Escalated {
		t.Errorf("drill %+v", d)
	}
	if d.Bounds != (report.Bounds{Detect: 1000, Mitigate: 3000, Restore: 15000, Impact: 0.001}) {
		t.Errorf("bounds %+v", d.Bounds)
	}
}

// Users were whole later than the system: both have to be.
func TestARestorationCountsFromWhicheverCameLast(t *testing.T) {
	d := judge(mended().hurts(0, 2*time.Second).facts)
	if d.Restore == nil || *d.Restore != 2000 {
		t.Errorf("restored after %v, and users were hurt for two seconds", d.Restore)
	}
}

func TestAWholeSystemWithHurtUsersIsNotBlamedForNotBeingWhole(t *testing.T) {
	d := judge(mended().hurts(3500*time.Millisecond, 4*time.Second).facts)
	if d.Restore != nil || d.Mitigate != nil || !strings.HasPrefix(d.Reason, "users were not whole again") {
		t.Errorf("restored after %v, mitigated after %v: %s", d.Restore, d.Mitigate, d.Reason)
	}
}

func TestWhatWasSaidBeforeTheFaultDecidesNothing(t *testing.T) {
	s := crash(2, 4*time.Second).then(-time.Second, event.Detected{Mode: "catalog.crash", ID: id("catalog-2#1")}).whole(-time.Millisecond, "catalog-2#1")
	if d := judge(s.facts); d.Detect != nil || d.Restore != nil {
		t.Errorf("detected %v, restored %v", d.Detect, d.Restore)
	}
}

func TestWhatOtherServicesDoIsNoPartOfTheStory(t *testing.T) {
	d := judge(crash(2, 4*time.Second).then(time.Millisecond,
		holdfast.Ejected{ID: id("cart-1#1")}, event.Detected{Mode: "cart.crash", ID: id("cart-1#1")}, event.Decided{Do: event.ActRestart, Mode: "cart.crash", ID: id("cart-1#2")},
		holdfast.Started{ID: id("cart-1#2")}, holdfast.Admitted{ID: id("cart-1#2")}, event.Restored{Mode: "cart.crash", ID: id("cart-1#2")},
		event.Withheld{Mode: "cart.crash", Guardrail: holdfast.RailPause}, event.Escalated{Mode: "cart.crash"},
	).facts)
	if d.Detect != nil || d.Eject != nil || d.Restore != nil || len(d.Remedies)+len(d.Withheld) > 0 || d.Escalated || len(d.Evidence) != 1 {
		t.Errorf("drill %+v", d)
	}
}

func TestTheEvidenceKeepsBeginningAndEnd(t *testing.T) {
	s := crash(2, 30*time.Second).noticed(4 * time.Millisecond)
	for n := range 20 {
		s.crashes(time.Duration(n+1)*time.Second, fmt.Sprintf("catalog-2#%d", n+2))
	}
	lines := judge(s.facts).Evidence
	if len(lines) != evidenceLines || lines[0] != "     0s  fault injected" || !strings.Contains(lines[evidenceLines/2], "more") {
		t.Errorf("evidence:\n%s", strings.Join(lines, "\n"))
	}
	if last := lines[len(lines)-1]; last != "    20s  exited catalog-2#21 exit 1 after 0s" {
		t.Errorf("it ends with %q", last)
	}
	told := tell(s.facts)
	for limit := len(told.entries) + 1; limit < len(told.entries)+3; limit++ {
		if got := told.lines(limit); len(got) != len(told.entries)+1 {
			t.Errorf("%d lines where all %d fit", len(got), len(told.entries)+1)
		}
	}
}

// A storm is restored when it is after its last blow: the time between the blows
// is ours. Its marks count from the first as all do.
func TestAStormIsRestoredAfterItsLastBlow(t *testing.T) {
	s := mended()
	s.by.Fault, s.last = storms, s.injected+500*time.Millisecond
	d := judge(s.facts)
	if d.Verdict != holdfast.Pass || d.Restore == nil || *d.Restore != 140 || *d.Marks.Restored != 640 {
		t.Fatalf("%s %s, restored %v", d.Verdict, d.Reason, d.Restore)
	}
	var sum report.Millis
	for _, step := range d.Steps {
		sum += step.Took
	}
	if sum != *d.Restore {
		t.Errorf("the steps %+v add up to %v", d.Steps, sum)
	}
}
