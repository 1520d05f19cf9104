package topology

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast"
	"holdfast/cutset"

	"github.com/google/go-cmp/cmp"
)

// run is a service of ours with so many replicas.
func run(name holdfast.ServiceName, replicas int, needs ...holdfast.Dependency) holdfast.Service {
	return holdfast.Service{Name: name, Command: "./" + string(name), Replicas: replicas, DependsOn: needs}
}

func elsewhere(name holdfast.ServiceName, urls ...string) holdfast.Service {
	return holdfast.Service{Name: name, URLs: urls, Replicas: len(urls)}
}

func needs(on holdfast.ServiceName) holdfast.Dependency {
	return holdfast.Dependency{On: on, Required: true}
}

// with is a service with something changed.
func with(s holdfast.Service, change func(*holdfast.Service)) holdfast.Service {
	change(&s)
	return s
}

func open(s holdfast.Service) holdfast.Service {
	return with(s, func(s *holdfast.Service) { s.Ports = []holdfast.Port{{Port: 8080}} })
}

func stateful(s holdfast.Service, state holdfast.State) holdfast.Service {
	return with(s, func(s *holdfast.Service) { s.State = &state })
}

func bears(s holdfast.Service, replica, peak float64) holdfast.Service {
	return with(s, func(s *holdfast.Service) { s.Capacity = &holdfast.Capacity{Replica: replica, Peak: peak} })
}

func in(s holdfast.Service, zones ...holdfast.ZoneName) holdfast.Service {
	return with(s, func(s *holdfast.Service) { s.Zones = zones })
}

