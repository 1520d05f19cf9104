package control

import (
	"math"
	"testing"
	"time"

	"holdfast"
	"holdfast/event"
)

// A promise that nobody has asked anything of is quiet, and not whole; what was bad
// is put down to what was known then, and is there after a restart, too.
func TestBudgetsAreKept(t *testing.T) {
	mind := New("a")
	declared := system(t, "storefront*2")
	declared.Promises = []holdfast.Promise{
		{Name: "all", Target: 0.999, Window: 28 * 24 * time.Hour},
		{Name: "root", Route: "/", Target: 0.99, Window: 28 * 24 * time.Hour},
		{Name: "checkout", Route: "/checkout", Target: 0.99, Window: 28 * 24 * time.Hour},
	}
	at := func(d time.Duration) event.At { return event.At{Wall: wall().Add(d), Boot: d, BootID: "b"} }
	mind.Step(at(0), event.Declared{System: declared})
	for _, b := range mind.Budgets(at(0)) {
		if !b.Quiet || b.Seen.All != 0 || b.Age != 0 {
			t.Errorf("before anything is asked: %+v", b)
		}
	}
	count := func(n, bad uint64) holdfast.Counted {
		return holdfast.Counted{Gateway: "g", Routes: []holdfast.RouteCount{{Route: "storefront:8080", Service: "storefront", Requests: n, Failed: bad}}}
	}
	mind.Step(at(time.Minute), count(100_000, 20))
	mind.Step(at(2*time.Minute), count(200_000, 50))
	snapshot, err := mind.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	again, err := Restore(snapshot)
	if err != nil {
		t.Fatal(err)
	}
	for what, m := range map[string]*Mind{"as it is": mind, "read back": again} {
		all := m.Budgets(at(2 * time.Minute))
		whole, root, checkout := all[0], all[1], all[2]
		if whole.Seen.All != 200_000 || whole.Seen.Bad != 50 || math.Abs(whole.Left-0.75) > 1e-9 || math.Abs(whole.Minutes-0.75*0.001*28*24*60) > 1e-6 || whole.Age != time.Minute || whole.By[unnamed]+whole.By["storefront.crash"] != 50 {
			t.Errorf("%s: %+v", what, whole)
		}
		if root.Seen != whole.Seen {
			t.Errorf("%s: what is below / is everything: %+v", what, root)
		}
		if !checkout.Quiet || checkout.Promise.Name != "checkout" {
			t.Errorf("%s: a path that no route is for was counted: %+v", what, checkout)
		}
	}
}
