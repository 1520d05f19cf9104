package gateway

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// A modelled service: so many workers, each takes so long, and what comes waits
// in turn behind them, as a real one's does; none of it known to the limit.
type modelled struct {
	workers int
	takes   func(at time.Duration) time.Duration
	free    []time.Duration // when each worker is free again
	ends    []modelledEnd   // by when they end
	slots   int
	limit   limit
	window  window
	seen    time.Duration // when it was limited last
	quick   float64       // the share of requests that need no worker, and take a millisecond
	refused int
	good    int
}

type modelledEnd struct {
	began, at time.Duration
	ahead     int
}

// run sends so many requests a second, at random instants, from one instant to
// another, and reviews the limit ten times a second. Workers 0 is without end.
func (m *modelled) run(random *rand.Rand, from, to time.Duration, perSecond float64) {
	const step = time.Millisecond
	for at := from; at < to; at += step {
		m.end(at)
		for n := perSecond * step.Seconds(); n > 0; n-- {
			if random.Float64() < n {
				m.arrive(random, at)
			}
		}
		switch {
		case at%(100*time.Millisecond) != 0:
		case m.limit.drains(m.slots):
			m.window.renew(at, true)
		case m.limit.full(&m.window, at):
			had := m.limit.most
			m.limit = m.limit.judge(&m.window, at, m.slots, 1)
			m.window.renew(at, false)
			if had == 0 && m.limit.most > 0 {
				m.seen = at
			}
		}
	}
}

func (m *modelled) end(at time.Duration) {
	for len(m.ends) > 0 && m.ends[0].at <= at {
		e := m.ends[0]
		m.window.add(e.at-e.began, e.at-e.began)
		m.ends = m.ends[1:]
		m.slots--
		m.good++
		if m.limit.most == 0 && m.limit.watch(e.at-e.began, e.ahead, m.slots, e.at, 1) {
			m.seen = e.at
			m.window.renew(e.at, true)
		}
	}
}

func (m *modelled) arrive(random *rand.Rand, at time.Duration) {
	if m.limit.most > 0 && m.slots >= m.limit.most {
		m.window.pressed = true
		m.refused++
		return
	}
	m.slots++
	begins, takes, quick := at, m.takes(at), m.quick > 0 && random.Float64() < m.quick
	if quick {
		takes = time.Millisecond
	}
	if m.workers > 0 && !quick {
		for len(m.free) < m.workers {
			m.free = append(m.free, 0)
		}
		slices.Sort(m.free)
		begins = max(at, m.free[0])
		m.free[0] = begins + takes
	}
	end := modelledEnd{began: at, at: begins + takes, ahead: m.slots - 1}
	i, _ := slices.BinarySearchFunc(m.ends, end, func(a, b modelledEnd) int { return int(a.at - b.at) })
	m.ends = slices.Insert(m.ends, i, end)
}

func always(d time.Duration) func(time.Duration) time.Duration {
	return func(time.Duration) time.Duration { return d }
}

func seeded(n uint64) *rand.Rand { return rand.New(rand.NewPCG(n, n)) }

// At three times what it can do, a service is kept busy and answers in time.
func TestALimitHoldsAtThreeTimesTheCapacity(t *testing.T) {
	for seed := range uint64(10) {
		m, random := &modelled{workers: 8, takes: always(20 * time.Millisecond)}, seeded(seed) // 400/s
		m.run(random, 0, 5*time.Second, 200)
		if m.limit.most != 0 || m.refused > 0 {
			t.Fatalf("seed %d: limited at half its capacity: %+v", seed, m.limit)
		}
		m.run(random, 5*time.Second, 6*time.Second, 1200)
		if m.limit.most == 0 {
			t.Fatalf("seed %d: not limited after a second: %+v", seed, m.limit)
		}
		before := m.good
		m.run(random, 6*time.Second, 20*time.Second, 1200)
		if rate := float64(m.good-before) / 14; rate < 0.95*400 {
			t.Errorf("seed %d: %.0f/s of 400/s, with %+v", seed, rate, m.limit)
		}
		if m.limit.most < 8 || m.limit.most > 48 {
			t.Errorf("seed %d: a limit of %d where 8 are worked on", seed, m.limit.most)
		}
		m.run(random, 20*time.Second, 27*time.Second, 200)
		if m.limit.most != 0 {
			t.Errorf("seed %d: still limited when it is over: %+v", seed, m.limit)
		}
	}
}