// Of each set that breaks a promise those are shown that not every system has:
// its host, a release and a change are not.
func TestWhatBreaksAPromise(t *testing.T) {
	scoped := holdfast.Dependency{On: "pay", Required: true, For: []string{"/checkout"}}
	stale := holdfast.Dependency{On: "cart", Fallback: &holdfast.Fallback{Stale: time.Minute}}
	for _, c := range []struct {
		what     string
		promise  holdfast.Promise
		zones    []holdfast.ZoneName
		services []holdfast.Service
		want     string
	}{
		{what: "one replica", services: []holdfast.Service{run("web", 1)}, want: "{web-1}"},
		{what: "one URL is called as its service", services: []holdfast.Service{elsewhere("psp", "https://psp.example")}, want: "{psp}"},
		{what: "all of three", services: []holdfast.Service{run("web", 3)}, want: "{web-1, web-2, web-3}"},
		{what: "two of three by capacity", services: []holdfast.Service{bears(run("web", 3), 100, 150)}, want: "{web-1, web-2} {web-1, web-3} {web-2, web-3}"},
		{what: "capacity that is never there", services: []holdfast.Service{bears(run("web", 2), 100, 900)}, want: "{web-1} {web-2}"},
		{what: "more than half of a quorum", services: []holdfast.Service{stateful(run("db", 3), holdfast.State{Quorum: true})}, want: "{db-1, db-2} {db-1, db-3} {db-2, db-3}"},
		{what: "a quorum of two", services: []holdfast.Service{stateful(run("db", 2), holdfast.State{Quorum: true})}, want: "{db-1} {db-2}"},
		{what: "nobody takes over", services: []holdfast.Service{stateful(run("db", 2), holdfast.State{})}, want: "{db-1} {db-2}"},
		{what: "another is promoted", services: []holdfast.Service{stateful(run("db", 2), holdfast.State{Promote: holdfast.Manual})}, want: "{db-1, db-2}"},
		{
			what: "zones in turn", zones: []holdfast.ZoneName{"a", "b"}, services: []holdfast.Service{in(run("web", 3), "a", "b")},
			want: "{zone a, zone b} {zone a, web-2} {zone b, web-1, web-3} {web-1, web-2, web-3}",
		},
		{what: "one zone of two", zones: []holdfast.ZoneName{"a", "b"}, services: []holdfast.Service{in(run("web", 2), "b")}, want: "{zone b} {web-1, web-2}"},
		{
			what:     "a cause that two share is one",
			services: []holdfast.Service{open(with(run("web", 2, needs("db")), func(s *holdfast.Service) { s.Shares = []holdfast.CauseName{"rack-7"} })), with(run("db", 2), func(s *holdfast.Service) { s.Shares = []holdfast.CauseName{"rack-7"} })},
			want:     "{rack-7} {web-1, web-2} {db-1, db-2}",
		},
		{what: "two URLs of one host", services: []holdfast.Service{elsewhere("db", "tcp://DB.example:1", "tcp://db.example:2")}, want: "{db.example} {db-1, db-2}"},
		{what: "two URLs of this host", services: []holdfast.Service{elsewhere("db", "tcp://127.0.0.1:1", "tcp://[::1]:2", "tcp://localhost:3")}, want: "{db-1, db-2, db-3}"},
		{
			what:     "a host that two services name",
			services: []holdfast.Service{open(run("web", 2, needs("db"), needs("mail"))), elsewhere("db", "tcp://db1.example:1", "tcp://db2.example:1"), elsewhere("mail", "tcp://db1.example:2", "tcp://mail.example:2")},
			want:     "{db1.example, db-2} {db1.example, mail-2} {web-1, web-2} {db-1, db-2} {mail-1, mail-2}",
		},
		{what: "what is required", services: []holdfast.Service{open(run("web", 2, needs("cart"))), run("cart", 1)}, want: "{cart-1} {web-1, web-2}"},
		{what: "what is optional", services: []holdfast.Service{open(run("web", 2, holdfast.Dependency{On: "ads"})), run("ads", 1)}, want: "{web-1, web-2}"},
		{
			what: "what is answered in its place", want: "{web-1, web-2}",
			services: []holdfast.Service{open(run("web", 2, holdfast.Dependency{On: "cart", Fallback: &holdfast.Fallback{Body: "{}"}})), run("cart", 1)},
		},
		{what: "a copy may be missing", services: []holdfast.Service{open(run("web", 2, stale)), run("cart", 1)}, want: "{web-1, web-2} {cart-1, no fresh copy of cart for web}"},
		{what: "what only another route needs", promise: holdfast.Promise{Route: "/browse"}, services: []holdfast.Service{open(run("web", 2, scoped)), run("pay", 1)}, want: "{web-1, web-2}"},
		{what: "what this route needs", promise: holdfast.Promise{Route: "/checkout/card"}, services: []holdfast.Service{open(run("web", 2, scoped)), run("pay", 1)}, want: "{pay-1} {web-1, web-2}"},
		{what: "what some route needs", services: []holdfast.Service{open(run("web", 2, scoped)), run("pay", 1)}, want: "{pay-1} {web-1, web-2}"},
		{
			what: "what has been done before the start", want: "{web-1, web-2}",
			services: []holdfast.Service{open(run("web", 2, holdfast.Dependency{On: "migrate", Required: true, Completed: true})), with(run("migrate", 1), func(s *holdfast.Service) { s.Once = true })},
		},
		{
			what: "nothing is published", want: "{report-1} {db-1, db-2}",
			services: []holdfast.Service{run("report", 1, needs("db")), run("db", 2), with(run("migrate", 1), func(s *holdfast.Service) { s.Once = true })},
		},
		{what: "what nobody comes to", services: []holdfast.Service{open(run("web", 2)), run("batch", 1)}, want: "{web-1, web-2}"},
		{what: "of one published service", promise: holdfast.Promise{Service: "web"}, services: []holdfast.Service{open(run("web", 2)), open(run("admin", 1))}, want: "{web-1, web-2}"},
		{what: "of all published services", services: []holdfast.Service{open(run("web", 2)), open(run("admin", 1))}, want: "{admin-1} {web-1, web-2}"},
	} {
		risks := Analyse(&holdfast.System{Zones: c.zones, Services: c.services}, cutset.Limits{})
		var sets []string
		for set := range risks.Cuts(c.promise).Each {
			if !slices.ContainsFunc(set, Risk.Implied) {
				sets = append(sets, Text(set))
			}
		}
		if diff := cmp.Diff(c.want, strings.Join(sets, " ")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.what, diff)
		}
	}
}

