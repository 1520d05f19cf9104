package gateway

import "time"

// The constants of an onset.
const (
	onsetAnswers = 12                     // that speak for it: with eight, held ones do so by chance
	onsetAgainst = 3                      // of these weighs one that does not: a service has a few answers that need nothing
	onsetTime    = 50 * time.Millisecond  // and for so long: a pause of a process ends sooner, or answers nothing
	onsetPause   = 250 * time.Millisecond // in which no answer comes there is none
	onsetSuspect = 2                      // answers, from which on lower ranks are held
	onsetGrowth  = 2                      // how many times more wait now than were ahead of who is answered
)

// An onset is how an overload begins. Windows find one when the backlog is as long
// as a deadline already; an onset is seen by the answers themselves, one after
// another. Each of them knows how many were ahead of it when it came, and so what
// the service has done since, and what has come.
type onset struct {
	answers int           // that speak for it, less what speaks against it
	began   time.Duration // CLOCK_BOOTTIME of the first
	last    time.Duration // and of the last
	longest time.Duration // that one of them took
}

// suspected says whether one seems to begin.
func (o *onset) suspected() bool { return o.answers >= onsetSuspect }

// lasting is what is left of an onset: nothing when it has come to no end.
func (o onset) lasting(at time.Duration) onset {
	if at-o.last > onsetPause {
		return onset{}
	}
	return o
}

// watch takes in an answer while there is no limit, and says whether it imposed one:
// how long it took, how many were ahead of it when it came, how many wait now.
func (l *limit) watch(took time.Duration, ahead, waiting int, at time.Duration, floor int) (imposed bool) {
	l.onset = l.onset.see(l, took, ahead, waiting, at)
	if !l.onset.sure(at) {
		return false
	}
	*l = l.impose(float64(ahead)/took.Seconds(), at, floor)
	l.onset = onset{}
	return true
}

func (o onset) see(l *limit, took time.Duration, ahead, waiting int, at time.Duration) onset {
	// It took half as long again as usual. The order is that of their cost: with no
	// overload the first one mostly decides.
	if waiting < onsetGrowth*ahead || took < l.usual+l.eased/2 || took.Seconds() < lineShare*o.longest.Seconds() || !l.behind(took, ahead, waiting) {
		if o.answers -= onsetAgainst; o.answers <= 0 {
			return onset{}
		}
		return o
	}
	if o.answers == 0 {
		o.began = at
	}
	o.answers++
	o.last = at
	o.longest = max(o.longest, took)
	return o
}

func (o onset) sure(at time.Duration) bool {
	return o.answers >= onsetAnswers && at-o.began >= onsetTime
}

// behind says whether more wait than the service can use, and for longer than is
// worth a thought, though those ahead of an answer were answered about as fast as
// ever. Together with twice as many having come meanwhile that is an overload: where a
// service merely becomes slower it is one or the other, since who came when few waited
// saw few answered in all that time.
func (l *limit) behind(took time.Duration, ahead, waiting int) bool {
	return l.usual > 0 && float64(ahead) >= took.Seconds()*l.peak/2 && waiting > l.roomy() &&
		float64(waiting)*took.Seconds() >= backlogTime.Seconds()*float64(ahead)
}
