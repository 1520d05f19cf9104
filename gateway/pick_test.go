package gateway

import (
	"testing"
	"time"

	"holdfast"
)

func endpoints(n int) []*endpoint {
	s := &service{name: "catalog"}
	all := make([]*endpoint, n)
	for i := range all {
		all[i] = newEndpoint(s, holdfast.Endpoint{ID: holdfast.ReplicaID{Service: "catalog", Ordinal: i + 1, Incarnation: 1}})
	}
	return all
}

// With nothing in flight everybody is as likely: each count is within six
// standard deviations of its share, which chance breaks once in 10^8 runs.
func TestPickHasNoFavourite(t *testing.T) {
	const draws = 60_000
	for n := 1; n <= 5; n++ {
		all := endpoints(n)
		counts := map[*endpoint]float64{}
		for range draws {
			counts[pickOf(all, nil, false)]++
		}
		expected := float64(draws) / float64(n)
		variance := expected * (1 - 1/float64(n))
		for i, e := range all {
			if d := counts[e] - expected; d*d > 36*variance {
				t.Errorf("%d replicas: number %d was picked %.0f times, expected %.0f", n, i, counts[e], expected)
			}
		}
	}
}

// One busy replica: nobody is sent there unless both draws fall on it, which
// they cannot, and its neighbours do not inherit its share.
func TestPickFollowsWhatIsInFlight(t *testing.T) {
	const draws = 60_000
	all := endpoints(4)
	all[1].inFlight.Store(5)
	counts := map[*endpoint]float64{}
	for range draws {
		counts[pickOf(all, nil, false)]++
	}
	if counts[all[1]] != 0 {
		t.Errorf("the busy one was picked %.0f times", counts[all[1]])
	}
	const expected = draws / 3.0
	for _, i := range []int{0, 2, 3} {
		if d := counts[all[i]] - expected; d*d > 36*expected*2/3 {
			t.Errorf("number %d was picked %.0f times, expected %.0f", i, counts[all[i]], expected)
		}
	}
}

func TestPickNeverTakesTheTried(t *testing.T) {
	all := endpoints(3)
	s := &service{}
	s.lineup.Store(&lineup{usable: all[:2], standby: all[2:]})
	for range 100 {
		if s.pick(all[:1], false) != all[1] {
			t.Fatal("not the other usable one")
		}
		if s.pick(all[:2], false) != all[2] {
			t.Fatal("not the one on standby, when nobody else is left")
		}
	}
	if s.pick(all, false) != nil {
		t.Fatal("picked although everybody was tried")
	}
}

func TestCadence(t *testing.T) {
	check := withDefaults(holdfast.Healthcheck{StartPeriod: 10 * time.Second, Interval: 5 * time.Second})
	for _, c := range []struct {
		name           string
		as             standing
		misses, passes int
		since, want    time.Duration
	}{
		{name: "steady", as: admitted, since: time.Hour, want: 5 * time.Second},
		{name: "one miss", as: admitted, misses: 1, since: time.Hour, want: recheck},
		{name: "starting", as: unknown, misses: 20, since: 9 * time.Second, want: eager},
		{name: "starting too long", as: unknown, misses: 200, since: 30 * time.Second, want: 2 * time.Second},
		{name: "never ready", as: unknown, misses: 900, since: time.Hour, want: 5 * time.Second},
		{name: "just ejected", as: ejected, since: time.Second, want: eager},
		{name: "first pass of a return", as: ejected, passes: 1, since: time.Hour, want: recheck},
		{name: "kept", as: kept, since: time.Second, want: eager},
	} {
		if got := cadence(check, c.as, c.misses, c.passes, c.since); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestDefaultsOfAHealthCheck(t *testing.T) {
	got := withDefaults(holdfast.Healthcheck{Interval: -1})
	if got.Interval != time.Second || got.Timeout != 300*time.Millisecond || got.Retries != 2 {
		t.Errorf("%+v", got)
	}
}
