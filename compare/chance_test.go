package compare

import (
	"math"
	"math/bits"
	"math/rand/v2"
	"testing"
)

// naiveRise deals all values to two sides in every way there is.
func naiveRise(before, after []float64) float64 {
	all := append(append([]float64{}, before...), after...)
	wins := func(second func(int) bool) float64 { // Mann and Whitney's U: pairs won, half for a draw
		u := 0.0
		for i, a := range all {
			for j, b := range all {
				if second(i) && !second(j) {
					if a > b {
						u++
					} else if a == b {
						u += 0.5
					}
				}
			}
		}
		return u
	}
	seen := wins(func(i int) bool { return i >= len(before) })
	ways, high := 0, 0
	for deal := range uint(1) << len(all) {
		if bits.OnesCount(deal) != len(after) {
			continue
		}
		if ways++; wins(func(i int) bool { return deal>>i&1 == 1 }) >= seen {
			high++
		}
	}
	return float64(high) / float64(ways)
}

func TestRisesByChanceAgainstItsNaiveTwin(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		before, after := make([]float64, 1+rng.IntN(5)), make([]float64, 1+rng.IntN(5))
		for _, side := range [][]float64{before, after} {
			for i := range side {
				if side[i] = float64(rng.IntN(6)); side[i] == 5 {
					side[i] = math.Inf(1) // never
				}
			}
		}
		if got, want := risesByChance(before, after), naiveRise(before, after); math.Abs(got-want) > 1e-9 {
			t.Fatalf("%v → %v: %v, want %v", before, after, got, want)
		}
	}
}

// Known values: all of 4 above all of 4 is 1 of 70 ways, of 3 and 3 it is 1 of 20.
func TestRisesByChanceOfSmallNumbers(t *testing.T) {
	for want, sides := range map[float64][2][]float64{
		1.0 / 70: {{1, 2, 3, 4}, {5, 6, 7, 8}}, 1.0 / 20: {{1, 2, 3}, {4, 5, 6}}, 0.5: {{1}, {2}}, 1: {{7, 7, 7}, {7, 7, 7}},
	} {
		if got := risesByChance(sides[0], sides[1]); math.Abs(got-want) > 1e-12 {
			t.Errorf("%v: %v, want %v", sides, got, want)
		}
	}
	if got := risesByChance(nil, []float64{1}); got != 1 {
		t.Errorf("of nothing it is %v", got)
	}
}

func TestManyValuesAreNearTheExactTest(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 20 {
		before, after := make([]float64, 25), make([]float64, 25)
		for i := range before {
			before[i], after[i] = rng.NormFloat64(), rng.NormFloat64()+0.4
		}
		ranks, sum := ranked(before, after)
		if exact, about := dealt(ranks, len(after), sum), risesAbout(ranks, len(after), sum); math.Abs(exact-about) > 0.003 {
			t.Errorf("exactly %v, about %v", exact, about)
		}
	}
}

// The values of Fisher's tea tasting, and of nothing.
func TestGrowsByChance(t *testing.T) {
	for _, c := range []struct {
		before, after count
		want          float64
	}{
		{before: count{hurt: 1, of: 4}, after: count{hurt: 3, of: 4}, want: 17.0 / 70},
		{before: count{hurt: 0, of: 4}, after: count{hurt: 4, of: 4}, want: 1.0 / 70},
		{before: count{hurt: 0, of: 390}, after: count{hurt: 0, of: 388}, want: 1},
		{before: count{hurt: 4, of: 4}, after: count{hurt: 0, of: 4}, want: 1},
		{before: count{}, after: count{hurt: 3, of: 9}, want: 1},
	} {
		if got := growsByChance(c.before, c.after); math.Abs(got-c.want) > 1e-9 {
			t.Errorf("%v → %v: %v, want %v", c.before, c.after, got, c.want)
		}
	}
}
