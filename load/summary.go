package load

import (
	"cmp"
	"math"
	"slices"
	"time"

	"holdfast"
)

// A Tally is how many were asked and how many of them were hurt.
type Tally struct {
	Sent   int `json:"sent"`
	Failed int `json:"failed"`
	Late   int `json:"late"` // and not failed
}

// Impact tallies results.
func Impact(results []Result) Tally {
	var t Tally
	for _, result := range results {
		t.count(result)
	}
	return t
}

func (t *Tally) count(r Result) {
	t.Sent++
	if r.Failed {
		t.Failed++
	}
	if r.Late {
		t.Late++
	}
}

// Hurt is how many failed or were late.
func (t Tally) Hurt() int { return t.Failed + t.Late }

// Share is the share hurt. Nobody asked is nobody known to be well: the share
// of nothing is all of it.
func (t Tally) Share() holdfast.Share {
	if t.Sent == 0 {
		return 1
	}
	return holdfast.Share(float64(t.Hurt()) / float64(t.Sent))
}

// Below is the share that the share hurt lies below with a confidence of 95 %.
func (t Tally) Below() holdfast.Share { return UpperBound95(t.Hurt(), t.Sent) }

// During picks the results that were under way at some time from one instant
// to another, the second excluded. A request sent before a fault may be hurt by
// it.
func During(results []Result, from, to int64) []Result {
	var picked []Result
	for _, result := range results {
		if result.Intended < to && result.Ended >= from {
			picked = append(picked, result)
		}
	}
	return picked
}

// Whole finds when users were whole again: the instant the first request was
// due that was answered well, and so was every one after it to the end of the
// results, for a window at least. It is from itself when nobody due after it
// was hurt. A hole longer than the window is time nothing is known of, and
// nobody is whole in it.
func Whole(results []Result, from int64, window time.Duration) (int64, bool) {
	return whole(results, from, math.MaxInt64, window)
}

// whole looks at the requests due before an instant only.
func whole(results []Result, from, before int64, window time.Duration) (int64, bool) {
	var asked []Result
	for _, result := range results {
		if result.Intended >= from && result.Intended < before {
			asked = append(asked, result)
		}
	}
	slices.SortFunc(asked, func(a, b Result) int { return cmp.Compare(a.Intended, b.Intended) })
	start, last, well := from, from, true
	for _, result := range asked {
		switch {
		case result.Hurt():
			well = false
		case !well || result.Intended-last > int64(window):
			start, well = result.Intended, true
		}
		last = result.Intended
	}
	if !well || last-start < int64(window) {
		return 0, false
	}
	return start, true
}

// UpperBound95 is the one-sided exact (Clopper-Pearson) upper bound of a share:
// were the true share this large, seeing failed or fewer of sent would have a
// probability of 5 %. What was never tried has the bound 1.
func UpperBound95(failed, sent int) holdfast.Share {
	if failed >= sent {
		return 1
	}
	low, high := float64(failed)/float64(sent), 1.0
	for high-low > 1e-9*high { // halves each time: at most some 60 rounds
		middle := (low + high) / 2
		if atMost(failed, sent, middle) > 0.05 {
			low = middle
		} else {
			high = middle
		}
	}
	return holdfast.Share(high)
}

// atMost is the probability of k or fewer of n, each with probability p, which
// must be above k/n: then the terms only shrink from the k-th down, and the sum
// may stop where they no longer show.
func atMost(k, n int, p float64) float64 {
	term, sum := 1.0, 1.0
	for i := k; i > 0 && term > sum*1e-16; i-- {
		term *= float64(i) / float64(n-i+1) * (1 - p) / p
		sum += term
	}
	return sum * math.Exp(logChoose(n, k)+float64(k)*math.Log(p)+float64(n-k)*math.Log1p(-p))
}

func logChoose(n, k int) float64 {
	a, _ := math.Lgamma(float64(n + 1))
	b, _ := math.Lgamma(float64(k + 1))
	c, _ := math.Lgamma(float64(n - k + 1))
	return a - b - c
}
