package prove

import (
	"strings"
	"testing"
	"time"

	"holdfast"
	"holdfast/load"
	"holdfast/mode"
)

// probed is what came of requests that were sent to replicas by no gateway, at so
// many milliseconds after the fault.
func probed(replica string, at int, status int, took time.Duration, failed load.Failure) load.Probed {
	return load.Probed{Probe: replica, At: int64(began + time.Duration(at)*time.Millisecond), Status: status, Took: took, Failed: failed}
}

func arrived(replica string) load.Probed {
	p := probed(replica, 1, 0, time.Millisecond, load.Unreachable)
	p.Arrived = true
	return p
}

func resent(replica string, status int) load.Probed {
	p := probed(replica, 1, status, time.Millisecond, "")
	p.Resent = 1
	return p
}

func TestWhatShowsAFaultInThePath(t *testing.T) {
	one := []path{{id: id("catalog-2#1")}}
	both := []path{{id: id("catalog-1#1")}, {id: id("catalog-2#1")}}
	const soon = time.Millisecond
	for what, c := range map[string]struct {
		fault holdfast.FaultName
		paths []path
		seen  []load.Probed
		want  string
	}{
		"a late answer":                  {"delay", one, []load.Probed{probed("catalog-2#1", 100, 200, 1010*time.Millisecond, "")}, "an answer after 1s seen by load on the way to catalog-2"},
		"an answer almost late enough":   {"delay", one, []load.Probed{probed("catalog-2#1", 100, 200, 790*time.Millisecond, "")}, ""},
		"no answer is no late answer":    {"delay", one, []load.Probed{probed("catalog-2#1", 100, 0, 1500*time.Millisecond, load.NoAnswer)}, ""},
		"a late answer before the fault": {"delay", one, []load.Probed{probed("catalog-2#1", -1, 200, 2*time.Second, "")}, ""},
		"a late answer of another":       {"delay", one, []load.Probed{probed("catalog-1#1", 100, 200, 2*time.Second, "")}, ""},
		"a late answer of a later life":  {"delay", one, []load.Probed{probed("catalog-2#2", 100, 200, 2*time.Second, "")}, ""},
		"a failure":                      {"fail", one, []load.Probed{probed("catalog-2#1", 1, 200, soon, ""), probed("catalog-2#1", 100, 500, soon, "")}, "status 500 seen by load on the way to catalog-2"},
		"a good answer is no failure":    {"fail", one, []load.Probed{probed("catalog-2#1", 1, 404, soon, "")}, ""},
		"neither accepted nor refused":   {"silence", one, []load.Probed{probed("catalog-2#1", 1, 0, soon, load.Unreachable)}, "silence seen by load on the way to catalog-2"},
		"accepted and not answered":      {"silence", one, []load.Probed{probed("catalog-2#1", 1, 0, soon, load.NoAnswer)}, "silence seen"},
		"a refusal is no silence":        {"silence", one, []load.Probed{probed("catalog-2#1", 1, 0, soon, load.Refused)}, ""},
		"refused, then silent": {"sever", both, []load.Probed{
			probed("catalog-1#1", 1, 0, soon, load.Refused), probed("catalog-2#1", 2, 0, soon, load.Refused),
			probed("catalog-1#1", 1600, 0, soon, load.Unreachable), probed("catalog-2#1", 1600, 0, soon, load.NoAnswer),
		}, "refusal, then silence seen by load on the way to all 2 replicas of catalog"},
		"refused only": {"sever", one, []load.Probed{probed("catalog-2#1", 1, 0, soon, load.Refused)}, ""},
		"silent first": {"sever", one, []load.Probed{probed("catalog-2#1", 1, 0, soon, load.NoAnswer), probed("catalog-2#1", 1600, 0, soon, load.Refused)}, ""},
		"one of two is spared": {"sever", both, []load.Probed{
			probed("catalog-1#1", 1, 0, soon, load.Refused), probed("catalog-1#1", 1600, 0, soon, load.NoAnswer), probed("catalog-2#1", 1, 200, soon, ""),
		}, ""},
		"late both ways":           {"lag", one, []load.Probed{probed("catalog-2#1", 1, 200, 820*time.Millisecond, "")}, "an answer after 820ms seen"},
		"late one way only":        {"lag", one, []load.Probed{probed("catalog-2#1", 1, 200, 600*time.Millisecond, "")}, ""},
		"a narrow link":            {"throttle", one, []load.Probed{probed("catalog-2#1", 1, 200, 550*time.Millisecond, "")}, "an answer after 550ms seen"},
		"a link that is choked":    {"throttle", one, []load.Probed{probed("catalog-2#1", 1, 0, time.Second, load.NoAnswer)}, "no answer in time on a connection that was made seen"},
		"no link at all":           {"throttle", one, []load.Probed{probed("catalog-2#1", 1, 0, time.Second, load.Unreachable)}, ""},
		"it failed twice":          {"flap", one, []load.Probed{probed("catalog-2#1", 1, 500, soon, ""), probed("catalog-2#1", 1100, 200, soon, ""), probed("catalog-2#1", 2600, 500, soon, "")}, "failure, then none, then failure again seen"},
		"it failed once":           {"flap", one, []load.Probed{probed("catalog-2#1", 1, 500, soon, ""), probed("catalog-2#1", 2, 500, soon, ""), probed("catalog-2#1", 1100, 200, soon, "")}, ""},
		"it failed all the time":   {"flap", one, []load.Probed{probed("catalog-2#1", 1, 500, soon, ""), probed("catalog-2#1", 1100, 0, soon, load.NoAnswer), probed("catalog-2#1", 2600, 500, soon, "")}, ""},
		"nothing arrived":          {"blackhole", one, []load.Probed{probed("catalog-2#1", 1, 0, soon, load.Unreachable)}, "a connect that did not arrive seen"},
		"it arrived":               {"blackhole", one, []load.Probed{arrived("catalog-2#1")}, ""},
		"it arrived, and no more":  {"one-way", one, []load.Probed{arrived("catalog-2#1")}, "a connect that arrived and got no answer seen"},
		"it did not arrive either": {"one-way", one, []load.Probed{probed("catalog-2#1", 1, 0, soon, load.Unreachable)}, ""},
		"packets were lost":        {"lossy", one, []load.Probed{resent("catalog-2#1", 200), resent("catalog-2#1", 0), resent("catalog-2#1", 0)}, "packets of 3 of 3 requests sent again seen"},
		"two packets were lost":    {"lossy", one, []load.Probed{resent("catalog-2#1", 200), resent("catalog-2#1", 200)}, ""},
		"all packets were lost":    {"lossy", one, []load.Probed{resent("catalog-2#1", 0), resent("catalog-2#1", 0), resent("catalog-2#1", 0)}, ""},
		"nobody could be asked":    {"silence", nil, nil, ""},
		"half an answer":           {"halve", one, []load.Probed{probed("catalog-2#1", 1, 200, soon, load.CutShort)}, "half an answer seen by load on the way to catalog-2"},
		"a whole answer":           {"halve", one, []load.Probed{probed("catalog-2#1", 1, 200, soon, "")}, ""},
		"a reset":                  {"reset", one, []load.Probed{probed("catalog-2#1", 1, 0, soon, load.Broken)}, "a reset seen by load on the way to catalog-2"},
		"a refusal is no reset":    {"reset", one, []load.Probed{probed("catalog-2#1", 1, 0, soon, load.Refused)}, ""},
		"a refusal":                {"refuse", one, []load.Probed{probed("catalog-2#1", 1, 0, soon, load.Refused)}, "a refusal seen by load on the way to catalog-2"},
	} {
		got := sawOnTheWay(witnesses()[c.fault].shows, began, c.paths, c.seen)
		if (got == "") != (c.want == "") || !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: %q, want %q", what, got, c.want)
		}
	}
}

