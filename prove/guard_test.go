package prove

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast"
	"holdfast/load"
)

// seen are requests at 100/s, due from 8 s until 20 s, to what was broken at 10 s,
// as they stand so long after. Which of them fail a function says, and which have
// no answer at all.
func seen(after time.Duration, fails, silent func(sinceBreak time.Duration) bool) sight {
	s := sight{rate: 100, injected: 10 * time.Second, now: 10*time.Second + after, limit: limit{Abort: holdfast.Abort{Hurt: abortHurt, Within: abortWithin}}}
	for at := 8 * time.Second; at < 20*time.Second; at += 10 * time.Millisecond {
		s.due = append(s.due, int64(at))
		since := at - s.injected
		if at+time.Millisecond > s.now || silent(since) {
			continue
		}
		s.results = append(s.results, load.Result{Intended: int64(at), Ended: int64(at + time.Millisecond), Failed: fails(since)})
	}
	return s
}

func never(time.Duration) bool        { return false }
func afterBreak(d time.Duration) bool { return d >= 0 }

// every other request, of those since the break.
func half(d time.Duration) bool { return d >= 0 && (d/(10*time.Millisecond))%2 == 0 }

func TestTheAbortGuard(t *testing.T) {
	for name, c := range map[string]struct {
		after         time.Duration
		fails, silent func(time.Duration) bool
		change        func(*sight)
		trips         string
	}{
		"nobody is hurt":                   {after: 5 * time.Second, fails: never, silent: never},
		"all fail, for less than a second": {after: 900 * time.Millisecond, fails: afterBreak, silent: never},
		"all fail, for longer":             {after: 1100 * time.Millisecond, fails: afterBreak, silent: never, trips: "110 of the 200 requests of the last 2s were hurt, 55%, and more than 50% end a drill"},
		"half fail":                        {after: 5 * time.Second, fails: half, silent: never},
		"more than half fail":              {after: 5 * time.Second, fails: func(d time.Duration) bool { return half(d) || d == 4010*time.Millisecond }, silent: never, trips: "101 of the 200"},
		"it is over":                       {after: 5 * time.Second, fails: func(d time.Duration) bool { return d >= 0 && d < time.Second }, silent: never},
		"nobody is answered, not yet late": {after: 990 * time.Millisecond, fails: never, silent: afterBreak},
		"nobody is answered":               {after: 1600 * time.Millisecond, fails: never, silent: afterBreak, trips: "60 of the 100"},
		"its own bound allows it":          {after: 1100 * time.Millisecond, fails: afterBreak, silent: never, change: func(s *sight) { s.limit.spared = 110 }},
		"but no more than it":              {after: 1100 * time.Millisecond, fails: afterBreak, silent: never, change: func(s *sight) { s.limit.spared = 109 }, trips: "110 of the 200"},
		"the file says less":               {after: 200 * time.Millisecond, fails: afterBreak, silent: never, change: func(s *sight) { s.limit.Hurt, s.limit.Within = 0.05, time.Second }, trips: "20 of the 100 requests of the last 1s were hurt, 20%, and more than 5%"},
		"the file says all":                {after: 5 * time.Second, fails: afterBreak, silent: never, change: func(s *sight) { s.limit.Hurt = 1 }},
		"few have come": {after: 150 * time.Millisecond, fails: func(d time.Duration) bool { return d == 140*time.Millisecond }, silent: never, change: func(s *sight) {
			s.limit.Within = 10 * time.Millisecond // the one that failed is one of the last twenty
		}},
		"nobody has come": {after: time.Second, fails: never, silent: never, change: func(s *sight) { s.results, s.due = nil, nil }},
	} {
		s := seen(c.after, c.fails, c.silent)
		if c.change != nil {
			c.change(&s)
		}
		if got := tooMuchHurt(s); (got == "") != (c.trips == "") || !strings.Contains(got, c.trips) {
			t.Errorf("%s: %q, want %q", name, got, c.trips)
		}
	}
}

