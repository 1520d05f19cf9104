package detect

import (
	"math"
	"time"
)

// The constants of damping, in the shape that routers damp flapping routes: four
// times down within half a minute is suppressed for two minutes or a little more,
// and four within a minute may be.
const (
	downPenalty     = 1000
	penaltyHalfLife = time.Minute
	suppressAbove   = 3000
	reuseBelow      = 750
	maxSuppressed   = 15 * time.Minute
)

// Flapping is the penalty of a replica's name for going up and down. A restart
// does not clear it. The zero Flapping has none.
type Flapping struct {
	penalty    float64
	at         time.Duration // when penalty was right
	suppressed bool
	since      time.Duration // of being suppressed
}

// Down takes one more fall into account.
func (f Flapping) Down(now time.Duration) Flapping {
	f = f.upTo(now)
	f.penalty += downPenalty
	if f.penalty > suppressAbove && !f.suppressed {
		f.suppressed, f.since = true, now
	}
	return f
}

// Suppressed says whether the replica is to stay out, and until when if nothing
// else happens.
func (f Flapping) Suppressed(now time.Duration) (until time.Duration, suppressed bool) {
	f = f.upTo(now)
	if !f.suppressed {
		return 0, false
	}
	reused := now + time.Duration(math.Log2(f.penalty/reuseBelow)*float64(penaltyHalfLife))
	return min(reused, f.since+maxSuppressed), true
}

// Calm says whether nothing of it is left.
func (f Flapping) Calm(now time.Duration) bool {
	f = f.upTo(now)
	return !f.suppressed && f.penalty < 1
}

// upTo lets the penalty fade. Whoever was suppressed for the longest time there
// is begins with what is just not suppressed.
func (f Flapping) upTo(now time.Duration) Flapping {
	f.penalty *= math.Exp2(-float64(now-f.at) / float64(penaltyHalfLife))
	f.at = now
	if f.suppressed && (f.penalty < reuseBelow || now-f.since >= maxSuppressed) {
		f.suppressed = false
		f.penalty = min(f.penalty, reuseBelow)
	}
	return f
}

// The constants of a hold-down.
const (
	firstHold = 2 * time.Second
	maxHold   = time.Minute
	calmTime  = time.Minute // of being admitted, after which one step is forgotten
)

// A HoldDown is how long a replica stays out after being put out for a kind of
// sign: 2 s, 4 s, 8 s … up to a minute. The zero HoldDown was never put out.
type HoldDown struct {
	steps      int
	admittedAt time.Duration
}

// Eject says how long this time, and counts it. Where checks can show that a
// replica is back, mercy lets the first time pass.
func (h HoldDown) Eject(now time.Duration, mercy bool) (HoldDown, time.Duration) {
	h.steps = max(0, h.steps-int((now-h.admittedAt)/calmTime))
	n := h.steps
	if h.steps < 16 { // far beyond maxHold, and no shift overflows
		h.steps++
	}
	if mercy {
		n--
	}
	if n < 0 {
		return h, 0
	}
	return h, min(firstHold<<n, maxHold)
}

// Admit notes the beginning of a time that counts as calm.
func (h HoldDown) Admit(now time.Duration) HoldDown {
	h.admittedAt = now
	return h
}

// Calm says whether nothing of it is left.
func (h HoldDown) Calm(now time.Duration) bool {
	return h.steps <= int((now-h.admittedAt)/calmTime)
}
