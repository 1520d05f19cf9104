package prove

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast"
	"holdfast/event"
	"holdfast/internal/golden"
	"holdfast/load"
	"holdfast/mode"
	"holdfast/report"
)

// A broken is a system that is broken in one way, as its drill showed it, and the
// words that only this kind of brokenness is told by.
type broken struct {
	name  string
	scene *scene
	tells string // of the reason
	helps string // of the help; empty: the file has no word for it
}

// systemOf is storefront, which needs catalog over one edge.
func systemOf(replicas int, edge holdfast.Dependency) *holdfast.System {
	edge.On = "catalog"
	return &holdfast.System{Name: "shop", Services: []holdfast.Service{
		{Name: "storefront", Command: "./storefront", Manage: holdfast.Full, Replicas: 2, DependsOn: []holdfast.Dependency{edge}, Ports: []holdfast.Port{{Host: "127.0.0.1", Port: 8080}}},
		{Name: "catalog", Command: "./catalog", Manage: holdfast.Full, Replicas: replicas},
	}}
}

// within sets a scene in a system with an edge.
func (s *scene) within(edge holdfast.Dependency) *scene {
	return s.but(func(f *facts) {
		f.system = systemOf(f.service.Replicas, edge)
		if f.loss != nil {
			f.loss.covers = covers(f.system, f.loss.edge)
		}
	})
}

// prints is a line that the victim's replica printed.
func (s *scene) prints(after time.Duration, line string) *scene {
	return s.but(func(f *facts) {
		f.printed = append(f.printed, printed{at: began + after, by: f.victim.ID.Name(), line: line})
	})
}

// asksFor is how many requests had arrived at storefront and over its edge when
// the load began, when it was struck, and when that was over.
func (s *scene) asksFor(users, edge [3]int) *scene {
	return s.but(func(f *facts) {
		for i, at := range []time.Duration{began - time.Second, began, f.ended} {
			f.traffic = append(f.traffic, counted{at: at, requests: map[string]int{"storefront:8080": users[i], "storefront/catalog": edge[i]}})
		}
	})
}

// usersOf adds requests of the caller's users that all fail, beside those to the edge itself.
func (s *scene) usersOf(name string, from, to time.Duration) *scene {
	for due := began + from; due < began+to; due += 10 * time.Millisecond {
		s.results = append(s.results, load.Result{Target: name, Intended: int64(due), Sent: int64(due), Ended: int64(due + time.Millisecond), Status: 502, Failed: true, Body: "catalog is away"})
	}
	return s
}

// restarted is a replica that is started again as it should be, and is taken into use
// after so long.
func restarted(s *scene, ready time.Duration) *scene {
	name := fmt.Sprintf("%s#2", s.victim.ID.Name())
	return s.noticed(4*time.Millisecond).then(4*time.Millisecond, restart(name)).then(30*time.Millisecond, holdfast.Started{ID: id(name)}).whole(ready, name)
}

func brokenSystems() []broken {
	return slices.Concat(brokenReplicas(), brokenStarts(), brokenEdges(), brokenByOthers())
}