// A drill that keeps to its own bounds never trips the guard, wherever in it the
// requests fall that it may hurt.
func TestADrillWithinItsBoundsIsNotAborted(t *testing.T) {
	for _, impact := range []holdfast.Share{0.001, 0.02, 0.1, 0.4, 1} {
		mode := holdfast.FailureMode{Bounds: holdfast.Bounds{Detect: 3 * time.Second, Mitigate: 3 * time.Second, Restore: 15 * time.Second, Impact: impact}}
		within := limitOf(holdfast.Consent{}, mode, 100)
		whole := longestHold(mode, 100)
		may := int(float64(impact) * 100 * whole.Seconds())
		for after := 100 * time.Millisecond; after <= whole; after += lookLive {
			for _, begin := range []time.Duration{0, time.Second, 2 * time.Second} {
				hurt := 0
				s := seen(after, func(d time.Duration) bool {
					hurt++
					return d >= begin && d < begin+time.Duration(may)*10*time.Millisecond
				}, never)
				s.limit = within
				if why := tooMuchHurt(s); why != "" {
					t.Fatalf("impact %s, %s in: %s", impact, after, why)
				}
			}
		}
	}
}

// TestEveryGuardEndsADrill is also the mutation test: with its guard taken out, the
// drill that it alone ends goes on.
func TestEveryGuardEndsADrill(t *testing.T) {
	cases := map[string]sight{
		"abort":  seen(3*time.Second, afterBreak, never),
		"budget": seen(8*time.Second, half, never), // 400 hurt at 100/s: 4 s
	}
	for name, s := range cases {
		s.purse = purse{promise: holdfast.Promise{Target: 0.99999, Window: 28 * 24 * time.Hour}, share: 0.2, spent: time.Second}
		if name == "abort" {
			s.purse.share = 1
		}
		if why := tripped(guards(), s); why == "" {
			t.Errorf("%s: no guard ended it", name)
		}
		others := slices.DeleteFunc(guards(), func(g guard) bool { return g.name == name })
		if len(others) != len(guards())-1 {
			t.Fatalf("there is no guard %q", name)
		}
		if why := tripped(others, s); why != "" {
			t.Errorf("%s: without it %s", name, why)
		}
	}
	if len(cases) != len(guards()) {
		t.Errorf("%d guards, %d cases", len(guards()), len(cases))
	}
}

func TestWhatLiveDrillsMaySpend(t *testing.T) {
	month := 28 * 24 * time.Hour
	for name, c := range map[string]struct {
		purse         purse
		foreseen      time.Duration
		allowed, room time.Duration
		refuses       string
	}{
		"three nines":      {purse: purse{promise: holdfast.Promise{Target: 0.999, Window: month}, share: 0.2}, foreseen: time.Minute, allowed: 2419200 * time.Millisecond, room: 483840 * time.Millisecond},
		"just enough":      {purse: purse{promise: holdfast.Promise{Target: 0.999, Window: month}, share: 0.2}, foreseen: 483840 * time.Millisecond, allowed: 2419200 * time.Millisecond, room: 483840 * time.Millisecond},
		"too much":         {purse: purse{promise: holdfast.Promise{Target: 0.999, Window: month}, share: 0.2, spent: 8 * time.Minute}, foreseen: 4 * time.Second, allowed: 2419200 * time.Millisecond, room: 3840 * time.Millisecond, refuses: "it would spend about 4s, and live drills may spend 20% of the 40m19s that the promise of 99.9% allows in 28 days: 8m4s, of which 8m are spent"},
		"five nines":       {purse: purse{promise: holdfast.Promise{Target: 0.99999, Window: month}, share: 0.2}, foreseen: 10 * time.Second, allowed: 24192 * time.Millisecond, room: 4838 * time.Millisecond, refuses: "about 10s"},
		"nothing at all":   {purse: purse{promise: holdfast.Promise{Target: 1, Window: month}, share: 0.2}, foreseen: time.Millisecond, refuses: "the 0s that the promise of 100% allows"},
		"no promise":       {purse: purse{share: 0.2}, foreseen: time.Hour},
		"spent by far":     {purse: purse{promise: holdfast.Promise{Target: 0.99999, Window: month}, share: 0.2, spent: time.Minute}, foreseen: 0, allowed: 24192 * time.Millisecond, room: -55162 * time.Millisecond, refuses: "1m are spent"},
		"all of it may be": {purse: purse{promise: holdfast.Promise{Target: 0.99, Window: month}, share: 1}, foreseen: time.Hour, allowed: 24192 * time.Second, room: 24192 * time.Second},
	} {
		p := c.purse
		if p.owed() && (p.allowed() != c.allowed || p.room() != c.room) {
			t.Errorf("%s: %s of %s, want %s of %s", name, p.room(), p.allowed(), c.room, c.allowed)
		}
		if got := p.refuses(c.foreseen); (got == "") != (c.refuses == "") || !strings.Contains(got, c.refuses) {
			t.Errorf("%s: %q, want %q", name, got, c.refuses)
		}
	}
}

