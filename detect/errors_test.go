package detect

import (
	"math/rand/v2"
	"testing"
)

// failing gives a score n outcomes of which the first are failures.
func failing(usual float64, failures, passes int) (Errors, Outcomes) {
	var e Errors
	var own Outcomes
	for i := range failures + passes {
		e = e.Add(Against(usual), i < failures, own, Outcomes{})
		own = own.Add(i < failures)
	}
	return e, own
}

func TestTheScoreOfErrors(t *testing.T) {
	for _, c := range []struct {
		name             string
		usual            float64
		failures, passes int
		alarmed          bool
	}{
		{"four failures are bad luck", 0.01, 4, 0, false},
		{"five are an alarm", 0.01, 5, 0, true},
		{"which passes", 0.01, 5, 6, false},
		{"a baseline of nothing counts as 1 %", 0, 4, 0, false},
		{"where 5 % is usual, five are not yet one", 0.05, 5, 0, false},
		{"but six are", 0.05, 6, 0, true},
		{"where half fail, twenty failures are not one", 0.5, 20, 0, false},
		{"where all fail, nothing but failures still is one", 1, 35, 0, true},
	} {
		if e, _ := failing(c.usual, c.failures, c.passes); e.Alarmed() != c.alarmed {
			t.Errorf("%s: score %.1f", c.name, e.score)
		}
	}
}

// A long outage leaves no more behind than a short one: thirty successes end
// the alarm after a hundred thousand failures as well as after ten.
func TestTheScoreIsCapped(t *testing.T) {
	for _, failures := range []int{10, 100_000} {
		if e, _ := failing(0.01, failures, 33); e.Alarmed() {
			t.Errorf("%d failures: score %.1f", failures, e.score)
		}
	}
}

func TestTheOthersAreAsked(t *testing.T) {
	for _, c := range []struct {
		name             string
		failures, passes int
		others           Outcomes
		want             Contrast
	}{
		{"nobody else was asked", 12, 0, Outcomes{}, Undecided},
		{"too few others were", 8, 0, Outcomes{All: 4}, Undecided},
		{"so few may be chance", 5, 0, Outcomes{All: 5}, Undecided},
		{"the others are well", 10, 0, Outcomes{All: 10}, Apart},
		{"more of the others are well", 7, 0, Outcomes{All: 18}, Apart},
		{"one of the others failed too", 10, 0, Outcomes{All: 10, Failed: 1}, Undecided},
		{"so did they all", 5, 0, Outcomes{All: 5, Failed: 5}, Alike},
		{"so did most", 5, 0, Outcomes{All: 20, Failed: 17}, Alike},
		{"fewer than half as many others", 60, 0, Outcomes{All: 29}, Undecided},
		{"fewer, but enough", 300, 0, Outcomes{All: 50}, Apart},
		{"less than a tenth more", 40, 460, Outcomes{All: 1000, Failed: 10}, Undecided},
		{"the same for too long", 45, 460, Outcomes{All: 1000, Failed: 10}, Alike},
	} {
		e, own := failing(0.01, c.failures, c.passes)
		e.own, e.others = Outcomes{}, Outcomes{}
		if got := e.Compare(own, c.others); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}

// naiveScore is the score by its definition: the best sum of log-likelihoods
// over all spans that end now, which is what a CUSUM without a cap computes.
func naiveScore(odds Odds, failed []bool) float64 {
	best, sum := 0.0, 0.0
	for i := len(failed) - 1; i >= 0; i-- {
		if failed[i] {
			sum += odds.failed
		} else {
			sum += odds.passed
		}
		best = max(best, sum)
	}
	return best
}

func TestTheScoreIsTheBestSpan(t *testing.T) {
	chance := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		odds := Against(chance.Float64() * 0.2)
		share := chance.Float64() * 0.3
		var e Errors
		var seen []bool
		for range 40 {
			failed := chance.Float64() < share
			seen = append(seen, failed)
			e = e.Add(odds, failed, Outcomes{}, Outcomes{})
			if want := naiveScore(odds, seen); want < ceiling && e.score < ceiling {
				if d := e.score - want; d*d > 1e-12 {
					t.Fatalf("%v: score %v, want %v", seen, e.score, want)
				}
			} else {
				break
			}
		}
	}
}

func TestARateForgets(t *testing.T) {
	r := Rate{}.Add(Outcomes{All: 1000, Failed: 1000}, rateHalfLife)
	if s := r.Share(); s < 0.98 {
		t.Errorf("all failed: %.3f", s)
	}
	r = r.Add(Outcomes{All: 1000}, 2*rateHalfLife)
	if s := r.Share(); s < 0.32 || s > 0.34 {
		t.Errorf("a half-life later, beside as many that passed: %.3f, want a third", s)
	}
	if s := (Rate{}).Add(Outcomes{All: 1, Failed: 1}, 0).Share(); s > 0.1 {
		t.Errorf("one failure alone: %.3f", s)
	}
}
