package detect

import (
	"time"

	"holdfast"
)

// Linger is how long a missed check is listened to afterwards: whether its
// answer comes late, or never, tells a slow replica from a hung one.
const Linger = 3 * time.Second

// rePass is the least time between two passes that count: two answers of one
// good moment are one.
const rePass = 100 * time.Millisecond

// Checks is what the health checks of one incarnation showed in a row. The zero
// Checks holds nothing. It is a value and is never changed in place.
type Checks struct {
	Passes int // in a row, at least 100 ms apart
	Misses int // in a row, of whatever sign
	sign   holdfast.Sign
	run    int // misses in a row of that sign
	mute   int // misses in a row that were connected, and not a byte came
	passed time.Duration
	late   time.Duration // when an answer last came too late; 0 for never
	begun  begun
}

// begun is when checks began that are set beside those of others. It outlives
// what they showed in a row.
type begun struct {
	pass      time.Duration // the last that passed
	firstMiss time.Duration // the first of the last misses in a row
	miss      time.Duration // the last that was missed
}

// Pass is a check answered as it should be, in time.
func (c Checks) Pass(began, now time.Duration) Checks {
	next := c.Begin()
	next.begun.pass = began
	next.Passes, next.passed = c.Passes, c.passed
	if c.Passes == 0 || now-c.passed >= rePass {
		next.Passes++
		next.passed = now
	}
	return next
}

// Miss is a check that was not. Mute says that it was connected and not a byte
// came. A missed answer where answers have lately come late is a slow one.
func (c Checks) Miss(sign holdfast.Sign, mute bool, began, now time.Duration) Checks {
	if sign == holdfast.SignMissed && c.late > 0 && now-c.late < Linger {
		sign = holdfast.SignSlow
	}
	if c.Misses == 0 {
		c.begun.firstMiss = began
	}
	c.begun.miss = began
	c.Passes = 0
	c.Misses++
	if sign != c.sign {
		c.sign, c.run = sign, 0
	}
	c.run++
	c.mute++
	if !mute {
		c.mute = 0
	}
	return c
}

// Late is the answer of a check that had been missed already.
func (c Checks) Late(now time.Duration) Checks {
	c.late, c.mute = now, 0
	return c
}

// Forget drops the passes: they were no evidence of a return.
func (c Checks) Forget() Checks {
	c.Passes = 0
	return c
}

// Begin is what is left of the checks once the replica is admitted: that answers
// have come late, and when checks began.
func (c Checks) Begin() Checks { return Checks{late: c.late, begun: c.begun} }

// Sign is what the last misses say.
func (c Checks) Sign() holdfast.Sign { return c.sign }

// Bad says whether they are evidence: a refusal is at once, anything else when
// there are as many in a row as the file demands.
func (c Checks) Bad(retries int) bool {
	return c.Misses >= retries || c.Misses > 0 && c.sign == holdfast.SignRefused
}

// Agreed says whether as many in a row say the same thing.
func (c Checks) Agreed(retries int) bool {
	return c.run >= retries || c.run > 0 && c.sign == holdfast.SignRefused
}

// PassedSince says whether a check has passed that began no sooner than that.
func (c Checks) PassedSince(at time.Duration) bool { return c.begun.pass >= at }

// MissingFor is how long ago the first of the misses in a row began.
func (c Checks) MissingFor(now time.Duration) time.Duration { return now - c.begun.firstMiss }

// Outdo says whether a replica passed a check while another missed its own. One
// that missed, too, and passes again, has only recovered first, until the other
// misses a check that was begun after that.
func (c Checks) Outdo(others Checks) bool {
	return c.PassedSince(others.begun.firstMiss) &&
		(c.begun.miss < others.begun.firstMiss || others.begun.miss > c.begun.pass)
}

// Mute says whether as many in a row were connected and got not a byte.
func (c Checks) Mute(retries int) bool { return c.mute >= retries }

// silentAfter is for how long not one byte may come before that is silence. It
// is what a process needs to be ended for: four times what a starved machine was
// seen to keep an honest one from answering, and a little more than a second,
// because a second is what people let things wait for: what answers after one is
// slow.
const silentAfter = 1100 * time.Millisecond

// Quiet is for how long something has waited for a replica and not one byte has
// come, on any of its connections. The zero Quiet says that nothing waits.
type Quiet struct{ since time.Duration }

// Look takes in when the oldest of what waits began (0 when nothing does) and
// when the last byte came.
func (q Quiet) Look(oldest, heard time.Duration) Quiet {
	switch {
	case oldest == 0:
		return Quiet{}
	case q.since == 0 || q.since < heard:
		return Quiet{since: max(oldest, heard)}
	default:
		return q
	}
}

// Silent says whether it has been long enough, for an observer of this health.
func (q Quiet) Silent(now time.Duration, factor int) bool {
	return q.since > 0 && now >= q.Due(factor)
}

// Due is when it will have been long enough, if nothing comes; 0 while nothing
// waits.
func (q Quiet) Due(factor int) time.Duration {
	if q.since == 0 {
		return 0
	}
	return q.since + silentAfter*time.Duration(factor)
}

// For is how long it has been quiet.
func (q Quiet) For(now time.Duration) time.Duration {
	if q.since == 0 {
		return 0
	}
	return now - q.since
}
