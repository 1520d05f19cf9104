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
	refused int
	good    int
}

type modelledEnd struct{ began, at time.Duration }

// run sends so many requests a second, at random instants, from one instant to
// another, and reviews the limit ten times a second. Workers 0 is without end.
func (m *modelled) run(random *rand.Rand, from, to time.Duration, perSecond float64) {
	const step = time.Millisecond
	for at := from; at < to; at += step {
		m.end(at)
		for n := perSecond * step.Seconds(); n > 0; n-- {
			if random.Float64() < n {
				m.arrive(at)
			}
		}
		if at%(100*time.Millisecond) == 0 && m.window.full(at) {
			m.limit = m.limit.judge(&m.window, at, m.slots, 1)
			m.window = window{began: at}
		}
	}
}

func (m *modelled) end(at time.Duration) {
	for len(m.ends) > 0 && m.ends[0].at <= at {
		m.window.add(m.ends[0].at - m.ends[0].began)
		m.ends = m.ends[1:]
		m.slots--
		m.good++
	}
}

func (m *modelled) arrive(at time.Duration) {
	if m.limit.most > 0 && m.slots >= m.limit.most {
		m.window.pressed = true
		m.refused++
		return
	}
	m.slots++
	begins := at
	if m.workers > 0 {
		for len(m.free) < m.workers {
			m.free = append(m.free, 0)
		}
		slices.Sort(m.free)
		begins = max(at, m.free[0])
		m.free[0] = begins + m.takes(at)
	}
	end := modelledEnd{began: at, at: begins + m.takes(at)}
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

// Who is slow, becomes slow, holds its requests, or is merely busy is not limited.
func TestNothingElseIsLimited(t *testing.T) {
	second := time.Second
	for name, c := range map[string]struct {
		workers   int
		takes     func(*rand.Rand) func(time.Duration) time.Duration
		perSecond float64
	}{
		"busy at 80 %": {8, func(*rand.Rand) func(time.Duration) time.Duration { return always(20 * time.Millisecond) }, 320},
		"slow":         {0, func(*rand.Rand) func(time.Duration) time.Duration { return always(2 * second) }, 300},
		"ten times slower from one moment to the next": {0, func(*rand.Rand) func(time.Duration) time.Duration {
			return func(at time.Duration) time.Duration {
				if at > 10*second {
					return 200 * time.Millisecond
				}
				return 20 * time.Millisecond
			}
		}, 300},
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
					if m.limit.most > 0 {
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