// Every system has the same risks, and a service of ours one more.
func TestImpliedRisks(t *testing.T) {
	system := &holdfast.System{Services: []holdfast.Service{open(run("web", 2, needs("psp"))), elsewhere("psp", "https://a.example", "https://b.example")}}
	cuts := Analyse(system, cutset.Limits{}).Cuts(holdfast.Promise{})
	var implied []string
	for set := range cuts.Each {
		if len(set) == 1 && set[0].Implied() {
			implied = append(implied, set[0].Name)
		}
	}
	if want := []string{"this host", "a change of this file", "a release of web"}; !slices.Equal(implied, want) {
		t.Errorf("got %q, want %q", implied, want)
	}
	if alone := cuts.Alone(); len(alone) > 0 {
		t.Errorf("%v is a fault of the design", alone)
	}
}

func TestPath(t *testing.T) {
	covered := holdfast.Dependency{On: "cart", Required: true, Fallback: &holdfast.Fallback{Body: "{}"}}
	scoped := holdfast.Dependency{On: "pay", Required: true, For: []string{"/checkout"}}
	inner := holdfast.Dependency{On: "psp", Required: true, For: []string{"/refund"}}
	system := &holdfast.System{Services: []holdfast.Service{
		run("psp", 1), run("db", 1), run("pay", 1, inner, needs("db")),
		run("web", 1, scoped, covered, needs("catalog"), holdfast.Dependency{On: "ads"}),
		run("catalog", 1, needs("db")), run("cart", 1), run("ads", 1),
	}}
	risks := Analyse(system, cutset.Limits{})
	for route, want := range map[string][]holdfast.ServiceName{
		"": {"web", "psp", "db", "pay", "catalog"}, "/checkout": {"web", "psp", "db", "pay", "catalog"}, "/browse": {"web", "db", "catalog"},
	} {
		if got := risks.Path(Way{Service: "web", Route: route}); !slices.Equal(got, want) {
			t.Errorf("web%s takes %v, want %v", route, got, want)
		}
	}
	if got, want := risks.Path(Way{Service: "pay", Route: "/browse"}, Way{Service: "catalog", Route: "/browse"}), []holdfast.ServiceName{"pay", "catalog", "db"}; !slices.Equal(got, want) {
		t.Errorf("pay and catalog take %v, want %v", got, want)
	}
	system.Services[1].DependsOn = []holdfast.Dependency{needs("pay")}
	if got, want := Analyse(system, cutset.Limits{}).Path(Way{Service: "pay", Route: "/browse"}, Way{Service: "catalog", Route: "/browse"}), []holdfast.ServiceName{"pay", "catalog", "psp", "db"}; !slices.Equal(got, want) {
		t.Errorf("pay and catalog take %v, want %v: db comes to all of pay", got, want)
	}
}

// A journey takes what each of its steps takes: as a promise of all of their
// routes would, and not as one for everything.
func TestWhatBreaksAJourney(t *testing.T) {
	scoped := holdfast.Dependency{On: "pay", Required: true, For: []string{"/checkout"}}
	pages := holdfast.Dependency{On: "pages", Required: true, For: []string{"/help"}}
	system := &holdfast.System{
		Services: []holdfast.Service{open(run("web", 2, scoped, pages, needs("catalog"))), run("pay", 1), run("pages", 1), run("catalog", 2), run("cart", 1), run("ads", 1)},
		Sessions: []holdfast.Session{{Name: "shopping", Steps: []holdfast.Step{
			{On: "web", Path: "/browse?page=1"}, {On: "web", Path: "/checkout/{{item}}"}, {On: "cart", Path: "/"}, {On: "web", Path: "/browse"},
		}}},
		Promises: []holdfast.Promise{{Name: "shopping", Journey: "shopping", Target: 0.99}},
	}
	risks, promise := Analyse(system, cutset.Limits{}), system.Promises[0]
	var sets []string
	for set := range risks.Cuts(promise).Each {
		if !slices.ContainsFunc(set, Risk.Implied) {
			sets = append(sets, Text(set))
		}
	}
	if got, want := strings.Join(sets, " "), "{pay-1} {cart-1} {web-1, web-2} {catalog-1, catalog-2}"; got != want {
		t.Errorf("it breaks by %s, want %s", got, want)
	}
	if got, want := risks.Path(risks.Ways(promise)...), []holdfast.ServiceName{"web", "cart", "pay", "catalog"}; !slices.Equal(got, want) {
		t.Errorf("it takes %v, want %v", got, want)
	}
	for _, line := range []string{
		"promises.shopping = web, cart (whom the steps of the session `shopping` ask)",
		"promises.shopping = rests on pay, catalog (required, directly or through others)",
		"services.web.depends_on.pay = can break shopping (`for: [/checkout]`)",
		"services.web.depends_on.pages = breaks no promise (`for: [/help]`; not shopping, which is made for another route)",
	} {
		if all := explained(system); !strings.Contains(all, line+"\n") {
			t.Errorf("%q is not in\n%s", line, all)
		}
	}
}

