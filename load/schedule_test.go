package load

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

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

// property is a plan with any seed, rate and ramp.
func property(t *rapid.T, arrivals holdfast.Arrivals) Plan {
	p := pair()
	p.Arrivals = arrivals
	p.Seed = rapid.Uint64().Draw(t, "seed")
	p.Rate = rapid.Float64Range(20, 2000).Draw(t, "rate")
	p.For = time.Duration(rapid.Int64Range(int64(time.Second), int64(20*time.Second)).Draw(t, "for"))
	p.Ramp = time.Duration(rapid.Float64Range(0, 1).Draw(t, "ramp") * float64(p.For))
	return p
}

// expected is how many arrivals are to come until an instant: the rate's
// integral, summed in small steps and not solved, as the schedule does.
func expected(p Plan, until time.Duration) float64 {
	const parts = 100_000
	sum, width := 0.0, until.Seconds()/parts
	for i := range parts {
		at, rate := (float64(i)+0.5)*width, p.Rate
		if at < p.Ramp.Seconds() {
			rate *= at / p.Ramp.Seconds()
		}
		sum += rate * width
	}
	return sum
}

// TestEvenArrivalsFollowTheRate holds every schedule to its rate's integral, at
// its end and in its middle.
func TestEvenArrivalsFollowTheRate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := property(t, holdfast.Constant)
		all := slices.Collect(p.arrivals())
		for _, until := range []time.Duration{p.Ramp / 2, p.Ramp, p.For / 2, p.For} {
			n := slices.IndexFunc(all, func(a arrival) bool { return a.at >= until })
			if n < 0 {
				n = len(all)
			}
			if want := expected(p, until); math.Abs(float64(n)-want) > 1.01 {
				t.Fatalf("%d arrivals until %s, want %.1f", n, until, want)
			}
		}
	})
}

// TestPoissonsArrivalsFollowTheRate: as many come as the rate says, within five
// standard deviations, with the rate rising or not.
func TestPoissonsArrivalsFollowTheRate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := property(t, holdfast.Poisson)
		all := slices.Collect(p.arrivals())
		if !slices.IsSortedFunc(all, func(a, b arrival) int { return cmp.Compare(a.at, b.at) }) {
			t.Fatal("not in order")
		}
		if want := expected(p, p.For); math.Abs(float64(len(all))-want) > 5*math.Sqrt(want)+1 {
			t.Fatalf("%d arrivals, want about %.1f", len(all), want)
		}
	})
}

// TestPoissonsVarianceIsItsMean: counted by equal spans, independent arrivals
// vary as much as they are many. Even ones do not vary, and crowds vary more.
func TestPoissonsVarianceIsItsMean(t *testing.T) {
	for seed := range uint64(20) {
		p := pair()
		p.Arrivals, p.Seed, p.Rate, p.For = holdfast.Poisson, seed, 500, 200*time.Second
		const span = 100 * time.Millisecond
		counts := make([]float64, int(p.For/span))
		for a := range p.arrivals() {
			counts[int(a.at/span)]++
		}
		mean, variance := 0.0, 0.0
		for _, n := range counts {
			mean += n / float64(len(counts))
		}
		for _, n := range counts {
			variance += (n - mean) * (n - mean) / float64(len(counts)-1)
		}
		// The quotient's standard deviation is √(2/2000), about 3 %.
		if quotient := variance / mean; quotient < 0.85 || quotient > 1.15 {
			t.Errorf("seed %d: mean %.1f, variance %.1f: their quotient is %.2f, want 1", seed, mean, variance, quotient)
		}
	}
}

// TestNoMoreRequestsThanThereIsRoomFor: a session counts with all its steps.
func TestNoMoreRequestsThanThereIsRoomFor(t *testing.T) {
	p := shoppingPlan("http://127.0.0.1:1")
	p.Rate, p.For = 200, maxFor
	if err := p.Check(); err == nil || !strings.Contains(err.Error(), "more than 300000 requests") {
		t.Errorf("480,000 requests: %v", err)
	}
	requests := 0
	for a := range p.arrivals() {
		requests += a.steps
	}
	if requests != maxArrivals {
		t.Errorf("%d requests, want %d", requests, maxArrivals)
	}
}

func TestAnArrivalIsSoManyRequests(t *testing.T) {
	p := shoppingPlan("http://127.0.0.1:1")
	if got := p.PerArrival(); got != 4 {
		t.Errorf("of one session of four steps: %v", got)
	}
	p.Targets = []Target{{Name: "front", URL: "http://127.0.0.1:1/", Weight: 2}}
	if got := p.PerArrival(); got != 2 {
		t.Errorf("two of three ask once, the third four times: %v", got)
	}
	if got := pair().PerArrival(); got != 1 {
		t.Errorf("without sessions: %v", got)
	}
}

