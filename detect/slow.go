package detect

import (
	"math/bits"
	"time"
)

// The constants of slowness.
const (
	slowTimes  = 3                     // the others' median
	slowFloor  = 20 * time.Millisecond // medians below count as this: nothing under 60 ms is ever slow
	fullWindow = 50                    // outcomes of a window whose median speaks for itself
	window     = time.Second           // at least
	maxWindow  = time.Minute           // after which too few outcomes are dropped
	fewSamples = 4                     // of a window that speaks when every single one is slow
	fewChecks  = 2                     // of those: the same question to every replica
	reference  = 5                     // outcomes of the others below which there is nothing to compare with
)

// Octaves of a Times from 65 µs to 68 s, in four steps each: a median is right
// within an eighth, where a factor of three is asked for.
const (
	lowest  = 16 // 2^16 ns
	octaves = 20
	steps   = 4
	places  = octaves * steps
)

// Times counts durations by their size. It only grows; the difference of two is
// what came between (counts may run over, differences are right all the same).
type Times struct {
	n      uint32
	counts [places]uint32
}

// Add counts one.
func (t *Times) Add(d time.Duration) {
	t.n++
	t.counts[place(d)]++
}

func place(d time.Duration) int {
	if d < 1<<lowest {
		return 0
	}
	octave := bits.Len64(uint64(d)) - 1
	step := int(d>>(octave-2)) & (steps - 1)
	return min((octave-lowest)*steps+step, places-1)
}

// edge is the least duration of a place.
func edge(i int) time.Duration {
	return time.Duration(steps+i%steps) << (lowest + i/steps - 2)
}

// N is how many were counted.
func (t *Times) N() int { return int(t.n) }

// Median is the middle one, or 0 when there is none.
func (t *Times) Median() time.Duration {
	seen, half := uint32(0), t.n/2
	for i, n := range t.counts {
		if seen += n; seen > half {
			return (edge(i) + edge(i+1)) / 2
		}
	}
	return 0
}

// Above counts those that are longer than d beyond doubt.
func (t *Times) Above(d time.Duration) int {
	n := uint32(0)
	for _, count := range t.counts[min(place(d)+1, places):] {
		n += count
	}
	return int(n)
}

func (t *Times) plus(other *Times) {
	t.n += other.n
	for i, n := range other.counts {
		t.counts[i] += n
	}
}

func (t *Times) less(other *Times) {
	t.n -= other.n
	for i, n := range other.counts {
		t.counts[i] -= n
	}
}

// A Pace is how long a replica takes to its first byte. What was not waited for
// is kept apart: it says "at least", and only what is slow already says anything
// at all.
type Pace struct{ Answered, GivenUp, Checks Times }

// Plus adds another replica's.
func (p *Pace) Plus(other *Pace) {
	p.Answered.plus(&other.Answered)
	p.GivenUp.plus(&other.GivenUp)
	p.Checks.plus(&other.Checks)
}

// Since is what was counted after another count was taken.
func (p Pace) Since(before *Pace) Pace {
	p.Answered.less(&before.Answered)
	p.GivenUp.less(&before.GivenUp)
	p.Checks.less(&before.Checks)
	return p
}

// TooLong is the time beyond which an answer is slow where the others' median is
// this.
func TooLong(median time.Duration) time.Duration { return slowTimes * max(slowFloor, median) }

// Slowness follows one replica's pace beside the others', window by window. A
// window opens with the first sign of slowness; it is slow when the median in it
// is more than three times the others' in the same window. Where the picker
// already stays away from the replica there will never be fifty outcomes: then a
// few speak, if all are slow and health checks among them. Two slow windows in a
// row are evidence. The zero Slowness has seen nothing.
type Slowness struct {
	opened   time.Duration
	own, all Pace // as they stood when the window opened
	marked   bool // something slow is in the window
	before   bool // the last window was slow
}

// A Tempo is what Slowness makes of a replica.
type Tempo int

const (
	Even    Tempo = iota // nothing stands out
	Lagging              // something was slow: more checks would tell
	Slow                 // slower than the others in two windows in a row
)