// A witness says whether a system still keeps a promise when certain risks have
// come true: it walks the system as a request would, and knows nothing of trees.
type witness struct {
	system *holdfast.System
	down   map[string]bool // risks, as "kind name"
	known  map[string]bool // what was found of a service and route
}

func (w *witness) keeps(p holdfast.Promise) bool {
	if w.down["host this host"] || w.down["change a change of this file"] {
		return false
	}
	for _, s := range w.system.Services {
		if asked := p.Service == s.Name || p.Service == "" && len(s.Ports) > 0; asked && !w.serves(s, p.Route) {
			return false
		}
	}
	return true
}

func (w *witness) serves(s holdfast.Service, route string) bool {
	key := string(s.Name) + route
	if answer, asked := w.known[key]; asked {
		return answer
	}
	w.known[key] = w.runs(s) && w.isGiven(s, route)
	return w.known[key]
}

// runs: enough of its replicas are there, with a release that works.
func (w *witness) runs(s holdfast.Service) bool {
	for _, cause := range s.Shares {
		if w.down["shared "+string(cause)] {
			return false
		}
	}
	left := 0
	for i := range s.Replicas {
		name := fmt.Sprintf("%s-%d", s.Name, i+1)
		zone, host := "", ""
		if len(s.Zones) > 0 {
			zone = string(s.Zones[i%len(s.Zones)])
		}
		if len(s.URLs) > 0 {
			host = strings.Split(strings.TrimPrefix(s.URLs[i], "http://"), ":")[0]
		}
		if len(s.URLs) == 1 {
			name = string(s.Name)
		}
		if !w.down["replica "+name] && !w.down["zone zone "+zone] && !w.down["host "+host] {
			left++
		}
	}
	return left >= wanted(s) && !w.down["release a release of "+string(s.Name)]
}

// wanted counts by trying: the fewest replicas that bear the peak and may decide.
func wanted(s holdfast.Service) int {
	for n := 1; n < s.Replicas; n++ {
		enough := s.Capacity == nil || float64(n)*s.Capacity.Replica >= s.Capacity.Peak
		agreed := s.State == nil || s.State.Quorum && n > s.Replicas-n || !s.State.Quorum && s.State.Promote != ""
		if enough && agreed {
			return n
		}
	}
	return s.Replicas
}

// isGiven: whatever a route needs answers, or something stands in for it.
func (w *witness) isGiven(s holdfast.Service, route string) bool {
	for _, d := range s.DependsOn {
		apart := len(d.For) > 0 && route != "" && !slices.Contains(d.For, route)
		optional := d.Fallback == nil && !d.Required
		covered := d.Fallback != nil && d.Fallback.Body != ""
		copied := d.Fallback != nil && d.Fallback.Stale > 0 && !w.down[fmt.Sprintf("stale no fresh copy of %s for %s", d.On, s.Name)]
		on, _ := w.system.Service(d.On)
		if !d.Completed && !apart && !optional && !covered && !copied && !w.serves(on, "") && !w.standsIn(d) {
			return false
		}
	}
	return true
}

// standsIn says whether another service answers in a dependency's place.
func (w *witness) standsIn(d holdfast.Dependency) bool {
	if d.Fallback == nil || d.Fallback.Service == "" {
		return false
	}
	other, _ := w.system.Service(d.Fallback.Service)
	return w.serves(other, "")
}

