package load

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast"
)

func pair() Plan {
	p := plan("http://127.0.0.1:1/")
	p.For = 10 * time.Second
	p.Targets = []Target{{Name: "front", URL: "http://127.0.0.1:1/", Weight: 3}, {Name: "edge", URL: "http://127.0.0.1:2/", Weight: 1}}
	return p
}

func TestTheSeedDecidesTheSchedule(t *testing.T) {
	for _, arrivals := range []holdfast.Arrivals{"", holdfast.Constant, holdfast.Poisson} {
		p := pair()
		p.Arrivals = arrivals
		first, second := slices.Collect(p.arrivals()), slices.Collect(p.arrivals())
		if !slices.Equal(first, second) {
			t.Error("the same seed gave two schedules")
		}
		p.Seed++
		if other := slices.Collect(p.arrivals()); slices.Equal(first, other) {
			t.Error("another seed gave the same schedule")
		}
	}
}

func TestTheScheduleKeepsItsShares(t *testing.T) {
	for _, arrivals := range []holdfast.Arrivals{"", holdfast.Constant, holdfast.Poisson} {
		p := pair()
		p.Arrivals = arrivals
		all := slices.Collect(p.arrivals())
		counts, fresh := [2]int{}, 0
		for _, a := range all {
			counts[a.whom]++
			if a.how.fresh {
				fresh++
			}
		}
		near := func(what string, got, want int) {
			if math.Abs(float64(got-want)) > 5*math.Sqrt(float64(want)) {
				t.Errorf("%s: %d, want about %d", what, got, want)
			}
		}
		near("arrivals", len(all), 2000)
		near("of weight 3 in 4", counts[0], 1500)
		near("of weight 1 in 4", counts[1], 500)
		near("fresh", fresh, 400)
		if !slices.IsSortedFunc(all, func(a, b arrival) int { return int(a.at - b.at) }) || all[len(all)-1].at >= p.For {
			t.Error("arrivals out of order or beyond the end")
		}
	}
}

func TestEvenArrivalsDoNotDrift(t *testing.T) {
	p := pair()
	p.Rate, p.For = 333, maxFor
	n := 0
	for a := range p.arrivals() {
		if want := float64(n) / 333 * 1e9; math.Abs(float64(a.at)-want) > 1 {
			t.Fatalf("arrival %d at %d, want %.0f", n, a.at, want)
		}
		n++
	}
	if n != 333*600 {
		t.Errorf("%d arrivals, want %d", n, 333*600)
	}
}

func TestAPlanIsRefusedWithEveryReason(t *testing.T) {
	good := pair()
	if err := good.Check(); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*Plan){
		"no rate":         func(p *Plan) { p.Rate = 0 },
		"no number":       func(p *Plan) { p.Rate = math.NaN() },
		"too fast":        func(p *Plan) { p.Rate = maxRate + 1 },
		"no length":       func(p *Plan) { p.For = 0 },
		"too long":        func(p *Plan) { p.For = maxFor + 1 },
		"too many":        func(p *Plan) { p.Rate, p.For = 501, maxFor },
		"no timeout":      func(p *Plan) { p.Timeout = 0 },
		"too patient":     func(p *Plan) { p.Timeout = maxTimeout + 1 },
		"never late":      func(p *Plan) { p.Late = 0 },
		"more than fresh": func(p *Plan) { p.Fresh = 1.1 },
		"no cap":          func(p *Plan) { p.Cap = 0 },
		"no target":       func(p *Plan) { p.Targets = nil },
		"nameless":        func(p *Plan) { p.Targets[0].Name = "" },
		"weightless":      func(p *Plan) { p.Targets[0].Weight = 0 },
		"ftp":             func(p *Plan) { p.Targets[0].URL = "ftp://127.0.0.1/" },
		"no port":         func(p *Plan) { p.Targets[0].URL = "tcp://127.0.0.1" },
		"a novel":         func(p *Plan) { p.Targets[0].Expect = strings.Repeat("x", maxWords+1) },
		"no host":         func(p *Plan) { p.Targets[0].URL = "http:///x" },
		"a second line":   func(p *Plan) { p.Targets[0].URL = "http://127.0.0.1/\r\nX: y" },
		"too many eyes":   func(p *Plan) { p.Watch = make([]Watch, maxWatch+1) },
	} {
		p := pair()
		spoil(&p)
		if p.Check() == nil {
			t.Errorf("%s: not refused", name)
		}
	}
}
