package budget

import (
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast"
	"holdfast/report"
)

func now() time.Time { return time.Date(2026, 11, 27, 2, 0, 0, 0, time.UTC) }

// shop is a storefront that needs a cart of one replica and a catalog of two, and
// can do without ads.
func shop() *holdfast.System {
	return &holdfast.System{
		Name: "shop", Promise: &holdfast.Promise{Target: 0.999},
		Services: []holdfast.Service{
			{Name: "storefront", Command: "x", Replicas: 2, Minimum: 1, Ports: []holdfast.Port{{}}, DependsOn: []holdfast.Dependency{{On: "cart", Required: true}, {On: "catalog", Required: true}, {On: "ads"}}},
			{Name: "cart", Command: "x", Replicas: 1, Minimum: 1},
			{Name: "catalog", Command: "x", Replicas: 2, Minimum: 1},
			{Name: "ads", Command: "x", Replicas: 1, Minimum: 1},
		},
	}
}

func modes(names ...holdfast.ServiceName) (all []holdfast.FailureMode) {
	for _, name := range names {
		strikes := holdfast.Target{Service: name}
		all = append(all, holdfast.FailureMode{Name: holdfast.NameOf(strikes, "crash"), Kind: "crash", Strikes: strikes, Drills: []holdfast.Drill{{Fault: "kill"}}})
	}
	return all
}

func order(past map[holdfast.ModeName]Past) string {
	var names []string
	for _, mode := range Order(shop(), modes("storefront", "catalog", "ads", "cart"), past) {
		names = append(names, string(mode.Strikes.Service))
	}
	return strings.Join(names, " ")
}

func TestTheRiskiestAndStalestComeFirst(t *testing.T) {
	passed := func(days int) Past { return Past{At: now().AddDate(0, 0, -days), Verdict: holdfast.Pass} }
	stale := func(days int) Past { p := passed(days); p.Stale = true; return p }
	failed := func(days int) Past { p := passed(days); p.Verdict = holdfast.Fail; return p }
	for name, c := range map[string]struct {
		past map[holdfast.ModeName]Past
		want string
	}{
		"nothing is known: what breaks the promise alone": {want: "cart storefront catalog ads"},
		"what was never drilled":                          {past: map[holdfast.ModeName]Past{"cart.crash": passed(1), "storefront.crash": passed(1), "catalog.crash": passed(1)}, want: "ads cart storefront catalog"},
		"what failed, then what is stale": {past: map[holdfast.ModeName]Past{"cart.crash": passed(9), "storefront.crash": stale(1), "catalog.crash": failed(1), "ads.crash": stale(2)},
			want: "catalog storefront ads cart"},
		"the oldest of the same weight": {past: map[holdfast.ModeName]Past{"cart.crash": passed(1), "storefront.crash": passed(2), "catalog.crash": passed(3), "ads.crash": passed(30)},
			want: "cart catalog storefront ads"},
	} {
		if got := order(c.past); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	if given := modes("ads", "cart"); !slices.EqualFunc(given, modes("ads", "cart"), func(x, y holdfast.FailureMode) bool { return x.Name == y.Name }) {
		t.Error("the modes of the system were put in another order")
	}
}

func TestCostsAreLearned(t *testing.T) {
	crash := modes("cart")[0]
	hang := crash
	hang.Name, hang.Kind = "cart.hang", "hang"
	edge := crash
	edge.Name, edge.Kind, edge.Strikes.Caller = "storefront/cart.loss", "loss", "storefront"
	none := Learn()
	for mode, want := range map[*holdfast.FailureMode]time.Duration{&crash: crashUnknown, &hang: otherUnknown, &edge: edgeUnknown} {
		if got := none.Of(*mode, mode.Drills[0]); got != want {
			t.Errorf("%s: %s, want %s", mode.Name, got, want)
		}
	}
	older := report.Run{Took: 60_000, Control: report.Control{Sent: 600}, Drills: []report.Drill{{Mode: "cart.crash", Fault: "kill", Account: report.Account{Cost: 30_000}}}}
	newer := report.Run{Took: 14_000, Control: report.Control{Sent: 600}, Drills: []report.Drill{{Mode: "cart.crash", Fault: "kill", Account: report.Account{Cost: 4000}}}}
	c := Learn(older, newer)
	if got := c.Of(crash, crash.Drills[0]); got != 4*time.Second || c.start != 10*time.Second {
		t.Errorf("%s, and %s to start", got, c.start)
	}
	if got := c.Of(crash, holdfast.Drill{Fault: "oom"}); got != crashUnknown {
		t.Errorf("by another fault it takes %s", got)
	}
}

// A budget is kept: what would go beyond it is refused, the start counted in, and
// a smaller one after it may still fit.
func TestABudgetIsKept(t *testing.T) {
	all := modes("storefront", "catalog", "cart")
	costs := Learn(report.Run{Took: 30_000, Control: report.Control{Sent: 1}, Drills: []report.Drill{
		{Mode: "storefront.crash", Fault: "kill", Account: report.Account{Cost: 5000}},
		{Mode: "catalog.crash", Fault: "kill", Account: report.Account{Cost: 12_000}},
		{Mode: "cart.crash", Fault: "kill", Account: report.Account{Cost: 3000}},
	}})
	p := &Purse{Limit: 30 * time.Second, Repeat: 1, Costs: costs, Now: now(), Past: map[holdfast.ModeName]Past{"catalog.crash": {At: now().AddDate(0, 0, -3), Verdict: holdfast.Pass}}}
	spent := time.Duration(0)
	spend := func(mode holdfast.FailureMode, takes time.Duration) string {
		why := p.Refuses(spent, mode, mode.Drills[0])
		if why == "" {
			spent += takes
		}
		return why
	}
	if why := spend(all[0], 15*time.Second); why != "" { // 10 s to start and 5 s
		t.Error(why)
	}
	if why := spend(all[1], 12*time.Second); why != "" {
		t.Errorf("12 s of the 15 s that are left, and 3 s to end: %s", why)
	}
	if why := spend(all[2], 3*time.Second); why != "not within the budget of 30s; never drilled" {
		t.Error(why)
	}
	p.started, spent = false, 8*time.Second
	if why := spend(all[1], 0); why != "not within the budget of 30s; last drilled 3 days ago: PASS" {
		t.Error(why)
	}
	p.started, p.Repeat, spent = true, 3, 0
	if why := spend(all[1], 0); why == "" {
		t.Error("three times 12 s fit into 30 s")
	}
}
