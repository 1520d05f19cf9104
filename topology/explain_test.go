package topology

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"holdfast"
	"holdfast/cutset"
)

func explained(system *holdfast.System) string {
	var lines []string
	for _, i := range Explain(system) {
		lines = append(lines, i.Path+" = "+i.Value+" ("+i.Because+")")
	}
	return strings.Join(lines, "\n") + "\n"
}

// bazaar has a need of every kind, and services of every kind.
func bazaar() *holdfast.System {
	all := holdfast.Promise{Target: 0.99}
	need := func(on string) holdfast.Dependency {
		return holdfast.Dependency{On: holdfast.ServiceName(on), Required: true}
	}
	pay, pages, news := need("psp"), need("pages"), need("news")
	pay.For, pages.For, news.Required = []string{"/checkout"}, []string{"/help"}, false
	first, covered, stale := need("migrate"), need("ads"), need("catalog")
	first.Completed, covered.Fallback, stale.Fallback = true, &holdfast.Fallback{Body: "[]"}, &holdfast.Fallback{Stale: time.Minute}
	inner := need("bank")
	inner.For = []string{"/card"}
	return &holdfast.System{
		Promise: &all, Promises: []holdfast.Promise{{Name: "checkout", Service: "web", Route: "/checkout", Target: 0.99}, {Name: "browse", Route: "/browse", Target: 0.99}},
		Services: []holdfast.Service{
			{Name: "web", Replicas: 3, Command: "./web", Ports: []holdfast.Port{{Port: 80}}, DependsOn: []holdfast.Dependency{pay, pages, news, first, covered, stale, need("db")}, Design: holdfast.Design{Capacity: &holdfast.Capacity{Replica: 200, Peak: 600}}},
			{Name: "psp", Replicas: 2, URLs: []string{"https://psp.example/a", "https://psp.example/b"}, DependsOn: []holdfast.Dependency{inner}},
			{Name: "pages", Replicas: 2, Design: holdfast.Design{Capacity: &holdfast.Capacity{Replica: 100, Peak: 500}}}, {Name: "news", Replicas: 1},
			{Name: "migrate", Replicas: 1, Once: true}, {Name: "ads", Replicas: 1},
			{Name: "catalog", Replicas: 2, Design: holdfast.Design{State: &holdfast.State{}}},
			{Name: "db", Replicas: 3, Design: holdfast.Design{State: &holdfast.State{Quorum: true}}},
			{Name: "bank", Replicas: 2, URLs: []string{"http://localhost:1", "http://127.0.0.1:2"}, Design: holdfast.Design{State: &holdfast.State{Promote: holdfast.Manual}}},
		},
	}
}

func TestTheAnalysisIsExplained(t *testing.T) {
	want := `promise = web (users come to what is published)
promise = rests on psp, pages, db, bank (required, directly or through others)
promises.checkout = web (` + "`service`" + ` of the promise)
promises.checkout = rests on psp, db, bank (required for /checkout, directly or through others)
promises.browse = web (users come to what is published)
promises.browse = rests on db (required for /browse, directly or through others)
services.web.replicas = 3 of 3 must serve (` + "`capacity`" + `: its peak of 600/s takes 3 of 200/s)
services.web.depends_on.psp = can break the promise for everything, checkout (` + "`for: [/checkout]`" + `; not browse, which is made for another route)
services.web.depends_on.pages = can break the promise for everything (` + "`for: [/help]`" + `; not checkout, browse, which is made for another route)
services.web.depends_on.news = breaks no promise (optional: web serves without it)
services.web.depends_on.migrate = breaks no promise (migrate runs before web starts, and is over when users come)
services.web.depends_on.ads = breaks no promise (covered by a body, which the gateway answers by itself)
services.web.depends_on.catalog = breaks nothing alone (covered by copies: only that there is no fresh one as well breaks something)
services.psp.urls = 1 of 2 must serve (any one serves alone: neither ` + "`capacity` nor `stateful`" + ` asks for more)
services.psp.urls = psp-1, psp-2 on psp.example (2 URLs of this file name it: they fail together)
services.psp.depends_on.bank = can break the promise for everything, checkout (` + "`for: [/card]`" + `, but by which route psp is asked by others is not known: every one counts)
services.pages.replicas = 2 of 2 must serve (` + "`capacity`" + `: its peak of 500/s takes 5 of 100/s, and there are 2)
services.news.replicas = 1 of 1 must serve (there is no other)
services.ads.replicas = 1 of 1 must serve (there is no other)
services.catalog.replicas = 2 of 2 must serve (` + "`stateful` without `promote`" + `: each has what the others have not)
services.db.replicas = 2 of 3 must serve (` + "`quorum`" + `: it serves while more than half of its replicas do)
services.bank.urls = 1 of 2 must serve (` + "`promote`" + `: another one takes over)
services.bank.urls = bank-1, bank-2 on this host (it is named by a loopback address, and fails with all that runs here)
`
	if diff := cmp.Diff(want, explained(bazaar())); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// What is said to break no promise is in no set that breaks one, and what is said
// to can is in one.
func TestWhatIsExplainedIsWhatIsFound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		system := anySystem(t)
		routes := []string{"", "/a", "/b"}
		for i := range system.Services {
			s := &system.Services[i]
			s.Replicas = 1
			for j := range s.DependsOn {
				d := &s.DependsOn[j]
				d.Required = rapid.Bool().Draw(t, "required")
				if rapid.Bool().Draw(t, "for") {
					d.For = []string{rapid.SampledFrom(routes[1:]).Draw(t, "for")}
				}
			}
			if len(s.Ports) > 0 && rapid.Bool().Draw(t, "promised") {
				system.Promises = append(system.Promises, holdfast.Promise{Name: holdfast.PromiseName("of-" + s.Name), Service: s.Name, Route: rapid.SampledFrom(routes).Draw(t, "route"), Target: 0.99})
			}
		}
		if Cycle(system.Edges()) != nil {
			t.Skip("a file has no circles")
		}
		risks := Analyse(system, cutset.Limits{})
		for _, p := range risks.Promises() {
			explains(t, system, risks, p)
		}
	})
}

func explains(t *rapid.T, system *holdfast.System, risks *Risks, p holdfast.Promise) {
	asked := risks.ways(p)
	var breaks []holdfast.ServiceName
	for risk := range risks.Cuts(p).Least {
		if risk.Kind == ReplicaRisk {
			breaks = append(breaks, risk.Service)
		}
	}
	for _, name := range names(system) {
		if is := asked[Way{Service: name}] || asked[Way{Service: name, Route: p.Route}]; is != slices.Contains(breaks, name) {
			t.Fatalf("%s: that %s can break it is %v, and found are %v", p.Name, name, is, breaks)
		}
	}
}