// What was to be seen before the fault shows no fault, whoever sees it: a page that
// fails or is slow by itself.
func TestWhatWasThereBeforeIsNoWitness(t *testing.T) {
	one := []path{{id: id("catalog-2#1")}}
	const soon = time.Millisecond
	for what, c := range map[string]struct {
		fault holdfast.FaultName
		seen  load.Probed
		want  string
	}{
		"a failure":                             {"fail", probed("catalog-2#1", -500, 503, soon, ""), "status 503 on the way to catalog-2"},
		"a late answer":                         {"delay", probed("catalog-2#1", -950, 200, 900*time.Millisecond, ""), "an answer after 900ms on the way to catalog-2"},
		"a reset":                               {"reset", probed("catalog-2#1", -500, 0, soon, load.Broken), "a reset on the way to catalog-2"},
		"a failure of another":                  {"fail", probed("catalog-1#1", -500, 503, soon, ""), ""},
		"another failure":                       {"fail", probed("catalog-2#1", -500, 404, soon, ""), ""},
		"one that was under way when it struck": {"delay", probed("catalog-2#1", -500, 200, 900*time.Millisecond, ""), ""},
		"one that came with it":                 {"fail", probed("catalog-2#1", 1, 500, soon, ""), ""},
	} {
		if got := beforehand(witnesses()[c.fault].shows, began, one, []load.Probed{c.seen}); got != c.want {
			t.Errorf("%s: %q, want %q", what, got, c.want)
		}
	}
	f := mended().facts
	f.witness, f.already = "", "status 503 on the way to catalog-2"
	if d := judge(f); d.Verdict != holdfast.Invalid || !strings.HasPrefix(d.Reason, shownBefore+"status 503 on the way to catalog-2") {
		t.Errorf("%s: %s", d.Verdict, d.Reason)
	}
}

// Every fault of the catalogue has a witness of its own, and is missed by name.
func TestEveryFaultOfTheCatalogueHasAWitness(t *testing.T) {
	for _, m := range mode.Catalogue() {
		for _, name := range m.Faults() {
			of := witnesses()[name]
			if (of.saw == nil) == (of.shows == nil) {
				t.Errorf("nobody looks for %s, or two ways do", name)
			}
			missing := unseen(facts{by: holdfast.Drill{Fault: name}, victim: holdfast.Victim{ID: id("catalog-2#1"), Pid: 7}})
			if want := map[bool]string{true: "pid 7", false: string(name) + " on the way to catalog-2#1"}[of.saw != nil]; !strings.Contains(missing, want) {
				t.Errorf("%s: %q", name, missing)
			}
			if within := witnessWithin(name); within < witnessSoon || within > m.Bounds.Restore {
				t.Errorf("%s must be seen within %s", name, within)
			}
		}
	}
}

// Replicas are struck in turn, from one that the seed picks.
func TestReplicasAreStruckInTurn(t *testing.T) {
	p := &proving{strikes: map[holdfast.ServiceName]int{"catalog": 2, "cart": 1}}
	var got []int
	for range 4 {
		got = append(got, p.next(holdfast.Service{Name: "catalog", Replicas: 3}))
	}
	if got[0] != 3 || got[1] != 1 || got[2] != 2 || got[3] != 3 {
		t.Errorf("struck in the order %v", got)
	}
	if other := p.next(holdfast.Service{Name: "cart", Replicas: 2}); other != 2 {
		t.Errorf("cart-%d was struck", other)
	}
}
