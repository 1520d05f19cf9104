package gateway

import (
	"slices"
	"time"
)

// The constants of a limit.
const (
	// windowAnswers are what a window is judged on: fewer say nothing of a tenth
	// of them. One that has not come to so many in windowTime is judged on what it
	// has, if that is windowLeast.
	windowAnswers = 20
	windowLeast   = 5
	windowTime    = 500 * time.Millisecond

	strikesToLimit = 4   // windows in a row that speak for an overload: one may be a stall of the machine
	queuedTimes    = 2   // how many times as long as usual even the fast answers take
	littleTimes    = 1.3 // how many times more wait than the rate and time of the answers explain
	steepTimes     = 2   // and that many times more count for two windows: the backlog is a deadline's length in no time
	lapsedShare    = 0.05
	lineShare      = 0.5 // of the mean is what the fast ones take where all stand in one line; 0.2 where each waits for an event of its own

	backlogTime = 100 * time.Millisecond // a backlog that is worked off sooner hurts nobody: it may be what came while a machine stood still

	roomTimes  = 2   // how many times what keeps a service busy it is given: with less, it idles between two answers
	roomBeside = 4   // what a service with few workers needs beside that
	cutShare   = 0.9 // AIMD's, as in Netflix's limiter
	cutCosts   = 0.95
	slower     = 1.5

	limitTime    = 500 * time.Millisecond // between two changes of a limit
	trialCosts   = 0.6                    // of what was answered before; less was no overload: with trialAnswers chance does not come near it
	trialAnswers = 50
	calmTime     = 5 * time.Second // without pressure, after which there is no limit
	forgetUsual  = time.Minute     // in which what is usual follows a service that has become slower
	forgetPeak   = 20 * time.Second
	forgetEased  = 5 * time.Second
)

// A limit is how many requests a service is given at once. There is none until
// something speaks for one: a service that is slow, or holds its requests for an
// hour, has none. Four things together speak for an overload, none of which alone
// does:
//
//   - even the fastest tenth of the answers takes twice as long as usual, and not
//     much less than the others: they stand in one line. Who waits for an event
//     waits for his own;
//   - the service answers as much as ever, or half of it (a service that waits for
//     another one does not);
//   - more requests wait than twice what keeps it busy, and will for a while;
//   - and more than Little's law explains: the backlog grows. Where the rate is
//     what it was and every answer merely takes longer, it does not.
//
// Where they come on quickly the answers themselves show it sooner: see onset.
//
// A limit is measured against what is usual, and what is usual may change while
// there is one. So a first limit is on trial, and that or a cut that costs
// throughput is taken back, and the longer time learned: that queue was none.
type limit struct {
	most    int           // 0: none
	usual   time.Duration // that the fastest tenth takes when nothing waits; 0: unknown
	eased   time.Duration // that an answer takes on average then
	peak    float64       // answers per second, lately at most
	mean    time.Duration // that an answer took in the last window
	strikes int
	onset   onset
	changed time.Duration // CLOCK_BOOTTIME
	calm    time.Duration // how long nothing has pressed
	cutFrom int           // what the last change cut; 0: it did not
	cutRate float64       // answers per second before it
	trial   float64       // answers per second before there was a limit; 0: it has shown that it costs none
}

// A window is what a service was seen to do in a short while.
type window struct {
	began    time.Duration // CLOCK_BOOTTIME
	answered int           // with what is no failure
	lapsed   int           // not answered within their deadline
	took     []time.Duration
	total    time.Duration // for which those that were answered had a place
	pressed  bool          // somebody had to wait for a place
}

// maxSamples bounds what a window remembers of single answers.
const maxSamples = 256

// full says whether a window is to be judged now.
func (l *limit) full(w *window, at time.Duration) bool {
	answers := windowAnswers
	if l.trial > 0 {
		answers = trialAnswers
	}
	return w.answered >= answers || at-w.began >= windowTime
}

// add takes an answer in, which had a place for all of its time or a part.
func (w *window) add(took, place time.Duration) {
	w.answered++
	w.total += place
	if len(w.took) < maxSamples {
		w.took = append(w.took, took)
	}
}

// renew begins the window anew.
func (w *window) renew(at time.Duration, pressed bool) {
	*w = window{began: at, took: w.took[:0], pressed: pressed}
}

// judge draws from a window what the limit is from now on. Of the requests that
// wait, now and at least floor are given to the service whatever happens: one for
// each of its replicas.
func (l limit) judge(w *window, at time.Duration, waiting, floor int) limit {
	lasted := at - w.began
	if l.most > 0 && !w.pressed {
		if l.calm += lasted; l.calm >= calmTime {
			l = l.lift()
		}
	} else {
		l.calm = 0
	}
	if w.answered < windowLeast || lasted <= 0 {
		l.strikes = 0
		return l
	}
	slices.Sort(w.took)
	fast := w.took[len(w.took)/10]
	rate := float64(w.answered) / lasted.Seconds()
	l.mean = w.total / time.Duration(w.answered)
	l = l.learn(fast, l.mean, rate, lasted)
	switch {
	case l.most == 0:
		return l.suspect(w, fast, rate, at, waiting, floor)
	case l.trial > 0:
		return l.prove(w, fast, rate)
	case w.pressed && at-l.changed >= limitTime:
		return l.adjust(w, fast, rate, at, floor)
	}
	return l
}