// anyTown draws a system of n services, in which each needs some of those after
// it, with everything in it that makes a difference.
func anyTown(luck *rand.Rand, n int) *holdfast.System {
	system := &holdfast.System{Zones: []holdfast.ZoneName{"a", "b", "c"}}
	oneIn := func(n int) bool { return luck.IntN(n) == 0 }
	name := func(i int) holdfast.ServiceName { return holdfast.ServiceName(fmt.Sprintf("s%d", i)) }
	for i := range n {
		s := run(name(i), 1+luck.IntN(4))
		if oneIn(6) {
			s = elsewhere(name(i))
			for range 1 + luck.IntN(3) {
				s.URLs = append(s.URLs, fmt.Sprintf("http://host%d:%d", luck.IntN(8), 1000+luck.IntN(1000)))
			}
			s.Replicas = len(s.URLs)
		}
		if oneIn(2) {
			s.Zones = [][]holdfast.ZoneName{{"a"}, {"b", "c"}, {"a", "b", "c"}}[luck.IntN(3)]
		}
		if oneIn(4) {
			s.Shares = []holdfast.CauseName{holdfast.CauseName(fmt.Sprintf("cause%d", luck.IntN(5)))}
		}
		if oneIn(4) {
			s.Capacity = &holdfast.Capacity{Replica: 100, Peak: float64(50 + 100*luck.IntN(4))}
		}
		if oneIn(4) {
			s.State = &holdfast.State{Quorum: oneIn(2), Promote: []holdfast.Promotion{"", holdfast.Manual, holdfast.Automatic}[luck.IntN(3)]}
		}
		if i == 0 || oneIn(15) {
			s.Ports = []holdfast.Port{{Port: uint16(1000 + i)}}
		}
		for j := i + 1; j < n; j++ {
			if oneIn(n / 2) {
				need := anyNeed(name(j), oneIn)
				if j+1 < n && oneIn(6) {
					need.Fallback = &holdfast.Fallback{Service: name(j + 1 + luck.IntN(n-j-1))}
				}
				s.DependsOn = append(s.DependsOn, need)
			}
		}
		system.Services = append(system.Services, s)
	}
	return system
}

func anyNeed(on holdfast.ServiceName, oneIn func(int) bool) holdfast.Dependency {
	d := holdfast.Dependency{On: on, Required: !oneIn(5), Completed: oneIn(10)}
	if oneIn(3) {
		d.For = []string{"/checkout"}
	}
	switch {
	case oneIn(8):
		d.Fallback = &holdfast.Fallback{Body: "{}"}
	case oneIn(4):
		d.Fallback = &holdfast.Fallback{Stale: time.Minute}
	}
	return d
}

// What the trees say of sixty services is what a walk through them says: of each
// risk, of sets of a few that have to do with each other, and of everything that
// is down on a very bad day.
func TestTreesAgainstAWalkThroughTheSystem(t *testing.T) {
	for seed := range uint64(6) {
		luck := rand.New(rand.NewPCG(seed, 4))
		system := anyTown(luck, 60)
		risks := Analyse(system, cutset.Limits{})
		for _, p := range []holdfast.Promise{{}, {Service: "s0", Route: "/checkout"}, {Service: "s0", Route: "/browse"}} {
			h := &held{system: system, promise: p, cuts: risks.Cuts(p)}
			if !h.cuts.Decided() {
				t.Fatalf("seed %d: not decided", seed)
			}
			for set := range h.cuts.Each {
				h.sets = append(h.sets, set)
			}
			var all []Risk
			for _, node := range risks.tree.Events() {
				all = append(all, risks.risks[node])
			}
			h.eachSetIsMinimal(t, seed)
			for _, risk := range all {
				h.agrees(t, seed, []Risk{risk})
			}
			for range 2000 {
				h.agrees(t, seed, h.nearly(luck, all))
			}
		}
	}
}

// Held is a promise with what the trees say, to be held against the walk.
type held struct {
	system  *holdfast.System
	promise holdfast.Promise
	cuts    Cuts
	sets    [][]Risk
}

func (h *held) kept(down []Risk) bool {
	w := &witness{system: h.system, down: map[string]bool{}, known: map[string]bool{}}
	for _, risk := range down {
		w.down[string(risk.Kind)+" "+risk.Name] = true
	}
	return w.keeps(h.promise)
}