// varied takes so long on average, and now and then many times as long.
func varied(random *rand.Rand, mean time.Duration) func(time.Duration) time.Duration {
	return func(time.Duration) time.Duration { return time.Duration(random.ExpFloat64() * float64(mean)) }
}

// An overload is seen before what waits has become so much that it is answered too
// late, whatever was known of the service before; then it is kept busy.
func TestAnOnsetIsSeenBeforeTheBacklogIsTooLong(t *testing.T) {
	const second = time.Second
	for name, c := range map[string]struct {
		workers      int
		takes        time.Duration
		varied       bool
		before, over float64 // shares of its capacity
		quick        float64
	}{
		"busy before":                 {workers: 10, takes: 50 * time.Millisecond, before: 0.9, over: 3},
		"half busy before":            {workers: 10, takes: 50 * time.Millisecond, before: 0.5, over: 3},
		"hardly asked before":         {workers: 10, takes: 50 * time.Millisecond, before: 0.1, over: 3},
		"never asked before":          {workers: 10, takes: 50 * time.Millisecond, before: 0, over: 3},
		"ten times as much":           {workers: 10, takes: 50 * time.Millisecond, before: 0.5, over: 10},
		"quick":                       {workers: 8, takes: 2 * time.Millisecond, before: 0.5, over: 3},
		"wide":                        {workers: 100, takes: 10 * time.Millisecond, before: 0.5, over: 3},
		"one in twenty needs nothing": {workers: 10, takes: 50 * time.Millisecond, before: 0.5, over: 3, quick: 0.05},
		"each takes its own time":     {workers: 10, takes: 50 * time.Millisecond, varied: true, before: 0.5, over: 3},
	} {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(10) {
				random := seeded(seed)
				m := &modelled{workers: c.workers, takes: always(c.takes), quick: c.quick}
				if c.varied {
					m.takes = varied(random, c.takes)
				}
				capacity := float64(c.workers) / c.takes.Seconds()
				m.run(random, 0, 5*second, c.before*capacity)
				if m.refused > 0 {
					t.Fatalf("seed %d: %d were refused before", seed, m.refused)
				}
				m.run(random, 5*second, 6*second, c.over*capacity)
				if after := m.seen - 5*second; m.seen == 0 || after > 450*time.Millisecond {
					t.Errorf("seed %d: seen after %s", seed, after)
				}
				good := m.good
				m.run(random, 6*second, 16*second, c.over*capacity)
				if share := float64(m.good-good) / 10 / capacity; share < 0.95 {
					t.Errorf("seed %d: %.0f %% of what it can do, with %+v", seed, 100*share, m.limit)
				}
			}
		})
	}
}

// What a machine that stood still has let come is worked off in a moment.
func TestABacklogCountsWhenItLasts(t *testing.T) {
	l := limit{usual: 2 * time.Millisecond, eased: 2 * time.Millisecond, peak: 400}
	for name, c := range map[string]struct {
		took           time.Duration
		ahead, waiting int
		want           bool
	}{
		"100 at 400/s":                      {100 * time.Millisecond, 40, 100, true},
		"100 at 200/s, half of the usual":   {200 * time.Millisecond, 40, 100, true},
		"40 at 1000/s are gone in 40 ms":    {10 * time.Millisecond, 10, 40, false},
		"it has become slower, not fuller":  {200 * time.Millisecond, 39, 100, false},
		"no more than what keeps it busy":   {200 * time.Millisecond, 80, l.roomy(), false},
		"and it is busy with one more":      {200 * time.Millisecond, 40, 41, true},
		"whose answers nobody has seen yet": {100 * time.Millisecond, 0, 100, false},
	} {
		if got := l.behind(c.took, c.ahead, c.waiting); got != c.want {
			t.Errorf("%s: behind: %v", name, got)
		}
	}
	if (&limit{}).behind(time.Second, 100, 1000) {
		t.Error("behind, and nobody knows what is usual")
	}
}

// Whether a backlog grows or a service becomes slower bit by bit cannot be told from
// the answers. What a limit then costs tells it, and there is none afterwards.
func TestAFirstLimitThatCostsIsTakenBack(t *testing.T) {
	const second = time.Second
	limited := 0
	for seed := range uint64(30) {
		random := seeded(seed)
		m := &modelled{takes: func(at time.Duration) time.Duration {
			return 20*time.Millisecond + min(max(0, at-10*second), second)/2
		}}
		m.run(random, 0, 13*second, 300)
		if m.refused > 0 {
			limited++
		}
		if m.limit.most > 0 {
			t.Errorf("seed %d: limited 2 s after it became slower: %+v", seed, m.limit)
		}
	}
	if limited == 0 {
		t.Error("none was limited, and this shows nothing")
	}
}

