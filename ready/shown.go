package ready

import (
	"fmt"
	"math"
	"time"

	"holdfast"
)

// A Shown is what the kept verdicts say of a mode. Its zero value is one that was
// never drilled.
type Shown struct {
	Last   holdfast.Verdict `json:"last,omitempty"` // PASS or FAIL; of all its drills together
	At     time.Time        `json:"at,omitzero"`
	Passes int              `json:"passes"` // of Runs, on what the last one was made on
	Runs   int              `json:"runs"`
	// Stale is why a PASS does not hold any more; empty where it does.
	Stale   string  `json:"stale,omitempty"`
	Took    Took    `json:"took,omitzero"`
	AtLeast float64 `json:"at_least"` // the success rate that so many passes show, surely
}

// Took is how long the last drill took to be noticed, until users were whole, and
// until all was; nil was never reached.
type Took struct {
	Detect   *time.Duration `json:"detect,omitempty"`
	Mitigate *time.Duration `json:"mitigate,omitempty"`
	Restore  *time.Duration `json:"restore,omitempty"`
}

// sure is how unlikely so many passes must be of a mode whose success rate is less
// than what is said: one in twenty.
const sure = 0.05

// Shows is the success rate that k passes of n show, 95 % sure (Clopper and Pearson):
// for n of n it is 0.05^(1/n), so that three green drills show 37 % and no more.
func Shows(k, n int) float64 {
	switch {
	case k <= 0 || n <= 0:
		return 0
	case k >= n:
		return math.Pow(sure, 1/float64(n))
	}
	low, high := 0.0, 1.0
	for range 50 { // halves of halves: far below what is printed
		if p := (low + high) / 2; atLeast(k, n, p) > sure {
			high = p
		} else {
			low = p
		}
	}
	return low
}

// atLeast is the probability of k or more of n, each with p.
func atLeast(k, n int, p float64) float64 {
	all, _ := math.Lgamma(float64(n) + 1)
	sum := 0.0
	for i := k; i <= n; i++ {
		hit, _ := math.Lgamma(float64(i) + 1)
		miss, _ := math.Lgamma(float64(n-i) + 1)
		sum += math.Exp(all - hit - miss + float64(i)*math.Log(p) + float64(n-i)*math.Log1p(-p))
	}
	return sum
}

// text is what n of n shows: "3 of 3, shows ≥ 36.8%"; never more than is shown.
func (s Shown) text() string {
	if s.Runs == 0 {
		return "never"
	}
	return fmt.Sprintf("%d of %d, shows ≥ %g%%", s.Passes, s.Runs, math.Floor(1000*Shows(s.Passes, s.Runs))/10)
}