// brokenReplicas hurt the users of what has one replica, or might as well.
func brokenReplicas() []broken {
	none, never := 0, false
	return []broken{
		{"no retry", restarted(crash(2, 4*time.Second), 640*time.Millisecond).within(holdfast.Dependency{Required: true, Timeout: time.Second, Repetition: holdfast.Repetition{Retries: &none}}).hurts(0, 60*time.Millisecond),
			"because what fails on storefront/catalog is not asked of another replica", "`retries: 1` for catalog under depends_on of storefront"},
		{"nothing is idempotent", restarted(crash(2, 4*time.Second), 640*time.Millisecond).within(holdfast.Dependency{Required: true, Timeout: time.Second, Repetition: holdfast.Repetition{Idempotent: &never}}).hurts(0, 60*time.Millisecond),
			"is not asked of another replica", "no `idempotent: false` for catalog under depends_on of storefront"},
		{"one replica", restarted(crash(1, 4*time.Second), 640*time.Millisecond).hurts(0, 640*time.Millisecond),
			"because catalog has one replica", "`replicas: 2` for catalog"},
		{"lying health check", restarted(crash(2, 12*time.Second), 640*time.Millisecond).
			but(func(f *facts) { f.service.Healthcheck.Path = "/healthz" }).hurts(640*time.Millisecond, 8*time.Second),
			"because catalog-2#2 was in use from 640ms on while 1472 of them were hurt", "let GET /healthz of catalog answer well only once it can serve"},
		{"any answer is healthy", restarted(crash(1, 12*time.Second), 640*time.Millisecond).hurts(0, 8*time.Second),
			"because catalog-1#2 was in use from 640ms on while 1472 of them were hurt", "`healthcheck: {path: …}` for catalog"},
		{"lying health check, and the gateway sees through it", restarted(crash(2, 4*time.Second), 640*time.Millisecond).
			but(func(f *facts) { f.service.Healthcheck.Path = "/healthz" }).
			then(3*time.Second, holdfast.Ejected{ID: id("catalog-2#2"), Sign: holdfast.SignErrors, Detail: "5 of 5 requests failed"}, event.Detected{Mode: "catalog.errors", ID: id("catalog-2#2"), Sign: holdfast.SignErrors}),
			"catalog-2#2 was in use after 640ms and is out again by errors: 5 of 5 requests failed", "let GET /healthz of catalog answer well only once it can serve: catalog-2#2 was in use, and failed"},
		{"the caller fails by itself", restarted(crash(2, 4*time.Second), 640*time.Millisecond).within(holdfast.Dependency{Required: true, Timeout: time.Second}).usersOf("storefront:8080", 0, time.Second),
			"it is its callers that failed (800 requests over storefront/catalog were answered well)", ""},
		{"a step of a session over the edge", restarted(crash(2, 4*time.Second), 640*time.Millisecond).within(holdfast.Dependency{Required: true, Timeout: time.Second}).
			usersOf("storefront:8080", 0, time.Second).usersOf("buying/1 POST storefront/catalog/carts/{{id}}", 0, time.Second).but(func(f *facts) {
			for i := range f.results {
				if strings.HasPrefix(f.results[i].Target, "buying/") {
					f.results[i].Session = "buying"
				}
			}
		}),
			"200 of 1000 requests were hurt; the first: GET storefront:8080 502 catalog is away", ""},
	}
}

// brokenStarts do not come back, or late.
func brokenStarts() []broken {
	return []broken{
		{"restart too slow", restarted(crash(2, 22*time.Second), 20*time.Second).
			prints(40*time.Millisecond, "reading 4,000,000 articles").prints(19900*time.Millisecond, "listening"),
			`20s of it passed from the start of catalog-2#2 to its first good answer; it printed "reading 4,000,000 articles" and then nothing for 19.9s`, "a shorter start of catalog: it took 20s, and `restore` allows 15s for everything"},
		{"crash loop", crash(2, 30*time.Second).noticed(4*time.Millisecond).
			crashes(10*time.Millisecond, "catalog-2#2").crashes(time.Second, "catalog-2#3").prints(1005*time.Millisecond, "data.lock: held by pid 4711").
			then(2*time.Second, withheld(holdfast.RailAttempts, "its budget of 2 in 10m is spent"), event.Escalated{Mode: "catalog.crash"}),
			`started again and exited, 2 times, the last time with exit 1; it last printed "data.lock: held by pid 4711"`, "a catalog that starts after a crash: started again, catalog-2#3 ended by itself (exit 1)"},
		{"given up before it was ready", crash(2, 50*time.Second).noticed(4*time.Millisecond).
			but(func(f *facts) { f.service.Healthcheck.StartPeriod = 10 * time.Second }).
			then(4*time.Millisecond, restart("catalog-2#2")).then(30*time.Millisecond, holdfast.Started{ID: id("catalog-2#2")}).
			then(10*time.Second, event.Detected{Mode: "catalog.crash", ID: id("catalog-2#2"), Detail: "not ready 10s after its start"}, restart("catalog-2#3")).
			then(11*time.Second, holdfast.Exited{ID: id("catalog-2#2"), Status: holdfast.ExitStatus{Signal: "SIGTERM"}}, holdfast.Started{ID: id("catalog-2#3")}),
			"catalog-2#3 was started after 11s and did not get ready", "a longer `healthcheck: {start_period: …}` for catalog than 10s"},
		{"its command is gone", crash(2, 30*time.Second).noticed(4*time.Millisecond).then(4*time.Millisecond, restart("catalog-2#2")).
			then(5*time.Millisecond, holdfast.NotStarted{ID: id("catalog-2#2"), Reason: "./catalog: no such file"}),
			"catalog-2 could not be started: ./catalog: no such file", "a `command` of catalog that is there"},
		{"no remedy", crash(2, 15*time.Second).but(func(f *facts) { f.mode.Remedies = []holdfast.Remedy{} }).noticed(4*time.Millisecond).then(4*time.Millisecond, event.Escalated{Mode: "catalog.crash"}),
			"no remedy is declared for catalog.crash", "`failure_modes: {crash: {remedies: [restart]}}` for catalog"},
		{"withheld by a guardrail", hung().then(3*time.Second, hungWithheld(holdfast.RailUnavailable, "1 of 2 replicas are out already, 1 may be")),
			"restart withheld by max-unavailable: 1 of 2 replicas are out already, 1 may be", "a larger `guardrails: {max_unavailable: …}`"},
		{"in shadow", hung().then(3*time.Second, hungWithheld(holdfast.RailShadow, "it would end a living process, and catalog.hang is not armed")),
			"restart withheld by shadow", "`failure_modes: {hang: {armed: true}}` for catalog"},
	}
}