// What was lost with two replicas of three is not what the third can do.
func TestALimitFollowsTheReplicas(t *testing.T) {
	if l := (limit{peak: 600}).follow(3, 1); l.peak != 200 {
		t.Errorf("of 600/s a third is %v/s", l.peak)
	}
	for _, had := range []int{0, 1, 3} {
		if l := (limit{peak: 600}).follow(had, 3); l.peak != 600 {
			t.Errorf("from %d to 3: %v/s", had, l.peak)
		}
	}
}

// Who is slow, becomes slow, holds its requests, or is merely busy is not limited.
func TestNothingElseIsLimited(t *testing.T) {
	second := time.Second
	for name, c := range map[string]struct {
		workers   int
		takes     func(*rand.Rand) func(time.Duration) time.Duration
		perSecond float64
	}{
		"busy at 80 %": {8, func(*rand.Rand) func(time.Duration) time.Duration { return always(20 * time.Millisecond) }, 320},
		"busy at 95 %": {8, func(*rand.Rand) func(time.Duration) time.Duration { return always(20 * time.Millisecond) }, 380},
		"busy at 90 %, each takes its own time": {8, func(r *rand.Rand) func(time.Duration) time.Duration {
			return varied(r, 20*time.Millisecond)
		}, 360},
		"it stands still for 200 ms": {8, func(*rand.Rand) func(time.Duration) time.Duration {
			return func(at time.Duration) time.Duration {
				return 20*time.Millisecond + max(0, 200*time.Millisecond-(at+2*second)%(5*second))
			}
		}, 200},
		"slow": {0, func(*rand.Rand) func(time.Duration) time.Duration { return always(2 * second) }, 300},
		"ten times slower from one moment to the next": {0, func(*rand.Rand) func(time.Duration) time.Duration {
			return func(at time.Duration) time.Duration {
				if at > 10*second {
					return 200 * time.Millisecond
				}
				return 20 * time.Millisecond
			}
		}, 300},
		"a hundred times slower, and well again, each second": {0, func(*rand.Rand) func(time.Duration) time.Duration {
			return func(at time.Duration) time.Duration {
				if at/second%2 == 1 {
					return second
				}
				return 10 * time.Millisecond
			}
		}, 1000},
		"each is held for its own time": {0, func(r *rand.Rand) func(time.Duration) time.Duration { return varied(r, second) }, 300},
		"slower bit by bit": {0, func(*rand.Rand) func(time.Duration) time.Duration {
			return func(at time.Duration) time.Duration { return 10*time.Millisecond + at/100 }
		}, 300},
		"held for up to 30 s": {0, func(r *rand.Rand) func(time.Duration) time.Duration {
			return func(time.Duration) time.Duration { return time.Duration(r.Int64N(int64(30 * second))) }
		}, 100},
		"a half of it held": {0, func(r *rand.Rand) func(time.Duration) time.Duration {
			return func(at time.Duration) time.Duration {
				if at > 5*second && r.IntN(2) == 0 {
					return 20 * second
				}
				return 5 * time.Millisecond
			}
		}, 200},
	} {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(10) {
				random := seeded(seed)
				m := &modelled{workers: c.workers, takes: c.takes(random)}
				for from := time.Duration(0); from < 40*second; from += second {
					m.run(random, from, from+second, c.perSecond)
					if m.limit.most > 0 || m.refused > 0 {
						t.Fatalf("seed %d: limited at %s: %+v", seed, from, m.limit)
					}
				}
			}
		})
	}
}

// A service under a limit whose own dependency becomes slower for good is not
// strangled: what a cut costs is taken back.
func TestALimitDoesNotCreepDown(t *testing.T) {
	for seed := range uint64(10) {
		random := seeded(seed)
		m := &modelled{workers: 32, takes: func(at time.Duration) time.Duration {
			if at > 10*time.Second {
				return 80 * time.Millisecond // 400/s
			}
			return 20 * time.Millisecond // 1600/s
		}}
		m.run(random, 0, 5*time.Second, 800)
		m.run(random, 5*time.Second, 30*time.Second, 4000)
		before := m.good
		m.run(random, 30*time.Second, 50*time.Second, 4000)
		if rate := float64(m.good-before) / 20; rate < 0.9*400 {
			t.Errorf("seed %d: %.0f/s of 400/s, with %+v", seed, rate, m.limit)
		}
	}
}