// A Lag is the evidence: the replica's median beside the others', of requests
// or, where they are too few, of checks.
type Lag struct {
	Own, Others time.Duration
	Checks      bool
}

// Open begins a first window.
func Open(now time.Duration, own, all *Pace) Slowness {
	return Slowness{opened: now, own: *own, all: *all}
}

// Look judges the open window. Own is the replica's pace and all that of the
// whole service, itself included; usual is the others' recent one, by which the
// first sign is known.
func (s *Slowness) Look(now time.Duration, own, all, usual *Pace) (Tempo, Lag) {
	mine := own.Since(&s.own)
	if !s.marked {
		s.marked = standsOut(&mine, usual)
		s.open(now, own, all)
		return s.tempo(), Lag{}
	}
	if now-s.opened < window {
		return Lagging, Lag{}
	}
	theirs := all.Since(&s.all)
	theirs = theirs.Since(&mine)
	found, lag := compare(&mine, &theirs)
	switch {
	case found == tooLittle && now-s.opened < maxWindow:
		return Lagging, Lag{}
	case found == turned:
		s.marked, s.before = true, false
	default:
		slow := found == slower
		if slow && s.before {
			*s = Open(now, own, all)
			return Slow, lag
		}
		s.marked, s.before = slow, slow
	}
	s.open(now, own, all)
	return s.tempo(), lag
}

func (s *Slowness) tempo() Tempo {
	if s.marked {
		return Lagging
	}
	return Even
}

// Needs says whether more checks would tell something: of the replica itself,
// and of the others. One quick check says that a few requests prove nothing.
func (s *Slowness) Needs(own, all *Pace) (itself, others bool) {
	if !s.marked {
		return false, false
	}
	mine := own.Since(&s.own)
	theirs := all.Since(&s.all)
	theirs = theirs.Since(&mine)
	quick := mine.Checks.N() > mine.Checks.Above(TooLong(theirs.Checks.Median()))
	return !quick, theirs.Checks.N() == 0
}

func (s *Slowness) open(now time.Duration, own, all *Pace) {
	s.opened, s.own, s.all = now, *own, *all
}

// standsOut finds the first sign of slowness.
func standsOut(mine, usual *Pace) bool {
	long := TooLong(usual.Answered.Median())
	return mine.Answered.Above(long) > 0 || mine.GivenUp.Above(long) > 0 ||
		mine.Checks.Above(TooLong(usual.Checks.Median())) > 0
}

// A finding is what a window shows.
type finding int

const (
	tooLittle finding = iota // not enough to say
	asUsual
	slower
	turned // it began quick and is slow now: a window from here on will tell
)

// compare says what a window shows of one replica beside the others.
func compare(mine, theirs *Pace) (finding, Lag) {
	long := TooLong(theirs.Answered.Median())
	answered, late := 0, 0
	if theirs.Answered.N() >= reference {
		given := mine.GivenUp.Above(long)
		answered, late = mine.Answered.N()+given, mine.Answered.Above(long)+given
	}
	if answered >= fullWindow {
		lag := Lag{Own: atLeast(mine, long), Others: theirs.Answered.Median()}
		if 2*late > answered {
			return slower, lag
		}
		return asUsual, lag
	}
	if theirs.Checks.N() == 0 {
		return tooLittle, Lag{}
	}
	checks, tardy := mine.Checks.N(), mine.Checks.Above(TooLong(theirs.Checks.Median()))
	lag := Lag{Own: mine.Checks.Median(), Others: theirs.Checks.Median(), Checks: true}
	switch {
	case tardy > 0 && (late < answered || tardy < checks):
		return turned, lag
	case tardy >= fewChecks && answered+checks >= fewSamples:
		return slower, lag
	default:
		return tooLittle, Lag{}
	}
}

// atLeast is the median of what was answered and of what was given up late.
func atLeast(mine *Pace, long time.Duration) time.Duration {
	all := mine.Answered
	for i := place(long) + 1; i < places; i++ {
		all.n += mine.GivenUp.counts[i]
		all.counts[i] += mine.GivenUp.counts[i]
	}
	return all.Median()
}