// TestALargePlanIsHandedOver: one of nearly 64 KiB arrives whole.
func TestALargePlanIsHandedOver(t *testing.T) {
	t.Parallel()
	shop := newStore()
	p := shoppingPlan(serve(t, shop.ServeHTTP))
	order := &p.Sessions[0].Steps[3]
	text, err := spell(p)
	if err != nil {
		t.Fatal(err)
	}
	order.Body += strings.Repeat("x", maxPlan-len(text))
	if text, err = spell(p); err != nil || len(text) != maxPlan {
		t.Fatalf("%d bytes, %v", len(text), err)
	}
	for _, last := range finished(carry(t, p, arrived(3)).Results) {
		if last.Failed {
			t.Errorf("%+v", last)
		}
	}
	order.Body += "x"
	if _, err := spell(p); err == nil || !strings.Contains(err.Error(), "more than 65536") {
		t.Errorf("one more: %v", err)
	}
}

func TestRunsAreToldApart(t *testing.T) {
	seen := map[string]bool{}
	for seed := range uint64(3) {
		for began := range 3 {
			for n := range 10_000 {
				id := runID(seed, time.Duration(began), n)
				if seen[id] || len(id) != 19 || !strings.HasPrefix(id, "hf-") {
					t.Fatalf("%s: there was one, or it is none", id)
				}
				seen[id] = true
			}
		}
	}
}

func TestASessionIsRefusedWithEveryReason(t *testing.T) {
	step := func(p *Plan, n int) *Step { return &p.Sessions[0].Steps[n] }
	for want, spoil := range map[string]func(*Plan){
		"21 sessions":                  func(p *Plan) { p.Sessions = make([]Session, maxSessions+1) },
		"there are two":                func(p *Plan) { p.Sessions = append(p.Sessions, p.Sessions[0]) },
		"weight 0":                     func(p *Plan) { p.Sessions[0].Weight = 0 },
		"want a name":                  func(p *Plan) { p.Sessions[0].Name = "" },
		"0 steps":                      func(p *Plan) { p.Sessions[0].Steps = nil },
		"21 steps":                     func(p *Plan) { p.Sessions[0].Steps = make([]Step, maxSteps+1) },
		"2 steps write":                func(p *Plan) { step(p, 1).Write = true },
		"want a name of 1":             func(p *Plan) { step(p, 0).Name = "" },
		`method "get"`:                 func(p *Plan) { step(p, 0).Method = "get" },
		"want http[s]://":              func(p *Plan) { step(p, 0).URL = "/carts" },
		`"tcp://h:1/"`:                 func(p *Plan) { step(p, 0).URL = "tcp://h:1/" },
		"http://{{id}}/x":              func(p *Plan) { step(p, 0).URL = "http://{{id}}/x" },
		"http://h:8{{id}}/x":           func(p *Plan) { step(p, 0).URL = "http://h:8{{id}}/x" },
		"http://me:secret@h/":          func(p *Plan) { step(p, 0).URL = "http://me:secret@h/" },
		"http://h/?a b":                func(p *Plan) { step(p, 0).URL = "http://h/?a b" },
		`header "Content-Length"`:      func(p *Plan) { step(p, 0).Header[0].Name = "Content-Length" },
		`header "X Y"`:                 func(p *Plan) { step(p, 0).Header[0].Name = "X Y" },
		"header Authorization":         func(p *Plan) { step(p, 0).Header[0].Value = "a\r\nB: c" },
		`capture "id"`:                 func(p *Plan) { step(p, 0).Capture[0].Name = "id" },
		`capture "a b"`:                func(p *Plan) { step(p, 0).Capture[0].Name = "a b" },
		"want a header or a place":     func(p *Plan) { step(p, 0).Capture[0].Header = "X" },
		"status 700":                   func(p *Plan) { step(p, 0).Expect.Status = []int{700} },
		"{{cart}}: no step before":     func(p *Plan) { step(p, 0).Body = "{{cart}}" },
		"{{basket}}: no step before":   func(p *Plan) { step(p, 2).Expect.Not = []string{"{{basket}}"} },
		"it writes: want {{id}}":       func(p *Plan) { step(p, 3).Body = "" },
		"neither a target nor":         func(p *Plan) { p.Sessions = nil },
		`arrivals "sometimes"`:         func(p *Plan) { p.Arrivals = "sometimes" },
		"ramp 2s: want 0 to 1s, for w": func(p *Plan) { p.Ramp = 2 * time.Second },
	} {
		p := shoppingPlan("http://127.0.0.1:1")
		if err := p.Check(); err != nil {
			t.Fatal(err)
		}
		spoil(&p)
		if err := p.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}
