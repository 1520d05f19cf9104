package promise

import "math"

// sure is how unlikely it must be that a promise which is kept shows so many bad
// requests by chance: one in ten thousand, at which thirty days of any traffic that
// was simulated saw no page in vain.
const sure = 1e-4

// beyondChance tells whether so many bad requests are more than chance makes of an
// allowed share.
func beyondChance(t Tally, e float64) bool {
	return t.Bad > 0 && tail(t.All, t.Bad, e) < sure
}

// doubted is how unlikely it must be that what burns still shows so few bad requests
// by chance: one in a hundred where the rule just holds, and far less in an outage. An
// end that was taken for one in vain costs a second page, half an hour later.
const doubted = 1e-2

// hardlyChance tells whether so few bad requests are fewer than chance makes of a
// share.
func hardlyChance(t Tally, share float64) bool {
	return t.All > 0 && 1-tail(t.All, t.Bad+1, share) < doubted
}

// tail is the probability that of n requests k or more are bad, each with
// probability e: the regularised incomplete beta function I_e(k, n-k+1).
func tail(n, k uint64, e float64) float64 {
	switch {
	case k == 0:
		return 1
	case k > n:
		return 0
	}
	return incompleteBeta(float64(k), float64(n-k)+1, e)
}

// incompleteBeta is I_x(a, b), by its continued fraction on the side where that
// converges quickly (Abramowitz and Stegun 26.5.8).
func incompleteBeta(a, b, x float64) float64 {
	switch {
	case x <= 0:
		return 0
	case x >= 1:
		return 1
	}
	la, _ := math.Lgamma(a)
	lb, _ := math.Lgamma(b)
	lab, _ := math.Lgamma(a + b)
	front := math.Exp(lab - la - lb + a*math.Log(x) + b*math.Log1p(-x))
	if x < (a+1)/(a+b+2) {
		return front * fraction(a, b, x) / a
	}
	return 1 - front*fraction(b, a, 1-x)/b
}

// fraction is evaluated from the front (Lentz), until a step changes nothing that
// matters; sqrt(max(a, b)) steps do, and the bound is for what is far beyond sense.
func fraction(a, b, x float64) float64 {
	const steps, close, tiny = 10000, 1e-12, 1e-300
	c, d := 1.0, 1-(a+b)*x/(a+1)
	d = 1 / away(d, tiny)
	sum := d
	for m := 1.0; m <= steps; m++ {
		even := m * (b - m) * x / ((a + 2*m - 1) * (a + 2*m))
		odd := -(a + m) * (a + b + m) * x / ((a + 2*m) * (a + 2*m + 1))
		for _, step := range [2]float64{even, odd} {
			d = 1 / away(1+step*d, tiny)
			c = away(1+step/c, tiny)
			sum *= c * d
		}
		if math.Abs(c*d-1) < close {
			break
		}
	}
	return sum
}

// away keeps a divisor from zero.
func away(x, tiny float64) float64 {
	if math.Abs(x) < tiny {
		return tiny
	}
	return x
}