func TestWhatADrillSpends(t *testing.T) {
	for _, c := range []struct {
		hurt int
		rate float64
		want time.Duration
	}{{0, 100, 0}, {200, 100, 2 * time.Second}, {1, 50, 20 * time.Millisecond}, {3, 0, 0}} {
		if got := outage(c.hurt, c.rate); got != c.want {
			t.Errorf("%d at %v/s: %s, want %s", c.hurt, c.rate, got, c.want)
		}
	}
	mode := holdfast.FailureMode{Name: "web.crash", Bounds: holdfast.Bounds{Detect: 3 * time.Second, Mitigate: 4 * time.Second, Restore: 15 * time.Second, Impact: 0.1}}
	bound := time.Duration(math.Round(0.1 * float64(5*time.Second)))
	for name, c := range map[string]struct {
		before []spending
		want   time.Duration
	}{
		"never drilled":      {want: bound},
		"drilled":            {before: []spending{{Mode: "web.crash", Spent: 3 * time.Second, Ended: true}}, want: 3 * time.Second},
		"drilled twice":      {before: []spending{{Mode: "web.crash", Spent: 3 * time.Second, Ended: true}, {Mode: "web.crash", Spent: time.Second, Ended: true}, {Mode: "web.hang", Spent: 9 * time.Second, Ended: true}}, want: time.Second},
		"its end nobody saw": {before: []spending{{Mode: "web.crash", Spent: 3 * time.Second}}, want: bound},
	} {
		if got := foresee(mode, 100, c.before); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func TestThePromiseThatAServiceBears(t *testing.T) {
	system := &holdfast.System{
		Services: []holdfast.Service{{Name: "web", DependsOn: []holdfast.Dependency{{On: "db", Required: true}}}, {Name: "blog"}, {Name: "db"}},
		Promises: []holdfast.Promise{
			{Name: "pages", Service: "web", Target: 0.999}, {Name: "posts", Service: "blog", Target: 0.9999}, {Name: "buying", Journey: "buying", Target: 0.9995},
		},
		Sessions: []holdfast.Session{{Name: "buying", Steps: []holdfast.Step{{On: "web"}}}},
	}
	for service, want := range map[holdfast.ServiceName]holdfast.PromiseName{"db": "buying", "web": "buying", "blog": "posts", "other": ""} {
		if got := strictest(system, service); got.Name != want {
			t.Errorf("%s bears %q, want %q", service, got.Name, want)
		}
	}
	system.Promise = &holdfast.Promise{Target: 0.99999}
	if got := strictest(system, "other"); got.Target != 0.99999 {
		t.Errorf("what holds for everything is not found: %+v", got)
	}
}

func TestSpendingsAreKept(t *testing.T) {
	state, now := t.TempDir(), time.Date(2026, time.November, 27, 10, 0, 0, 0, time.UTC)
	if all, err := readSpent(state, now); err != nil || len(all) > 0 {
		t.Errorf("of nothing: %v, %v", all, err)
	}
	all := []spending{
		{ID: "a", Mode: "web.crash", At: now.Add(-29 * 24 * time.Hour), Spent: time.Hour, Ended: true},
		{ID: "b", Mode: "web.crash", At: now.Add(-time.Hour), Spent: time.Second},
		{ID: "c", Mode: "web.hang", At: now, Spent: 2 * time.Second},
		{ID: "b", Mode: "web.crash", At: now.Add(-time.Hour), Spent: 5 * time.Second, Ended: true},
	}
	if err := keepSpent(state, all); err != nil {
		t.Fatal(err)
	}
	got, err := readSpent(state, now.Add(-28*24*time.Hour))
	if err != nil || len(got) != 2 || got[0] != all[3] || got[1] != all[2] || total(got) != 7*time.Second {
		t.Errorf("got %+v (%v)", got, err)
	}
}
