package holdfast_test

import (
	"testing"

	"holdfast"
)

func TestNothingThatAGatewayCountedCountsTwice(t *testing.T) {
	lives := holdfast.Lives{}
	for i, c := range []struct {
		why                    string
		began                  int64
		route                  string
		requests, failed, wait uint64
		fresh, bad, late       uint64
		all                    bool
	}{
		{"heard for the first time, whenever it began", 1, "a", 100, 10, 5, 100, 10, 5, false},
		{"heard again", 1, "a", 130, 11, 7, 30, 1, 2, true},
		{"nothing new", 1, "a", 130, 11, 7, 0, 0, 0, true},
		{"another route, that may have been asked before", 1, "b", 7, 0, 0, 7, 0, 0, false},
		{"a table without the route, and one with it again", 1, "a", 5, 1, 0, 5, 1, 0, true},
		{"the gateway began anew, and came to the same number", 2, "a", 5, 1, 0, 5, 1, 0, true},
		{"a route that is asked for the first time in that life", 2, "b", 3, 0, 0, 3, 0, 0, true},
	} {
		count := holdfast.RouteCount{Route: c.route, Requests: c.requests, Failed: c.failed, Waits: []uint64{c.wait}}
		got, all := lives.Since("g", c.began, count)
		if got.Requests != c.fresh || got.Failed != c.bad || got.Waits[0] != c.late || all != c.all {
			t.Errorf("%d, %s: %+v, %v", i, c.why, got, all)
		}
	}
	if n := len(lives["g"].Routes); n != 2 {
		t.Errorf("of an earlier life %d routes are remembered", n)
	}
}
