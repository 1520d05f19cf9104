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
		"nobody could be asked": {"silence", nil, nil, ""},
		"half an answer":        {"halve", one, []load.Probed{probed("catalog-2#1", 1, 200, soon, load.CutShort)}, "half an answer seen by load on the way to catalog-2"},
		"a whole answer":        {"halve", one, []load.Probed{probed("catalog-2#1", 1, 200, soon, "")}, ""},
		"a reset":               {"reset", one, []load.Probed{probed("catalog-2#1", 1, 0, soon, load.Broken)}, "a reset seen by load on the way to catalog-2"},
		"a refusal is no reset": {"reset", one, []load.Probed{probed("catalog-2#1", 1, 0, soon, load.Refused)}, ""},
		"a refusal":             {"refuse", one, []load.Probed{probed("catalog-2#1", 1, 0, soon, load.Refused)}, "a refusal seen by load on the way to catalog-2"},
	} {
		got := sawOnTheWay(witnesses()[c.fault].shows, began, c.paths, c.seen)
		if (got == "") != (c.want == "") || !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: %q, want %q", what, got, c.want)
		}
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