// nearly is a set from which something is missing, and to which something was
// added: what is closest to a cut and may be none; with luck a very bad day.
func (h *held) nearly(luck *rand.Rand, all []Risk) []Risk {
	if luck.IntN(4) == 0 {
		return slices.DeleteFunc(slices.Clone(all), func(Risk) bool { return luck.IntN(12) > 0 })
	}
	set := slices.Clone(h.sets[luck.IntN(len(h.sets))])
	set[luck.IntN(len(set))] = all[luck.IntN(len(all))]
	return append(set, all[luck.IntN(len(all))])
}

func (h *held) eachSetIsMinimal(t *testing.T, seed uint64) {
	t.Helper()
	for _, set := range h.sets {
		if h.kept(set) {
			t.Fatalf("seed %d, %+v: kept with %s down", seed, h.promise, Text(set))
		}
		for i := range set {
			if less := slices.Delete(slices.Clone(set), i, i+1); !h.kept(less) {
				t.Fatalf("seed %d, %+v: broken with %s of %s", seed, h.promise, Text(less), Text(set))
			}
		}
	}
}

// agrees: a set that has a cut in it breaks the promise; one that has none does
// not, unless it is larger than the cuts that were looked for.
func (h *held) agrees(t *testing.T, seed uint64, down []Risk) {
	t.Helper()
	said := slices.ContainsFunc(h.sets, func(cut []Risk) bool {
		return !slices.ContainsFunc(cut, func(r Risk) bool { return !slices.Contains(down, r) })
	})
	if kept := h.kept(down); kept == said && (said || len(down) <= cutset.DefaultOrder || !h.cuts.Truncated()) {
		t.Fatalf("seed %d, %+v: with %s down the walk finds it kept: %v; the trees: %v", seed, h.promise, Text(down), kept, !said)
	}
}

// What stands in for a service is no better than what they have in common.
func TestWhatTwoServicesFailTogetherWith(t *testing.T) {
	system := &holdfast.System{Zones: []holdfast.ZoneName{"a", "b"}, Services: []holdfast.Service{
		run("api", 2, needs("db")), run("old", 2, needs("db")), run("db", 1), run("apart", 2),
		in(run("here", 2), "a"), in(run("there", 2), "a"), in(run("both", 2), "a", "b"),
		with(run("one", 2), func(s *holdfast.Service) { s.Shares = []holdfast.CauseName{"disk"} }),
		with(run("other", 2), func(s *holdfast.Service) { s.Shares = []holdfast.CauseName{"disk"} }),
		run("leans", 2, holdfast.Dependency{On: "db", Required: true, Fallback: &holdfast.Fallback{Service: "apart"}}),
	}}
	risks := Analyse(system, cutset.Limits{})
	for _, c := range []struct{ one, other, want string }{
		{"api", "old", "{db-1, a release of db}"},
		{"api", "apart", "{}"},
		{"here", "there", "{zone a}"},
		{"here", "both", "{}"},
		{"one", "other", "{disk}"},
		{"leans", "db", "{}"},
		{"leans", "api", "{}"},
	} {
		if got := Text(risks.Together(holdfast.ServiceName(c.one), holdfast.ServiceName(c.other))); got != c.want {
			t.Errorf("%s and %s: %s, want %s", c.one, c.other, got, c.want)
		}
	}
}

// Two that stand in for each other do not hold each other up, nor the analysis.
func TestAFallbackThatComesBackEnds(t *testing.T) {
	covered := func(on, by holdfast.ServiceName) holdfast.Dependency {
		return holdfast.Dependency{On: on, Required: true, Fallback: &holdfast.Fallback{Service: by}}
	}
	system := &holdfast.System{Services: []holdfast.Service{
		open(run("b", 2, covered("x", "c"))), run("c", 2, covered("d", "b")), run("x", 1), run("d", 1),
	}}
	risks := Analyse(system, cutset.Limits{})
	var shown []string
	for set := range risks.Cuts(holdfast.Promise{}).Each {
		if len(set) == 2 {
			shown = append(shown, Text(set))
		}
	}
	if !slices.Contains(shown, "{x-1, d-1}") && !slices.Contains(shown, "{d-1, x-1}") {
		t.Errorf("of two: %q", shown)
	}
}
