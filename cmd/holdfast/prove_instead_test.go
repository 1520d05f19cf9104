package main

import (
	"strings"
	"testing"

	"holdfast"
	"holdfast/report"
)

// lostRoute publishes a service by a route that declares what its users get when it
// is lost.
func lostRoute(declares, old string) string {
	return `name: shop
owner: web
gateway:
  listen: ["8080"]
  routes: [{path: /, service: catalog, timeout: 1s, ` + declares + `}]
services:
  catalog: {command: ./holdfast toy catalog, replicas: 2, healthcheck: {path: /healthz}}
  old: {command: ./holdfast toy catalog ` + old + `, replicas: 1, healthcheck: {path: /healthz}}
`
}

// All of a published service is taken away, for real: its users get copies. Where
// who is to be asked in its place answers nothing good either, they get errors, and
// the drill fails for that and for nothing else.
func TestALostServiceIsCoveredAsDeclared(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		what, declares, old string
		verdict             holdfast.Verdict
		how, reason         string
	}{
		{"copies", "stale: 10m, fallback: {service: old}", "", holdfast.Pass, "stale", ""},
		{"another service that is broken", "fallback: {service: old}", "--fail-share 1", holdfast.Fail, "", "answers of gateway:8080 none came from its fallback"},
	} {
		t.Run(c.what, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, lostRoute(c.declares, c.old))
			var s said
			var run report.Run
			for range 4 {
				s = h.run("prove", "catalog.loss", "--json", "--seed", "8812")
				if run = s.document(); !noisy(run) {
					break
				}
			}
			if len(run.Drills) != 1 {
				t.Fatalf("%s", s.all())
			}
			d := run.Drills[0]
			if d.Verdict != c.verdict || !strings.Contains(d.Reason, c.reason) || c.reason == "" && d.Reason != "" {
				t.Errorf("%s %q:\n%s", d.Verdict, d.Reason, s.all())
			}
			if d.Strikes != "catalog" || !strings.HasPrefix(d.Witness, "refusal, then silence seen by load") || d.Detect == nil || d.From != "undo" {
				t.Errorf("%+v", d)
			}
			if covered := d.Degraded > 0 && len(d.Instead) > 0 && d.Instead[0].How == c.how; covered != (c.how != "") {
				t.Errorf("%d degraded, %+v", d.Degraded, d.Instead)
			}
			h.keepsNothingOfTheCopy()
		})
	}
}

// The only replica is killed and started anew. Its users wait meanwhile, and none of
// them gets an error; the verdict says how many waited. On a busy machine some may
// have waited for too long, which is no fault of what is tested here.
func TestARestartOfTheOnlyReplicaIsWaitedOut(t *testing.T) {
	t.Parallel()
	h := newHouse(t, strings.Replace(catalogAlone(""), "replicas: 2", "replicas: 1", 1))
	var s said
	for range 4 {
		s = h.run("prove", "catalog.crash", "--json", "--seed", "8812")
		run := s.document()
		if noisy(run) || len(run.Drills) != 1 {
			continue
		}
		if d := run.Drills[0]; d.Failed == 0 && d.Waited != nil && d.Waited.Requests > 0 && d.Waited.Longest > 0 && (d.Verdict == holdfast.Pass || d.Late > 0) {
			return
		}
	}
	t.Errorf("in none of four drills were all requests answered that had to wait:\n%s", s.all())
}