// learn brings what is usual up to date. Under a limit it may only become less:
// there the answers wait for each other, and would teach their own wait.
func (l limit) learn(fast, mean time.Duration, rate float64, lasted time.Duration) limit {
	eased := l.most == 0 && fast < l.queued(queuedTimes)
	switch {
	case l.usual == 0 || fast < l.usual:
		l.usual = fast
	case l.most == 0:
		l.usual += time.Duration(float64(fast-l.usual) * min(1, float64(lasted)/float64(forgetUsual)))
	}
	switch {
	case l.eased == 0 || l.most > 0 && mean < l.eased:
		l.eased = mean
	case eased:
		l.eased += time.Duration(float64(mean-l.eased) * min(1, float64(lasted)/float64(forgetEased)))
	}
	l.peak = max(rate, l.peak*(1-min(1, float64(lasted)/float64(forgetPeak))))
	return l
}

// follow takes notice of replicas that were lost: with them goes what was answered
// at most. Those that come show themselves what they can do.
func (l limit) follow(had, have int) limit {
	if have < had {
		l.peak *= float64(have) / float64(had)
	}
	return l
}

// busy is how many requests keep the service busy: by Little's law as many as it
// has when it answers most. On average an answer takes longer than the fastest do.
func (l limit) busy() float64 { return l.peak * l.eased.Seconds() }

// queued is what the fastest take that wait for others, so many times as long as usual.
func (l limit) queued(times int) time.Duration {
	return l.usual + time.Duration(times-1)*l.eased
}

func (l limit) roomy() int { return int(roomTimes*l.busy()) + roomBeside }

// expected is how long an answer takes once a place is given: what is limited
// takes its usual time, and waits for as much again or twice.
func (l limit) expected() time.Duration { return min(l.mean, l.queued(queuedTimes+1)) }

// suspect looks for an overload, and sets the first limit when it has been there
// for some windows.
func (l limit) suspect(w *window, fast time.Duration, rate float64, at time.Duration, waiting, floor int) limit {
	mean := w.total.Seconds() / float64(w.answered)
	grows := float64(waiting) > littleTimes*rate*mean
	lapses := float64(w.lapsed) > lapsedShare*float64(w.answered)
	inLine := fast.Seconds() > lineShare*mean
	if !inLine || fast < l.queued(queuedTimes) || rate < l.peak/2 || waiting <= l.roomy() || float64(waiting) < rate*backlogTime.Seconds() || !grows && !lapses {
		l.strikes = 0
		return l
	}
	if l.strikes++; w.answered >= windowAnswers && float64(waiting) > steepTimes*rate*mean {
		l.strikes++
	}
	if l.strikes >= strikesToLimit {
		return l.impose(rate, at, floor)
	}
	return l
}

// impose sets the first limit: what keeps the service busy at the rate that it has
// shown, and as much again.
func (l limit) impose(rate float64, at time.Duration, floor int) limit {
	l.peak = max(l.peak, rate)
	l.most, l.changed, l.calm, l.cutFrom, l.trial = max(floor, l.roomy()), at, 0, 0, rate
	return l
}

// lift takes the limit away; what is usual is still so.
func (l limit) lift() limit {
	l.most, l.strikes, l.cutFrom, l.trial = 0, 0, 0, 0
	return l
}

// drains says whether a first limit shows nothing yet: the backlog from before it
// is still there.
func (l *limit) drains(waiting int) bool { return l.trial > 0 && waiting > l.most }

// prove judges a first limit: a service that answers much less under it had no
// queue, but was slower.
func (l limit) prove(w *window, fast time.Duration, rate float64) limit {
	if rate < trialCosts*l.trial && w.lapsed == 0 && w.pressed {
		l = l.lift()
		l.usual, l.eased = max(l.usual, fast), max(l.eased, l.mean)
	}
	l.trial = 0
	return l
}

// adjust moves a limit that has been reached.
func (l limit) adjust(w *window, fast time.Duration, rate float64, at time.Duration, floor int) limit {
	l.changed = at
	if l.cutFrom > 0 && rate < cutCosts*l.cutRate && w.lapsed == 0 {
		l.most, l.cutFrom = l.cutFrom, 0
		l.usual, l.eased = time.Duration(slower*float64(l.usual)), time.Duration(slower*float64(l.eased))
		return l
	}
	l.cutFrom = 0
	switch {
	case fast > l.queued(queuedTimes+1):
		l.cutFrom, l.cutRate = l.most, rate
		l.most = max(floor, int(cutShare*float64(l.most)))
	case fast < l.queued(queuedTimes):
		l.most += max(1, l.most/10)
	}
	return l
}
