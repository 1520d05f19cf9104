package detect

import "math"

// The constants of the score. The alarm is ln(10^6), for the score and for the
// comparison alike: at the usual rate chance gets the score that far once in more
// than 500,000 outcomes (docs/detectors.md).
const (
	alarm      = 13.8
	ceiling    = 1.5 * alarm // a score grows no further: what is long past must not outweigh what is
	usualLeast = 0.01        // a baseline of 0.1 % where the truth is 1 % would alarm every 4,500 outcomes
	usualMost  = 0.5
	badLeast   = 0.2
	badTimes   = 10
)

// The constants of the comparison.
const (
	apartLeast = 0.1 // of all outcomes; a smaller difference ejects nobody
	alikeOdds  = 1   // e to 1: no reason to suspect this one
	leastSpan  = 5   // outcomes of the others below which nothing is compared
	fullSpan   = 50  // and above which sigma alone speaks for how many there are
	maxSpan    = 500 // outcomes of the suspect after which the score begins anew
)

// Outcomes counts how tries ended, from some instant on.
type Outcomes struct{ All, Failed uint64 }

// Add counts one more.
func (o Outcomes) Add(failed bool) Outcomes {
	o.All++
	if failed {
		o.Failed++
	}
	return o
}

// Since is what was counted after another count was taken.
func (o Outcomes) Since(before Outcomes) Outcomes {
	return Outcomes{All: o.All - before.All, Failed: o.Failed - before.Failed}
}

// Share is the part of them that failed; none is 0.
func (o Outcomes) Share() float64 {
	if o.All == 0 {
		return 0
	}
	return float64(o.Failed) / float64(o.All)
}

// Odds is what one outcome adds to a score: the logarithm of how much likelier
// it is from a bad replica than from a usual one.
type Odds struct{ failed, passed float64 }

// Against makes the odds where this share of the others' outcomes fails. Bad is
// ten times that, at least 20 %, at most half the way from it to failing always.
func Against(share float64) Odds {
	usual := min(max(share, usualLeast), usualMost)
	bad := min(max(badLeast, badTimes*usual), (1+usual)/2)
	return Odds{failed: math.Log(bad / usual), passed: math.Log((1 - bad) / (1 - usual))}
}

// Errors is a replica's running score of failed tries (a CUSUM): it grows with
// each failure, shrinks with each success, and is never below 0. It alarms when
// it is high, and then the replica is compared with the others over the same
// span, which began when the score last was 0. Only both together are evidence:
// the score alone would take a fault that all have for one of the replica's.
//
// The zero Errors has seen nothing.
type Errors struct {
	score       float64
	own, others Outcomes // as they stood when the score last was 0
}

// Add takes one outcome into account. Own and others are counted up to just
// before it.
func (e Errors) Add(odds Odds, failed bool, own, others Outcomes) Errors {
	if e.score == 0 {
		e.own, e.others = own, others
	}
	if failed {
		e.score = min(e.score+odds.failed, ceiling)
	} else {
		e.score = max(e.score+odds.passed, 0)
	}
	return e
}

// Alarmed says whether the score is high enough to ask how the others fare.
func (e Errors) Alarmed() bool { return e.score >= alarm }

// A Contrast is how a suspect's outcomes stand beside the others'.
type Contrast int

const (
	Undecided Contrast = iota // not enough is known of the others, or the difference is too small
	Alike                     // the others fare no better
	Apart                     // it is this one
)

// Span is what suspect and others went through since the score last was 0.
func (e Errors) Span(own, others Outcomes) (mine, theirs Outcomes) {
	return own.Since(e.own), others.Since(e.others)
}

// Compare says whether it is the suspect or all of them: its share of failures
// must exceed the others' by 0.1, and chance must be an unlikely explanation of
// the difference. While the others have fewer than half of its outcomes, nothing
// is said: at the onset of a fault that all have, somebody is always the first to
// show it.
//
// Three standard deviations are not unlikely enough: the span was chosen because
// it looks bad, and it is looked at again with every outcome. Simulated, they
// ejected somebody in up to half of the onsets of a fault that all had.
func (e Errors) Compare(own, others Outcomes) Contrast {
	mine, theirs := e.Span(own, others)
	if theirs.All < max(leastSpan, min(mine.All/2, fullSpan)) {
		return Undecided
	}
	unlikely := unlikelihood(mine, theirs)
	switch excess := mine.Share() - theirs.Share(); {
	case excess > apartLeast && unlikely > alarm:
		return Apart
	case excess < apartLeast/2 || unlikely < alikeOdds || mine.All > maxSpan:
		return Alike
	default:
		return Undecided
	}
}

// unlikelihood is the logarithm of how much likelier two counts are with a share
// of failures each than with one in common.
func unlikelihood(a, b Outcomes) float64 {
	return likelihood(a) + likelihood(b) - likelihood(Outcomes{All: a.All + b.All, Failed: a.Failed + b.Failed})
}

func likelihood(o Outcomes) float64 {
	share, l := o.Share(), 0.0
	if share > 0 {
		l += float64(o.Failed) * math.Log(share)
	}
	if share < 1 {
		l += float64(o.All-o.Failed) * math.Log(1-share)
	}
	return l
}
