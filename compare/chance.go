package compare

import (
	"cmp"
	"math"
	"slices"
)

// exactUpTo is how many drills of both sides together are counted out one by
// one. Beyond it the normal approximation is right to three digits.
const exactUpTo = 60

// risesByChance is the share of all ways to deal these values to two sides in
// which the second side ranks at least as high as it does here: Mann and
// Whitney's test, one-sided, exact, values that are equal sharing their ranks.
func risesByChance(before, after []float64) float64 {
	if len(before) == 0 || len(after) == 0 {
		return 1
	}
	ranks, sum := ranked(before, after)
	if len(ranks) > exactUpTo {
		return risesAbout(ranks, len(after), sum)
	}
	return dealt(ranks, len(after), sum)
}

// ranked are twice the ranks of all values, which makes the mean of two ranks a
// whole number, and their sum over the second side.
func ranked(before, after []float64) (ranks []int, sum int) {
	type value struct {
		of     float64
		second bool
	}
	var all []value
	for _, v := range before {
		all = append(all, value{of: v})
	}
	for _, v := range after {
		all = append(all, value{of: v, second: true})
	}
	slices.SortFunc(all, func(a, b value) int { return cmp.Compare(a.of, b.of) })
	ranks = make([]int, len(all))
	for from := 0; from < len(all); {
		to := from
		for to < len(all) && all[to].of == all[from].of {
			to++
		}
		for i := from; i < to; i++ {
			if ranks[i] = from + 1 + to; all[i].second {
				sum += ranks[i]
			}
		}
		from = to
	}
	return ranks, sum
}

// dealt counts, of all ways to take so many of the ranks, those whose sum is at
// least the given one.
func dealt(ranks []int, take, atLeast int) float64 {
	total := 0
	for _, rank := range ranks {
		total += rank
	}
	ways := make([][]float64, take+1) // by how many were taken and their sum
	for i := range ways {
		ways[i] = make([]float64, total+1)
	}
	ways[0][0] = 1
	for _, rank := range ranks {
		for n := take; n > 0; n-- {
			for sum := total; sum >= rank; sum-- {
				ways[n][sum] += ways[n-1][sum-rank]
			}
		}
	}
	all, high := 0.0, 0.0
	for sum, n := range ways[take] {
		if all += n; sum >= atLeast {
			high += n
		}
	}
	return high / all
}

// risesAbout is the same for many values, by the normal distribution that the
// sum of ranks comes close to.
func risesAbout(ranks []int, take, sum int) float64 {
	n, k := float64(len(ranks)), float64(take)
	mean, squares := 0.0, 0.0
	for _, rank := range ranks {
		mean += float64(rank) / n
	}
	for _, rank := range ranks {
		squares += (float64(rank) - mean) * (float64(rank) - mean)
	}
	deviation := math.Sqrt(k * (n - k) / (n * (n - 1)) * squares)
	if deviation == 0 {
		return 1
	}
	return math.Erfc((float64(sum)-1-k*mean)/deviation/math.Sqrt2) / 2
}

// A count is how many of how many.
type count struct{ hurt, of int }

func (c count) share() float64 {
	if c.of == 0 {
		return 0
	}
	return float64(c.hurt) / float64(c.of)
}

// growsByChance is how likely so many of those hurt would be among the second
// count if it made no difference which it is: Fisher's exact test, one-sided.
func growsByChance(before, after count) float64 {
	hurt, all := before.hurt+after.hurt, before.of+after.of
	chance := 0.0
	for n := after.hurt; n <= min(hurt, after.of); n++ {
		if hurt-n <= before.of {
			chance += math.Exp(choose(after.of, n) + choose(before.of, hurt-n) - choose(all, hurt))
		}
	}
	return min(chance, 1)
}

// choose is the logarithm of the number of ways to take k of n.
func choose(n, k int) float64 {
	return logFactorial(n) - logFactorial(k) - logFactorial(n-k)
}

func logFactorial(n int) float64 {
	log, _ := math.Lgamma(float64(n) + 1)
	return log
}

// middle is the lower of the two in the middle, or the one: a value that was
// measured.
func middle(values []float64) float64 {
	return slices.Sorted(slices.Values(values))[(len(values)-1)/2]
}