// hung is a hang of one of two that is noticed in time.
func hung() *scene {
	s := crash(2, 40*time.Second)
	s.mode, s.by, s.witness = mode.Hang().Of(s.service), holdfast.Drill{Fault: mode.Hang().Fault}, "pid 4711 seen to stand still by load"
	return s.ejects(time.Second, holdfast.SignSilent)
}

func hungWithheld(rail holdfast.Guardrail, why string) event.Withheld {
	return event.Withheld{Do: event.ActRestart, Mode: "catalog.hang", Guardrail: rail, Why: why}
}

// brokenEdges do not bear the loss of what they need.
func brokenEdges() []broken {
	well := func(s *scene) *scene { return s.then(4*time.Second, holdfast.Admitted{ID: id("catalog-1#1")}) }
	return []broken{
		{"required, and declared optional", well(severed(false, false)).within(holdfast.Dependency{Timeout: time.Second}).hurts(0, 3*time.Second),
			"although the file says that storefront can do without catalog", "`fallback: {json: …}` for catalog under depends_on of storefront, or a storefront that answers without it"},
		{"the fallback is missing", well(severed(false, true)).within(holdfast.Dependency{Timeout: time.Second, Fallback: &holdfast.Fallback{Stale: time.Minute}}).answersItself(false),
			"of 300 answers of storefront/catalog none came from its fallback", "`json` or `file` beside `stale` in the fallback for catalog"},
		{"the caller dies with its dependency", well(severed(true, false).owes(5*time.Millisecond)).
			then(time.Second, holdfast.Exited{ID: id("storefront-1#1"), Status: holdfast.ExitStatus{Code: 2}}).then(2*time.Second, holdfast.Admitted{ID: id("storefront-1#2")}),
			"storefront-1#1 ended by itself (exit 2), and no remedy of storefront/catalog.loss does that", "a storefront that lives on without catalog: storefront-1#1 ended (exit 2)"},
		{"its health check asks the dependency", well(severed(true, false).owes(5*time.Millisecond)).
			then(time.Second, holdfast.Ejected{ID: id("storefront-1#1"), Sign: holdfast.SignUnhealthy, Detail: "GET /healthz 503"}),
			"storefront-1#1 is out by unhealthy: GET /healthz 503", "a health check of storefront that does not ask catalog"},
		{"it does not fail fast", well(severed(true, false).owes(4 * time.Second)).answersItself(false),
			"it did not fail fast: GET storefront:8080 502 took 4s, and storefront/catalog allows 1.5s", "a storefront that gives up when catalog does: over storefront/catalog itself every answer came within 1ms"},
		{"requests pile up", well(severed(true, false).owes(1400 * time.Millisecond)).but(func(f *facts) { f.loss.arriving = 10 }),
			"requests piled up: 140 waited at once, and 33 may", "`fallback: {json: …}` for catalog under depends_on of storefront, if anything can be answered in its place"},
		{"retry storm", well(severed(true, false).owes(5*time.Millisecond)).within(holdfast.Dependency{Required: true, Timeout: time.Second}).
			asksFor([3]int{0, 100, 700}, [3]int{0, 100, 2500}),
			"storefront made it worse: it asked catalog 4.0 times for each request it got itself, 4.0 times as often as before the fault", "fewer tries by storefront itself"},
	}
}

// brokenByOthers are noticed late, wait too long, or leave something behind.
func brokenByOthers() []broken {
	return []broken{
		{"noticed too late", pathFault(mode.Slow()).but(func(f *facts) {
			f.service.Healthcheck.Interval = 10 * time.Second
			f.mode.Bounds.Detect = 2 * time.Second
		}).
			ejects(2500*time.Millisecond, holdfast.SignMissed).returns(4 * time.Second),
			"noticing it took 2.5s", "a shorter `healthcheck: {interval: …}` for catalog: it is asked every 10s, and `detect` allows 2s"},
		{"a timeout longer than the bound", pathFault(mode.Partition()).within(holdfast.Dependency{Required: true, Timeout: 5 * time.Second}).ejects(time.Second, holdfast.SignUnreachable).returns(4*time.Second).
			hurts(0, 3*time.Second).but(func(f *facts) {
			for i, r := range f.results {
				if r.Failed {
					f.results[i].Ended = r.Intended + int64(5*time.Second)
				}
			}
		}),
			"users were not whole again in the 3s that the fault lasted", "a `timeout` for catalog under depends_on of storefront that is shorter than 5s: `mitigate` allows 3s"},
		{"something is left behind", restarted(crash(2, 4*time.Second), 640*time.Millisecond).but(func(f *facts) { f.residue = []string{"pid 99 (sh)"} }),
			"the drill left something behind: pid 99 (sh)", ""},
		{"it takes its neighbour with it", restarted(crash(2, 15*time.Second), 640*time.Millisecond).
			then(time.Second, holdfast.Exited{ID: id("catalog-1#1"), Status: holdfast.ExitStatus{Code: 1}}, event.Detected{Mode: "catalog.crash", ID: id("catalog-1#1")}),
			"catalog-1#1, which nobody struck, ended too: exit 1", ""},
	}
}

// Each broken system fails, and by its text a person can tell it from the others.
func TestEveryBrokenSystemFailsForItsOwnReason(t *testing.T) {
	systems := brokenSystems()
	var text strings.Builder
	var drills []report.Drill
	for _, b := range systems {
		d := judge(b.scene.facts)
		checkDrill(t, b.name, d)
		if d.Verdict != holdfast.Fail || !strings.Contains(d.Reason, b.tells) || !strings.Contains(strings.Join(d.Help, "\n"), b.helps) {
			t.Errorf("%s: %s\n  why %s\n  want %s\n  helps %q\n  want %s", b.name, d.Verdict, d.Reason, b.tells, d.Help, b.helps)
		}
		if b.helps == "" && len(d.Help) > 0 {
			t.Errorf("%s: help that nothing speaks for: %q", b.name, d.Help)
		}
		fmt.Fprintf(&text, "# %s\n\n%s\n", b.name, report.DrillLines(d, len(d.Mode), false))
		drills = append(drills, d)
	}
	for i, b := range systems {
		for k, d := range drills {
			if i != k && strings.Contains(d.Reason, b.tells) && strings.Contains(strings.Join(d.Help, "\n"), b.helps) {
				t.Errorf("%s is told by the words of %s: %s", systems[k].name, b.name, d.Reason)
			}
		}
	}
	golden.Compare(t, filepath.Join("testdata", "broken.txt"), text.String())
}
